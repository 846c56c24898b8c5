//! The line: ticket, socket, Hello, and what to do when any of them fails.

use shared::{
    Bytes, Code, Millis,
    frame::{self, ClientFrame, ClientHello, ServerFrame, ServerHello},
    http as body,
    time::{DAY, MINUTE, SECOND},
};

use crate::{
    Output,
    http::{self, Draft},
    output::Method,
    rows::Standing,
    session::{Ctx, Session, Waits},
    told::Told,
    view::ConnectionState,
};

/// Where the line stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    Ticketing,
    Resuming,
    Opening,
    Greeting,
    Online,
}

/// The line.
#[derive(Debug, Default)]
pub(crate) struct Link {
    stage: Stage,
    failures: u32,
    retry: Option<Millis>,
    ping: Option<Millis>,
    deadline: Option<Millis>,
    stalled: Option<Millis>,
    /// When to ask again which conversations there are.
    pub(crate) list: Option<Millis>,
}

impl Link {
    pub(crate) const fn shown(&self) -> ConnectionState {
        match self.stage {
            Stage::Online => ConnectionState::Online,
            _ if self.failures > 0 => ConnectionState::Offline,
            _ => ConnectionState::Connecting,
        }
    }
    pub(crate) const fn is_online(&self) -> bool {
        matches!(self.stage, Stage::Online)
    }
}

const PING_EVERY: u64 = 25 * SECOND;
const ANSWER_WITHIN: u64 = 10 * SECOND;
/// A request on a line that is dead and looks alive is answered by nobody, and the browser may take a minute to notice. The ticket
/// is a few bytes each way.
const TICKET_WITHIN: u64 = 20 * SECOND;
const LONGEST_PAUSE: u64 = 30 * SECOND;

impl Session {
    /// Begins to connect, unless it is under way or useless.
    pub(crate) fn connect(&mut self, ctx: &mut Ctx<'_>) {
        if self.ended || self.me.superseded || self.link.stage != Stage::Idle {
            return;
        }
        self.link.retry = None;
        self.link.stage = Stage::Ticketing;
        self.link.deadline = Some(ctx.now.plus(TICKET_WITHIN));
        self.ask(ctx, Waits::Ticket, Draft { method: Method::Post, path: "/auth/ticket".to_owned(), body: None });
    }

    /// The browser thinks the line is back: try at once.
    pub(crate) fn wake(&mut self, ctx: &mut Ctx<'_>) {
        if self.link.stage == Stage::Idle {
            self.connect(ctx);
        } else if self.link.is_online() {
            self.ping(ctx);
        }
    }

    pub(crate) fn ticket(&mut self, ctx: &Ctx<'_>, answer: &[u8]) {
        let Ok(ticket) = http::json::<body::Ticket>(answer) else { return };
        // The subprotocol carries the bytes as base64url, the JSON form of Bytes.
        let text = serde_json::to_value(&ticket.ticket).ok().and_then(|value| value.as_str().map(str::to_owned));
        self.link.stage = Stage::Opening;
        self.link.deadline = Some(ctx.now.plus(MINUTE));
        self.effects.push(Output::OpenSocket { ticket: text.unwrap_or_default() });
    }

    pub(crate) fn begin_resume(&mut self, ctx: &mut Ctx<'_>) {
        if self.link.stage == Stage::Resuming {
            return;
        }
        self.hang_up();
        self.link.stage = Stage::Resuming;
        self.link.deadline = Some(ctx.now.plus(MINUTE));
        let start = body::ResumeStart { device_id: self.me.device };
        self.ask(ctx, Waits::ResumeStart, Draft::json(Method::Post, "/auth/resume/start", &start));
    }

