//! The public group of a conversation: what the server can check without any secret (protocol §3, mls.md).
//!
//! It is stored as the key-value rows openmls wants, loaded for one operation, and never rebuilt for a living group.
//! It can't check membership tag, confirmation tag and path secrets: the committer's signature over the complete bytes names
//! who made a commit that members can't apply.

use mls::{
    Provider, Store,
    group::{self, NotMls},
    leaf::{SUITE, made_at},
    openmls::{messages::group_info::VerifiableGroupInfo, prelude::*},
    rules::{self, Change, Leaf},
    store::RowChange,
    tls_codec::Serialize as _,
};
use shared::{ConversationId, DeviceId, MessageId, Millis, authenticated::Authenticated, limits, policy::Policy};

pub(crate) mod package;
pub(crate) mod row;
#[cfg(test)]
pub(crate) mod testing;

/// Why a group, a commit or a group info is refused. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GroupError {
    /// The bytes are not the MLS message they should be.
    NotMls,
    /// openmls refuses it.
    Invalid(String),
    /// A rule of ours refuses it.
    Rule(rules::Refused),
    /// Group id, suite, epoch, sender or authenticated data name something else.
    Names(&'static str),
    /// An added package is too old.
    Stale,
    /// The Welcome is missing, not wanted, or not for exactly the added packages.
    Welcome,
    /// The group info is not of the state after the commit, or not signed by the committer.
    Info(&'static str),
    /// An error of ours: a stored row, or no randomness.
    Ours(String),
}

impl From<NotMls> for GroupError {
    fn from(_: NotMls) -> Self {
        Self::NotMls
    }
}
impl From<rules::Refused> for GroupError {
    fn from(refused: rules::Refused) -> Self {
        Self::Rule(refused)
    }
}

/// A commit as it is offered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offered<'a> {
    pub(crate) commit: &'a [u8],
    pub(crate) group_info: &'a [u8],
    pub(crate) welcome: Option<&'a [u8]>,
    pub(crate) message: MessageId,
    pub(crate) device: DeviceId,
}

/// What an accepted commit did.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) change: Change,
    /// The authenticated data, as received.
    pub(crate) clear: Vec<u8>,
}

/// One conversation's public group, loaded.
pub(crate) struct Group {
    provider: Provider,
    group: PublicGroup,
}

impl core::fmt::Debug for Group {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Group").field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}

fn provider(store: Store) -> Result<Provider, GroupError> {
    Provider::new(store).map_err(|error| GroupError::Ours(error.to_string()))
}

impl Group {
    /// From the group info of epoch 0 with its tree: once, at creation.
    pub(crate) fn create(conversation: ConversationId, generation: u32, group_info: &[u8]) -> Result<Self, GroupError> {
        let provider = provider(Store::default())?;
        let info = group::group_info(group_info).map_err(|_| GroupError::Info("unreadable"))?;
        if info.ciphersuite() != SUITE {
            return Err(GroupError::Names("another suite"));
        }
        let tree = info.extensions().ratchet_tree().ok_or(GroupError::Info("no tree"))?.ratchet_tree().clone();
        let (group, _) = PublicGroup::from_external(provider.crypto(), provider.store(), tree, info, ProposalStore::new())
            .map_err(|error| GroupError::Invalid(format!("{error:?}")))?;
        if *group.group_id() != group::group_id(conversation, generation) || group.group_context().epoch().as_u64() != 0 {
            return Err(GroupError::Names("another group id or epoch"));
        }
        let policy = rules::check_context(group.group_context())?;
        rules::check_named(&policy, &rules::check_members(group.members())?)?;
        Ok(Self { provider, group })
    }

    /// From the stored rows.
    pub(crate) fn load(
        rows: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
        conversation: ConversationId,
        generation: u32,
    ) -> Result<Self, GroupError> {
        let provider = provider(Store::from_rows(rows.into_iter().map(|(key, value)| (key, value.into()))))?;
        let group = PublicGroup::load(provider.store(), &group::group_id(conversation, generation))
            .map_err(|error| GroupError::Ours(format!("{error:?}")))?
            .ok_or_else(|| GroupError::Ours("a conversation without a group".to_owned()))?;
        Ok(Self { provider, group })
    }

