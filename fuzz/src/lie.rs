//! Lies that only a server can tell: a frame that is whole and says something else.

use shared::{
    AccountId, Bytes, DeviceId, MessageId,
    frame::{Entries, InboxBody, InboxItem, Row, RowKind, ServerFrame},
};

use crate::reader::Reader;

/// Names that a lie can use.
pub(crate) struct Names {
    pub(crate) devices: Vec<(AccountId, DeviceId)>,
    pub(crate) messages: Vec<MessageId>,
}

/// Changes one statement of a frame; other bytes stay as they are.
pub(crate) fn tell(script: &mut Reader<'_>, bytes: &mut Vec<u8>, names: &Names) {
    let Ok(mut frame) = ServerFrame::decode(bytes) else { return };
    match &mut frame {
        ServerFrame::Entries(entries) => rows(script, entries, names),
        ServerFrame::Hello(hello) => {
            let heads = hello.heads.len();
            let head = hello.heads.get_mut(script.below(heads));
            match (script.byte() % 8, head) {
                (0, Some(head)) => head.number = script.number(),
                (1, Some(head)) => head.last_n = script.number(),
                (2, Some(head)) => head.epoch = script.number(),
                (3, _) => hello.heads.clear(),
                (4, _) => hello.store_epoch = Bytes(vec![script.byte(); 16]),
                (5, _) => hello.inbox = script.number(),
                (6, _) => hello.settings = script.number(),
                _ => hello.statement = script.number(),
            }
        }
        ServerFrame::Head(cursor) => cursor.number = script.number(),
        ServerFrame::Delivered(delivered) => delivered.number = script.number(),
        ServerFrame::Appended(appended) => appended.number = script.number(),
        ServerFrame::Wanted(wanted) => {
            (wanted.account, wanted.device) = names.devices[script.below(names.devices.len())];
        }
        ServerFrame::Inbox(items) => inbox(script, items, names),
        _ => {}
    }
    *bytes = frame.encode();
}

fn rows(script: &mut Reader<'_>, entries: &mut Entries, names: &Names) {
    let all = entries.rows.len();
    let (at, other) = (script.below(all), script.below(all));
    let kind = script.byte() % 16;
    match kind {
        0 => entries.head = script.number(),
        1 => entries.floor = script.number(),
        2 if at < all => drop(entries.rows.remove(at)),
        3 if at < all => entries.rows.swap(at, other),
        4 if at < all => entries.rows.insert(other, entries.rows[at].clone()),
        5 if at < all => {
            let body = entries.rows[other].body.clone();
            entries.rows[at].body = body;
        }
        _ => {
            if let Some(row) = entries.rows.get_mut(at) {
                column(script, kind, row, names);
            }
        }
    }
}

fn column(script: &mut Reader<'_>, kind: u8, row: &mut Row, names: &Names) {
    let (account, device) = names.devices[script.below(names.devices.len())];
    match kind {
        6 => row.account = account,
        7 => row.device = device,
        8 => (row.account, row.device) = (account, device),
        9 => row.message = names.messages[script.below(names.messages.len())],
        10 => row.number = script.number(),
        11 => row.epoch = script.number(),
        12 => row.generation = u32::try_from(script.number()).unwrap_or(u32::MAX),
        13 => row.kind = [RowKind::Message, RowKind::Commit, RowKind::Proposal][script.below(3)],
        14 => row.body = None,
        _ => row.signature = Some(Bytes(vec![script.byte(); 64])),
    }
}

fn inbox(script: &mut Reader<'_>, items: &mut [InboxItem], names: &Names) {
    let all = items.len();
    let Some(item) = items.get_mut(script.below(all)) else { return };
    let (account, device) = names.devices[script.below(names.devices.len())];
    match (&mut item.body, script.byte() % 4) {
        (_, 0) => item.number = script.number(),
        (InboxBody::Welcome(welcome), 1) => welcome.number = script.number(),
        (InboxBody::Welcome(welcome), 2) => welcome.epoch = script.number(),
        (InboxBody::Welcome(welcome), _) => (welcome.account, welcome.device) = (account, device),
        (InboxBody::Settings(number), _) => *number = script.number(),
        (InboxBody::Statement(notice), 1) => notice.number = script.number(),
        (InboxBody::Statement(notice), _) => notice.account = account,
        (InboxBody::WelcomeRefused(refused), _) => refused.device = device,
        (InboxBody::Retired(retired), _) => retired.device = device,
    }
}
