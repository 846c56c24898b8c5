//! Browsers and a server without a network, ready to go on from one prepared moment: cheap to copy, everything in between in
//! the hands of a script.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    time::{SystemTime, UNIX_EPOCH},
};

use client_core::{
    Answer, Client, Command, Failure, HttpOutcome, HttpRequest, Input, Method, Output, Row, Snapshot, SocketEvent, Space,
    view::{self, MessageKind, MessageState},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rand_core::RngCore as _;
use server_core::{Keys, Token};
use shared::{
    AccountId, Bytes, Code, ConversationId, MessageId, Millis,
    frame::{Append, ClientFrame, ServerFrame},
};
use sim::{
    device::Cheap,
    server::{Response, Said, Server, open_rules},
};

use crate::database::Database;

/// The last moment of ECMAScript's dates (ECMA-262, 21.4.1.1).
const LATEST: Millis = Millis(8_640_000_000_000_000);

/// State rows of a store, by space and key.
pub(crate) type Disk = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

/// A request as it travels.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
}

/// Something that was on its way once.
#[derive(Clone)]
pub(crate) enum Packet {
    Request(Request),
    Answer { status: u16, body: Vec<u8> },
    Up(Vec<u8>),
    Down(Vec<u8>),
}

/// Something on its way; the first number says whose it is.
#[derive(Clone)]
pub(crate) enum Event {
    Request(usize, u64, Request),
    Answer(usize, u64, Option<(u16, Vec<u8>)>),
    Connect(usize, String),
    Up(usize, u64, Vec<u8>),
    Down(usize, u64, Option<Vec<u8>>),
}

/// A browser.
#[derive(Default)]
pub(crate) struct Browser {
    pub(crate) disk: Option<Disk>,
    pub(crate) cookie: Option<Token>,
    pub(crate) client: Option<Client<Cheap>>,
    pub(crate) socket: Option<u64>,
    /// After so many outputs its core is gone.
    pub(crate) dies: Option<usize>,
    pub(crate) answers: BTreeMap<u64, Result<Answer, Failure>>,
}

/// Whose, in which conversation, its generation and epoch, and the number.
type Counter = (usize, ConversationId, u32, u64, u64);

/// What was sealed for a counter.
struct Form {
    message: MessageId,
    bytes: Bytes,
    free: Free,
}

/// Who may have a counter that was given out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Free {
    /// Who has it.
    No,
    /// Another message: the server says that it has none under it.
    Others,
    /// This one too, sealed anew: the server has refused it for good.
    All,
}

