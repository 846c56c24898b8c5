//! Which key of which ratchet sealed a message: the sender data of a PrivateMessage (RFC 9420 §6.3.2).
//!
//! Only members of the epoch can read it. The simulator looks over their shoulders: each batch a browser makes durable may hold
//! the epoch's sender data secret, and with it what the server was offered can be read without asking any core.

use std::collections::BTreeMap;

use chacha20poly1305::{
    ChaCha20Poly1305,
    aead::{Aead as _, KeyInit as _, Payload},
};
use client_core::{Batch, Space};
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};

/// Rows of openmls' message secrets start with this table byte.
const MESSAGE_SECRETS: u8 = 6;

/// What the head of a PrivateMessage says in the clear, and what is sealed.
struct Head<'a> {
    group: &'a [u8],
    epoch: u64,
    kind: u8,
    sender: &'a [u8],
    ciphertext: &'a [u8],
}

/// A key that sealed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// SHA-256 of the secret that opened it.
    pub branch: [u8; 32],
    /// Epoch of the group.
    pub epoch: u64,
    /// Leaf of the sender.
    pub leaf: u32,
    /// Generation of its ratchet.
    pub ratchet: u32,
    /// SHA-256 of all bytes.
    pub digest: [u8; 32],
}

/// The sender data secrets of a world, by group.
#[derive(Debug, Default)]
pub struct Secrets(BTreeMap<Vec<u8>, Vec<[u8; 32]>>);

impl Secrets {
    /// Remembers what is new in a batch.
    pub fn learn(&mut self, batch: &Batch) {
        for row in batch.rows.iter().filter(|row| row.space == Space::Mls && row.key.first() == Some(&MESSAGE_SECRETS)) {
            let Some(secret) = row.value.as_deref().and_then(secret) else { continue };
            // The key holds the group's id behind lengths of its own; whatever ends alike is the same group.
            let known = self.0.entry(row.key.clone()).or_default();
            if known.last() != Some(&secret) && !known.contains(&secret) {
                known.push(secret);
            }
        }
    }

    /// Reads the sender data of a PrivateMessage; none when no secret opens it.
    #[must_use]
    pub fn read(&self, bytes: &[u8]) -> Option<Sealed> {
        let head = head(bytes)?;
        let of_group = self.0.iter().filter(|(key, _)| key.ends_with(head.group));
        let (secret, (leaf, ratchet)) =
            of_group.flat_map(|(_, known)| known.iter().rev()).find_map(|secret| Some((secret, open(secret, &head)?)))?;
        let branch = Sha256::digest(secret).into();
        Some(Sealed { branch, epoch: head.epoch, leaf, ratchet, digest: Sha256::digest(bytes).into() })
    }
}

/// Format byte, then postcard: no past epochs, none kept, then the secret as its first field.
fn secret(value: &[u8]) -> Option<[u8; 32]> {
    match value {
        [1, 0, 0, 32, rest @ ..] => rest.first_chunk().copied(),
        _ => None,
    }
}

/// A variable-length vector (RFC 9420 §2.1.2).
fn vector<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let first = *bytes.first()?;
    let width = 1usize << (first >> 6);
    let (head, rest) = bytes.split_at_checked(width)?;
    let length = head.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte)) & ((1 << (8 * width - 2)) - 1);
    let (vector, rest) = rest.split_at_checked(length)?;
    *bytes = rest;
    Some(vector)
}

fn number<const N: usize>(bytes: &mut &[u8]) -> Option<u64> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(head.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn head(mut bytes: &[u8]) -> Option<Head<'_>> {
    let rest = &mut bytes;
    // Version mls10, wire format mls_private_message.
    if number::<2>(rest)? != 1 || number::<2>(rest)? != 2 {
        return None;
    }
    let group = vector(rest)?;
    let epoch = number::<8>(rest)?;
    let kind = u8::try_from(number::<1>(rest)?).ok()?;
    let _authenticated = vector(rest)?;
    let sender = vector(rest)?;
    Some(Head { group, epoch, kind, sender, ciphertext: vector(rest)? })
}

/// ExpandWithLabel (RFC 9420 §8).
fn expand<const N: usize>(secret: &[u8; 32], label: &str, context: &[u8]) -> Option<[u8; N]> {
    let label = format!("MLS 1.0 {label}");
    let mut info = u16::try_from(N).ok()?.to_be_bytes().to_vec();
    for part in [label.as_bytes(), context] {
        // Both are shorter than 64 bytes: one byte of length.
        info.push(u8::try_from(part.len()).ok().filter(|length| *length < 64)?);
        info.extend_from_slice(part);
    }
    let mut out = [0; N];
    Hkdf::<Sha256>::from_prk(secret).ok()?.expand(&info, &mut out).ok()?;
    Some(out)
}

fn open(secret: &[u8; 32], head: &Head<'_>) -> Option<(u32, u32)> {
    let sample = head.ciphertext.get(..32.min(head.ciphertext.len()))?;
    let key: [u8; 32] = expand(secret, "key", sample)?;
    let nonce: [u8; 12] = expand(secret, "nonce", sample)?;
    // A group id here is 20 bytes: one byte of length.
    let mut aad = vec![u8::try_from(head.group.len()).ok().filter(|length| *length < 64)?];
    aad.extend_from_slice(head.group);
    aad.extend(head.epoch.to_be_bytes());
    aad.push(head.kind);
    let cipher = ChaCha20Poly1305::new(&key.into());
    let plain = cipher.decrypt(&nonce.into(), Payload { msg: head.sender, aad: &aad }).ok()?;
    let mut rest = plain.as_slice();
    let leaf = u32::try_from(number::<4>(&mut rest)?).ok()?;
    let ratchet = u32::try_from(number::<4>(&mut rest)?).ok()?;
    (rest.len() == 4).then_some((leaf, ratchet))
}
