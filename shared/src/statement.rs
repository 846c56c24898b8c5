//! The account statement: what an account says of itself, hash-chained from the first minute (protocol §1).
//!
//! ```text
//! version 1 │ account 16 │ handle length 1 │ handle … │ identity key 32 │ number 8 │ previous hash 32
//! │ generation 4 │ vault number 8 │ hash of wraps and vault 32 │ n 2 │ n × device │ signature 64
//! │ succession 1 (0: none, 1: signature of the previous identity key follows) │ [signature 64]
//! device = id 16 │ key 32 │ m 1 │ m × suite 2
//! ```

use ed25519_dalek::SigningKey;
use sha2::{Digest as _, Sha256};

use crate::{
    handle::Handle,
    id::{AccountId, DeviceId},
    label::Label,
    limits,
    reader::{LayoutError, Reader},
    signature::{self, PublicKey, Signature},
};

const VERSION: u8 = 1;

/// One device in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatedDevice {
    /// Which device.
    pub id: DeviceId,
    /// Its key.
    pub key: PublicKey,
    /// MLS suites it speaks.
    pub suites: Vec<u16>,
}

/// The content of a statement, before or after signing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Whose statement.
    pub account: AccountId,
    /// The handle as shown.
    pub handle: Handle,
    /// The identity key in force.
    pub identity: PublicKey,
    /// 1, 2, 3 …
    pub number: u64,
    /// SHA-256 of the previous statement's bytes; zeros for number 1.
    pub previous: [u8; 32],
    /// Generation of the account root key.
    pub generation: u32,
    /// Number of the vault.
    pub vault_number: u64,
    /// [`hash_of_secrets`] of what the server holds.
    pub secrets: [u8; 32],
    /// Devices in force, ascending by id.
    pub devices: Vec<StatedDevice>,
}

/// How a statement follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The same identity key.
    Same,
    /// A new identity key, signed by the old one too.
    Succession,
    /// A new identity key alone: an alarm.
    Reset,
}

/// Why a statement or a chain of them is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The layout is wrong.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A signature does not verify.
    #[error("a signature of the statement does not verify")]
    Signature,
    /// It does not continue the chain.
    #[error("the statement does not continue the account's chain")]
    Chain,
}

/// A statement whose own signature was verified. Nobody else can make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    content: Content,
    succession: Option<Signature>,
    signed: usize,
    bytes: Vec<u8>,
}

impl Content {
    fn encode(&self) -> Result<Vec<u8>, LayoutError> {
        let handle = self.handle.as_str().as_bytes();
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.account.as_bytes());
        bytes.push(u8::try_from(handle.len()).map_err(|_| LayoutError::Value)?);
        bytes.extend_from_slice(handle);
        bytes.extend_from_slice(&self.identity);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.previous);
        bytes.extend_from_slice(&self.generation.to_be_bytes());
        bytes.extend_from_slice(&self.vault_number.to_be_bytes());
        bytes.extend_from_slice(&self.secrets);
        bytes.extend_from_slice(&u16::try_from(self.devices.len()).map_err(|_| LayoutError::Value)?.to_be_bytes());
        for device in &self.devices {
            bytes.extend_from_slice(device.id.as_bytes());
            bytes.extend_from_slice(&device.key);
            bytes.push(u8::try_from(device.suites.len()).map_err(|_| LayoutError::Value)?);
            device.suites.iter().for_each(|suite| bytes.extend_from_slice(&suite.to_be_bytes()));
        }
        Ok(bytes)
    }

    /// Signs with the identity key in force and, when the identity key changed, with the previous one.
    ///
    /// # Errors
    /// [`StatementError`] when the content breaks a rule of the layout or `identity` is not the key it names.
    pub fn sign(mut self, identity: &SigningKey, previous: Option<&SigningKey>) -> Result<Statement, StatementError> {
        self.devices.sort_by_key(|device| device.id);
        let mut bytes = self.encode()?;
        let signed = bytes.clone();
        bytes.extend_from_slice(&signature::sign(identity, Label::Statement, &signed));
        match previous {
            None => bytes.push(0),
            Some(key) => {
                bytes.push(1);
                bytes.extend_from_slice(&signature::sign(key, Label::Succession, &signed));
            }
        }
        Statement::parse(&bytes)
    }
}

