//! DELETE /api/devices/{id}.

use shared::{DeviceId, http::Revoke, limits};

use super::rows;
use crate::{
    account::{rows as accounts, statement},
    context::Context,
    inbox,
    refusal::{Done, Outcome, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a revocation is refused; also `stale_statement` or `bad_statement` of the chain.
    RevokeError {
        /// Not a living device of this account.
        Unknown = NotFound;
        /// A device does not revoke itself: it retires at log-out.
        Itself = Forbidden;
        /// The vault is empty or too large.
        Vault = TooLarge;
        /// The stored vault is not the one before this.
        VaultNumber = StaleStatement;
        /// The statement still names the device, or leaves another living one out, or brings one in.
        Devices = BadStatement;
    }
}

/// Signs another device of the account out for ever: the next statement without it, the next vault without its key.
///
/// # Errors
/// [`RevokeError`].
pub fn revoke(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    caller: &Caller,
    device: DeviceId,
    request: &Revoke,
) -> Outcome<()> {
    let account = accounts::existing(sql, caller.account())?;
    let living = rows::of_account(sql, account.id)?;
    if device == caller.device() {
        return Err(RevokeError::Itself.into());
    }
    if !living.contains(&device) {
        return Err(RevokeError::Unknown.into());
    }
    if request.vault.0.is_empty() || request.vault.0.len() > limits::VAULT {
        return Err(RevokeError::Vault.into());
    }
    let before = statement::newest(sql, account.id)?;
    let next = statement::next(&before, &request.statement)?;
    if request.vault_number != account.vault_no + 1 {
        return Err(RevokeError::VaultNumber.into());
    }
    let wraps = accounts::wraps(sql, account.id)?;
    statement::fits(&next, &before, request.vault_number, accounts::secrets_hash(&wraps, &request.vault))?;
    let complete = living.iter().all(|old| next.device(*old).is_some() == (*old != device));
    if !complete || !next.content().devices.iter().all(|d| before.device(d.id) == Some(d)) {
        return Err(RevokeError::Devices.into());
    }
    accounts::insert_statement(sql, &next, context.now)?;
    accounts::put_vault(sql, account.id, &request.vault, request.vault_number)?;
    let mut announce: Vec<_> = rows::retire(sql, context.now, account.id, device)?.into_iter().collect();
    announce.extend(inbox::notice::statement(sql, context, account.id, next.content().number, Some(caller.device()))?);
    Ok(Done::telling((), announce))
}
