//! Messages on their way: written, sealed, offered, accepted. What may have left stays until its row has passed.

use shared::{
    Bytes, Code, ConversationId, MessageId, Millis,
    authenticated::{self, MessageData},
    codec,
    frame::{self, Append, ClientFrame},
    limits,
    time::{MINUTE, SECOND},
};

use crate::{
    Failure, Output,
    connection::{PATH_AGE, PATH_MESSAGES},
    content::{self, Content, KIND_TEXT},
    failure::code,
    output::{Answer, MessageRow},
    rows::{LastRow, Outgoing, Standing, Variant, state_byte},
    session::{Ctx, Flying, Session},
    view::{self, MessageKind, MessageState, ORDERS, Trust, WAITING},
};

/// (conversation, order of writing).
pub(crate) type OutKey = (ConversationId, u64);

/// Messages of one conversation that may be under way at once.
const WINDOW: usize = 16;
/// Own rows may be refused so often, one after the other, without a pause.
const REFUSALS: u32 = 64;

impl Session {
    /// Takes a text: durable here before the command is answered, on its way as soon as possible.
    pub(crate) fn send(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: ConversationId,
        message: MessageId,
        text: String,
    ) -> Result<Answer, Failure> {
        if text.trim().is_empty() || text.len() > limits::TEXT {
            return Err(Failure::new(code::TEXT_TOO_LONG).field("text"));
        }
        if self.outgoing(id, message).is_some() {
            return Ok(Answer::Done);
        }
        let newest = self.newest(self.me.account).ok_or_else(|| Failure::new(code::STORE))?;
        let now = ctx.now;
        let conv = self.conversation(id).ok_or_else(|| Failure::from(Code::NotFound))?;
        let content = Content {
            message,
            statement: newest.content().number,
            statement_hash: newest.hash().first_chunk::<8>().copied().unwrap_or_default().into(),
            parents: conv.parents.clone(),
            sent_at: now,
            root: None,
            kind: KIND_TEXT,
            text: Some(text.clone()),
        };
        conv.draft.clear();
        let k: [u8; 32] = ctx.entropy.array();
        self.sequence += 1;
        let key = (id, self.sequence);
        let item = Outgoing {
            conversation: id,
            message,
            sequence: self.sequence,
            n: 0,
            k: k.into(),
            content: codec::encode(&content).into(),
            previous: Bytes(vec![0; 32]),
            sealed: vec![],
            text,
            at: now,
            number: None,
            failed: None,
            place: None,
        };
        self.show_outgoing(&item);
        self.outbox.insert(key, item);
        self.dirty_out.insert(key);
        self.pump(ctx, id);
        Ok(Answer::Done)
    }

    /// Forgets a message that never left, or was refused.
    pub(crate) fn discard(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, message: MessageId) -> Result<Answer, Failure> {
        let key = self.outgoing(id, message).ok_or_else(|| Failure::from(Code::NotFound))?;
        let n = self.outbox.get(&key).map_or(0, |item| item.n);
        if n > 0 {
            if self.outbox.get(&key).is_some_and(|item| item.failed.is_none()) {
                return Err(Failure::new(code::NOT_NOW));
            }
            // Its counter is free, and once it is gone nobody can tell what came before it.
            self.count_again(id, n);
        }
        self.outbox.remove(&key);
        self.dirty_out.insert(key);
        self.batch.gone.push((id, message));
        self.shows.push(view::Event::MessageGone { conversation: id, message });
        self.dirty_convs.insert(id);
        self.pump(ctx, id);
        Ok(Answer::Done)
    }

    /// Offers a failed message again, sealed anew.
    pub(crate) fn retry(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, message: MessageId) -> Result<Answer, Failure> {
        let key = self.outgoing(id, message).ok_or_else(|| Failure::from(Code::NotFound))?;
        if let Some(item) = self.outbox.get_mut(&key) {
            item.failed = None;
            let item = item.clone();
            self.dirty_out.insert(key);
            self.show_outgoing(&item);
        }
        self.pump(ctx, id);
        Ok(Answer::Done)
    }

    pub(crate) fn outgoing(&self, id: ConversationId, message: MessageId) -> Option<OutKey> {
        self.outbox.range((id, 0)..=(id, u64::MAX)).find(|(_, item)| item.message == message).map(|(key, _)| *key)
    }

