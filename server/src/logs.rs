//! Log lines: one event a line on standard error, without secrets, contents or typed names; addresses only as prefixes.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use shared::time::SECOND;
use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::LogForm;

/// Starts logging. `RUST_LOG` chooses levels; the default is `info`.
pub fn start(form: LogForm) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    // A second start in one process (tests) keeps the first.
    let _ = match form {
        LogForm::Plain => registry.with(fmt::layer().with_writer(std::io::stderr).with_ansi(false)).try_init(),
        LogForm::Json => registry.with(fmt::layer().json().with_writer(std::io::stderr)).try_init(),
    };
}

/// An address as it is logged and counted: IPv4 /24, IPv6 /56 in the log.
#[must_use]
pub fn shortened(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(ip) => {
            let bits = u128::from(ip) & (u128::MAX << 72);
            format!("{}/56", std::net::Ipv6Addr::from(bits))
        }
    }
}

/// Lets a few lines of one kind through a second and counts the others, so that nobody can fill the disk with them (D10).
#[derive(Debug)]
pub struct Sparing {
    second: AtomicU64,
    passed: AtomicU32,
    missed: AtomicU64,
}

impl Sparing {
    const A_SECOND: u32 = 5;

    /// None passed yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { second: AtomicU64::new(0), passed: AtomicU32::new(0), missed: AtomicU64::new(0) }
    }

    /// May this line be written? Then how many were left out since the last one that was.
    pub fn pass(&self) -> Option<u64> {
        let second = crate::clock::now().0 / SECOND;
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.passed.store(0, Ordering::Relaxed);
        }
        if self.passed.fetch_add(1, Ordering::Relaxed) < Self::A_SECOND {
            Some(self.missed.swap(0, Ordering::Relaxed))
        } else {
            self.missed.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

impl Default for Sparing {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shortened() {
        assert_eq!(shortened("203.0.113.77".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(shortened("::ffff:203.0.113.77".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(shortened("2001:db8:1:2ff:3::4".parse().unwrap()), "2001:db8:1:200::/56");
    }

    #[test]
    fn a_flood_of_lines_is_counted_not_written() {
        let sparing = Sparing::new();
        let written = (0..1_000).filter(|_| sparing.pass().is_some()).count();
        assert!((5..=10).contains(&written), "{written}");
    }
}
