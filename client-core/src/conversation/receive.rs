//! Rows of the log, applied strictly in the order of their numbers.

use mls::rules::Change;
use sha2::{Digest as _, Sha256};
use shared::{
    Bytes, ConversationId, DeviceId, authenticated,
    frame::{ClientFrame, Cursor, Delivered, Entries, Fetch, Row, RowKind},
    http as body, limits,
    time::SECOND,
};

use super::place;
use crate::{
    content::{self, Content, KIND_TEXT},
    http::{self, Draft},
    mls::{GroupError, OpenedRow},
    numbers::Numbered as _,
    output::MessageRow,
    rows::{Claim, Peer, Standing, state_byte},
    session::{Ctx, Live, Session, Waits},
    view::{self, MessageKind, MessageState, ORDERS, SystemLine},
};

/// What became of a row.
pub(super) enum Applied {
    /// Go on with the next.
    Next,
    /// It must be fetched by HTTP first.
    Big,
    /// It is not what its sender made: it is asked for again.
    Altered,
    /// It can't be applied; whose commit it is, when that is certain.
    Stuck(Option<DeviceId>),
    /// The server has gone on by another commit than this device did.
    Branched,
}

impl Session {
    /// A hint that there are rows.
    pub(crate) fn head(&mut self, ctx: &mut Ctx<'_>, head: Cursor) {
        let live = self.live.entry(head.conversation).or_default();
        live.head = live.head.max(head.number);
        self.catch_up(ctx, head.conversation);
    }

    /// Fetches what is missing, if anything is.
    pub(crate) fn catch_up(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let behind = self.convs.get(&id).zip(self.live.get(&id)).is_some_and(|(conv, live)| conv.cursor < live.head);
        if behind {
            self.catch_up_anyway(ctx, id);
        }
    }

    /// Fetches what is missing, even if nothing seems to be.
    pub(crate) fn catch_up_anyway(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let Some(conv) = self.convs.get(&id) else { return };
        let named = conv.with == self.me.account || self.contacts.contains_key(&conv.with);
        let ahead = self.rejoining.get(&id).and_then(|rejoining| rejoining.ahead.as_ref()).map(|ahead| ahead.cursor);
        let after = match conv.standing {
            Standing::Joined => Some(conv.cursor),
            Standing::Stuck => ahead,
            Standing::Awaited | Standing::Creating => None,
        };
        let Some(after) = after.filter(|_| named && self.link.is_online()) else { return };
        let live = self.live.entry(id).or_default();
        if live.fetching {
            return;
        }
        live.fetching = true;
        let request = ctx.id();
        self.transmit(&ClientFrame::Fetch(Fetch { request, conversation: id, after, limit: limits::FETCH }));
    }

    /// Rows by socket.
    pub(crate) fn entries(&mut self, ctx: &mut Ctx<'_>, entries: Entries) {
        let id = entries.conversation;
        let live = self.live.entry(id).or_default();
        live.head = live.head.max(entries.head);
        if entries.request != 0 {
            live.fetching = false;
        }
        self.apply(ctx, id, entries.rows);
    }

    /// Rows by HTTP: those too big for a frame.
    pub(crate) fn rows(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, answer: &[u8]) {
        let Ok(rows) = http::numbered::<body::Rows>(answer) else { return };
        let live = self.live.entry(id).or_default();
        live.head = live.head.max(rows.head);
        live.fetching = false;
        self.apply(ctx, id, rows.rows);
    }

