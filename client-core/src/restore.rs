//! The server was put back to an older copy (protocol §7, store epoch): what it lost is offered again.
//!
//! A device keeps the rows it had accepted for a week. When the server names another store epoch, numbers begin again behind the
//! last one that server and device have in common (the server says which; others may have written behind it since):
//! everything this device has stays in its place, rows that come are put behind it, and own rows that the server lacks
//! are offered as they were: messages in any epoch the server has gone back to, commits when their epoch has come, creations
//! when the conversation is unknown. What comes back from others is known by its hash (commits) or by its sender's counter
//! (messages) and is not shown twice.

use shared::{
    Bytes, Code, ConversationId,
    frame::{Cursor, Row, ServerHello},
    http as body,
    time::DAY,
};

use crate::{
    conversation::commit::commit_draft,
    http::{self, Refusal},
    mls,
    numbers::HIGHEST,
    rows::{Accepted, Outgoing, Pending, Standing},
    session::{Ctx, Session, Waits},
    told::Told,
    view::ORDERS,
};

/// So long an accepted row is kept.
const KEPT: u64 = 7 * DAY;
/// Hashes of applied commits kept a conversation.
const COMMITS: usize = 64;

impl Session {
    /// A server's number, as messages of this device are counted: numbers of an older life of the server lie before.
    pub(crate) fn local(&self, id: ConversationId, number: u64) -> u64 {
        number + self.convs.get(&id).map_or(0, |conv| conv.shift)
    }

    /// The own row of a message has passed: it leaves the outbox, and is kept for a while.
    pub(crate) fn keep_accepted(&mut self, mut item: Outgoing) {
        let (id, sequence, at) = (item.conversation, item.sequence, item.at);
        let order = item.number.map(|number| self.local(id, number) * ORDERS);
        item.place = item.place.or(order);
        let accepted = Accepted { conversation: id, sequence, at, message: Some(item), commit: None };
        self.accepted.insert((id, sequence), accepted);
        self.dirty_accepted.insert((id, sequence));
    }

    /// So is an own commit.
    pub(crate) fn keep_commit(&mut self, ctx: &Ctx<'_>, id: ConversationId, commit: Pending) {
        self.note_commit(id, commit.hash.clone());
        self.sequence += 1;
        let key = (id, self.sequence);
        let accepted = Accepted { conversation: id, sequence: self.sequence, at: ctx.now, message: None, commit: Some(commit) };
        self.accepted.insert(key, accepted);
        self.dirty_accepted.insert(key);
    }

    /// A commit was applied: its hash tells it again.
    pub(crate) fn note_commit(&mut self, id: ConversationId, hash: Bytes) {
        if let Some(conv) = self.conversation(id) {
            conv.commits.push(hash);
            let surplus = conv.commits.len().saturating_sub(COMMITS);
            conv.commits.drain(..surplus);
        }
    }

    /// This device has just come into the group.
    pub(crate) fn came_in(&mut self, id: ConversationId) {
        let generation = self.convs.get(&id).map_or(0, |conv| conv.generation);
        let epoch = self.groups.place((id, generation)).map_or(0, |(epoch, _)| epoch);
        if let Some(conv) = self.conversation(id) {
            conv.from_epoch = epoch;
        }
    }

    /// Kept rows of conversations that are no more, or (`None`) all: another device can't offer them.
    pub(crate) fn forget_accepted(&mut self, of: Option<ConversationId>) {
        self.drop_accepted(|row| of.is_none_or(|of| of == row.conversation));
    }

    /// Kept rows of which this holds are kept no longer.
    pub(crate) fn drop_accepted(&mut self, mut gone: impl FnMut(&Accepted) -> bool) {
        let keys = self.accepted.extract_if(.., |_, row| gone(row)).map(|(key, _)| key);
        self.dirty_accepted.extend(keys);
    }

    /// Another device of the account goes on with this store, because the server does not know the one that sent these rows.
    /// Was it forgotten by a restore, then the messages the server lacks are sent again from the new one.
    pub(crate) fn disown_accepted(&mut self) {
        self.dirty_accepted.extend(self.accepted.keys());
        self.accepted.retain(|_, row| row.message.is_some());
        for message in self.accepted.values_mut().filter_map(|row| row.message.as_mut()) {
            message.n = 0;
            message.sealed.clear();
        }
    }

