//! The SQL of conversations.

use mls::{rules::Leaf, store::RowChange};
use shared::{
    AccountId, Bytes, ConversationId, DeviceId, MessageId, Millis,
    frame::{Cursor, Delivered, Head, RowKind, Wanted},
    http::ConversationState,
};

use crate::{
    refusal::Refusal,
    sql::{Row, Sql, SqlError, first, named},
};

const fn kind_byte(kind: RowKind) -> u8 {
    match kind {
        RowKind::Message => 0,
        RowKind::Commit => 1,
        RowKind::Proposal => 2,
    }
}

fn kind(byte: u8) -> Result<RowKind, SqlError> {
    match byte {
        0 => Ok(RowKind::Message),
        1 => Ok(RowKind::Commit),
        2 => Ok(RowKind::Proposal),
        _ => Err(SqlError::Shape("a row of an unknown kind")),
    }
}

/// A row that this device stored under this id before.
pub(super) fn stored(
    sql: &mut dyn Sql,
    conversation: ConversationId,
    device: DeviceId,
    message: MessageId,
) -> Result<Option<(u64, Millis, RowKind)>, SqlError> {
    first(
        sql,
        "SELECT seq, at_ms, kind FROM conv_msg WHERE conv_id = :conversation AND sender = :device AND cmid = :message",
        named! { conversation: &conversation, device: &device, message: &message },
    )?
    .map(|mut row| Ok((row.take()?, row.take()?, kind(row.take()?)?)))
    .transpose()
}

/// Where a conversation stands, for a device that has a leaf in it.
pub(super) struct Place {
    pub(super) generation: u32,
    pub(super) epoch: u64,
    pub(super) head: u64,
    pub(super) last_n: u64,
    pub(super) rows_in_epoch: u64,
    /// The device's cursor.
    pub(super) cursor: u64,
    /// Every device with a leaf, its own among them.
    pub(super) leaves: Vec<(DeviceId, AccountId)>,
}

/// None when there is no such conversation, the device has no leaf in it, or it is gone. One statement: it is asked for with every
/// message and every cursor.
pub(super) fn place(sql: &mut dyn Sql, conversation: ConversationId, device: DeviceId) -> Result<Option<Place>, SqlError> {
    let mut found: Option<Place> = None;
    let rows = sql.query(
        "SELECT l.device_id, l.account_id, c.generation, c.epoch, c.head_seq, COALESCE(n.last_n, 0),
           CASE WHEN n.rows_generation = c.generation AND n.rows_epoch = c.epoch THEN n.rows_in_epoch ELSE 0 END,
           COALESCE(x.acked_seq, 0)
         FROM conv c JOIN device d ON d.device_id = :device AND d.gone_ms IS NULL
         LEFT JOIN conv_device n ON n.conv_id = c.conv_id AND n.device_id = :device
         LEFT JOIN device_cursor x ON x.conv_id = c.conv_id AND x.device_id = :device
         JOIN conv_leaf l ON l.conv_id = c.conv_id
         WHERE c.conv_id = :conversation",
        named! { conversation: &conversation, device: &device },
    )?;
    for mut row in rows {
        let leaf = (row.take()?, row.take()?);
        match &mut found {
            Some(place) => place.leaves.push(leaf),
            None => {
                found = Some(Place {
                    generation: row.take()?,
                    epoch: row.take()?,
                    head: row.take()?,
                    last_n: row.take()?,
                    rows_in_epoch: row.take()?,
                    cursor: row.take()?,
                    leaves: vec![leaf],
                });
            }
        }
    }
    Ok(found.filter(|place| place.leaves.iter().any(|(leaf, _)| *leaf == device)))
}

/// A row to store.
pub(super) struct NewRow<'a> {
    pub(super) conversation: ConversationId,
    pub(super) number: u64,
    pub(super) kind: RowKind,
    pub(super) generation: u32,
    pub(super) epoch: u64,
    pub(super) device: DeviceId,
    pub(super) account: AccountId,
    pub(super) message: MessageId,
    pub(super) at: Millis,
    pub(super) clear: &'a [u8],
    pub(super) body: &'a Bytes,
    pub(super) signature: Option<&'a Bytes>,
}