    pub(crate) fn resume_started(&mut self, ctx: &mut Ctx<'_>, answer: &[u8]) {
        let Ok(started) = http::json::<body::ResumeStarted>(answer) else { return self.broken(ctx) };
        let finish = body::ResumeFinish { signature: self.sign_resume(&started), resume_id: started.resume_id };
        self.ask(ctx, Waits::ResumeFinish, Draft::json(Method::Post, "/auth/resume/finish", &finish));
    }

    pub(crate) fn resumed(&mut self, ctx: &mut Ctx<'_>) {
        self.link.stage = Stage::Idle;
        self.connect(ctx);
        self.retry_stalled(ctx);
    }

    /// A password log-in renewed the session.
    pub(crate) fn renewed(&mut self) {
        self.ended = false;
        self.link = Link::default();
    }

    /// The server does not take the device key: the person has to type the password. Everything stays.
    pub(crate) fn session_over(&mut self, _: &mut Ctx<'_>) {
        self.ended = true;
        self.link.stage = Stage::Idle;
        self.link.deadline = None;
        self.link.retry = None;
    }

    /// A new device takes over this store.
    pub(crate) fn reset_link(&mut self) {
        self.ended = false;
        self.link = Link::default();
        self.live.clear();
        self.in_flight.clear();
        self.wanted.clear();
        self.rejoining.clear();
        self.requests.clear();
        self.stalled.clear();
        self.listed = false;
    }

    /// Closes the socket, if there is one. What was under way on it will not be answered any more.
    fn hang_up(&mut self) {
        if matches!(self.link.stage, Stage::Opening | Stage::Greeting | Stage::Online) {
            self.effects.push(Output::CloseSocket);
        }
        // An answer that comes after all would open a second socket in place of the one there is by then.
        self.stop_asking(|waits| matches!(waits, Waits::Ticket | Waits::ResumeStart | Waits::ResumeFinish));
        self.link.stage = Stage::Idle;
        self.link.ping = None;
        self.link.deadline = None;
        self.in_flight.clear();
        for live in self.live.values_mut() {
            live.fetching = false;
            live.hold = false;
            live.told = Told::default();
        }
    }

    /// The line broke somewhere: close, wait with jitter, try again (0.5 s, 1 s, 2 s … 30 s).
    pub(crate) fn broken(&mut self, ctx: &mut Ctx<'_>) {
        self.hang_up();
        if self.ended || self.me.superseded {
            return;
        }
        let longest = (SECOND << self.link.failures.min(6)).min(LONGEST_PAUSE);
        self.link.failures += 1;
        self.link.retry = Some(ctx.now.plus(longest / 2 + ctx.entropy.below(longest / 2 + 1)));
    }

    pub(crate) fn retry_stalled_later(&mut self, ctx: &mut Ctx<'_>) {
        let at = ctx.now.plus(2 * SECOND + ctx.entropy.below(SECOND));
        self.link.stalled = self.link.stalled.or(Some(at));
    }

    fn retry_stalled(&mut self, ctx: &mut Ctx<'_>) {
        self.link.stalled = None;
        for request in core::mem::take(&mut self.stalled) {
            self.ask(ctx, request.waits, request.draft);
        }
    }

    pub(crate) fn next_timer(&self) -> Option<Millis> {
        let wanted = self.wanted.values().filter(|wanted| !wanted.asked).map(|wanted| wanted.at);
        let list = self.link.list.filter(|_| self.link.is_online());
        let stalled = self.link.stalled.filter(|_| !self.ended);
        let link = [self.link.retry, self.link.ping, self.link.deadline, stalled, list];
        let rejoin = self.rejoining.values().filter(|rejoining| !rejoining.asked).map(|rejoining| rejoining.at);
        let again = self.live.values().flat_map(|live| [live.again, live.quiet, live.told.due()]).flatten();
        link.into_iter().flatten().chain(wanted.chain(rejoin).chain(again).filter(|_| self.link.is_online())).min()
    }