/// See the module.
pub(crate) struct Stage {
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) browsers: Vec<Browser>,
    pub(crate) queue: VecDeque<Event>,
    pub(crate) now: Millis,
    /// What was on its way so far, with whose it was: material for changes.
    pub(crate) tape: Rc<Vec<(usize, Packet)>>,
    /// Stores are as the cores left them: what is shown and sealed is judged.
    pub(crate) trusted: bool,
    pub(crate) taping: Option<Vec<(usize, Packet)>>,
    /// Every text with its author.
    told: BTreeSet<(AccountId, String)>,
    /// Messages of its own that each browser's store has had.
    own: BTreeSet<(usize, MessageId)>,
    /// What was sealed for a counter of a conversation in an epoch.
    sealed: BTreeMap<Counter, Form>,
    /// Of those that a core knows to be stored: its last request until then.
    stored: BTreeMap<(usize, MessageId), u64>,
    /// What each request of a core offered something to.
    asked: BTreeMap<(usize, u64), ConversationId>,
    owners: BTreeMap<u64, usize>,
    rng: ChaCha20Rng,
    ids: u64,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Millis(u64::try_from(since.as_millis()).unwrap_or(0));
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let keys = Keys::generate(&mut rng);
        Self::over(Database::new(), None, &keys, rng, now)
    }

    fn over(database: Database, epoch: Option<[u8; 16]>, keys: &Keys, mut rng: ChaCha20Rng, now: Millis) -> Self {
        let keys = Keys::from_bytes(&keys.to_bytes()).expect("its own bytes");
        // Of its own: a copy of the server must not draw again what the first one has drawn, a session's token for example.
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let server = Server::over(database.store(), epoch, keys, open_rules(), ChaCha20Rng::from_seed(seed), now);
        Self {
            server,
            database,
            browsers: vec![],
            queue: VecDeque::new(),
            now,
            tape: Rc::default(),
            trusted: true,
            taping: None,
            told: BTreeSet::new(),
            own: BTreeSet::new(),
            sealed: BTreeMap::new(),
            stored: BTreeMap::new(),
            asked: BTreeMap::new(),
            owners: BTreeMap::new(),
            rng,
            ids: 0,
        }
    }

    /// The same world from what is durable; nobody is on the line.
    pub(crate) fn fork(&self) -> Self {
        let database = self.database.fork();
        let mut fork = Self::over(database, Some(self.database.epoch()), self.server.keys(), self.rng.clone(), self.now);
        let copied =
            |browser: &Browser| Browser { disk: browser.disk.clone(), cookie: browser.cookie.clone(), ..Browser::default() };
        fork.browsers = self.browsers.iter().map(copied).collect();
        fork.tape = Rc::clone(&self.tape);
        fork.told = self.told.clone();
        fork.own = self.own.clone();
        fork.ids = self.ids;
        fork
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// A browser that knows nobody, and its first command.
    pub(crate) fn enter(&mut self, command: Command) -> usize {
        let seed = self.array();
        self.browsers.push(Browser { client: Some(Client::new(seed)), ..Browser::default() });
        let at = self.browsers.len() - 1;
        self.ask(at, command).expect("an honest server lets everybody in");
        at
    }

    /// A command that is answered at once or soon.
    pub(crate) fn ask(&mut self, at: usize, command: Command) -> Result<Answer, Failure> {
        let id = self.command(at, command);
        for _ in 0..40 {
            self.settle(10_000);
            if let Some(answer) = self.browsers[at].answers.remove(&id) {
                return answer;
            }
            self.wait(1_000);
        }
        panic!("a command without an answer: {}", self.browsers[at].client.as_ref().map(Client::describe).unwrap_or_default());
    }

    pub(crate) fn command(&mut self, at: usize, command: Command) -> u64 {
        self.ids += 1;
        // As the shell does: an id that the store has is not taken again (`has_own` in client-wasm/src/run.rs).
        if matches!(&command, Command::Send { message, .. } if self.own.contains(&(at, *message))) {
            return self.ids;
        }
        if let (Command::Send { text, .. }, Some(author)) = (&command, self.account(at)) {
            self.told.insert((author, text.clone()));
        }
        self.input(at, Input::Command { id: self.ids, command });
        self.ids
    }

    /// This account has said this text.
    pub(crate) fn tell(&mut self, author: AccountId, text: String) {
        self.told.insert((author, text));
    }

    /// A text nobody wrote before.
    pub(crate) fn send(&mut self, at: usize, conversation: ConversationId) {
        let (message, text) = (MessageId(self.array()), format!("text {}", self.told.len()));
        self.command(at, Command::Send { conversation, message, text });
    }

    pub(crate) fn account(&self, at: usize) -> Option<AccountId> {
        Some(self.browsers[at].client.as_ref()?.state().me?.id)
    }

    /// Everything under way arrives, in order.
    pub(crate) fn settle(&mut self, most: usize) {
        for _ in 0..most {
            let Some(event) = self.queue.pop_front() else { return };
            self.happen(event);
        }
    }

    /// Time passes and is noticed.
    pub(crate) fn wait(&mut self, millis: u64) {
        self.now = self.now.plus(millis);
        for at in 0..self.browsers.len() {
            let due = self.browsers[at].client.as_ref().and_then(Client::poll_timeout);
            if due.is_some_and(|due| due <= self.now) {
                self.input(at, Input::Timeout);
            }
        }
    }

    /// A core starts from its store; whatever a script did to it, the store opens.
    pub(crate) fn open(&mut self, at: usize) {
        self.close(at);
        let Some(disk) = &self.browsers[at].disk else { return };
        let snapshot = snapshot(disk);
        let seed = self.array();
        let client = Client::open(seed, snapshot, self.now);
        assert!(client.is_ok() || !self.trusted, "what a core wrote, a core reads");
        self.browsers[at].client = client.ok();
        self.drain(at);
    }

    /// A core ends without a word.
    pub(crate) fn close(&mut self, at: usize) {
        self.browsers[at].client = None;
        // The next one counts its requests anew and knows nothing of these.
        self.stored.retain(|(whose, _), _| *whose != at);
        self.asked.retain(|(whose, _), _| *whose != at);
        self.hang_up(at);
    }

    fn hang_up(&mut self, at: usize) {
        if let Some(socket) = self.browsers[at].socket.take() {
            self.server.forget(socket);
        }
    }

    /// The line breaks.
    pub(crate) fn cut(&mut self, at: usize) {
        self.hang_up(at);
        self.input(at, Input::Socket(SocketEvent::Closed));
    }

    fn tape(&mut self, at: usize, packet: impl FnOnce() -> Packet) {
        if let Some(tape) = &mut self.taping {
            tape.push((at, packet()));
        }
    }

    /// One thing arrives.
    pub(crate) fn happen(&mut self, event: Event) {
        match event {
            Event::Request(at, id, request) => {
                self.tape(at, || Packet::Request(request.clone()));
                let mut cookie = self.browsers[at].cookie.clone();
                let response = self.http(&mut cookie, request);
                self.browsers[at].cookie = cookie;
                self.queue.push_back(Event::Answer(at, id, Some((response.status, response.body))));
            }
            Event::Answer(at, id, answer) => {
                let outcome = answer.map_or(HttpOutcome::Lost, |(status, body)| {
                    self.tape(at, || Packet::Answer { status, body: body.clone() });
                    HttpOutcome::Answer { status, body }
                });
                self.input(at, Input::Http { id, outcome });
            }
            Event::Connect(at, ticket) => {
                let socket = self.server.open(&ticket);
                if let Some(socket) = socket {
                    self.owners.insert(socket, at);
                    self.browsers[at].socket = Some(socket);
                }
                let event = if socket.is_some() { SocketEvent::Open } else { SocketEvent::Closed };
                self.input(at, Input::Socket(event));
            }
            Event::Up(at, socket, bytes) => {
                self.tape(at, || Packet::Up(bytes.clone()));
                let said = self.server.frame(self.now, socket, &bytes);
                self.say(said);
            }
            Event::Down(at, socket, bytes) if self.browsers[at].socket == Some(socket) => match bytes {
                Some(bytes) => {
                    self.tape(at, || Packet::Down(bytes.clone()));
                    self.input(at, Input::Socket(SocketEvent::Frame(bytes)));
                }
                None => self.cut(at),
            },
            Event::Down(..) => {}
        }
    }

    /// A request with this cookie; what it makes the server say to others is under way afterwards.
    pub(crate) fn http(&mut self, cookie: &mut Option<Token>, Request { method, path, body }: Request) -> Response {
        let (response, said) = self.server.http(self.now, cookie, &HttpRequest { id: 0, method, path, body });
        self.say(said);
        response
    }

    pub(crate) fn say(&mut self, said: Vec<Said>) {
        for Said { socket, frame } in said {
            if let Some(at) = self.owners.get(&socket).copied() {
                self.queue.push_back(Event::Down(at, socket, frame.map(|frame| frame.encode())));
            }
        }
    }

    pub(crate) fn input(&mut self, at: usize, input: Input) {
        if let Input::Socket(SocketEvent::Frame(bytes)) = &input
            && let Ok(ServerFrame::Refused(refused)) = ServerFrame::decode(bytes)
            && refused.code() == Some(Code::OutOfTurn)
        {
            self.lacks(at, refused.request, refused.detail.unwrap_or(0));
        }
        let Some(client) = self.browsers[at].client.as_mut() else { return };
        client.handle(self.now, input);
        self.drain(at);
    }

    fn drain(&mut self, at: usize) {
        for _ in 0..10_000 {
            let browser = &mut self.browsers[at];
            let Some(output) = browser.client.as_mut().and_then(Client::poll) else { return };
            match browser.dies {
                Some(0) => {
                    browser.dies = None;
                    return self.close(at);
                }
                Some(left) => browser.dies = Some(left - 1),
                None => {}
            }
            match output {
                Output::Persist(batch) => {
                    write(browser.disk.as_mut().expect("a store to write to"), batch.rows);
                    self.own.extend(batch.messages.iter().filter(|row| row.message.own).map(|row| (at, row.message.id)));
                    let last = self.asked.range((at, 0)..=(at, u64::MAX)).next_back().map_or(0, |((_, request), _)| *request);
                    for message in batch.messages.iter().map(|row| &row.message).filter(|message| message.own) {
                        match message.state {
                            MessageState::Failed => self.free(at, message.conversation, message.id),
                            MessageState::Stored => drop(self.stored.entry((at, message.id)).or_insert(last)),
                            _ => {}
                        }
                    }
                    batch.gone.iter().for_each(|(conversation, message)| self.throw_away(at, *conversation, *message));
                    batch.messages.iter().for_each(|row| self.genuine(&row.message));
                }
                Output::Transmit(bytes) => {
                    if let Ok(ClientFrame::Append(append)) = ClientFrame::decode(&bytes) {
                        self.once(at, append);
                    }
                    if let Some(socket) = self.browsers[at].socket {
                        self.queue.push_back(Event::Up(at, socket, bytes));
                    }
                }
                Output::Http(HttpRequest { id, method, path, body }) => {
                    self.queue.push_back(Event::Request(at, id, Request { method, path, body }));
                }
                Output::OpenSocket { ticket } => self.queue.push_back(Event::Connect(at, ticket)),
                Output::CloseSocket => self.hang_up(at),
                Output::Show(view::Event::Message { message }) => self.genuine(&message),
                Output::Show(_) => {}
                Output::Answer { id, result } => {
                    browser.answers.insert(id, result);
                }
                Output::OpenStore { fresh, .. } => {
                    if let Some(batch) = fresh {
                        write(browser.disk.insert(Disk::new()), batch.rows);
                    }
                    let snapshot = browser.disk.as_ref().map(snapshot).unwrap_or_default();
                    let now = self.now;
                    if let Some(client) = browser.client.as_mut() {
                        client.handle(now, Input::StoreOpened(snapshot));
                    }
                }
                Output::CloseStore { wipe } if wipe => browser.disk = None,
                Output::CloseStore { .. } => {}
            }
        }
        panic!("a core that never stops");
    }

    /// Nobody but the author of a text can make a screen show it, and nobody can give it a time that a page has no date for.
    fn genuine(&self, message: &view::Message) {
        assert!(!self.trusted || message.at <= LATEST, "shown at {:?}", message.at);
        if self.trusted && message.kind == MessageKind::Text {
            let known = self.told.contains(&(message.author.id, message.text.clone()));
            assert!(known, "{:?} is shown as the author of {:?}", message.author.id, message.text);
        }
    }

    /// One counter in one epoch has one sealed form, also after a core died, until it is freed.
    fn once(&mut self, at: usize, append: Append) {
        let Append { request, conversation, generation, epoch, n, message, sealed } = append;
        self.asked.insert((at, request), conversation);
        let counter = (at, conversation, generation, epoch, n);
        if let Some(before) = self.sealed.get(&counter) {
            let same = before.message == message && before.bytes == sealed;
            let needs = if before.message == message { Free::All } else { Free::Others };
            assert!(!self.trusted || same || before.free >= needs, "two sealed forms under one counter");
        }
        self.sealed.insert(counter, Form { message, bytes: sealed, free: Free::No });
    }

    /// A server waits for this counter. True or not: what was not known to be stored before the request has none any more.
    fn lacks(&mut self, at: usize, request: u64, expected: u64) {
        let Some(of) = self.asked.get(&(at, request)) else { return };
        let theirs = self.sealed.iter_mut().filter(|(counter, _)| (counter.0, &counter.1) == (at, of) && counter.4 >= expected);
        for (_, form) in theirs {
            if self.stored.get(&(at, form.message)).is_none_or(|known| *known < request) {
                form.free = form.free.max(Free::Others);
            }
        }
    }

    /// The server has refused this one for good.
    fn free(&mut self, at: usize, of: ConversationId, message: MessageId) {
        let its = |counter: &Counter, form: &Form| (counter.0, counter.1, form.message) == (at, of, message);
        self.sealed.iter_mut().filter(|(counter, form)| its(counter, form)).for_each(|(_, form)| form.free = Free::All);
    }

    /// It is thrown away: what is behind it is counted anew.
    fn throw_away(&mut self, at: usize, of: ConversationId, message: MessageId) {
        let theirs = |counter: &Counter| (counter.0, counter.1) == (at, of);
        let its = self.sealed.iter().filter(|(counter, form)| theirs(counter) && form.message == message);
        let Some(first) = its.map(|(counter, _)| counter.4).min() else { return };
        let behind = self.sealed.iter_mut().filter(|(counter, _)| theirs(counter) && counter.4 >= first);
        behind.for_each(|(_, form)| form.free = form.free.max(Free::Others));
    }
}

/// As a core takes it.
pub(crate) fn snapshot(disk: &Disk) -> Snapshot {
    let row = |((space, key), value): (&(u8, Vec<u8>), &Vec<u8>)| {
        Some(Row { space: Space::from_byte(*space)?, key: key.clone(), value: Some(value.clone()) })
    };
    Snapshot { rows: disk.iter().filter_map(row).collect() }
}

fn write(disk: &mut Disk, rows: Vec<Row>) {
    for Row { space, key, value } in rows {
        match value {
            Some(value) => disk.insert((space.byte(), key), value),
            None => disk.remove(&(space.byte(), key)),
        };
    }
}
