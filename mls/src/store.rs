//! openmls' storage: key-value rows in memory with a journal. What changed since the last commit is both the batch to
//! persist and the undo log; a savepoint lets one failing call be taken back alone.
//!
//! Values are `Arc`s, so a savepoint costs only what was touched. Each row starts with a format byte: postcard is compact but
//! not self-describing, so a later openmls migrates rows of an older format with the older version linked (mls.md, trap 12).

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use openmls_traits::storage::{CURRENT_VERSION as V, StorageProvider, traits};
use serde::{Serialize, de::DeserializeOwned};

/// Row key: table byte, then the encoded MLS key.
pub type Key = Vec<u8>;
/// Row value: format byte, then the encoded value.
pub type Value = Arc<[u8]>;

/// Rows of openmls 0.9.
const FORMAT: u8 = 1;

/// One row that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// Written.
    Put(Key, Value),
    /// Gone.
    Delete(Key),
}

/// A row can't be encoded or decoded: damaged, or of another format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored row can not be encoded or decoded")]
pub struct Error;

/// A point to roll back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Savepoint(usize);

/// The rows.
#[derive(Debug, Default)]
pub struct Store {
    rows: RefCell<BTreeMap<Key, Value>>,
    /// Every overwritten value since the last [`Store::commit`], in order.
    undo: RefCell<Vec<(Key, Option<Value>)>>,
}

impl Store {
    /// With these rows, all durable.
    #[must_use]
    pub fn from_rows(rows: impl IntoIterator<Item = (Key, Value)>) -> Self {
        Self { rows: RefCell::new(rows.into_iter().collect()), undo: RefCell::default() }
    }

    /// What must be persisted. Rows that hold their old value again are left out.
    #[must_use]
    pub fn changes(&self) -> Vec<RowChange> {
        let rows = self.rows.borrow();
        let mut first: BTreeMap<&Key, &Option<Value>> = BTreeMap::new();
        let undo = self.undo.borrow();
        for (key, old) in undo.iter() {
            first.entry(key).or_insert(old);
        }
        first
            .into_iter()
            .filter_map(|(key, old)| match (old, rows.get(key)) {
                (Some(old), Some(new)) if old == new => None,
                (_, Some(new)) => Some(RowChange::Put(key.clone(), new.clone())),
                (Some(_), None) => Some(RowChange::Delete(key.clone())),
                (None, None) => None,
            })
            .collect()
    }

    /// The changes are durable: forget how to undo them.
    pub fn commit(&self) {
        self.undo.borrow_mut().clear();
    }

    /// From here on [`Store::rollback_to`] can return.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint(self.undo.borrow().len())
    }

    /// Takes back everything since the savepoint. Every group object loaded before must be dropped: it has moved in memory.
    pub fn rollback_to(&self, Savepoint(length): Savepoint) {
        let mut rows = self.rows.borrow_mut();
        let mut undo = self.undo.borrow_mut();
        while undo.len() > length {
            match undo.pop() {
                Some((key, Some(value))) => {
                    rows.insert(key, value);
                }
                Some((key, None)) => {
                    rows.remove(&key);
                }
                None => {}
            }
        }
    }

    /// A second store with the same rows (only `Arc`s are copied): for trying something out.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::from_rows(self.rows.borrow().iter().map(|(k, v)| (k.clone(), v.clone())))
    }

    /// Takes over what was tried out in a fork.
    pub fn absorb(&self, changes: Vec<RowChange>) {
        for change in changes {
            match change {
                RowChange::Put(key, value) => self.set(key, Some(value)),
                RowChange::Delete(key) => self.set(key, None),
            }
        }
    }

    /// The keys of all rows, durable or not: what must go when the store changes hands.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        self.rows.borrow().keys().cloned().collect()
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.borrow().len()
    }

    /// Are there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.borrow().is_empty()
    }

    fn set(&self, key: Key, value: Option<Value>) {
        let mut rows = self.rows.borrow_mut();
        let old = match value {
            Some(value) => rows.insert(key.clone(), value),
            None => rows.remove(&key),
        };
        self.undo.borrow_mut().push((key, old));
    }
    fn put<T: Serialize>(&self, table: u8, key: &impl Serialize, value: &T) -> Result<(), Error> {
        self.set(row(table, key)?, Some(encode(table, value)?.into()));
        Ok(())
    }
    fn del(&self, table: u8, key: &impl Serialize) -> Result<(), Error> {
        self.set(row(table, key)?, None);
        Ok(())
    }
    fn get<T: DeserializeOwned>(&self, table: u8, key: &impl Serialize) -> Result<Option<T>, Error> {
        self.rows.borrow().get(&row(table, key)?).map(|v| decode(table, v)).transpose()
    }
    /// All rows below one group's key, in key order.
    fn list<T: DeserializeOwned>(&self, table: u8, prefix: &impl Serialize) -> Result<Vec<T>, Error> {
        let prefix = row(table, prefix)?;
        let rows = self.rows.borrow();
        rows.range(prefix.clone()..).take_while(|(k, _)| k.starts_with(&prefix)).map(|(_, v)| decode(table, v)).collect()
    }
    fn del_all(&self, table: u8, prefix: &impl Serialize) -> Result<(), Error> {
        let prefix = row(table, prefix)?;
        let keys: Vec<Key> =
            self.rows.borrow().range(prefix.clone()..).map(|(k, _)| k.clone()).take_while(|k| k.starts_with(&prefix)).collect();
        keys.into_iter().for_each(|key| self.set(key, None));
        Ok(())
    }
}

