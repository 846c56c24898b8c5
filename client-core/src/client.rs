//! Dispatch only: who takes an input, and in which order effects leave.

use std::collections::VecDeque;

use shared::{Millis, time::SECOND};

use crate::{
    Command, Failure, Input, Output, Slot, Snapshot, Stretch,
    account::flow::Flow,
    entropy::Entropy,
    failure::code,
    http,
    output::Answer,
    session::{Ctx, Pool, Session},
    view,
};

/// One account slot of one browser. `K` stretches passwords.
pub struct Client<K: Stretch> {
    pub(crate) entropy: Entropy,
    pub(crate) out: VecDeque<Output>,
    pub(crate) ids: u64,
    pub(crate) flow: Option<Flow<K>>,
    /// The flow's request under way.
    pub(crate) flow_request: Option<u64>,
    pub(crate) slot: Option<Slot>,
    pub(crate) session: Option<Session>,
    /// The session is what the person sees: registered, logged in or unlocked to the end.
    pub(crate) entered: bool,
    shown: Option<view::AppState>,
    /// A log-out that erases, while the server has not said that the device is retired.
    leaving: Option<Leaving>,
}

/// See [`Client::leave`].
struct Leaving {
    command: u64,
    until: Millis,
}

/// So long an erasing log-out waits for the server.
const RETIRE_WITHIN: u64 = 5 * SECOND;

