//! POST /auth/recover/finish.

use sha2::{Digest as _, Sha256};
use shared::{
    AccountId,
    http::{Bound, RecoverFinish},
    label::Label,
    signature,
};

use super::{
    opaque,
    rows::{self, Attempt},
    statement,
};
use crate::{
    announce::Announce,
    context::Context,
    inbox,
    refusal::{Done, Outcome, errors},
    session::{self, Issued},
    sql::Sql,
};

errors! {
    /// Why a recovery is not finished; also [`super::NextError`].
    RecoverFinishError {
        /// The attempt is unknown, not opened, used or too old.
        Attempt = AttemptExpired;
        /// The recovery key did not sign exactly this.
        Signature = BadSignature;
        /// A key-stretching version that is not accepted.
        Ksf = UnknownKsf;
        /// The OPAQUE upload can't be read.
        Upload = Malformed;
        /// Not exactly a password wrap of the new record and a kit wrap.
        Wraps = Malformed;
        /// Another recovery or password change came first.
        Record = AttemptExpired;
        /// The statement names other devices than before.
        Devices = BadStatement;
    }
}

/// Replaces the password by the kit alone, in one transaction: record, wraps, statement. Every session ends; the answer is a
/// session without a device, with which a browser that has one resumes and another enrols.
///
/// # Errors
/// [`RecoverFinishError`]; the opened attempt stays usable, so that a stale statement can be made again.
pub fn recover_finish(sql: &mut dyn Sql, context: &mut Context<'_>, request: &RecoverFinish) -> Outcome<Issued<Bound>> {
    // A refusal undoes the taking, too: an opened attempt ends by its minutes or by success.
    let attempt = rows::take_attempt(sql, Attempt::RecoveryOpened, &request.recover_id, context.now)?;
    let (Some(id), state) = attempt.ok_or(RecoverFinishError::Attempt)? else {
        return Err(RecoverFinishError::Attempt.into());
    };
    finish(sql, context, request, id, &state)
}

fn finish(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    request: &RecoverFinish,
    id: AccountId,
    state: &[u8],
) -> Outcome<Issued<Bound>> {
    let account = rows::by_id(sql, id)?.ok_or(RecoverFinishError::Attempt)?;
    let hash = Sha256::digest(request.signed());
    let signature = request.signature.array().ok_or(RecoverFinishError::Signature)?;
    signature::verify(&account.recovery, Label::RecoveryFinish, &hash, &signature)
        .map_err(|_| RecoverFinishError::Signature)?;
    let number = account.record_no.saturating_add(1);
    if state.get(..4) != Some(&number.to_be_bytes()[..]) {
        return Err(RecoverFinishError::Record.into());
    }
    if request.ksf != context.rules.ksf {
        return Err(RecoverFinishError::Ksf.into());
    }
    let record = opaque::record(request.upload.as_slice()).map_err(|_| RecoverFinishError::Upload)?;
    let before = statement::newest(sql, id)?;
    if !rows::wraps_fit(&request.wraps, before.content().generation, number) {
        return Err(RecoverFinishError::Wraps.into());
    }
    let next = statement::next(&before, &request.statement)?;
    let vault = rows::vault(sql, id)?;
    statement::fits(&next, &before, account.vault_no, rows::secrets_hash(&request.wraps, &vault))?;
    if next.content().devices != before.content().devices {
        return Err(RecoverFinishError::Devices.into());
    }
    let auth_epoch = rows::replace_record(sql, id, &record, number, request.ksf)?;
    rows::replace_wraps(sql, id, &request.wraps)?;
    rows::insert_statement(sql, &next, context.now)?;
    session::rows::end_all(sql, id)?;
    let issued = session::rows::issue(sql, context, &account, auth_epoch, None)?;
    let mut announce = vec![Announce::SessionsEnded { account: id, except: Some(issued.session.id()) }];
    announce.extend(inbox::notice::statement(sql, context, id, next.content().number, None)?);
    Ok(Done::telling(issued.bound(), announce))
}
