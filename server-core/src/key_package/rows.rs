//! The SQL of key packages.

use shared::{AccountId, Bytes, DeviceId, Millis, http::Claim};

use crate::{
    mls_group::package::{Package, Use},
    sql::{Sql, SqlError, first, named},
};

/// Stores a package; the same one again changes nothing. A new last resort replaces the old one.
pub(crate) fn insert(sql: &mut dyn Sql, device: DeviceId, package: &Package) -> Result<(), SqlError> {
    let last_resort = package.how == Use::LastResort;
    if last_resort {
        sql.execute("DELETE FROM key_package WHERE device_id = :device AND last_resort = 1", named! { device: &device })?;
        sql.execute("UPDATE device SET last_resort_used = 0 WHERE device_id = :device", named! { device: &device })?;
    }
    sql.execute(
        "INSERT INTO key_package (device_id, last_resort, kp_ref, created_ms, body)
         VALUES (:device, :last_resort, :reference, :created, :body) ON CONFLICT DO NOTHING",
        named! {
            device: &device, last_resort: last_resort, reference: &package.reference, created: package.created,
            body: &package.body,
        },
    )
    .map(drop)
}

/// One-time packages that can still be handed out.
pub(crate) fn count(sql: &mut dyn Sql, device: DeviceId, oldest: Millis) -> Result<u32, SqlError> {
    first(
        sql,
        "SELECT COUNT(*) FROM key_package WHERE device_id = :device AND last_resort = 0 AND created_ms > :oldest",
        named! { device: &device, oldest: oldest },
    )?
    .ok_or(SqlError::Shape("no count"))?
    .take()
}

pub(super) fn last_resort_used(sql: &mut dyn Sql, device: DeviceId) -> Result<bool, SqlError> {
    first(sql, "SELECT last_resort_used FROM device WHERE device_id = :device", named! { device: &device })?
        .map_or(Ok(false), |mut row| row.take())
}

/// Drops one-time packages too old to be handed out.
pub(super) fn drop_stale(sql: &mut dyn Sql, device: DeviceId, oldest: Millis) -> Result<(), SqlError> {
    sql.execute(
        "DELETE FROM key_package WHERE device_id = :device AND last_resort = 0 AND created_ms <= :oldest",
        named! { device: &device, oldest: oldest },
    )
    .map(drop)
}

/// Takes the oldest usable one-time package.
pub(super) fn take_once(sql: &mut dyn Sql, device: DeviceId, oldest: Millis) -> Result<Option<Bytes>, SqlError> {
    first(
        sql,
        "DELETE FROM key_package WHERE rowid = (SELECT rowid FROM key_package
           WHERE device_id = :device AND last_resort = 0 AND created_ms > :oldest ORDER BY created_ms LIMIT 1) RETURNING body",
        named! { device: &device, oldest: oldest },
    )?
    .map(|mut row| row.take())
    .transpose()
}

/// The last resort, which stays; marks it used.
pub(super) fn last_resort(sql: &mut dyn Sql, device: DeviceId, oldest: Millis) -> Result<Option<Bytes>, SqlError> {
    let row = first(
        sql,
        "SELECT body FROM key_package WHERE device_id = :device AND last_resort = 1 AND created_ms > :oldest",
        named! { device: &device, oldest: oldest },
    )?;
    let Some(mut row) = row else { return Ok(None) };
    sql.execute("UPDATE device SET last_resort_used = 1 WHERE device_id = :device", named! { device: &device })?;
    row.take().map(Some)
}

/// What this account was given for the same commit before.
pub(super) fn claimed(
    sql: &mut dyn Sql,
    claim: &Claim,
    device: DeviceId,
    claimer: AccountId,
) -> Result<Option<Bytes>, SqlError> {
    first(
        sql,
        "SELECT body FROM key_package_claim WHERE conv_id = :conversation AND generation = :generation AND epoch = :epoch
           AND device_id = :device AND claimer = :claimer",
        named! {
            conversation: &claim.conversation_id, generation: claim.generation, epoch: claim.epoch, device: &device,
            claimer: &claimer,
        },
    )?
    .map(|mut row| row.take())
    .transpose()
}

pub(super) fn remember(
    sql: &mut dyn Sql,
    claim: &Claim,
    device: DeviceId,
    claimer: AccountId,
    body: &Bytes,
    now: Millis,
) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO key_package_claim (conv_id, generation, epoch, device_id, claimer, body, at_ms)
         VALUES (:conversation, :generation, :epoch, :device, :claimer, :body, :now)",
        named! {
            conversation: &claim.conversation_id, generation: claim.generation, epoch: claim.epoch, device: &device,
            claimer: &claimer, body: body, now: now,
        },
    )
    .map(drop)
}
