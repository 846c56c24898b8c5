//! What an operation may know of the world.

use rand_core::CryptoRngCore;
use shared::{Bytes, Millis};

use crate::{account::keys::Keys, rules::Rules};

/// Time, randomness, rules and keys: all of them arguments.
pub struct Context<'a> {
    /// The server's clock.
    pub now: Millis,
    /// The server's generator.
    pub rng: &'a mut dyn CryptoRngCore,
    /// Limits and times to live.
    pub rules: &'a Rules,
    /// The server's secrets.
    pub keys: &'a Keys,
}

impl Context<'_> {
    /// `N` random bytes.
    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

impl core::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Context").field("now", &self.now).field("rules", self.rules).finish_non_exhaustive()
    }
}

/// Where a request without a session comes from: what attempts are counted by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Prefix of the address (IPv4: 4 bytes, IPv6: its /64); the server decides how much of it.
    pub prefix: Vec<u8>,
    /// The `__Host-known-<slot>` cookie, if one came: a browser that has logged in before.
    pub known: Option<Bytes>,
}
