//! The server's secrets: one small file beside the database.
//!
//! ```text
//! version 1 │ OPAQUE server setup 128 │ names secret 32 │ cookie secret 32
//! ```
//! Losing it locks everybody out: OPAQUE records can't be opened under another setup.

use hmac::{Hmac, Mac as _};
use rand_core::CryptoRngCore;
use sha2::{Digest as _, Sha256};
use shared::{AccountId, Bytes, Millis, handle::Handle};
use zeroize::{Zeroize as _, Zeroizing};

use super::opaque::{self, Setup};
use crate::rules::KNOWN;

const VERSION: u8 = 1;
const SETUP: usize = 128;
/// Length of the file.
pub const LENGTH: usize = 1 + SETUP + 32 + 32;

/// The bytes are no key file of this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key file is damaged, or was written by a newer Sotto")]
pub struct NotKeys;

/// The server's secrets. No Debug of what is inside.
pub struct Keys {
    setup: Setup,
    names: [u8; 32],
    cookies: [u8; 32],
}

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.names.zeroize();
        self.cookies.zeroize();
    }
}

impl Keys {
    /// New ones, for an empty database.
    #[must_use]
    pub fn generate(rng: &mut dyn CryptoRngCore) -> Self {
        let setup = opaque::new_setup(rng);
        let (mut names, mut cookies) = ([0; 32], [0; 32]);
        rng.fill_bytes(&mut names);
        rng.fill_bytes(&mut cookies);
        Self { setup, names, cookies }
    }

    /// The bytes of the key file.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let setup = Zeroizing::new(self.setup.serialize().to_vec());
        Zeroizing::new([&[VERSION][..], &setup, &self.names, &self.cookies].concat())
    }

    /// Reads the bytes of the key file.
    ///
    /// # Errors
    /// [`NotKeys`] for another version, length or impossible keys.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotKeys> {
        let [VERSION, rest @ ..] = bytes else { return Err(NotKeys) };
        let (setup, rest) = rest.split_at_checked(SETUP).ok_or(NotKeys)?;
        let (names, cookies) = rest.split_at_checked(32).ok_or(NotKeys)?;
        Ok(Self {
            setup: Setup::deserialize(setup).map_err(|_| NotKeys)?,
            names: names.try_into().map_err(|_| NotKeys)?,
            cookies: cookies.try_into().map_err(|_| NotKeys)?,
        })
    }

    /// What ties a database to these keys; tells nothing of them.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let public = self.setup.keypair().public().serialize();
        let names: [u8; 32] = self.mac(&self.names, &[b"fingerprint"]);
        Sha256::new().chain_update(b"sotto server keys").chain_update(public).chain_update(names).finalize().into()
    }

    pub(super) const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The account id that an unknown handle is given, always the same: HMAC(secret, canonical handle)[..16].
    pub(crate) fn stranger(&self, canonical: &str) -> AccountId {
        let mac: [u8; 32] = self.mac(&self.names, &[b"account", canonical.as_bytes()]);
        let mut id = [0; 16];
        id.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
        AccountId(id)
    }

    /// A key of the rate rows, so that the database holds no clear addresses.
    pub(crate) fn rate_key(&self, parts: &[&[u8]]) -> [u8; 32] {
        let parts: Vec<&[u8]> = [&b"rate"[..]].into_iter().chain(parts.iter().copied()).collect();
        self.mac(&self.names, &parts)
    }

    /// The known-browser cookie of an account: account id 16 ‖ made, ms 8 ‖ random 16 ‖ HMAC 32.
    #[must_use]
    pub fn known_cookie(&self, account: AccountId, now: Millis, random: [u8; 16]) -> Bytes {
        let made = now.0.to_be_bytes();
        let mac = self.mac(&self.cookies, &[account.as_bytes(), &made, &random]);
        Bytes([&account.as_bytes()[..], &made, &random, &mac].concat())
    }

    /// Is this a cookie of ours for the account with this handle, not older than 400 days? Gives its random part.
    pub(crate) fn known(&self, cookie: &Bytes, account: AccountId, now: Millis) -> Option<[u8; 16]> {
        use subtle::ConstantTimeEq as _;
        let bytes: [u8; 72] = cookie.array()?;
        let (id, rest) = bytes.split_at_checked(16)?;
        let (made, rest) = rest.split_at_checked(8)?;
        let (random, mac) = rest.split_at_checked(16)?;
        let right = self.mac(&self.cookies, &[id, made, random]);
        let made = Millis(u64::from_be_bytes(made.try_into().ok()?));
        let fits = bool::from(right.as_slice().ct_eq(mac)) && id == account.as_bytes() && now.since(made) < KNOWN;
        fits.then(|| random.try_into().ok()).flatten()
    }

    #[expect(clippy::unused_self, reason = "a method of the secrets it is keyed with")]
    fn mac(&self, key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
        // HMAC takes keys of any length, so the error can't happen; without a key nothing would be accepted.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
        for part in parts {
            mac.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// The handle in the form that is looked up; names that can't exist are looked up too, so that they cost the same.
pub(crate) fn canonical(username: &str) -> String {
    Handle::parse(username).map_or_else(|_| username.to_ascii_lowercase(), |handle| handle.canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::World;

    #[test]
    fn the_file_round_trips_and_anything_else_is_refused() {
        let world = World::new();
        let bytes = world.keys.to_bytes();
        assert_eq!(bytes.len(), LENGTH);
        let again = Keys::from_bytes(&bytes).unwrap();
        assert_eq!(again.fingerprint(), world.keys.fingerprint());
        assert_eq!(again.stranger("alice"), world.keys.stranger("alice"));
        assert_eq!(*again.to_bytes(), *bytes);
        for end in 0..bytes.len() {
            assert!(Keys::from_bytes(&bytes[..end]).is_err());
        }
        assert!(Keys::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        assert!(Keys::from_bytes(&[&[2], &bytes[1..]].concat()).is_err(), "another version");
        assert_eq!(format!("{:?}", world.keys), "Keys(…)");
    }

    #[test]
    fn a_known_cookie_is_for_one_account_and_400_days() {
        let world = World::new();
        let (account, now) = (AccountId([1; 16]), world.now);
        let cookie = world.keys.known_cookie(account, now, [7; 16]);
        assert_eq!(world.keys.known(&cookie, account, now), Some([7; 16]));
        assert_eq!(world.keys.known(&cookie, AccountId([2; 16]), now), None);
        assert_eq!(world.keys.known(&cookie, account, now.plus(KNOWN)), None);
        for bit in 0..cookie.0.len() * 8 {
            let mut bad = cookie.clone();
            bad.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(world.keys.known(&bad, account, now), None, "bit {bit}");
        }
    }
}
