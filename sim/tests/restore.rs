//! The server is put back to an older copy: what was acknowledged since is on it again, once, and every browser goes on.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
};

use client_core::{
    Answer, Client, Command, Failure, HttpOutcome, Input, Output, SocketEvent, StoreKey,
    view::{ConnectionState, ConversationStatus, Message, MessageKind, MessageState, SystemLine},
};
use client_store::Store;
use shared::{ConversationId, MessageId, Millis, frame::ServerFrame};
use sim::{
    device::Device,
    server::{Said, Server},
};

const DAY: u64 = 24 * 60 * 60 * 1_000;
const PASSWORD: &str = "Quiet-river-1";

enum Event {
    Input(usize, Input),
    ToServer(u64, Vec<u8>),
    ToClient(usize, u64, Option<ServerFrame>),
}

/// A quiet town: nothing is lost on the way. Its server can be stopped, copied and put back.
struct Town {
    server: Option<Server>,
    folder: PathBuf,
    devices: Vec<Device>,
    now: Millis,
    queue: VecDeque<Event>,
    /// The page key of each browser's store.
    keys: BTreeMap<usize, StoreKey>,
    sockets: BTreeMap<u64, usize>,
    answers: BTreeMap<u64, Result<Answer, Failure>>,
    ids: u64,
    lives: u64,
}

