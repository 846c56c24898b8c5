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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::World;

    #[test]
    fn what_is_over_goes_and_nothing_else() {
        let mut world = World::new();
        let (_, alice) = world.register("alice");
        let (bob, _) = world.register("bob");
        world.login_start("alice", b"guess").unwrap();
        let claim =
            shared::http::Claim { conversation_id: shared::ConversationId([1; 16]), generation: 0, epoch: 0, device_id: None };
        world.claim(&alice, bob.account, &claim).unwrap();
        assert_eq!(world.write(purge).unwrap().answer, 0);
        world.now.0 += shared::time::HOUR;
        world.resume(&alice.mls, None).unwrap();
        world.write(purge).unwrap();
        assert_eq!(world.number("SELECT COUNT(*) FROM session"), 1);
        assert_eq!(world.number("SELECT COUNT(*) FROM login_attempt"), 0);
        assert_eq!(world.number("SELECT COUNT(*) FROM key_package_claim"), 1);
        world.now.0 += 30 * DAY;
        world.write(purge).unwrap();
        assert_eq!(world.number("SELECT COUNT(*) FROM key_package_claim"), 0);
        assert_eq!(world.number("SELECT COUNT(*) FROM limit_strict"), 0);
        assert_eq!(world.number("SELECT COUNT(*) FROM account"), 2);
    }
}
