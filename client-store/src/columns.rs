//! One message row, to the columns of the database and back.

use client_core::{
    MessageRow,
    view::{Message, MessageKind, MessageState, Person, SystemLine},
};
use rusqlite::{Row, types::FromSql};
use shared::{AccountId, ConversationId, DeviceId, MessageId, Millis};

use crate::StoreError;

/// The numbers below are stored: never give one another meaning.
pub(crate) const fn state_number(state: MessageState) -> i64 {
    match state {
        MessageState::Sending => 0,
        MessageState::Stored => 1,
        MessageState::Delivered => 2,
        MessageState::Read => 3,
        MessageState::Failed => 4,
    }
}

fn state(number: i64) -> Result<MessageState, StoreError> {
    match number {
        0 => Ok(MessageState::Sending),
        1 => Ok(MessageState::Stored),
        2 => Ok(MessageState::Delivered),
        3 => Ok(MessageState::Read),
        4 => Ok(MessageState::Failed),
        _ => Err(StoreError::Damaged("message.state")),
    }
}

pub(crate) const fn kind_number(kind: MessageKind) -> i64 {
    match kind {
        MessageKind::Text => 0,
        MessageKind::System => 1,
        MessageKind::Newer => 2,
    }
}

fn kind(number: i64) -> Result<MessageKind, StoreError> {
    match number {
        0 => Ok(MessageKind::Text),
        1 => Ok(MessageKind::System),
        2 => Ok(MessageKind::Newer),
        _ => Err(StoreError::Damaged("message.kind")),
    }
}

/// Which line, whose name, how many.
pub(crate) type Line<'a> = (Option<i64>, Option<&'a str>, Option<u64>);

pub(crate) fn line_columns(line: Option<&SystemLine>) -> Line<'_> {
    match line {
        None => (None, None, None),
        Some(SystemLine::Started) => (Some(0), None, None),
        Some(SystemLine::JoinedLate) => (Some(1), None, None),
        Some(SystemLine::DeviceAdded { name }) => (Some(2), Some(name), None),
        Some(SystemLine::DeviceRemoved { name }) => (Some(3), Some(name), None),
        Some(SystemLine::KeyChanged { name }) => (Some(4), Some(name), None),
        Some(SystemLine::Reset { name }) => (Some(5), Some(name), None),
        Some(SystemLine::Hole { count }) => (Some(6), None, Some(*count)),
        Some(SystemLine::Disturbed { name }) => (Some(7), Some(name), None),
        Some(SystemLine::Altered) => (Some(8), None, None),
        Some(SystemLine::Renewed { name }) => (Some(9), Some(name), None),
        Some(SystemLine::Unfollowed { name }) => (Some(10), Some(name), None),
        Some(SystemLine::StatementsDiffer { name }) => (Some(11), Some(name), None),
    }
}

fn line(number: Option<i64>, name: Option<String>, count: Option<i64>) -> Result<Option<SystemLine>, StoreError> {
    let damaged = || StoreError::Damaged("message.line");
    let name = || name.ok_or_else(damaged);
    Ok(Some(match number {
        None => return Ok(None),
        Some(0) => SystemLine::Started,
        Some(1) => SystemLine::JoinedLate,
        Some(2) => SystemLine::DeviceAdded { name: name()? },
        Some(3) => SystemLine::DeviceRemoved { name: name()? },
        Some(4) => SystemLine::KeyChanged { name: name()? },
        Some(5) => SystemLine::Reset { name: name()? },
        Some(6) => SystemLine::Hole { count: count.and_then(|count| u64::try_from(count).ok()).ok_or_else(damaged)? },
        Some(7) => SystemLine::Disturbed { name: name()? },
        Some(8) => SystemLine::Altered,
        Some(9) => SystemLine::Renewed { name: name()? },
        Some(10) => SystemLine::Unfollowed { name: name()? },
        Some(11) => SystemLine::StatementsDiffer { name: name()? },
        Some(_) => return Err(damaged()),
    }))
}

/// SQLite's integers are signed.
pub(crate) fn integer(number: u64) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::TooLarge)
}

fn natural(number: i64, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Damaged(column))
}

fn id<T>(bytes: &[u8], make: impl Fn(&[u8]) -> Option<T>, column: &'static str) -> Result<T, StoreError> {
    make(bytes).ok_or(StoreError::Damaged(column))
}

fn get<T: FromSql>(row: &Row<'_>, column: &str) -> Result<T, StoreError> {
    row.get(column).map_err(StoreError::from)
}

fn blob(row: &Row<'_>, column: &str) -> Result<Vec<u8>, StoreError> {
    get(row, column)
}

/// What the screens see of a row.
pub(crate) fn message(row: &Row<'_>) -> Result<Message, StoreError> {
    let author = id(&blob(row, "author")?, AccountId::from_slice, "message.author")?;
    let name: String = get(row, "author_name")?;
    Ok(Message {
        id: id(&blob(row, "id")?, MessageId::from_slice, "message.id")?,
        conversation: id(&blob(row, "conversation")?, ConversationId::from_slice, "message.conversation")?,
        order: natural(get(row, "position")?, "message.position")?,
        author: Person::new(author, &name),
        own: get(row, "own")?,
        kind: kind(get(row, "kind")?)?,
        text: get(row, "text")?,
        system: line(get(row, "line")?, get(row, "line_name")?, get(row, "line_count")?)?,
        at: Millis(natural(get(row, "at")?, "message.at")?),
        state: state(get(row, "state")?)?,
    })
}

/// A whole row.
pub(crate) fn message_row(row: &Row<'_>) -> Result<MessageRow, StoreError> {
    let number: Option<i64> = get(row, "number")?;
    Ok(MessageRow {
        message: message(row)?,
        number: number.map(|number| natural(number, "message.number")).transpose()?,
        device: id(&blob(row, "device")?, DeviceId::from_slice, "message.device")?,
        content: blob(row, "content")?,
        opener: blob(row, "opener")?,
    })
}
