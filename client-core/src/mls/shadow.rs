//! What everybody can check of a group, run forward without its secrets: over commits that this device can't apply, up to the
//! epoch it comes back in. It starts from the device's own state, so no old branch and no foreign one fits it (protocol §3).

use ::mls::{
    Provider, Store, group,
    openmls::prelude::*,
    rules::{self, Change},
    tls_codec::Serialize as _,
};
use shared::{ConversationId, frame::Row, policy::Policy};

use super::{GroupError, check_row};

/// A group's public state, apart from the stored one.
pub(crate) struct Shadow {
    provider: Provider,
    group: PublicGroup,
}

impl Shadow {
    /// Of a group in this (forked) store.
    pub(super) fn new(fork: Store, id: (ConversationId, u32)) -> Result<Self, GroupError> {
        let provider = Provider::new(fork).map_err(|_| GroupError::Randomness)?;
        let group = PublicGroup::load(provider.store(), &group::group_id(id.0, id.1))
            .map_err(|_| GroupError::Mls("load"))?
            .ok_or(GroupError::Unknown)?;
        Ok(Self { provider, group })
    }

    /// Judges one commit by everything but the group's secrets, and moves to the epoch it leads to. An error changes nothing
    /// and says that no honest server stores this row: it breaks a rule, or its device did not sign these bytes.
    pub(crate) fn run(&mut self, row: &Row, bytes: &[u8]) -> Result<Change, GroupError> {
        let message = group::protocol_message(bytes)?;
        let message = self.group.process_message(self.provider.crypto(), message).map_err(|_| GroupError::Mls("process"))?;
        let (sender, aad) = (message.sender().clone(), message.aad().to_vec());
        let ProcessedMessageContent::StagedCommitMessage(staged) = message.into_content() else {
            return Err(GroupError::Row);
        };
        let change = rules::check_commit(&self.group, &sender, &staged)?;
        check_row(row, bytes, &aad, &change)?;
        self.group.merge_commit(self.provider.store(), *staged).map_err(|_| GroupError::Mls("merge"))?;
        Ok(change)
    }

    /// Is the group info of exactly this state?
    pub(crate) fn fits(&self, group_info: &[u8]) -> bool {
        group::group_info(group_info).is_ok_and(|info| info.group_context() == self.group.group_context())
    }

    /// The ratchet tree, encoded.
    pub(crate) fn tree(&self) -> Result<Vec<u8>, GroupError> {
        self.group.export_ratchet_tree().tls_serialize_detached().map_err(|_| GroupError::Bytes)
    }

    /// Its epoch and confirmed transcript hash: what a next generation names.
    pub(crate) fn end(&self) -> Result<(u64, [u8; 32]), GroupError> {
        let context = self.group.group_context();
        let transcript = context.confirmed_transcript_hash().try_into().map_err(|_| GroupError::Row)?;
        Ok((context.epoch().as_u64(), transcript))
    }

    /// Its policy.
    pub(crate) fn policy(&self) -> Result<Policy, GroupError> {
        Ok(rules::policy(self.group.group_context())?)
    }
}
