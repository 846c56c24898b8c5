//! PUT /api/key-packages.

use shared::{
    Bytes,
    http::{PackageCount, PutPackages},
    limits,
};

use super::{
    count::{left, oldest_once},
    rows,
};
use crate::{
    account::statement,
    context::Context,
    device,
    mls_group::package::{self, Use},
    refusal::{Done, Outcome, Refusal, errors},
    session::Caller,
    sql::Sql,
};

errors! {
    /// Why packages are refused.
    PutError {
        /// A package is not of the calling device, not fresh, or malformed.
        Package = BadPackage;
        /// More than the pool holds.
        Pool = TooLarge;
        /// The device is gone.
        Gone = LoginRequired;
        /// The newest statement does not name the device any more.
        Stated = DeviceNotStated;
    }
}

/// Adds one-time packages to the pool and replaces the last resort.
///
/// # Errors
/// [`PutError`]; nothing is stored then.
pub fn put(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &PutPackages) -> Outcome<PackageCount> {
    let device = device::rows::living(sql, caller.device())?.ok_or(PutError::Gone)?;
    let statement = statement::newest(sql, caller.account())?;
    statement.device(caller.device()).ok_or(PutError::Stated)?;
    rows::drop_stale(sql, caller.device(), oldest_once(context.now))?;
    let have = rows::count(sql, caller.device(), oldest_once(context.now))?;
    if usize::try_from(have).unwrap_or(usize::MAX).saturating_add(request.packages.len()) > limits::POOL {
        return Err(PutError::Pool.into());
    }
    let certificate = shared::certificate::Certificate::parse(device.certificate.as_slice())
        .ok()
        .and_then(|certificate| certificate.verify(&statement.content().identity).ok())
        .ok_or_else(|| Refusal::internal("a stored certificate does not verify"))?;
    let mut store = |bytes: &Bytes, how: Use| -> Result<(), Refusal> {
        let package = package::check(bytes, how, &certificate, context.now).map_err(|_| PutError::Package)?;
        Ok(rows::insert(sql, caller.device(), &package)?)
    };
    request.packages.iter().try_for_each(|bytes| store(bytes, Use::Once))?;
    request.last_resort.iter().try_for_each(|bytes| store(bytes, Use::LastResort))?;
    Ok(Done::quiet(left(sql, context, caller)?))
}
