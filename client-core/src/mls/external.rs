//! Ways in that nobody else makes: an external commit, and the next generation. openmls merges an external commit at once, so
//! both are made in a fork of the store; the rows come back to be kept only when the server has accepted the commit (mls.md,
//! trap 7).

use ::mls::{
    Provider, group, leaf,
    openmls::prelude::*,
    rules::{self, Leaf},
    store::RowChange,
    tls_codec::Deserialize as _,
};
use shared::{ConversationId, authenticated::CommitData, policy::Policy};

use super::{Candidate, GroupError, Groups, Made, commit};

/// A way in by an external commit, made apart from the store.
pub(crate) struct External {
    pub(crate) made: Made,
    pub(crate) policy: Policy,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) rows: Vec<RowChange>,
}

impl Groups {
    /// Prepares to join by an external commit (RFC 9420 §12.4.3.2).
    pub(crate) fn join_external(
        &self,
        id: (ConversationId, u32),
        group_info: &[u8],
        tree: &[u8],
        data: &CommitData,
    ) -> Result<External, GroupError> {
        let fork = Provider::new(self.provider.store().fork()).map_err(|_| GroupError::Randomness)?;
        let info = group::group_info(group_info)?;
        let epoch = info.epoch().as_u64();
        // Of a group that is replaced no row may stay: none of its keys is needed again.
        delete_rows(&fork, id)?;
        let tree = RatchetTreeIn::tls_deserialize_exact(tree).map_err(|_| GroupError::Bytes)?;
        let leaf = LeafNodeParameters::builder().with_capabilities(leaf::capabilities(fork.rand())).build();
        let (object, bundle) = MlsGroup::external_commit_builder()
            .with_config(group::join_config())
            .with_ratchet_tree(tree)
            .skip_lifetime_validation()
            .with_aad(data.encode())
            .build_group(&fork, info, self.credential.clone())
            .map_err(|error| match error {
                ExternalCommitBuilderError::UnsupportedCiphersuite(_) | ExternalCommitBuilderError::MissingExternalPub => {
                    GroupError::External
                }
                _ => GroupError::Mls("external group"),
            })?
            .leaf_node_parameters(leaf)
            .load_psks(fork.storage())
            .map_err(|_| GroupError::Mls("psks"))?
            .build(fork.rand(), fork.crypto(), &self.signer, |_| true)
            .map_err(|_| GroupError::Mls("external commit"))?
            .finalize(&fork)
            .map_err(|_| GroupError::Mls("finalize"))?;
        if *object.group_id() != group::group_id(id.0, id.1) {
            return Err(GroupError::Row);
        }
        let leaves = rules::check_members(object.members())?;
        let policy = rules::check_context(object.public_group().group_context())?;
        rules::check_named(&policy, &leaves)?;
        let (commit, _, _) = bundle.into_messages();
        let info = object.export_group_info(fork.crypto(), &self.signer, false).map_err(|_| GroupError::Mls("group info"))?;
        let made = Made { epoch, commit: group::bytes(&commit)?, welcome: None, group_info: group::bytes(&info)? };
        Ok(External { made, policy, leaves, rows: fork.store().changes() })
    }

    /// The external commit was accepted: its rows are ours.
    pub(crate) fn joined_external(&mut self, id: (ConversationId, u32), rows: Vec<RowChange>) {
        self.loaded.remove(&id);
        self.provider.store().absorb(rows);
    }

    /// Makes the next generation of a conversation with its first commit: the group info of epoch 0 with the tree, and what is
    /// kept when the server has taken it. The rows of `old` go with it.
    pub(crate) fn continue_as(
        &self,
        old: (ConversationId, u32),
        generation: u32,
        policy: &Policy,
        candidates: Vec<Candidate>,
        data: &CommitData,
        now_s: u64,
    ) -> Result<(Vec<u8>, External), GroupError> {
        let fork = Provider::new(self.provider.store().fork()).map_err(|_| GroupError::Randomness)?;
        delete_rows(&fork, old)?;
        let config = group::create_config(policy, leaf::capabilities(fork.rand()), leaf::lifetime(now_s))
            .ok_or(GroupError::Mls("extensions"))?;
        let id = group::group_id(old.0, generation);
        let mut object = MlsGroup::new_with_group_id(&fork, &self.signer, &config, id, self.credential.clone())
            .map_err(|_| GroupError::Mls("create"))?;
        let info = object.export_group_info(fork.crypto(), &self.signer, true).map_err(|_| GroupError::Mls("group info"))?;
        let info = group::bytes(&info)?;
        let made = commit(&fork, &self.signer, &mut object, candidates, &[], data)?;
        object.merge_pending_commit(&fork).map_err(|_| GroupError::Mls("merge"))?;
        let leaves = rules::check_members(object.members())?;
        let rows = fork.store().changes();
        Ok((info, External { made, policy: policy.clone(), leaves, rows }))
    }
}

fn delete_rows(provider: &Provider, id: (ConversationId, u32)) -> Result<(), GroupError> {
    let old = MlsGroup::load(provider.storage(), &group::group_id(id.0, id.1)).map_err(|_| GroupError::Mls("load"))?;
    old.map_or(Ok(()), |mut old| old.delete(provider.storage()).map_err(|_| GroupError::Mls("delete")))
}
