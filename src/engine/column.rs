//! Something that a session may have, and that in most engines none has, or all have: kept beside
//! the records, so that it takes up nothing where nobody has it.
//!
//! Invariant: who has none reads as the default, whether there is a place for it or not; a session
//! that goes has none any more.

use crate::engine::pool::growth;

/// One value for each index.
#[derive(Debug)]
pub(crate) struct Column<T> {
    values: Vec<T>,
    default: T,
}

impl<T: Copy + PartialEq> Column<T> {
    pub(crate) fn new(default: T) -> Self {
        Self { values: Vec::new(), default }
    }

    #[inline]
    pub(crate) fn get(&self, ix: u32) -> T {
        self.values.get(ix as usize).copied().unwrap_or(self.default)
    }

    pub(crate) fn set(&mut self, ix: u32, value: T) {
        let at = ix as usize;
        if let Some(place) = self.values.get_mut(at) {
            *place = value;
        } else if value != self.default {
            let len = self.values.len();
            if at >= self.values.capacity() {
                self.values.reserve_exact((at + 1 - len).max(growth(len)));
            }
            self.values.resize(at, self.default);
            self.values.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_nothing_takes_no_place() {
        let mut column = Column::new(0);
        column.set(1000, 0);
        assert_eq!((column.get(1000), column.values.capacity()), (0, 0));
        column.set(3, 7);
        assert_eq!([2, 3, 4].map(|ix| column.get(ix)), [0, 7, 0]);
        column.set(3, 0);
        column.set(1, 5);
        assert_eq!([1, 2, 3].map(|ix| column.get(ix)), [5, 0, 0]);
        assert_eq!(column.values.len(), 4);
    }
}
