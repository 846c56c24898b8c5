//! Limits and times to live: what the operator may configure.

use shared::time::{DAY, HOUR, MINUTE, SECOND};

/// May strangers make accounts?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Yes.
    Open,
    /// No.
    Closed,
}

/// So many attempts at once, then one every `every` milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many at once.
    pub burst: u32,
    /// Milliseconds until one more is free.
    pub every: u64,
}

impl Budget {
    /// `count` in `span` milliseconds.
    #[must_use]
    pub const fn of(count: u32, span: u64) -> Self {
        Self { burst: count, every: span / count as u64 }
    }
}

/// Everything configurable; [`Rules::default`] is what the design says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// May strangers make accounts?
    pub registration: Registration,
    /// A session without use ends after this, milliseconds (F055).
    pub session_idle: u64,
    /// A session's expiry is written at most once in this, milliseconds.
    pub session_write: u64,
    /// A session without a device ends after this, milliseconds.
    pub unenrolled: u64,
    /// A log-in, resume or recovery attempt ends after this, milliseconds.
    pub attempt: u64,
    /// Key-stretching version that new records must have and unknown names are told.
    pub ksf: u8,
    /// Log-in attempts for (account, address prefix).
    pub login_pair: Budget,
    /// Log-in attempts from an address prefix.
    pub login_prefix: Budget,
    /// Log-in attempts for an account from browsers it has never seen.
    pub login_account: Budget,
    /// Log-in attempts of one known browser.
    pub login_known: Budget,
    /// Resume attempts for (device, address prefix).
    pub resume: Budget,
    /// Resume attempts from an address prefix.
    pub resume_prefix: Budget,
    /// Commits of one device.
    pub commit: Budget,
    /// Each of the two steps of a registration from an address prefix, whatever comes of it.
    pub register: Budget,
    /// Key-package claims of one account for one device.
    pub claim: Budget,
    /// Settings items of one account.
    pub settings_items: u32,
    /// Undelivered items a device's inbox may hold.
    pub inbox_items: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            registration: Registration::Open,
            session_idle: HOUR,
            session_write: MINUTE,
            unenrolled: 10 * MINUTE,
            attempt: 2 * MINUTE,
            ksf: 1,
            login_pair: Budget::of(5, MINUTE),
            login_prefix: Budget::of(60, MINUTE),
            login_account: Budget::of(60, HOUR),
            login_known: Budget::of(10, MINUTE),
            resume: Budget::of(20, MINUTE),
            resume_prefix: Budget::of(600, MINUTE),
            commit: Budget::of(120, MINUTE),
            register: Budget::of(120, HOUR),
            claim: Budget { burst: 30, every: 2 * SECOND },
            settings_items: 20_000,
            inbox_items: 10_000,
        }
    }
}

/// A known-browser cookie is good for this long, milliseconds (400 days).
pub const KNOWN: u64 = 400 * DAY;
