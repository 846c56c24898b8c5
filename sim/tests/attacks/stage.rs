//! Browsers with real cores and stores, the real server, and one queue between them. Nothing here takes time by itself.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{SystemTime, UNIX_EPOCH},
};

use client_core::{
    Answer, Client, Command, Failure, HttpOutcome, HttpRequest, Input, Method, Output, Slot, SocketEvent,
    view::{self, SystemLine},
};
use client_store::Store;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rand_core::RngCore as _;
use server_core::{Keys, Token};
use shared::{
    AccountId, ConversationId, MessageId, Millis,
    frame::{ClientFrame, ServerFrame},
};
use sim::{
    device::Cheap,
    server::{Response, Said, Server, open_rules},
};

use crate::{database::Database, tamper::Tamper};

/// Stands in every text, draft and password: found nowhere at the server.
pub(crate) const MARKER: &str = "markerword";

/// A browser.
pub(crate) struct Browser {
    pub(crate) name: String,
    pub(crate) disk: Option<(Slot, Store)>,
    pub(crate) cookie: Option<Token>,
    pub(crate) client: Option<Client<Cheap>>,
    pub(crate) socket: Option<u64>,
    timer: Option<Millis>,
    answers: BTreeMap<u64, Result<Answer, Failure>>,
    /// Cut off: its requests are lost, its socket is closed.
    pub(crate) offline: bool,
    /// Every text its screen was ever told to show.
    pub(crate) screens: Vec<view::Message>,
}

/// A text and the truth about it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) message: MessageId,
    pub(crate) browser: usize,
    pub(crate) author: AccountId,
    pub(crate) conversation: ConversationId,
    pub(crate) text: String,
}

enum Event {
    Request(usize, HttpRequest),
    Answer(usize, u64, HttpOutcome),
    Connect(usize, String),
    Up(usize, u64, Vec<u8>),
    Down(usize, u64, Option<ServerFrame>),
}