    fn apply(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, rows: Vec<Row>) {
        let Some((standing, before)) = self.convs.get(&id).map(|conv| (conv.standing, conv.cursor)) else { return };
        if standing == Standing::Stuck {
            return self.run_ahead(ctx, id, &rows);
        }
        for row in rows {
            let Some(conv) = self.convs.get(&id).filter(|conv| conv.standing == Standing::Joined) else { return };
            if row.number != conv.cursor + 1 {
                continue;
            }
            if row.generation > conv.generation {
                self.acknowledge(ctx, id);
                return self.left_behind(ctx, id);
            }
            let applied = if row.generation < conv.generation {
                self.of_before(id, &row);
                Applied::Next
            } else {
                self.apply_row(ctx, id, &row)
            };
            match applied {
                Applied::Next => {
                    if let Some(conv) = self.conversation(id) {
                        conv.cursor = conv.cursor.max(row.number);
                    }
                    self.live.entry(id).or_default().refused = 0;
                }
                Applied::Big => {
                    self.ask_row(ctx, id, row.number);
                    break;
                }
                Applied::Altered => {
                    self.acknowledge(ctx, id);
                    return;
                }
                Applied::Stuck(device) => {
                    self.acknowledge(ctx, id);
                    return self.stuck(ctx, id, device);
                }
                Applied::Branched => {
                    self.acknowledge(ctx, id);
                    return self.leave_branch(ctx, id, row.epoch);
                }
            }
        }
        if self.convs.get(&id).is_some_and(|conv| conv.cursor > before) {
            self.acknowledge_soon(ctx, id);
        }
        let (cursor, head) =
            self.convs.get(&id).zip(self.live.get(&id)).map_or((0, 0), |(conv, live)| (conv.cursor, live.head));
        if cursor >= head {
            if let Some(live) = self.live.get_mut(&id) {
                live.hold = false;
            }
            self.pump(ctx, id);
            self.offer_again(ctx, id);
        } else if cursor > before {
            self.catch_up(ctx, id);
        } else if let Some(live) = self.live.get_mut(&id) {
            // An answer without the next row, of a server that says there is one: asking at once would never end.
            let later = ctx.now.plus(SECOND + ctx.entropy.below(SECOND));
            live.again = live.again.or(Some(later));
        }
    }

    /// A row of a generation that this device has left. Only a server that was put back has a right to deliver it.
    fn of_before(&mut self, id: ConversationId, row: &Row) {
        if row.kind == RowKind::Message && self.convs.get(&id).is_some_and(|conv| conv.shift == 0) {
            self.system_line(id, row.number, place::ROW, row.at, SystemLine::Hole { count: 1 });
        }
    }

    /// Asks for one row by HTTP: it is too big for a frame.
    pub(super) fn ask_row(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, number: u64) {
        self.live.entry(id).or_default().fetching = true;
        let path = format!("/api/conversations/{id}/rows?after={}&limit=1", number - 1);
        self.ask(ctx, Waits::Rows { conversation: id }, Draft::get(path));
    }

    /// Says that rows are stored here; leaves after they are.
    pub(crate) fn acknowledge(&mut self, ctx: &Ctx<'_>, id: ConversationId) {
        let Some(number) = self.convs.get(&id).map(|conv| conv.cursor) else { return };
        if self.link.is_online() {
            self.live.entry(id).or_default().told.say(ctx.now, number);
            self.transmit(&ClientFrame::Acknowledge(Cursor { conversation: id, number }));
        }
    }

    /// The same, of rows that come one after the other: with those of the next moment.
    fn acknowledge_soon(&mut self, ctx: &Ctx<'_>, id: ConversationId) {
        if self.link.is_online() && self.live.entry(id).or_default().told.may_say(ctx.now) {
            self.acknowledge(ctx, id);
        }
    }

    /// The same, unless the server knows.
    pub(crate) fn acknowledge_news(&mut self, ctx: &Ctx<'_>, id: ConversationId) {
        let told = self.live.get(&id).map_or(0, |live| live.told.sent());
        if self.convs.get(&id).is_some_and(|conv| conv.standing == Standing::Joined && conv.cursor > told) {
            self.acknowledge_soon(ctx, id);
        }
    }

    /// Cursors whose moment has come.
    pub(crate) fn acknowledge_due(&mut self, ctx: &Ctx<'_>) {
        let due = |live: &Live| live.told.due().is_some_and(|at| at <= ctx.now);
        let due: Vec<_> = self.live.iter().filter(|(_, live)| due(live)).map(|(id, _)| *id).collect();
        for id in due {
            self.acknowledge(ctx, id);
        }
    }

    fn apply_row(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, row: &Row) -> Applied {
        if row.big.is_some() && row.body.is_none() {
            return Applied::Big;
        }
        match row.kind {
            RowKind::Commit => self.apply_commit(ctx, id, row),
            RowKind::Message if row.device == self.me.device => {
                self.own_row(ctx, id, row);
                Applied::Next
            }
            RowKind::Message => self.apply_message(id, row),
            // Leaving a group comes with groups; in direct conversations the server takes none.
            RowKind::Proposal => self.altered(ctx, id, row),
        }
    }

