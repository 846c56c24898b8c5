//! The device certificate: the identity key says that a device key belongs to an account.
//!
//! ```text
//! version 1 │ account 16 │ device 16 │ device key 32 │ statement number 8 │ n 1 │ n × suite 2 │ signature 64
//! ```

use ed25519_dalek::SigningKey;

use crate::{
    id::{AccountId, DeviceId},
    label::Label,
    reader::{LayoutError, Reader},
    signature::{self, BadSignature, PublicKey},
};

const VERSION: u8 = 1;
/// Most suites a device names.
pub const MAX_SUITES: usize = 8;

/// What a certificate says. Only [`Certificate::verify`] makes a [`Certified`] of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose device.
    pub account: AccountId,
    /// Which device.
    pub device: DeviceId,
    /// The device key: MLS signature key of all its leaves.
    pub key: PublicKey,
    /// The statement that first named the device.
    pub statement: u64,
    /// MLS cipher suites the device speaks, code points.
    pub suites: Vec<u16>,
    bytes: Vec<u8>,
}

/// A certificate whose signature was verified under a given identity key. Nobody else can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    certificate: Certificate,
    identity: PublicKey,
}

impl Certified {
    /// What was certified.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }
    /// By which identity key.
    #[must_use]
    pub const fn identity(&self) -> &PublicKey {
        &self.identity
    }
}

impl Certificate {
    /// Issues a certificate.
    ///
    /// # Errors
    /// [`LayoutError::Value`] with no or more than [`MAX_SUITES`] suites.
    pub fn issue(
        identity: &SigningKey,
        account: AccountId,
        device: DeviceId,
        key: PublicKey,
        statement: u64,
        suites: &[u16],
    ) -> Result<Self, LayoutError> {
        let count = u8::try_from(suites.len()).map_err(|_| LayoutError::Value)?;
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(account.as_bytes());
        bytes.extend_from_slice(device.as_bytes());
        bytes.extend_from_slice(&key);
        bytes.extend_from_slice(&statement.to_be_bytes());
        bytes.push(count);
        suites.iter().for_each(|suite| bytes.extend_from_slice(&suite.to_be_bytes()));
        let signed = signature::sign(identity, Label::Certificate, &bytes);
        bytes.extend_from_slice(&signed);
        Self::parse(&bytes)
    }

    /// Reads the layout; verifies nothing.
    ///
    /// # Errors
    /// [`LayoutError`] when the bytes are not a certificate of this version.
    pub fn parse(bytes: &[u8]) -> Result<Self, LayoutError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let account = AccountId(reader.array()?);
        let device = DeviceId(reader.array()?);
        let key = reader.array()?;
        let statement = reader.u64()?;
        let count = usize::from(reader.u8()?);
        if count == 0 || count > MAX_SUITES {
            return Err(LayoutError::Value);
        }
        let suites = (0..count).map(|_| reader.u16()).collect::<Result<_, _>>()?;
        reader.take(64)?;
        reader.end()?;
        Ok(Self { account, device, key, statement, suites, bytes: bytes.to_vec() })
    }

    /// The bytes as received.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Verifies the signature over the received bytes.
    ///
    /// # Errors
    /// [`BadSignature`] when `identity` did not sign it.
    pub fn verify(self, identity: &PublicKey) -> Result<Certified, BadSignature> {
        let (signed, signature) = self.bytes.split_last_chunk::<64>().ok_or(BadSignature)?;
        signature::verify(identity, Label::Certificate, signed, signature)?;
        Ok(Certified { certificate: self, identity: *identity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (SigningKey, Certificate) {
        let identity = SigningKey::from_bytes(&[1; 32]);
        let certificate = Certificate::issue(&identity, AccountId([2; 16]), DeviceId([3; 16]), [4; 32], 1, &[0x4d]).unwrap();
        (identity, certificate)
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let (identity, certificate) = sample();
        let public = identity.verifying_key().to_bytes();
        assert!(certificate.clone().verify(&public).is_ok());
        for bit in 0..certificate.as_bytes().len() * 8 {
            let mut bytes = certificate.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let verdict = Certificate::parse(&bytes).ok().and_then(|c| c.verify(&public).ok());
            assert!(verdict.is_none(), "bit {bit}");
        }
    }

    #[test]
    fn every_cut_and_every_tail_is_refused() {
        let (_, certificate) = sample();
        let bytes = certificate.as_bytes();
        for end in 0..bytes.len() {
            assert!(Certificate::parse(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(Certificate::parse(&[bytes, &[0]].concat()), Err(LayoutError::Length));
    }

    #[test]
    fn one_to_eight_suites() {
        let identity = SigningKey::from_bytes(&[1; 32]);
        let issue = |suites: &[u16]| Certificate::issue(&identity, AccountId([2; 16]), DeviceId([3; 16]), [4; 32], 1, suites);
        let most: Vec<u16> = (1..=8).collect();
        assert_eq!(issue(&most).unwrap().suites, most);
        assert_eq!(issue(&[9]).unwrap().suites, [9]);
        for bad in [vec![], vec![1; 9], vec![1; 256]] {
            assert_eq!(issue(&bad), Err(LayoutError::Value), "{}", bad.len());
        }
        // The reader does not rely on an honest writer.
        let raw = |count: u8| {
            let ids = [&[VERSION][..], &[2; 16], &[3; 16], &[4; 32], &1u64.to_be_bytes(), &[count]].concat();
            Certificate::parse(&[ids, vec![0; 2 * usize::from(count) + 64]].concat()).map(|read| read.suites.len())
        };
        assert_eq!(raw(8), Ok(8));
        for count in [0, 9, 255] {
            assert_eq!(raw(count), Err(LayoutError::Value), "{count}");
        }
    }

    #[test]
    fn a_certificate_says_what_was_issued() {
        let (identity, certificate) = sample();
        let public = identity.verifying_key().to_bytes();
        let read = Certificate::parse(certificate.as_bytes()).unwrap();
        assert_eq!((read.account, read.device, read.key), (AccountId([2; 16]), DeviceId([3; 16]), [4; 32]));
        assert_eq!((read.statement, read.suites.as_slice()), (1, &[0x4d][..]));
        let certified = read.verify(&public).unwrap();
        assert_eq!((certified.certificate(), certified.identity()), (&certificate, &public));
        assert_eq!(certificate.verify(&[9; 32]), Err(BadSignature));
    }
}
