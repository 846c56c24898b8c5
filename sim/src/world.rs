//! The world: people with browsers, a server, a network with moods, and one clock.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::{SystemTime, UNIX_EPOCH},
};

use client_core::{Answer, Client, Command, HttpOutcome, Input, Output, SocketEvent, view};
use client_store::Store;
use shared::{MessageId, Millis, frame::ServerFrame};

use crate::{
    device::{Asked, Device, Sending},
    faults::{Dice, Fault},
    server::{Said, Server},
};

/// A person.
pub struct Person {
    /// Handle.
    pub name: String,
    /// Password.
    pub password: String,
    /// Has an account.
    pub registered: bool,
}

/// What will happen.
enum Happening {
    Request { device: usize, run: u64, request: client_core::HttpRequest },
    Answer { device: usize, run: u64, id: u64, outcome: HttpOutcome },
    Connect { device: usize, run: u64, ticket: String },
    ToServer { socket: u64, bytes: Vec<u8> },
    ToClient { device: usize, run: u64, socket: u64, frame: Option<ServerFrame> },
    Timer { device: usize, run: u64 },
    Act { device: usize },
    Start { device: usize },
}

/// A text somebody was told is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Who wrote it.
    pub device: usize,
    /// What.
    pub text: String,
}

/// How a run is shaped.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// People.
    pub people: usize,
    /// Texts in all.
    pub texts: usize,
}

/// See the module.
pub struct World {
    /// The one source of decisions.
    pub dice: Dice,
    /// The server.
    pub server: Server,
    /// People.
    pub people: Vec<Person>,
    /// Browsers.
    pub devices: Vec<Device>,
    /// Texts whose sender was told that they are kept.
    pub kept: BTreeMap<MessageId, Kept>,
    /// What a check found while running.
    pub found: Vec<String>,
    now: Millis,
    start: Millis,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    sequence: u64,
    sockets: BTreeMap<u64, (usize, u64)>,
    last: BTreeMap<(u64, bool), u64>,
    ids: u64,
    texts: usize,
    steps: u64,
}

/// The simulation ends in trouble after so much simulated time of calm.
const PATIENCE: u64 = 30 * 60 * 1_000;

impl World {
    /// A world from a seed.
    #[must_use]
    pub fn new(seed: u64, shape: Shape) -> Self {
        let mut dice = Dice::new(seed);
        let real = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let now = Millis(u64::try_from(real).unwrap_or(0));
        let server = Server::new(dice.seed(), now);
        let people = (0..shape.people)
            .map(|n| Person { name: format!("person-{n}"), password: format!("Quiet-river-{n}"), registered: false })
            .collect::<Vec<_>>();
        let mut world = Self {
            dice,
            server,
            people,
            devices: vec![],
            kept: BTreeMap::new(),
            found: vec![],
            now,
            start: now,
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            sequence: 0,
            sockets: BTreeMap::new(),
            last: BTreeMap::new(),
            ids: 0,
            texts: shape.texts,
            steps: 0,
        };
        for person in 0..shape.people {
            world.add_device(person);
        }
        world
    }

    fn add_device(&mut self, person: usize) {
        self.devices.push(Device::new(person));
        let device = self.devices.len() - 1;
        self.after(1, Happening::Start { device });
        let pause = 10 + self.dice.below(500);
        self.after(pause, Happening::Act { device });
    }

    fn after(&mut self, millis: u64, happening: Happening) {
        self.at(self.now.0 + millis, happening);
    }

    fn at(&mut self, time: u64, happening: Happening) {
        self.sequence += 1;
        self.queue.push(Reverse((time, self.sequence)));
        self.happenings.insert(self.sequence, happening);
    }

    /// Runs to the end: first with faults, then in calm until everybody has everything.
    pub fn run(&mut self) {
        while self.texts > 0 && self.steps < 200_000 {
            if !self.step() {
                break;
            }
        }
        self.dice.calm = true;
        let calm = self.now.0;
        while !self.settled() {
            if self.now.0 > calm + PATIENCE || !self.step() {
                self.found.push(format!("not settled after {} s of calm: {}", (self.now.0 - calm) / 1_000, self.unsettled()));
                let all = self.devices.iter().enumerate();
                let described =
                    all.filter_map(|(at, device)| Some(format!("device {at}: {}", device.client.as_ref()?.describe())));
                self.found.extend(described.collect::<Vec<_>>());
                break;
            }
        }
    }

