//! A small table: browsers with the shipped core and store, the real server core, an even network and one clock. Unlike the
//! world of `sim` nothing goes wrong here by itself: a scenario does it on purpose.

use std::collections::BTreeMap;

use client_core::{Answer, Client, Command, Failure, HttpOutcome, HttpRequest, Input, Output, Slot, SocketEvent, view};
use client_store::Store;
use server_core::Token;
use shared::{ConversationId, MessageId, Millis, frame::ServerFrame};
use sim::{
    device::Cheap,
    server::{Response, Said, Server},
};

/// One way of every request and frame, milliseconds.
const LATENCY: u64 = 20;

/// A browser.
pub(crate) struct Browser {
    pub(crate) name: String,
    pub(crate) client: Option<Client<Cheap>>,
    pub(crate) disk: Option<(Slot, Store)>,
    pub(crate) cookie: Option<Token>,
    socket: Option<u64>,
    answers: BTreeMap<u64, Result<Answer, Failure>>,
}

enum Happening {
    Request { at: usize, request: HttpRequest },
    Answer { at: usize, id: u64, outcome: HttpOutcome },
    Connect { at: usize, ticket: String },
    ToServer { at: usize, socket: u64, bytes: Vec<u8> },
    ToClient { socket: u64, frame: Option<ServerFrame> },
}

/// Changes what the server says to a browser: (browser, frame).
pub(crate) type Tamper = Box<dyn FnMut(usize, &mut ServerFrame)>;

pub(crate) struct Table {
    pub(crate) server: Server,
    pub(crate) browsers: Vec<Browser>,
    pub(crate) now: Millis,
    pub(crate) tamper: Option<Tamper>,
    queue: BTreeMap<(u64, u64), Happening>,
    sequence: u64,
    seeds: u8,
}

fn fresh_store() -> Store {
    Store::open(rusqlite::Connection::open_in_memory().unwrap()).unwrap()
}

impl Table {
    /// openmls judges lifetimes by the real clock, so simulated time begins with it.
    pub(crate) fn new() -> Self {
        let real = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let now = Millis(u64::try_from(real).unwrap());
        Self {
            server: Server::new([9; 32], now),
            browsers: vec![],
            now,
            tamper: None,
            queue: BTreeMap::new(),
            sequence: 0,
            seeds: 0,
        }
    }

    fn later(&mut self, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((self.now.0 + LATENCY, self.sequence), happening);
    }

    fn seed(&mut self) -> [u8; 32] {
        self.seeds += 1;
        [self.seeds; 32]
    }

    /// A browser of a person: the first registers, the others log in. All are online when it returns.
    pub(crate) fn browser(&mut self, name: &str) -> usize {
        let at = self.browsers.len();
        let known = self.browsers.iter().any(|browser| browser.name == name);
        let seed = self.seed();
        self.browsers.push(Browser {
            name: name.to_owned(),
            client: Some(Client::new(seed)),
            disk: None,
            cookie: None,
            socket: None,
            answers: BTreeMap::new(),
        });
        let (username, password) = (name.to_owned(), format!("Quiet-river-7-{name}"));
        let command = if known {
            Command::Login { username, password, stay: true }
        } else {
            Command::Register { username, password, stay: true }
        };
        self.command(at, command).unwrap();
        assert!(self.until(60_000, |table| table.online(at)), "{name} is online");
        at
    }

    pub(crate) fn online(&self, at: usize) -> bool {
        self.browsers[at].client.as_ref().is_some_and(|client| {
            client.state().phase == view::Phase::Open && client.state().connection == view::ConnectionState::Online
        })
    }

    /// The core dies; its disk stays.
    pub(crate) fn kill(&mut self, at: usize) {
        self.browsers[at].client = None;
        if let Some(socket) = self.browsers[at].socket.take() {
            self.server.forget(socket);
        }
    }

    /// A core begins on the disk.
    pub(crate) fn start(&mut self, at: usize) {
        let seed = self.seed();
        let snapshot = self.browsers[at].disk.as_ref().unwrap().1.load().unwrap();
        let client = Client::open(seed, snapshot, self.now).map_err(|failure| failure.code).unwrap();
        self.browsers[at].client = Some(client);
        self.drain(at);
    }

    /// Gives a command and waits for its answer.
    pub(crate) fn command(&mut self, at: usize, command: Command) -> Result<Answer, Failure> {
        self.sequence += 1;
        let id = self.sequence;
        self.input(at, Input::Command { id, command });
        assert!(self.until(60_000, |table| table.browsers[at].answers.contains_key(&id)), "a command is answered");
        self.browsers[at].answers.remove(&id).unwrap()
    }

