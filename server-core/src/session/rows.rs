//! The SQL of sessions.

use shared::{AccountId, DeviceId, Millis};

use super::{Issued, Session, SessionId, Token};
use crate::{
    account::rows::Account,
    context::Context,
    refusal::Refusal,
    sql::{Sql, SqlError, first, named},
};

/// The live session of this name.
pub(super) fn live(sql: &mut dyn Sql, now: Millis, id: SessionId) -> Result<Option<Session>, SqlError> {
    let row = first(
        sql,
        "SELECT s.account_id, a.handle, s.device_id, s.expires_ms FROM session s JOIN account a ON a.account_id = s.account_id
         LEFT JOIN device d ON d.device_id = s.device_id
         WHERE s.token_hash = :id AND s.expires_ms > :now AND s.auth_epoch = a.auth_epoch AND a.status = 0
           AND (s.device_id IS NULL OR d.gone_ms IS NULL)",
        named! { id: &id.0, now: now },
    )?;
    let Some(mut row) = row else { return Ok(None) };
    let (account, username, device, expires) = (row.take()?, row.take()?, row.take()?, row.take()?);
    Ok(Some(Session { id, account, username, device, expires }))
}

pub(super) fn slide(sql: &mut dyn Sql, id: SessionId, expires: Millis) -> Result<(), SqlError> {
    sql.execute("UPDATE session SET expires_ms = :expires WHERE token_hash = :id", named! { id: &id.0, expires: expires })
        .map(drop)
}

pub(crate) fn end(sql: &mut dyn Sql, id: SessionId) -> Result<(), SqlError> {
    sql.execute("DELETE FROM session WHERE token_hash = :id", named! { id: &id.0 }).map(drop)
}

pub(crate) fn end_all(sql: &mut dyn Sql, account: AccountId) -> Result<(), SqlError> {
    sql.execute("DELETE FROM session WHERE account_id = :account", named! { account: &account }).map(drop)
}

pub(crate) fn end_of_device(sql: &mut dyn Sql, account: AccountId, device: DeviceId) -> Result<(), SqlError> {
    sql.execute(
        "DELETE FROM session WHERE account_id = :account AND device_id = :device",
        named! { account: &account, device: &device },
    )
    .map(drop)
}

/// A new session: bound to a device, or for ten minutes without one.
pub(crate) fn issue(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    account: &Account,
    auth_epoch: u64,
    device: Option<DeviceId>,
) -> Result<Issued<()>, Refusal> {
    let token = Token::new(context.random());
    let life = if device.is_some() { context.rules.session_idle } else { context.rules.unenrolled };
    let (id, expires) = (token.id(), context.now.plus(life));
    sql.execute(
        "INSERT INTO session (token_hash, account_id, device_id, auth_epoch, created_ms, expires_ms)
         VALUES (:id, :account, :device, :epoch, :now, :expires)",
        named! {
            id: &id.0, account: &account.id, device: device.as_ref(), epoch: auth_epoch, now: context.now, expires: expires,
        },
    )?;
    let known = context.keys.known_cookie(account.id, context.now, context.random());
    let session = Session { id, account: account.id, username: account.handle.clone(), device, expires };
    Ok(Issued { token, known, session, body: () })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{refusal::Done, tests::world::World};

    /// Sessions that stand in the table at all, whatever their epoch.
    fn count(world: &mut World) -> usize {
        world.read(|sql| Ok(Done::quiet(sql.query("SELECT 1 FROM session", &[])?.len()))).unwrap().answer
    }

    #[test]
    fn sessions_end_for_a_device_or_for_the_whole_account() {
        let mut world = World::new();
        let ((person, laptop), (_, other)) = (world.register("alice"), world.register("bob"));
        let unbound = world.login("alice", &person.password, None).unwrap().answer;
        assert_eq!(count(&mut world), 3);
        let (account, device) = (person.account, laptop.id());
        world.write(|sql, _| Ok(Done::quiet(end_of_device(sql, account, device)?))).unwrap();
        assert_eq!(count(&mut world), 2);
        let live = |world: &mut World, token: &Token| {
            let now = world.now;
            world.read(|sql| Ok(Done::quiet(live(sql, now, token.id())?.is_some()))).unwrap().answer
        };
        assert_eq!([&laptop.token, &unbound.token].map(|token| live(&mut world, token)), [false, true]);
        world.write(|sql, _| Ok(Done::quiet(end_all(sql, account)?))).unwrap();
        assert_eq!(count(&mut world), 1);
        assert!(live(&mut world, &other.token), "somebody else's");
    }
}
