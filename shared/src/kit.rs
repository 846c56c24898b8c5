//! The recovery kit: 140 random bits and 20 bits of checksum as 32 Crockford characters in eight groups of four.
//!
//! Whoever types it may use lower case, O for 0, I or L for 1, any spaces and hyphens. QR: `sotto-kit:1:<handle>:<32 characters>`.

use core::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::label::Label;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Five-bit symbols that carry randomness: 28 × 5 = 140 bits.
const DATA: usize = 28;
/// All symbols: 28 and 4 of checksum.
const ALL: usize = 32;

/// The secret of a recovery kit. Has no Debug.
#[derive(Clone, Zeroize, ZeroizeOnDrop, PartialEq, Eq)]
pub struct Kit([u8; ALL]);

/// Why a typed kit is refused. `group` counts from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KitError {
    /// Not 32 characters.
    #[error("the recovery kit has {0} of 32 characters")]
    Length(usize),
    /// A character that is in no kit.
    #[error("group {group} holds a character that is in no kit")]
    Character {
        /// Which group of four.
        group: usize,
    },
    /// The checksum does not fit: something is mistyped.
    #[error("the recovery kit is mistyped somewhere")]
    Checksum,
}

impl fmt::Debug for Kit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kit(…)")
    }
}

impl Kit {
    /// From 28 uniformly random bytes; the low five bits of each are used.
    #[must_use]
    pub fn new(random: &[u8; DATA]) -> Self {
        let mut symbols = [0; ALL];
        for (symbol, byte) in symbols.iter_mut().zip(random) {
            *symbol = byte & 31;
        }
        let check = checksum(&symbols);
        for (symbol, sum) in symbols.iter_mut().skip(DATA).zip(check) {
            *symbol = sum;
        }
        Self(symbols)
    }

    /// Reads what a person typed.
    ///
    /// # Errors
    /// [`KitError`] that says where it is wrong.
    pub fn parse(text: &str) -> Result<Self, KitError> {
        let typed: Vec<char> = text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '–')).collect();
        if typed.len() != ALL {
            return Err(KitError::Length(typed.len()));
        }
        let mut symbols = [0; ALL];
        for (at, (symbol, c)) in symbols.iter_mut().zip(&typed).enumerate() {
            let folded = match c.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            let index = ALPHABET.iter().position(|a| char::from(*a) == folded);
            *symbol = index.and_then(|i| u8::try_from(i).ok()).ok_or(KitError::Character { group: at / 4 + 1 })?;
        }
        let sum = checksum(&symbols);
        if symbols.iter().skip(DATA).ne(&sum) {
            return Err(KitError::Checksum);
        }
        Ok(Self(symbols))
    }

    /// The 28 random symbols, one a byte: the input of the kit's two derivations.
    #[must_use]
    pub fn secret(&self) -> &[u8] {
        self.0.get(..DATA).unwrap_or_default()
    }

    /// Eight groups of four.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.chunks(4).map(letters).collect::<Vec<_>>().join(" ")
    }

    /// What the QR of the sheet holds.
    #[must_use]
    pub fn qr(&self, handle: &str) -> String {
        format!("sotto-kit:1:{handle}:{}", letters(&self.0))
    }
}

fn letters(symbols: &[u8]) -> String {
    symbols.iter().filter_map(|s| ALPHABET.get(usize::from(*s))).map(|b| char::from(*b)).collect()
}

/// 20 bits of SHA-256("sotto/1 kit checksum" ‖ 28 symbols).
fn checksum(symbols: &[u8; ALL]) -> [u8; ALL - DATA] {
    let mut hash = Sha256::new();
    hash.update(Label::KitChecksum.as_str().as_bytes());
    hash.update(symbols.get(..DATA).unwrap_or_default());
    let digest: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, ..] = digest;
    [a & 31, b & 31, c & 31, d & 31]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgiving_to_people_strict_on_typos() {
        let random: [u8; DATA] = core::array::from_fn(|i| (i * 37) as u8);
        let kit = Kit::new(&random);
        let text = kit.text();
        assert_eq!(text.len(), 39);
        assert_eq!(Kit::parse(&text), Ok(kit.clone()));
        assert_eq!(Kit::parse(&text.to_lowercase().replace(' ', "-").replace('0', "o").replace('1', "l")), Ok(kit));
        assert_eq!(Kit::parse("7K2M Q9XD"), Err(KitError::Length(8)));
        let mut bad: Vec<char> = text.chars().collect();
        bad[6] = 'U';
        assert_eq!(Kit::parse(&bad.iter().collect::<String>()), Err(KitError::Character { group: 2 }));
    }

    #[test]
    fn typos_and_swaps_are_found() {
        let kit = Kit::new(&core::array::from_fn(|i| (i * 11 + 3) as u8));
        let text: Vec<char> = kit.text().chars().filter(|c| *c != ' ').collect();
        let mut missed = 0;
        for at in 0..ALL {
            for letter in ALPHABET {
                let mut typo = text.clone();
                if typo[at] == char::from(*letter) {
                    continue;
                }
                typo[at] = char::from(*letter);
                missed += usize::from(Kit::parse(&typo.iter().collect::<String>()).is_ok());
            }
            for other in at + 1..ALL {
                let mut swapped = text.clone();
                swapped.swap(at, other);
                missed += usize::from(swapped != text && Kit::parse(&swapped.iter().collect::<String>()).is_ok());
            }
        }
        assert_eq!(missed, 0, "992 typos, 496 swaps; of kits in general one in a million passes by chance");
    }

    /// A golden vector: another alphabet or checksum would make every sheet ever printed worthless.
    #[test]
    fn sheets_stay_readable() {
        let kit = Kit::new(&core::array::from_fn(|at| at as u8 + 32));
        assert_eq!(kit.secret(), core::array::from_fn::<u8, DATA, _>(|at| at as u8));
        assert_eq!(&kit.text()[..34], "0123 4567 89AB CDEF GHJK MNPQ RSTV");
        let letters = kit.text().replace(' ', "");
        assert_eq!(kit.qr("ann"), format!("sotto-kit:1:ann:{letters}"));
        assert_eq!(kit.text(), GOLDEN);
        assert_eq!(Kit::parse(GOLDEN).unwrap().secret(), kit.secret());
        assert!(Kit::parse(&GOLDEN.replace("RSTV", "RSTW")) == Err(KitError::Checksum));
    }

    #[test]
    fn the_group_of_a_wrong_letter_is_named() {
        let text = Kit::new(&[0; DATA]).text().replace(' ', "");
        for at in 0..ALL {
            let mut bad: Vec<char> = text.chars().collect();
            bad[at] = 'U';
            assert_eq!(Kit::parse(&bad.iter().collect::<String>()), Err(KitError::Character { group: at / 4 + 1 }));
        }
        assert_eq!(Kit::parse(&format!("{text}0")), Err(KitError::Length(33)));
    }

    const GOLDEN: &str = "0123 4567 89AB CDEF GHJK MNPQ RSTV BM6Q";
}
