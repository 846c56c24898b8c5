//! A town without a network that loses anything: real cores and the real server, whose database can be copied and put back.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
};

use client_core::{
    Answer, Client, Command, Failure, HttpOutcome, Input, Output, SocketEvent, StoreKey,
    view::{ConnectionState, Message, MessageKind, MessageState, SystemLine},
};
use client_store::Store;
use shared::{ConversationId, MessageId, Millis, frame::ServerFrame};
use sim::{
    device::Device,
    server::{Said, Server},
};

pub(crate) const PASSWORD: &str = "Quiet-river-1";

pub(crate) enum Event {
    Input(usize, Input),
    ToServer(u64, Vec<u8>),
    ToClient(usize, u64, Option<ServerFrame>),
}

/// A quiet town: nothing is lost on the way. Its server can be stopped, copied and put back.
pub(crate) struct Town {
    pub(crate) server: Option<Server>,
    pub(crate) folder: PathBuf,
    pub(crate) devices: Vec<Device>,
    pub(crate) now: Millis,
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
    pub(crate) fn new(name: &str) -> Self {
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
    pub(crate) fn start(&mut self) {
        self.lives += 1;
        let store = server_core::Store::open(&self.folder.join("sotto.db")).unwrap();
        self.server = Some(Server::with(store, [7; 32], self.lives, self.now));
        for at in 0..self.devices.len() {
            self.queue.push_back(Event::Input(at, Input::Online));
        }
        self.settle();
    }

    pub(crate) fn stop(&mut self) {
        self.server = None;
        self.queue.clear();
        for (_, at) in std::mem::take(&mut self.sockets) {
            self.devices[at].socket = None;
            self.input(at, Input::Socket(SocketEvent::Closed));
        }
        self.settle();
    }

    /// Stops, copies the database, starts again: as an operator makes a backup.
    pub(crate) fn copy(&mut self) {
        self.stop();
        std::fs::copy(self.folder.join("sotto.db"), self.folder.join("copy.db")).unwrap();
        self.start();
    }

    pub(crate) fn put_back(&mut self) {
        self.stop();
        std::fs::copy(self.folder.join("copy.db"), self.folder.join("sotto.db")).unwrap();
        self.start();
    }

    pub(crate) fn browser(&mut self) -> usize {
        let mut device = Device::new(0);
        device.client = Some(Client::new([u8::try_from(self.devices.len()).unwrap() + 1; 32]));
        self.devices.push(device);
        self.devices.len() - 1
    }

    pub(crate) fn register(&mut self, name: &str) -> usize {
        let at = self.browser();
        self.command(at, Command::Register { username: name.into(), password: PASSWORD.into(), stay: true }).unwrap();
        at
    }

    pub(crate) fn log_in(&mut self, name: &str) -> usize {
        let at = self.browser();
        self.command(at, Command::Login { username: name.into(), password: PASSWORD.into(), stay: true }).unwrap();
        at
    }

    pub(crate) fn chat(&mut self, at: usize, with: &str) -> ConversationId {
        match self.command(at, Command::StartChat { username: with.into() }) {
            Ok(Answer::Conversation(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn say(&mut self, at: usize, conversation: ConversationId, text: &str) -> MessageId {
        self.ids += 1;
        let message = MessageId([[1; 8], self.ids.to_be_bytes()].concat().try_into().unwrap());
        self.command(at, Command::Send { conversation, message, text: text.into() }).unwrap();
        message
    }

    pub(crate) fn command(&mut self, at: usize, command: Command) -> Result<Answer, Failure> {
        self.ids += 1;
        let id = self.ids;
        self.queue.push_back(Event::Input(at, Device::command(id, command)));
        self.settle();
        self.answers.remove(&id).unwrap_or_else(|| panic!("no answer\n{}", self.describe()))
    }

    /// Closes a tab: nothing is said, nothing is heard.
    pub(crate) fn close(&mut self, at: usize) {
        if let Some(socket) = self.devices[at].socket.take() {
            self.sockets.remove(&socket);
            self.server.as_mut().unwrap().forget(socket);
        }
        self.devices[at].client = None;
    }

    pub(crate) fn open(&mut self, at: usize) {
        let snapshot = self.devices[at].disk.as_ref().unwrap().1.load().unwrap();
        self.devices[at].client = Some(Client::open([90 + u8::try_from(at).unwrap(); 32], snapshot, self.now).unwrap());
        self.drain(at);
        self.settle();
    }

    /// Until nothing is under way and nobody wants to be woken within 20 seconds.
    pub(crate) fn settle(&mut self) {
        for _ in 0..20_000 {
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

    pub(crate) fn describe(&self) -> String {
        let described = self.devices.iter().map(|device| device.client.as_ref().map_or(String::new(), Client::describe));
        described.enumerate().map(|(at, text)| format!("browser {at}: {text}\n")).collect()
    }

    pub(crate) fn happen(&mut self, event: Event) {
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

    pub(crate) fn hear(&mut self, said: Vec<Said>) {
        for Said { socket, frame } in said {
            if let Some(at) = self.sockets.get(&socket) {
                self.queue.push_back(Event::ToClient(*at, socket, frame));
            }
        }
    }

    pub(crate) fn input(&mut self, at: usize, input: Input) {
        let now = self.now;
        if let Some(client) = self.devices[at].client.as_mut() {
            client.handle(now, input);
            self.drain(at);
        }
    }

    pub(crate) fn drain(&mut self, at: usize) {
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

    pub(crate) fn http(&mut self, at: usize, request: &client_core::HttpRequest) {
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
    pub(crate) fn log(&mut self, conversation: ConversationId) -> Vec<MessageId> {
        self.server.as_mut().unwrap().look(|sql| {
            let rows = sql.query("SELECT conv_id, cmid FROM conv_msg WHERE kind = 0 ORDER BY conv_id, seq", &[]).unwrap();
            let ids = rows.into_iter().map(|mut row| (row.take::<[u8; 16]>().unwrap(), row.take::<[u8; 16]>().unwrap()));
            ids.filter(|(id, _)| *id == conversation.0).map(|(_, message)| MessageId(message)).collect()
        })
    }

    pub(crate) fn page(&self, at: usize, conversation: ConversationId) -> Vec<Message> {
        self.devices[at].disk.as_ref().unwrap().1.messages(conversation, None, 1_000).unwrap().messages
    }

    /// What a browser shows of a conversation, in its order.
    pub(crate) fn shown(&self, at: usize, conversation: ConversationId) -> Vec<MessageId> {
        let page = self.page(at, conversation);
        let holes = page.iter().filter(|m| matches!(m.system, Some(SystemLine::Hole { .. }))).count();
        assert_eq!(holes, 0, "browser {at} shows a hole:\n{page:#?}");
        page.iter().filter(|message| message.kind != MessageKind::System).map(|message| message.id).collect()
    }

    /// Everybody is connected, has nothing to send, and shows exactly these; the server has each once.
    pub(crate) fn holds(&mut self, conversation: ConversationId, browsers: &[usize], sent: &[MessageId]) {
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
