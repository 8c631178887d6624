//! Reads what came from C. Nothing is believed but what the header says a caller promises: that a
//! pointer which is not NULL points to as many bytes as its length says.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use super::guard::Failure;
use super::status::fanfare_status::*;

/// No text or buffer of a caller can be longer: beyond it a length is a mistake (a negative
/// number, a missing terminator), and is refused before a byte is read.
pub(super) const MAX_BYTES: usize = 1 << 30;

/// Text that somebody else owns: a pointer and a length, in UTF-8, not terminated. Where a field
/// may be left out, ptr is NULL and len is 0. This struct never changes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct fanfare_str {
    /// The first byte; may be NULL when len is 0.
    pub ptr: *const c_char,
    /// How many bytes there are.
    pub len: usize,
}

impl From<&[u8]> for fanfare_str {
    fn from(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr().cast(), len: bytes.len() }
    }
}

impl fanfare_str {
    /// The bytes; none when it is left out (NULL).
    ///
    /// # Safety
    /// As [`bytes`].
    pub(super) unsafe fn bytes<'a>(self, name: &str) -> Result<&'a [u8], Failure> {
        // SAFETY: passed on.
        unsafe { bytes(name, self.ptr, self.len) }
    }

    /// The text; empty when it is left out (NULL).
    ///
    /// # Safety
    /// As [`bytes`].
    pub(super) unsafe fn text<'a>(self, name: &str) -> Result<&'a str, Failure> {
        // SAFETY: passed on.
        unsafe { text(name, self.ptr, self.len) }
    }

    /// The text, or None when it is left out (NULL).
    ///
    /// # Safety
    /// As [`bytes`].
    pub(super) unsafe fn optional<'a>(self, name: &str) -> Result<Option<&'a str>, Failure> {
        // SAFETY: passed on.
        unsafe { optional_text(name, self.ptr, self.len) }
    }
}

/// The bytes of an argument.
///
/// # Safety
/// If `ptr` is not NULL, `len` bytes stand there and do not change for as long as `'a`.
pub(super) unsafe fn bytes<'a>(
    name: &str,
    ptr: *const c_char,
    len: usize,
) -> Result<&'a [u8], Failure> {
    check_len(name, len)?;
    match (ptr.is_null(), len) {
        (_, 0) => Ok(&[]),
        (true, _) => {
            Err(Failure::new(FANFARE_E_NULL, format!("{name} is NULL, and its length {len}")))
        }
        // SAFETY: the caller promises the bytes; the length is far below isize::MAX.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts(ptr.cast(), len) }),
    }
}

/// The text of an argument.
///
/// # Safety
/// As [`bytes`].
pub(super) unsafe fn text<'a>(
    name: &str,
    ptr: *const c_char,
    len: usize,
) -> Result<&'a str, Failure> {
    // SAFETY: passed on.
    utf8(name, unsafe { bytes(name, ptr, len)? })
}

/// The text of an argument that may be left out: NULL is None.
///
/// # Safety
/// As [`bytes`].
pub(super) unsafe fn optional_text<'a>(
    name: &str,
    ptr: *const c_char,
    len: usize,
) -> Result<Option<&'a str>, Failure> {
    if ptr.is_null() && len == 0 {
        return Ok(None);
    }
    // SAFETY: passed on.
    unsafe { text(name, ptr, len) }.map(Some)
}

/// The text of a NUL-terminated argument.
///
/// # Safety
/// If `ptr` is not NULL, it is terminated, and does not change for as long as `'a`.
pub(super) unsafe fn c_text<'a>(name: &str, ptr: *const c_char) -> Result<&'a str, Failure> {
    if ptr.is_null() {
        return Err(Failure::null(name));
    }
    // SAFETY: the caller promises the terminator.
    utf8(name, unsafe { CStr::from_ptr(ptr) }.to_bytes())
}

