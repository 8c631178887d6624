//! The library itself: its version, and what its statuses mean.

use std::ffi::c_char;

use super::guard::{guard_value, with_last_error};
use super::input::buffer;
use super::output::copy_text;
use super::status::fanfare_status;

/// The version of the loaded library: major << 16 | minor << 8 | patch. Compare it with
/// FANFARE_VERSION_NUMBER, the version of this header: while the major number is 0, they fit when
/// major and minor are equal.
///
/// Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn fanfare_version() -> u32 {
    const fn number(text: &str) -> u32 {
        let (mut at, mut value) = (0, 0);
        while at < text.len() {
            value = value * 10 + (text.as_bytes()[at] - b'0') as u32;
            at += 1;
        }
        value
    }
    const {
        number(env!("CARGO_PKG_VERSION_MAJOR")) << 16
            | number(env!("CARGO_PKG_VERSION_MINOR")) << 8
            | number(env!("CARGO_PKG_VERSION_PATCH"))
    }
}

/// The same as text, as in "1.2.3". Static, terminated, never NULL.
///
/// Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn fanfare_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The name of a status, as in "FANFARE_E_GONE"; "FANFARE_E_UNKNOWN" for a number that is none.
/// Static, terminated, never NULL.
///
/// Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn fanfare_status_name(status: i32) -> *const c_char {
    fanfare_status::from_number(status).map_or(c"FANFARE_E_UNKNOWN", fanfare_status::name).as_ptr()
}

/// What a status means, in a few words. Static, terminated, never NULL. What happened to your
/// call in particular, fanfare_last_error() says.
///
/// Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn fanfare_status_text(status: i32) -> *const c_char {
    fanfare_status::from_number(status).map_or(c"not a status", fanfare_status::text).as_ptr()
}

/// Copies the detail of this thread's latest error into buf, terminated and cut to cap bytes, and
/// returns its full length without the terminator. The detail names the argument, and the limit
/// where there is one. It stays until the thread's next error; success does not clear it.
///
/// Any thread; each has its own. buf may be NULL when cap is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fanfare_last_error(buf: *mut c_char, cap: usize) -> usize {
    guard_value(0, || {
        // SAFETY: the caller's promise.
        let buf = unsafe { buffer("buf", buf, cap)? };
        let len = with_last_error(|text| {
            copy_text(text, buf);
            text.len()
        });
        Ok(len.unwrap_or(0))
    })
}
