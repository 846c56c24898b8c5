//! The only place that reads the clock or draws randomness: everything below gets both as arguments.

use std::time::{SystemTime, UNIX_EPOCH};

use shared::Millis;

/// Now, by the machine's clock.
#[must_use]
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Random bytes of the operating system. Without them nothing here may go on.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom_04::fill(&mut bytes).is_err() {
        eprintln!("sotto: the operating system gives no randomness");
        std::process::abort();
    }
    bytes
}

/// Random bytes as hexadecimal text.
#[must_use]
pub fn random_hex<const N: usize>() -> String {
    hex(&random::<N>())
}

/// Hexadecimal text.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The operating system's generator in the shape that the core takes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl rand_core::RngCore for SystemRandom {
    fn next_u32(&mut self) -> u32 {
        u32::from_le_bytes(random())
    }
    fn next_u64(&mut self) -> u64 {
        u64::from_le_bytes(random())
    }
    fn fill_bytes(&mut self, dest: &mut [u8]) {
        if getrandom_04::fill(dest).is_err() {
            eprintln!("sotto: the operating system gives no randomness");
            std::process::abort();
        }
    }
    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl rand_core::CryptoRng for SystemRandom {}