    /// Compares the server's life with the one this device's numbers belong to, before anything else of the Hello is used.
    pub(crate) fn greeted_by(&mut self, ctx: &mut Ctx<'_>, hello: &ServerHello) {
        let now = ctx.now;
        self.drop_accepted(|row| now.since(row.at) > KEPT);
        if self.me.store_epoch.as_ref().is_some_and(|known| *known != hello.store_epoch) {
            self.went_back(hello);
        }
        let behind: Vec<_> = self.convs.values().filter(|conv| conv.behind.is_some()).map(|conv| conv.id).collect();
        for id in behind {
            if let Some(head) = hello.heads.iter().find(|head| head.conversation == id) {
                self.server_at(ctx, id, head.epoch);
            }
        }
    }

    fn went_back(&mut self, hello: &ServerHello) {
        self.me.inbox = hello.inbox;
        self.me.settings = 0;
        self.me.statement_doubted = true;
        self.me_dirty = true;
        self.listed = false;
        // It would begin behind items that come under numbers given anew.
        self.stop_asking(|waits| matches!(waits, Waits::Inbox));
        for contact in self.contacts.values_mut().filter(|contact| contact.number > 0) {
            contact.version = 0;
            contact.dirty = true;
            contact.doubted = true;
            self.dirty_contacts.insert(contact.account);
        }
        let ids: Vec<_> = self.convs.keys().copied().collect();
        for id in ids {
            let head = hello.heads.iter().find(|head| head.conversation == id);
            let (last, last_n, epoch) = head.map_or((0, 0, 0), |head| (head.number, head.last_n, head.epoch));
            // Others may have been back before: what now has a number this device has passed need not be what it read there.
            let of = |known: &Vec<Cursor>| known.iter().find(|known| known.conversation == id).map_or(0, |known| known.number);
            let number = hello.known.as_ref().map_or(last, of).min(last);
            self.put_back(id, number, last_n);
            let Some(conv) = self.conversation(id) else { continue };
            if conv.cursor > number {
                // However often a server says so: what it makes of that stays a number.
                conv.shift = (conv.shift + conv.cursor - number).min(HIGHEST);
                conv.cursor = number;
            }
            conv.delivered = conv.delivered.min(number);
            if let Some(pending) = conv.pending.as_mut() {
                pending.number = None;
            }
            conv.behind = (conv.standing == Standing::Joined).then_some(epoch);
            // Whoever is on the way back into a group begins again behind the new numbers.
            self.rejoining.remove(&id);
            let live = self.live.entry(id).or_default();
            // What others wrote since is read before anything is offered: by an epoch's number alone nobody can tell whether the
            // server came to it on this device's branch.
            (live.head, live.fetching, live.hold, live.told) = (number, false, last > number, Told::default());
            live.refused = 0;
        }
    }

    /// Own messages that the server lacks wait again, in their place on the screen.
    fn put_back(&mut self, id: ConversationId, number: u64, last_n: u64) {
        // Of this device the server counts the messages; of one before it (n is 0) only the number tells.
        let lacks = |item: &Outgoing| match item.n {
            0 => item.number.is_some_and(|at| at > number),
            n => n > last_n,
        };
        let lacking: Vec<_> = self
            .accepted
            .range((id, 0)..=(id, u64::MAX))
            .filter(|(_, row)| row.message.as_ref().is_some_and(lacks))
            .map(|(key, _)| *key)
            .collect();
        for key in lacking {
            if let Some(message) = self.accepted.remove(&key).and_then(|row| row.message) {
                self.dirty_accepted.insert(key);
                self.outbox.insert(key, message);
            }
        }
        let stored: Vec<_> = self
            .outbox
            .range((id, 0)..=(id, u64::MAX))
            .filter(|(_, item)| item.number.is_some())
            .map(|(key, _)| *key)
            .collect();
        for key in stored {
            let Some(number) = self.outbox.get(&key).and_then(|item| item.number) else { continue };
            let order = self.local(id, number) * ORDERS;
            if let Some(item) = self.outbox.get_mut(&key) {
                item.number = None;
                item.place = item.place.or(Some(order));
                let item = item.clone();
                self.dirty_out.insert(key);
                self.show_outgoing(&item);
            }
        }
    }

