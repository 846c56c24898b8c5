//! The device's side of its groups: create, commit, merge, seal, open, join. The only place of this crate that names openmls.
//!
//! Every call runs in a savepoint of the store. When it fails, the rows go back and the group object is dropped, because it
//! has moved in memory too (attacks.md §4, P12b; mls.md, traps 7 and 16).

mod external;
mod shadow;

use std::collections::BTreeMap;

use ::mls::{
    Checked, Provider, Store, group, leaf,
    leaf::DeviceSigner,
    openmls::prelude::*,
    rules::{self, Change, Leaf},
};
use ed25519_dalek::SigningKey;
use sha2::{Digest as _, Sha256};
use shared::{
    AccountId, ConversationId, DeviceId,
    authenticated::{Authenticated, CommitData, MessageData},
    certificate::{Certificate, Certified},
    frame::Row,
    label::Label,
    limits,
    policy::Policy,
    signature,
};

pub(crate) use external::External;
pub(crate) use shadow::Shadow;

/// Why a group operation failed. The state is as before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GroupError {
    /// There is no such group here.
    #[error("no such group")]
    Unknown,
    /// The bytes are not of the expected kind.
    #[error("not the expected MLS message")]
    Bytes,
    /// openmls refused.
    #[error("refused by MLS: {0}")]
    Mls(&'static str),
    /// Our rules refused.
    #[error("refused by the rules: {0}")]
    Rules(#[from] rules::Refused),
    /// The row does not say what it holds.
    #[error("the row and its content differ")]
    Row,
    /// The committing device did not sign exactly these bytes.
    #[error("not signed by its committer")]
    Signature,
    /// An external commit of this very device, of an earlier run, has taken the place of the leaf this state is of.
    #[error("replaced by an own external commit")]
    Replaced,
    /// The group info gives no way in: nobody can join from it.
    #[error("no external commit is possible")]
    External,
    /// No randomness.
    #[error("the system gives no randomness")]
    Randomness,
}

impl From<group::NotMls> for GroupError {
    fn from(_: group::NotMls) -> Self {
        Self::Bytes
    }
}

/// The groups of a device over its stored rows.
pub(crate) struct Groups {
    provider: Provider,
    signer: DeviceSigner,
    credential: CredentialWithKey,
    /// Loaded in the present run of `handle`; dropped at its end and after every error.
    loaded: BTreeMap<(ConversationId, u32), MlsGroup>,
    senders: Checked,
}

/// A commit made here, with everything that travels beside it.
pub(crate) struct Made {
    pub(crate) epoch: u64,
    pub(crate) commit: Vec<u8>,
    pub(crate) welcome: Option<Vec<u8>>,
    /// Of the epoch it leads to, without the tree.
    pub(crate) group_info: Vec<u8>,
}

/// An application message, opened.
pub(crate) struct OpenedRow {
    pub(crate) sender: Certified,
    pub(crate) data: MessageData,
    pub(crate) plain: Vec<u8>,
}

/// What a Welcome let this device into.
pub(crate) struct Joined {
    pub(crate) conversation: ConversationId,
    pub(crate) generation: u32,
    pub(crate) policy: Policy,
    pub(crate) leaves: Vec<Leaf>,
}

/// A key package made here.
pub(crate) struct Package {
    pub(crate) bytes: Vec<u8>,
}

/// A device that may be added: its package passed every check.
pub(crate) struct Candidate {
    package: KeyPackage,
    pub(crate) who: Certified,
}

impl Groups {
    pub(crate) fn new(
        store: Store,
        key: SigningKey,
        identity: &[u8; 32],
        certificate: &Certificate,
    ) -> Result<Self, GroupError> {
        let provider = Provider::new(store).map_err(|_| GroupError::Randomness)?;
        Ok(Self {
            provider,
            signer: DeviceSigner(key),
            credential: leaf::credential(identity, certificate),
            loaded: BTreeMap::new(),
            senders: Checked::default(),
        })
    }

    pub(crate) const fn store(&self) -> &Store {
        self.provider.store()
    }

    /// Drops the group objects: at the end of each run, before others are loaded from the rows.
    pub(crate) fn forget(&mut self) {
        self.loaded.clear();
    }

    /// From its rows. openmls takes for granted that the own leaf is in the tree; rows that a broken disk has mixed need not say so.
    fn load(&self, id: (ConversationId, u32)) -> Result<MlsGroup, GroupError> {
        let object = MlsGroup::load(self.provider.storage(), &group::group_id(id.0, id.1));
        let object = object.map_err(|_| GroupError::Mls("load"))?.ok_or(GroupError::Unknown)?;
        if object.own_leaf_node().is_none() { Err(GroupError::Mls("own leaf")) } else { Ok(object) }
    }

    /// Runs one operation on a group in a savepoint.
    fn with<T>(
        &mut self,
        id: (ConversationId, u32),
        run: impl FnOnce(&Provider, &DeviceSigner, &mut MlsGroup) -> Result<T, GroupError>,
    ) -> Result<T, GroupError> {
        let mut object = match self.loaded.remove(&id) {
            Some(object) => object,
            None => self.load(id)?,
        };
        let savepoint = self.provider.store().savepoint();
        match run(&self.provider, &self.signer, &mut object) {
            Ok(value) => {
                self.loaded.insert(id, object);
                Ok(value)
            }
            Err(error) => {
                self.provider.store().rollback_to(savepoint);
                Err(error)
            }
        }
    }

    /// Runs one operation that needs no group in a savepoint.
    fn apart<T>(&mut self, run: impl FnOnce(&mut Self) -> Result<T, GroupError>) -> Result<T, GroupError> {
        let savepoint = self.provider.store().savepoint();
        let result = run(self);
        if result.is_err() {
            self.provider.store().rollback_to(savepoint);
        }
        result
    }

    /// Makes a key package whose private parts lie in the store.
    pub(crate) fn package(&mut self, now_s: u64, last_resort: bool) -> Result<Package, GroupError> {
        self.apart(|own| {
            let mut builder = KeyPackage::builder()
                .leaf_node_capabilities(leaf::capabilities(own.provider.rand()))
                .key_package_lifetime(leaf::lifetime(now_s));
            if last_resort {
                builder = builder.mark_as_last_resort();
            }
            let bundle = builder
                .build(leaf::SUITE, &own.provider, &own.signer, own.credential.clone())
                .map_err(|_| GroupError::Mls("key package"))?;
            let bytes = group::bytes(&MlsMessageOut::from(bundle.into_key_package()))?;
            Ok(Package { bytes })
        })
    }

    /// Checks a claimed package: of this device, certified, of our suite, exactly as wide as it must be, and fresh at `now_s`:
    /// the server may have kept it for a day when its private half is known to somebody.
    pub(crate) fn candidate(
        &self,
        bytes: &[u8],
        device: DeviceId,
        account: AccountId,
        now_s: u64,
    ) -> Result<Candidate, GroupError> {
        let package = group::key_package(bytes, self.provider.crypto())?;
        let node = package.leaf_node();
        let who = leaf::check(node.credential(), node.signature_key().as_slice()).map_err(|_| rules::Refused::Certificate)?;
        let made = leaf::made_at(&package).ok_or(rules::Refused::Lifetime)?;
        let fresh = if package.last_resort() { limits::LAST_RESORT_FRESH } else { limits::PACKAGE_FRESH };
        if now_s.saturating_sub(made) > fresh {
            return Err(rules::Refused::Lifetime.into());
        }
        let certificate = who.certificate();
        if package.ciphersuite() != leaf::SUITE || certificate.device != device || certificate.account != account {
            return Err(GroupError::Row);
        }
        Ok(Candidate { package, who })
    }

    /// Makes generation 0 of a conversation with its first commit: the group info of epoch 0 (with the tree) and the commit.
    pub(crate) fn create(
        &mut self,
        conversation: ConversationId,
        policy: &Policy,
        candidates: Vec<Candidate>,
        data: &CommitData,
        now_s: u64,
    ) -> Result<(Vec<u8>, Made), GroupError> {
        self.apart(|own| {
            let capabilities = leaf::capabilities(own.provider.rand());
            let config =
                group::create_config(policy, capabilities, leaf::lifetime(now_s)).ok_or(GroupError::Mls("extensions"))?;
            let id = group::group_id(conversation, 0);
            let mut object = MlsGroup::new_with_group_id(&own.provider, &own.signer, &config, id, own.credential.clone())
                .map_err(|_| GroupError::Mls("create"))?;
            let info = object
                .export_group_info(own.provider.crypto(), &own.signer, true)
                .map_err(|_| GroupError::Mls("group info"))?;
            let info = group::bytes(&info)?;
            let made = commit(&own.provider, &own.signer, &mut object, candidates, &[], data)?;
            own.loaded.insert((conversation, 0), object);
            Ok((info, made))
        })
    }

    /// Makes a commit that adds devices and removes leaves, or only renews the own path. It stays pending until merged.
    pub(crate) fn commit(
        &mut self,
        id: (ConversationId, u32),
        candidates: Vec<Candidate>,
        gone: &[u32],
        data: &CommitData,
    ) -> Result<Made, GroupError> {
        self.with(id, |provider, signer, object| commit(provider, signer, object, candidates, gone, data))
    }

    /// The own commit was accepted.
    pub(crate) fn merge_pending(&mut self, id: (ConversationId, u32)) -> Result<(), GroupError> {
        self.with(id, |provider, _, object| {
            object.pending_commit().ok_or(GroupError::Row)?;
            object.merge_pending_commit(provider).map_err(|_| GroupError::Mls("merge"))
        })
    }

    /// The own commit was refused for good: its outcome is certain.
    pub(crate) fn clear_pending(&mut self, id: (ConversationId, u32)) -> Result<(), GroupError> {
        self.with(id, |provider, _, object| {
            object.clear_pending_commit(provider.storage()).map_err(|_| GroupError::Mls("clear"))
        })
    }

    /// Applies another's commit after the rules have judged it and its device has signed exactly these bytes.
    pub(crate) fn apply(&mut self, id: (ConversationId, u32), row: &Row, bytes: &[u8]) -> Result<Change, GroupError> {
        self.with(id, |provider, _, object| {
            let message =
                object.process_message(provider, group::protocol_message(bytes)?).map_err(|_| GroupError::Mls("process"))?;
            let (sender, aad) = (message.sender().clone(), message.aad().to_vec());
            let ProcessedMessageContent::StagedCommitMessage(staged) = message.into_content() else {
                return Err(GroupError::Row);
            };
            let change = rules::check_commit(object.public_group(), &sender, &staged)?;
            check_row(row, bytes, &aad, &change)?;
            // An own external commit of an earlier run took the leaf this state is of: it is nobody's any more.
            if change.external && staged.self_removed() {
                return Err(GroupError::Replaced);
            }
            object.merge_staged_commit(provider, *staged).map_err(|_| GroupError::Mls("merge"))?;
            Ok(change)
        })
    }

    /// Seals one application message for the present epoch.
    pub(crate) fn seal(
        &mut self,
        id: (ConversationId, u32),
        data: impl FnOnce([u8; 16]) -> MessageData,
        plain: &[u8],
    ) -> Result<(u64, Vec<u8>), GroupError> {
        self.with(id, |provider, signer, object| {
            let transcript = transcript(object)?;
            object.set_aad(data(transcript).encode());
            let message = object.create_message(provider, signer, plain).map_err(|_| GroupError::Mls("seal"))?;
            Ok((object.epoch().as_u64(), group::bytes(&message)?))
        })
    }

    /// Opens one application message of another device.
    pub(crate) fn open(&mut self, id: (ConversationId, u32), bytes: &[u8]) -> Result<OpenedRow, GroupError> {
        let mut senders = core::mem::take(&mut self.senders);
        let opened = self.with(id, |provider, _, object| {
            let transcript = transcript(object)?;
            let message =
                object.process_message(provider, group::protocol_message(bytes)?).map_err(|_| GroupError::Mls("open"))?;
            let Ok(Authenticated::Message(data)) = Authenticated::parse(message.aad()) else { return Err(GroupError::Row) };
            let Sender::Member(index) = *message.sender() else { return Err(GroupError::Row) };
            let node = object.public_group().leaf(index).ok_or(GroupError::Row)?;
            let sender =
                senders.check(node.credential(), node.signature_key().as_slice()).map_err(|_| rules::Refused::Certificate)?;
            if data.transcript != transcript {
                return Err(GroupError::Row);
            }
            let ProcessedMessageContent::ApplicationMessage(plain) = message.into_content() else {
                return Err(GroupError::Row);
            };
            Ok(OpenedRow { sender, data, plain: plain.into_bytes() })
        });
        self.senders = senders;
        opened
    }

    /// Joins by a Welcome: every leaf is checked before anything is kept.
    pub(crate) fn join(&mut self, bytes: &[u8]) -> Result<Joined, GroupError> {
        self.apart(|own| {
            let staged = StagedWelcome::build_from_welcome(&own.provider, &group::join_config(), group::welcome(bytes)?)
                .map_err(|_| GroupError::Mls("welcome"))?
                .skip_lifetime_validation()
                .build()
                .map_err(|_| GroupError::Mls("welcome"))?;
            let leaves = rules::check_members(staged.members())?;
            let policy = rules::check_context(staged.group_context())?;
            rules::check_named(&policy, &leaves)?;
            let (conversation, generation) = group::parse_group_id(staged.group_context().group_id()).ok_or(GroupError::Row)?;
            let known = MlsGroup::load(own.provider.storage(), &group::group_id(conversation, generation));
            if !matches!(known, Ok(None)) {
                return Err(GroupError::Row);
            }
            let object = staged.into_group(&own.provider).map_err(|_| GroupError::Mls("join"))?;
            own.loaded.insert((conversation, generation), object);
            Ok(Joined { conversation, generation, policy, leaves })
        })
    }

    /// The group's public state, apart from the group itself.
    pub(crate) fn shadow(&self, id: (ConversationId, u32)) -> Result<Shadow, GroupError> {
        Shadow::new(self.provider.store().fork(), id)
    }

    /// Every leaf.
    pub(crate) fn leaves(&mut self, id: (ConversationId, u32)) -> Result<Vec<Leaf>, GroupError> {
        self.with(id, |_, _, object| Ok(rules::check_members(object.members())?))
    }

    /// Has the device a leaf?
    pub(crate) fn has_device(&mut self, id: (ConversationId, u32), device: DeviceId) -> Result<bool, GroupError> {
        self.with(id, |_, _, object| Ok(rules::check_members(object.members())?.iter().any(|leaf| leaf.device() == device)))
    }

    /// The present epoch and the own leaf's index.
    pub(crate) fn place(&mut self, id: (ConversationId, u32)) -> Result<(u64, u32), GroupError> {
        self.with(id, |_, _, object| Ok((object.epoch().as_u64(), object.own_leaf_index().u32())))
    }

    /// Forgets a group with all its rows.
    pub(crate) fn delete(&mut self, id: (ConversationId, u32)) -> Result<(), GroupError> {
        let deleted =
            self.with(id, |provider, _, object| object.delete(provider.storage()).map_err(|_| GroupError::Mls("delete")));
        self.loaded.remove(&id);
        deleted
    }
}

/// Is the row of a commit what its committer made: ids and device as in its authenticated data, and the device key's
/// signature over SHA-256 of these very bytes? MLS' own signature leaves two tags out (mls.md, trap 1).
fn check_row(row: &Row, bytes: &[u8], aad: &[u8], change: &Change) -> Result<(), GroupError> {
    let actor = change.actor.certificate();
    let named = CommitData { message: row.message, device: row.device };
    let said = matches!(Authenticated::parse(aad), Ok(Authenticated::Commit(data)) if data == named);
    if !said || (row.device, row.account) != (actor.device, actor.account) {
        return Err(GroupError::Row);
    }
    let signed = row.signature.as_ref().and_then(|bytes| bytes.array()).ok_or(GroupError::Signature)?;
    signature::verify(&actor.key, Label::CommitBytes, &Sha256::digest(bytes), &signed).map_err(|_| GroupError::Signature)
}

/// The clear part of a sealed message, not verified: none when it is not one of ours.
pub(crate) fn clear(sealed: &[u8]) -> Option<MessageData> {
    let MlsMessageBodyIn::PrivateMessage(private) = group::message(sealed).ok()?.extract() else { return None };
    match Authenticated::parse(private.aad()) {
        Ok(Authenticated::Message(data)) => Some(data),
        _ => None,
    }
}

fn transcript(object: &MlsGroup) -> Result<[u8; 16], GroupError> {
    let hash = object.public_group().group_context().confirmed_transcript_hash();
    hash.first_chunk::<16>().copied().ok_or(GroupError::Row)
}

fn commit(
    provider: &Provider,
    signer: &DeviceSigner,
    object: &mut MlsGroup,
    candidates: Vec<Candidate>,
    gone: &[u32],
    data: &CommitData,
) -> Result<Made, GroupError> {
    let epoch = object.epoch().as_u64();
    object.set_aad(data.encode());
    let adds: Vec<KeyPackage> = candidates.into_iter().map(|candidate| candidate.package).collect();
    let bundle = object
        .commit_builder()
        .force_self_update(true)
        .propose_adds(adds)
        .propose_removals(gone.iter().map(|index| LeafNodeIndex::new(*index)))
        .load_psks(provider.storage())
        .map_err(|_| GroupError::Mls("psks"))?
        .create_group_info(false)
        .use_ratchet_tree_extension(true)
        .build(provider.rand(), provider.crypto(), signer, |_| true)
        .map_err(|_| GroupError::Mls("commit"))?
        .stage_commit(provider)
        .map_err(|_| GroupError::Mls("stage"))?;
    let (commit, welcome, _) = bundle.into_messages();
    // A Welcome with the tree gives a group info with the tree (mls.md, trap 11): merge ahead in a fork instead.
    let ahead = Provider::new(provider.store().fork()).map_err(|_| GroupError::Randomness)?;
    let mut copy =
        MlsGroup::load(ahead.storage(), object.group_id()).map_err(|_| GroupError::Mls("load"))?.ok_or(GroupError::Unknown)?;
    copy.merge_pending_commit(&ahead).map_err(|_| GroupError::Mls("merge"))?;
    let info = copy.export_group_info(ahead.crypto(), signer, false).map_err(|_| GroupError::Mls("group info"))?;
    Ok(Made {
        epoch,
        commit: group::bytes(&commit)?,
        welcome: welcome.as_ref().map(group::bytes).transpose()?,
        group_info: group::bytes(&info)?,
    })
}
