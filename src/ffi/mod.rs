//! The C ABI. Each file is one noun of include/fanfare.h, which build.rs generates from here: the
//! doc comments are written for readers of C.
//!
//! Every entry point is the same three steps: read the caller's pointers into Rust values, call
//! the engine, write the outputs; all of it inside [`guard`], which turns an error or a panic
//! into a status and a text. What the pointers must be is said once, in the header's overview
//! (overview.h), and `SAFETY` comments here that speak of the caller's promise mean that text.
//!
//! The signatures are written out one by one, because cbindgen does not see what a macro makes.

// The header is read, and the functions called, by programs of other languages: the names are
// theirs, and what is public is decided by the symbol table, not by the module tree.
#![allow(non_camel_case_types, unreachable_pub)]
// The crate denies it everywhere else.
#![allow(unsafe_code)]

mod access;
mod callback;
mod config;
mod delivery;
mod dispatch;
mod endpoint;
mod engine;
mod guard;
mod http;
mod input;
mod library;
mod message;
mod notify;
mod output;
mod session;
mod stats;
mod status;
mod stream;
mod subscription;