    /// A row of this very device: it is ours only when it is byte for byte one of the forms that left.
    fn own_row(&mut self, ctx: &Ctx<'_>, id: ConversationId, row: &Row) {
        // An own row passes once, and waits in the outbox until then: another one is somebody else's under this name.
        let key = self.outgoing(id, row.message).unwrap_or((id, 0));
        let same = self
            .outbox
            .get(&key)
            .is_some_and(|item| row.body.as_ref().is_some_and(|body| item.sealed.iter().any(|variant| variant.bytes == *body)));
        if !same {
            return self.system_line(id, row.number, place::ROW, row.at, SystemLine::Hole { count: 1 });
        }
        self.own_row_stored(ctx, id, row.message, row.number, row.at);
        self.in_flight.retain(|_, flying| !flying.is(id, row.message));
        self.passed(key);
    }

    fn apply_commit(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, row: &Row) -> Applied {
        let Some(bytes) = &row.body else { return self.altered(ctx, id, row) };
        let Some(generation) = self.convs.get(&id).map(|conv| conv.generation) else { return Applied::Stuck(None) };
        let hash = Bytes::from(<[u8; 32]>::from(Sha256::digest(bytes.as_slice())));
        if self.commit_known(ctx, id, row, &hash) {
            return Applied::Next;
        }
        if self.is_of_another_branch(id, row) {
            return Applied::Branched;
        }
        let Some(conv) = self.conversation(id) else { return Applied::Stuck(None) };
        if let Some(pending) = conv.pending.as_mut()
            && pending.hash == hash
        {
            pending.number = Some(row.number);
            self.commit_passed(ctx, id);
            return Applied::Next;
        }
        let Ok(change) = self.groups.apply((id, generation), row, bytes.as_slice()) else { return self.judge(ctx, id, row) };
        self.note_commit(id, hash);
        self.drop_commit(id);
        self.expect_first(id, change.added.iter().map(|added| added.certificate().device));
        self.show_change(ctx, id, row, &change);
        if change.external && !change.removed.is_empty() {
            self.be_quiet(ctx, id);
        }
        self.look_at_leaves_in(ctx, id);
        self.look_at_wanted(ctx, id);
        if let Some(live) = self.live.get_mut(&id) {
            live.hold = false;
            live.altered = 0;
        }
        Applied::Next
    }

    /// Who came and who went, one calm line an account.
    pub(super) fn show_change(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, row: &Row, change: &Change) {
        // Who replaces the own leaf neither comes nor goes.
        let back = |leaf: &mls::rules::Leaf| change.external && leaf.device() == change.actor.certificate().device;
        let comes = (change.external && !change.removed.iter().any(back)).then_some(&change.actor);
        for added in change.added.iter().chain(comes) {
            self.wanted.remove(&(id, added.certificate().device));
            self.note_identity(ctx, added.certificate().account, added.identity());
        }
        let mut accounts: Vec<_> = change.added.iter().chain(comes).map(|added| (added.certificate().account, true)).collect();
        accounts.extend(change.removed.iter().filter(|leaf| !back(leaf)).map(|leaf| (leaf.account(), false)));
        accounts.sort_unstable();
        accounts.dedup();
        for (place, (account, came)) in accounts.into_iter().enumerate() {
            let name = self.person(account).name;
            let line = if came { SystemLine::DeviceAdded { name } } else { SystemLine::DeviceRemoved { name } };
            self.system_line(id, row.number, place::ROW + u64::try_from(place).unwrap_or(0), row.at, line);
        }
    }

    fn apply_message(&mut self, id: ConversationId, row: &Row) -> Applied {
        let Some(bytes) = &row.body else {
            self.system_line(id, row.number, place::ROW, row.at, SystemLine::Hole { count: 1 });
            return Applied::Next;
        };
        let Some(conv) = self.convs.get(&id) else { return Applied::Next };
        let opened = self.groups.open((id, conv.generation), bytes.as_slice()).and_then(|opened| fits(row, opened));
        let Ok((k, content, opened)) = opened else {
            if self.message_known(id, row) {
                return Applied::Next;
            }
            // Named, never silent; the rows after it are not in danger, for every sender has a chain of its own.
            self.system_line(id, row.number, place::ROW, row.at, SystemLine::Hole { count: 1 });
            return Applied::Next;
        };
        let fresh = self.follow_chain(id, row, &opened);
        self.show_received(id, row, &k, content, fresh);
        Applied::Next
    }

    /// Devices that come while this one is in: all they send is for it, from the first message on.
    pub(crate) fn expect_first(&mut self, id: ConversationId, devices: impl Iterator<Item = DeviceId>) {
        let me = self.me.device;
        let Some(conv) = self.conversation(id) else { return };
        for device in devices.filter(|device| *device != me) {
            if !conv.peers.iter().any(|peer| peer.device == device) {
                conv.peers.push(Peer { device, n: 0, commitment: Bytes(vec![0; 32]) });
            }
        }
    }

