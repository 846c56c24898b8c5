//! The tables, version by version. A released step is never changed; a new one is added below it.

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// Each text leads from the version of its place to the next.
const STEPS: &[&str] = &[
    // 1: state rows, messages.
    "CREATE TABLE state (
        space INTEGER NOT NULL,
        key BLOB NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (space, key)
    ) STRICT;
    CREATE TABLE message (
        id BLOB NOT NULL,
        conversation BLOB NOT NULL,
        position INTEGER NOT NULL,
        author BLOB NOT NULL,
        author_name TEXT NOT NULL,
        own INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        text TEXT NOT NULL,
        line INTEGER,
        line_name TEXT,
        line_count INTEGER,
        at INTEGER NOT NULL,
        state INTEGER NOT NULL,
        number INTEGER,
        device BLOB NOT NULL,
        content BLOB NOT NULL,
        opener BLOB NOT NULL,
        PRIMARY KEY (id, conversation)
    ) STRICT;
    CREATE INDEX message_position ON message (conversation, position);
    CREATE INDEX message_undelivered ON message (conversation, number) WHERE own = 1 AND state = 1;",
];

/// Brings the schema up to date, each step in a transaction of its own.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let known = i64::try_from(STEPS.len()).map_err(|_| StoreError::TooLarge)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    let done = usize::try_from(found).map_err(|_| StoreError::Damaged("user_version"))?;
    for (step, version) in STEPS.iter().zip(1_i64..).skip(done) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