    fn settled(&self) -> bool {
        self.unsettled().is_empty()
    }

    fn unsettled(&self) -> String {
        for (at, device) in self.devices.iter().enumerate() {
            let Some(client) = &device.client else { return format!("device {at} is not running") };
            let state = client.state();
            if state.phase != view::Phase::Open || state.session != view::SessionState::Live {
                return format!("device {at} is {:?} {:?}", state.phase, state.session);
            }
            if state.connection != view::ConnectionState::Online || state.waiting > 0 {
                return format!("device {at} is {:?}, {} waiting", state.connection, state.waiting);
            }
            if let Some(starting) = client.conversations().iter().find(|c| c.state == view::ConversationStatus::Starting) {
                return format!("device {at} is not in {} yet", starting.id);
            }
            if !device.asked.is_empty() || !device.again.is_empty() {
                return format!("device {at} has commands without an answer: {:?}", device.asked);
            }
        }
        let busy = self.happenings.values().any(|h| !matches!(h, Happening::Timer { .. } | Happening::Act { .. }));
        if busy {
            return "something is under way".to_owned();
        }
        crate::checks::behind(self)
    }

    fn step(&mut self) -> bool {
        let Some(Reverse((time, id))) = self.queue.pop() else { return false };
        let Some(happening) = self.happenings.remove(&id) else { return true };
        self.now = Millis(self.now.0.max(time));
        self.steps += 1;
        match happening {
            Happening::Start { device } => self.start(device),
            Happening::Act { device } => self.act(device),
            Happening::Timer { device, run } => {
                if let Some(device) =
                    self.devices.get_mut(device).filter(|device| device.run == run && device.timer == Some(time))
                {
                    device.timer = None;
                }
                self.input(device, run, Input::Timeout);
            }
            Happening::Request { device, run, request } => self.request(device, run, &request),
            Happening::Answer { device, run, id, outcome } => self.input(device, run, Input::Http { id, outcome }),
            Happening::Connect { device, run, ticket } => self.connect(device, run, &ticket),
            Happening::ToServer { socket, bytes } => self.reach_server(socket, &bytes),
            Happening::ToClient { device, run, socket, frame } => self.reach_client(device, run, socket, frame),
        }
        true
    }

    /// A core begins: from its disk, or knowing nobody.
    fn start(&mut self, at: usize) {
        let seed = self.dice.seed();
        let now = self.now;
        let Some(device) = self.devices.get_mut(at) else { return };
        if device.client.is_some() {
            return;
        }
        let client = match &device.disk {
            None => Ok(Client::new(seed)),
            Some((_, store)) => store
                .load()
                .map_err(|error| error.to_string())
                .and_then(|snapshot| Client::open(seed, snapshot, now).map_err(|failure| failure.code)),
        };
        match client {
            Ok(client) => device.client = Some(client),
            Err(error) => return self.found.push(format!("device {at} does not start: {error}")),
        }
        self.drain(at);
        let again = self.devices.get_mut(at).map(|device| core::mem::take(&mut device.again)).unwrap_or_default();
        for sending in again {
            self.send(at, sending);
        }
    }

    /// A person does something.
    fn act(&mut self, at: usize) {
        let pause = 20 + self.dice.below(400);
        self.after(pause, Happening::Act { device: at });
        let Some(device) = self.devices.get(at) else { return };
        let Some(client) = &device.client else { return };
        let state = client.state();
        let person = device.person;
        let entering = device.asked.values().any(|asked| matches!(asked, Asked::Enter));
        let (Some(who), false) = (self.people.get(person), entering) else { return };
        let (username, password) = (who.name.clone(), who.password.clone());
        match (state.phase, state.session) {
            (view::Phase::SignedOut, _) if who.registered => {
                self.ask(at, Asked::Enter, Command::Login { username, password, stay: true });
            }
            (view::Phase::SignedOut, _) => self.ask(at, Asked::Enter, Command::Register { username, password, stay: true }),
            (view::Phase::Locked, _) | (view::Phase::Open, view::SessionState::Ended) => {
                self.ask(at, Asked::Enter, Command::Unlock { password });
            }
            (view::Phase::Open, view::SessionState::Live) if !self.dice.calm => self.live(at),
            (view::Phase::Open, _) => {}
        }
    }

