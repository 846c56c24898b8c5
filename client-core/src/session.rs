//! An open store and everything that follows from it. State lives here; the verbs are in `connection`, `conversation/*`,
//! `directory` and `outbox`.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
};

use ed25519_dalek::SigningKey;
use mls::{Store, store::RowChange};
use shared::{
    AccountId, Bytes, Code, ConversationId, DeviceId, MessageId, Millis,
    certificate::Certificate,
    codec, frame,
    http::{self as body},
    label::Label,
    policy::Kind,
    signature, signed_text,
    statement::Statement,
};

use crate::{
    Command, Failure, Output, Slot, Snapshot,
    connection::Link,
    conversation::{rejoin::Rejoining, start::Starting},
    entropy::Entropy,
    failure::code,
    http::{Draft, Outcome, Refusal},
    mls::Groups,
    numbers::Numbered as _,
    outbox::OutKey,
    output::{Answer, Batch, Method, Row, Space},
    rows::{Accepted, Contact, Conv, EVIDENCE, Evidence, ME, Me, Outgoing, Standing, state_from},
    told::Told,
    view,
};

/// What a run of `handle` may use.
pub(crate) struct Ctx<'a> {
    pub(crate) now: Millis,
    pub(crate) entropy: &'a mut Entropy,
    pub(crate) ids: &'a mut u64,
    pub(crate) pool: Pool,
}

/// One-time packages a device keeps on the server.
#[derive(Clone, Copy)]
pub(crate) struct Pool {
    pub(crate) full: usize,
    /// It makes more when fewer than these are left.
    pub(crate) low: usize,
}

impl Ctx<'_> {
    pub(crate) fn id(&mut self) -> u64 {
        *self.ids += 1;
        *self.ids
    }
}

/// A stored row can't be read: an error, never "does not exist".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the local store is damaged")]
pub(crate) struct Damaged;

/// Who waits for an HTTP answer.
#[derive(Clone)]
pub(crate) enum Waits {
    Ticket,
    ResumeStart,
    ResumeFinish,
    Logout,
    Person { command: u64, handle: String },
    Statements { account: AccountId },
    ClaimForStart { conversation: ConversationId, account: AccountId },
    Commit { conversation: ConversationId },
    Conversations,
    WantedStatements { conversation: ConversationId, device: DeviceId },
    WantedClaim { conversation: ConversationId, device: DeviceId },
    Packages,
    Settings,
    SettingsPut { account: AccountId },
    Inbox,
    InboxRefused,
    Rows { conversation: ConversationId },
    GroupInfo { conversation: ConversationId },
    Rejoin { conversation: ConversationId },
    Again { conversation: ConversationId, epoch: u64 },
    ClaimForNext { conversation: ConversationId, account: AccountId },
}

/// A request that may have to be made again.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) waits: Waits,
    pub(crate) draft: Draft,
}

/// What is known of a conversation only while connected.
#[derive(Default)]
pub(crate) struct Live {
    /// The server's last number as far as known.
    pub(crate) head: u64,
    /// What the server knows of the own cursor.
    pub(crate) told: Told,
    pub(crate) fetching: bool,
    /// Seal nothing before the rows that are missing have been applied.
    pub(crate) hold: bool,
    /// When a row that came altered is asked for again, and how often it came so.
    pub(crate) again: Option<Millis>,
    pub(crate) altered: u32,
    /// Others are coming back in: nothing is sealed that they could not read.
    pub(crate) quiet: Option<Millis>,
    /// Since when pauses are counted, and how long they were.
    pub(crate) quiet_from: Millis,
    pub(crate) quiet_spent: u64,
}

/// A row that was sent and is not answered.
#[derive(Clone, Copy)]
pub(crate) struct Flying {
    pub(crate) conversation: ConversationId,
    pub(crate) message: MessageId,
    /// The own cursor that was sent before it.
    pub(crate) told: u64,
}

