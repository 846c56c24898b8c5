//! Gathers what stands there at the end, from the server's log and the browsers' stores, and has it judged.

use client_core::{
    Space,
    view::{Message, MessageKind, SystemLine},
};

use crate::{
    history::{Line, LineKind, Page, Profile},
    judge, stored,
    world::World,
};

/// Every broken promise of a finished run.
pub fn judge(world: &mut World) -> Vec<String> {
    let mut found = core::mem::take(&mut world.found);
    found.extend(world.unsaid());
    world.history.log = stored::rows(&mut world.server);
    world.history.members = stored::members(&mut world.server);
    world.history.profiles.clear();
    world.history.pages.clear();
    for (at, device) in world.devices.iter().enumerate() {
        let (Some((slot, store)), Some(client), Some(id)) = (&device.disk, &device.client, device.id()) else { continue };
        let outbox =
            store.load().map_or(usize::MAX, |snapshot| snapshot.rows.iter().filter(|row| row.space == Space::Outbox).count());
        world.history.profiles.push(Profile { profile: at, account: slot.account.0, device: id.0, outbox });
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