/// Stores a row under the conversation's next number. False, and nothing is changed, when the device has stored one of this id.
pub(super) fn insert(sql: &mut dyn Sql, row: &NewRow<'_>) -> Result<bool, SqlError> {
    let stored = sql.execute(
        "INSERT INTO conv_msg (conv_id, seq, kind, generation, epoch, sender, sender_account, cmid, at_ms, clear, body, sig)
         VALUES (:conversation, :number, :kind, :generation, :epoch, :device, :account, :message, :at, :clear, :body, :sig)
         ON CONFLICT (conv_id, sender, cmid) DO NOTHING",
        named! {
            conversation: &row.conversation, number: row.number, kind: kind_byte(row.kind), generation: row.generation,
            epoch: row.epoch, device: &row.device, account: &row.account, message: &row.message, at: row.at,
            clear: row.clear, body: row.body, sig: row.signature,
        },
    )?;
    if stored == 0 {
        return Ok(false);
    }
    sql.execute(
        "UPDATE conv SET head_seq = :number WHERE conv_id = :conversation",
        named! { conversation: &row.conversation, number: row.number },
    )?;
    Ok(true)
}

/// The device's counter after a message.
pub(super) fn counted(
    sql: &mut dyn Sql,
    conversation: ConversationId,
    device: DeviceId,
    place: &Place,
    n: u64,
) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO conv_device (conv_id, device_id, last_n, rows_generation, rows_epoch, rows_in_epoch)
         VALUES (:conversation, :device, :n, :generation, :epoch, :count)
         ON CONFLICT (conv_id, device_id) DO UPDATE SET last_n = excluded.last_n, rows_generation = excluded.rows_generation,
           rows_epoch = excluded.rows_epoch, rows_in_epoch = excluded.rows_in_epoch",
        named! {
            conversation: &conversation, device: &device, n: n, generation: place.generation, epoch: place.epoch,
            count: place.rows_in_epoch + 1,
        },
    )
    .map(drop)
}

/// Devices with a leaf, those of this account first.
pub(super) fn devices_own_first(
    sql: &mut dyn Sql,
    conversation: ConversationId,
    account: AccountId,
) -> Result<Vec<DeviceId>, SqlError> {
    ids(sql.query(
        "SELECT device_id FROM conv_leaf WHERE conv_id = :conversation ORDER BY account_id <> :account, leaf",
        named! { conversation: &conversation, account: &account },
    )?)
}

/// Living devices of everybody this account shares a conversation with, its own left out.
pub(crate) fn devices_of_contacts(sql: &mut dyn Sql, account: AccountId) -> Result<Vec<DeviceId>, SqlError> {
    ids(sql.query(
        "SELECT DISTINCT d.device_id FROM conv_member mine
         JOIN conv_member other ON other.conv_id = mine.conv_id AND other.until_seq IS NULL AND other.account_id <> :account
         JOIN device d ON d.account_id = other.account_id AND d.gone_ms IS NULL
         WHERE mine.account_id = :account AND mine.until_seq IS NULL",
        named! { account: &account },
    )?)
}

fn ids(rows: Vec<Row>) -> Result<Vec<DeviceId>, SqlError> {
    rows.into_iter().map(|mut row| row.take()).collect()
}

/// A conversation's own row.
pub(super) struct Conversation {
    pub(super) generation: u32,
    pub(super) epoch: u64,
    pub(super) head: u64,
    pub(super) floor: u64,
}

pub(super) fn conversation(sql: &mut dyn Sql, id: ConversationId) -> Result<Option<Conversation>, SqlError> {
    first(
        sql,
        "SELECT generation, epoch, head_seq, floor_seq FROM conv WHERE conv_id = :conversation",
        named! { conversation: &id },
    )?
    .map(|mut row| Ok(Conversation { generation: row.take()?, epoch: row.take()?, head: row.take()?, floor: row.take()? }))
    .transpose()
}

