//! The MLS credential of a Sotto leaf (custom type 0xF051).
//!
//! ```text
//! version 1 │ account 16 │ device 16 │ identity key 32 │ certificate …
//! ```
//! All members have these bytes, so every member gives the same verdict on a leaf (protocol §1).

use crate::{
    certificate::{Certificate, Certified},
    id::{AccountId, DeviceId},
    reader::{LayoutError, Reader},
    signature::PublicKey,
};

const VERSION: u8 = 1;
/// Code point of the credential type, private use (RFC 9420 §17.5).
pub const CREDENTIAL_TYPE: u16 = 0xF051;
/// Code point of the group extension, private use (RFC 9420 §17.3).
pub const EXTENSION_TYPE: u16 = 0xF050;
/// Last of the extension code points every leaf advertises, so that later features need no new leaves.
pub const EXTENSION_TYPE_LAST: u16 = 0xF054;

/// Why a leaf is not a Sotto device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The layout is wrong.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The certificate does not verify under the identity key.
    #[error("the device certificate does not verify")]
    Signature,
    /// Ids or key of credential, certificate and leaf differ.
    #[error("credential, certificate and leaf do not name the same device")]
    Mismatch,
}

/// Writes the credential's content.
#[must_use]
pub fn encode(identity: &PublicKey, certificate: &Certificate) -> Vec<u8> {
    [&[VERSION][..], certificate.account.as_bytes(), certificate.device.as_bytes(), identity, certificate.as_bytes()].concat()
}

/// Reads and verifies: the leaf's signature key must be the certified device key.
///
/// # Errors
/// [`CredentialError`] when anything does not fit.
pub fn verify(content: &[u8], leaf_key: &[u8]) -> Result<Certified, CredentialError> {
    let mut reader = Reader::new(content);
    reader.version(VERSION)?;
    let account = AccountId(reader.array()?);
    let device = DeviceId(reader.array()?);
    let identity: PublicKey = reader.array()?;
    let rest = reader.left();
    let certificate = Certificate::parse(reader.take(rest)?)?;
    if certificate.account != account || certificate.device != device || certificate.key.as_slice() != leaf_key {
        return Err(CredentialError::Mismatch);
    }
    certificate.verify(&identity).map_err(|_| CredentialError::Signature)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    #[test]
    fn binds_account_device_and_leaf_key() {
        let identity = SigningKey::from_bytes(&[1; 32]);
        let public = identity.verifying_key().to_bytes();
        let key = [4; 32];
        let certificate = Certificate::issue(&identity, AccountId([2; 16]), DeviceId([3; 16]), key, 1, &[0x4d]).unwrap();
        let content = encode(&public, &certificate);
        assert!(verify(&content, &key).is_ok());
        assert_eq!(verify(&content, &[5; 32]), Err(CredentialError::Mismatch));
        for bit in 0..content.len() * 8 {
            let mut bad = content.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&bad, &key).is_err(), "bit {bit}");
        }
        for end in 0..content.len() {
            assert!(verify(&content[..end], &key).is_err(), "cut {end}");
        }
    }
}
