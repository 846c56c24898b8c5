//! Who may be added to a group: a package that the server gave, of a device that the newest known statement names.

use shared::{AccountId, Millis, http::ClaimedPackage, time::SECOND};

use crate::{mls::Candidate, session::Session};

impl Session {
    /// The claimed package as one that may be added: none when it is not what was asked for, is too old, or nobody has stated
    /// its device.
    pub(super) fn candidate(&self, claimed: &ClaimedPackage, account: AccountId, now: Millis) -> Option<Candidate> {
        let candidate = self.groups.candidate(claimed.package.as_slice(), claimed.device, account, now.0 / SECOND).ok()?;
        self.is_stated(candidate.who.certificate(), candidate.who.identity()).then_some(candidate)
    }
}
