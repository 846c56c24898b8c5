//! The clock of this very process, which openmls reads: moved by libfaketime, where it is loaded.

use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

/// The variable that names the file libfaketime reads its offset from.
pub const FILE: &str = "FAKETIME_TIMESTAMP_FILE";

/// A clock that can be moved.
#[derive(Debug)]
pub struct Clock {
    file: PathBuf,
    /// Milliseconds the file says now.
    offset: i64,
}

/// Milliseconds since 1970, as this process sees them.
#[must_use]
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    u64::try_from(since).unwrap_or(0)
}

impl Clock {
    /// The clock, if this process runs under one that can be moved; tried out at once.
    ///
    /// # Errors
    /// When the variable is there and the clock does not move.
    pub fn found() -> Result<Option<Self>, String> {
        let Some(file) = std::env::var_os(FILE) else { return Ok(None) };
        let mut clock = Self { file: file.into(), offset: 0 };
        let before = clock.real();
        clock.set(before + 1_000_000_000)?;
        let moved = now();
        clock.set(before)?;
        if moved < before + 999_000_000 || now() > before + 600_000 {
            return Err(format!("{FILE} is set, but the clock does not follow it"));
        }
        Ok(Some(clock))
    }

    /// What the clock would say unmoved.
    #[must_use]
    pub fn real(&self) -> u64 {
        now().saturating_add_signed(self.offset.saturating_neg())
    }

    /// From here on the clock runs from `time`.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn set(&mut self, time: u64) -> Result<(), String> {
        let real = i64::try_from(self.real()).unwrap_or(0);
        let offset = i64::try_from(time).unwrap_or(0) - real;
        let sign = if offset < 0 { '-' } else { '+' };
        let text = format!("{sign}{}.{:03}", offset.unsigned_abs() / 1_000, offset.unsigned_abs() % 1_000);
        std::fs::write(&self.file, text).map_err(|error| format!("{}: {error}", self.file.display()))?;
        self.offset = offset;
        Ok(())
    }
}
