//! What a creation and a commit share: an offered commit, judged and stored with everything that follows from it.

use sha2::{Digest as _, Sha256};
use shared::{
    AccountId, ConversationId, DeviceId,
    certificate::Certified,
    frame::{InboxBody, RowKind, WelcomeItem},
    http::{Commit, Committed},
    label::Label,
    policy::Kind,
    signature,
};

use super::rows::{self, Conversation, NewRow, StoredLeaf};
use crate::{
    account::statement,
    announce::Announce,
    context::Context,
    device, inbox,
    mls_group::{Group, GroupError, Offered},
    refusal::{Done, Outcome, Refusal, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a commit is not accepted.
    ChangeError {
        /// The device key did not sign the hash of these bytes.
        Signature = BadSignature;
        /// The calling device is gone.
        Gone = LoginRequired;
        /// The id was used for a message.
        OtherKind = IdTaken;
        /// Made for another generation; detail: the current one.
        Generation(current: u64) = StaleGeneration;
        /// Made for another epoch; detail: the current one.
        Epoch(current: u64) = StaleEpoch;
        /// A device that comes is not in its account's newest statement, or gone.
        NotStated = DeviceNotStated;
    }
}

impl From<GroupError> for Refusal {
    fn from(error: GroupError) -> Self {
        let code = match &error {
            GroupError::NotMls | GroupError::Invalid(_) | GroupError::Rule(_) | GroupError::Names(_) => shared::Code::BadCommit,
            GroupError::Welcome => shared::Code::BadCommit,
            GroupError::Stale => shared::Code::BadPackage,
            GroupError::Info(_) => shared::Code::BadGroupInfo,
            GroupError::Ours(_) => shared::Code::Internal,
        };
        Self::new(code).because(format!("{error:?}"))
    }
}

/// A commit of this device that is stored already: its answer was lost.
pub(super) fn repeated(
    sql: &mut dyn Sql,
    conversation: ConversationId,
    caller: &Caller,
    commit: &Commit,
) -> Result<Option<Committed>, Refusal> {
    match rows::stored(sql, conversation, caller.device(), commit.message)? {
        None => Ok(None),
        Some((number, at, RowKind::Commit)) => Ok(Some(Committed { number, at })),
        Some((_, _, RowKind::Message | RowKind::Proposal)) => Err(ChangeError::OtherKind.into()),
    }
}

/// Judges a commit by the group before it and stores row, group, group info, leaves, stays and Welcomes.
pub(super) fn apply(
    sql: &mut dyn Sql,
    context: &Context<'_>,
    caller: &Caller,
    id: ConversationId,
    here: &Conversation,
    mut group: Group,
    commit: &Commit,
) -> Outcome<Committed> {
    let committer = device::rows::living(sql, caller.device())?.ok_or(ChangeError::Gone)?;
    let signed = commit.signature.array().ok_or(ChangeError::Signature)?;
    signature::verify(&committer.key, Label::CommitBytes, &Sha256::digest(&commit.commit.0), &signed)
        .map_err(|_| ChangeError::Signature)?;
    if commit.generation != here.generation {
        return Err(ChangeError::Generation(here.generation.into()).into());
    }
    if commit.epoch != here.epoch {
        return Err(ChangeError::Epoch(here.epoch).into());
    }
    let offered = Offered {
        commit: commit.commit.as_slice(),
        group_info: commit.group_info.as_slice(),
        welcome: commit.welcome.as_ref().map(|bytes| bytes.as_slice()),
        message: commit.message,
        device: caller.device(),
    };
    let accepted = group.commit(&offered, context.now)?;
    let comes = accepted.change.external.then_some(&accepted.change.actor);
    for new in accepted.change.added.iter().chain(comes) {
        check_stated(sql, new)?;
    }
    let number = here.head + 1;
    let row = NewRow {
        conversation: id,
        number,
        kind: RowKind::Commit,
        generation: here.generation,
        epoch: here.epoch,
        device: caller.device(),
        account: caller.account(),
        message: commit.message,
        at: context.now,
        clear: &accepted.clear,
        body: &commit.commit,
        signature: Some(&commit.signature),
    };
    if !rows::insert(sql, &row)? {
        return Err(ChangeError::OtherKind.into());
    }
    rows::put_group(sql, id, &group.changes())?;
    rows::put_epoch(sql, id, group.epoch(), &commit.group_info)?;
    let devices = move_leaves(sql, id, &group, number)?;
    let mut announce = vec![Announce::Head { conversation: id, number, devices }];
    if let Some(welcome) = &commit.welcome {
        for new in &accepted.change.added {
            let item = WelcomeItem {
                conversation: id,
                generation: here.generation,
                epoch: group.epoch(),
                number,
                welcome: welcome.clone(),
                device: caller.device(),
                account: caller.account(),
            };
            announce.push(inbox::rows::push(sql, context.now, new.certificate().device, &InboxBody::Welcome(item))?);
        }
    }
    Ok(Done::telling(Committed { number, at: context.now }, announce))
}

/// A device that comes stands in its account's newest statement, under the same keys, and is not gone.
fn check_stated(sql: &mut dyn Sql, new: &Certified) -> Result<(), Refusal> {
    let certificate = new.certificate();
    let device = device::rows::living(sql, certificate.device)?.ok_or(ChangeError::NotStated)?;
    let statement = statement::newest(sql, device.account)?;
    let stated = statement.device(certificate.device).is_some_and(|stated| stated.key == certificate.key);
    if device.account == certificate.account && statement.content().identity == *new.identity() && stated {
        Ok(())
    } else {
        Err(ChangeError::NotStated.into())
    }
}

/// Brings stored leaves and stays to the state of the group. Says whom the commit concerns: who was and who is in.
fn move_leaves(sql: &mut dyn Sql, id: ConversationId, group: &Group, number: u64) -> Result<Vec<DeviceId>, Refusal> {
    let before = rows::leaves(sql, id)?;
    let after: Vec<StoredLeaf> = group.leaves()?.iter().map(StoredLeaf::from).collect();
    let mut devices: Vec<DeviceId> = after.iter().map(|leaf| leaf.device).collect();
    for leaf in before.iter().filter(|leaf| !after.iter().any(|kept| kept.device == leaf.device)) {
        rows::drop_leaf(sql, id, leaf.device)?;
        devices.push(leaf.device);
    }
    for leaf in after.iter().filter(|leaf| !before.contains(leaf)) {
        rows::put_leaf(sql, id, leaf)?;
    }
    let accounts =
        |leaves: &[StoredLeaf]| leaves.iter().map(|leaf| leaf.account).collect::<std::collections::BTreeSet<AccountId>>();
    let (were, are) = (accounts(&before), accounts(&after));
    // Who is named by a direct conversation or a note stays in it also without a leaf, and is wanted.
    let policy = group.policy()?;
    for account in were.difference(&are).filter(|account| policy.kind == Kind::Group || !policy.names(**account)) {
        rows::end_stay(sql, id, *account, number)?;
    }
    for account in are.difference(&were) {
        rows::begin_stay(sql, id, *account, number)?;
    }
    Ok(devices)
}