/// See the module.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) browsers: Vec<Browser>,
    pub(crate) tamper: Tamper,
    pub(crate) told: Vec<Told>,
    pub(crate) now: Millis,
    /// Everything browsers ever sent.
    pub(crate) wire: Vec<Vec<u8>>,
    /// Happenings so far: bounded.
    pub(crate) steps: u64,
    pub(crate) rng: ChaCha20Rng,
    queue: VecDeque<Event>,
    owners: BTreeMap<u64, usize>,
    ids: u64,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let (database, store) = Database::new();
        let keys = Keys::generate(&mut rng);
        Self::over(database, store, None, &keys, rng, real_time())
    }

    fn over(
        database: Database,
        store: server_core::Store,
        epoch: Option<[u8; 16]>,
        keys: &Keys,
        mut rng: ChaCha20Rng,
        now: Millis,
    ) -> Self {
        let keys = Keys::from_bytes(&keys.to_bytes()).unwrap();
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let server = Server::over(store, epoch, keys, open_rules(), ChaCha20Rng::from_seed(seed), now);
        Self {
            server,
            database,
            browsers: vec![],
            tamper: Tamper::default(),
            told: vec![],
            now,
            wire: vec![],
            steps: 0,
            rng,
            queue: VecDeque::new(),
            owners: BTreeMap::new(),
            ids: 0,
        }
    }

    /// The same world again, from what is durable: server and browsers go their own way from here.
    pub(crate) fn fork(&self) -> Self {
        self.fork_with(|_| {})
    }

    /// The same, with something done to the running server's database before anybody connects.
    pub(crate) fn fork_with(&self, change: impl FnOnce(&Database)) -> Self {
        let (database, store) = self.database.fork();
        let epoch = self.database.one("SELECT store_epoch FROM store_meta");
        let mut fork = Self::over(database, store, Some(epoch), self.server.keys(), self.rng.clone(), self.now);
        fork.told = self.told.clone();
        fork.ids = self.ids;
        change(&fork.database);
        for browser in &self.browsers {
            let disk = browser.disk.as_ref().map(|(slot, store)| (slot.clone(), copy(store)));
            let mut copied = Browser::fresh(&browser.name);
            (copied.disk, copied.cookie) = (disk, browser.cookie.clone());
            fork.browsers.push(copied);
            fork.open(fork.browsers.len() - 1);
        }
        fork
    }

    /// An honest server from here on.
    pub(crate) fn honest(&mut self) {
        self.tamper = Tamper::default();
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A new account in a new browser.
    pub(crate) fn register(&mut self, name: &str) -> usize {
        self.browsers.push(Browser::fresh(name));
        let at = self.browsers.len() - 1;
        let seed = self.array();
        self.browsers[at].client = Some(Client::new(seed));
        let register = Command::Register { username: name.to_owned(), password: password(name), stay: true };
        self.ask(at, register).unwrap();
        self.settle();
        at
    }

    /// Another browser of an account: how its log-in ends.
    pub(crate) fn try_login(&mut self, name: &str) -> (usize, Result<Answer, Failure>) {
        self.browsers.push(Browser::fresh(name));
        let at = self.browsers.len() - 1;
        let seed = self.array();
        self.browsers[at].client = Some(Client::new(seed));
        let result = self.ask(at, Command::Login { username: name.to_owned(), password: password(name), stay: true });
        self.settle();
        (at, result)
    }

    /// Another browser of an account, which is in.
    pub(crate) fn login(&mut self, name: &str) -> usize {
        let (at, result) = self.try_login(name);
        result.unwrap();
        self.wait(20);
        at
    }

    /// Alice and bob with a conversation of one message each way.
    pub(crate) fn pair() -> (Self, usize, usize, ConversationId) {
        let mut stage = Self::new();
        let (alice, bob) = (stage.register("alice"), stage.register("bob"));
        let conversation = stage.chat(alice, "bob").unwrap();
        stage.settle();
        stage.send(alice, conversation, "hello bob");
        stage.send(bob, conversation, "hello alice");
        stage.settle();
        (stage, alice, bob, conversation)
    }

    pub(crate) fn chat(&mut self, at: usize, name: &str) -> Result<ConversationId, Failure> {
        match self.ask(at, Command::StartChat { username: name.to_owned() })? {
            Answer::Conversation(id) => Ok(id),
            other => panic!("{other:?}"),
        }
    }

    /// Writes a text; the marker stands in each.
    pub(crate) fn send(&mut self, at: usize, conversation: ConversationId, text: &str) -> MessageId {
        let message = MessageId(self.array());
        let text = format!("{text} {MARKER} {}", self.told.len());
        let author = self.account(at);
        self.told.push(Told { message, browser: at, author, conversation, text: text.clone() });
        self.ask(at, Command::Send { conversation, message, text }).unwrap();
        message
    }

    /// A command, until it is answered.
    pub(crate) fn ask(&mut self, at: usize, command: Command) -> Result<Answer, Failure> {
        let answered = self.try_ask(at, command);
        answered.unwrap_or_else(|| panic!("{} was never answered: {}", self.browsers[at].name, self.describe(at)))
    }

    /// A command, until it is answered or a while has passed.
    pub(crate) fn try_ask(&mut self, at: usize, command: Command) -> Option<Result<Answer, Failure>> {
        self.ids += 1;
        let id = self.ids;
        self.input(at, Input::Command { id, command });
        for _ in 0..40 {
            let answer = self.browsers[at].answers.remove(&id);
            if answer.is_some() {
                return answer;
            }
            self.settle();
            self.tick(1_000);
        }
        None
    }

    /// Everything under way arrives; no time passes.
    pub(crate) fn settle(&mut self) {
        while let Some(event) = self.queue.pop_front() {
            self.steps += 1;
            assert!(self.steps < 2_000_000, "no end");
            self.happen(event);
        }
    }

    /// Simulated seconds pass.
    pub(crate) fn wait(&mut self, seconds: u64) {
        let end = self.now.plus(seconds * 1_000);
        self.settle();
        while let Some((at, due)) = self.due().filter(|(_, due)| *due <= end) {
            self.now = self.now.max(due);
            self.browsers[at].timer = None;
            self.input(at, Input::Timeout);
            self.settle();
        }
        self.now = end;
    }

    fn tick(&mut self, millis: u64) {
        self.now = self.now.plus(millis);
        while let Some((at, _)) = self.due().filter(|(_, due)| *due <= self.now) {
            self.browsers[at].timer = None;
            self.input(at, Input::Timeout);
            self.settle();
        }
    }

    fn due(&self) -> Option<(usize, Millis)> {
        let timers = self.browsers.iter().enumerate().filter_map(|(at, browser)| Some((at, browser.timer?)));
        timers.min_by_key(|(_, due)| *due)
    }

    /// The core starts again from its store: a reload.
    pub(crate) fn reload(&mut self, at: usize) {
        self.close(at);
        self.open(at);
    }

    /// Takes a browser off the line, or back.
    pub(crate) fn cut(&mut self, at: usize, offline: bool) {
        self.browsers[at].offline = offline;
        if offline {
            if let Some(socket) = self.browsers[at].socket.take() {
                self.server.forget(socket);
            }
            self.input(at, Input::Socket(SocketEvent::Closed));
        } else {
            self.wait(35);
        }
    }

    pub(crate) fn close(&mut self, at: usize) {
        let browser = &mut self.browsers[at];
        (browser.client, browser.timer) = (None, None);
        if let Some(socket) = browser.socket.take() {
            self.server.forget(socket);
        }
    }

    pub(crate) fn open(&mut self, at: usize) {
        let seed = self.array();
        let Some((_, store)) = &self.browsers[at].disk else { return };
        let client = Client::open(seed, store.load().unwrap(), self.now).unwrap();
        self.browsers[at].client = Some(client);
        self.drain(at);
        self.settle();
    }

    /// A request with the browser's cookie that its core knows nothing of.
    pub(crate) fn raw(&mut self, at: usize, method: Method, path: &str, body: Option<(&'static str, Vec<u8>)>) -> Response {
        let request = HttpRequest { id: 0, method, path: path.to_owned(), body };
        let mut cookie = self.browsers[at].cookie.clone();
        let (response, said) = self.server.http(self.now, &mut cookie, &request);
        self.say(said);
        self.settle();
        response
    }

    /// A frame on the browser's socket that its core knows nothing of.
    pub(crate) fn raw_frame(&mut self, at: usize, frame: &ClientFrame) -> Vec<ServerFrame> {
        let socket = self.browsers[at].socket.unwrap();
        let said = self.server.frame(self.now, socket, &frame.encode());
        let own = said.iter().filter(|said| said.socket == socket).filter_map(|said| said.frame.clone()).collect();
        self.say(said);
        self.settle();
        own
    }

    /// The server says something of its own accord.
    pub(crate) fn push(&mut self, at: usize, frame: ServerFrame) {
        let Some(socket) = self.browsers[at].socket else { return };
        self.queue.push_back(Event::Down(at, socket, Some(frame)));
        self.settle();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Request(at, mut request) => {
                if let Some((_, body)) = &request.body {
                    self.wire.push(body.clone());
                }
                self.wire.push(request.path.clone().into_bytes());
                let passes = self.tamper.request.as_mut().is_none_or(|hook| hook(at, &mut request));
                if self.browsers[at].offline || !passes {
                    return self.queue.push_back(Event::Answer(at, request.id, HttpOutcome::Lost));
                }
                let mut cookie = self.browsers[at].cookie.clone();
                let (mut response, said) = self.server.http(self.now, &mut cookie, &request);
                self.browsers[at].cookie = cookie;
                if let Some(hook) = self.tamper.answer.as_mut() {
                    hook(at, &request.path, &mut response);
                }
                let outcome = HttpOutcome::Answer { status: response.status, body: response.body };
                self.queue.push_back(Event::Answer(at, request.id, outcome));
                self.say(said);
            }
            Event::Answer(at, id, outcome) => self.input(at, Input::Http { id, outcome }),
            Event::Connect(at, ticket) => match self.server.open(&ticket).filter(|_| !self.browsers[at].offline) {
                Some(socket) => {
                    self.owners.insert(socket, at);
                    self.browsers[at].socket = Some(socket);
                    self.input(at, Input::Socket(SocketEvent::Open));
                }
                None => self.input(at, Input::Socket(SocketEvent::Closed)),
            },
            Event::Up(at, socket, bytes) => {
                if self.browsers[at].socket != Some(socket) {
                    return;
                }
                self.wire.push(bytes.clone());
                let frame = ClientFrame::decode(&bytes).unwrap();
                let frames = self.tamper.up.as_mut().map_or_else(|| vec![frame.clone()], |hook| hook(at, frame.clone()));
                for frame in frames {
                    let said = self.server.frame(self.now, socket, &frame.encode());
                    self.say(said);
                }
            }
            Event::Down(at, socket, frame) => {
                if self.browsers[at].socket != Some(socket) {
                    return;
                }
                let event = match frame {
                    Some(frame) => SocketEvent::Frame(frame.encode()),
                    None => {
                        self.browsers[at].socket = None;
                        SocketEvent::Closed
                    }
                };
                self.input(at, Input::Socket(event));
            }
        }
    }

    fn say(&mut self, said: Vec<Said>) {
        for Said { socket, frame } in said {
            let Some(at) = self.owners.get(&socket).copied() else { continue };
            let Some(frame) = frame else {
                self.queue.push_back(Event::Down(at, socket, None));
                continue;
            };
            let frames = self.tamper.down.as_mut().map_or_else(|| vec![frame.clone()], |hook| hook(at, frame.clone()));
            self.queue.extend(frames.into_iter().map(|frame| Event::Down(at, socket, Some(frame))));
        }
    }

    fn input(&mut self, at: usize, input: Input) {
        let now = self.now;
        let Some(client) = self.browsers[at].client.as_mut() else { return };
        client.handle(now, input);
        self.drain(at);
    }

    fn drain(&mut self, at: usize) {
        loop {
            let browser = &mut self.browsers[at];
            let Some(output) = browser.client.as_mut().and_then(Client::poll) else { break };
            match output {
                Output::Persist(batch) => {
                    let (_, store) = browser.disk.as_mut().expect("a store to persist in");
                    let corrected = store.apply(&batch).unwrap();
                    browser.screens.extend(corrected);
                }
                Output::Transmit(bytes) => {
                    if let Some(socket) = browser.socket {
                        self.queue.push_back(Event::Up(at, socket, bytes));
                    }
                }
                Output::Http(request) => self.queue.push_back(Event::Request(at, request)),
                Output::OpenSocket { ticket } => self.queue.push_back(Event::Connect(at, ticket)),
                Output::CloseSocket => {
                    if let Some(socket) = browser.socket.take() {
                        self.server.forget(socket);
                    }
                }
                Output::Show(view::Event::Message { message }) => browser.screens.push(message),
                Output::Show(_) => {}
                Output::Answer { id, result } => {
                    browser.answers.insert(id, result);
                }
                Output::OpenStore { slot, fresh, .. } => {
                    if let Some(batch) = fresh {
                        let mut store = fresh_store();
                        store.apply(&batch).unwrap();
                        browser.disk = Some((slot, store));
                    }
                    let snapshot = browser.disk.as_ref().expect("a store to open").1.load().unwrap();
                    let now = self.now;
                    if let Some(client) = browser.client.as_mut() {
                        client.handle(now, Input::StoreOpened(snapshot));
                    }
                }
                Output::CloseStore { wipe } => {
                    if wipe {
                        browser.disk = None;
                    }
                }
            }
        }
        let now = self.now;
        let browser = &mut self.browsers[at];
        browser.timer = browser.client.as_ref().and_then(Client::poll_timeout).map(|due| due.max(now.plus(1)));
    }

    pub(crate) fn client(&self, at: usize) -> &Client<Cheap> {
        self.browsers[at].client.as_ref().unwrap()
    }

    pub(crate) fn account(&self, at: usize) -> AccountId {
        self.client(at).state().me.unwrap().id
    }

    pub(crate) fn describe(&self, at: usize) -> String {
        self.browsers[at].client.as_ref().map(Client::describe).unwrap_or_default()
    }

    /// Everything the store keeps of a conversation, in its order.
    pub(crate) fn messages(&self, at: usize, conversation: ConversationId) -> Vec<view::Message> {
        let Some((_, store)) = &self.browsers[at].disk else { return vec![] };
        store.messages(conversation, None, 100_000).unwrap().messages
    }

    /// The texts shown, in order, without the marker.
    pub(crate) fn texts(&self, at: usize, conversation: ConversationId) -> Vec<String> {
        let messages = self.messages(at, conversation).into_iter().filter(|message| message.system.is_none());
        messages.map(|message| message.text.split(MARKER).next().unwrap().trim().to_owned()).collect()
    }

    /// Sotto's own lines of a conversation.
    pub(crate) fn lines(&self, at: usize, conversation: ConversationId) -> Vec<SystemLine> {
        self.messages(at, conversation).into_iter().filter_map(|message| message.system).collect()
    }

    /// The conversation as its list shows it.
    pub(crate) fn view(&self, at: usize, conversation: ConversationId) -> view::Conversation {
        self.client(at).conversations().into_iter().find(|view| view.id == conversation).expect("in the list")
    }
}

impl Browser {
    pub(crate) fn fresh(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            disk: None,
            cookie: None,
            client: None,
            socket: None,
            timer: None,
            answers: BTreeMap::new(),
            offline: false,
            screens: vec![],
        }
    }
}

/// The password of a person; the marker stands in it.
pub(crate) fn password(name: &str) -> String {
    format!("Quiet-river-9-{MARKER}-{name}")
}

pub(crate) fn fresh_store() -> Store {
    Store::open(rusqlite::Connection::open_in_memory().unwrap()).unwrap()
}

/// A copy of a browser's store, as a thief or a backup makes it.
pub(crate) fn copy(store: &Store) -> Store {
    let mut copy = fresh_store();
    for batch in store.export().unwrap() {
        copy.apply(&batch).unwrap();
    }
    copy
}

fn real_time() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Millis(u64::try_from(since.as_millis()).unwrap())
}
