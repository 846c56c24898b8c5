//! Decisions from the engine's bytes. When they are used up, a script is over.

/// What is left of the input.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next byte; zero at the end.
    pub(crate) fn byte(&mut self) -> u8 {
        self.more().unwrap_or(0)
    }

    /// Yes or no.
    pub(crate) fn coin(&mut self) -> bool {
        self.byte().is_multiple_of(2)
    }

    /// The next byte; none at the end.
    pub(crate) fn more(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A place in something of this length.
    pub(crate) fn below(&mut self, length: usize) -> usize {
        let wide = if length > 256 { usize::from(self.byte()) << 8 } else { 0 };
        (wide | usize::from(self.byte())) % length.max(1)
    }

    /// Up to 255 bytes as they are.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    /// A number: small ones, and those at the ends of the integers.
    pub(crate) fn number(&mut self) -> u64 {
        const EDGES: [u64; 8] =
            [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 63) - 1, 1 << 32, (1 << 32) - 1, 1 << 31, (1 << 31) - 1];
        match self.byte() {
            small @ 0..=239 => u64::from(small),
            edge => EDGES.get(usize::from(edge % 8)).copied().unwrap_or(0),
        }
    }
}
