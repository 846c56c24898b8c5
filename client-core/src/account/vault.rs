//! The account root key, its wraps, and the vault below it (protocol §1).

use ed25519_dalek::SigningKey;
use minicbor::{Decode, Encode};
use shared::{
    AccountId, Bytes, DeviceId, codec,
    http::{Secrets, Wrap, WrapKind},
    label::Label,
    statement::{self, Statement},
};
use zeroize::{Zeroize, Zeroizing};

use crate::{derive, entropy::Entropy, sealed};

/// What the vault holds. In memory only while one registers, unlocks, certifies or recovers.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Vault {
    /// Seed of the identity key.
    #[n(0)]
    pub(crate) identity: Bytes,
    /// Archive keys of generations before this one, oldest first.
    #[n(1)]
    pub(crate) archive_keys: Vec<Bytes>,
    /// Key-stretching version of the password record.
    #[n(2)]
    pub(crate) ksf: u8,
    /// The random store secret of each device.
    #[n(3)]
    pub(crate) stores: Vec<StoreSecret>,
}

/// The secret below a device's local store.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct StoreSecret {
    #[n(0)]
    pub(crate) device: DeviceId,
    #[n(1)]
    pub(crate) secret: Bytes,
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.identity.0.zeroize();
        self.archive_keys.iter_mut().for_each(|key| key.0.zeroize());
        self.stores.iter_mut().for_each(|store| store.secret.0.zeroize());
    }
}

impl Vault {
    /// The identity key.
    pub(crate) fn identity_key(&self) -> Result<SigningKey, CannotUnwrap> {
        self.identity.array().map(|seed| SigningKey::from_bytes(&Zeroizing::new(seed))).ok_or(CannotUnwrap)
    }

    /// The store secret of a device.
    pub(crate) fn store(&self, device: DeviceId) -> Option<&Bytes> {
        self.stores.iter().find(|store| store.device == device).map(|store| &store.secret)
    }

    pub(crate) fn seal(&self, root: &Root, account: AccountId, number: u64, entropy: &mut Entropy) -> Vec<u8> {
        let key = root.key(Label::Vault);
        let plain = Zeroizing::new(codec::encode(self));
        sealed::seal(&key, &sealed::vault_place(account, root.generation, number), &plain, entropy)
    }
}

/// The root key and its generation.
#[derive(Clone)]
pub(crate) struct Root {
    pub(crate) secret: Zeroizing<[u8; 32]>,
    pub(crate) generation: u32,
}

impl Root {
    /// A key below it.
    pub(crate) fn key(&self, label: Label) -> derive::Key {
        derive::below_root(&self.secret, self.generation, label)
    }

    /// Seals it under a wrap key.
    pub(crate) fn wrap(
        &self,
        key: &derive::Key,
        account: AccountId,
        kind: WrapKind,
        record: u32,
        entropy: &mut Entropy,
    ) -> Wrap {
        let place = sealed::wrap_place(account, kind, self.generation, record);
        Wrap {
            kind,
            generation: self.generation,
            record,
            sealed: sealed::seal(key, &place, self.secret.as_ref(), entropy).into(),
        }
    }
}

/// The account's sealed belongings do not open or do not fit together. An error, never a reason to make new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the account's sealed belongings do not open")]
pub(crate) struct CannotUnwrap;

/// Everything of an account, opened and checked against its newest statement.
pub(crate) struct Opened {
    pub(crate) root: Root,
    pub(crate) vault: Vault,
    pub(crate) vault_number: u64,
    pub(crate) identity: SigningKey,
    pub(crate) wraps: Vec<Wrap>,
    pub(crate) sealed_vault: Bytes,
    pub(crate) newest: Statement,
}

/// Opens what the server holds with the key of one wrap kind, and checks that it is what the newest statement names: a
/// server that swaps or keeps back a wrap, the vault or a statement is found here.
pub(crate) fn open(account: AccountId, secrets: &Secrets, kind: WrapKind, key: &derive::Key) -> Result<Opened, CannotUnwrap> {
    let chain = statement::verify_chain(None, secrets.statements.iter().map(Bytes::as_slice)).map_err(|_| CannotUnwrap)?;
    let stated = chain.newest.content();
    if stated.account != account || !names(&chain.newest, secrets) {
        return Err(CannotUnwrap);
    }
    let wrap = secrets.wraps.iter().find(|w| w.kind == kind && w.generation == stated.generation).ok_or(CannotUnwrap)?;
    let place = sealed::wrap_place(account, kind, wrap.generation, wrap.record);
    let secret = Zeroizing::new(sealed::open(key, &place, wrap.sealed.as_slice()).map_err(|_| CannotUnwrap)?);
    let secret: [u8; 32] = secret.as_slice().try_into().map_err(|_| CannotUnwrap)?;
    below(Root { secret: Zeroizing::new(secret), generation: wrap.generation }, chain.newest, secrets)
}

