//! POST /api/conversations/{id}/commits.

use shared::{
    ConversationId,
    http::{Commit, Committed},
};

use super::{change, rows};
use crate::{
    context::Context,
    mls_group::Group,
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a commit is not looked at; what is wrong with one is [`super::ChangeError`], `bad_commit`, `bad_group_info`.
    CommitError {
        /// No such conversation, or the account is not in it.
        NotMember = NotFound;
        /// Made for another generation; detail: the current one.
        Generation(current: u64) = StaleGeneration;
        /// Made for another epoch; detail: the current one.
        Epoch(current: u64) = StaleEpoch;
    }
}

/// Takes a commit for the current epoch: the first wins, the loser processes what it missed. A commit this device stored
/// before is answered with its old number, whatever has happened since.
///
/// # Errors
/// [`CommitError`], [`super::ChangeError`], `bad_commit`, `bad_package`, `bad_group_info`.
pub fn commit(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    caller: &Caller,
    conversation: ConversationId,
    request: &Commit,
) -> Outcome<Committed> {
    if let Some(same) = change::repeated(sql, conversation, caller, request)? {
        return Ok(Done::quiet(same));
    }
    let here = rows::for_member(sql, conversation, caller.account())?.ok_or(CommitError::NotMember)?;
    if request.generation != here.generation {
        return Err(CommitError::Generation(here.generation.into()).into());
    }
    if request.epoch != here.epoch {
        return Err(CommitError::Epoch(here.epoch).into());
    }
    let group = Group::load(rows::group(sql, conversation)?, conversation, here.generation)?;
    change::apply(sql, context, caller, conversation, &here, group, request)
}