    /// Something is due.
    pub(crate) fn timeout(&mut self, ctx: &mut Ctx<'_>) {
        let due = |at: Option<Millis>| at.is_some_and(|at| at <= ctx.now);
        if due(self.link.deadline) {
            self.broken(ctx);
        } else if due(self.link.retry) {
            self.connect(ctx);
        } else if due(self.link.ping) {
            self.ping(ctx);
        }
        if self.link.stalled.is_some_and(|at| at <= ctx.now) {
            self.retry_stalled(ctx);
        }
        if self.link.is_online() {
            self.add_wanted(ctx);
            self.rejoin_due(ctx);
            self.ask_again(ctx);
            self.speak_again(ctx);
            self.acknowledge_due(ctx);
            self.list_again(ctx);
        }
    }

    fn ping(&mut self, ctx: &mut Ctx<'_>) {
        let id = ctx.id();
        self.transmit(&ClientFrame::Ping(id));
        self.link.ping = Some(ctx.now.plus(PING_EVERY));
        let latest = ctx.now.plus(ANSWER_WITHIN);
        self.link.deadline = self.link.deadline.or(Some(latest));
    }

    pub(crate) fn transmit(&mut self, frame: &ClientFrame) {
        self.effects.push(Output::Transmit(frame.encode()));
    }

    /// The socket is open: say where this device stands. The run token of this run is durable since it was drawn, for the
    /// row that holds it is written before this frame leaves.
    pub(crate) fn greet(&mut self) {
        if self.link.stage != Stage::Opening {
            return;
        }
        self.link.stage = Stage::Greeting;
        let cursors = self
            .convs
            .values()
            .filter(|conv| conv.standing == Standing::Joined)
            .map(|conv| frame::Cursor { conversation: conv.id, number: conv.cursor })
            .collect::<Vec<_>>();
        for cursor in &cursors {
            self.live.entry(cursor.conversation).or_default().told.greeted(cursor.number);
        }
        let hello = ClientHello {
            version: frame::VERSION,
            run: self.me.run.clone(),
            next_run: self.me.next_run.clone(),
            store_epoch: self.me.store_epoch.clone(),
            inbox: self.me.inbox,
            cursors,
        };
        self.transmit(&ClientFrame::Hello(hello));
    }

    pub(crate) fn frame(&mut self, ctx: &mut Ctx<'_>, frame: ServerFrame) {
        // Any frame is a sign of life.
        if self.link.is_online() {
            self.link.deadline = None;
        }
        match frame {
            ServerFrame::Hello(hello) => self.welcomed(ctx, hello),
            ServerFrame::Appended(appended) => self.appended(ctx, appended),
            ServerFrame::Refused(refused) => self.append_refused(ctx, &refused),
            ServerFrame::Entries(entries) => self.entries(ctx, entries),
            ServerFrame::Head(head) => self.head(ctx, head),
            ServerFrame::Inbox(items) => self.inbox(ctx, items),
            ServerFrame::Delivered(delivered) => self.delivered(delivered),
            ServerFrame::Wanted(wanted) => self.want(ctx, wanted),
            ServerFrame::Resync => self.resync(ctx),
            ServerFrame::Bye(code) => self.bye(ctx, &code),
            ServerFrame::Pong(_) => {}
        }
    }

    fn bye(&mut self, ctx: &mut Ctx<'_>, code: &str) {
        match Code::from_wire(code) {
            Some(Code::Superseded) => self.superseded(),
            // The session may be renewable: the ticket's answer will say.
            Some(Code::GoingAway) => {
                self.link.failures = 0;
                self.broken(ctx);
            }
            Some(Code::Replaced) => {
                // A younger run of this very device serves; it holds the store's lock, so this one is about to end.
                self.effects.push(Output::CloseSocket);
                self.link.stage = Stage::Idle;
                self.link.failures = 1;
                self.link.deadline = None;
                self.link.ping = None;
                self.link.retry = Some(ctx.now.plus(LONGEST_PAUSE));
            }
            _ => self.broken(ctx),
        }
    }

