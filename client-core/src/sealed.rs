//! Sealed bytes at rest: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) with a random nonce.
//!
//! ```text
//! version 1 │ nonce 24 │ ciphertext and tag
//! ```

use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead as _, KeyInit as _, Payload},
};
use shared::{AccountId, http::WrapKind};

use crate::entropy::Entropy;

const VERSION: u8 = 1;

/// It does not open: another key, another place, or damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sealed bytes do not open")]
pub(crate) struct CannotOpen;

pub(crate) fn seal(key: &[u8; 32], place: &[u8], plain: &[u8], entropy: &mut Entropy) -> Vec<u8> {
    let nonce: [u8; 24] = entropy.array();
    let cipher = XChaCha20Poly1305::new(key.into());
    // The cipher refuses only plaintexts of 256 GiB and more.
    let sealed = cipher.encrypt(&nonce.into(), Payload { msg: plain, aad: place }).unwrap_or_default();
    [&[VERSION][..], &nonce, &sealed].concat()
}

pub(crate) fn open(key: &[u8; 32], place: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    let (version, rest) = sealed.split_first().ok_or(CannotOpen)?;
    let (nonce, body) = rest.split_first_chunk::<24>().ok_or(CannotOpen)?;
    if *version != VERSION {
        return Err(CannotOpen);
    }
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.decrypt(&(*nonce).into(), Payload { msg: body, aad: place }).map_err(|_| CannotOpen)
}

/// AAD of a wrap: account id ‖ kind ‖ generation ‖ record number (protocol §1).
pub(crate) fn wrap_place(account: AccountId, kind: WrapKind, generation: u32, record: u32) -> Vec<u8> {
    let kind = match kind {
        WrapKind::Password => 0u8,
        WrapKind::Kit => 1,
    };
    [&account.as_bytes()[..], &[kind], &generation.to_be_bytes(), &record.to_be_bytes()].concat()
}

/// AAD of the vault: account id ‖ 'v' ‖ generation ‖ number.
pub(crate) fn vault_place(account: AccountId, generation: u32, number: u64) -> Vec<u8> {
    [&account.as_bytes()[..], b"v", &generation.to_be_bytes(), &number.to_be_bytes()].concat()
}

/// AAD of a settings item: account id ‖ 's' ‖ collection ‖ item ‖ version.
pub(crate) fn settings_place(account: AccountId, collection: u8, item: &[u8], version: u64) -> Vec<u8> {
    [&account.as_bytes()[..], b"s", &[collection], item, &version.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_its_key_in_its_place() {
        let mut entropy = Entropy::new([1; 32]);
        let sealed = seal(&[2; 32], b"place", b"secret", &mut entropy);
        assert_eq!(open(&[2; 32], b"place", &sealed).unwrap(), b"secret");
        assert!(open(&[3; 32], b"place", &sealed).is_err());
        assert!(open(&[2; 32], b"palce", &sealed).is_err());
        assert_ne!(sealed, seal(&[2; 32], b"place", b"secret", &mut entropy));
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&[2; 32], b"place", &bad).is_err(), "bit {bit}");
        }
        for end in 0..sealed.len() {
            assert!(open(&[2; 32], b"place", &sealed[..end]).is_err());
        }
    }

    /// draft-irtf-cfrg-xchacha-03 A.3.1.
    #[test]
    fn xchacha20poly1305_vector() {
        let key: [u8; 32] = core::array::from_fn(|i| 0x80 + i as u8);
        let nonce: [u8; 24] = core::array::from_fn(|i| 0x40 + i as u8);
        let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let sealed = XChaCha20Poly1305::new(&key.into()).encrypt(&nonce.into(), Payload { msg: plain, aad: &aad }).unwrap();
        let tag: String = sealed[plain.len()..].iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(tag, "c0875924c1c7987947deafd8780acf49");
        assert_eq!(sealed[..4], [0xbd, 0x6d, 0x17, 0x9d]);
    }

    /// The layouts of protocol §1: another one opens nothing that was sealed before.
    #[test]
    fn places_are_pinned() {
        let account = AccountId([7; 16]);
        let password = wrap_place(account, WrapKind::Password, 1, 2);
        assert_eq!(password, [&[7; 16][..], &[0], &[0, 0, 0, 1], &[0, 0, 0, 2]].concat());
        assert_eq!(wrap_place(account, WrapKind::Kit, 1, 2), [&[7; 16][..], &[1], &[0, 0, 0, 1], &[0, 0, 0, 2]].concat());
        assert_eq!(vault_place(account, 3, 4), [&[7; 16][..], b"v", &[0, 0, 0, 3], &[0, 0, 0, 0, 0, 0, 0, 4]].concat());
        let item = settings_place(account, 5, b"pin", 6);
        assert_eq!(item, [&[7; 16][..], b"s", &[5], b"pin", &[0, 0, 0, 0, 0, 0, 0, 6]].concat());
    }

    #[test]
    fn only_this_version_opens() {
        let mut sealed = seal(&[2; 32], b"place", b"secret", &mut Entropy::new([1; 32]));
        assert_eq!((sealed[0], sealed.len()), (1, 1 + 24 + 6 + 16));
        sealed[0] = 2;
        assert_eq!(open(&[2; 32], b"place", &sealed), Err(CannotOpen));
    }
}
