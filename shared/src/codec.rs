//! CBOR as Sotto takes it (protocol §0): definite lengths, map keys once and ascending, depth ≤ 8, unknown non-negative integer keys are
//! skipped, a negative key is critical and refused. JSON needs no helper here: serde's `deny_unknown_fields` does it.

use core::cmp::Ordering;

use minicbor::{Decoder, data::Type};

use crate::limits;

/// The bytes are not acceptable CBOR, or not this type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Not well formed, or bytes are left over.
    #[error("not well-formed CBOR")]
    Malformed,
    /// Nested deeper than [`limits::DEPTH`].
    #[error("nested too deeply")]
    Depth,
    /// A map key twice.
    #[error("a map key stands twice")]
    DuplicateKey,
    /// Map keys are not ascending.
    #[error("map keys are not ascending")]
    Order,
    /// A negative map key: a meaning this build must understand and does not.
    #[error("a critical key is not known")]
    Critical,
    /// A map key that is no integer.
    #[error("a map key is not an integer")]
    Key,
    /// Well formed, but not what was expected.
    #[error("not of the expected shape: {0}")]
    Shape(String),
}

/// Checks the whole structure, then decodes.
///
/// # Errors
/// [`CodecError`]; nothing is decoded when the structure check fails.
pub fn decode<'b, T: minicbor::Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, CodecError> {
    check(bytes)?;
    minicbor::decode(bytes).map_err(|error| CodecError::Shape(error.to_string()))
}

/// Encodes; infallible for the types of this crate.
#[must_use]
pub fn encode<T: minicbor::Encode<()>>(value: &T) -> Vec<u8> {
    // Most frames are smaller; what is larger is so by one long string of bytes, which makes room at once.
    let mut bytes = Vec::with_capacity(192);
    // Writing into a Vec can't fail and none of our encoders refuses.
    let _: Result<(), _> = minicbor::encode(value, &mut bytes);
    bytes
}

/// Exactly one well-formed item by the rules of this page.
///
/// # Errors
/// [`CodecError`] naming the first rule broken.
pub fn check(bytes: &[u8]) -> Result<(), CodecError> {
    let mut decoder = Decoder::new(bytes);
    item(&mut decoder, 0)?;
    if decoder.position() == bytes.len() { Ok(()) } else { Err(CodecError::Malformed) }
}