    pub(crate) fn show_outgoing(&mut self, item: &Outgoing) {
        let number = item.number.map(|number| self.local(item.conversation, number));
        let (order, state) = match number {
            Some(number) => (number * ORDERS, MessageState::Stored),
            None if item.failed.is_some() => (WAITING + item.sequence, MessageState::Failed),
            None => (WAITING + item.sequence, MessageState::Sending),
        };
        let message = view::Message {
            id: item.message,
            conversation: item.conversation,
            order: item.place.unwrap_or(order),
            author: self.person(self.me.account),
            own: true,
            kind: MessageKind::Text,
            text: item.text.clone(),
            system: None,
            at: item.at,
            state,
        };
        let row =
            MessageRow { message, number, device: self.me.device, content: item.content.0.clone(), opener: item.k.0.clone() };
        self.keep_message(row);
    }

    /// Shows and keeps a message, and makes it the conversation's last one when it is.
    pub(crate) fn keep_message(&mut self, row: MessageRow) {
        let message = &row.message;
        if let Some(conv) = self.conversation(message.conversation)
            && message.kind != MessageKind::System
            && conv.last.as_ref().is_none_or(|last| message.order >= last.order || last.message == message.id)
        {
            conv.last = Some(LastRow {
                text: message.text.chars().take(160).collect(),
                at: message.at,
                own: message.own,
                state: state_byte(message.state),
                order: message.order,
                message: message.id,
            });
        }
        let event = view::Event::Message { message: message.clone() };
        if message.own && message.state == MessageState::Sending {
            // What a person wrote is on the screen when it is durable: a tab that dies between the two must not have shown it.
            self.effects.push(Output::Show(event));
        } else {
            self.shows.push(event);
        }
        self.batch.messages.push(row);
    }

    /// May anything be sealed for this conversation now?
    fn may_seal(&self, id: ConversationId) -> bool {
        let Some(conv) = self.convs.get(&id) else { return false };
        let held = self.live.get(&id).is_some_and(|live| live.hold || live.quiet.is_some());
        let trusted = conv.with == self.me.account
            || (self.checked.contains(&conv.with)
                && self.contacts.get(&conv.with).is_some_and(|c| matches!(c.trust(), Trust::FirstUse | Trust::Proven)));
        conv.standing == Standing::Joined && !held && !conv.ghost && trusted && self.link.is_online()
    }

    /// Seals and offers what waits, in the order it was written.
    pub(crate) fn pump(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        if !self.may_seal(id) {
            // Somebody whose newest statement is not known is looked at before anything is sealed for him.
            if let Some(with) = self.convs.get(&id).map(|conv| conv.with).filter(|_| self.link.is_online()) {
                self.know(ctx, with);
            }
            return;
        }
        let Some(conv) = self.convs.get(&id) else { return };
        let generation = conv.generation;
        let keys: Vec<OutKey> = self
            .outbox
            .range((id, 0)..=(id, u64::MAX))
            .filter(|(_, item)| item.number.is_none() && item.failed.is_none())
            .map(|(key, _)| *key)
            .take(WINDOW)
            .collect();
        if keys.is_empty() {
            return;
        }
        let behind = conv.behind;
        // An old path is renewed first (protocol §3, healing): what is sealed waits for the new epoch.
        let old = conv.since_path >= PATH_MESSAGES || ctx.now.since(conv.path_at) >= PATH_AGE;
        if old && conv.pending.is_none() {
            self.renew_path(ctx, id);
        }
        if old && self.convs.get(&id).is_some_and(|conv| conv.pending.is_some()) {
            return;
        }
        let Ok((newest, _)) = self.groups.place((id, generation)) else { return };
        // A server that was put back takes what was sealed for its epoch; nothing more can be sealed for that one.
        let epoch = behind.unwrap_or(newest);
        for key in keys {
            let Some(item) = self.outbox.get(&key) else { continue };
            let flying = self.in_flight.iter().find(|(_, flying)| flying.is(id, item.message));
            match flying.map(|(request, flying)| (*request, flying.place == (generation, epoch))) {
                Some((_, true)) => continue,
                // In the form of an epoch that has passed it is refused or stored by now: it goes before what was written after it.
                Some((request, false)) => drop(self.in_flight.remove(&request)),
                None => {}
            }
            let ready = item.sealed.iter().any(|v| v.generation == generation && v.epoch == epoch);
            if !ready && (epoch != newest || !self.seal(key, generation)) {
                return;
            }
            let Some(item) = self.outbox.get(&key) else { continue };
            let Some(variant) = item.sealed.iter().rfind(|v| v.generation == generation && v.epoch == epoch) else { return };
            let request = ctx.id();
            let append = Append {
                request,
                conversation: id,
                generation,
                epoch,
                n: item.n,
                message: item.message,
                sealed: variant.bytes.clone(),
            };
            let told = self.live.get(&id).map_or(0, |live| live.told.sent());
            let flying = Flying { conversation: id, message: item.message, n: item.n, place: (generation, epoch), told };
            self.in_flight.insert(request, flying);
            self.transmit(&ClientFrame::Append(append));
        }
    }