impl<K: Stretch> Client<K> {
    /// A browser that knows nobody. `seed` is 32 fresh random bytes.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            entropy: Entropy::new(seed),
            out: VecDeque::new(),
            ids: 0,
            flow: None,
            flow_request: None,
            slot: None,
            session: None,
            entered: false,
            shown: None,
            leaving: None,
        }
    }

    /// A browser with a closed store.
    #[must_use]
    pub fn locked(seed: [u8; 32], slot: Slot) -> Self {
        Self { slot: Some(slot), ..Self::new(seed) }
    }

    /// A browser with an open store: everything is there before the network answers.
    ///
    /// # Errors
    /// [`Failure`] with code `store_failed` when a row can't be read: an error, never "does not exist".
    pub fn open(seed: [u8; 32], snapshot: Snapshot, now: Millis) -> Result<Self, Failure> {
        let mut client = Self::new(seed);
        let session = Session::load(snapshot, &mut client.entropy).map_err(|_| Failure::new(code::STORE))?;
        // A store whose device the server may never have heard of is entered when the server says that it has.
        client.entered = session.confirmed();
        client.slot = client.entered.then(|| session.slot());
        client.session = Some(session);
        client.with_session(now, |session, ctx| session.connect(ctx));
        client.settle();
        Ok(client)
    }

    /// Takes one happening.
    pub fn handle(&mut self, now: Millis, input: Input) {
        match input {
            Input::Command { id, command } => self.command(now, id, command),
            Input::Http { id, outcome } => {
                let outcome = http::outcome(outcome);
                if self.flow_request == Some(id) {
                    self.flow_request = None;
                    self.flow_answer(now, outcome);
                } else {
                    self.with_session(now, |session, ctx| session.http(ctx, id, outcome));
                }
            }
            Input::Socket(event) => self.with_session(now, |session, ctx| session.socket(ctx, event)),
            Input::StoreOpened(snapshot) => self.flow_store_opened(now, snapshot),
            Input::StoreFailed(_) => self.flow_failed(Failure::new(code::STORE)),
            Input::Timeout => self.with_session(now, Session::timeout),
            Input::Online => self.with_session(now, |session, ctx| session.wake(ctx)),
        }
        self.settle();
        let waits = self.session.as_ref().is_some_and(Session::logs_out);
        if let Some(leaving) = self.leaving.take_if(|leaving| !waits || leaving.until <= now) {
            self.close(leaving.command, true);
            self.settle();
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call [`Client::handle`] with [`Input::Timeout`] at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Millis> {
        let session = self.session.as_ref().filter(|_| self.entered || self.flow.is_none()).and_then(Session::next_timer);
        session.into_iter().chain(self.leaving.as_ref().map(|leaving| leaving.until)).min()
    }

    /// Tells the screens everything again: for a tab that just came.
    pub fn show_all(&mut self) {
        self.shown = None;
        self.settle();
        if let Some(session) = self.session.as_ref().filter(|_| self.entered) {
            let conversations = session.conversations();
            self.out
                .extend(conversations.into_iter().map(|conversation| Output::Show(view::Event::Conversation { conversation })));
        }
    }

    /// All conversations as the screens see them.
    #[must_use]
    pub fn conversations(&self) -> Vec<view::Conversation> {
        self.session.as_ref().filter(|_| self.entered).map(Session::conversations).unwrap_or_default()
    }

    /// Of every conversation this device is in: last row applied, and the server's last as far as known.
    #[must_use]
    pub fn cursors(&self) -> Vec<(shared::ConversationId, u64, u64)> {
        self.session.as_ref().map(Session::cursors).unwrap_or_default()
    }

    /// Commits that could not be applied here, as they came, the oldest first.
    #[must_use]
    pub fn evidence(&self) -> Vec<crate::Evidence> {
        self.session.as_ref().map(|session| session.evidence.values().cloned().collect()).unwrap_or_default()
    }

    /// The number of the commit that let this device into a conversation.
    #[must_use]
    pub fn since(&self, conversation: shared::ConversationId) -> Option<u64> {
        self.session.as_ref()?.convs.get(&conversation).map(|conv| conv.since)
    }

    /// Where everything stands, for the reports of the simulator: counts and states, no contents.
    #[must_use]
    pub fn describe(&self) -> String {
        self.session.as_ref().map(Session::describe).unwrap_or_default()
    }

    pub(crate) fn with_session(&mut self, now: Millis, run: impl FnOnce(&mut Session, &mut Ctx<'_>)) {
        if let Some(session) = self.session.as_mut() {
            let pool = Pool { full: K::POOL, low: K::POOL_LOW };
            let mut ctx = Ctx { now, entropy: &mut self.entropy, ids: &mut self.ids, pool };
            run(session, &mut ctx);
        }
    }

    pub(crate) fn answer(&mut self, id: u64, result: Result<Answer, Failure>) {
        self.out.push_back(Output::Answer { id, result });
    }

    fn command(&mut self, now: Millis, id: u64, command: Command) {
        match command {
            _ if self.leaving.is_some() => self.answer(id, Err(Failure::new(code::BUSY))),
            Command::Register { .. } | Command::Login { .. } | Command::Unlock { .. } | Command::Recover { .. } => {
                self.flow_command(now, id, command);
            }
            Command::Lock => self.leave(now, id, false, false),
            Command::Logout { wipe } => self.leave(now, id, true, wipe),
            command if self.entered => self.with_session(now, |session, ctx| session.command(ctx, id, command)),
            _ => self.answer(id, Err(Failure::new(code::NOT_NOW))),
        }
    }

    /// Closes the store; with `end` the server session too; with `wipe` for good.
    fn leave(&mut self, now: Millis, id: u64, end: bool, wipe: bool) {
        if end {
            self.with_session(now, |session, ctx| session.log_out(ctx, wipe));
            self.settle();
            // The key that signs the retirement is about to be erased: asked once and lost, nobody could ask again.
            if wipe && self.entered {
                self.leaving = Some(Leaving { command: id, until: now.plus(RETIRE_WITHIN) });
                return;
            }
        }
        self.close(id, wipe);
    }

    fn close(&mut self, id: u64, wipe: bool) {
        if self.session.take().is_some() {
            self.out.push_back(Output::CloseSocket);
        }
        self.flow = None;
        self.flow_request = None;
        self.entered = false;
        self.out.push_back(Output::CloseStore { wipe });
        if wipe {
            self.slot = None;
        }
        self.out.push_back(Output::Show(view::Event::Reset));
        self.shown = None;
        self.answer(id, Ok(Answer::Done));
    }

    /// What the last input changed leaves in the one order that is safe: shown, made durable, sent.
    fn settle(&mut self) {
        if !self.entered && self.flow.is_none() {
            self.settle_unconfirmed();
        }
        if let Some(session) = self.session.as_mut() {
            session.flush(&mut self.out);
        }
        // While somebody registers, logs in or unlocks, the store may be open already and the person is not in yet: the
        // screens keep what they show until it has ended.
        if self.flow.is_some() && !self.entered && self.shown.is_some() {
            return;
        }
        let state = self.state();
        if self.shown.as_ref() != Some(&state) {
            self.out.push_back(Output::Show(view::Event::State { state: state.clone() }));
            self.shown = Some(state);
        }
    }

    /// A registration or enrolment that a crash cut off: the server knows the device, or the store is of no use.
    fn settle_unconfirmed(&mut self) {
        let Some(session) = self.session.as_ref() else { return };
        if session.confirmed() {
            self.entered = true;
            self.slot = Some(session.slot());
        } else if session.ended {
            self.session = None;
            self.out.push_back(Output::CloseStore { wipe: true });
            self.out.push_back(Output::Show(view::Event::Reset));
            self.shown = None;
        }
    }

    /// What the screens see of the whole.
    #[must_use]
    pub fn state(&self) -> view::AppState {
        if let Some(session) = self.session.as_ref().filter(|_| self.entered) {
            return session.state();
        }
        view::AppState {
            phase: if self.slot.is_some() { view::Phase::Locked } else { view::Phase::SignedOut },
            me: self.slot.as_ref().map(|slot| view::Person::new(slot.account, &slot.handle)),
            device: self.slot.as_ref().map(|slot| slot.device),
            session: view::SessionState::Live,
            connection: view::ConnectionState::Connecting,
            waiting: 0,
            kit: None,
            unread: 0,
            stay: false,
            theme: view::Theme::System,
        }
    }
}
