//! POST /api/conversations.

use mls::leaf::SUITE_ID;
use shared::{
    AccountId, ConversationId,
    http::{Committed, CreateConversation},
    policy::{Kind, Policy, Role},
};

use super::{
    change,
    rows::{self, Conversation},
};
use crate::{
    account,
    context::Context,
    mls_group::Group,
    refusal::{Done, Outcome, Refusal, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a conversation is not made; what is wrong with its first commit is [`super::ChangeError`], `bad_commit` or
    /// `bad_group_info`.
    CreateError {
        /// An unknown kind, or `with` does not fit it.
        Kind = Malformed;
        /// The other account does not exist.
        With = NotFound;
        /// The pair has one already; detail: its id.
        Exists(id: ConversationId) = ConversationExists;
        /// The id is in use.
        IdTaken = IdTaken;
        /// The group's policy is not the one of this kind and these accounts.
        Policy = BadCommit;
        /// The group does not begin with exactly the calling device's leaf.
        Founder = BadCommit;
    }
}

/// Makes a conversation: group info of epoch 0, then its first commit, in one transaction. Of two who make the
/// conversation of one pair the later gets `conversation_exists` with the id of the first. Asked again, the same answer.
///
/// # Errors
/// [`CreateError`], [`super::ChangeError`], `bad_commit`, `bad_package`, `bad_group_info`.
pub fn create(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    caller: &Caller,
    request: &CreateConversation,
) -> Outcome<Committed> {
    let id = request.conversation;
    if let Some(same) = change::repeated(sql, id, caller, &request.commit)? {
        return Ok(Done::quiet(same));
    }
    let kind = Kind::from_byte(request.kind).ok_or(CreateError::Kind)?;
    let pair = pair(sql, caller.account(), kind, request.with)?;
    if let Some((a, b)) = pair
        && let Some(existing) = rows::of_pair(sql, a, b)?
    {
        return Err(CreateError::Exists(existing).into());
    }
    if rows::conversation(sql, id)?.is_some() {
        return Err(CreateError::IdTaken.into());
    }
    let group = Group::create(id, 0, request.group_info.as_slice())?;
    if !policy_fits(&group.policy()?, caller.account(), kind, pair) {
        return Err(CreateError::Policy.into());
    }
    match group.leaves()?.as_slice() {
        [founder] if founder.device() == caller.device() && founder.account() == caller.account() => {}
        _ => return Err(CreateError::Founder.into()),
    }
    rows::create(sql, id, kind.byte())?;
    if let Some((a, b)) = pair {
        rows::put_pair(sql, a, b, id)?;
    }
    let here = Conversation { generation: 0, epoch: 0, head: 0, floor: 0 };
    change::apply(sql, context, caller, id, &here, group, &request.commit)
}

/// The accounts whose only conversation it is going to be.
fn pair(
    sql: &mut dyn Sql,
    own: AccountId,
    kind: Kind,
    with: Option<AccountId>,
) -> Result<Option<(AccountId, AccountId)>, Refusal> {
    match (kind, with) {
        (Kind::Direct, Some(other)) if other != own => {
            account::rows::by_id(sql, other)?.ok_or(CreateError::With)?;
            Ok(Some((own, other)))
        }
        (Kind::Note, Some(other)) if other == own => Ok(Some((own, own))),
        (Kind::Group, None) => Ok(None),
        _ => Err(CreateError::Kind.into()),
    }
}

fn policy_fits(policy: &Policy, own: AccountId, kind: Kind, pair: Option<(AccountId, AccountId)>) -> bool {
    match pair {
        Some((a, b)) if kind == Kind::Direct => *policy == Policy { archive: policy.archive, ..Policy::direct(a, b, SUITE_ID) },
        Some((a, _)) => *policy == Policy { archive: policy.archive, ..Policy::note(a, SUITE_ID) },
        None => {
            let fresh = policy.kind == Kind::Group && policy.predecessor.is_none() && policy.suite_floor == SUITE_ID;
            fresh && policy.role(own) == Role::Owner
        }
    }
}
