//! The authenticated data of a row: clear, fixed, covered by the sender's signature (protocol §4).
//!
//! ```text
//! message (106 bytes): version 1 │ form 0 1 │ message id 16 │ n 8 │ c 32 │ previous c 32 │ transcript prefix 16
//! commit  ( 34 bytes): version 1 │ form 1 1 │ message id 16 │ device 16
//! ```
//! `n` counts a device's messages in the conversation from 1; `c` is the commitment to the content; `previous c` is that
//! of this device's message before (zeros for the first); the transcript prefix is the first 16 bytes of the
//! confirmed transcript hash of the epoch it was sealed in: a row of my epoch with another prefix is a fork.

use hmac::{Hmac, Mac as _, digest::KeyInit};
use sha2::Sha256;

use crate::{
    id::{DeviceId, MessageId},
    label::Label,
    reader::{LayoutError, Reader},
};

const VERSION: u8 = 1;

/// A commitment to a message's content.
pub type Commitment = [u8; 32];

/// The authenticated data of an application message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageData {
    /// The message's id: idempotency key and name.
    pub message: MessageId,
    /// The sending device's count in this conversation, from 1.
    pub n: u64,
    /// Commitment to the content.
    pub commitment: Commitment,
    /// Commitment of this device's previous message here.
    pub previous: Commitment,
    /// First bytes of the confirmed transcript hash.
    pub transcript: [u8; 16],
}

/// The authenticated data of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitData {
    /// The commit's id.
    pub message: MessageId,
    /// The committing device.
    pub device: DeviceId,
}

/// Either form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authenticated {
    /// Of an application message.
    Message(MessageData),
    /// Of a commit.
    Commit(CommitData),
}

impl MessageData {
    /// The 106 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, 0];
        bytes.extend_from_slice(self.message.as_bytes());
        bytes.extend_from_slice(&self.n.to_be_bytes());
        bytes.extend_from_slice(&self.commitment);
        bytes.extend_from_slice(&self.previous);
        bytes.extend_from_slice(&self.transcript);
        bytes
    }
}

impl CommitData {
    /// The 34 bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [&[VERSION, 1][..], self.message.as_bytes(), self.device.as_bytes()].concat()
    }
}

impl Authenticated {
    /// Reads either form.
    ///
    /// # Errors
    /// [`LayoutError`] for other lengths, versions or forms, and for n = 0.
    pub fn parse(bytes: &[u8]) -> Result<Self, LayoutError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let form = reader.u8()?;
        let message = MessageId(reader.array()?);
        let parsed = match form {
            0 => Self::Message(MessageData {
                message,
                n: reader.u64()?,
                commitment: reader.array()?,
                previous: reader.array()?,
                transcript: reader.array()?,
            }),
            1 => Self::Commit(CommitData { message, device: DeviceId(reader.array()?) }),
            _ => return Err(LayoutError::Value),
        };
        reader.end()?;
        if matches!(&parsed, Self::Message(data) if data.n == 0) {
            return Err(LayoutError::Value);
        }
        Ok(parsed)
    }
}

/// c = HMAC-SHA-256(k, label ‖ content). Padding is not part of the content.
#[must_use]
pub fn commitment(k: &[u8; 32], content: &[u8]) -> Commitment {
    let mut mac = new_mac(k);
    mac.update(Label::Content.as_str().as_bytes());
    mac.update(content);
    mac.finalize().into_bytes().into()
}

/// Does `c` open to this content? In constant time.
#[must_use]
pub fn opens(c: &Commitment, k: &[u8; 32], content: &[u8]) -> bool {
    let mut mac = new_mac(k);
    mac.update(Label::Content.as_str().as_bytes());
    mac.update(content);
    mac.verify_slice(c).is_ok()
}

/// A key shorter than the hash's block is padded with zeros (RFC 2104 §2), so this is HMAC with the 32-byte key.
fn new_mac(k: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block.iter_mut().zip(k).for_each(|(slot, byte)| *slot = *byte);
    <Hmac<Sha256> as KeyInit>::new(&block.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_round_trips_and_refusals() {
        let message =
            MessageData { message: MessageId([1; 16]), n: 7, commitment: [2; 32], previous: [3; 32], transcript: [4; 16] };
        let bytes = message.encode();
        assert_eq!(bytes.len(), 106);
        assert_eq!(Authenticated::parse(&bytes), Ok(Authenticated::Message(message.clone())));
        let commit = CommitData { message: MessageId([1; 16]), device: DeviceId([5; 16]) };
        assert_eq!(commit.encode().len(), 34);
        assert_eq!(Authenticated::parse(&commit.encode()), Ok(Authenticated::Commit(commit)));
        for end in 0..bytes.len() {
            assert!(Authenticated::parse(&bytes[..end]).is_err());
        }
        assert!(Authenticated::parse(&[&bytes[..], &[0]].concat()).is_err());
        assert_eq!(Authenticated::parse(&MessageData { n: 0, ..message }.encode()), Err(LayoutError::Value));
        let mut other = bytes.clone();
        other[0] = 2;
        assert_eq!(Authenticated::parse(&other), Err(LayoutError::Version));
        other[0] = 1;
        other[1] = 2;
        assert_eq!(Authenticated::parse(&other), Err(LayoutError::Value));
    }

    #[test]
    fn a_commitment_opens_to_one_content_under_one_key() {
        let c = commitment(&[1; 32], b"content");
        assert!(opens(&c, &[1; 32], b"content"));
        assert!(!opens(&c, &[1; 32], b"contenu"));
        assert!(!opens(&c, &[2; 32], b"content"));
    }
}