    /// Each device's messages are counted and chained: what is missing is seen. False for one that came before, in an earlier
    /// life of the server.
    fn follow_chain(&mut self, id: ConversationId, row: &Row, opened: &OpenedRow) -> bool {
        let data = &opened.data;
        let Some(conv) = self.conversation(id) else { return true };
        let again = |peer: &Peer| peer.device == row.device && data.n <= peer.n && peer.commitment.as_slice() != data.previous;
        if conv.shift > 0 && conv.peers.iter().any(again) {
            return false;
        }
        let known = conv.peers.iter_mut().find(|peer| peer.device == row.device);
        let missing = match known {
            Some(peer) => {
                let missing = data.n.saturating_sub(peer.n + 1);
                let broken = missing == 0 && peer.commitment.as_slice() != data.previous;
                (peer.n, peer.commitment) = (data.n, data.commitment.into());
                if broken { 1 } else { missing }
            }
            // The first one seen of a device: whatever it sent before this device was in is not for it.
            None => {
                conv.peers.push(Peer { device: row.device, n: data.n, commitment: data.commitment.into() });
                0
            }
        };
        if missing > 0 {
            self.system_line(id, row.number.saturating_sub(1), place::MISSING, row.at, SystemLine::Hole { count: missing });
        }
        true
    }

    fn show_received(&mut self, id: ConversationId, row: &Row, k: &[u8; 32], bytes: Vec<u8>, fresh: bool) {
        let own = row.account == self.me.account;
        let read = content::read(&bytes);
        // A text that has none is no text of this version.
        let (kind, text) = match &read {
            Ok(Content { kind: KIND_TEXT, text: Some(text), .. }) => (MessageKind::Text, text.clone()),
            _ => (MessageKind::Newer, String::new()),
        };
        if let Ok(content) = &read {
            let claim = Claim { number: content.statement, hash: content.statement_hash.clone() };
            self.note_statement(row.account, row.message, row.at, claim);
        }
        let number = self.local(id, row.number);
        let order = number * ORDERS;
        let message = view::Message {
            id: row.message,
            conversation: id,
            order,
            author: self.person(row.account),
            own,
            kind,
            text,
            system: None,
            at: row.at,
            state: MessageState::Stored,
        };
        if let Some(conv) = self.conversation(id) {
            conv.parents = vec![row.message];
            if !own && fresh && order > conv.read {
                conv.unread = conv.unread.saturating_add(1);
            }
            if own {
                conv.unread = 0;
            }
        }
        self.keep_message(MessageRow { message, number: Some(number), device: row.device, content: bytes, opener: k.to_vec() });
    }

    /// A device of the other account has stored rows.
    pub(crate) fn delivered(&mut self, delivered: Delivered) {
        let me = self.me.account;
        let Some(conv) = self.convs.get(&delivered.conversation) else { return };
        if delivered.account == me || delivered.account != conv.with || delivered.number <= conv.delivered {
            return;
        }
        let number = self.local(delivered.conversation, delivered.number);
        let Some(conv) = self.conversation(delivered.conversation) else { return };
        conv.delivered = delivered.number;
        if let Some(last) = conv.last.as_mut()
            && last.own
            && last.state == state_byte(MessageState::Stored)
            && last.order <= number * ORDERS
        {
            last.state = state_byte(MessageState::Delivered);
        }
        self.batch.delivered.push((delivered.conversation, number));
        self.shows.push(view::Event::Delivered { conversation: delivered.conversation, number });
    }
}

/// The row must say what its content says: id (inside and outside), device, account, commitment.
fn fits(row: &Row, opened: OpenedRow) -> Result<([u8; 32], Vec<u8>, OpenedRow), GroupError> {
    let sender = opened.sender.certificate();
    let (k, content) = content::unwrap(&opened.plain).map_err(|_| GroupError::Row)?;
    let same = opened.data.possible()
        && opened.data.message == row.message
        && content::read(content).map_or(true, |content| content.message == row.message)
        && sender.device == row.device
        && sender.account == row.account
        && authenticated::opens(&opened.data.commitment, &k, content);
    let content = content.to_vec();
    if same { Ok((k, content, opened)) } else { Err(GroupError::Row) }
}