/// The conversation, when the account is in it now.
pub(super) fn for_member(sql: &mut dyn Sql, id: ConversationId, account: AccountId) -> Result<Option<Conversation>, SqlError> {
    let stays = stays(sql, id, account)?;
    if stays.last().is_some_and(|stay| stay.until.is_none()) { conversation(sql, id) } else { Ok(None) }
}

/// One stay of an account in a conversation: the first and last row it may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stay {
    pub(super) from: u64,
    pub(super) until: Option<u64>,
}

/// All stays, ascending.
pub(super) fn stays(sql: &mut dyn Sql, id: ConversationId, account: AccountId) -> Result<Vec<Stay>, SqlError> {
    sql.query(
        "SELECT from_seq, until_seq FROM conv_member WHERE conv_id = :conversation AND account_id = :account ORDER BY from_seq",
        named! { conversation: &id, account: &account },
    )?
    .into_iter()
    .map(|mut row| Ok(Stay { from: row.take()?, until: row.take()? }))
    .collect()
}

pub(super) fn begin_stay(sql: &mut dyn Sql, id: ConversationId, account: AccountId, from: u64) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO conv_member (conv_id, account_id, from_seq) VALUES (:conversation, :account, :from)
         ON CONFLICT (conv_id, account_id, from_seq) DO UPDATE SET until_seq = NULL",
        named! { conversation: &id, account: &account, from: from },
    )
    .map(drop)
}

pub(super) fn end_stay(sql: &mut dyn Sql, id: ConversationId, account: AccountId, until: u64) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE conv_member SET until_seq = :until WHERE conv_id = :conversation AND account_id = :account AND until_seq IS NULL",
        named! { conversation: &id, account: &account, until: until },
    )
    .map(drop)
}

/// Makes the row of a new conversation, at number 0 of epoch 0.
pub(super) fn create(sql: &mut dyn Sql, id: ConversationId, kind: u8) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO conv (conv_id, kind, generation, epoch, head_seq) VALUES (:conversation, :kind, 0, 0, 0)",
        named! { conversation: &id, kind: kind },
    )
    .map(drop)
}

/// Moves a conversation to epoch 0 of its next generation: nothing stays of the public group before.
pub(super) fn begin_generation(sql: &mut dyn Sql, id: ConversationId, generation: u32) -> Result<(), SqlError> {
    sql.execute("DELETE FROM conv_group WHERE conv_id = :conversation", named! { conversation: &id })?;
    sql.execute(
        "UPDATE conv SET generation = :generation, epoch = 0 WHERE conv_id = :conversation",
        named! { conversation: &id, generation: generation },
    )
    .map(drop)
}

/// The living conversation of a pair, if there is one.
pub(super) fn of_pair(sql: &mut dyn Sql, a: AccountId, b: AccountId) -> Result<Option<ConversationId>, SqlError> {
    first(sql, "SELECT conv_id FROM conv_pair WHERE low = :low AND high = :high", named! { low: &a.min(b), high: &a.max(b) })?
        .map(|mut row| row.take())
        .transpose()
}

pub(super) fn put_pair(sql: &mut dyn Sql, a: AccountId, b: AccountId, id: ConversationId) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO conv_pair (low, high, conv_id) VALUES (:low, :high, :conversation)",
        named! { low: &a.min(b), high: &a.max(b), conversation: &id },
    )
    .map(drop)
}

/// A row of the public group: key and value as openmls wrote them.
pub(super) type GroupRow = (Vec<u8>, Vec<u8>);

/// The rows of the public group.
pub(super) fn group(sql: &mut dyn Sql, id: ConversationId) -> Result<Vec<GroupRow>, SqlError> {
    sql.query("SELECT k, v FROM conv_group WHERE conv_id = :conversation", named! { conversation: &id })?
        .into_iter()
        .map(|mut row| Ok((row.take()?, row.take()?)))
        .collect()
}

