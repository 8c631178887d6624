//! Commands and their answers, one JSON object a line each way: what `fanfare drive` and the admin
//! socket have in common.

mod answer;
mod audience;
mod fields;

pub(crate) use answer::{Answer, Failure};
pub(crate) use audience::Audience;
pub(crate) use fields::Fields;
