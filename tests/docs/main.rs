//! The documentation holds: links lead somewhere, every page is in the book, code is that of the
//! examples, commands exist, and what is generated is current.
//!
//! With `FANFARE_BLESS=1` blocks of code and generated pages are written anew.

mod blocks;
mod commands;
mod figures;
mod links;
mod markdown;
mod statuses;
