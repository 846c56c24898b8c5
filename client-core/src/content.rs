//! The content envelope v1 (protocol §4), inside the ciphertext:
//!
//! ```text
//! k 32 │ length 4, big endian │ CBOR │ zeros up to the bucket
//! ```
//! Buckets: 256, 512, 1,024, 2,048 … 65,536 bytes. An unknown kind is kept and shown as "needs a newer version".

use minicbor::{Decode, Encode};
use shared::{Bytes, MessageId, Millis, codec};

/// A text.
pub(crate) const KIND_TEXT: u16 = 0;

/// What is said.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Content {
    #[n(0)]
    pub(crate) message: MessageId,
    /// Newest own statement of the sender: number …
    #[n(1)]
    pub(crate) statement: u64,
    /// … and the first 8 bytes of its hash.
    #[n(2)]
    pub(crate) statement_hash: Bytes,
    /// Last ids the sender had seen.
    #[n(3)]
    pub(crate) parents: Vec<MessageId>,
    /// The sender's clock: advisory.
    #[n(4)]
    pub(crate) sent_at: Millis,
    /// Place of the key-transparency root.
    #[n(5)]
    pub(crate) root: Option<Bytes>,
    /// [`KIND_TEXT`], or a kind of a newer version.
    #[n(6)]
    pub(crate) kind: u16,
    /// Of [`KIND_TEXT`].
    #[n(7)]
    pub(crate) text: Option<String>,
}

/// The envelope is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a content envelope")]
pub(crate) struct BadEnvelope;

const HEAD: usize = 36;
const SMALLEST: usize = 256;
const LARGEST: usize = 65_536;

/// Puts content into its bucket.
pub(crate) fn wrap(k: &[u8], content: &[u8]) -> Result<Vec<u8>, BadEnvelope> {
    let length = u32::try_from(content.len()).map_err(|_| BadEnvelope)?;
    let size = HEAD + content.len();
    if k.len() != 32 || size > LARGEST {
        return Err(BadEnvelope);
    }
    let bucket = size.next_power_of_two().max(SMALLEST);
    let mut bytes = Vec::with_capacity(bucket);
    bytes.extend_from_slice(k);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(content);
    bytes.resize(bucket, 0);
    Ok(bytes)
}

/// Takes `k` and the content's CBOR out of a bucket. The padding must be zeros: nothing travels unseen.
pub(crate) fn unwrap(envelope: &[u8]) -> Result<([u8; 32], &[u8]), BadEnvelope> {
    if envelope.len() > LARGEST {
        return Err(BadEnvelope);
    }
    let (k, rest) = envelope.split_first_chunk::<32>().ok_or(BadEnvelope)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(BadEnvelope)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| BadEnvelope)?;
    let (content, padding) = rest.split_at_checked(length).ok_or(BadEnvelope)?;
    // One bucket for each length: other sizes are refused here too.
    if padding.iter().any(|byte| *byte != 0) || (HEAD + length).next_power_of_two().max(SMALLEST) != envelope.len() {
        return Err(BadEnvelope);
    }
    Ok((*k, content))
}

/// Reads content.
pub(crate) fn read(content: &[u8]) -> Result<Content, BadEnvelope> {
    codec::decode(content).map_err(|_| BadEnvelope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_fall_into_few_buckets() {
        let sizes: std::collections::BTreeSet<usize> =
            (0..=65_500).step_by(50).map(|length| wrap(&[1; 32], &vec![7; length]).unwrap().len()).collect();
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536]);
        assert!(wrap(&[1; 32], &vec![7; 65_500]).is_ok());
        assert!(wrap(&[1; 32], &vec![7; 65_501]).is_err());
    }

    #[test]
    fn round_trip_and_refusals() {
        let envelope = wrap(&[1; 32], b"content").unwrap();
        assert_eq!(unwrap(&envelope), Ok(([1; 32], &b"content"[..])));
        for (name, bad) in [
            ("empty", vec![]),
            ("no bucket", envelope[..255].to_vec()),
            ("something in the padding", [&envelope[..255], &[1]].concat()),
            ("a larger bucket than needed", [&envelope[..], &[0; 256]].concat()),
            ("a size between two buckets", [&envelope[..], &[0; 44]].concat()),
            ("a length beyond the end", [&[1; 32][..], &[0xff; 4], &[0; 220]].concat()),
        ] {
            assert_eq!(unwrap(&bad), Err(BadEnvelope), "{name}");
        }
    }

    #[test]
    fn a_newer_kind_is_read() {
        let content = Content {
            message: MessageId([1; 16]),
            statement: 1,
            statement_hash: Bytes(vec![0; 8]),
            parents: vec![],
            sent_at: Millis(5),
            root: None,
            kind: 99,
            text: None,
        };
        assert_eq!(read(&codec::encode(&content)), Ok(content));
    }

    #[test]
    fn the_ends_of_the_buckets() {
        let largest = wrap(&[1; 32], &vec![7; 65_500]).unwrap();
        assert_eq!(largest.len(), LARGEST);
        assert_eq!(unwrap(&largest).unwrap().1.len(), 65_500);
        // What would fit into the bucket behind the last one.
        let beyond = [&[1; 32][..], &65_501_u32.to_be_bytes(), &vec![7; 65_501], &vec![0; 131_072 - 65_537]].concat();
        assert_eq!((beyond.len(), unwrap(&beyond)), (131_072, Err(BadEnvelope)));
        for length in [0, 31, 33] {
            assert_eq!(wrap(&vec![1; length], b"content"), Err(BadEnvelope), "an opener of {length} bytes");
        }
        assert_eq!(unwrap(&wrap(&[2; 32], &[]).unwrap()), Ok(([2; 32], &[][..])));
        assert_eq!(wrap(&[1; 32], &[7; 220]).unwrap().len(), 256);
        assert_eq!(wrap(&[1; 32], &[7; 221]).unwrap().len(), 512);
    }
}
