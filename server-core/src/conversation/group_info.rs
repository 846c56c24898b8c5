//! GET /api/conversations/{id}/group-info.

use shared::{ConversationId, http};

use super::rows;
use crate::{
    mls_group::Group,
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why no group info is given.
    GroupInfoError {
        /// No such conversation, or the account is not in it.
        NotMember = NotFound;
    }
}

/// Group info and tree of the current epoch: for an external commit.
///
/// # Errors
/// [`GroupInfoError`]
pub fn group_info(sql: &mut dyn Sql, caller: &Caller, conversation: ConversationId) -> Outcome<http::GroupInfo> {
    let here = rows::for_member(sql, conversation, caller.account())?.ok_or(GroupInfoError::NotMember)?;
    let group = Group::load(rows::group(sql, conversation)?, conversation, here.generation)?;
    let group_info = rows::info(sql, conversation)?;
    let tree = group.tree()?.into();
    Ok(Done::quiet(http::GroupInfo { generation: here.generation, epoch: here.epoch, group_info, tree }))
}