impl Statement {
    /// Reads the layout and verifies the statement's own signature.
    ///
    /// # Errors
    /// [`StatementError`] when layout or signature is wrong. Whether it continues a chain is [`Statement::follows`].
    pub fn parse(bytes: &[u8]) -> Result<Self, StatementError> {
        let mut reader = Reader::new(bytes);
        reader.version(VERSION)?;
        let account = AccountId(reader.array()?);
        let length = usize::from(reader.u8()?);
        let handle = core::str::from_utf8(reader.take(length)?).map_err(|_| LayoutError::Value)?;
        let handle = Handle::parse(handle).map_err(|_| LayoutError::Value)?;
        let identity = reader.array()?;
        let number = reader.u64()?;
        let previous = reader.array()?;
        let generation = reader.u32()?;
        let vault_number = reader.u64()?;
        let secrets = reader.array()?;
        let count = usize::from(reader.u16()?);
        if count > limits::DEVICES || number == 0 || generation == 0 || (number == 1 && previous != [0; 32]) {
            return Err(LayoutError::Value.into());
        }
        let mut devices: Vec<StatedDevice> = Vec::with_capacity(count);
        for _ in 0..count {
            let id = DeviceId(reader.array()?);
            let key = reader.array()?;
            let suites = usize::from(reader.u8()?);
            if suites == 0 || suites > crate::certificate::MAX_SUITES || devices.last().is_some_and(|last| last.id >= id) {
                return Err(LayoutError::Value.into());
            }
            let suites = (0..suites).map(|_| reader.u16()).collect::<Result<_, _>>()?;
            devices.push(StatedDevice { id, key, suites });
        }
        let signed = bytes.len() - reader.left();
        let own: Signature = reader.array()?;
        let succession = match reader.u8()? {
            0 => None,
            1 => Some(reader.array()?),
            _ => return Err(LayoutError::Value.into()),
        };
        reader.end()?;
        let content = Content { account, handle, identity, number, previous, generation, vault_number, secrets, devices };
        let text = bytes.get(..signed).ok_or(LayoutError::Length)?;
        signature::verify(&content.identity, Label::Statement, text, &own).map_err(|_| StatementError::Signature)?;
        Ok(Self { content, succession, signed, bytes: bytes.to_vec() })
    }

    /// What it says.
    #[must_use]
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// The bytes as received.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the complete bytes: what the next statement names, what key transparency will publish.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }

    /// The device as stated.
    #[must_use]
    pub fn device(&self, id: DeviceId) -> Option<&StatedDevice> {
        self.content.devices.iter().find(|device| device.id == id)
    }

    /// Is this the first statement of a chain?
    ///
    /// # Errors
    /// [`StatementError::Chain`] when its number is not 1 or it claims a succession.
    pub const fn starts(&self) -> Result<(), StatementError> {
        if self.content.number == 1 && self.succession.is_none() { Ok(()) } else { Err(StatementError::Chain) }
    }

    /// Does this statement directly follow `before`?
    ///
    /// # Errors
    /// [`StatementError`] when number, hash, account or a signature does not fit, or the generation goes back.
    pub fn follows(&self, before: &Self) -> Result<Step, StatementError> {
        let (new, old) = (&self.content, &before.content);
        let chained = new.account == old.account
            && old.number.checked_add(1) == Some(new.number)
            && new.previous == before.hash()
            && new.generation >= old.generation;
        if !chained {
            return Err(StatementError::Chain);
        }
        if new.identity == old.identity {
            return if self.succession.is_none() { Ok(Step::Same) } else { Err(StatementError::Chain) };
        }
        let Some(succession) = &self.succession else { return Ok(Step::Reset) };
        let text = self.bytes.get(..self.signed).ok_or(LayoutError::Length)?;
        signature::verify(&old.identity, Label::Succession, text, succession).map_err(|_| StatementError::Signature)?;
        Ok(Step::Succession)
    }
}

/// What a whole chain amounts to: its newest statement and the worst step on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The newest statement.
    pub newest: Statement,
    /// The worst of all steps: [`Step::Reset`] is worse than [`Step::Succession`] is worse than [`Step::Same`].
    pub worst: Step,
}

/// Verifies consecutive statements, each as stored. With `known` they must continue it (or begin with it again).
///
/// # Errors
/// [`StatementError`] when one of them does not fit; an empty list without `known` is [`StatementError::Chain`].
pub fn verify_chain<'a>(
    known: Option<&Statement>,
    statements: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Chain, StatementError> {
    let mut newest = known.cloned();
    let mut worst = Step::Same;
    for bytes in statements {
        let next = Statement::parse(bytes)?;
        match &newest {
            None => next.starts()?,
            Some(before) => match next.follows(before)? {
                Step::Same => {}
                Step::Succession if worst == Step::Reset => {}
                step => worst = step,
            },
        }
        newest = Some(next);
    }
    newest.map(|newest| Chain { newest, worst }).ok_or(StatementError::Chain)
}