impl Drop for Town {
    fn drop(&mut self) {
        self.server = None;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Town {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sotto-restore-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let mut town = Self {
            server: None,
            folder,
            devices: vec![],
            now: Millis(u64::try_from(since.as_millis()).unwrap()),
            queue: VecDeque::new(),
            keys: BTreeMap::new(),
            sockets: BTreeMap::new(),
            answers: BTreeMap::new(),
            ids: 0,
            lives: 0,
        };
        town.start();
        town
    }

    /// The server runs; nobody says which life of the database this is, so it draws a new store epoch.
    fn start(&mut self) {
        self.lives += 1;
        let store = server_core::Store::open(&self.folder.join("sotto.db")).unwrap();
        self.server = Some(Server::with(store, [7; 32], self.lives, self.now));
        for at in 0..self.devices.len() {
            self.queue.push_back(Event::Input(at, Input::Online));
        }
        self.settle();
    }

    fn stop(&mut self) {
        self.server = None;
        self.queue.clear();
        for (_, at) in std::mem::take(&mut self.sockets) {
            self.devices[at].socket = None;
            self.input(at, Input::Socket(SocketEvent::Closed));
        }
        self.settle();
    }

    /// Stops, copies the database, starts again: as an operator makes a backup.
    fn copy(&mut self) {
        self.stop();
        std::fs::copy(self.folder.join("sotto.db"), self.folder.join("copy.db")).unwrap();
        self.start();
    }

    fn put_back(&mut self) {
        self.stop();
        std::fs::copy(self.folder.join("copy.db"), self.folder.join("sotto.db")).unwrap();
        self.start();
    }

    fn browser(&mut self) -> usize {
        let mut device = Device::new(0);
        device.client = Some(Client::new([u8::try_from(self.devices.len()).unwrap() + 1; 32]));
        self.devices.push(device);
        self.devices.len() - 1
    }

    fn register(&mut self, name: &str) -> usize {
        let at = self.browser();
        self.command(at, Command::Register { username: name.into(), password: PASSWORD.into(), stay: true }).unwrap();
        at
    }

    fn log_in(&mut self, name: &str) -> usize {
        let at = self.browser();
        self.command(at, Command::Login { username: name.into(), password: PASSWORD.into(), stay: true }).unwrap();
        at
    }

    fn chat(&mut self, at: usize, with: &str) -> ConversationId {
        match self.command(at, Command::StartChat { username: with.into() }) {
            Ok(Answer::Conversation(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    fn say(&mut self, at: usize, conversation: ConversationId, text: &str) -> MessageId {
        self.ids += 1;
        let message = MessageId([[1; 8], self.ids.to_be_bytes()].concat().try_into().unwrap());
        self.command(at, Command::Send { conversation, message, text: text.into() }).unwrap();
        message
    }

    fn command(&mut self, at: usize, command: Command) -> Result<Answer, Failure> {
        self.ids += 1;
        let id = self.ids;
        self.queue.push_back(Event::Input(at, Device::command(id, command)));
        self.settle();
        self.answers.remove(&id).unwrap_or_else(|| panic!("no answer\n{}", self.describe()))
    }

    /// Closes a tab: nothing is said, nothing is heard.
    fn close(&mut self, at: usize) {
        if let Some(socket) = self.devices[at].socket.take() {
            self.sockets.remove(&socket);
            self.server.as_mut().unwrap().forget(socket);
        }
        self.devices[at].client = None;
    }

    fn open(&mut self, at: usize) {
        let snapshot = self.devices[at].disk.as_ref().unwrap().1.load().unwrap();
        self.devices[at].client = Some(Client::open([90 + u8::try_from(at).unwrap(); 32], snapshot, self.now).unwrap());
        self.drain(at);
        self.settle();
    }

    /// Until nothing is under way and nobody wants to be woken within 20 seconds.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            if let Some(event) = self.queue.pop_front() {
                self.happen(event);
                continue;
            }
            let clients = self.devices.iter().enumerate();
            let timers = clients.filter_map(|(at, device)| Some((device.client.as_ref()?.poll_timeout()?, at)));
            match timers.min() {
                Some((time, at)) if time.0 < self.now.0 + 20_000 && self.server.is_some() => {
                    self.now = Millis(self.now.0.max(time.0));
                    self.input(at, Input::Timeout);
                }
                _ => return,
            }
        }
        panic!("never quiet: {}", self.describe());
    }

    fn describe(&self) -> String {
        let described = self.devices.iter().map(|device| device.client.as_ref().map_or(String::new(), Client::describe));
        described.enumerate().map(|(at, text)| format!("browser {at}: {text}\n")).collect()
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Input(at, input) => self.input(at, input),
            Event::ToServer(socket, bytes) => {
                let now = self.now;
                let said = self.server.as_mut().map(|server| server.frame(now, socket, &bytes)).unwrap_or_default();
                self.hear(said);
            }
            Event::ToClient(at, socket, frame) if self.devices[at].socket == Some(socket) => {
                let event = frame.map_or(SocketEvent::Closed, |frame| SocketEvent::Frame(frame.encode()));
                self.input(at, Input::Socket(event));
            }
            Event::ToClient(..) => {}
        }
    }

    fn hear(&mut self, said: Vec<Said>) {
        for Said { socket, frame } in said {
            if let Some(at) = self.sockets.get(&socket) {
                self.queue.push_back(Event::ToClient(*at, socket, frame));
            }
        }
    }

    fn input(&mut self, at: usize, input: Input) {
        let now = self.now;
        if let Some(client) = self.devices[at].client.as_mut() {
            client.handle(now, input);
            self.drain(at);
        }
    }

    fn drain(&mut self, at: usize) {
        while let Some(output) = self.devices[at].client.as_mut().and_then(Client::poll) {
            match output {
                Output::Persist(batch) => {
                    self.devices[at].disk.as_mut().unwrap().1.apply(&batch).unwrap();
                }
                Output::Transmit(bytes) => {
                    let socket = self.devices[at].socket;
                    self.queue.extend(socket.map(|socket| Event::ToServer(socket, bytes)));
                }
                Output::Http(request) => self.http(at, &request),
                Output::OpenSocket { ticket } => {
                    let socket = self.server.as_mut().and_then(|server| server.open(&ticket));
                    self.devices[at].socket = socket;
                    self.sockets.extend(socket.map(|socket| (socket, at)));
                    let event = if socket.is_some() { SocketEvent::Open } else { SocketEvent::Closed };
                    self.queue.push_back(Event::Input(at, Input::Socket(event)));
                }
                Output::CloseSocket => {
                    if let Some(socket) = self.devices[at].socket.take() {
                        self.sockets.remove(&socket);
                        self.server.iter_mut().for_each(|server| server.forget(socket));
                    }
                }
                Output::Show(_) => {}
                Output::Answer { id, result } => {
                    self.answers.insert(id, result);
                }
                Output::OpenStore { slot, fresh, key, .. } => {
                    let made = self.keys.entry(at).or_insert_with(|| key.clone());
                    assert!(fresh.is_some() || *made == key, "a store opens with the key it was made with");
                    *made = key;
                    if let Some(batch) = fresh {
                        let mut store = Store::open(rusqlite::Connection::open_in_memory().unwrap()).unwrap();
                        store.apply(&batch).unwrap();
                        self.devices[at].disk = Some((slot, store));
                    }
                    let snapshot = self.devices[at].disk.as_ref().unwrap().1.load().unwrap();
                    self.queue.push_back(Event::Input(at, Input::StoreOpened(snapshot)));
                }
                Output::CloseStore { wipe } => {
                    if wipe {
                        self.devices[at].disk = None;
                    }
                }
            }
        }
    }

    fn http(&mut self, at: usize, request: &client_core::HttpRequest) {
        let (now, mut cookie) = (self.now, self.devices[at].cookie.clone());
        let outcome = match self.server.as_mut().map(|server| server.http(now, &mut cookie, request)) {
            None => HttpOutcome::Lost,
            Some((response, said)) => {
                self.hear(said);
                HttpOutcome::Answer { status: response.status, body: response.body }
            }
        };
        self.devices[at].cookie = cookie;
        self.queue.push_back(Event::Input(at, Input::Http { id: request.id, outcome }));
    }

    /// Ids of messages in the server's log.
    fn log(&mut self, conversation: ConversationId) -> Vec<MessageId> {
        self.server.as_mut().unwrap().look(|sql| {
            let rows = sql.query("SELECT conv_id, cmid FROM conv_msg WHERE kind = 0 ORDER BY conv_id, seq", &[]).unwrap();
            let ids = rows.into_iter().map(|mut row| (row.take::<[u8; 16]>().unwrap(), row.take::<[u8; 16]>().unwrap()));
            ids.filter(|(id, _)| *id == conversation.0).map(|(_, message)| MessageId(message)).collect()
        })
    }

    fn page(&self, at: usize, conversation: ConversationId) -> Vec<Message> {
        self.devices[at].disk.as_ref().unwrap().1.messages(conversation, None, 1_000).unwrap().messages
    }

    /// What a browser shows of a conversation, in its order.
    fn shown(&self, at: usize, conversation: ConversationId) -> Vec<MessageId> {
        let page = self.page(at, conversation);
        let holes = page.iter().filter(|m| matches!(m.system, Some(SystemLine::Hole { .. }))).count();
        assert_eq!(holes, 0, "browser {at} shows a hole:\n{page:#?}");
        page.iter().filter(|message| message.kind != MessageKind::System).map(|message| message.id).collect()
    }

    /// Everybody is connected, has nothing to send, and shows exactly these; the server has each once.
    fn holds(&mut self, conversation: ConversationId, browsers: &[usize], sent: &[MessageId]) {
        let sorted = |mut ids: Vec<MessageId>| {
            ids.sort_unstable();
            ids
        };
        let sent = sorted(sent.to_vec());
        for at in browsers {
            let state = self.devices[*at].client.as_ref().unwrap().state();
            assert_eq!((state.connection, state.waiting), (ConnectionState::Online, 0), "browser {at}\n{}", self.describe());
            let shown = sorted(self.shown(*at, conversation));
            assert_eq!(shown, sent, "browser {at} shows {} of {}\n{}", shown.len(), sent.len(), self.describe());
            let unsent = self.page(*at, conversation).into_iter().filter(|m| m.own && m.kind != MessageKind::System);
            let unsent = unsent.filter(|m| !matches!(m.state, MessageState::Stored | MessageState::Delivered)).count();
            assert_eq!(unsent, 0, "browser {at} shows as unsent what the server has");
        }
        let log = sorted(self.log(conversation));
        assert_eq!(log, sent, "the server has {} of {}\n{}", log.len(), sent.len(), self.describe());
    }
}

#[test]
fn messages_acknowledged_after_the_copy_are_offered_again() {
    let mut town = Town::new("messages");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let phone = town.log_in("bob");
    let id = town.chat(alice, "bob");
    let mut sent: Vec<_> = (0..3).map(|n| town.say(alice, id, &format!("before {n}"))).collect();
    town.copy();
    town.holds(id, &[alice, bob, phone], &sent);
    // The phone sleeps from here: it has not read what the server is about to lose.
    town.close(phone);
    for n in 0..4 {
        sent.push(town.say(alice, id, &format!("after {n}")));
        sent.push(town.say(bob, id, &format!("answer {n}")));
    }
    town.put_back();
    town.holds(id, &[alice, bob], &sent);
    assert_eq!(town.shown(bob, id), sent, "what was read stays in its place");
    assert_eq!(town.shown(alice, id), sent);
    town.open(phone);
    town.holds(id, &[alice, bob, phone], &sent);
    sent.push(town.say(alice, id, "new"));
    sent.push(town.say(phone, id, "from the phone"));
    town.holds(id, &[alice, bob, phone], &sent);
    assert_eq!(town.shown(bob, id), sent, "new ones stand behind all others");
    // The same once more.
    town.put_back();
    town.holds(id, &[alice, bob, phone], &sent);
    assert_eq!(town.shown(bob, id), sent);
}

#[test]
fn commits_after_the_copy_are_offered_again_by_who_made_them() {
    let mut town = Town::new("commits");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(alice, id, "one"), town.say(bob, id, "two")];
    town.copy();
    sent.push(town.say(bob, id, "in the epoch of the copy"));
    // Paths are a day old: each renews its own before it writes.
    for _ in 0..2 {
        town.now = town.now.plus(DAY + 1);
        sent.push(town.say(alice, id, "after alice's commit"));
        sent.push(town.say(bob, id, "after bob's commit"));
    }
    town.holds(id, &[alice, bob], &sent);
    town.put_back();
    town.holds(id, &[alice, bob], &sent);
    sent.push(town.say(alice, id, "it goes on"));
    sent.push(town.say(bob, id, "on both sides"));
    town.holds(id, &[alice, bob], &sent);
}

