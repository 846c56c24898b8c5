//! Gathers what stands there at the end, from the server's log and the browsers' stores, and has it judged.

use std::collections::BTreeMap;

use client_core::{
    Client, Slot, Space,
    view::{Message, MessageKind, SystemLine},
};
use shared::{ConversationId, DeviceId, MessageId, frame::Append};

use crate::{
    device::Cheap,
    history::{Id, Line, LineKind, Page, Profile, Row},
    judge,
    server::Server,
    world::World,
};

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
    let mut log: BTreeMap<ConversationId, Vec<LogRow>> = BTreeMap::new();
    for row in rows(&mut world.server) {
        let (number, kind, message) = (row.number, u64::from(!row.message), MessageId(row.id));
        log.entry(ConversationId(row.conversation)).or_default().push(LogRow { number, kind, message });
    }
    log
}

/// The whole log.
pub(crate) fn rows(server: &mut Server) -> Vec<Row> {
    server.look(|sql| {
        let text =
            "SELECT conv_id, seq, kind, cmid, sender_account, sender, generation, epoch FROM conv_msg ORDER BY conv_id, seq";
        let read = |row: &mut server_core::sql::Row| {
            Ok::<_, server_core::sql::SqlError>(Row {
                conversation: row.take()?,
                number: row.take()?,
                message: row.take::<u64>()? == 0,
                id: row.take()?,
                account: row.take()?,
                device: row.take()?,
                generation: row.take()?,
                epoch: row.take()?,
            })
        };
        sql.query(text, &[]).unwrap_or_default().iter_mut().filter_map(|row| read(row).ok()).collect()
    })
}

/// How many accounts and conversations there are.
pub(crate) fn accounts(server: &mut Server) -> (usize, usize) {
    let mut count = |statement| server.look(|sql| sql.query(statement, &[]).unwrap_or_default().len());
    (count("SELECT 1 FROM account"), count("SELECT 1 FROM conv"))
}

/// (conversation, account) of everybody who is in it.
fn members(server: &mut Server) -> Vec<(Id, Id)> {
    server.look(|sql| {
        let text = "SELECT conv_id, account_id FROM conv_member WHERE until_seq IS NULL";
        let rows = sql.query(text, &[]).unwrap_or_default();
        rows.into_iter().filter_map(|mut row| Some((row.take().ok()?, row.take().ok()?))).collect()
    })
}

/// (conversation, device, leaf, last number) of every leaf.
pub(crate) fn leaves(server: &mut Server) -> Vec<(Id, Id, u64, u64)> {
    server.look(|sql| {
        let text = "SELECT l.conv_id, l.device_id, l.leaf, c.head_seq FROM conv_leaf l JOIN conv c ON c.conv_id = l.conv_id";
        let rows = sql.query(text, &[]).unwrap_or_default();
        rows.into_iter()
            .filter_map(|mut row| Some((row.take().ok()?, row.take().ok()?, row.take().ok()?, row.take().ok()?)))
            .collect()
    })
}

/// The epoch a conversation is in, as the server sees it.
pub(crate) fn epoch(server: &mut Server, conversation: ConversationId) -> Option<u64> {
    server.look(|sql| {
        let rows = sql.query("SELECT epoch FROM conv WHERE conv_id = :conv", &[(":conv", (&conversation).into())]).ok()?;
        rows.into_iter().next()?.take().ok()
    })
}

/// Is this message of this device in the log?
pub(crate) fn is_stored(server: &mut Server, device: DeviceId, append: &Append) -> bool {
    server.look(|sql| {
        let text = "SELECT 1 FROM conv_msg WHERE conv_id = :conv AND sender = :device AND cmid = :message";
        let parameters =
            [(":conv", (&append.conversation).into()), (":device", (&device).into()), (":message", (&append.message).into())];
        sql.query(text, &parameters).is_ok_and(|rows| !rows.is_empty())
    })
}

