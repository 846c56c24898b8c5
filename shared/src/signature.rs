//! Ed25519 outside MLS: one way to sign, one strict way to verify, in browser and server alike.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};

use crate::label::Label;

/// A public key as it travels.
pub type PublicKey = [u8; 32];
/// A signature as it travels.
pub type Signature = [u8; 64];

/// The signature does not verify, or key or signature is not canonical.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// `label ‖ 0 ‖ message`: what is really signed.
fn labelled(label: Label, message: &[u8]) -> Vec<u8> {
    [label.as_str().as_bytes(), &[0], message].concat()
}

/// The key of a 32-byte seed (RFC 8032 §5.1.5).
#[must_use]
pub fn signing_key(seed: &[u8; 32]) -> SigningKey {
    SigningKey::from_bytes(seed)
}

/// Signs `message` for the purpose named by `label`.
#[must_use]
pub fn sign(key: &SigningKey, label: Label, message: &[u8]) -> Signature {
    key.sign(&labelled(label, message)).to_bytes()
}

/// Verifies strictly: non-canonical encodings and small-order keys are refused (RFC 8032 §5.1.7, with
/// `verify_strict` of ed25519-dalek).
///
/// # Errors
/// [`BadSignature`] in every case that is not a valid signature by `key` over `message` for `label`.
pub fn verify(key: &PublicKey, label: Label, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_bytes(key).map_err(|_| BadSignature)?;
    if key.is_weak() {
        return Err(BadSignature);
    }
    key.verify_strict(&labelled(label, message), &(*signature).into()).map_err(|_| BadSignature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_label_and_message_verify() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_bytes();
        let signature = sign(&key, Label::Certificate, b"message");
        assert!(verify(&public, Label::Certificate, b"message", &signature).is_ok());
        assert!(verify(&public, Label::Statement, b"message", &signature).is_err());
        assert!(verify(&public, Label::Certificate, b"messagf", &signature).is_err());
        for bit in 0..512 {
            let mut bad = signature;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&public, Label::Certificate, b"message", &bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn small_order_keys_and_high_s_are_refused() {
        // The identity point signs everything under a lax verifier.
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(verify(&identity, Label::Statement, b"anything", &signature).is_err());
        // s + L is the same signature under a lax verifier (malleable).
        let key = SigningKey::from_bytes(&[9; 32]);
        let good = sign(&key, Label::Statement, b"m");
        const L: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut high = good;
        let mut carry = 0u16;
        for (byte, add) in high[32..].iter_mut().zip(L) {
            carry += u16::from(*byte) + u16::from(add);
            *byte = carry as u8;
            carry >>= 8;
        }
        assert!(verify(&key.verifying_key().to_bytes(), Label::Statement, b"m", &high).is_err());
    }
}
