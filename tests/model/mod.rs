//! A naive reference of DESIGN's promises exact, ordered, bounded and lossless, and what it takes
//! to hold it against the engine by random sequences.
//!
//! A sequence is a list of [`ops`], each of which becomes one of the [`words`] that a host, a
//! client or the clock can say. The [`reference`] does them with plain lists ([`state`]), in [`hears`] (who may
//! hear), [`raise`] and [`progress`] (what is raised), [`receive`] and [`subscribe`] (what clients
//! say), [`access`] (what the host allows) and [`queue`] (what waits, and what comes out); the [`ledger`] keeps what each client has
//! learnt. [`engine_side`] does them with the engine, [`run`] compares, and [`script`] prints them
//! for `fanfare drive`.

#![allow(dead_code, reason = "the program's own test takes a part of it")]

pub(crate) mod access;
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
pub(crate) mod state;
pub(crate) mod subscribe;
pub(crate) mod tally;
pub(crate) mod wire;
pub(crate) mod words;