/// (conversation, cursor, last number) of every conversation the device has a leaf in, where the two differ.
fn untold(server: &mut Server, device: Id) -> Vec<(Id, u64, u64)> {
    server.look(|sql| {
        let text =
            "SELECT l.conv_id, COALESCE(x.acked_seq, 0), c.head_seq FROM conv_leaf l JOIN conv c ON c.conv_id = l.conv_id
             LEFT JOIN device_cursor x ON x.conv_id = l.conv_id AND x.device_id = l.device_id
             WHERE l.device_id = :device AND COALESCE(x.acked_seq, 0) <> c.head_seq";
        let rows = sql.query(text, &[(":device", (&device).into())]).unwrap_or_default();
        rows.into_iter().filter_map(|mut row| Some((row.take().ok()?, row.take().ok()?, row.take().ok()?))).collect()
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

/// Who does not know yet of a conversation he is in: his Welcome may wait for an answer that was lost.
pub(crate) fn outside(world: &mut World) -> String {
    for (conversation, account) in members(&mut world.server) {
        for (at, device) in world.devices.iter().enumerate() {
            let is_his = device.disk.as_ref().is_some_and(|(slot, _)| slot.account.0 == account);
            let client = device.client.as_ref().filter(|_| is_his);
            let listed = |client: &Client<_>| client.conversations().iter().any(|c| c.id.0 == conversation);
            if client.is_some_and(|client| !listed(client)) {
                return format!("device {at} has nothing of {}", ConversationId(conversation));
            }
        }
    }
    String::new()
}

/// The store of a superseded device goes on as another one.
fn device_of(slot: &Slot, client: &Client<Cheap>) -> Id {
    client.state().device.unwrap_or(slot.device).0
}

/// What the server was not told of, though it lies here: it would never be shown as delivered.
pub(crate) fn unsaid(world: &mut World) -> Vec<String> {
    let mut found = vec![];
    for (at, device) in world.devices.iter().enumerate() {
        let (Some((slot, _)), Some(client)) = (&device.disk, &device.client) else { continue };
        let id = device_of(slot, client);
        found.extend(untold(&mut world.server, id).into_iter().map(|(conversation, told, head)| {
            format!("device {at} has all {head} rows of {}, the server was told of {told}", ConversationId(conversation))
        }));
    }
    found
}

/// Every broken promise of a finished run.
pub fn judge(world: &mut World) -> Vec<String> {
    let mut found = core::mem::take(&mut world.found);
    found.extend(unsaid(world));
    world.history.log = rows(&mut world.server);
    world.history.members = members(&mut world.server);
    world.history.profiles.clear();
    world.history.pages.clear();
    for (at, device) in world.devices.iter().enumerate() {
        let (Some((slot, store)), Some(client)) = (&device.disk, &device.client) else { continue };
        let outbox =
            store.load().map_or(usize::MAX, |snapshot| snapshot.rows.iter().filter(|row| row.space == Space::Outbox).count());
        let (account, id) = (slot.account.0, device_of(slot, client));
        world.history.profiles.push(Profile { profile: at, account, device: id, outbox });
        for conversation in client.conversations() {
            let Ok(page) = store.messages(conversation.id, None, 10_000_000) else {
                found.push(format!("device {at}: {} can't be read", conversation.id));
                continue;
            };
            let since = client.since(conversation.id).unwrap_or(0);
            let lines = page.messages.iter().map(line).collect();
            world.history.pages.push(Page { profile: at, conversation: conversation.id.0, since, lines });
        }
    }
    found.extend(judge::judge(&world.history).iter().map(ToString::to_string));
    found
}

fn line(message: &Message) -> Line {
    let kind = match (message.kind, &message.system) {
        (MessageKind::Text, _) => LineKind::Text,
        (_, Some(SystemLine::Hole { .. })) => LineKind::Hole,
        (_, Some(SystemLine::JoinedLate)) => LineKind::Entered,
        (MessageKind::System, _) => LineKind::Note,
        (MessageKind::Newer, _) => LineKind::Unknown,
    };
    Line { place: message.order, id: message.id.0, author: message.author.id.0, kind, text: message.text.clone() }
}
