//! Attempts, counted by GCRA rows: one row a bucket, one statement an attempt, nothing to clean up while it is used.

use shared::Code;

use crate::{
    context::{Context, Peer},
    refusal::Refusal,
    rules::Budget,
    sql::{Sql, first, named},
};

/// What a bucket counts. Part of its key, so that two uses never share one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bucket {
    LoginPair,
    LoginPrefix,
    LoginAccount,
    LoginKnown,
    Resume,
    ResumePrefix,
    Register,
    Claim,
    Commit,
    RegisterFinish,
}

/// Counts one attempt.
///
/// # Errors
/// `rate_limited` with the time to wait; a refused attempt is not counted.
pub(crate) fn count(
    sql: &mut dyn Sql,
    context: &Context<'_>,
    bucket: Bucket,
    key: &[&[u8]],
    budget: Budget,
) -> Result<(), Refusal> {
    if budget.burst == 0 {
        return Err(Refusal::new(Code::RateLimited).after(budget.every).because(format!("{bucket:?} is shut")));
    }
    let kind = [bucket as u8];
    let key = context.keys.rate_key(&[&[&kind[..]], key].concat());
    let span = budget.every.saturating_mul(budget.burst.into());
    let counted = sql.query(
        "INSERT INTO limit_strict (key, tat_ms) VALUES (:key, :now + :every)
         ON CONFLICT (key) DO UPDATE SET tat_ms = MAX(tat_ms, :now) + :every
         WHERE MAX(tat_ms, :now) + :every - :now <= :span RETURNING tat_ms",
        named! { key: &key, now: context.now, every: budget.every, span: span },
    )?;
    if !counted.is_empty() {
        return Ok(());
    }
    let row = first(sql, "SELECT tat_ms FROM limit_strict WHERE key = :key", named! { key: &key })?;
    let arrival: u64 = row.map_or(Ok(0), |mut row| row.take())?;
    let wait = arrival.saturating_add(budget.every).saturating_sub(context.now.0.saturating_add(span));
    Err(Refusal::new(Code::RateLimited).after(wait.max(1)).because(format!("{bucket:?}")))
}

/// Counts one guess at an account's password or kit: a browser that was in before has a bucket of its own, so that
/// nobody can lock somebody else out.
pub(crate) fn guess(sql: &mut dyn Sql, context: &Context<'_>, peer: &Peer, account: shared::AccountId) -> Result<(), Refusal> {
    let rules = context.rules;
    let known = peer.known.as_ref().and_then(|cookie| context.keys.known(cookie, account, context.now));
    if let Some(random) = known {
        return count(sql, context, Bucket::LoginKnown, &[account.as_bytes(), &random], rules.login_known);
    }
    count(sql, context, Bucket::LoginPair, &[account.as_bytes(), &peer.prefix], rules.login_pair)?;
    count(sql, context, Bucket::LoginPrefix, &[&peer.prefix], rules.login_prefix)?;
    count(sql, context, Bucket::LoginAccount, &[account.as_bytes()], rules.login_account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::World;

    #[test]
    fn a_burst_then_one_by_one() {
        let mut world = World::new();
        let budget = Budget { burst: 3, every: 1_000 };
        let attempt = |world: &mut World| {
            world.write(|sql, context| count(sql, context, Bucket::Claim, &[b"key"], budget).map(crate::Done::quiet))
        };
        for _ in 0..3 {
            attempt(&mut world).unwrap();
        }
        let refused = attempt(&mut world).unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(1_000)));
        world.now.0 += 999;
        assert_eq!(attempt(&mut world).unwrap_err().retry_after, Some(1));
        world.now.0 += 1;
        attempt(&mut world).unwrap();
        attempt(&mut world).unwrap_err();
        world.now.0 += 1_000_000;
        for _ in 0..3 {
            attempt(&mut world).unwrap();
        }
        attempt(&mut world).unwrap_err();
    }
}