fn utf8<'a>(name: &str, bytes: &'a [u8]) -> Result<&'a str, Failure> {
    std::str::from_utf8(bytes).map_err(|e| {
        Failure::new(
            FANFARE_E_UTF8,
            format!("{name} is not UTF-8 from byte {} on", e.valid_up_to()),
        )
    })
}

/// A buffer of the caller's to write into. It may be NULL when its length is 0.
///
/// # Safety
/// If `ptr` is not NULL, `len` bytes may be written there, and nobody else touches them for as
/// long as `'a`.
pub(super) unsafe fn buffer<'a>(
    name: &str,
    ptr: *mut c_char,
    len: usize,
) -> Result<&'a mut [u8], Failure> {
    check_len(name, len)?;
    match (ptr.is_null(), len) {
        (_, 0) => Ok(&mut []),
        (true, _) => {
            Err(Failure::new(FANFARE_E_NULL, format!("{name} is NULL, and its length {len}")))
        }
        // SAFETY: the caller promises the bytes; the length is far below isize::MAX.
        (false, _) => Ok(unsafe { std::slice::from_raw_parts_mut(ptr.cast(), len) }),
    }
}

/// The items of an array, copied out. It may be NULL when it has none.
///
/// # Safety
/// If `ptr` is not NULL, `count` items stand there.
pub(super) unsafe fn items<T: Copy>(
    name: &str,
    ptr: *const T,
    count: usize,
) -> Result<Vec<T>, Failure> {
    check_len(name, count.saturating_mul(size_of::<T>()))?;
    if ptr.is_null() && count != 0 {
        return Err(Failure::new(FANFARE_E_NULL, format!("{name} is NULL, and has {count} items")));
    }
    // SAFETY: the caller promises the items. Unaligned is slower at worst.
    Ok((0..count).map(|at| unsafe { ptr.add(at).read_unaligned() }).collect())
}

fn check_len(name: &str, len: usize) -> Result<(), Failure> {
    if len > MAX_BYTES {
        let detail = format!("the length of {name} is {len}, above the limit of {MAX_BYTES}");
        return Err(Failure::new(FANFARE_E_LIMIT, detail));
    }
    Ok(())
}

/// What a number stands for, by the table of its kind.
pub(super) fn choice<T: Copy>(name: &str, number: u32, table: &[(u32, T)]) -> Result<T, Failure> {
    let found = table.iter().find(|(one, _)| *one == number);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<_> = table.iter().map(|(one, _)| one.to_string()).collect();
        Failure::invalid(format!("{name} is {number}; it takes one of {}", known.join(", ")))
    })
}

/// The number of a value, by the same table.
pub(super) fn number_of<T: PartialEq>(value: &T, table: &[(u32, T)]) -> u32 {
    let found = table.iter().find(|(_, one)| one == value);
    found.expect("a table names every value, as its test checks").0
}

/// A struct that C hands in and that may grow: its first field says how much of it the caller
/// knows. What an older caller does not know is zero, which means the default for every field.
///
/// # Safety
/// `T` is `repr(C)`, begins with a `usize`, and all zeros is a value of it. If `ptr` is not NULL,
/// it points to as many readable bytes as that first field says.
pub(super) unsafe fn sized<T: Copy>(name: &str, ptr: *const T) -> Result<T, Failure> {
    if ptr.is_null() {
        return Err(Failure::null(name));
    }
    // SAFETY: the caller promises the first field; a misaligned pointer is read all the same.
    let theirs = unsafe { ptr.cast::<usize>().read_unaligned() };
    let ours = size_of::<T>();
    check_struct_size(name, theirs, ours)?;
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: the caller promises `theirs` bytes there, and `value` has room for `ours`.
    unsafe {
        ptr.cast::<u8>().copy_to_nonoverlapping(value.as_mut_ptr().cast(), theirs.min(ours));
    }
    for at in ours..theirs {
        // SAFETY: still inside of the `theirs` bytes that the caller promises.
        if unsafe { ptr.cast::<u8>().add(at).read() } != 0 {
            let detail = format!("{name} has a field set at byte {at}; this version knows {ours}");
            return Err(Failure::new(FANFARE_E_VERSION, detail));
        }
    }
    // SAFETY: all zeros is a value of T, and what was copied over it came from one.
    Ok(unsafe { value.assume_init() })
}

