//! Writing one batch: all of it or nothing.

use client_core::{Batch, MessageRow, view::Message};
use rusqlite::{Transaction, TransactionBehavior, params};
use shared::{ConversationId, MessageId};

use crate::{
    Store, StoreError,
    columns::{integer, kind_number, line_columns, message, state_number},
};

impl Store {
    /// Writes a batch in one transaction: state rows, messages, messages gone, conversations that moved (messages written
    /// by the same batch move too; a message that the second conversation has already stays as it is there), and last what is
    /// delivered. Returns the messages that are not as the screens were told: those whose state `delivered` changed, and those
    /// that stayed because another came under their id.
    ///
    /// # Errors
    /// Then nothing of the batch is written.
    pub fn apply(&mut self, batch: &Batch) -> Result<Vec<Message>, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        write_state(&transaction, batch)?;
        let mut corrected = Vec::new();
        for row in &batch.messages {
            if !write_message(&transaction, row)? {
                corrected.extend(stays(&transaction, row)?);
            }
        }
        remove(&transaction, &batch.gone)?;
        if !batch.moved.is_empty() {
            relocate(&transaction, &batch.moved)?;
            // One that is gone from where it arrived is gone wherever it came from.
            remove(&transaction, &batch.gone)?;
        }
        corrected.extend(deliver(&transaction, &batch.delivered)?);
        transaction.commit()?;
        Ok(corrected)
    }
}

fn write_state(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), StoreError> {
    let mut set = transaction.prepare_cached(
        "INSERT INTO state (space, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (space, key) DO UPDATE SET value = excluded.value",
    )?;
    let mut unset = transaction.prepare_cached("DELETE FROM state WHERE space = ?1 AND key = ?2")?;
    for row in &batch.rows {
        match &row.value {
            Some(value) => set.execute(params![row.space.byte(), row.key, value])?,
            None => unset.execute(params![row.space.byte(), row.key])?,
        };
    }
    Ok(())
}

/// False when a message stands there under this id that this one must not replace. The id is its sender's choice: without this
/// anybody in a conversation could write over what others said, and over Sotto's own lines. A number once given stays, too, but for one's
/// own: a server that was put back gives them anew.
fn write_message(transaction: &Transaction<'_>, row: &MessageRow) -> Result<bool, StoreError> {
    let message = &row.message;
    let (line, line_name, line_count) = line_columns(message.system.as_ref());
    let written = transaction
        .prepare_cached(
            "INSERT INTO message (id, conversation, position, author, author_name, own, kind, text, line, line_name, line_count, at, state, number, device, content, opener)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
             ON CONFLICT (id, conversation) DO UPDATE SET position = excluded.position, author = excluded.author, author_name = excluded.author_name,
               own = excluded.own, kind = excluded.kind, text = excluded.text, line = excluded.line, line_name = excluded.line_name,
               line_count = excluded.line_count, at = excluded.at, state = excluded.state, number = excluded.number, device = excluded.device,
               content = excluded.content, opener = excluded.opener
             WHERE message.author = excluded.author AND (message.kind = 1) = (excluded.kind = 1)
               AND (message.number IS NULL OR message.number = excluded.number
                 OR (message.own = 1 AND excluded.own = 1))",
        )?
        .execute(params![
            message.id.as_bytes(),
            message.conversation.as_bytes(),
            integer(message.order)?,
            message.author.id.as_bytes(),
            message.author.name,
            message.own,
            kind_number(message.kind),
            message.text,
            line,
            line_name,
            line_count.map(integer).transpose()?,
            integer(message.at.0)?,
            state_number(message.state),
            row.number.map(integer).transpose()?,
            row.device.as_bytes(),
            row.content,
            row.opener,
        ])?;
    Ok(written > 0)
}

fn stays(transaction: &Transaction<'_>, row: &MessageRow) -> Result<Option<Message>, StoreError> {
    let mut statement = transaction.prepare_cached("SELECT * FROM message WHERE id = ?1 AND conversation = ?2")?;
    let mut rows = statement.query(params![row.message.id.as_bytes(), row.message.conversation.as_bytes()])?;
    rows.next()?.map(message).transpose()
}

fn remove(transaction: &Transaction<'_>, gone: &[(ConversationId, MessageId)]) -> Result<(), StoreError> {
    let mut statement = transaction.prepare_cached("DELETE FROM message WHERE id = ?1 AND conversation = ?2")?;
    for (conversation, id) in gone {
        statement.execute(params![id.as_bytes(), conversation.as_bytes()])?;
    }
    Ok(())
}

fn relocate(transaction: &Transaction<'_>, moved: &[(ConversationId, ConversationId)]) -> Result<(), StoreError> {
    let mut change = transaction.prepare_cached("UPDATE OR IGNORE message SET conversation = ?2 WHERE conversation = ?1")?;
    let mut rest = transaction.prepare_cached("DELETE FROM message WHERE conversation = ?1")?;
    for (from, to) in moved.iter().filter(|(from, to)| from != to) {
        change.execute(params![from.as_bytes(), to.as_bytes()])?;
        rest.execute(params![from.as_bytes()])?;
    }
    Ok(())
}

fn deliver(transaction: &Transaction<'_>, delivered: &[(ConversationId, u64)]) -> Result<Vec<Message>, StoreError> {
    let mut changed = Vec::new();
    let mut statement = transaction.prepare_cached(
        "UPDATE message SET state = 2 WHERE conversation = ?1 AND own = 1 AND state = 1 AND number <= ?2 RETURNING *",
    )?;
    for (conversation, number) in delivered {
        let mut rows = statement.query(params![conversation.as_bytes(), integer(*number)?])?;
        while let Some(row) = rows.next()? {
            changed.push(message(row)?);
        }
    }
    changed.sort_by_key(|message| (message.conversation, message.order));
    Ok(changed)
}