fn row(table: u8, key: &impl Serialize) -> Result<Key, Error> {
    let mut row = vec![table];
    row.extend(postcard::to_stdvec(key).map_err(|_| Error)?);
    Ok(row)
}

/// Postcard writes a byte as one byte; only the join config holds an untagged enum and needs a self-describing format.
fn encode<T: Serialize>(table: u8, value: &T) -> Result<Vec<u8>, Error> {
    let body = if table == JOIN_CONFIG {
        serde_json::to_vec(value).map_err(|_| Error)?
    } else {
        postcard::to_stdvec(value).map_err(|_| Error)?
    };
    Ok([&[FORMAT][..], &body].concat())
}

fn decode<T: DeserializeOwned>(table: u8, bytes: &[u8]) -> Result<T, Error> {
    match bytes.split_first() {
        Some((&FORMAT, body)) if table == JOIN_CONFIG => serde_json::from_slice(body).map_err(|_| Error),
        Some((&FORMAT, body)) => postcard::from_bytes(body).map_err(|_| Error),
        _ => Err(Error),
    }
}

mod table {
    pub(super) const TREE: u8 = 1;
    pub(super) const CONTEXT: u8 = 2;
    pub(super) const INTERIM: u8 = 3;
    pub(super) const CONFIRMATION: u8 = 4;
    pub(super) const JOIN_CONFIG: u8 = 5;
    pub(super) const MESSAGE_SECRETS: u8 = 6;
    pub(super) const RESUMPTION: u8 = 7;
    pub(super) const OWN_INDEX: u8 = 8;
    pub(super) const EPOCH_SECRETS: u8 = 9;
    pub(super) const GROUP_STATE: u8 = 10;
    pub(super) const OWN_LEAVES: u8 = 11;
    pub(super) const PROPOSAL: u8 = 12;
    pub(super) const SIGNATURE_KEY: u8 = 14;
    pub(super) const ENCRYPTION_KEY: u8 = 15;
    pub(super) const EPOCH_KEYS: u8 = 16;
    pub(super) const KEY_PACKAGE: u8 = 17;
    pub(super) const PSK: u8 = 18;
}
use table::*;

/// One row per key: write, read, delete.
macro_rules! rows {
    ($($key:ident => $write:ident $read:ident $delete:ident $table:ident $ty:ident;)*) => {$(
        fn $write<K: traits::$key<V>, T: traits::$ty<V>>(&self, key: &K, value: &T) -> Result<(), Error> { self.put($table, key, value) }
        fn $read<K: traits::$key<V>, T: traits::$ty<V>>(&self, key: &K) -> Result<Option<T>, Error> { self.get($table, key) }
        fn $delete<K: traits::$key<V>>(&self, key: &K) -> Result<(), Error> { self.del($table, key) }
    )*};
}

