//! What a screen asks of the store, and what the core is opened with.

use client_core::{Row, Snapshot, Space, view::Message};
use rusqlite::params;
use shared::{ConversationId, MessageId};

use crate::{
    Store, StoreError,
    columns::{integer, message},
};

/// A run of messages of one conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Ascending.
    pub messages: Vec<Message>,
    /// There are older ones.
    pub more: bool,
}

impl Store {
    /// Every state row.
    ///
    /// # Errors
    /// When the database can't be read. "Could not load" is never "does not exist".
    pub fn load(&self) -> Result<Snapshot, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT space, key, value FROM state ORDER BY space, key")?;
        let mut rows = statement.query([])?;
        let mut snapshot = Snapshot::default();
        while let Some(row) = rows.next()? {
            let space = Space::from_byte(row.get(0)?).ok_or(StoreError::Damaged("state.space"))?;
            snapshot.rows.push(Row { space, key: row.get(1)?, value: Some(row.get(2)?) });
        }
        Ok(snapshot)
    }

    /// The newest `limit` messages, or the newest before `before`.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn messages(&self, conversation: ConversationId, before: Option<u64>, limit: u32) -> Result<Page, StoreError> {
        let before = before.map_or(Ok(i64::MAX), integer)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT * FROM message WHERE conversation = ?1 AND position < ?2 ORDER BY position DESC, rowid DESC LIMIT ?3",
        )?;
        let mut rows = statement.query(params![conversation.as_bytes(), before, i64::from(limit) + 1])?;
        let mut messages = Vec::new();
        while let Some(row) = rows.next()? {
            messages.push(message(row)?);
        }
        let limit = usize::try_from(limit).map_err(|_| StoreError::TooLarge)?;
        let more = messages.len() > limit;
        messages.truncate(limit);
        messages.reverse();
        Ok(Page { messages, more })
    }

    /// One message.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn message(&self, conversation: ConversationId, id: MessageId) -> Result<Option<Message>, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT * FROM message WHERE id = ?1 AND conversation = ?2")?;
        let mut rows = statement.query(params![id.as_bytes(), conversation.as_bytes()])?;
        rows.next()?.map(message).transpose()
    }

    /// Is this message in this conversation?
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn has_message(&self, conversation: ConversationId, id: MessageId) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM message WHERE id = ?1 AND conversation = ?2")?;
        Ok(statement.exists(params![id.as_bytes(), conversation.as_bytes()])?)
    }

    /// Did this device write a message of this id, in whatever conversation it lies now? (A command may be asked again
    /// after its conversation has become another one.)
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn has_own(&self, id: MessageId) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM message WHERE id = ?1 AND own = 1")?;
        Ok(statement.exists(params![id.as_bytes()])?)
    }

    /// The own messages that `Batch::delivered` would change now, as they are before it.
    ///
    /// # Errors
    /// When the database can't be read.
    pub fn newly_delivered(&self, conversation: ConversationId, number: u64) -> Result<Vec<Message>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT * FROM message WHERE conversation = ?1 AND own = 1 AND state = 1 AND number <= ?2 ORDER BY number",
        )?;
        let mut rows = statement.query(params![conversation.as_bytes(), integer(number)?])?;
        let mut messages = Vec::new();
        while let Some(row) = rows.next()? {
            messages.push(message(row)?);
        }
        Ok(messages)
    }
}