    /// The server knows a newer run: this profile is a copy or was restored. Its group state must not be used again.
    pub(crate) fn superseded(&mut self) {
        self.me.superseded = true;
        self.me_dirty = true;
        self.ended = true;
        self.link.stage = Stage::Idle;
        self.link.deadline = None;
        self.link.ping = None;
        self.link.retry = None;
        self.effects.push(Output::CloseSocket);
    }

    fn welcomed(&mut self, ctx: &mut Ctx<'_>, hello: ServerHello) {
        if self.link.stage != Stage::Greeting {
            return;
        }
        // The server stores counters that this profile has not given out: it was restored from a copy made in the very run
        // that went on, which the run token can't tell. Nothing has been sealed yet in this run; nothing must be.
        if hello.heads.iter().any(|head| self.convs.get(&head.conversation).is_some_and(|conv| head.last_n > conv.n)) {
            return self.superseded();
        }
        self.confirm();
        self.greeted_by(ctx, &hello);
        self.link.stage = Stage::Online;
        self.link.failures = 0;
        self.link.deadline = None;
        self.link.ping = Some(ctx.now.plus(PING_EVERY));
        let epoch: Option<Bytes> = Some(hello.store_epoch);
        if self.me.run != self.me.next_run || self.me.store_epoch != epoch {
            self.me.run = self.me.next_run.clone();
            self.me.store_epoch = epoch;
            self.me_dirty = true;
        }
        for head in &hello.heads {
            self.live.entry(head.conversation).or_default().head = head.number;
        }
        for delivered in hello.delivered {
            self.delivered(delivered);
        }
        if !self.listed || hello.heads.iter().any(|head| !self.convs.contains_key(&head.conversation)) {
            self.ask_conversations(ctx);
        }
        if hello.settings > self.me.settings {
            self.read_settings(ctx);
        }
        if usize::try_from(hello.packages).is_ok_and(|left| left < ctx.pool.low) {
            self.refill(ctx, hello.packages);
        }
        self.look_at_statements(ctx, self.me.account, hello.statement);
        self.retry_stalled(ctx);
        self.check_contacts(ctx);
        self.push_settings(ctx);
        self.resync(ctx);
    }

    /// Asks for everything by cursor and offers everything that waits.
    fn resync(&mut self, ctx: &mut Ctx<'_>) {
        let ids: Vec<_> = self.convs.keys().copied().collect();
        for id in ids {
            if self.convs.get(&id).is_some_and(|conv| conv.standing == Standing::Stuck) && !self.rejoining.contains_key(&id) {
                self.repair_soon(ctx, id);
            }
            // Rows that came by HTTP since the Hello.
            self.acknowledge_news(ctx, id);
            self.catch_up(ctx, id);
            self.push_commit(ctx, id);
            self.sweep(ctx, id);
            self.pump(ctx, id);
            self.offer_again(ctx, id);
        }
    }

    /// Makes fresh one-time packages; their private parts are durable before the request leaves.
    fn refill(&mut self, ctx: &mut Ctx<'_>, left: u32) {
        let missing = ctx.pool.full.saturating_sub(usize::try_from(left).unwrap_or(ctx.pool.full));
        let seconds = ctx.now.0 / SECOND;
        let packages: Vec<Bytes> =
            (0..missing).filter_map(|_| self.groups.package(seconds, false).ok().map(|package| package.bytes.into())).collect();
        let last_resort = self.groups.package(seconds, true).ok().map(|package| package.bytes.into());
        let put = body::PutPackages { packages, last_resort };
        self.ask(ctx, Waits::Packages, Draft::cbor(Method::Put, "/api/key-packages", &put));
    }
}

/// A path older than this is renewed before the next own message.
pub(crate) const PATH_AGE: u64 = DAY;
/// So is one that carried this many own messages.
pub(crate) const PATH_MESSAGES: u64 = 200;
