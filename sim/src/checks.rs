//! What must hold in the end, judged from the server's log and the browsers' stores, not from the cores' own words.

use std::collections::{BTreeMap, BTreeSet};

use client_core::view::{MessageKind, SystemLine};
use shared::{ConversationId, MessageId};

use crate::world::World;

/// A row of the server's log.
pub struct LogRow {
    /// Its number.
    pub number: u64,
    /// 0: a message, 1: a commit.
    pub kind: u64,
    /// Its id.
    pub message: MessageId,
}

/// The server's log, by conversation.
pub fn log(world: &mut World) -> BTreeMap<ConversationId, Vec<LogRow>> {
    world.server.look(|sql| {
        let mut log: BTreeMap<ConversationId, Vec<LogRow>> = BTreeMap::new();
        let rows = sql.query("SELECT conv_id, seq, kind, cmid FROM conv_msg ORDER BY conv_id, seq", &[]).unwrap_or_default();
        for mut row in rows {
            let (Ok(id), Ok(number), Ok(kind), Ok(message)) =
                (row.take::<[u8; 16]>(), row.take::<u64>(), row.take::<u64>(), row.take::<[u8; 16]>())
            else {
                continue;
            };
            log.entry(ConversationId(id)).or_default().push(LogRow { number, kind, message: MessageId(message) });
        }
        log
    })
}

/// Who is still missing something; empty when nobody is.
#[must_use]
pub fn behind(world: &World) -> String {
    for (at, device) in world.devices.iter().enumerate() {
        let Some(client) = &device.client else { continue };
        for (id, cursor, head) in client.cursors() {
            if cursor < head {
                return format!("device {at} has {cursor} of {head} rows in {id}");
            }
        }
    }
    String::new()
}

/// Every broken promise of a finished run.
pub fn judge(world: &mut World) -> Vec<String> {
    let mut found = core::mem::take(&mut world.found);
    let log = log(world);
    for (id, rows) in &log {
        for (at, row) in rows.iter().enumerate() {
            if usize::try_from(row.number).ok() != Some(at + 1) {
                found.push(format!("{id}: the log has number {} in place {}", row.number, at + 1));
            }
        }
    }
    let mut stored: BTreeMap<MessageId, u64> = BTreeMap::new();
    for row in log.values().flatten().filter(|row| row.kind == 0) {
        *stored.entry(row.message).or_default() += 1;
    }
    let rolled_back = world.devices.iter().any(|device| device.rolled_back);
    for (message, kept) in &world.kept {
        match stored.get(message) {
            None if world.devices.get(kept.device).is_some_and(|device| device.rolled_back) => {}
            None => found.push(format!("lost: {message} ({}) was kept and is not in the log", kept.text)),
            Some(1) => {}
            // A profile that was rolled back may offer again, as another device, what its later self had sent; readers drop it.
            Some(_) if rolled_back => {}
            Some(count) => found.push(format!("doubled: {message} ({}) stands {count} times in the log", kept.text)),
        }
    }
    for (at, device) in world.devices.iter().enumerate() {
        let Some((slot, store)) = &device.disk else { continue };
        let Some(client) = &device.client else { continue };
        for conversation in client.conversations() {
            let Ok(page) = store.messages(conversation.id, None, 100_000) else {
                found.push(format!("device {at}: {} can't be read", conversation.id));
                continue;
            };
            let Some((_, cursor, _)) = client.cursors().into_iter().find(|(id, _, _)| *id == conversation.id) else {
                found.push(format!("device {at} ({}) was never let into {}", slot.handle, conversation.id));
                continue;
            };
            let since = client.since(conversation.id).unwrap_or(0);
            let shown: Vec<MessageId> = page
                .messages
                .iter()
                .filter(|m| m.kind != MessageKind::System && m.order > since * 1_000)
                .map(|m| m.id)
                .collect();
            let mut seen = BTreeSet::new();
            let expected: Vec<MessageId> = log
                .get(&conversation.id)
                .into_iter()
                .flatten()
                .filter(|row| row.kind == 0 && seen.insert(row.message))
                .filter(|row| row.number > since && row.number <= cursor)
                .map(|row| row.message)
                .collect();
            if shown != expected && !rolled_back {
                found.push(format!(
                    "device {at} shows {} texts of {} in {} since {since}, or in another order",
                    shown.len(),
                    expected.len(),
                    conversation.id
                ));
            }
            if rolled_back {
                let shown: BTreeSet<_> = shown.iter().collect();
                let missing = expected.iter().filter(|id| !page.messages.iter().any(|m| m.id == **id)).count();
                if missing > 0 || shown.len() > page.messages.len() {
                    found.push(format!("device {at} misses {missing} texts in {} since {since}", conversation.id));
                }
            }
            for message in &page.messages {
                if let Some(SystemLine::Hole { count }) = &message.system
                    && !rolled_back
                {
                    found.push(format!("device {at} shows a hole of {count} at {} in {}", message.order, conversation.id));
                }
                if let Some(kept) = world.kept.get(&message.id)
                    && kept.text != message.text
                {
                    found.push(format!("device {at} shows {:?} for {:?}", message.text, kept.text));
                }
            }
        }
    }
    found
}
