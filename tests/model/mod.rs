//! The model in its parts.
pub(crate) mod engine_side;
pub(crate) mod generate;
pub(crate) mod hears;
pub(crate) mod ledger;
pub(crate) mod ops;
pub(crate) mod progress;
pub(crate) mod queue;
pub(crate) mod raise;
pub(crate) mod receive;
pub(crate) mod reference;
pub(crate) mod run;
pub(crate) mod script;
pub(crate) mod subscribe;
pub(crate) mod wire;
pub(crate) mod words;