    /// Somebody who is in writes, starts conversations, opens another browser, hands over to another tab.
    fn live(&mut self, at: usize) {
        let person = self.devices.get(at).map_or(0, |device| device.person);
        let roll = self.dice.below(100);
        if roll < 3 && self.devices.iter().filter(|device| device.person == person).count() < 3 && self.kept.len() > 4 {
            self.dice.counts.saw(Fault::JoinedLate);
            return self.add_device(person);
        }
        if roll < 5 && self.devices.get(at).is_some_and(|device| device.client.is_some()) {
            self.dice.counts.saw(Fault::TabHandover);
            return self.crash(at);
        }
        if roll < 8 {
            return self.copy_or_roll_back(at);
        }
        let conversations = self.views(at);
        let other = self.dice.below(u64::try_from(self.people.len()).unwrap_or(1));
        let other = usize::try_from(other).unwrap_or(0);
        let name = self.people.get(other).map(|person| person.name.clone()).unwrap_or_default();
        let has = conversations.iter().any(|conversation| conversation.with.name == name);
        let busy = self.devices.get(at).is_some_and(|device| device.asked.values().any(|asked| matches!(asked, Asked::Start)));
        if !has && !busy && self.people.get(other).is_some_and(|person| person.registered) {
            return self.ask(at, Asked::Start, Command::StartChat { username: name });
        }
        let count = u64::try_from(conversations.len()).unwrap_or(0);
        if count == 0 || self.texts == 0 {
            return;
        }
        let pick = usize::try_from(self.dice.below(count)).unwrap_or(0);
        let burst = 1 + self.dice.below(4);
        for _ in 0..burst {
            let Some(conversation) = conversations.get(pick) else { return };
            self.texts = self.texts.saturating_sub(1);
            let message = MessageId(self.dice.id());
            let text = format!("text {} of device {at}", self.texts);
            let sending = Sending { with: conversation.with.id, conversation: conversation.id, message, text };
            self.send(at, sending);
        }
    }

    /// Keeps a copy of a profile, or brings an old one back: the newer one's memory is gone.
    fn copy_or_roll_back(&mut self, at: usize) {
        let Some(device) = self.devices.get_mut(at) else { return };
        let waiting = device.client.as_ref().is_none_or(|client| client.state().waiting > 0) || !device.asked.is_empty();
        match (&device.disk, device.copy.take()) {
            (Some((slot, store)), None) if !waiting => {
                device.copy = store.export().ok().map(|batches| (slot.clone(), batches));
            }
            (Some(_), Some((slot, batches))) if !waiting => {
                let Ok(mut store) = fresh_store() else { return };
                for batch in &batches {
                    if store.apply(batch).is_err() {
                        return self.found.push(format!("device {at}: a copied store does not take its rows"));
                    }
                }
                device.disk = Some((slot, store));
                device.rolled_back = true;
                self.dice.counts.saw(Fault::ProfileRolledBack);
                self.crash(at);
            }
            (_, copy) => device.copy = copy,
        }
    }

    fn views(&self, at: usize) -> Vec<view::Conversation> {
        self.devices.get(at).map(conversations).unwrap_or_default()
    }

    fn send(&mut self, at: usize, sending: Sending) {
        let known = self.devices.get(at).and_then(|device| device.disk.as_ref());
        // As the shell does: what the store has was taken by an earlier run.
        if known.is_some_and(|(_, store)| store.has_own(sending.message).unwrap_or(false)) {
            self.kept.insert(sending.message, Kept { device: at, text: sending.text });
            return;
        }
        let now_at = self.views(at).into_iter().find(|c| c.with.id == sending.with).map(|c| c.id);
        let conversation = now_at.unwrap_or(sending.conversation);
        let command = Command::Send { conversation, message: sending.message, text: sending.text.clone() };
        self.ask(at, Asked::Send(Sending { conversation, ..sending }), command);
    }

