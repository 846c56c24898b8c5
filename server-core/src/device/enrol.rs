//! POST /api/devices.

use shared::{
    http::{Bound, Enrol},
    limits,
};

use super::{rows, upload};
use crate::{
    account::{rows as accounts, statement},
    announce::Announce,
    context::Context,
    conversation, inbox,
    refusal::{Done, Outcome, errors},
    session::{self, Issued, Session},
    sql::Sql,
};

errors! {
    /// Why an enrolment is refused; also [`super::UploadError`] and `stale_statement` or `bad_statement` of the chain.
    EnrolError {
        /// More devices than an account may have.
        TooMany = TooManyDevices;
        /// The vault is empty or too large.
        Vault = TooLarge;
        /// The stored vault is not the one before this.
        VaultNumber = StaleStatement;
        /// The statement does not name the old devices and the new one.
        Devices = BadStatement;
        /// The device id was used before.
        Taken = IdTaken;
        /// The device to retire is not one of this account's.
        Retires = NotFound;
    }
}

/// Enrols a device: the account's next statement, its next vault, certificate and packages, by compare-and-set on both
/// numbers. The session is replaced by one bound to the device; the retired device, if any, goes in the same step.
///
/// # Errors
/// [`EnrolError`], [`super::UploadError`], `stale_statement` when somebody was faster: read the statements and try again.
pub fn enrol(sql: &mut dyn Sql, context: &mut Context<'_>, session: &Session, request: &Enrol) -> Outcome<Issued<Bound>> {
    let account = accounts::existing(sql, session.account())?;
    if request.vault.0.is_empty() || request.vault.0.len() > limits::VAULT {
        return Err(EnrolError::Vault.into());
    }
    let living = rows::of_account(sql, account.id)?;
    if living.len() + 1 - usize::from(request.retires.is_some()) > limits::DEVICES {
        return Err(EnrolError::TooMany.into());
    }
    let before = statement::newest(sql, account.id)?;
    let next = statement::next(&before, &request.statement)?;
    if request.vault_number != account.vault_no + 1 {
        return Err(EnrolError::VaultNumber.into());
    }
    let wraps = accounts::wraps(sql, account.id)?;
    statement::fits(&next, &before, request.vault_number, accounts::secrets_hash(&wraps, &request.vault))?;
    let new = upload::verify(context, &request.device, &next)?;
    let id = new.certificate.device;
    if rows::id_taken(sql, id)? {
        return Err(EnrolError::Taken.into());
    }
    if request.retires.is_some_and(|old| !living.contains(&old)) {
        return Err(EnrolError::Retires.into());
    }
    // Devices that are gone may still be named: who states them may not know yet. A living one may not be left out silently.
    let stated = |id| next.device(id).is_some();
    let complete = living.iter().all(|old| stated(*old) != (request.retires == Some(*old)));
    let old_ones = next.content().devices.iter().filter(|device| device.id != id).all(|d| before.device(d.id) == Some(d));
    if !complete || !old_ones {
        return Err(EnrolError::Devices.into());
    }
    accounts::insert_statement(sql, &next, context.now)?;
    accounts::put_vault(sql, account.id, &request.vault, request.vault_number)?;
    rows::insert(sql, context.now, account.id, account.auth_epoch, &new)?;
    let mut announce = vec![Announce::SessionEnded { account: account.id, session: session.id() }];
    session::rows::end(sql, session.id())?;
    if let Some(old) = request.retires {
        announce.extend(rows::retire(sql, context.now, account.id, old)?);
    }
    announce.extend(inbox::notice::statement(sql, context, account.id, next.content().number, Some(id))?);
    announce.extend(conversation::wanted::announce(sql, account.id, id)?);
    let issued = session::rows::issue(sql, context, &account, account.auth_epoch, Some(id))?;
    Ok(Done::telling(issued.bound(), announce))
}
