//! The core's randomness: one ChaCha20 stream seeded by the shell, so that a simulated run draws the same again.

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rand_core::RngCore as _;

/// A seeded generator (cryptographic: ChaCha20).
pub(crate) struct Entropy(pub(crate) ChaCha20Rng);

impl Entropy {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// `N` fresh bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Uniform below `bound` to within 2^-32: for jitter only.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (u64::from(self.0.next_u32()) * bound) >> 32
    }
}
