//! Starting a conversation: find the person, claim a package of each device, make the group, offer it to the server.

use shared::{
    AccountId, Bytes, Code, ConversationId, MessageId, Millis,
    authenticated::CommitData,
    http as body,
    policy::{Kind, Policy},
    time::MINUTE,
};

use crate::{
    Failure,
    failure::code,
    http::{self, Draft, Refusal},
    mls::Candidate,
    output::{Answer, Method},
    rows::{Conv, Standing},
    session::{Ctx, Session, Waits},
};

use super::rejoin::{ALONE, PATIENCE};

/// How long what is written in a conversation that no server has waits for another try.
const LIST_AGAIN: u64 = 10 * MINUTE;

/// A conversation whose packages are being claimed.
pub(crate) struct Starting {
    with: AccountId,
    /// Commands that wait for it.
    pub(crate) commands: Vec<u64>,
    candidates: Vec<Candidate>,
    left: usize,
    /// It was refused once already.
    again: bool,
}

impl Session {
    /// `StartChat`: answered at once when the conversation exists.
    pub(crate) fn start_chat(&mut self, ctx: &mut Ctx<'_>, command: u64, username: &str) {
        let username = username.trim().trim_start_matches('@');
        let handle = match shared::handle::Handle::parse(username) {
            Ok(handle) => handle,
            Err(code) => return self.answer(command, Err(code.into())),
        };
        if handle.canonical() == self.me.handle.to_ascii_lowercase() {
            return self.open_with(ctx, command, self.me.account);
        }
        let known = self.contacts.values().find(|contact| contact.handle.eq_ignore_ascii_case(username)).map(|c| c.account);
        if let Some(id) = known.and_then(|account| self.direct_with(account)) {
            return self.answer(command, Ok(Answer::Conversation(id)));
        }
        if !self.link.is_online() {
            return self.answer(command, Err(Failure::new(code::OFFLINE)));
        }
        let draft = Draft::get(format!("/api/people/{}", handle.as_str()));
        self.ask(ctx, Waits::Person { command, handle: handle.as_str().to_owned() }, draft);
    }

    /// The conversation with an account, whatever its standing.
    pub(crate) fn direct_with(&self, account: AccountId) -> Option<ConversationId> {
        self.convs.values().find(|conv| conv.with == account).map(|conv| conv.id)
    }

    /// Is this device in another conversation with the same person? There is one for each pair.
    pub(super) fn lives_elsewhere(&self, id: ConversationId, with: AccountId) -> bool {
        self.convs.values().any(|conv| conv.with == with && conv.id != id && conv.standing == Standing::Joined)
    }

    pub(crate) fn person_found(&mut self, ctx: &mut Ctx<'_>, command: u64, handle: &str, answer: &[u8]) {
        let taken = http::json::<body::Person>(answer)
            .and_then(|person| self.take_person(ctx, handle, &person).map(|()| person.account_id));
        match taken {
            Ok(account) => {
                self.checked_now(ctx, account);
                self.open_with(ctx, command, account);
            }
            Err(failure) => self.answer(command, Err(failure)),
        }
    }

    fn open_with(&mut self, ctx: &mut Ctx<'_>, command: u64, with: AccountId) {
        if let Some(id) = self.direct_with(with) {
            if let Some(starting) = self.starting.get_mut(&id) {
                return starting.commands.push(command);
            }
            return self.answer(command, Ok(Answer::Conversation(id)));
        }
        if let Some(starting) = self.starting.values_mut().find(|starting| starting.with == with) {
            return starting.commands.push(command);
        }
        self.begin_with(ctx, with, vec![command], false);
    }

