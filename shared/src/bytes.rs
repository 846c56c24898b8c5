//! Opaque bytes: base64url without padding in JSON, a byte string in CBOR, only the length in Debug.

use core::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::{Deserialize, Serialize};

/// Bytes whose meaning the holder does not look into.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
    /// Exactly `N` bytes, or nothing.
    #[must_use]
    pub fn array<const N: usize>(&self) -> Option<[u8; N]> {
        self.0.as_slice().try_into().ok()
    }
}
impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}
impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.to_vec())
    }
}
impl<const N: usize> From<[u8; N]> for Bytes {
    fn from(bytes: [u8; N]) -> Self {
        Self(bytes.to_vec())
    }
}
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.0.len())
    }
}
impl<C> Encode<C> for Bytes {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}
impl<'b, C> Decode<'b, C> for Bytes {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Ok(Self(d.bytes()?.to_vec()))
    }
}
impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(&self.0))
    }
}
impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        URL_SAFE_NO_PAD.decode(text.as_bytes()).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_base64url_without_padding_and_debug_tells_only_the_length() {
        let bytes = Bytes(vec![0xfb, 0xff]);
        assert_eq!(serde_json::to_string(&bytes).unwrap(), "\"-_8\"");
        assert_eq!(serde_json::from_str::<Bytes>("\"-_8\"").unwrap(), bytes);
        for bad in ["\"+/8\"", "\"-_8=\"", "\"-_9\"", "7"] {
            assert!(serde_json::from_str::<Bytes>(bad).is_err(), "{bad}");
        }
        assert_eq!(format!("{bytes:?}"), "Bytes(2)");
    }

    #[test]
    fn bytes_stay_the_bytes() {
        for bytes in [Bytes::from(vec![1, 2, 3]), Bytes::from(&[1, 2, 3][..]), Bytes::from([1, 2, 3]), Bytes(vec![1, 2, 3])] {
            assert_eq!(bytes.as_slice(), [1, 2, 3]);
            assert_eq!(bytes.as_ref(), [1, 2, 3]);
            assert_eq!(bytes.array(), Some([1, 2, 3]));
            assert_eq!(bytes.array::<2>(), None);
            assert_eq!(bytes.array::<4>(), None);
        }
        let cbor = minicbor::to_vec(Bytes(vec![7, 8])).unwrap();
        assert_eq!(cbor, [0x42, 7, 8]);
        assert_eq!(decode::<Bytes>(&cbor).unwrap(), Bytes(vec![7, 8]));
    }
}