    fn ask(&mut self, at: usize, asked: Asked, command: Command) {
        self.ids += 1;
        let id = self.ids;
        let Some(device) = self.devices.get_mut(at) else { return };
        if device.client.is_none() {
            if let Asked::Send(sending) = asked {
                device.again.push(sending);
            }
            return;
        }
        device.asked.insert(id, asked);
        let run = device.run;
        self.input(at, run, Device::command(id, command));
    }

    fn input(&mut self, at: usize, run: u64, input: Input) {
        let now = self.now;
        let Some(device) = self.devices.get_mut(at).filter(|device| device.run == run) else { return };
        let Some(client) = device.client.as_mut() else { return };
        client.handle(now, input);
        self.drain(at);
    }

    fn crash(&mut self, at: usize) {
        if let Some(device) = self.devices.get_mut(at) {
            if let Some(socket) = device.socket {
                self.server.forget(socket);
            }
            device.die();
        }
        let pause = 5 + self.dice.below(2_000);
        self.after(pause, Happening::Start { device: at });
    }

    /// Does what the core says, in its order; it may die before any of it.
    fn drain(&mut self, at: usize) {
        loop {
            let Some(device) = self.devices.get_mut(at) else { return };
            let run = device.run;
            let Some(output) = device.client.as_mut().and_then(Client::poll) else { break };
            if self.dice.happens(Fault::ClientCrash, 2) {
                return self.crash(at);
            }
            match output {
                Output::Persist(batch) => {
                    if self.dice.happens(Fault::PersistFailed, 2) {
                        return self.crash(at);
                    }
                    let applied =
                        self.devices.get_mut(at).and_then(|device| device.disk.as_mut()).map(|(_, store)| store.apply(&batch));
                    match applied {
                        Some(Ok(_)) => {}
                        Some(Err(error)) => self.found.push(format!("device {at}: {error}")),
                        None => self.found.push(format!("device {at} persists without a store")),
                    }
                }
                Output::Transmit(bytes) => self.transmit(at, bytes),
                Output::Http(request) => self.http(at, run, request),
                Output::OpenSocket { ticket } => {
                    let pause = self.latency();
                    self.after(pause, Happening::Connect { device: at, run, ticket });
                }
                Output::CloseSocket => {
                    if let Some(socket) = self.devices.get_mut(at).and_then(|device| device.socket.take()) {
                        self.sockets.remove(&socket);
                        self.server.forget(socket);
                    }
                }
                Output::Show(_) => {}
                Output::Answer { id, result } => self.answered(at, id, result),
                Output::OpenStore { slot, fresh, .. } => return self.open_store(at, slot, fresh),
                Output::CloseStore { wipe } => {
                    if let Some(device) = self.devices.get_mut(at)
                        && wipe
                    {
                        device.disk = None;
                    }
                }
            }
        }
        let due = self.now.0 + 1;
        let Some(device) = self.devices.get_mut(at) else { return };
        let time = device.client.as_ref().and_then(Client::poll_timeout).map(|time| time.0.max(due));
        let run = device.run;
        if let Some(time) = time
            && device.timer.is_none_or(|set| time < set)
        {
            device.timer = Some(time);
            self.at(time, Happening::Timer { device: at, run });
        }
    }

    fn open_store(&mut self, at: usize, slot: client_core::Slot, fresh: Option<Box<client_core::Batch>>) {
        let Some(device) = self.devices.get_mut(at) else { return };
        let run = device.run;
        if let Some(batch) = fresh {
            let made =
                fresh_store().and_then(|mut store| store.apply(&batch).map(|_| store).map_err(|error| error.to_string()));
            match made {
                Ok(store) => device.disk = Some((slot, store)),
                Err(error) => return self.found.push(format!("device {at}: {error}")),
            }
        }
        let snapshot = device.disk.as_ref().map(|(_, store)| store.load());
        match snapshot {
            Some(Ok(snapshot)) => self.input(at, run, Input::StoreOpened(snapshot)),
            _ => self.input(at, run, Input::StoreFailed("no store".to_owned())),
        }
    }

