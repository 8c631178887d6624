//! Writes what goes back to C. Outputs are looked at before the work is done, so that a call
//! which cannot report its result has not happened; and written after it, so that an error
//! leaves them as they were.

use std::ffi::c_char;

use super::guard::Failure;
use super::input::{buffer, check_struct_size};
use super::status::fanfare_status::{self, *};

/// A place of the caller's for one value.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// # Safety
    /// If `ptr` is not NULL, a `T` may be written there until the call returns.
    pub(super) unsafe fn required(name: &str, ptr: *mut T) -> Result<Self, Failure> {
        if ptr.is_null() { Err(Failure::null(name)) } else { Ok(Self(ptr)) }
    }

    /// As [`required`](Self::required), where NULL means that the caller does not want the value.
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn optional(ptr: *mut T) -> Self {
        Self(ptr)
    }

    pub(super) fn set(self, value: T) {
        if !self.0.is_null() {
            // SAFETY: promised to the constructor. Unaligned is slower at worst.
            unsafe { self.0.write_unaligned(value) }
        }
    }
}

/// Copies `text` into a buffer of the caller's, terminated, cut where the buffer ends (at a
/// character). Returns whether all of it fitted.
pub(super) fn copy_text(text: &str, buf: &mut [u8]) -> bool {
    let Some(room) = buf.len().checked_sub(1) else { return false };
    let mut len = text.len().min(room);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    buf[..len].copy_from_slice(&text.as_bytes()[..len]);
    buf[len] = 0;
    len == text.len()
}

/// [`copy_text`] with the length written out, as the functions that return a text do.
///
/// # Safety
/// As [`buffer`] and [`Out::required`] ask of their pointers.
pub(super) unsafe fn give_text(
    text: &str,
    buf: *mut c_char,
    cap: usize,
    out_len: *mut usize,
) -> Result<fanfare_status, Failure> {
    // SAFETY: passed on.
    let (buf, out_len) = unsafe { (buffer("buf", buf, cap)?, Out::required("out_len", out_len)?) };
    let whole = copy_text(text, buf);
    out_len.set(text.len());
    Ok(if whole { FANFARE_OK } else { FANFARE_TRUNCATED })
}

/// Writes a struct that may grow: as much of it as the caller's `struct_size` says that he knows.
/// What he knows and this version does not, is zero. His `struct_size` stays.
///
/// # Safety
/// `T` is `repr(C)` and begins with a `usize`. If `ptr` is not NULL, the first field there is set
/// and as many bytes as it says may be written.
pub(super) unsafe fn give_sized<T: Copy>(
    name: &str,
    ptr: *mut T,
    value: impl FnOnce() -> Result<T, Failure>,
) -> Result<(), Failure> {
    // SAFETY: passed on.
    let theirs = unsafe { check_sized(name, ptr)? };
    let value = value()?;
    let head = size_of::<usize>();
    let known = theirs.min(size_of::<T>());
    // SAFETY: the caller promises `theirs` writable bytes, of which `known` come from `value`.
    unsafe {
        let (to, from) = (ptr.cast::<u8>(), (&raw const value).cast::<u8>());
        from.add(head).copy_to_nonoverlapping(to.add(head), known - head);
        to.add(known).write_bytes(0, theirs - known);
    }
    Ok(())
}

/// Whether [`give_sized`] can write there, and how much of the struct the caller knows.
///
/// # Safety
/// As there.
pub(super) unsafe fn check_sized<T>(name: &str, ptr: *mut T) -> Result<usize, Failure> {
    if ptr.is_null() {
        return Err(Failure::null(name));
    }
    // SAFETY: the caller promises the first field.
    let theirs = unsafe { ptr.cast::<usize>().read_unaligned() };
    check_struct_size(name, theirs, size_of::<T>())?;
    Ok(theirs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character_and_always_terminated() {
        let mut buf = [b'x'; 4];
        assert!(!copy_text("a\u{e4}\u{e4}", &mut buf));
        assert_eq!(&buf, b"a\xc3\xa4\0");
        assert!(!copy_text("ab\u{e4}", &mut buf));
        assert_eq!(&buf[..3], b"ab\0");
        assert!(copy_text("abc", &mut buf));
        assert_eq!(&buf, b"abc\0");
        assert!(!copy_text("", &mut []), "not even the terminator fits");
        assert!(copy_text("", &mut buf));
    }

    #[test]
    fn a_struct_is_written_as_far_as_the_caller_knows_it() {
        #[repr(C)]
        #[derive(Clone, Copy)]
        struct Pair {
            struct_size: usize,
            values: [u64; 3],
        }
        let give = |theirs: usize| {
            let mut pair = Pair { struct_size: theirs, values: [9; 3] };
            // SAFETY: every size below is at most the whole of `pair`.
            let given = unsafe {
                give_sized("pair", (&raw mut pair).cast::<[usize; 3]>(), || Ok([0, 1, 2]))
            };
            given.map(|()| pair)
        };
        assert_eq!(give(16).unwrap().values, [1, 9, 9]);
        let all = give(32).unwrap();
        assert_eq!((all.struct_size, all.values), (32, [1, 2, 0]));
        assert_eq!(give(4).err().unwrap().status, FANFARE_E_INVALID_ARGUMENT);
    }
}
