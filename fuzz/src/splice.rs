//! Changes of genuine bytes that keep their structure: an item of CBOR or JSON is put in the place of another.

use core::ops::Range;

use minicbor::{Decoder, data::Type};

use crate::reader::Reader;

/// Where every item of a CBOR body begins and ends, nested ones too.
fn items(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = vec![];
    let mut at = 0;
    // An item's head leads to the next item, except where it has content of its own.
    while at < bytes.len() && found.len() < 4_096 {
        let mut decoder = Decoder::new(bytes);
        decoder.set_position(at);
        let Ok(kind) = decoder.datatype() else { break };
        let mut whole = decoder.clone();
        if whole.skip().is_err() {
            break;
        }
        found.push(at..whole.position());
        let entered = match kind {
            Type::Array => decoder.array().is_ok(),
            Type::Map => decoder.map().is_ok(),
            _ => false,
        };
        at = if entered { decoder.position() } else { whole.position() };
    }
    found
}

/// Where every string and every number of a JSON body begins and ends.
fn tokens(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut at) = (vec![], 0);
    while at < bytes.len() {
        let start = at;
        at += 1;
        match bytes[start] {
            b'"' => {
                while at < bytes.len() && bytes[at] != b'"' {
                    at += 1;
                }
                at = (at + 1).min(bytes.len());
                found.push(start..at);
            }
            b'0'..=b'9' => {
                while at < bytes.len() && bytes[at].is_ascii_digit() {
                    at += 1;
                }
                found.push(start..at);
            }
            _ => {}
        }
    }
    found
}

fn is_json(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'{')
}

fn places(bytes: &[u8]) -> Vec<Range<usize>> {
    if is_json(bytes) { tokens(bytes) } else { items(bytes) }
}

fn number(json: bool, number: u64) -> Vec<u8> {
    if json { number.to_string().into_bytes() } else { minicbor::to_vec(number).unwrap_or_default() }
}

/// Changes `bytes` in a way the script says; `other` lends items.
pub(crate) fn change(script: &mut Reader<'_>, bytes: &mut Vec<u8>, other: &[u8]) {
    if bytes.is_empty() {
        bytes.extend_from_slice(script.bytes());
        return;
    }
    let here = places(bytes);
    match script.byte() % 8 {
        0 => {
            let (at, mask) = (script.below(bytes.len()), script.byte());
            bytes[at] ^= mask.max(1);
        }
        1 => bytes.truncate(script.below(bytes.len())),
        2 | 3 if !here.is_empty() => {
            let place = here[script.below(here.len())].clone();
            bytes.splice(place, number(is_json(bytes), script.number()));
        }
        4 | 5 if !here.is_empty() => {
            let there = places(other);
            let place = here[script.below(here.len())].clone();
            let lent = there.get(script.below(there.len())).and_then(|range| other.get(range.clone()));
            bytes.splice(place, lent.unwrap_or_default().iter().copied());
        }
        6 if !here.is_empty() => {
            // Inside of an item, most of all of the byte strings that hold sealed or signed bytes.
            let place = here[script.below(here.len())].clone();
            let at = place.start + script.below(place.len());
            bytes[at] ^= 1 << (script.byte() % 8);
        }
        _ => {
            let at = script.below(bytes.len());
            let piece = script.bytes();
            bytes.splice(at..at, piece.iter().copied());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_found() {
        // [1, {2: h'0304'}, "a"]
        let bytes = [0x83, 0x01, 0xa1, 0x02, 0x42, 0x03, 0x04, 0x61, 0x61];
        assert_eq!(items(&bytes), [0..9, 1..2, 2..7, 3..4, 4..7, 7..9]);
        assert_eq!(items(&bytes[..5]), []);
        assert_eq!(tokens(br#"{"a":12,"b":"c"}"#), [1..4, 5..7, 8..11, 12..15]);
    }

    #[test]
    fn an_item_takes_the_place_of_another() {
        let mut bytes = vec![0x82, 0x01, 0x02];
        change(&mut Reader::new(&[4, 1, 1]), &mut bytes, &[0x81, 0x42, 0x09, 0x09]);
        assert_eq!(bytes, [0x82, 0x42, 0x09, 0x09, 0x02]);
        change(&mut Reader::new(&[2, 2, 7]), &mut bytes, &[]);
        assert_eq!(bytes, [0x82, 0x42, 0x09, 0x09, 0x07]);
    }
}