    /// Claims packages of the other account's devices and of the own other ones.
    pub(crate) fn begin_with(&mut self, ctx: &mut Ctx<'_>, with: AccountId, commands: Vec<u64>, again: bool) {
        let conversation = ConversationId(ctx.entropy.array());
        let accounts = if with == self.me.account { vec![with] } else { vec![with, self.me.account] };
        let starting = Starting { with, commands, candidates: vec![], left: accounts.len(), again };
        self.starting.insert(conversation, starting);
        let claim = body::Claim { conversation_id: conversation, generation: 0, epoch: 0, device_id: None };
        for account in accounts {
            let draft = Draft::json(Method::Post, &format!("/api/accounts/{account}/key-packages/claim"), &claim);
            self.ask(ctx, Waits::ClaimForStart { conversation, account }, draft);
        }
    }

    pub(crate) fn claimed_for_start(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, account: AccountId, answer: &[u8]) {
        let claimed: body::Claimed = match http::cbor(answer) {
            Ok(claimed) => claimed,
            Err(failure) => return self.start_failed(id, failure),
        };
        let candidates: Vec<Candidate> = claimed
            .packages
            .iter()
            .filter(|package| package.device != self.me.device)
            .filter_map(|package| self.candidate(package, account, ctx.now))
            .collect();
        let Some(starting) = self.starting.get_mut(&id) else { return };
        starting.candidates.extend(candidates);
        starting.left -= 1;
        if starting.left == 0 {
            self.make(ctx, id);
        }
    }

    fn make(&mut self, ctx: &mut Ctx<'_>, id: ConversationId) {
        let Some(starting) = self.starting.get_mut(&id) else { return };
        let with = starting.with;
        let candidates = core::mem::take(&mut starting.candidates);
        let me = self.me.account;
        // An honest server has a package of somebody or says that it has none. Without one of them in the group, what is
        // written would be sealed for an empty chair.
        if with != me && !candidates.iter().any(|candidate| candidate.who.certificate().account == with) {
            return self.start_failed(id, Failure::new(code::BAD_ANSWER));
        }
        let (kind, policy) = if with == me {
            (Kind::Note, Policy::note(me, mls::leaf::SUITE_ID))
        } else {
            (Kind::Direct, Policy::direct(me, with, mls::leaf::SUITE_ID))
        };
        let devices: Vec<_> = candidates.iter().map(|candidate| candidate.who.certificate().device).collect();
        let message = MessageId(ctx.entropy.array());
        let data = CommitData { message, device: self.me.device };
        let created = self.groups.create(id, &policy, candidates, &data, ctx.now.0 / 1_000);
        let Ok((group_info, made)) = created else { return self.start_failed(id, Failure::new(code::BAD_ANSWER)) };
        let (commit, hash) = self.commit_body(0, message, &made);
        let create = body::CreateConversation {
            conversation: id,
            kind: kind.byte(),
            with: Some(with),
            group_info: group_info.into(),
            commit,
        };
        let pending = crate::rows::Pending {
            message,
            epoch: made.epoch,
            body: shared::codec::encode(&create).into(),
            hash,
            creates: true,
            number: None,
        };
        let mut conv = new_conv(id, kind, with, Standing::Creating, ctx.now);
        conv.pending = Some(pending);
        let unheard = self.unheard_with(with);
        self.convs.insert(id, conv);
        for other in unheard {
            self.move_into(ctx, other, id);
        }
        self.expect_first(id, devices.into_iter());
        self.push_commit(ctx, id);
    }

    /// The server took the new conversation.
    pub(crate) fn created(&mut self, id: ConversationId) {
        for command in self.starting.remove(&id).map(|starting| starting.commands).unwrap_or_default() {
            self.answer(command, Ok(Answer::Conversation(id)));
        }
    }

    /// Nothing came of it; what was written stays in the composer of the page.
    pub(crate) fn start_failed(&mut self, id: ConversationId, failure: Failure) {
        let Some(starting) = self.starting.remove(&id) else { return };
        for id in self.unheard_with(starting.with) {
            self.keep_unheard(id);
        }
        for command in starting.commands {
            self.answer(command, Err(failure.clone()));
        }
    }

    /// A conversation that no server has waits until it is begun anew (`list_again`, or the next connection); without a word in it it goes.
    fn keep_unheard(&mut self, id: ConversationId) {
        let written = self.outbox.range((id, 0)..=(id, u64::MAX)).next().is_some();
        let Some(conv) = self.conversation(id) else { return };
        if written || !conv.draft.is_empty() {
            self.listed = false;
        } else {
            self.convs.remove(&id);
            self.shows.push(crate::view::Event::Reset);
        }
    }