impl StorageProvider<V> for Store {
    type Error = Error;
    rows! {
        GroupId => write_tree tree delete_tree TREE TreeSync;
        GroupId => write_context group_context delete_context CONTEXT GroupContext;
        GroupId => write_interim_transcript_hash interim_transcript_hash delete_interim_transcript_hash INTERIM InterimTranscriptHash;
        GroupId => write_confirmation_tag confirmation_tag delete_confirmation_tag CONFIRMATION ConfirmationTag;
        GroupId => write_mls_join_config mls_group_join_config delete_group_config JOIN_CONFIG MlsGroupJoinConfig;
        GroupId => write_message_secrets message_secrets delete_message_secrets MESSAGE_SECRETS MessageSecrets;
        GroupId => write_resumption_psk_store resumption_psk_store delete_all_resumption_psk_secrets RESUMPTION ResumptionPskStore;
        GroupId => write_own_leaf_index own_leaf_index delete_own_leaf_index OWN_INDEX LeafNodeIndex;
        GroupId => write_group_epoch_secrets group_epoch_secrets delete_group_epoch_secrets EPOCH_SECRETS GroupEpochSecrets;
        SignaturePublicKey => write_signature_key_pair signature_key_pair delete_signature_key_pair SIGNATURE_KEY SignatureKeyPair;
        HashReference => write_key_package key_package delete_key_package KEY_PACKAGE KeyPackage;
    }
    // The trait names the type parameters in another order here.
    fn write_group_state<T: traits::GroupState<V>, G: traits::GroupId<V>>(&self, g: &G, value: &T) -> Result<(), Error> {
        self.put(GROUP_STATE, g, value)
    }
    fn group_state<T: traits::GroupState<V>, G: traits::GroupId<V>>(&self, g: &G) -> Result<Option<T>, Error> {
        self.get(GROUP_STATE, g)
    }
    fn delete_group_state<G: traits::GroupId<V>>(&self, g: &G) -> Result<(), Error> {
        self.del(GROUP_STATE, g)
    }
    fn write_encryption_key_pair<K: traits::EncryptionKey<V>, T: traits::HpkeKeyPair<V>>(
        &self,
        k: &K,
        value: &T,
    ) -> Result<(), Error> {
        self.put(ENCRYPTION_KEY, k, value)
    }
    fn encryption_key_pair<T: traits::HpkeKeyPair<V>, K: traits::EncryptionKey<V>>(&self, k: &K) -> Result<Option<T>, Error> {
        self.get(ENCRYPTION_KEY, k)
    }
    fn delete_encryption_key_pair<K: traits::EncryptionKey<V>>(&self, k: &K) -> Result<(), Error> {
        self.del(ENCRYPTION_KEY, k)
    }
    fn write_psk<K: traits::PskId<V>, T: traits::PskBundle<V>>(&self, k: &K, value: &T) -> Result<(), Error> {
        self.put(PSK, k, value)
    }
    fn psk<T: traits::PskBundle<V>, K: traits::PskId<V>>(&self, k: &K) -> Result<Option<T>, Error> {
        self.get(PSK, k)
    }
    fn delete_psk<K: traits::PskId<V>>(&self, k: &K) -> Result<(), Error> {
        self.del(PSK, k)
    }
    // Lists: one row per entry. The key starts with the group's, so a group is one key range.
    fn append_own_leaf_node<G: traits::GroupId<V>, T: traits::LeafNode<V>>(&self, g: &G, leaf: &T) -> Result<(), Error> {
        let n = u32::try_from(self.list::<T>(OWN_LEAVES, g)?.len()).map_err(|_| Error)?;
        self.put(OWN_LEAVES, &(g, n.to_be_bytes()), leaf)
    }
    fn own_leaf_nodes<G: traits::GroupId<V>, T: traits::LeafNode<V>>(&self, g: &G) -> Result<Vec<T>, Error> {
        self.list(OWN_LEAVES, g)
    }
    fn delete_own_leaf_nodes<G: traits::GroupId<V>>(&self, g: &G) -> Result<(), Error> {
        self.del_all(OWN_LEAVES, g)
    }
    fn queue_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>, Q: traits::QueuedProposal<V>>(
        &self,
        g: &G,
        r: &R,
        q: &Q,
    ) -> Result<(), Error> {
        let n = u32::try_from(self.list::<(R, Q)>(PROPOSAL, g)?.len()).map_err(|_| Error)?; // order of arrival is kept
        self.put(PROPOSAL, &(g, n.to_be_bytes()), &(r, q))
    }
    fn queued_proposal_refs<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(&self, g: &G) -> Result<Vec<R>, Error> {
        // Postcard ignores what follows the reference.
        self.list(PROPOSAL, g)
    }
    fn queued_proposals<G: traits::GroupId<V>, R: traits::ProposalRef<V>, Q: traits::QueuedProposal<V>>(
        &self,
        g: &G,
    ) -> Result<Vec<(R, Q)>, Error> {
        self.list(PROPOSAL, g)
    }
    fn remove_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(&self, g: &G, r: &R) -> Result<(), Error> {
        let prefix = row(PROPOSAL, g)?;
        let wanted = [&[FORMAT][..], &postcard::to_stdvec(r).map_err(|_| Error)?].concat();
        let keys: Vec<Key> = self
            .rows
            .borrow()
            .range(prefix.clone()..)
            .take_while(|(k, _)| k.starts_with(&prefix))
            .filter(|(_, v)| v.starts_with(&wanted))
            .map(|(k, _)| k.clone())
            .collect();
        keys.into_iter().for_each(|key| self.set(key, None));
        Ok(())
    }
    fn clear_proposal_queue<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(&self, g: &G) -> Result<(), Error> {
        self.del_all(PROPOSAL, g)
    }
    fn write_encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>, T: traits::HpkeKeyPair<V>>(
        &self,
        g: &G,
        e: &E,
        leaf: u32,
        pairs: &[T],
    ) -> Result<(), Error> {
        self.put(EPOCH_KEYS, &(g, e, leaf), &pairs)
    }
    fn encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>, T: traits::HpkeKeyPair<V>>(
        &self,
        g: &G,
        e: &E,
        leaf: u32,
    ) -> Result<Vec<T>, Error> {
        Ok(self.get(EPOCH_KEYS, &(g, e, leaf))?.unwrap_or_default())
    }
    fn delete_encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>>(
        &self,
        g: &G,
        e: &E,
        leaf: u32,
    ) -> Result<(), Error> {
        self.del(EPOCH_KEYS, &(g, e, leaf))
    }
}