    /// Seals one message for the present epoch. Its counter is given out with its first sealing and never changes.
    fn seal(&mut self, key: OutKey, generation: u32) -> bool {
        let (Some(item), Some(conv)) = (self.outbox.get_mut(&key), self.convs.get_mut(&key.0)) else { return false };
        let Some(k) = item.k.array::<32>() else { return false };
        let commitment = authenticated::commitment(&k, item.content.as_slice());
        if item.n == 0 {
            conv.n += 1;
            item.n = conv.n;
            item.previous = core::mem::replace(&mut conv.commitment, commitment.into());
        }
        conv.since_path += 1;
        let Ok(envelope) = content::wrap(&k, item.content.as_slice()) else { return false };
        let (message, n, previous) = (item.message, item.n, item.previous.array::<32>().unwrap_or_default());
        let data = |transcript| MessageData { message, n, commitment, previous, transcript };
        let Ok((epoch, bytes)) = self.groups.seal((key.0, generation), data, &envelope) else { return false };
        item.sealed.push(Variant { generation, epoch, bytes: bytes.into() });
        self.dirty_out.insert(key);
        self.dirty_convs.insert(key.0);
        true
    }

    /// The server has stored a row of ours.
    pub(crate) fn appended(&mut self, ctx: &mut Ctx<'_>, appended: frame::Appended) {
        let Some(Flying { conversation: id, message, told, .. }) = self.in_flight.remove(&appended.request) else { return };
        self.own_row_stored(ctx, id, message, appended.number, appended.at);
        let live = self.live.entry(id).or_default();
        live.head = live.head.max(appended.number);
        live.told.stored(told, appended.number);
        self.pass_own(ctx, id);
        self.catch_up(ctx, id);
        self.pump(ctx, id);
        self.offer_again(ctx, id);
    }

    /// The own row of a stored message has passed.
    pub(crate) fn passed(&mut self, key: OutKey) {
        if let Some(item) = self.outbox.remove(&key) {
            self.dirty_out.insert(key);
            self.keep_accepted(item);
        }
    }

    pub(crate) fn own_row_stored(&mut self, ctx: &Ctx<'_>, id: ConversationId, message: MessageId, number: u64, at: Millis) {
        let Some(key) = self.outgoing(id, message) else { return };
        let Some(item) = self.outbox.get_mut(&key) else { return };
        if item.number.is_some() {
            return;
        }
        item.number = Some(number);
        item.failed = None;
        item.at = at;
        let item = item.clone();
        let live = self.live.entry(id).or_default();
        (live.asked, live.refused) = (*ctx.ids, 0);
        self.dirty_out.insert(key);
        if let Some(conv) = self.conversation(id) {
            conv.parents = vec![message];
        }
        self.show_outgoing(&item);
    }

    /// Own stored rows directly behind the cursor need not be read again.
    fn pass_own(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        while let Some(conv) = self.convs.get(&id) {
            let next = conv.cursor + 1;
            let own = self.outbox.range((id, 0)..=(id, u64::MAX)).find(|(_, item)| item.number == Some(next));
            let Some(key) = own.map(|(key, _)| *key) else { break };
            self.passed(key);
            if let Some(conv) = self.conversation(id) {
                conv.cursor = next;
            }
        }
        self.acknowledge_news(ctx, id);
        self.commit_passed(ctx, id);
    }