pub(super) fn put_group(sql: &mut dyn Sql, id: ConversationId, changes: &[RowChange]) -> Result<(), SqlError> {
    for change in changes {
        match change {
            RowChange::Put(key, value) => sql.execute(
                "INSERT INTO conv_group (conv_id, k, v) VALUES (:conversation, :key, :value)
                 ON CONFLICT (conv_id, k) DO UPDATE SET v = excluded.v",
                named! { conversation: &id, key: key, value: &value[..] },
            )?,
            RowChange::Delete(key) => sql.execute(
                "DELETE FROM conv_group WHERE conv_id = :conversation AND k = :key",
                named! { conversation: &id, key: key },
            )?,
        };
    }
    Ok(())
}

/// The epoch a commit led to and its group info.
pub(super) fn put_epoch(sql: &mut dyn Sql, id: ConversationId, epoch: u64, info: &Bytes) -> Result<(), SqlError> {
    sql.execute("UPDATE conv SET epoch = :epoch WHERE conv_id = :conversation", named! { conversation: &id, epoch: epoch })?;
    sql.execute(
        "INSERT INTO conv_info (conv_id, group_info, epoch) VALUES (:conversation, :info, :epoch)
         ON CONFLICT (conv_id) DO UPDATE SET group_info = excluded.group_info, epoch = excluded.epoch",
        named! { conversation: &id, info: info, epoch: epoch },
    )
    .map(drop)
}

pub(super) fn info(sql: &mut dyn Sql, id: ConversationId) -> Result<Bytes, Refusal> {
    let row = first(sql, "SELECT group_info FROM conv_info WHERE conv_id = :conversation", named! { conversation: &id })?;
    Ok(row.ok_or_else(|| Refusal::internal("a conversation without a group info"))?.take()?)
}

/// A leaf as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StoredLeaf {
    pub(super) device: DeviceId,
    pub(super) account: AccountId,
    pub(super) index: u32,
}

impl From<&Leaf> for StoredLeaf {
    fn from(leaf: &Leaf) -> Self {
        Self { device: leaf.device(), account: leaf.account(), index: leaf.index }
    }
}

pub(super) fn leaves(sql: &mut dyn Sql, id: ConversationId) -> Result<Vec<StoredLeaf>, SqlError> {
    sql.query("SELECT device_id, account_id, leaf FROM conv_leaf WHERE conv_id = :conversation", named! { conversation: &id })?
        .into_iter()
        .map(|mut row| Ok(StoredLeaf { device: row.take()?, account: row.take()?, index: row.take()? }))
        .collect()
}

pub(super) fn put_leaf(sql: &mut dyn Sql, id: ConversationId, leaf: &StoredLeaf) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO conv_leaf (conv_id, device_id, account_id, leaf) VALUES (:conversation, :device, :account, :leaf)
         ON CONFLICT (conv_id, device_id) DO UPDATE SET account_id = excluded.account_id, leaf = excluded.leaf",
        named! { conversation: &id, device: &leaf.device, account: &leaf.account, leaf: leaf.index },
    )
    .map(drop)
}

pub(super) fn drop_leaf(sql: &mut dyn Sql, id: ConversationId, device: DeviceId) -> Result<(), SqlError> {
    sql.execute(
        "DELETE FROM conv_leaf WHERE conv_id = :conversation AND device_id = :device",
        named! { conversation: &id, device: &device },
    )
    .map(drop)
}

/// Sizes of the bodies in a range of numbers.
pub(super) fn sizes(
    sql: &mut dyn Sql,
    id: ConversationId,
    from: u64,
    until: u64,
    limit: u32,
) -> Result<Vec<(u64, usize)>, SqlError> {
    sql.query(
        "SELECT seq, COALESCE(length(body), 0) FROM conv_msg WHERE conv_id = :conversation AND seq >= :from AND seq <= :until
         ORDER BY seq LIMIT :limit",
        named! { conversation: &id, from: from, until: until, limit: limit },
    )?
    .into_iter()
    .map(|mut row| Ok((row.take()?, usize::try_from(row.take::<u64>()?).unwrap_or(usize::MAX))))
    .collect()
}