    /// The server does not take the conversation as it was made. What was written in it waits for one that it takes.
    pub(super) fn creation_refused(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, refusal: &Refusal) {
        let _: Result<(), _> = self.groups.delete((id, 0));
        let Some(conv) = self.conversation(id) else { return };
        let with = conv.with;
        // From here on it is one that nobody has heard of: the next one that is made with this person takes its place.
        (conv.pending, conv.standing) = (None, Standing::Awaited);
        let again = self.starting.get(&id).is_some_and(|starting| starting.again);
        if refusal.code() == Some(Code::DeviceNotStated) && !again {
            // A browser has left its account since its package was given out: those that are given out now are of the others.
            let commands = self.starting.remove(&id).map(|starting| starting.commands).unwrap_or_default();
            return self.begin_with(ctx, with, commands, true);
        }
        self.keep_unheard(id);
        self.start_failed(id, Failure::from(refusal.clone()));
    }

    /// The pair has a conversation already: the own group goes, what was written moves there, and its Welcome is awaited.
    pub(crate) fn creation_lost(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, detail: Option<&str>) {
        let existing: Option<ConversationId> = detail.and_then(|text| text.parse().ok());
        let Some(existing) = existing.filter(|_| self.convs.contains_key(&id)) else {
            return self.start_failed(id, Code::ConversationExists.into());
        };
        let _: Result<(), _> = self.groups.delete((id, 0));
        self.move_into(ctx, id, existing);
    }

    /// A conversation that no server has goes, and what was written in it stands in the one that the pair has.
    fn move_into(&mut self, ctx: &mut Ctx<'_>, id: ConversationId, existing: ConversationId) {
        let Some(old) = self.convs.remove(&id) else { return };
        self.dirty_convs.insert(id);
        self.live.remove(&id);
        let kind = Kind::from_byte(old.kind).unwrap_or(Kind::Direct);
        let now = ctx.now;
        let conv = self.convs.entry(existing).or_insert_with(|| new_conv(existing, kind, old.with, Standing::Awaited, now));
        if conv.draft.is_empty() {
            conv.draft = old.draft;
        }
        self.dirty_convs.insert(existing);
        let moved: Vec<_> = self.outbox.range((id, 0)..=(id, u64::MAX)).map(|(key, _)| *key).collect();
        for key in moved {
            if let Some(mut item) = self.outbox.remove(&key) {
                self.dirty_out.insert(key);
                item.conversation = existing;
                self.dirty_out.insert((existing, key.1));
                self.outbox.insert((existing, key.1), item);
            }
        }
        self.forget_accepted(Some(id));
        self.batch.moved.push((id, existing));
        self.shows.push(crate::view::Event::ConversationGone { conversation: id, replaced: existing });
        if let Some(starting) = self.starting.remove(&id) {
            for command in starting.commands {
                self.answer(command, Ok(Answer::Conversation(existing)));
            }
        }
        if kind == Kind::Note && self.convs.get(&existing).is_some_and(|conv| conv.standing == Standing::Awaited) {
            self.rejoin_later(ctx, existing);
        }
        self.catch_up(ctx, existing);
        self.pump(ctx, existing);
    }

    /// Asks which conversations there are.
    pub(crate) fn ask_conversations(&mut self, ctx: &mut Ctx<'_>) {
        self.ask(ctx, Waits::Conversations, Draft::get("/api/conversations".to_owned()));
    }

    /// Something is written in a conversation that no server has, or the list could not be read: asks again, but seldom, for
    /// beginning anew takes a package of each browser of the other side.
    pub(crate) fn list_again(&mut self, ctx: &mut Ctx<'_>) {
        if self.listed || self.is_asking(|waits| matches!(waits, Waits::Conversations)) {
            self.link.list = None;
        } else if *self.link.list.get_or_insert_with(|| ctx.now.plus(LIST_AGAIN)) <= ctx.now {
            self.link.list = None;
            self.ask_conversations(ctx);
        }
    }

