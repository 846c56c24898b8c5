//! Leaves whose check is not made twice.

use std::collections::BTreeMap;

use openmls::prelude::*;
use shared::{certificate::Certified, credential::CredentialError};

use crate::leaf::{CREDENTIAL, check};

/// Leaves that were found to be certified devices. The verdict follows from their bytes alone, so it is not asked for twice: a sender's
/// leaf is looked at with every message, and the check of its signature was a third of reading one.
#[derive(Debug, Default)]
pub struct Checked(BTreeMap<(Vec<u8>, Vec<u8>), Certified>);

impl Checked {
    /// So many are remembered; then it begins anew.
    const MOST: usize = 64;

    /// As [`check`].
    ///
    /// # Errors
    /// As [`check`]: what is refused is not remembered.
    pub fn check(&mut self, credential: &Credential, signature_key: &[u8]) -> Result<Certified, CredentialError> {
        let bytes = (credential.serialized_content().to_vec(), signature_key.to_vec());
        if let Some(known) = self.0.get(&bytes).filter(|_| credential.credential_type() == CREDENTIAL) {
            return Ok(known.clone());
        }
        let certified = check(credential, signature_key)?;
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        self.0.insert(bytes, certified.clone());
        Ok(certified)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use shared::{AccountId, DeviceId, certificate::Certificate};

    use super::*;
    use crate::leaf::{SUITE_ID, credential};

    fn device(n: u8) -> (Credential, Vec<u8>) {
        let (identity, key) = (SigningKey::from_bytes(&[n; 32]), SigningKey::from_bytes(&[n ^ 0x80; 32]));
        let (account, device) = (AccountId([n; 16]), DeviceId([n; 16]));
        let certificate =
            Certificate::issue(&identity, account, device, key.verifying_key().to_bytes(), 1, &[SUITE_ID]).unwrap();
        let with_key = credential(&identity.verifying_key().to_bytes(), &certificate);
        (with_key.credential, with_key.signature_key.as_slice().to_vec())
    }

    #[test]
    fn what_is_remembered_is_what_is_checked() {
        let mut checked = Checked::default();
        for n in (1..=100).chain(1..=100) {
            let (credential, key) = device(n);
            assert_eq!(checked.check(&credential, &key), check(&credential, &key));
            assert!(checked.check(&credential, &key).is_ok() && checked.0.len() <= Checked::MOST);
        }
    }

    #[test]
    fn one_byte_beside_what_is_remembered_is_refused_again_and_again() {
        let mut checked = Checked::default();
        let (credential, key) = device(7);
        checked.check(&credential, &key).unwrap();
        for at in 0..credential.serialized_content().len() {
            let mut content = credential.serialized_content().to_vec();
            content[at] ^= 1;
            let other = Credential::new(CREDENTIAL, content);
            assert!(checked.check(&other, &key).is_err() && checked.check(&other, &key).is_err(), "byte {at}");
        }
        let (_, others) = device(8);
        assert_eq!(checked.check(&credential, &others), Err(CredentialError::Mismatch));
        let basic = Credential::new(CredentialType::Basic, credential.serialized_content().to_vec());
        assert_eq!(checked.check(&basic, &key), Err(CredentialError::Mismatch));
        assert_eq!(checked.0.len(), 1);
    }
}