    /// The server refused a row; nothing was stored of it.
    pub(crate) fn append_refused(&mut self, ctx: &mut Ctx<'_>, refused: &frame::Refused) {
        let Some(Flying { conversation: id, message, n, .. }) = self.in_flight.remove(&refused.request) else { return };
        self.slow_down(ctx, id);
        match refused.code() {
            Some(Code::StaleEpoch | Code::StaleGeneration) => {
                let live = self.live.entry(id).or_default();
                live.hold = true;
                self.catch_up_anyway(ctx, id);
            }
            Some(Code::OutOfTurn) => self.out_of_turn(ctx, id, (refused.request, n), refused.detail.unwrap_or(0)),
            Some(Code::CommitFirst) => {
                if let Some(conv) = self.conversation(id) {
                    conv.since_path = conv.since_path.max(PATH_MESSAGES);
                }
                self.pump(ctx, id);
            }
            // Too many at once: the line is fine, the server says how long to wait (milliseconds).
            Some(Code::RateLimited) => {
                let wait = refused.detail.unwrap_or(SECOND).clamp(1, MINUTE);
                let live = self.live.entry(id).or_default();
                live.quiet = Some(live.quiet.unwrap_or_default().max(ctx.now.plus(wait)));
            }
            Some(Code::Unavailable | Code::Internal) | None => self.broken(ctx),
            Some(code) => {
                let Some(key) = self.outgoing(id, message) else { return };
                if let Some(item) = self.outbox.get_mut(&key) {
                    item.failed = Some(code.as_str().to_owned());
                    let item = item.clone();
                    self.dirty_out.insert(key);
                    self.show_outgoing(&item);
                }
            }
        }
    }

    /// An honest server has no reason to refuse again and again: it is not asked at the pace of the line for ever.
    fn slow_down(&mut self, ctx: &Ctx<'_>, id: ConversationId) {
        let live = self.live.entry(id).or_default();
        live.refused = live.refused.saturating_add(1);
        if let Some(more) = live.refused.checked_sub(REFUSALS) {
            let pause = ctx.now.plus((SECOND << (more / WINDOW as u32).min(6)).min(MINUTE));
            live.quiet = Some(live.quiet.unwrap_or_default().max(pause));
        }
    }

    /// The server waits for another counter than the one a message of ours, which it does not have, came with.
    fn out_of_turn(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, (request, n): (u64, u64), expected: u64) {
        self.in_flight.retain(|_, flying| flying.conversation != id);
        // This one's counter stands there with another message, or one that was not given out here yet: somebody else goes
        // on as this device.
        if expected > n || self.convs.get(&id).is_some_and(|conv| expected > conv.n + 1) {
            return self.superseded();
        }
        // What was asked before something was known to be stored may have been refused before it was: it is asked again.
        if self.live.get(&id).is_none_or(|live| live.asked < request) {
            self.count_from(id, expected);
        }
        self.pump(ctx, id);
    }

    /// When a message has the counter that the server waits for, everything from there is simply offered again; else (the
    /// server was restored) the waiting ones are counted anew.
    fn count_from(&mut self, id: ConversationId, expected: u64) {
        let mut waiting = self
            .outbox
            .range((id, 0)..=(id, u64::MAX))
            .filter(|(_, item)| item.number.is_none() && item.failed.is_none() && item.n > 0);
        if expected == 0 || waiting.any(|(_, item)| item.n <= expected) {
            return;
        }
        self.count_again(id, expected);
    }

    /// Counters from this one on are free: what has one of them gets another when it is offered (again). The chain goes on from
    /// what was before the first of them, so that nothing is missing there.
    fn count_again(&mut self, id: ConversationId, from: u64) {
        self.in_flight.retain(|_, flying| flying.conversation != id || flying.n < from);
        let mut before = None;
        let waiting = self.outbox.range_mut((id, 0)..=(id, u64::MAX)).filter(|(_, item)| item.number.is_none());
        for (key, item) in waiting.filter(|(_, item)| item.n >= from) {
            if item.n == from {
                before = Some(item.previous.clone());
            }
            item.n = 0;
            item.sealed.clear();
            self.dirty_out.insert(*key);
        }
        if let Some(conv) = self.conversation(id) {
            conv.n = from.saturating_sub(1);
            if let Some(before) = before {
                conv.commitment = before;
            }
        }
    }
}