/// The rows of a range; bodies above `largest` are named and left out.
pub(super) fn log(
    sql: &mut dyn Sql,
    id: ConversationId,
    from: u64,
    until: u64,
    largest: u64,
) -> Result<Vec<shared::frame::Row>, SqlError> {
    sql.query(
        "SELECT seq, kind, generation, epoch, sender, sender_account, cmid, at_ms, sig,
           CASE WHEN length(body) <= :largest THEN body END, CASE WHEN erased_ms IS NOT NULL THEN clear END, erased_ms,
           CASE WHEN length(body) > :largest THEN length(body) END
         FROM conv_msg WHERE conv_id = :conversation AND seq >= :from AND seq <= :until ORDER BY seq",
        named! { conversation: &id, from: from, until: until, largest: largest },
    )?
    .into_iter()
    .map(|mut row| {
        Ok(shared::frame::Row {
            number: row.take()?,
            kind: kind(row.take()?)?,
            generation: row.take()?,
            epoch: row.take()?,
            device: row.take()?,
            account: row.take()?,
            message: row.take()?,
            at: row.take()?,
            signature: row.take()?,
            body: row.take()?,
            authenticated: row.take()?,
            erased: row.take()?,
            big: row.take()?,
            frank: None,
        })
    })
    .collect()
}

/// The highest cursor of an account's devices.
pub(super) fn delivered_to(sql: &mut dyn Sql, id: ConversationId, account: AccountId) -> Result<u64, SqlError> {
    first(
        sql,
        "SELECT COALESCE(MAX(acked_seq), 0) FROM device_cursor WHERE conv_id = :conversation AND account_id = :account",
        named! { conversation: &id, account: &account },
    )?
    .map_or(Ok(0), |mut row| row.take())
}

/// Raises a device's cursor; it never falls.
pub(super) fn raise(
    sql: &mut dyn Sql,
    id: ConversationId,
    device: DeviceId,
    account: AccountId,
    number: u64,
) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO device_cursor (conv_id, device_id, account_id, acked_seq) VALUES (:conversation, :device, :account, :number)
         ON CONFLICT (conv_id, device_id) DO UPDATE SET acked_seq = excluded.acked_seq WHERE acked_seq < excluded.acked_seq",
        named! { conversation: &id, device: &device, account: &account, number: number },
    )
    .map(drop)
}

/// A conversation as a device's Hello finds it.
pub(super) struct Standing {
    pub(super) head: Head,
    /// The device has a leaf.
    pub(super) leaf: bool,
    /// The device's cursor.
    pub(super) cursor: u64,
}

/// For Hello: every conversation the account is in.
pub(super) fn standings(sql: &mut dyn Sql, account: AccountId, device: DeviceId) -> Result<Vec<Standing>, SqlError> {
    sql.query(
        "SELECT c.conv_id, c.head_seq, COALESCE(n.last_n, 0), c.epoch, l.device_id IS NOT NULL, COALESCE(x.acked_seq, 0)
         FROM conv_member m
         JOIN conv c ON c.conv_id = m.conv_id
         LEFT JOIN conv_leaf l ON l.conv_id = m.conv_id AND l.device_id = :device
         LEFT JOIN conv_device n ON n.conv_id = m.conv_id AND n.device_id = :device
         LEFT JOIN device_cursor x ON x.conv_id = m.conv_id AND x.device_id = :device
         WHERE m.account_id = :account AND m.until_seq IS NULL",
        named! { account: &account, device: &device },
    )?
    .into_iter()
    .map(|mut row| {
        let head = Head { conversation: row.take()?, number: row.take()?, last_n: row.take()?, epoch: row.take()? };
        Ok(Standing { head, leaf: row.take()?, cursor: row.take()? })
    })
    .collect()
}

