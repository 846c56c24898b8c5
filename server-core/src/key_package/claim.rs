//! POST /api/accounts/{id}/key-packages/claim.

use shared::{
    AccountId, DeviceId,
    http::{Claim, Claimed, ClaimedPackage},
};

use super::{
    count::{oldest_last_resort, oldest_once},
    rows,
};
use crate::{
    account::{self, statement},
    context::Context,
    device,
    rate::{self, Bucket},
    refusal::{Done, Outcome, Refusal, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why a claim is refused.
    ClaimError {
        /// No such account, or the named device is not one of it.
        Unknown = NotFound;
        /// None of the devices has a package.
        None = NoPackages;
    }
}

/// Hands out one package for each living, stated device of the account but the asking one. Asked again for the same
/// (conversation, generation, epoch) the same account gets the same packages.
///
/// # Errors
/// [`ClaimError`], `rate_limited`.
pub fn claim(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    caller: &Caller,
    account: AccountId,
    request: &Claim,
) -> Outcome<Claimed> {
    let target = account::rows::by_id(sql, account)?.ok_or(ClaimError::Unknown)?;
    let statement = statement::newest(sql, account)?;
    let mut devices = device::rows::of_account(sql, account)?;
    devices.retain(|id| statement.device(*id).is_some() && *id != caller.device());
    if let Some(only) = request.device_id {
        devices.retain(|id| *id == only);
        if devices.is_empty() {
            return Err(ClaimError::Unknown.into());
        }
    }
    let mut packages = vec![];
    for device in devices {
        if let Some(package) = one(sql, context, caller, request, device)? {
            packages.push(ClaimedPackage { device, package });
        }
    }
    // An own account without other devices has nobody to add; that is an answer, not a refusal.
    if packages.is_empty() && account != caller.account() {
        return Err(ClaimError::None.into());
    }
    Ok(Done::quiet(Claimed { packages, statement: target.statement_no }))
}

fn one(
    sql: &mut dyn Sql,
    context: &Context<'_>,
    caller: &Caller,
    request: &Claim,
    device: DeviceId,
) -> Result<Option<shared::Bytes>, Refusal> {
    if let Some(same) = rows::claimed(sql, request, device, caller.account())? {
        return Ok(Some(same));
    }
    rate::count(sql, context, Bucket::Claim, &[caller.account().as_bytes(), device.as_bytes()], context.rules.claim)?;
    let once = rows::take_once(sql, device, oldest_once(context.now))?;
    let package = match once {
        Some(package) => Some(package),
        None => rows::last_resort(sql, device, oldest_last_resort(context.now))?,
    };
    if let Some(package) = &package {
        rows::remember(sql, request, device, caller.account(), package, context.now)?;
    }
    Ok(package)
}