/// The same again, under the root key that is open already: only vault, wraps and statements have moved.
pub(crate) fn reopen(before: Opened, secrets: &Secrets) -> Result<Opened, CannotUnwrap> {
    let known = usize::try_from(before.newest.content().number).unwrap_or(usize::MAX);
    let new = secrets.statements.iter().map(Bytes::as_slice).skip(known);
    let chain = statement::verify_chain(Some(&before.newest), new).map_err(|_| CannotUnwrap)?;
    if chain.newest.content().generation != before.root.generation || !names(&chain.newest, secrets) {
        return Err(CannotUnwrap);
    }
    below(before.root, chain.newest, secrets)
}

/// Is this what the statement names?
fn names(newest: &Statement, secrets: &Secrets) -> bool {
    let stated = newest.content();
    let wraps = secrets.wraps.iter().map(|wrap| wrap.sealed.as_slice());
    stated.vault_number == secrets.vault_number && stated.secrets == statement::hash_of_secrets(wraps, secrets.vault.as_slice())
}

/// Opens what lies below the root key.
fn below(root: Root, newest: Statement, secrets: &Secrets) -> Result<Opened, CannotUnwrap> {
    let stated = newest.content();
    let place = sealed::vault_place(stated.account, root.generation, secrets.vault_number);
    let plain =
        Zeroizing::new(sealed::open(&root.key(Label::Vault), &place, secrets.vault.as_slice()).map_err(|_| CannotUnwrap)?);
    let vault: Vault = codec::decode(&plain).map_err(|_| CannotUnwrap)?;
    let identity = vault.identity_key()?;
    if identity.verifying_key().to_bytes() != stated.identity {
        return Err(CannotUnwrap);
    }
    Ok(Opened {
        root,
        vault,
        vault_number: secrets.vault_number,
        identity,
        wraps: secrets.wraps.clone(),
        sealed_vault: secrets.vault.clone(),
        newest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use shared::{
        handle::Handle,
        signature::signing_key,
        statement::{Content, StatedDevice},
    };

    const ACCOUNT: AccountId = AccountId([1; 16]);
    const DEVICE: DeviceId = DeviceId([2; 16]);

    fn key(byte: u8) -> derive::Key {
        Zeroizing::new([byte; 32])
    }

    /// What the server holds, made by an honest client that may err in one place.
    #[derive(Clone)]
    struct Made {
        identity: u8,
        stated: AccountId,
        stated_vault: u64,
        stated_generation: u32,
        hashed: Option<[u8; 32]>,
    }

    const HONEST: Made = Made { identity: 3, stated: ACCOUNT, stated_vault: 5, stated_generation: 1, hashed: None };

    fn made(made: &Made) -> Secrets {
        let mut entropy = Entropy::new([9; 32]);
        let root = Root { secret: Zeroizing::new([8; 32]), generation: 1 };
        let stores = vec![
            StoreSecret { device: DeviceId([9; 16]), secret: Bytes(vec![6; 32]) },
            StoreSecret { device: DEVICE, secret: Bytes(vec![7; 32]) },
        ];
        let vault = Vault { identity: Bytes(vec![made.identity; 32]), archive_keys: vec![], ksf: 1, stores };
        let sealed = vault.seal(&root, ACCOUNT, 5, &mut entropy);
        let wraps = vec![
            root.wrap(&key(10), ACCOUNT, WrapKind::Password, 1, &mut entropy),
            root.wrap(&key(11), ACCOUNT, WrapKind::Kit, 1, &mut entropy),
        ];
        let identity = signing_key(&[3; 32]);
        let hash = statement::hash_of_secrets(wraps.iter().map(|wrap| wrap.sealed.as_slice()), &sealed);
        let content = Content {
            account: made.stated,
            handle: Handle::parse("alice").unwrap(),
            identity: identity.verifying_key().to_bytes(),
            number: 1,
            previous: [0; 32],
            generation: made.stated_generation,
            vault_number: made.stated_vault,
            secrets: made.hashed.unwrap_or(hash),
            devices: vec![StatedDevice { id: DEVICE, key: [4; 32], suites: vec![1] }],
        };
        let newest = content.sign(&identity, None).unwrap();
        Secrets { wraps, vault: sealed.into(), vault_number: 5, statements: vec![newest.as_bytes().into()] }
    }

    #[test]
    fn either_wrap_opens_everything() {
        let secrets = made(&HONEST);
        for (kind, byte) in [(WrapKind::Password, 10), (WrapKind::Kit, 11)] {
            let opened = open(ACCOUNT, &secrets, kind, &key(byte)).ok().unwrap();
            assert_eq!((*opened.root.secret, opened.root.generation), ([8; 32], 1));
            assert_eq!(opened.identity.to_bytes(), [3; 32]);
            assert_eq!((opened.vault_number, opened.vault.ksf), (5, 1));
            assert_eq!((&opened.wraps, &opened.sealed_vault), (&secrets.wraps, &secrets.vault));
            assert_eq!(opened.newest.as_bytes(), secrets.statements[0].as_slice());
            assert_eq!(opened.vault.store(DEVICE), Some(&Bytes(vec![7; 32])));
            assert_eq!(opened.vault.store(DeviceId([5; 16])), None);
            assert!(open(ACCOUNT, &secrets, kind, &key(byte ^ 1)).is_err(), "the key of the other wrap");
        }
    }

    #[test]
    fn what_has_moved_opens_under_the_root_that_is_open_if_the_chain_goes_on() {
        let first = made(&HONEST);
        let opened = || open(ACCOUNT, &first, WrapKind::Password, &key(10)).ok().unwrap();
        let before = opened();
        let mut entropy = Entropy::new([10; 32]);
        let moved = |vault_number: u64, previous: [u8; 32], generation: u32, entropy: &mut Entropy| {
            let sealed = before.vault.seal(&before.root, ACCOUNT, 6, entropy);
            let hash = statement::hash_of_secrets(first.wraps.iter().map(|wrap| wrap.sealed.as_slice()), &sealed);
            let content =
                Content { number: 2, previous, generation, vault_number, secrets: hash, ..before.newest.content().clone() };
            let second = content.sign(&before.identity, None).unwrap();
            let statements = vec![first.statements[0].clone(), second.as_bytes().into()];
            Secrets { wraps: first.wraps.clone(), vault: sealed.into(), vault_number: 6, statements }
        };
        let again = reopen(opened(), &moved(6, before.newest.hash(), 1, &mut entropy)).ok().unwrap();
        assert_eq!((again.vault_number, again.newest.content().number), (6, 2));
        assert_eq!((&*again.root.secret, again.identity.to_bytes()), (&[8; 32], [3; 32]));
        for (name, vault_number, previous, generation) in [
            ("another chain", 6, [9; 32], 1),
            ("another vault than the one it names", 7, before.newest.hash(), 1),
            ("another root", 6, before.newest.hash(), 2),
        ] {
            assert!(reopen(opened(), &moved(vault_number, previous, generation, &mut entropy)).is_err(), "{name}");
        }
    }

    #[test]
    fn what_the_newest_statement_does_not_name_opens_nothing() {
        let open = |secrets: &Secrets| open(ACCOUNT, secrets, WrapKind::Password, &key(10)).map(drop);
        assert_eq!(open(&made(&HONEST)), Ok(()));
        for (name, wrong) in [
            ("the statement of somebody else", Made { stated: AccountId([6; 16]), ..HONEST }),
            ("another number of the vault", Made { stated_vault: 6, ..HONEST }),
            ("other wraps", Made { hashed: Some([1; 32]), ..HONEST }),
            ("another identity", Made { identity: 4, ..HONEST }),
            ("no wrap of this generation", Made { stated_generation: 2, ..HONEST }),
        ] {
            assert_eq!(open(&made(&wrong)), Err(CannotUnwrap), "{name}");
        }
        let none = Secrets { statements: vec![], ..made(&HONEST) };
        assert_eq!(open(&none), Err(CannotUnwrap));
    }

    #[test]
    fn keys_below_the_root_are_those_of_its_generation() {
        let root = Root { secret: Zeroizing::new([8; 32]), generation: 2 };
        assert_eq!(*root.key(Label::Vault), *derive::below_root(&[8; 32], 2, Label::Vault));
        assert_ne!(*root.key(Label::Vault), *root.key(Label::Settings));
    }
}
