//! Safety numbers: what two people compare to know that nobody stands between them.
//!
//! number = SHA-512("sotto/1 safety number" ‖ 0 ‖ version ‖ side ‖ side), the sides sorted; side = account id 16 ‖ identity key 32.
//! Shown as twelve groups of five digits (each from 5 bytes modulo 100,000: 199 bits are used), and as QR with both
//! accounts named.

use sha2::{Digest as _, Sha512};

use crate::{id::AccountId, label::Label, signature::PublicKey};

const VERSION: u8 = 1;

/// A safety number of two accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafetyNumber {
    /// Twelve groups of five digits.
    pub groups: Vec<String>,
    /// What the QR holds.
    pub qr: String,
}

/// Computes the number; the same for both people.
#[must_use]
pub fn safety_number(a: (AccountId, PublicKey), b: (AccountId, PublicKey)) -> SafetyNumber {
    let mut sides = [a, b];
    sides.sort_unstable();
    let [low, high] = sides;
    let mut hash = Sha512::new();
    hash.update(Label::SafetyNumber.as_str().as_bytes());
    hash.update([0, VERSION]);
    for (account, key) in sides {
        hash.update(account.as_bytes());
        hash.update(key);
    }
    let digest = hash.finalize();
    let groups: Vec<String> = digest
        .chunks_exact(5)
        .take(12)
        .map(|chunk| {
            let number = chunk.iter().fold(0u64, |sum, byte| sum * 256 + u64::from(*byte));
            format!("{:05}", number % 100_000)
        })
        .collect();
    let qr = format!("sotto-number:{VERSION}:{}:{}:{}", low.0, high.0, groups.concat());
    SafetyNumber { groups, qr }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symmetric_and_bound_to_ids_and_keys() {
        let (a, b) = ((AccountId([1; 16]), [2; 32]), (AccountId([3; 16]), [4; 32]));
        let number = safety_number(a, b);
        assert_eq!(number, safety_number(b, a));
        assert_eq!(number.groups.len(), 12);
        assert!(number.groups.iter().all(|g| g.len() == 5 && g.bytes().all(|b| b.is_ascii_digit())));
        // A golden vector: a change of the computation would silently break every comparison ever made.
        assert_eq!(number.groups.concat(), GOLDEN);
        assert_ne!(
            number.groups,
            safety_number((AccountId([1; 16]), [4; 32]), (AccountId([3; 16]), [2; 32])).groups,
            "keys are bound to accounts"
        );
        assert_ne!(number.groups, safety_number(a, (AccountId([3; 16]), [5; 32])).groups);
    }

    const GOLDEN: &str = "886914531096713511596845814800504847838139222331019905346913";

    #[test]
    fn the_same_account_under_two_keys_is_symmetric_too() {
        let (a, b) = ((AccountId([1; 16]), [2; 32]), (AccountId([1; 16]), [4; 32]));
        assert_eq!(safety_number(a, b), safety_number(b, a));
        assert_eq!(safety_number(a, b).qr.split(':').nth(1), Some("1"));
    }
}
