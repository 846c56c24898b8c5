//! The SQL of devices.

use shared::{AccountId, Bytes, DeviceId, Millis};

use super::upload::NewDevice;
use crate::{
    announce::Announce,
    key_package, session,
    sql::{Row, Sql, SqlError, first, named},
};

/// A device that is in force.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) account: AccountId,
    pub(crate) key: [u8; 32],
    pub(crate) auth_epoch: u64,
    pub(crate) run: Bytes,
    pub(crate) certificate: Bytes,
}

fn device(mut row: Row) -> Result<Device, SqlError> {
    Ok(Device { account: row.take()?, key: row.take()?, auth_epoch: row.take()?, run: row.take()?, certificate: row.take()? })
}

/// The device, unless it is unknown or gone.
pub(crate) fn living(sql: &mut dyn Sql, id: DeviceId) -> Result<Option<Device>, SqlError> {
    first(
        sql,
        "SELECT account_id, sig_pub, auth_epoch, run_token, certificate FROM device WHERE device_id = :device AND gone_ms IS NULL",
        named! { device: &id },
    )?
    .map(device)
    .transpose()
}

pub(crate) fn id_taken(sql: &mut dyn Sql, id: DeviceId) -> Result<bool, SqlError> {
    Ok(first(sql, "SELECT 1 FROM device WHERE device_id = :device", named! { device: &id })?.is_some())
}

/// Is it one of the account's, in force or gone?
pub(crate) fn was_of(sql: &mut dyn Sql, account: AccountId, id: DeviceId) -> Result<bool, SqlError> {
    let found = first(
        sql,
        "SELECT 1 FROM device WHERE device_id = :device AND account_id = :account",
        named! { device: &id, account: &account },
    )?;
    Ok(found.is_some())
}

/// All devices of the account that are in force.
pub(crate) fn of_account(sql: &mut dyn Sql, account: AccountId) -> Result<Vec<DeviceId>, SqlError> {
    sql.query(
        "SELECT device_id FROM device WHERE account_id = :account AND gone_ms IS NULL ORDER BY device_id",
        named! { account: &account },
    )?
    .into_iter()
    .map(|mut row| row.take())
    .collect()
}

/// Stores a new device with its packages.
pub(crate) fn insert(
    sql: &mut dyn Sql,
    now: Millis,
    account: AccountId,
    auth_epoch: u64,
    new: &NewDevice,
) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO device (device_id, account_id, sig_pub, certificate, run_token, auth_epoch, created_ms)
         VALUES (:device, :account, :key, :certificate, :run, :epoch, :now)",
        named! {
            device: &new.certificate.device, account: &account, key: &new.certificate.key,
            certificate: new.certificate.as_bytes(), run: &new.run, epoch: auth_epoch, now: now,
        },
    )?;
    for package in &new.packages {
        key_package::rows::insert(sql, new.certificate.device, package)?;
    }
    Ok(())
}

/// The device logged in by password now.
pub(crate) fn log_in(sql: &mut dyn Sql, id: DeviceId, auth_epoch: u64) -> Result<(), SqlError> {
    sql.execute("UPDATE device SET auth_epoch = :epoch WHERE device_id = :device", named! { device: &id, epoch: auth_epoch })
        .map(drop)
}

/// Retired, revoked or superseded: no packages, no sessions, no inbox any more. Its leaves stay until somebody removes them.
pub(crate) fn retire(
    sql: &mut dyn Sql,
    now: Millis,
    account: AccountId,
    device: DeviceId,
) -> Result<Option<Announce>, SqlError> {
    let changed = sql.execute(
        "UPDATE device SET gone_ms = :now WHERE device_id = :device AND account_id = :account AND gone_ms IS NULL",
        named! { device: &device, account: &account, now: now },
    )?;
    if changed == 0 {
        return Ok(None);
    }
    sql.execute("DELETE FROM key_package WHERE device_id = :device", named! { device: &device })?;
    sql.execute("DELETE FROM key_package_claim WHERE device_id = :device", named! { device: &device })?;
    sql.execute("DELETE FROM device_inbox WHERE device_id = :device", named! { device: &device })?;
    session::rows::end_of_device(sql, account, device)?;
    Ok(Some(Announce::DeviceGone { account, device }))
}

/// The run token of the device's next connection.
pub(crate) fn put_run(sql: &mut dyn Sql, id: DeviceId, run: &Bytes) -> Result<(), SqlError> {
    sql.execute("UPDATE device SET run_token = :run WHERE device_id = :device", named! { device: &id, run: run }).map(drop)
}
