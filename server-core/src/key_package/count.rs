//! GET /api/key-packages.

use shared::{Millis, http::PackageCount, limits};

use super::rows;
use crate::{
    context::Context,
    refusal::{Done, Outcome, Refusal},
    session::Caller,
    sql::Sql,
};

/// One-time packages created at or before this are not handed out any more.
pub(crate) const fn oldest_once(now: Millis) -> Millis {
    Millis(now.0.saturating_sub(limits::PACKAGE_FRESH * 1_000))
}

/// Last resorts created at or before this are not handed out any more.
pub(crate) const fn oldest_last_resort(now: Millis) -> Millis {
    Millis(now.0.saturating_sub(limits::LAST_RESORT_FRESH * 1_000))
}

/// How many packages of the calling device are left.
///
/// # Errors
/// Only when the database can't be read.
pub fn count(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller) -> Outcome<PackageCount> {
    Ok(Done::quiet(left(sql, context, caller)?))
}

pub(super) fn left(sql: &mut dyn Sql, context: &Context<'_>, caller: &Caller) -> Result<PackageCount, Refusal> {
    Ok(PackageCount {
        count: rows::count(sql, caller.device(), oldest_once(context.now))?,
        last_resort_used: rows::last_resort_used(sql, caller.device())?,
    })
}
