//! Identifiers: 16 random bytes each, never a capability.

use core::{fmt, str::FromStr};

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use serde::{Deserialize, Serialize};

/// The text is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 hexadecimal digits")]
pub struct NotAnId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The 16 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
            /// From exactly 16 bytes.
            #[must_use]
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse_hex(text).map(Self)
            }
        }
        impl<C> Encode<C> for $name {
            fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }
        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                Self::from_slice(d.bytes()?).ok_or_else(|| decode::Error::message("an id is 16 bytes"))
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// A person's account. Drawn by the client at registration.
    AccountId
}
id! {
    /// One browser profile of an account.
    DeviceId
}
id! {
    /// A conversation, over all its generations.
    ConversationId
}
id! {
    /// A message or a commit: the idempotency key of an append.
    MessageId
}

fn parse_hex(text: &str) -> Result<[u8; 16], NotAnId> {
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return Err(NotAnId);
    }
    let mut out = [0; 16];
    for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = core::str::from_utf8(pair).map_err(|_| NotAnId)?;
        if pair.starts_with('+') {
            return Err(NotAnId);
        }
        *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAnId)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_round_trip_and_refusals() {
        let id = AccountId([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "ab", &"a".repeat(31), &"g".repeat(32), &"+a".repeat(16), &"é".repeat(16)] {
            assert_eq!(bad.parse::<AccountId>(), Err(NotAnId), "{bad}");
        }
    }

    #[test]
    fn json_is_hex_and_cbor_is_sixteen_bytes() {
        let id = DeviceId([1; 16]);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<DeviceId>(&json).unwrap(), id);
        let cbor = minicbor::to_vec(id).unwrap();
        assert_eq!(cbor.len(), 17);
        assert_eq!(crate::codec::decode::<DeviceId>(&cbor).unwrap(), id);
        assert!(crate::codec::decode::<DeviceId>(&crate::codec::encode(&crate::Bytes(vec![1; 15]))).is_err());
    }

    #[test]
    fn sixteen_bytes_and_their_digits() {
        let bytes: [u8; 16] = core::array::from_fn(|at| at as u8 * 17);
        let id = MessageId::from_slice(&bytes).unwrap();
        assert_eq!(id.as_bytes(), &bytes);
        assert_eq!(MessageId::from_slice(&bytes[..15]), None);
        assert_eq!(id.to_string(), "00112233445566778899aabbccddeeff");
        assert_eq!(format!("{id:?}"), "MessageId(00112233445566778899aabbccddeeff)");
        assert_eq!("00112233445566778899AABBCCDDEEFF".parse(), Ok(id));
    }
}