/// For Hello of a client of another store epoch: up to where each of its conversations is what it knows. Of an epoch that was never
/// this database's (an older copy was put back in its place) nothing is certain but what every epoch before had.
pub(super) fn known(sql: &mut dyn Sql, account: AccountId, epoch: &Bytes) -> Result<Vec<Cursor>, SqlError> {
    sql.query(
        "SELECT r.conv_id, MIN(r.head_seq) FROM conv_member m JOIN restored r ON r.conv_id = m.conv_id
         WHERE m.account_id = :account AND m.until_seq IS NULL
           AND (r.store_epoch = :epoch OR NOT EXISTS (SELECT 1 FROM restored WHERE store_epoch = :epoch))
         GROUP BY r.conv_id",
        named! { account: &account, epoch: epoch.as_slice() },
    )?
    .into_iter()
    .map(|mut row| Ok(Cursor { conversation: row.take()?, number: row.take()? }))
    .collect()
}

/// For Hello: the highest cursor of every other account in the account's conversations.
pub(super) fn delivered(sql: &mut dyn Sql, account: AccountId) -> Result<Vec<Delivered>, SqlError> {
    sql.query(
        "SELECT x.conv_id, x.account_id, MAX(x.acked_seq) FROM conv_member mine JOIN device_cursor x ON x.conv_id = mine.conv_id
         WHERE mine.account_id = :account AND mine.until_seq IS NULL AND x.account_id <> :account
         GROUP BY x.conv_id, x.account_id",
        named! { account: &account },
    )?
    .into_iter()
    .map(|mut row| Ok(Delivered { conversation: row.take()?, account: row.take()?, number: row.take()? }))
    .collect()
}

/// Living devices without a leaf in conversations where this device has one and their account is a member.
pub(super) fn wanted(sql: &mut dyn Sql, device: DeviceId) -> Result<Vec<Wanted>, SqlError> {
    sql.query(
        "SELECT m.conv_id, m.account_id, d.device_id FROM conv_leaf mine
         JOIN conv_member m ON m.conv_id = mine.conv_id AND m.until_seq IS NULL
         JOIN device d ON d.account_id = m.account_id AND d.gone_ms IS NULL
         LEFT JOIN conv_leaf l ON l.conv_id = m.conv_id AND l.device_id = d.device_id
         WHERE mine.device_id = :device AND l.device_id IS NULL",
        named! { device: &device },
    )?
    .into_iter()
    .map(|mut row| Ok(Wanted { conversation: row.take()?, account: row.take()?, device: row.take()? }))
    .collect()
}

/// Conversations the account is in.
pub(super) fn of_account(sql: &mut dyn Sql, account: AccountId) -> Result<Vec<ConversationId>, SqlError> {
    sql.query(
        "SELECT conv_id FROM conv_member WHERE account_id = :account AND until_seq IS NULL",
        named! { account: &account },
    )?
    .into_iter()
    .map(|mut row| row.take())
    .collect()
}

/// For GET /api/conversations.
pub(super) fn list(sql: &mut dyn Sql, account: AccountId, device: DeviceId) -> Result<Vec<ConversationState>, SqlError> {
    sql.query(
        "SELECT c.conv_id, c.kind, c.generation, c.epoch, c.head_seq, c.floor_seq, l.device_id IS NOT NULL,
           CASE WHEN p.low = :account THEN p.high ELSE p.low END
         FROM conv_member m JOIN conv c ON c.conv_id = m.conv_id
         LEFT JOIN conv_leaf l ON l.conv_id = m.conv_id AND l.device_id = :device
         LEFT JOIN conv_pair p ON p.conv_id = m.conv_id
         WHERE m.account_id = :account AND m.until_seq IS NULL ORDER BY c.conv_id",
        named! { account: &account, device: &device },
    )?
    .into_iter()
    .map(|mut row| {
        Ok(ConversationState {
            id: row.take()?,
            kind: row.take()?,
            generation: row.take()?,
            epoch: row.take()?,
            head: row.take()?,
            floor: row.take()?,
            member: row.take()?,
            with: row.take()?,
        })
    })
    .collect()
}
