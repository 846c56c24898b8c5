//! The SQL of inboxes.

use shared::{
    DeviceId, Millis, codec,
    frame::{InboxBody, InboxItem},
};

use crate::{
    announce::Announce,
    refusal::Refusal,
    sql::{Row, Sql, SqlError, first, named},
};

/// Puts an item into a device's inbox; numbers come from the device's own counter row.
pub(crate) fn push(sql: &mut dyn Sql, now: Millis, device: DeviceId, body: &InboxBody) -> Result<Announce, SqlError> {
    let row = first(
        sql,
        "INSERT INTO device_head (device_id, head_n) VALUES (:device, 1)
         ON CONFLICT (device_id) DO UPDATE SET head_n = head_n + 1 RETURNING head_n",
        named! { device: &device },
    )?;
    let number: u64 = row.ok_or(SqlError::Shape("no counter"))?.take()?;
    sql.execute(
        "INSERT INTO device_inbox (device_id, n, at_ms, body) VALUES (:device, :n, :now, :body)",
        named! { device: &device, n: number, now: now, body: &codec::encode(body) },
    )?;
    Ok(Announce::Inbox { device, number })
}

/// How many items wait.
pub(crate) fn waiting(sql: &mut dyn Sql, device: DeviceId) -> Result<u32, SqlError> {
    first(sql, "SELECT COUNT(*) FROM device_inbox WHERE device_id = :device", named! { device: &device })?
        .ok_or(SqlError::Shape("no count"))?
        .take()
}

fn item(mut row: Row) -> Result<InboxItem, Refusal> {
    let (number, at, body) = (row.take()?, row.take()?, row.take::<Vec<u8>>()?);
    let body = codec::decode(&body).map_err(|error| Refusal::internal(format!("a stored inbox item: {error}")))?;
    Ok(InboxItem { number, at, body })
}

pub(super) fn after(sql: &mut dyn Sql, device: DeviceId, after: u64, limit: u32) -> Result<Vec<(usize, InboxItem)>, Refusal> {
    sql.query(
        "SELECT length(body), n, at_ms, body FROM device_inbox WHERE device_id = :device AND n > :after ORDER BY n LIMIT :limit",
        named! { device: &device, after: after, limit: limit },
    )?
    .into_iter()
    .map(|mut row| Ok((usize::try_from(row.take::<u64>()?).unwrap_or(usize::MAX), item(row)?)))
    .collect()
}

pub(super) fn one(sql: &mut dyn Sql, device: DeviceId, number: u64) -> Result<Option<InboxItem>, Refusal> {
    first(
        sql,
        "SELECT n, at_ms, body FROM device_inbox WHERE device_id = :device AND n = :number",
        named! { device: &device, number: number },
    )?
    .map(item)
    .transpose()
}

/// The last item that is gone: what is kept begins behind it.
pub(crate) fn gone(sql: &mut dyn Sql, device: DeviceId) -> Result<u64, SqlError> {
    first(
        sql,
        "SELECT COALESCE((SELECT MIN(n) - 1 FROM device_inbox WHERE device_id = :device),
                         (SELECT head_n FROM device_head WHERE device_id = :device), 0)",
        named! { device: &device },
    )?
    .ok_or(SqlError::Shape("no number"))?
    .take()
}

pub(super) fn drop_until(sql: &mut dyn Sql, device: DeviceId, number: u64) -> Result<(), SqlError> {
    sql.execute(
        "DELETE FROM device_inbox WHERE device_id = :device AND n <= :number",
        named! { device: &device, number: number },
    )
    .map(drop)
}
