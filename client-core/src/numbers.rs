//! Numbers that a log can have. An order is a number times [`crate::view::ORDERS`] and lies below
//! [`crate::view::WAITING`]; a server that names larger ones lies, and what it says is not read: computed with, they would pass
//! over the end of the integers, and no store would take them. The same holds for a sender's counter, and for rows of the own
//! store: none of ours has larger ones, whoever says what.

use shared::{
    Millis,
    authenticated::MessageData,
    frame::{Delivered, Head, InboxBody, InboxItem, Row, ServerFrame, ServerHello},
    http::{Committed, Conversations, Inbox, Rows},
};

use crate::{
    rows::{Accepted, Conv, Outgoing},
    view::WAITING,
};

/// The highest number, epoch or counter that is believed: a million million rows.
pub(crate) const HIGHEST: u64 = 1 << 40;

/// The latest moment that is believed, the end of the year 9999: a page can write the date of none beyond the year 275760.
const LATEST: Millis = Millis(253_402_300_799_999);

/// Something that holds numbers.
pub(crate) trait Numbered {
    /// Can all of them be?
    fn possible(&self) -> bool;
}

fn all(numbers: impl IntoIterator<Item = u64>) -> bool {
    numbers.into_iter().all(|number| number <= HIGHEST)
}

fn rows(rows: &[Row]) -> bool {
    rows.iter().all(|row| all([row.number, row.epoch]) && row.at <= LATEST && row.erased.is_none_or(|at| at <= LATEST))
}

fn items(items: &[InboxItem]) -> bool {
    items.iter().all(|item| {
        let inside = match &item.body {
            InboxBody::Welcome(welcome) => all([welcome.number, welcome.epoch]),
            InboxBody::Settings(number) => all([*number]),
            InboxBody::Statement(notice) => all([notice.number]),
            InboxBody::WelcomeRefused(_) | InboxBody::Retired(_) => true,
        };
        inside && all([item.number]) && item.at <= LATEST
    })
}

fn hello(hello: &ServerHello) -> bool {
    let head = |head: &Head| all([head.number, head.last_n, head.epoch]);
    let delivered = |delivered: &Delivered| all([delivered.number]);
    all([hello.statement, hello.settings, hello.inbox]) && hello.heads.iter().all(head) && hello.delivered.iter().all(delivered)
}

impl Numbered for ServerFrame {
    fn possible(&self) -> bool {
        match self {
            Self::Hello(said) => hello(said),
            Self::Appended(appended) => all([appended.number]) && appended.at <= LATEST,
            Self::Entries(entries) => all([entries.head, entries.floor]) && rows(&entries.rows),
            Self::Head(head) => all([head.number]),
            Self::Inbox(list) => items(list),
            Self::Delivered(delivered) => all([delivered.number]),
            Self::Refused(_) | Self::Wanted(_) | Self::Resync | Self::Bye(_) | Self::Pong(_) => true,
        }
    }
}

impl Numbered for Committed {
    fn possible(&self) -> bool {
        all([self.number]) && self.at <= LATEST
    }
}

impl Numbered for Rows {
    fn possible(&self) -> bool {
        all([self.head, self.floor]) && rows(&self.rows)
    }
}

impl Numbered for Inbox {
    fn possible(&self) -> bool {
        items(&self.items)
    }
}

impl Numbered for Conversations {
    fn possible(&self) -> bool {
        self.conversations.iter().all(|state| all([state.head, state.floor, state.epoch]))
    }
}

impl Numbered for Conv {
    fn possible(&self) -> bool {
        all([self.cursor, self.n, self.delivered, self.since_path, self.shift])
    }
}

impl Numbered for Outgoing {
    fn possible(&self) -> bool {
        all([self.sequence, self.n]) && all(self.number) && self.place.is_none_or(|place| place < WAITING)
    }
}

impl Numbered for Accepted {
    fn possible(&self) -> bool {
        all([self.sequence]) && self.message.as_ref().is_none_or(Numbered::possible)
    }
}

/// What the sender of a message says of it: signed, and yet anything.
impl Numbered for MessageData {
    fn possible(&self) -> bool {
        all([self.n])
    }
}

#[cfg(test)]
mod tests {
    use shared::{
        AccountId, ConversationId, DeviceId, MessageId,
        frame::{Appended, Cursor, RowKind},
    };

    use super::*;
    use crate::view::ORDERS;

    #[test]
    fn a_number_that_no_log_has_is_not_read() {
        // Every order is below those of what waits, after a restore too.
        const { assert!(HIGHEST < WAITING / ORDERS / 2) };
        let (conversation, account) = (ConversationId([1; 16]), AccountId([2; 16]));
        for (number, possible) in [(0, true), (HIGHEST, true), (HIGHEST + 1, false), (u64::MAX, false)] {
            let delivered = Delivered { conversation, account, number };
            let frames = [
                ServerFrame::Head(Cursor { conversation, number }),
                ServerFrame::Delivered(delivered),
                ServerFrame::Inbox(vec![InboxItem { number, at: Millis(1), body: InboxBody::Settings(1) }]),
                ServerFrame::Inbox(vec![InboxItem { number: 1, at: Millis(1), body: InboxBody::Settings(number) }]),
            ];
            assert!(frames.iter().all(|frame| frame.possible() == possible), "{number}");
            assert_eq!(Committed { number, at: Millis(1) }.possible(), possible, "{number}");
            assert_eq!(Rows { rows: vec![], head: number, floor: 0 }.possible(), possible, "{number}");
        }
    }

    #[test]
    fn a_moment_that_no_page_can_write_is_not_read() {
        let row = |at, erased| Row {
            number: 1,
            kind: RowKind::Message,
            generation: 0,
            epoch: 0,
            device: DeviceId([1; 16]),
            account: AccountId([2; 16]),
            message: MessageId([3; 16]),
            at,
            signature: None,
            body: None,
            authenticated: None,
            erased,
            big: None,
            frank: None,
        };
        let later = LATEST.plus(1);
        for (at, possible) in [(Millis(0), true), (LATEST, true), (later, false), (Millis(u64::MAX), false)] {
            let entries = |row| {
                ServerFrame::Entries(shared::frame::Entries {
                    conversation: ConversationId([1; 16]),
                    rows: vec![row],
                    head: 1,
                    floor: 0,
                    request: 0,
                })
            };
            let frames = [
                entries(row(at, None)),
                entries(row(Millis(1), Some(at))),
                ServerFrame::Appended(Appended { request: 1, number: 1, at }),
                ServerFrame::Inbox(vec![InboxItem { number: 1, at, body: InboxBody::Settings(1) }]),
            ];
            assert!(frames.iter().all(|frame| frame.possible() == possible), "{at:?}");
            assert_eq!(Committed { number: 1, at }.possible(), possible, "{at:?}");
            assert_eq!(Rows { rows: vec![row(at, None)], head: 1, floor: 0 }.possible(), possible, "{at:?}");
        }
    }

    #[test]
    fn nobody_counts_further_than_a_log_can_be_long() {
        for (n, possible) in [(0, true), (HIGHEST, true), (HIGHEST + 1, false), (u64::MAX, false)] {
            let data =
                MessageData { message: MessageId([1; 16]), n, commitment: [2; 32], previous: [3; 32], transcript: [4; 16] };
            assert_eq!(data.possible(), possible, "{n}");
        }
    }
}