impl Flying {
    pub(crate) fn is(&self, conversation: ConversationId, message: MessageId) -> bool {
        (self.conversation, self.message) == (conversation, message)
    }
}

/// A device that waits to be added.
pub(crate) struct WantedDevice {
    pub(crate) account: AccountId,
    pub(crate) at: Millis,
    pub(crate) asked: bool,
    /// How often it did not work: the pauses grow.
    pub(crate) failures: u32,
}

/// An open account.
pub(crate) struct Session {
    pub(crate) me: Me,
    pub(crate) groups: Groups,
    pub(crate) convs: BTreeMap<ConversationId, Conv>,
    pub(crate) contacts: BTreeMap<AccountId, Contact>,
    pub(crate) outbox: BTreeMap<OutKey, Outgoing>,
    pub(crate) evidence: BTreeMap<Vec<u8>, Evidence>,
    pub(crate) accepted: BTreeMap<OutKey, Accepted>,
    pub(crate) sequence: u64,
    // What the present run changed.
    pub(crate) batch: Batch,
    pub(crate) me_dirty: bool,
    pub(crate) dirty_convs: BTreeSet<ConversationId>,
    pub(crate) dirty_contacts: BTreeSet<AccountId>,
    pub(crate) dirty_out: BTreeSet<OutKey>,
    pub(crate) dirty_accepted: BTreeSet<OutKey>,
    pub(crate) shows: Vec<view::Event>,
    pub(crate) effects: Vec<Output>,
    // What is true only while this process lives.
    pub(crate) link: Link,
    pub(crate) live: BTreeMap<ConversationId, Live>,
    pub(crate) in_flight: BTreeMap<u64, Flying>,
    pub(crate) wanted: BTreeMap<(ConversationId, DeviceId), WantedDevice>,
    pub(crate) starting: BTreeMap<ConversationId, Starting>,
    pub(crate) rejoining: BTreeMap<ConversationId, Rejoining>,
    /// Conversations whose Welcome could not be used.
    pub(crate) refused: BTreeSet<ConversationId>,
    pub(crate) requests: BTreeMap<u64, Request>,
    pub(crate) stalled: Vec<Request>,
    pub(crate) checked: BTreeSet<AccountId>,
    /// Statements whose signature was verified. They are asked for with every message, and go by their bytes.
    pub(crate) parsed: RefCell<BTreeMap<AccountId, Statement>>,
    pub(crate) listed: bool,
    pub(crate) ended: bool,
}

/// All of openmls' rows as state rows.
pub(crate) fn mls_rows(store: &Store) -> Vec<Row> {
    store.changes().into_iter().map(mls_row).collect()
}

fn mls_row(change: RowChange) -> Row {
    match change {
        RowChange::Put(key, value) => Row { space: Space::Mls, key, value: Some(value.to_vec()) },
        RowChange::Delete(key) => Row { space: Space::Mls, key, value: None },
    }
}

fn decode<'b, T: minicbor::Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, Damaged> {
    minicbor::decode(bytes).map_err(|_| Damaged)
}