    fn answered(&mut self, at: usize, id: u64, result: Result<Answer, client_core::Failure>) {
        let Some(device) = self.devices.get_mut(at) else { return };
        let person = device.person;
        let Some(asked) = device.asked.remove(&id) else { return };
        match (asked, result) {
            (Asked::Enter, Ok(_)) => {
                if let Some(person) = self.people.get_mut(person) {
                    person.registered = true;
                }
            }
            (Asked::Enter, Err(failure)) if failure.code == "username_taken" => {
                // The answer of an earlier finish was lost: the account exists.
                if let Some(person) = self.people.get_mut(person) {
                    person.registered = true;
                }
            }
            (Asked::Send(sending), Ok(_)) => {
                self.kept.insert(sending.message, Kept { device: at, text: sending.text });
            }
            // The conversation moved while the text was on its way to the core.
            (Asked::Send(sending), Err(failure)) if failure.code == "not_found" => {
                if let Some(device) = self.devices.get_mut(at) {
                    device.again.push(sending);
                }
            }
            // An earlier registration that a crash cut off is still being settled: the person tries again.
            (Asked::Enter, Err(failure)) if failure.code == "busy" => {}
            (Asked::Enter, Err(failure)) if self.dice.calm && failure.code != "offline" => {
                self.found.push(format!("device {at} can't get in: {failure:?}"));
            }
            (Asked::Send(_), Err(failure)) => self.found.push(format!("device {at}: a text was refused: {failure:?}")),
            _ => {}
        }
    }

    fn latency(&mut self) -> u64 {
        1 + self.dice.below(40)
    }

    fn http(&mut self, at: usize, run: u64, request: client_core::HttpRequest) {
        let pause = self.latency();
        if self.dice.happens(Fault::RequestLost, 20) {
            let lost = Happening::Answer { device: at, run, id: request.id, outcome: HttpOutcome::Lost };
            return self.after(pause, lost);
        }
        self.after(pause, Happening::Request { device: at, run, request });
    }

    fn request(&mut self, at: usize, run: u64, request: &client_core::HttpRequest) {
        let now = self.now;
        // A request on the wire is carried out even when its core has died meanwhile.
        let Some(device) = self.devices.get_mut(at) else { return };
        let mut cookie = device.cookie.clone();
        let (response, said) = self.server.http(now, &mut cookie, request);
        if response.status == 409 && request.path.ends_with("/commits") {
            self.dice.counts.saw(Fault::RaceLost);
        }
        if response.status == 409 && request.path == "/api/conversations" {
            self.dice.counts.saw(Fault::CreationLost);
        }
        let lost = self.dice.happens(Fault::AnswerLost, 20);
        let outcome = if lost {
            HttpOutcome::Lost
        } else {
            if let Some(device) = self.devices.get_mut(at) {
                device.cookie = cookie;
            }
            HttpOutcome::Answer { status: response.status, body: response.body }
        };
        let pause = self.latency();
        self.after(pause, Happening::Answer { device: at, run, id: request.id, outcome });
        self.say(said);
        self.maybe_crash_server();
    }

    fn connect(&mut self, at: usize, run: u64, ticket: &str) {
        if self.devices.get(at).is_none_or(|device| device.run != run) {
            return;
        }
        match self.server.open(ticket) {
            Some(socket) => {
                self.sockets.insert(socket, (at, run));
                if let Some(device) = self.devices.get_mut(at) {
                    device.socket = Some(socket);
                }
                self.input(at, run, Input::Socket(SocketEvent::Open));
            }
            None => self.input(at, run, Input::Socket(SocketEvent::Closed)),
        }
    }