    /// Judges a commit and its group info and moves to the next epoch. After an error the value must be dropped.
    pub(crate) fn commit(&mut self, offered: &Offered<'_>, now: Millis) -> Result<Accepted, GroupError> {
        let message = group::protocol_message(offered.commit)?;
        let ProtocolMessage::PublicMessage(_) = &message else { return Err(GroupError::Names("not a public message")) };
        if message.group_id() != self.group.group_id() || message.epoch() != self.group.group_context().epoch() {
            return Err(GroupError::Names("another group id or epoch"));
        }
        let processed = self
            .group
            .process_message(self.provider.crypto(), message)
            .map_err(|error| GroupError::Invalid(format!("{error:?}")))?;
        let clear = processed.aad().to_vec();
        match Authenticated::parse(&clear) {
            Ok(Authenticated::Commit(data)) if data.message == offered.message && data.device == offered.device => {}
            _ => return Err(GroupError::Names("other authenticated data")),
        }
        let sender = processed.sender().clone();
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return Err(GroupError::Names("not a commit"));
        };
        let change = rules::check_commit(&self.group, &sender, &staged)?;
        if change.actor.certificate().device != offered.device {
            return Err(GroupError::Names("another device's commit"));
        }
        if change.added.len() > limits::ADDS {
            return Err(GroupError::Names("too many additions"));
        }
        self.check_welcome(&staged, offered.welcome, now)?;
        self.group.merge_commit(self.provider.store(), *staged).map_err(|error| GroupError::Invalid(format!("{error:?}")))?;
        self.check_info(offered)?;
        Ok(Accepted { change, clear })
    }

    /// Added packages are fresh, and the Welcome is for exactly them.
    fn check_welcome(&self, staged: &StagedCommit, welcome: Option<&[u8]>, now: Millis) -> Result<(), GroupError> {
        let mut added = vec![];
        for add in staged.add_proposals() {
            let package = add.add_proposal().key_package();
            let made = made_at(package).ok_or(GroupError::Stale)?;
            if made.saturating_add(limits::LAST_RESORT_FRESH) < now.0 / 1_000 {
                return Err(GroupError::Stale);
            }
            let reference = package.hash_ref(self.provider.crypto()).map_err(|e| GroupError::Ours(format!("{e:?}")))?;
            added.push(reference.as_slice().to_vec());
        }
        let mut invited: Vec<Vec<u8>> = match welcome {
            None => vec![],
            Some(bytes) => {
                group::welcome(bytes)?.secrets().iter().map(|secret| secret.new_member().as_slice().to_vec()).collect()
            }
        };
        added.sort();
        invited.sort();
        if added == invited && welcome.is_some() != added.is_empty() { Ok(()) } else { Err(GroupError::Welcome) }
    }

    /// Context and confirmation tag are ours, the signature is the committer's: else the next external joiner would
    /// continue from another state.
    fn check_info(&self, offered: &Offered<'_>) -> Result<(), GroupError> {
        let info = group::group_info(offered.group_info).map_err(|_| GroupError::Info("unreadable"))?;
        info.extensions().external_pub().ok_or(GroupError::Info("no external key"))?;
        if info.extensions().ratchet_tree().is_some() {
            return Err(GroupError::Info("with a tree"));
        }
        let leaves = self.leaves()?;
        let committer = leaves.iter().find(|leaf| leaf.device() == offered.device).ok_or(GroupError::Info("no leaf"))?;
        let index = LeafNodeIndex::new(committer.index);
        let leaf = self.group.leaf(index).ok_or(GroupError::Info("no leaf"))?;
        let ours = VerifiableGroupInfo::new(
            self.group.group_context().clone(),
            info.extensions().clone(),
            self.group.confirmation_tag().clone(),
            index,
            info.signature().clone(),
        );
        if ours != info {
            return Err(GroupError::Info("of another state"));
        }
        let key = OpenMlsSignaturePublicKey::new(leaf.signature_key().as_slice().into(), SignatureScheme::ED25519)
            .map_err(|_| GroupError::Info("no key"))?;
        info.verify_no_out(self.provider.crypto(), &key).map_err(|_| GroupError::Info("signature"))
    }

    /// Its epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.group.group_context().epoch().as_u64()
    }

    /// Its policy.
    pub(crate) fn policy(&self) -> Result<Policy, GroupError> {
        Ok(rules::policy(self.group.group_context())?)
    }

    /// Its confirmed transcript hash.
    pub(crate) fn transcript(&self) -> Result<[u8; 32], GroupError> {
        let hash = self.group.group_context().confirmed_transcript_hash();
        hash.try_into().map_err(|_| GroupError::Ours("a transcript hash of another length".to_owned()))
    }

    /// Its leaves.
    pub(crate) fn leaves(&self) -> Result<Vec<Leaf>, GroupError> {
        Ok(rules::check_members(self.group.members())?)
    }

    /// The ratchet tree, encoded.
    pub(crate) fn tree(&self) -> Result<Vec<u8>, GroupError> {
        self.group.export_ratchet_tree().tls_serialize_detached().map_err(|error| GroupError::Ours(error.to_string()))
    }

    /// Rows that changed since it was loaded.
    pub(crate) fn changes(&self) -> Vec<RowChange> {
        self.provider.store().changes()
    }
}