impl Session {
    /// From the rows of an open store. Draws the run token of this run.
    pub(crate) fn load(snapshot: Snapshot, entropy: &mut Entropy) -> Result<Self, Damaged> {
        let (mut me, mut convs, mut contacts, mut outbox, mut mls) =
            (None, BTreeMap::new(), BTreeMap::new(), BTreeMap::new(), vec![]);
        let mut evidence = BTreeMap::new();
        let mut accepted = BTreeMap::new();
        for row in snapshot.rows {
            let value = row.value.ok_or(Damaged)?;
            match row.space {
                Space::Meta if row.key == ME => me = Some(decode::<Me>(&value)?),
                Space::Meta if row.key.starts_with(EVIDENCE) => {
                    evidence.insert(row.key, decode::<Evidence>(&value)?);
                }
                Space::Meta => {}
                Space::Mls => mls.push((row.key, value.into())),
                Space::Conversation => {
                    let conv: Conv = decode(&value)?;
                    convs.insert(conv.id, conv);
                }
                Space::Contact => {
                    let contact: Contact = decode(&value)?;
                    contacts.insert(contact.account, contact);
                }
                Space::Outbox => {
                    let item: Outgoing = decode(&value)?;
                    outbox.insert((item.conversation, item.sequence), item);
                }
                Space::Accepted => {
                    let row: Accepted = decode(&value)?;
                    accepted.insert((row.conversation, row.sequence), row);
                }
            }
        }
        let mut me = me.ok_or(Damaged)?;
        // A run whose Hello was never answered may or may not have reached the server: it is offered again as it was.
        if me.run == me.next_run {
            me.next_run = Bytes(entropy.array::<16>().to_vec());
        }
        let key = SigningKey::from_bytes(&me.secret.array().ok_or(Damaged)?);
        let certificate = Certificate::parse(me.certificate.as_slice()).map_err(|_| Damaged)?;
        let groups =
            Groups::new(Store::from_rows(mls), key, &me.identity.array().ok_or(Damaged)?, &certificate).map_err(|_| Damaged)?;
        // A superseded run stays so until the password makes a new device of it.
        let ended = me.superseded;
        let sequence = outbox.keys().chain(accepted.keys()).map(|(_, sequence)| *sequence).max().unwrap_or(0);
        Ok(Self {
            me,
            groups,
            convs,
            contacts,
            outbox,
            evidence,
            accepted,
            sequence,
            batch: Batch::default(),
            me_dirty: true,
            dirty_convs: BTreeSet::new(),
            dirty_contacts: BTreeSet::new(),
            dirty_out: BTreeSet::new(),
            dirty_accepted: BTreeSet::new(),
            shows: vec![],
            effects: vec![],
            link: Link::default(),
            live: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            wanted: BTreeMap::new(),
            starting: BTreeMap::new(),
            rejoining: BTreeMap::new(),
            refused: BTreeSet::new(),
            requests: BTreeMap::new(),
            stalled: vec![],
            checked: BTreeSet::new(),
            parsed: RefCell::default(),
            listed: false,
            ended,
        })
    }

    pub(crate) fn slot(&self) -> Slot {
        Slot { account: self.me.account, handle: self.me.handle.clone(), device: self.me.device, stay: self.me.stay }
    }

    /// Does the server know this device, as far as this store can tell?
    pub(crate) const fn confirmed(&self) -> bool {
        !self.me.unconfirmed
    }

    /// The server has taken this device.
    pub(crate) fn confirm(&mut self) {
        if self.me.unconfirmed {
            self.me.unconfirmed = false;
            self.me_dirty = true;
        }
    }

    pub(crate) fn set_stay(&mut self, stay: bool) {
        self.me.stay = stay;
        self.me_dirty = true;
    }