    /// Frames of one socket and direction arrive in order, unless a fault says otherwise.
    fn in_order(&mut self, socket: u64, up: bool) -> u64 {
        let pause = self.latency();
        let overtakes = !up && self.dice.happens(Fault::FrameReordered, 5);
        let earliest = if overtakes { 0 } else { self.last.get(&(socket, up)).copied().unwrap_or(0) };
        let time = (self.now.0 + pause).max(earliest);
        let last = self.last.entry((socket, up)).or_default();
        *last = (*last).max(time);
        time
    }

    fn transmit(&mut self, at: usize, bytes: Vec<u8>) {
        let Some(socket) = self.devices.get(at).and_then(|device| device.socket) else { return };
        if self.dice.happens(Fault::SocketBroken, 3) {
            return self.break_socket(socket);
        }
        let time = self.in_order(socket, true);
        if self.dice.happens(Fault::FrameDoubled, 5)
            && !matches!(shared::frame::ClientFrame::decode(&bytes), Ok(shared::frame::ClientFrame::Hello(_)))
        {
            self.at(time, Happening::ToServer { socket, bytes: bytes.clone() });
        }
        self.at(time, Happening::ToServer { socket, bytes });
    }

    fn break_socket(&mut self, socket: u64) {
        self.server.forget(socket);
        if let Some((device, run)) = self.sockets.remove(&socket) {
            let pause = self.latency();
            self.after(pause, Happening::ToClient { device, run, socket, frame: None });
        }
    }

    fn reach_server(&mut self, socket: u64, bytes: &[u8]) {
        if !self.sockets.contains_key(&socket) {
            return;
        }
        let now = self.now;
        let said = self.server.frame(now, socket, bytes);
        for frame in said.iter().filter_map(|said| said.frame.as_ref()) {
            if matches!(frame, ServerFrame::Refused(refused) if refused.code == "stale_epoch") {
                self.dice.counts.saw(Fault::SealedAgain);
            }
            if let ServerFrame::Refused(refused) = frame
                && !matches!(refused.code.as_str(), "stale_epoch" | "out_of_turn" | "commit_first" | "not_found")
            {
                self.found.push(format!("an honest client was refused: {refused:?}"));
            }
        }
        self.say(said);
        self.maybe_crash_server();
    }

    fn say(&mut self, said: Vec<Said>) {
        for Said { socket, frame } in said {
            let Some((device, run)) = self.sockets.get(&socket).copied() else { continue };
            if frame.is_none() {
                self.sockets.remove(&socket);
            } else if self.dice.happens(Fault::SocketBroken, 2) {
                self.break_socket(socket);
                continue;
            }
            let time = self.in_order(socket, false);
            self.at(time, Happening::ToClient { device, run, socket, frame });
        }
    }

    fn reach_client(&mut self, at: usize, run: u64, socket: u64, frame: Option<ServerFrame>) {
        let Some(device) = self.devices.get_mut(at).filter(|device| device.run == run && device.socket == Some(socket)) else {
            return;
        };
        let event = match frame {
            Some(frame) => SocketEvent::Frame(frame.encode()),
            None => {
                device.socket = None;
                SocketEvent::Closed
            }
        };
        self.input(at, run, Input::Socket(event));
    }

    fn maybe_crash_server(&mut self) {
        if self.dice.happens(Fault::ServerCrash, 2) {
            let open = self.server.crash();
            for socket in open {
                if let Some((device, run)) = self.sockets.remove(&socket) {
                    let pause = self.latency();
                    self.after(pause, Happening::ToClient { device, run, socket, frame: None });
                }
            }
        }
    }

    /// Simulated seconds so far.
    #[must_use]
    pub const fn seconds(&self) -> u64 {
        (self.now.0 - self.start.0) / 1_000
    }

    /// Happenings so far.
    #[must_use]
    pub const fn steps(&self) -> u64 {
        self.steps
    }
}

fn fresh_store() -> Result<Store, String> {
    let connection = rusqlite::Connection::open_in_memory().map_err(|error| error.to_string())?;
    Store::open(connection).map_err(|error| error.to_string())
}

/// What a browser lists.
#[must_use]
pub fn conversations(device: &Device) -> Vec<view::Conversation> {
    let Some(client) = &device.client else { return vec![] };
    client.conversations()
}