/// SHA-256 over the wraps and the vault as stored, each with its length (u32, big endian), in this order:
/// password, kit, passkeys by id, vault.
#[must_use]
pub fn hash_of_secrets<'a>(wraps: impl IntoIterator<Item = &'a [u8]>, vault: &'a [u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in wraps.into_iter().chain([vault]) {
        hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(number: u64, previous: [u8; 32], identity: &SigningKey) -> Content {
        Content {
            account: AccountId([1; 16]),
            handle: Handle::parse("Alice").unwrap(),
            identity: identity.verifying_key().to_bytes(),
            number,
            previous,
            generation: 1,
            vault_number: number,
            secrets: [9; 32],
            devices: vec![
                StatedDevice { id: DeviceId([8; 16]), key: [4; 32], suites: vec![0x4d] },
                StatedDevice { id: DeviceId([7; 16]), key: [3; 32], suites: vec![0x4d, 3] },
            ],
        }
    }

    #[test]
    fn every_flipped_bit_cut_and_tail_is_refused() {
        let key = SigningKey::from_bytes(&[5; 32]);
        let statement = content(1, [0; 32], &key).sign(&key, None).unwrap();
        let bytes = statement.as_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.to_vec();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Statement::parse(&bad).is_err(), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(Statement::parse(&bytes[..end]).is_err(), "cut {end}");
        }
        assert!(Statement::parse(&[bytes, &[0]].concat()).is_err());
    }

    #[test]
    fn chains_are_judged_by_their_worst_step() {
        let (a, b, c) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]), SigningKey::from_bytes(&[3; 32]));
        let first = content(1, [0; 32], &a).sign(&a, None).unwrap();
        let same = content(2, first.hash(), &a).sign(&a, None).unwrap();
        let calm = content(3, same.hash(), &b).sign(&b, Some(&a)).unwrap();
        let reset = content(4, calm.hash(), &c).sign(&c, None).unwrap();
        let chain = |list: &[&Statement]| verify_chain(None, list.iter().map(|s| s.as_bytes())).map(|c| c.worst);
        assert_eq!(chain(&[&first, &same]), Ok(Step::Same));
        assert_eq!(chain(&[&first, &same, &calm]), Ok(Step::Succession));
        assert_eq!(chain(&[&first, &same, &calm, &reset]), Ok(Step::Reset));
        assert_eq!(chain(&[&same]), Err(StatementError::Chain), "does not start");
        assert_eq!(chain(&[&first, &calm]), Err(StatementError::Chain), "a link is missing");
        assert_eq!(chain(&[&first, &first]), Err(StatementError::Chain), "twice");
        let branch = content(3, first.hash(), &a).sign(&a, None).unwrap();
        assert_eq!(chain(&[&first, &same, &branch]), Err(StatementError::Chain), "continues another one");
        assert_eq!(chain(&[]), Err(StatementError::Chain));
        let forged = content(3, same.hash(), &b).sign(&b, Some(&c)).unwrap();
        assert_eq!(chain(&[&first, &same, &forged]), Err(StatementError::Signature), "signed by a stranger");
        assert_eq!(verify_chain(Some(&first), [same.as_bytes()]).unwrap().newest, same);
    }

    #[test]
    fn generation_never_goes_back() {
        let a = SigningKey::from_bytes(&[1; 32]);
        let mut start = content(1, [0; 32], &a);
        start.generation = 3;
        let first = start.sign(&a, None).unwrap();
        let back = content(2, first.hash(), &a).sign(&a, None).unwrap();
        assert_eq!(back.follows(&first), Err(StatementError::Chain));
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    /// Signed by the key it names, whatever it says.
    fn signed(change: impl FnOnce(&mut Content)) -> Result<Statement, StatementError> {
        let mut content = content(2, [3; 32], &key(1));
        change(&mut content);
        content.sign(&key(1), None)
    }

    #[test]
    fn what_was_said_can_be_read() {
        let statement = signed(|_| {}).unwrap();
        let read = Statement::parse(statement.as_bytes()).unwrap();
        let mut expected = content(2, [3; 32], &key(1));
        expected.devices.reverse();
        assert_eq!(read.content(), &expected, "devices ascend");
        assert_eq!(read.device(DeviceId([7; 16])), expected.devices.first());
        assert_eq!(read.device(DeviceId([9; 16])), None);
        let hash: [u8; 32] = Sha256::digest(statement.as_bytes()).into();
        assert_eq!(read.hash(), hash);
    }

    #[test]
    fn numbers_that_no_statement_has() {
        let impossible = Err(StatementError::Layout(LayoutError::Value));
        assert_eq!(signed(|content| content.number = 0).map(drop), impossible);
        assert_eq!(signed(|content| content.generation = 0).map(drop), impossible);
        assert_eq!(signed(|content| content.number = 1).map(drop), impossible, "the first follows nothing");
        assert!(signed(|content| (content.number, content.previous) = (1, [0; 32])).is_ok());
        assert!(signed(|content| content.previous = [0; 32]).is_ok());
    }

    #[test]
    fn devices_and_suites_are_counted() {
        let impossible = Err(StatementError::Layout(LayoutError::Value));
        let device = |at: usize, suites| StatedDevice { id: DeviceId([at as u8; 16]), key: [4; 32], suites };
        let devices = |count: usize| (0..count).map(|at| device(at, vec![3])).collect::<Vec<_>>();
        assert_eq!(signed(|content| content.devices = devices(50)).unwrap().content().devices.len(), 50);
        assert_eq!(signed(|content| content.devices = devices(51)).map(drop), impossible);
        assert!(signed(|content| content.devices = vec![]).is_ok());
        assert!(signed(|content| content.devices = vec![device(1, vec![3; 8])]).is_ok());
        assert_eq!(signed(|content| content.devices = vec![device(1, vec![3; 9])]).map(drop), impossible);
        assert_eq!(signed(|content| content.devices = vec![device(1, vec![])]).map(drop), impossible);
        assert_eq!(signed(|content| content.devices = vec![device(1, vec![3]), device(1, vec![3])]).map(drop), impossible);
        assert_eq!(signed(|content| content.devices = vec![device(1, vec![3; 300])]).map(drop), impossible);
    }

    #[test]
    fn another_key_than_the_named_one_signs_nothing() {
        let content = content(1, [0; 32], &key(1));
        assert_eq!(content.sign(&key(2), None), Err(StatementError::Signature));
    }

    #[test]
    fn each_link_alone() {
        let first = content(1, [0; 32], &key(1)).sign(&key(1), None).unwrap();
        let next = |change: fn(&mut Content)| {
            let mut content = content(2, first.hash(), &key(1));
            change(&mut content);
            content.sign(&key(1), None).unwrap().follows(&first)
        };
        assert_eq!(next(|_| {}), Ok(Step::Same));
        assert_eq!(next(|content| content.generation = 2), Ok(Step::Same));
        assert_eq!(next(|content| content.account = AccountId([2; 16])), Err(StatementError::Chain));
        assert_eq!(next(|content| content.number = 3), Err(StatementError::Chain));
        assert_eq!(next(|content| content.previous = [1; 32]), Err(StatementError::Chain));
        let needless = content(2, first.hash(), &key(1)).sign(&key(1), Some(&key(1))).unwrap();
        assert_eq!(needless.follows(&first), Err(StatementError::Chain), "a succession to oneself");
    }

    #[test]
    fn a_chain_starts_at_one_without_a_succession() {
        let first = content(1, [0; 32], &key(1));
        assert_eq!(first.clone().sign(&key(1), None).unwrap().starts(), Ok(()));
        assert_eq!(first.sign(&key(1), Some(&key(2))).unwrap().starts(), Err(StatementError::Chain));
        assert_eq!(content(2, [0; 32], &key(1)).sign(&key(1), None).unwrap().starts(), Err(StatementError::Chain));
    }

    #[test]
    fn a_reset_is_not_forgotten() {
        let first = content(1, [0; 32], &key(1)).sign(&key(1), None).unwrap();
        let reset = content(2, first.hash(), &key(2)).sign(&key(2), None).unwrap();
        let calm = content(3, reset.hash(), &key(3)).sign(&key(3), Some(&key(2))).unwrap();
        let worst = |list: &[&Statement]| verify_chain(None, list.iter().map(|one| one.as_bytes())).unwrap().worst;
        assert_eq!(worst(&[&first, &reset, &calm]), Step::Reset);
        let again = verify_chain(Some(&first), []).unwrap();
        assert_eq!((again.newest, again.worst), (first, Step::Same));
    }

    #[test]
    fn secrets_are_hashed_with_their_lengths() {
        let by_hand = Sha256::digest([0, 0, 0, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 9]);
        assert_eq!(hash_of_secrets([&[1, 2][..], &[]], &[9])[..], by_hand[..]);
        assert_ne!(hash_of_secrets([&[1][..], &[2]], &[9]), hash_of_secrets([&[1, 2][..], &[]], &[9]));
    }
}