    /// Writes a text; it is kept when this returns, not yet sent.
    pub(crate) fn write(&mut self, at: usize, conversation: ConversationId, text: &str) {
        self.sequence += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.sequence.to_be_bytes());
        id[8] = 1;
        let message = MessageId(id);
        self.command(at, Command::Send { conversation, message, text: text.to_owned() }).unwrap();
    }

    /// What a browser shows of a conversation, from its disk.
    pub(crate) fn shown(&self, at: usize, conversation: ConversationId) -> Vec<view::Message> {
        self.browsers[at].disk.as_ref().unwrap().1.messages(conversation, None, 10_000).unwrap().messages
    }

    /// The texts among it, stored ones only.
    pub(crate) fn texts(&self, at: usize, conversation: ConversationId) -> Vec<String> {
        let stored = |message: &view::Message| message.kind == view::MessageKind::Text && message.order < view::WAITING;
        self.shown(at, conversation).into_iter().filter(stored).map(|message| message.text).collect()
    }

    /// The lines of Sotto's own among it.
    pub(crate) fn lines(&self, at: usize, conversation: ConversationId) -> Vec<view::SystemLine> {
        self.shown(at, conversation).into_iter().filter_map(|message| message.system).collect()
    }

    pub(crate) fn client(&self, at: usize) -> &Client<Cheap> {
        self.browsers[at].client.as_ref().unwrap()
    }

    /// Runs until this holds; false when it does not within so much simulated time.
    pub(crate) fn until(&mut self, millis: u64, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now.0 + millis;
        loop {
            if holds(self) {
                return true;
            }
            if !self.step(end) {
                return false;
            }
        }
    }

    /// Lets so much time pass.
    pub(crate) fn pass(&mut self, millis: u64) {
        let end = self.now.0 + millis;
        while self.step(end) {}
        self.now = Millis(end);
    }

    fn step(&mut self, end: u64) -> bool {
        let timers = self.browsers.iter().enumerate().filter_map(|(at, browser)| {
            let due = browser.client.as_ref()?.poll_timeout()?;
            Some((due.0.max(self.now.0 + 1), at))
        });
        let timer = timers.min();
        let next = self.queue.first_key_value().map(|((time, _), _)| *time);
        let time = match (timer, next) {
            (Some((timer, _)), Some(next)) => timer.min(next),
            (Some((timer, _)), None) => timer,
            (None, Some(next)) => next,
            (None, None) => return false,
        };
        if time > end {
            return false;
        }
        self.now = Millis(time);
        match timer {
            Some((due, at)) if due == time => self.input(at, Input::Timeout),
            _ => {
                let (_, happening) = self.queue.pop_first().unwrap();
                self.happen(happening);
            }
        }
        true
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Request { at, request } => {
                let response = self.post(at, &request);
                let outcome = HttpOutcome::Answer { status: response.status, body: response.body };
                self.later(Happening::Answer { at, id: request.id, outcome });
            }
            Happening::Answer { at, id, outcome } => self.input(at, Input::Http { id, outcome }),
            Happening::Connect { at, ticket } => {
                self.browsers[at].socket = self.server.open(&ticket);
                let event = if self.browsers[at].socket.is_some() { SocketEvent::Open } else { SocketEvent::Closed };
                self.input(at, Input::Socket(event));
            }
            Happening::ToServer { at, socket, bytes } => {
                if self.browsers[at].socket == Some(socket) {
                    let said = self.server.frame(self.now, socket, &bytes);
                    self.say(said);
                }
            }
            Happening::ToClient { socket, frame } => {
                let Some(at) = self.browsers.iter().position(|browser| browser.socket == Some(socket)) else { return };
                match frame {
                    Some(mut frame) => {
                        if let Some(tamper) = self.tamper.as_mut() {
                            tamper(at, &mut frame);
                        }
                        self.input(at, Input::Socket(SocketEvent::Frame(frame.encode())));
                    }
                    None => {
                        self.browsers[at].socket = None;
                        self.input(at, Input::Socket(SocketEvent::Closed));
                    }
                }
            }
        }
    }

    /// A request with the browser's cookies, carried out at once.
    pub(crate) fn post(&mut self, at: usize, request: &HttpRequest) -> Response {
        let mut cookie = self.browsers[at].cookie.clone();
        let (response, said) = self.server.http(self.now, &mut cookie, request);
        self.browsers[at].cookie = cookie;
        self.say(said);
        response
    }

    fn say(&mut self, said: Vec<Said>) {
        for Said { socket, frame } in said {
            self.later(Happening::ToClient { socket, frame });
        }
    }

    fn input(&mut self, at: usize, input: Input) {
        let now = self.now;
        let Some(client) = self.browsers[at].client.as_mut() else { return };
        client.handle(now, input);
        self.drain(at);
    }

    fn drain(&mut self, at: usize) {
        while let Some(output) = self.browsers[at].client.as_mut().and_then(Client::poll) {
            match output {
                Output::Persist(batch) => {
                    self.browsers[at].disk.as_mut().unwrap().1.apply(&batch).unwrap();
                }
                Output::Transmit(bytes) => {
                    if let Some(socket) = self.browsers[at].socket {
                        self.later(Happening::ToServer { at, socket, bytes });
                    }
                }
                Output::Http(request) => self.later(Happening::Request { at, request }),
                Output::OpenSocket { ticket } => self.later(Happening::Connect { at, ticket }),
                Output::CloseSocket => {
                    if let Some(socket) = self.browsers[at].socket.take() {
                        self.server.forget(socket);
                    }
                }
                Output::Show(_) => {}
                Output::Answer { id, result } => {
                    self.browsers[at].answers.insert(id, result);
                }
                Output::OpenStore { slot, fresh, .. } => {
                    if let Some(batch) = fresh {
                        let mut store = fresh_store();
                        store.apply(&batch).unwrap();
                        self.browsers[at].disk = Some((slot, store));
                    }
                    let snapshot = self.browsers[at].disk.as_ref().unwrap().1.load().unwrap();
                    self.input(at, Input::StoreOpened(snapshot));
                }
                Output::CloseStore { wipe } => {
                    if wipe {
                        self.browsers[at].disk = None;
                    }
                }
            }
        }
    }
}