fn item(d: &mut Decoder<'_>, depth: usize) -> Result<(), CodecError> {
    if depth > limits::DEPTH {
        return Err(CodecError::Depth);
    }
    let bad = |_| CodecError::Malformed;
    match d.datatype().map_err(bad)? {
        Type::Array => {
            let count = d.array().map_err(bad)?.ok_or(CodecError::Malformed)?;
            for _ in 0..count {
                item(d, depth + 1)?;
            }
            Ok(())
        }
        Type::Map => {
            let count = d.map().map_err(bad)?.ok_or(CodecError::Malformed)?;
            let mut last: Option<u64> = None;
            for _ in 0..count {
                let key = match d.datatype().map_err(bad)? {
                    Type::U8 | Type::U16 | Type::U32 | Type::U64 => d.u64().map_err(bad)?,
                    Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => return Err(CodecError::Critical),
                    _ => return Err(CodecError::Key),
                };
                match last.map(|last| key.cmp(&last)) {
                    Some(Ordering::Equal) => return Err(CodecError::DuplicateKey),
                    Some(Ordering::Less) => return Err(CodecError::Order),
                    Some(Ordering::Greater) | None => last = Some(key),
                }
                item(d, depth + 1)?;
            }
            Ok(())
        }
        Type::Bytes => d.bytes().map(drop).map_err(bad),
        Type::String => d.str().map(drop).map_err(bad),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => d.u64().map(drop).map_err(bad),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => d.int().map(drop).map_err(bad),
        Type::Bool => d.bool().map(drop).map_err(bad),
        Type::Null => d.null().map_err(bad),
        _ => Err(CodecError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_named_after_what_is_wrong() {
        let bad: [(&str, &[u8], CodecError); 12] = [
            ("nothing", &[], CodecError::Malformed),
            ("a byte left over", &[0x00, 0x00], CodecError::Malformed),
            ("a map that ends early", &[0xa1, 0x00], CodecError::Malformed),
            ("an indefinite map", &[0xbf, 0x00, 0x00, 0xff], CodecError::Malformed),
            ("an indefinite array", &[0x9f, 0x00, 0xff], CodecError::Malformed),
            ("an indefinite byte string", &[0x5f, 0x41, 0x00, 0xff], CodecError::Malformed),
            ("a key twice", &[0xa2, 0x00, 0x00, 0x00, 0x00], CodecError::DuplicateKey),
            ("keys descending", &[0xa2, 0x01, 0x00, 0x00, 0x00], CodecError::Order),
            ("a negative key", &[0xa1, 0x20, 0x00], CodecError::Critical),
            ("a text key", &[0xa1, 0x61, b'a', 0x00], CodecError::Key),
            ("a float", &[0xfb, 0, 0, 0, 0, 0, 0, 0, 0], CodecError::Malformed),
            ("a tag", &[0xc0, 0x00], CodecError::Malformed),
        ];
        for (name, bytes, error) in bad {
            assert_eq!(check(bytes), Err(error), "{name}");
        }
        assert_eq!(check(&[0x81; 9].iter().copied().chain([0x00]).collect::<Vec<_>>()), Err(CodecError::Depth));
        assert_eq!(check(&[0x81; 8].iter().copied().chain([0x00]).collect::<Vec<_>>()), Ok(()));
        assert_eq!(
            check(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(CodecError::Malformed),
            "a huge count costs nothing"
        );
        assert_eq!(
            check(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            Err(CodecError::Malformed),
            "a huge length costs nothing"
        );
    }

    #[test]
    fn everything_that_travels_passes() {
        let good: [(&str, &[u8]); 14] = [
            ("a small number", &[0x17]),
            ("one byte", &[0x18, 0xff]),
            ("two bytes", &[0x19, 0xff, 0xff]),
            ("four bytes", &[0x1a, 0xff, 0xff, 0xff, 0xff]),
            ("eight bytes", &[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            ("a negative number", &[0x20]),
            ("the most negative number", &[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            ("bytes", &[0x42, 0x01, 0x02]),
            ("text", &[0x62, b'a', b'b']),
            ("true", &[0xf5]),
            ("null", &[0xf6]),
            ("a list", &[0x82, 0x01, 0x80]),
            ("a map", &[0xa2, 0x00, 0x01, 0x18, 0x20, 0xa0]),
            ("a map with large keys", &[0xa2, 0x19, 0x01, 0x00, 0x00, 0x1a, 0, 1, 0, 0, 0x00]),
        ];
        for (name, bytes) in good {
            assert_eq!(check(bytes), Ok(()), "{name}");
            for end in 0..bytes.len() {
                assert_eq!(check(&bytes[..end]), Err(CodecError::Malformed), "{name} cut at {end}");
            }
        }
        assert_eq!(check(&[0x61, 0xff]), Err(CodecError::Malformed), "text that is no UTF-8");
    }

    #[test]
    fn maps_count_as_depth_too() {
        let nested = |depth: usize| [[0xa1, 0x00].repeat(depth), vec![0x00]].concat();
        assert_eq!(check(&nested(8)), Ok(()));
        assert_eq!(check(&nested(9)), Err(CodecError::Depth));
    }

    #[test]
    fn nothing_is_decoded_that_breaks_a_rule() {
        assert_eq!(encode(&vec![1u8, 2]), [0x82, 1, 2]);
        assert_eq!(decode::<Vec<u8>>(&[0x82, 1, 2]), Ok(vec![1, 2]));
        assert_eq!(decode::<Vec<u8>>(&[0x82, 1, 2, 3]), Err(CodecError::Malformed));
        assert_eq!(decode::<Vec<u8>>(&[0x9f, 1, 0xff]), Err(CodecError::Malformed));
        assert!(matches!(decode::<Vec<u8>>(&[0x42, 1, 2]), Err(CodecError::Shape(_))));
    }
}
