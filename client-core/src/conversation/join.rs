//! The inbox: Welcomes into conversations, and notices.

use sha2::{Digest as _, Sha256};
use shared::{
    Bytes, ConversationId, Millis,
    frame::{ClientFrame, InboxBody, InboxItem, WelcomeItem},
    http::{self as body, Done},
};

use super::place;
use crate::{
    conversation::{rejoin::Rejoining, start::new_conv},
    http::{self, Draft},
    output::Method,
    rows::Standing,
    session::{Ctx, Session, Waits},
    view::SystemLine,
};

/// Hashes of Welcomes kept against replays.
const WELCOMES: usize = 10_000;

impl Session {
    /// The inbox by HTTP: its next item is too big for a frame.
    pub(crate) fn inbox_read(&mut self, ctx: &mut Ctx<'_>, answer: &[u8]) {
        if let Ok(inbox) = http::numbered::<body::Inbox>(answer)
            && !inbox.items.is_empty()
        {
            self.take_items(ctx, inbox.items, true);
        }
    }

    /// Items that the server pushes. None at all means that the next one is too big for a frame.
    pub(crate) fn inbox(&mut self, ctx: &mut Ctx<'_>, items: Vec<InboxItem>) {
        if items.is_empty() {
            return self.ask(ctx, Waits::Inbox, Draft::get(format!("/api/inbox?after={}", self.me.inbox)));
        }
        self.take_items(ctx, items, false);
    }

    /// Items in order; each is done once, then acknowledged. Numbers have no gaps: what came too early is asked for in its
    /// turn. What is not there when it was `asked` for is lost: to ask again would never end.
    fn take_items(&mut self, ctx: &mut Ctx<'_>, items: Vec<InboxItem>, asked: bool) {
        let mut last = self.me.inbox;
        for item in items {
            if item.number <= last {
                continue;
            }
            if item.number != last + 1 && !asked {
                self.ask(ctx, Waits::Inbox, Draft::get(format!("/api/inbox?after={last}")));
                break;
            }
            last = item.number;
            match item.body {
                InboxBody::Welcome(welcome) => self.welcome(ctx, item.number, item.at, &welcome),
                InboxBody::Settings(change) if change > self.me.settings => self.read_settings(ctx),
                InboxBody::Settings(_) => {}
                InboxBody::WelcomeRefused(refused) => {
                    // Somebody could not open our invitation: the server says again that the device is wanted.
                    self.catch_up(ctx, refused.conversation);
                }
                InboxBody::Retired(retired) => self.retired(ctx, &retired),
                InboxBody::Statement(notice) => self.look_at_statements(ctx, notice.account, notice.number),
            }
        }
        if last > self.me.inbox {
            self.me.inbox = last;
            self.me_dirty = true;
            self.transmit(&ClientFrame::InboxAcknowledge(last));
        }
    }

    fn welcome(&mut self, ctx: &mut Ctx<'_>, number: u64, at: Millis, item: &WelcomeItem) {
        let hash = Bytes::from(<[u8; 32]>::from(Sha256::digest(item.welcome.as_slice())));
        let known = self.convs.get(&item.conversation);
        let inside = known.filter(|conv| matches!(conv.standing, Standing::Joined | Standing::Stuck));
        // An own external commit that may have been stored already is worth more: it replaces the leaf the Welcome is for.
        let offered = self.rejoining.get(&item.conversation).is_some_and(Rejoining::is_offered) && inside.is_none();
        if self.me.welcomes.contains(&hash) || offered || inside.is_some_and(|conv| conv.generation >= item.generation) {
            return;
        }
        let continues = inside.is_some();
        self.me.welcomes.push(hash);
        if self.me.welcomes.len() > WELCOMES {
            self.me.welcomes.remove(0);
        }
        self.me_dirty = true;
        if self.groups_left_over(item) {
            let _: Result<(), _> = self.groups.delete((item.conversation, item.generation));
        }
        let me = self.me.account;
        let joined = match self.groups.join(item.welcome.as_slice()) {
            Ok(joined) if (joined.conversation, joined.generation) == (item.conversation, item.generation) => joined,
            Ok(joined) => {
                let _: Result<(), _> = self.groups.delete((joined.conversation, joined.generation));
                return self.refuse_welcome(ctx, number, item.conversation);
            }
            Err(_) => return self.refuse_welcome(ctx, number, item.conversation),
        };
        let other = joined.policy.roles.iter().map(|(account, _)| *account).find(|account| *account != me);
        let with = other.unwrap_or(me);
        let certified = joined
            .leaves
            .iter()
            .filter(|leaf| leaf.account() == me)
            .all(|leaf| self.me.identity.as_slice() == leaf.who.identity().as_slice());
        if continues {
            let good = joined.policy.names(me) && certified && self.take_next(ctx, item, &joined);
            if !good {
                let _: Result<(), _> = self.groups.delete((item.conversation, item.generation));
                self.refuse_welcome(ctx, number, item.conversation);
            }
            return;
        }
        if !joined.policy.names(me) || !certified || self.lives_elsewhere(item.conversation, with) {
            let _: Result<(), _> = self.groups.delete((item.conversation, item.generation));
            return self.refuse_welcome(ctx, number, item.conversation);
        }
        let kind = joined.policy.kind;
        let now = ctx.now;
        let conv = self
            .convs
            .entry(item.conversation)
            .or_insert_with(|| new_conv(item.conversation, kind, with, Standing::Awaited, now));
        let before = conv.generation;
        conv.standing = Standing::Joined;
        conv.generation = item.generation;
        conv.cursor = item.number;
        conv.since = item.number;
        conv.with = with;
        conv.pending = None;
        conv.wedge = None;
        conv.next = None;
        conv.peers.clear();
        conv.since_path = 0;
        conv.path_at = now;
        if before != item.generation {
            let _: Result<(), _> = self.groups.delete((item.conversation, before));
        }
        self.came_in(item.conversation);
        if item.number == 1 {
            self.expect_first(item.conversation, joined.leaves.iter().map(mls::rules::Leaf::device));
        }
        let live = self.live.entry(item.conversation).or_default();
        live.head = live.head.max(item.number);
        let line = if item.number == 1 { SystemLine::Started } else { SystemLine::JoinedLate };
        self.system_line(item.conversation, item.number, place::ROW, at, line);
        self.acknowledge(ctx, item.conversation);
        // Nothing is read before the other person's name and pin are known.
        self.know(ctx, with);
        self.catch_up_anyway(ctx, item.conversation);
        self.look_at_leaves_in(ctx, item.conversation);
        self.pump(ctx, item.conversation);
    }

    /// Group state of a conversation this device is not in any more (superseded, or added again).
    fn groups_left_over(&mut self, item: &WelcomeItem) -> bool {
        self.groups.place((item.conversation, item.generation)).is_ok()
    }

    /// Says that a Welcome could not be used. The device has a leaf all the same: it comes in by replacing that.
    fn refuse_welcome(&mut self, ctx: &mut Ctx<'_>, number: u64, id: ConversationId) {
        self.refused.insert(id);
        self.ask_conversations(ctx);
        let draft = Draft::json(Method::Post, &format!("/api/inbox/{number}/refused"), &Done {});
        self.ask(ctx, Waits::InboxRefused, draft);
    }
}