    /// What the server lists: conversations this device is not in yet are awaited; without a note to self one is made.
    pub(crate) fn conversations_listed(&mut self, ctx: &mut Ctx<'_>, answer: &[u8]) {
        let Ok(list) = http::numbered::<body::Conversations>(answer) else { return };
        self.listed = true;
        for state in &list.conversations {
            let Some(with) = state.with else { continue };
            let live = self.live.entry(state.id).or_default();
            live.head = live.head.max(state.head);
            if !self.convs.contains_key(&state.id)
                && let Some(kind) = Kind::from_byte(state.kind)
            {
                self.convs.insert(state.id, new_conv(state.id, kind, with, Standing::Awaited, ctx.now));
                self.dirty_convs.insert(state.id);
            }
            self.know(ctx, with);
            self.catch_up(ctx, state.id);
            let awaited = self.convs.get(&state.id).is_some_and(|conv| conv.standing == Standing::Awaited);
            let refused = self.refused.remove(&state.id);
            if awaited && refused && state.member {
                self.repair_soon(ctx, state.id);
            } else if awaited && !self.rejoining.contains_key(&state.id) {
                // Its Welcome is on its way, or was lost; or somebody who is in will let it in, if there is anybody.
                let alone = !state.member && state.kind != Kind::Note.byte();
                self.rejoin_in(ctx, state.id, if alone { ALONE } else { PATIENCE });
            }
        }
        self.settle_unheard(ctx, &list);
        let me = self.me.account;
        let note = list.conversations.iter().any(|state| state.kind == Kind::Note.byte());
        if !note && self.direct_with(me).is_none() && !self.is_starting(me) {
            self.begin_with(ctx, me, vec![], false);
        }
    }

    /// Conversations that this device began as another device (superseded before the server had them): nobody will let it in.
    fn settle_unheard(&mut self, ctx: &mut Ctx<'_>, list: &body::Conversations) {
        let unheard: Vec<_> =
            self.convs.values().filter(|conv| self.is_unheard(conv)).map(|conv| (conv.id, conv.with)).collect();
        for (id, with) in unheard {
            let existing = list.conversations.iter().find(|state| state.with == Some(with));
            if let Some(existing) = existing.filter(|state| state.id != id) {
                self.move_into(ctx, id, existing.id);
            } else if !self.is_starting(with) {
                self.begin_with(ctx, with, vec![], false);
            }
        }
    }

    /// Is a conversation with them being made?
    fn is_starting(&self, with: AccountId) -> bool {
        self.starting.values().any(|starting| starting.with == with)
    }

    /// Conversations with them that no server has heard of.
    fn unheard_with(&self, with: AccountId) -> Vec<ConversationId> {
        self.convs.values().filter(|conv| conv.with == with && self.is_unheard(conv)).map(|conv| conv.id).collect()
    }

    /// The server has never named a row of it.
    fn is_unheard(&self, conv: &Conv) -> bool {
        conv.standing == Standing::Awaited && conv.cursor == 0 && self.live.get(&conv.id).is_none_or(|live| live.head == 0)
    }
}

/// A conversation as it begins on this device.
pub(crate) fn new_conv(id: ConversationId, kind: Kind, with: AccountId, standing: Standing, now: Millis) -> Conv {
    Conv {
        id,
        kind: kind.byte(),
        with,
        standing,
        generation: 0,
        cursor: 0,
        n: 0,
        commitment: Bytes(vec![0; 32]),
        pending: None,
        unread: 0,
        read: 0,
        last: None,
        delivered: 0,
        draft: String::new(),
        peers: vec![],
        since: 0,
        parents: vec![],
        since_path: 0,
        path_at: now,
        wedge: None,
        shift: 0,
        commits: vec![],
        behind: None,
        from_epoch: 0,
        next: None,
        stale: false,
        ghost: false,
        looked: 0,
    }
}
