//! Reading the fixed binary layouts: big endian, no optional parts that are not counted, nothing left over.

/// The bytes are not of this layout, or of a version this build does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Too short, too long, or a count out of bounds.
    #[error("the structure has the wrong length")]
    Length,
    /// A version byte this build does not know.
    #[error("the structure is of an unknown version")]
    Version,
    /// A field holds a value it can't have.
    #[error("the structure holds an impossible value")]
    Value,
}

/// A cursor over received bytes.
#[derive(Debug)]
pub struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`LayoutError::Length`] when fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], LayoutError> {
        let (head, tail) = self.left.split_at_checked(count).ok_or(LayoutError::Length)?;
        self.left = tail;
        Ok(head)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// [`LayoutError::Length`] when fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], LayoutError> {
        self.take(N)?.try_into().map_err(|_| LayoutError::Length)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`LayoutError::Length`] at the end.
    pub fn u8(&mut self) -> Result<u8, LayoutError> {
        self.array().map(u8::from_be_bytes)
    }

    /// Two bytes, big endian.
    ///
    /// # Errors
    /// [`LayoutError::Length`] when fewer are left.
    pub fn u16(&mut self) -> Result<u16, LayoutError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes, big endian.
    ///
    /// # Errors
    /// [`LayoutError::Length`] when fewer are left.
    pub fn u32(&mut self) -> Result<u32, LayoutError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes, big endian.
    ///
    /// # Errors
    /// [`LayoutError::Length`] when fewer are left.
    pub fn u64(&mut self) -> Result<u64, LayoutError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A version byte that must be `known`.
    ///
    /// # Errors
    /// [`LayoutError::Version`] for another one.
    pub fn version(&mut self, known: u8) -> Result<(), LayoutError> {
        if self.u8()? == known { Ok(()) } else { Err(LayoutError::Version) }
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.left.len()
    }

    /// Nothing may be left over.
    ///
    /// # Errors
    /// [`LayoutError::Length`] when something is.
    pub const fn end(self) -> Result<(), LayoutError> {
        if self.left.is_empty() { Ok(()) } else { Err(LayoutError::Length) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn big_endian_and_nothing_left_over() {
        let bytes: Vec<u8> = (1..=17).collect();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.left(), 17);
        assert_eq!(reader.version(2), Err(LayoutError::Version), "the byte is read either way");
        assert_eq!(reader.version(2), Ok(()));
        assert_eq!(reader.u8(), Ok(3));
        assert_eq!(reader.u16(), Ok(0x0405));
        assert_eq!(reader.u32(), Ok(0x0607_0809));
        assert_eq!(reader.left(), 8);
        let mut all = Reader::new(&bytes[9..]);
        assert_eq!(all.u64(), Ok(0x0a0b_0c0d_0e0f_1011));
        assert_eq!(all.end(), Ok(()));
        assert_eq!(reader.take(3), Ok(&[10, 11, 12][..]));
        assert_eq!(reader.array(), Ok([13, 14]));
        assert_eq!(reader.take(4), Err(LayoutError::Length));
        assert_eq!(reader.u64(), Err(LayoutError::Length));
        assert_eq!((reader.left(), reader.end()), (3, Err(LayoutError::Length)));
    }
}
