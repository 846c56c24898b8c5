//! An open store and everything that follows from it. State lives here; the verbs are in `connection`, `conversation/*`,
//! `directory` and `outbox`.

mod asked;
mod seen;
mod stored;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use ed25519_dalek::SigningKey;
use shared::{
    AccountId, Bytes, Code, ConversationId, DeviceId, MessageId, Millis, frame,
    http::{self as body},
    label::Label,
    signature, signed_text,
    statement::Statement,
};

pub(crate) use self::{
    asked::{Request, Waits},
    stored::mls_rows,
};
use crate::{
    Command, Failure, Output, Slot,
    connection::Link,
    conversation::{rejoin::Rejoining, start::Starting},
    entropy::Entropy,
    failure::code,
    http::Draft,
    mls::Groups,
    numbers::Numbered as _,
    outbox::OutKey,
    output::{Answer, Batch, Method},
    rows::{Accepted, Contact, Conv, Evidence, Me, Outgoing},
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
    /// The last request there was when an own row was known to be stored.
    pub(crate) asked: u64,
    /// Own rows refused since something was last stored or read.
    pub(crate) refused: u32,
}

/// A row that was sent and is not answered.
#[derive(Clone, Copy)]
pub(crate) struct Flying {
    pub(crate) conversation: ConversationId,
    pub(crate) message: MessageId,
    /// The counter it was sent with.
    pub(crate) n: u64,
    /// Generation and epoch of the form that was sent.
    pub(crate) place: (u32, u64),
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

impl Session {
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

    pub(crate) fn answer(&mut self, id: u64, result: Result<Answer, Failure>) {
        self.effects.push(Output::Answer { id, result });
    }

    pub(crate) fn conversation(&mut self, id: ConversationId) -> Option<&mut Conv> {
        self.dirty_convs.insert(id);
        self.convs.get_mut(&id)
    }

    /// A command of the person.
    pub(crate) fn command(&mut self, ctx: &mut Ctx<'_>, id: u64, command: Command) {
        let result = match command {
            Command::StartChat { username } => return self.start_chat(ctx, id, &username),
            Command::Send { conversation, message, text } => self.send(ctx, conversation, message, text),
            Command::DiscardMessage { conversation, message } => self.discard(ctx, conversation, message),
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