    /// The server takes rows for this epoch. While that is an older one than the group's, only what was sealed for it leaves.
    pub(crate) fn server_at(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, epoch: u64) {
        let Some(generation) = self.convs.get(&id).map(|conv| conv.generation) else { return };
        let Ok((ours, _)) = self.groups.place((id, generation)) else { return };
        let behind = (epoch < ours).then_some(epoch);
        if let Some(conv) = self.conversation(id) {
            conv.behind = behind;
        }
        if behind.is_none() {
            self.push_commit(ctx, id);
        }
        self.pump(ctx, id);
        self.offer_again(ctx, id);
    }

    /// Is the conversation on the server in an older epoch than here?
    pub(crate) fn behind(&self, id: ConversationId) -> Option<u64> {
        self.convs.get(&id).and_then(|conv| conv.behind)
    }

    /// Offers the own commit that leads the server on from where it is, after the messages that were sealed before it.
    pub(crate) fn offer_again(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let held = self.live.get(&id).is_some_and(|live| live.hold);
        let Some(epoch) = self.behind(id).filter(|_| self.link.is_online() && !held) else { return };
        let asking = self.is_asking(|waits| matches!(waits, Waits::Again { conversation, .. } if *conversation == id));
        let mut waiting = self.outbox.range((id, 0)..=(id, u64::MAX)).filter(|(_, item)| item.number.is_none());
        // What waits behind one that has no form for this epoch can't leave before the commit either.
        let first = waiting.find(|(_, item)| item.failed.is_none());
        let earlier = first.is_some_and(|(_, item)| item.sealed.iter().any(|form| form.epoch == epoch));
        if asking || earlier {
            return;
        }
        let kept = self.accepted.range((id, 0)..=(id, u64::MAX)).filter_map(|(_, row)| row.commit.as_ref());
        let Some(commit) = kept.rev().find(|commit| commit.epoch == epoch) else { return };
        let draft = commit_draft(id, commit.clone());
        self.ask(ctx, Waits::Again { conversation: id, epoch }, draft);
    }

    /// The server has an own commit again.
    pub(crate) fn offered_again(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, epoch: u64, answer: &[u8]) {
        let Ok(committed) = http::numbered::<body::Committed>(answer) else { return };
        let live = self.live.entry(id).or_default();
        live.head = live.head.max(committed.number);
        if self.behind(id) == Some(epoch) {
            self.server_at(ctx, id, epoch + 1);
        }
        self.catch_up(ctx, id);
    }

    /// The server refused a commit that it once had: it stands in another epoch, or has the pair's other conversation.
    pub(crate) fn again_refused(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, refusal: &Refusal) {
        let detail = refusal.failure.detail.as_deref();
        match refusal.code() {
            Some(Code::StaleEpoch) => {
                if let Some(epoch) = detail.and_then(|text| text.parse().ok()).filter(|epoch| Some(*epoch) != self.behind(id)) {
                    self.server_at(ctx, id, epoch);
                }
            }
            Some(Code::ConversationExists) if detail.and_then(|text| text.parse().ok()) != Some(id) => {
                self.forget_accepted(Some(id));
                self.creation_lost(ctx, id, detail);
            }
            // It adds a browser whose statement the server has lost: nobody can lead it to that epoch any more.
            Some(Code::DeviceNotStated) => {
                if let Some(epoch) = self.behind(id) {
                    self.leave_branch(ctx, id, epoch);
                }
            }
            _ => {}
        }
    }

    /// A commit row that this device applied in the server's life before.
    pub(crate) fn commit_known(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, row: &Row, hash: &Bytes) -> bool {
        let known = self
            .convs
            .get(&id)
            .is_some_and(|conv| conv.shift > 0 && (row.epoch < conv.from_epoch || conv.commits.contains(hash)));
        if known && self.behind(id) == Some(row.epoch) {
            self.server_at(ctx, id, row.epoch + 1);
        }
        known
    }

    /// A message row whose sender's counter this device has passed in the server's life before. What is missing after all is
    /// seen by the next message of that sender, whose chain does not fit.
    pub(crate) fn message_known(&self, id: ConversationId, row: &Row) -> bool {
        let Some(conv) = self.convs.get(&id).filter(|conv| conv.shift > 0) else { return false };
        if row.epoch < conv.from_epoch {
            return true;
        }
        let n = row.body.as_ref().and_then(|bytes| mls::clear(bytes.as_slice())).map(|data| data.n);
        conv.peers.iter().any(|peer| peer.device == row.device && n.is_some_and(|n| n <= peer.n))
    }
}