/// A struct size is what some version of the header had: not less than the first field, not a
/// stray number from memory that nobody initialised.
pub(super) fn check_struct_size(name: &str, theirs: usize, ours: usize) -> Result<(), Failure> {
    const MOST: usize = 4096;
    if (size_of::<usize>()..=MOST).contains(&theirs) {
        return Ok(());
    }
    Err(Failure::invalid(format!(
        "{name}.struct_size is {theirs}; set it to sizeof({name}), which is {ours} here"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr::null;

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Grown {
        struct_size: usize,
        first: u32,
        second: u32,
        beyond: u64,
    }

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Known {
        struct_size: usize,
        first: u32,
        second: u32,
    }

    fn read(grown: &Grown) -> Result<Known, Failure> {
        // SAFETY: `Grown` begins as `Known` does, and no size below exceeds it.
        unsafe { sized("known", (&raw const *grown).cast::<Known>()) }
    }

    #[test]
    fn an_older_caller_leaves_the_rest_at_zero_and_a_newer_one_must() {
        let mut grown = Grown { struct_size: 12, first: 1, second: 2, beyond: 0 };
        let known = read(&grown).unwrap();
        assert_eq!((known.first, known.second), (1, 0));
        grown.struct_size = size_of::<Grown>();
        assert_eq!(read(&grown).unwrap().second, 2);
        grown.beyond = 1 << 40;
        let failure = read(&grown).err().unwrap();
        assert_eq!(failure.status, FANFARE_E_VERSION);
        assert!(failure.detail.contains("at byte 21"), "{}", failure.detail);
    }

    #[test]
    fn a_size_that_no_header_ever_had_is_refused_before_anything_is_read() {
        for size in [0, 7, 4097, usize::MAX] {
            let grown = Grown { struct_size: size, first: 0, second: 0, beyond: 0 };
            assert_eq!(read(&grown).err().unwrap().status, FANFARE_E_INVALID_ARGUMENT);
        }
    }

    #[test]
    fn lengths_are_checked_before_pointers_are_followed() {
        let dangling = 8 as *const c_char;
        for len in [MAX_BYTES + 1, isize::MAX as usize, usize::MAX] {
            // SAFETY: the length is refused, so that nothing is read.
            let failure = unsafe { bytes("uri", dangling, len) }.unwrap_err();
            assert_eq!(failure.status, FANFARE_E_LIMIT);
            assert!(failure.detail.contains("1073741824"), "{}", failure.detail);
        }
        // SAFETY: NULL is never followed.
        unsafe {
            assert_eq!(bytes("uri", null(), 1).unwrap_err().status, FANFARE_E_NULL);
            assert_eq!(text("uri", null(), 0).unwrap(), "");
            assert_eq!(optional_text("uri", null(), 0).unwrap(), None);
            assert_eq!(optional_text("uri", c"".as_ptr(), 0).unwrap(), Some(""));
        }
    }

    #[test]
    fn text_that_is_not_utf8_is_refused_with_the_place() {
        // SAFETY: both pointers are of literals.
        unsafe {
            let failure = text("uri", b"ab\xff".as_ptr().cast(), 3).unwrap_err();
            assert_eq!(failure.status, FANFARE_E_UTF8);
            assert_eq!(failure.detail, "uri is not UTF-8 from byte 2 on");
            assert_eq!(c_text("key", c"\xc3".as_ptr()).unwrap_err().status, FANFARE_E_UTF8);
        }
    }
}
