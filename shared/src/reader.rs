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
