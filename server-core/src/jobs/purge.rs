//! Dropping what is over.

use shared::time::DAY;

use crate::{
    context::Context,
    refusal::{Done, Outcome},
    sql::{Sql, named},
};

/// Drops expired sessions and attempts, rate rows that no longer count, and claims that nobody will ask for again. Says how
/// many rows went. Run every few minutes.
///
/// # Errors
/// Only when the database can't be written.
pub fn purge(sql: &mut dyn Sql, context: &mut Context<'_>) -> Outcome<usize> {
    let now = context.now;
    let mut gone = sql.execute("DELETE FROM session WHERE expires_ms <= :now", named! { now: now })?;
    gone += sql.execute("DELETE FROM login_attempt WHERE expires_ms <= :now", named! { now: now })?;
    gone += sql.execute("DELETE FROM limit_strict WHERE tat_ms <= :now", named! { now: now })?;
    let old = now.0.saturating_sub(30 * DAY);
    gone += sql.execute("DELETE FROM key_package_claim WHERE at_ms <= :old", named! { old: old })?;
    Ok(Done::quiet(gone))
}