#[test]
fn who_waits_for_another_ones_commit_is_served_when_he_is_back() {
    let mut town = Town::new("waits");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(alice, id, "one")];
    town.copy();
    town.now = town.now.plus(DAY + 1);
    sent.push(town.say(alice, id, "after alice's commit"));
    town.holds(id, &[alice, bob], &sent);
    town.close(alice);
    sent.push(town.say(bob, id, "behind it"));
    town.close(bob);
    town.put_back();
    town.open(bob);
    let waiting = town.devices[bob].client.as_ref().unwrap().state().waiting;
    assert!(waiting > 0, "only alice can lead the server to that epoch: it is shown as waiting");
    town.open(alice);
    town.holds(id, &[alice, bob], &sent);
}

#[test]
fn a_conversation_of_after_the_copy_is_made_again() {
    let mut town = Town::new("created");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    town.copy();
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(alice, id, "one"), town.say(bob, id, "two")];
    town.put_back();
    town.holds(id, &[alice, bob], &sent);
    sent.push(town.say(bob, id, "three"));
    town.holds(id, &[alice, bob], &sent);
}

#[test]
fn inbox_and_settings_begin_again_with_the_servers_numbers() {
    let mut town = Town::new("numbers");
    let (alice, bob, carol) = (town.register("alice"), town.register("bob"), town.register("carol"));
    town.copy();
    // Bob's inbox and settings count up, and go back.
    let first = town.chat(alice, "bob");
    town.say(alice, first, "hello");
    town.command(bob, Command::Verify { conversation: first, verified: true }).unwrap();
    town.put_back();
    let phone = town.log_in("bob");
    let second = town.chat(carol, "bob");
    let sent = vec![town.say(carol, second, "a Welcome with a number that bob has seen before")];
    town.holds(second, &[bob, carol, phone], &sent);
    let there = town.devices[phone].client.as_ref().unwrap().conversations();
    let with_alice = there.iter().find(|conversation| conversation.id == first).unwrap();
    assert_eq!(with_alice.state, ConversationStatus::Ready);
    assert!(with_alice.verified, "the mark was written again");
}

#[test]
fn a_browser_that_the_copy_does_not_know_goes_on_as_a_new_one() {
    let mut town = Town::new("browser");
    let (alice, bob) = (town.register("alice"), town.register("bob"));
    let id = town.chat(alice, "bob");
    let mut sent = vec![town.say(alice, id, "one")];
    town.copy();
    town.close(alice);
    town.close(bob);
    let phone = town.log_in("bob");
    sent.push(town.say(phone, id, "waits for somebody to add this browser"));
    town.put_back();
    town.command(phone, Command::Unlock { password: PASSWORD.into() }).unwrap();
    town.open(alice);
    town.open(bob);
    sent.push(town.say(phone, id, "again"));
    town.holds(id, &[alice, bob], &sent);
    assert_eq!(town.shown(phone, id), sent[1..], "what was said before it came is not for it");
    // Its store opens with the secret that the new vault has.
    town.command(phone, Command::Lock).unwrap();
    town.command(phone, Command::Unlock { password: PASSWORD.into() }).unwrap();
    sent.push(town.say(phone, id, "unlocked"));
    town.holds(id, &[alice, bob], &sent);
}
