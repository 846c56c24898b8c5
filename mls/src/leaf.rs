//! Who a leaf is and what it says it can.

use ed25519_dalek::{Signer as _, SigningKey};
use openmls::prelude::*;
use openmls_traits::signatures::{Signer, SignerError};
use shared::{
    certificate::{Certificate, Certified},
    credential::{self, CREDENTIAL_TYPE, CredentialError, EXTENSION_TYPE, EXTENSION_TYPE_LAST},
    limits,
};

/// The suite of every conversation: X25519 + ML-KEM-768 (X-Wing), ChaCha20-Poly1305, SHA-256, Ed25519. The one place that
/// names it; another suite is another generation. The code point 0x004D is an expired draft's and private to Sotto.
pub const SUITE: Ciphersuite = Ciphersuite::MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519;
/// Its code point.
pub const SUITE_ID: u16 = 0x004D;
/// The credential type of all leaves.
pub const CREDENTIAL: CredentialType = CredentialType::Other(CREDENTIAL_TYPE);
/// The policy extension in the group context.
pub const POLICY: ExtensionType = ExtensionType::Unknown(EXTENSION_TYPE);

/// A device key as openmls signs with it.
#[derive(Clone)]
pub struct DeviceSigner(pub SigningKey);

impl Signer for DeviceSigner {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.sign(payload).to_bytes().to_vec())
    }
    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// The credential of a certified device.
#[must_use]
pub fn credential(identity: &[u8; 32], certificate: &Certificate) -> CredentialWithKey {
    CredentialWithKey {
        credential: Credential::new(CREDENTIAL, credential::encode(identity, certificate)),
        signature_key: certificate.key.to_vec().into(),
    }
}

/// Is the leaf a certified Sotto device?
///
/// # Errors
/// [`CredentialError`] when credential, certificate and key don't fit together.
pub fn check(credential: &Credential, signature_key: &[u8]) -> Result<Certified, CredentialError> {
    if credential.credential_type() != CREDENTIAL {
        return Err(CredentialError::Mismatch);
    }
    credential::verify(credential.serialized_content(), signature_key)
}

/// What every leaf advertises: the suite, the credential, the policy extension and the code points kept for later, GREASE.
#[must_use]
pub fn capabilities(rand: &impl OpenMlsRand) -> Capabilities {
    let extensions: Vec<_> =
        (EXTENSION_TYPE..=EXTENSION_TYPE_LAST).map(ExtensionType::Unknown).chain([ExtensionType::LastResort]).collect();
    Capabilities::new(None, Some(&[SUITE]), Some(&extensions), None, Some(&[CREDENTIAL])).with_grease(rand)
}

/// The lifetime of a key package made at `now` (seconds since 1970).
#[must_use]
pub fn lifetime(now: u64) -> Lifetime {
    let from = now.saturating_sub(limits::PACKAGE_BEFORE);
    Lifetime::init(from, from.saturating_add(limits::PACKAGE_WIDTH))
}

/// When was this package made? Seconds since 1970; none when its lifetime is not exactly as wide as ours are.
#[must_use]
pub fn made_at(package: &KeyPackage) -> Option<u64> {
    let life = package.life_time();
    let width = life.not_after().checked_sub(life.not_before())?;
    (width == limits::PACKAGE_WIDTH).then(|| life.not_before().saturating_add(limits::PACKAGE_BEFORE))
}