    fn key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.me.secret.array().unwrap_or_default())
    }

    /// A signature of the device key outside MLS.
    pub(crate) fn sign(&self, label: Label, message: &[u8]) -> Bytes {
        signature::sign(&self.key(), label, message).into()
    }

    pub(crate) fn sign_resume(&self, started: &body::ResumeStarted) -> Bytes {
        let text = signed_text::resume(started.resume_id.as_slice(), started.challenge.as_slice());
        self.sign(Label::DeviceResume, &text)
    }

    /// Makes a request on behalf of the session.
    pub(crate) fn ask(&mut self, ctx: &mut Ctx<'_>, waits: Waits, draft: Draft) {
        let id = ctx.id();
        self.effects.push(Output::Http(draft.clone().with_id(id)));
        self.requests.insert(id, Request { waits, draft });
    }

    /// Is a request under way, or set aside until the link is back, that waits for this?
    pub(crate) fn is_asking(&self, of_this: impl Fn(&Waits) -> bool) -> bool {
        self.requests.values().chain(&self.stalled).any(|request| of_this(&request.waits))
    }

    /// Forgets requests: their answers change nothing any more.
    pub(crate) fn stop_asking(&mut self, of_this: impl Fn(&Waits) -> bool) {
        self.requests.retain(|_, request| !of_this(&request.waits));
        self.stalled.retain(|request| !of_this(&request.waits));
    }

    pub(crate) fn answer(&mut self, id: u64, result: Result<Answer, Failure>) {
        self.effects.push(Output::Answer { id, result });
    }

    /// Everything the run changed, in order: shown, made durable, sent.
    pub(crate) fn flush(&mut self, out: &mut VecDeque<Output>) {
        self.groups.forget();
        let mut batch = core::mem::take(&mut self.batch);
        batch.rows.extend(self.groups.store().changes().into_iter().map(mls_row));
        self.groups.store().commit();
        if core::mem::take(&mut self.me_dirty) {
            batch.rows.push(Row { space: Space::Meta, key: ME.to_vec(), value: Some(codec::encode(&self.me)) });
        }
        for id in core::mem::take(&mut self.dirty_contacts) {
            let value = self.contacts.get(&id).map(codec::encode);
            batch.rows.push(Row { space: Space::Contact, key: id.as_bytes().to_vec(), value });
        }
        let row_key = |key: OutKey| [&key.0.as_bytes()[..], &key.1.to_be_bytes()].concat();
        for key in core::mem::take(&mut self.dirty_out) {
            let value = self.outbox.get(&key).map(codec::encode);
            batch.rows.push(Row { space: Space::Outbox, key: row_key(key), value });
        }
        for key in core::mem::take(&mut self.dirty_accepted) {
            let value = self.accepted.get(&key).map(codec::encode);
            batch.rows.push(Row { space: Space::Accepted, key: row_key(key), value });
        }
        for id in core::mem::take(&mut self.dirty_convs) {
            let value = self.convs.get(&id).map(codec::encode);
            batch.rows.push(Row { space: Space::Conversation, key: id.as_bytes().to_vec(), value });
            if let Some(conversation) = self.conversation_view(id) {
                self.shows.push(view::Event::Conversation { conversation });
            }
        }
        out.extend(core::mem::take(&mut self.shows).into_iter().map(Output::Show));
        if !batch.is_empty() {
            out.push_back(Output::Persist(batch));
        }
        out.extend(core::mem::take(&mut self.effects));
    }

    pub(crate) fn conversation(&mut self, id: ConversationId) -> Option<&mut Conv> {
        self.dirty_convs.insert(id);
        self.convs.get_mut(&id)
    }

    pub(crate) fn person(&self, account: AccountId) -> view::Person {
        let name = if account == self.me.account {
            self.me.handle.as_str()
        } else {
            self.contacts.get(&account).map_or("", |contact| contact.handle.as_str())
        };
        view::Person::new(account, name)
    }

    /// None while nothing can be shown of it: the other person's name is not known yet.
    pub(crate) fn conversation_view(&self, id: ConversationId) -> Option<view::Conversation> {
        let conv = self.convs.get(&id)?;
        let with = self.person(conv.with);
        if with.name.is_empty() {
            return None;
        }
        let contact = self.contacts.get(&conv.with);
        let known = contact.map_or(view::Trust::FirstUse, Contact::trust);
        let trust = if conv.ghost { view::Trust::Changed } else { known };
        let waiting = self.outbox.range((id, 0)..=(id, u64::MAX)).filter(|(_, item)| item.number.is_none()).count();
        let held = if trust == view::Trust::Changed { u32::try_from(waiting).unwrap_or(u32::MAX) } else { 0 };
        Some(view::Conversation {
            id,
            kind: if conv.kind == Kind::Note.byte() { view::ConversationKind::Note } else { view::ConversationKind::Direct },
            with,
            state: if conv.standing == Standing::Joined {
                view::ConversationStatus::Ready
            } else {
                view::ConversationStatus::Starting
            },
            last: conv.last.as_ref().map(|last| view::Last {
                text: last.text.clone(),
                at: last.at,
                own: last.own,
                state: state_from(last.state),
            }),
            unread: conv.unread,
            read: conv.read,
            draft: conv.draft.clone(),
            trust,
            verified: contact.is_some_and(|contact| contact.verified),
            held,
        })
    }

    pub(crate) fn conversations(&self) -> Vec<view::Conversation> {
        self.convs.keys().filter_map(|id| self.conversation_view(*id)).collect()
    }

    /// (conversation, last row applied, last known of the server) of every conversation this device is in.
    pub(crate) fn cursors(&self) -> Vec<(ConversationId, u64, u64)> {
        let joined = self.convs.values().filter(|conv| matches!(conv.standing, Standing::Joined | Standing::Stuck));
        joined.map(|conv| (conv.id, conv.cursor, self.live.get(&conv.id).map_or(0, |live| live.head))).collect()
    }

    /// See [`crate::Client::describe`].
    pub(crate) fn describe(&self) -> String {
        let mut text = format!(
            "{:?}, ended {}, superseded {}, {} requests, {} stalled, {} wanted",
            self.link,
            self.ended,
            self.me.superseded,
            self.requests.len(),
            self.stalled.len(),
            self.wanted.len()
        );
        for conv in self.convs.values() {
            let waiting =
                self.outbox.range((conv.id, 0)..=(conv.id, u64::MAX)).filter(|(_, item)| item.number.is_none()).count();
            let pending = conv.pending.as_ref().map(|pending| (pending.epoch, pending.number));
            let live = self.live.get(&conv.id).map(|live| (live.head, live.fetching, live.hold));
            let trust = self.contacts.get(&conv.with).map(Contact::trust);
            let checked = self.checked.contains(&conv.with);
            text += &format!(
                "\n    {}: {:?}, at {} of {live:?}, pending {pending:?}, {waiting} waiting, {trust:?} checked {checked}, rejoining {}",
                conv.id,
                conv.standing,
                conv.cursor,
                self.rejoining.contains_key(&conv.id)
            );
        }
        text
    }

    pub(crate) fn state(&self) -> view::AppState {
        let waiting = self.outbox.values().filter(|item| item.number.is_none() && item.failed.is_none()).count();
        view::AppState {
            phase: view::Phase::Open,
            me: Some(self.person(self.me.account)),
            device: Some(self.me.device),
            session: if self.ended { view::SessionState::Ended } else { view::SessionState::Live },
            connection: self.link.shown(),
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            kit: self.kit(),
            unread: self.convs.values().map(|conv| conv.unread).sum(),
            stay: self.me.stay,
            theme: self.me.theme(),
        }
    }

    fn kit(&self) -> Option<view::Kit> {
        let kit = shared::kit::Kit::parse(self.me.kit.as_ref()?).ok()?;
        Some(view::Kit { code: kit.text(), name: self.me.handle.clone(), qr: kit.qr(&self.me.handle) })
    }

    /// A command of the person.
    pub(crate) fn command(&mut self, ctx: &mut Ctx<'_>, id: u64, command: Command) {
        let result = match command {
            Command::StartChat { username } => return self.start_chat(ctx, id, &username),
            Command::Send { conversation, message, text } => self.send(ctx, conversation, message, text),
            Command::DiscardMessage { conversation, message } => self.discard(conversation, message),
            Command::RetryMessage { conversation, message } => self.retry(ctx, conversation, message),
            Command::Draft { conversation, text } => self.with_conv(conversation, |conv| conv.draft = text),
            Command::Read { conversation, order } => self.with_conv(conversation, |conv| {
                conv.read = conv.read.max(order);
                if conv.last.as_ref().is_none_or(|last| order >= last.order || last.own) {
                    conv.unread = 0;
                }
            }),
            Command::KitSaved => {
                self.me.kit = None;
                self.me_dirty = true;
                Ok(Answer::Done)
            }
            Command::Theme { theme } => {
                self.me.set_theme(theme);
                self.me_dirty = true;
                Ok(Answer::Done)
            }
            Command::Conversations => Ok(Answer::Conversations(self.conversations())),
            Command::SafetyNumber { conversation } => self.safety_number(conversation),
            Command::Verify { conversation, verified } => self.verify(ctx, conversation, verified),
            Command::AcceptChange { conversation } => self.accept_change(ctx, conversation),
            Command::Devices => Ok(Answer::Devices(self.devices())),
            Command::Register { .. }
            | Command::Login { .. }
            | Command::Unlock { .. }
            | Command::Recover { .. }
            | Command::Lock
            | Command::Logout { .. } => Err(Failure::new(code::NOT_NOW)),
        };
        self.answer(id, result);
    }

    fn with_conv(&mut self, id: ConversationId, change: impl FnOnce(&mut Conv)) -> Result<Answer, Failure> {
        let conv = self.conversation(id).ok_or_else(|| Failure::from(Code::NotFound))?;
        change(conv);
        Ok(Answer::Done)
    }

    fn devices(&self) -> Vec<view::Device> {
        let Some(statement) = self.newest(self.me.account) else { return vec![] };
        let devices = statement.content().devices.iter();
        devices.map(|device| view::Device { id: device.id, own: device.id == self.me.device, added: None }).collect()
    }

    /// Ends the server session; with `retire` the device says that it will not come back.
    pub(crate) fn log_out(&mut self, ctx: &mut Ctx<'_>, retire: bool) {
        let text = signed_text::retirement(self.me.account, self.me.device);
        let retire = retire.then(|| self.sign(Label::Retirement, &text));
        self.ask(ctx, Waits::Logout, Draft::json(Method::Post, "/auth/logout", &body::Logout { retire }));
    }

    /// Has a log-out not been answered yet?
    pub(crate) fn logs_out(&self) -> bool {
        self.requests.values().chain(&self.stalled).any(|request| matches!(request.waits, Waits::Logout))
    }

    /// An HTTP answer for the session.
    pub(crate) fn http(&mut self, ctx: &mut Ctx<'_>, id: u64, outcome: Outcome) {
        let Some(request) = self.requests.remove(&id) else { return };
        match outcome {
            Outcome::Fine(answer) => self.fine(ctx, request, &answer),
            Outcome::Lost => self.lost(ctx, request),
            Outcome::Refused(refusal) => self.refused(ctx, request, refusal),
        }
    }

    fn fine(&mut self, ctx: &mut Ctx<'_>, request: Request, answer: &[u8]) {
        match request.waits {
            Waits::Ticket => self.ticket(answer),
            Waits::ResumeStart => self.resume_started(ctx, answer),
            Waits::ResumeFinish => self.resumed(ctx),
            Waits::Logout | Waits::InboxRefused | Waits::Packages => {}
            Waits::Person { command, handle } => self.person_found(ctx, command, &handle, answer),
            Waits::Statements { account } => self.statements(ctx, account, answer),
            Waits::ClaimForStart { conversation, account } => self.claimed_for_start(ctx, conversation, account, answer),
            Waits::Commit { conversation } => self.commit_accepted(ctx, conversation, answer),
            Waits::Conversations => self.conversations_listed(ctx, answer),
            Waits::WantedStatements { conversation, device } => self.wanted_stated(ctx, conversation, device, answer),
            Waits::WantedClaim { conversation, device } => self.wanted_claimed(ctx, conversation, device, answer),
            Waits::Settings => self.settings(ctx, answer),
            Waits::SettingsPut { account } => self.setting_stored(account),
            Waits::Inbox => self.inbox_read(ctx, answer),
            Waits::Rows { conversation } => self.rows(ctx, conversation, answer),
            Waits::GroupInfo { conversation } => self.group_info(ctx, conversation, answer),
            Waits::Rejoin { conversation } => self.rejoined(ctx, conversation, answer),
            Waits::Again { conversation, epoch } => self.offered_again(ctx, conversation, epoch, answer),
            Waits::ClaimForNext { conversation, account } => self.claimed_for_next(ctx, conversation, account, answer),
        }
    }

    /// Nobody knows whether it arrived: what must be done is done again when the line is back.
    fn lost(&mut self, ctx: &mut Ctx<'_>, request: Request) {
        match &request.waits {
            Waits::Ticket | Waits::ResumeStart | Waits::ResumeFinish => self.broken(ctx),
            Waits::Person { command, .. } => self.answer(*command, Err(Failure::new(code::OFFLINE))),
            // With nobody to tell, it is done as soon as it can be.
            Waits::ClaimForStart { conversation, .. }
                if self.starting.get(conversation).is_some_and(|starting| !starting.commands.is_empty()) =>
            {
                self.start_failed(*conversation, Failure::new(code::OFFLINE));
            }
            _ => {
                self.stalled.push(request);
                self.retry_stalled_later(ctx);
            }
        }
    }

    fn refused(&mut self, ctx: &mut Ctx<'_>, request: Request, refusal: Refusal) {
        let again = matches!(refusal.status, 429 | 500 | 503);
        match (&request.waits, refusal.code()) {
            (Waits::Ticket, Some(Code::LoginRequired | Code::NotEnrolled)) => self.begin_resume(ctx),
            (Waits::ResumeStart | Waits::ResumeFinish, Some(_)) if !again => self.session_over(ctx),
            (Waits::Ticket | Waits::ResumeStart | Waits::ResumeFinish, _) => self.broken(ctx),
            (Waits::InboxRefused, _) => {}
            (Waits::Logout, code) if code != Some(Code::LoginRequired) => {}
            (Waits::Person { command, .. }, Some(Code::NotFound)) => {
                let failure = Failure::new(code::NOBODY).field("username");
                self.answer(*command, Err(failure));
            }
            (Waits::Person { command, .. }, _) => self.answer(*command, Err(refusal.into())),
            (_, Some(Code::LoginRequired)) => {
                self.stalled.push(request);
                self.begin_resume(ctx);
            }
            (Waits::Commit { conversation }, _) if !again => self.commit_refused(ctx, *conversation, &refusal),
            (Waits::Again { conversation, .. }, _) if !again => self.again_refused(ctx, *conversation, &refusal),
            (Waits::ClaimForStart { conversation, .. }, _) if !again => self.start_failed(*conversation, refusal.into()),
            (Waits::WantedClaim { conversation, device } | Waits::WantedStatements { conversation, device }, _) => {
                self.wanted_later(ctx, *conversation, *device);
            }
            (Waits::GroupInfo { conversation }, _) => self.rejoin_later(ctx, *conversation),
            (Waits::ClaimForNext { conversation, .. }, Some(Code::NoPackages)) => {
                self.next_candidates(ctx, *conversation, vec![]);
            }
            (Waits::ClaimForNext { conversation, .. }, _) if !again => self.rejoin_failed(ctx, *conversation),
            (Waits::Rejoin { conversation }, _) if !again => self.rejoin_refused(ctx, *conversation, &refusal),
            (Waits::SettingsPut { .. }, Some(Code::StaleSettings)) => self.read_settings(ctx),
            _ if again => {
                self.stalled.push(request);
                self.retry_stalled_later(ctx);
            }
            _ => {}
        }
    }

    /// A socket event.
    pub(crate) fn socket(&mut self, ctx: &mut Ctx<'_>, event: crate::SocketEvent) {
        match event {
            crate::SocketEvent::Open => self.greet(),
            crate::SocketEvent::Closed => self.broken(ctx),
            crate::SocketEvent::Frame(bytes) => {
                // A frame of a kind this version does not know is skipped; the rows behind it come by cursor.
                if let Ok(frame) = frame::ServerFrame::decode(&bytes)
                    && frame.possible()
                {
                    self.frame(ctx, frame);
                }
            }
        }
    }
}
