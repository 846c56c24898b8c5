//! A batch as bytes, for the log that stands in for files where the browser gives none. A storage type: CBOR maps with
//! integer keys, so that later versions may add fields. The worker seals what leaves here.

use client_core::{Batch, MessageRow, Row, Space};
use minicbor::{Decode, Encode};
use shared::{Bytes, ConversationId, DeviceId, MessageId};

#[derive(Encode, Decode)]
#[cbor(map)]
struct Stored {
    #[n(0)]
    rows: Vec<StoredRow>,
    #[n(1)]
    messages: Vec<StoredMessage>,
    #[n(2)]
    gone: Vec<(ConversationId, MessageId)>,
    #[n(3)]
    delivered: Vec<(ConversationId, u64)>,
    #[n(4)]
    moved: Vec<(ConversationId, ConversationId)>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct StoredRow {
    #[n(0)]
    space: u8,
    #[n(1)]
    key: Bytes,
    #[n(2)]
    value: Option<Bytes>,
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct StoredMessage {
    /// The JSON the screens get.
    #[n(0)]
    message: String,
    #[n(1)]
    number: Option<u64>,
    #[n(2)]
    device: DeviceId,
    #[n(3)]
    content: Bytes,
    #[n(4)]
    opener: Bytes,
}

/// To bytes.
pub(crate) fn encode(batch: &Batch) -> Option<Vec<u8>> {
    let messages = batch.messages.iter().map(|row| {
        Some(StoredMessage {
            message: serde_json::to_string(&row.message).ok()?,
            number: row.number,
            device: row.device,
            content: Bytes(row.content.clone()),
            opener: Bytes(row.opener.clone()),
        })
    });
    let stored = Stored {
        rows: batch
            .rows
            .iter()
            .map(|row| StoredRow { space: row.space.byte(), key: Bytes(row.key.clone()), value: row.value.clone().map(Bytes) })
            .collect(),
        messages: messages.collect::<Option<_>>()?,
        gone: batch.gone.clone(),
        delivered: batch.delivered.clone(),
        moved: batch.moved.clone(),
    };
    minicbor::to_vec(stored).ok()
}

/// From bytes that were sealed here.
pub(crate) fn decode(bytes: &[u8]) -> Option<Batch> {
    let stored: Stored = minicbor::decode(bytes).ok()?;
    let rows = stored
        .rows
        .into_iter()
        .map(|row| Some(Row { space: Space::from_byte(row.space)?, key: row.key.0, value: row.value.map(|value| value.0) }));
    let messages = stored.messages.into_iter().map(|row| {
        Some(MessageRow {
            message: serde_json::from_str(&row.message).ok()?,
            number: row.number,
            device: row.device,
            content: row.content.0,
            opener: row.opener.0,
        })
    });
    Some(Batch {
        rows: rows.collect::<Option<_>>()?,
        messages: messages.collect::<Option<_>>()?,
        gone: stored.gone,
        delivered: stored.delivered,
        moved: stored.moved,
    })
}
