//! The world: people with browsers, a server, a network with moods, and one clock.

mod calamity;
mod network;
mod people;
mod rest;
mod restore;
mod shell;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

use client_core::{HttpOutcome, Input};
use shared::{MessageId, Millis, frame::ServerFrame};

use crate::{
    clock::{self, Clock},
    device::Device,
    faults::Dice,
    history::{Fact, History, Id},
    sender_data::Secrets,
    server::Server,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// People.
    pub people: usize,
    /// Texts in all.
    pub texts: usize,
}

impl Shape {
    /// Small enough that thousands of worlds can be seen in minutes: two to four people, 10 to 50 texts.
    #[must_use]
    pub fn short(seed: u64) -> Self {
        // A stream of its own, so that the shape may change without changing the decisions.
        let mut dice = Dice::new(seed ^ 0x5a5a_5a5a_5a5a_5a5a);
        let people = match dice.below(10) {
            0..6 => 2,
            6..9 => 3,
            _ => 4,
        };
        let texts = 10 + usize::try_from(dice.below(40)).unwrap_or(0);
        Self { people, texts }
    }

    /// One of the worlds of `--long`: many people, days of talk.
    #[must_use]
    pub const fn long() -> Self {
        Self { people: 6, texts: 20_000 }
    }
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
    /// What happened, for the judge.
    pub history: History,
    /// Tell everything that happens on standard error.
    pub trace: bool,
    now: Millis,
    start: Millis,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    sequence: u64,
    sockets: BTreeMap<u64, (usize, u64)>,
    /// Sockets that look open and carry nothing.
    dead: BTreeSet<u64>,
    last: BTreeMap<(u64, bool), u64>,
    ids: u64,
    texts: usize,
    steps: u64,
    clock: Option<Clock>,
    operator: Option<restore::Operator>,
    leapt: bool,
    secrets: Secrets,
    /// What was offered before anybody's disk held the secret that reads it.
    unread: Vec<(Id, Id, u32, Vec<u8>)>,
    leaves: BTreeMap<(Id, Id), u64>,
}

/// The simulation ends in trouble after so much simulated time of calm.
const PATIENCE: u64 = 30 * 60 * 1_000;
/// No honest world of this many texts takes more steps.
const STEPS_A_TEXT: u64 = 4_000;

impl World {
    /// A world from a seed.
    #[must_use]
    pub fn new(seed: u64, shape: Shape) -> Self {
        Self::under(seed, shape, None)
    }

    /// A world whose clock can be moved.
    #[must_use]
    pub fn under(seed: u64, shape: Shape, clock: Option<Clock>) -> Self {
        let mut dice = Dice::new(seed);
        let now = Millis(clock.as_ref().map_or_else(clock::now, Clock::real));
        let (server, operator) = restore::Operator::of(&mut dice, seed, now);
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
            history: History::default(),
            trace: false,
            now,
            start: now,
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            sequence: 0,
            sockets: BTreeMap::new(),
            dead: BTreeSet::new(),
            last: BTreeMap::new(),
            ids: 0,
            texts: shape.texts,
            steps: 0,
            clock,
            operator,
            leapt: false,
            secrets: Secrets::default(),
            unread: vec![],
            leaves: BTreeMap::new(),
        };
        for person in 0..shape.people {
            world.add_device(Device::new(person));
        }
        world
    }

    fn add_device(&mut self, device: Device) {
        self.devices.push(device);
        let device = self.devices.len() - 1;
        self.after(1, Happening::Start { device });
        let pause = 10 + self.dice.below(500);
        self.after(pause, Happening::Act { device });
        self.skew(device);
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
        let most = u64::try_from(self.texts).unwrap_or(u64::MAX).saturating_mul(STEPS_A_TEXT);
        while self.texts > 0 && self.steps < most {
            if !self.step() {
                break;
            }
        }
        self.dice.calm = true;
        let calm = self.now.0;
        loop {
            let why = self.unsettled();
            if why.is_empty() {
                break;
            }
            if self.now.0 > calm + PATIENCE || !self.step() {
                self.found.push(format!("not settled after {} s of calm: {why}", (self.now.0 - calm) / 1_000));
                let all = self.devices.iter().enumerate();
                let described =
                    all.filter_map(|(at, device)| Some(format!("device {at}: {}", device.client.as_ref()?.describe())));
                self.found.extend(described.collect::<Vec<_>>());
                break;
            }
        }
        for (conversation, message, generation, bytes) in core::mem::take(&mut self.unread) {
            let fact = match self.secrets.read(&bytes) {
                Some(sealed) => offered(conversation, generation, sealed),
                None => Fact::Unreadable { conversation, message },
            };
            self.history.facts.push(fact);
        }
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

    /// One line of the story, when it is to be told.
    fn tell(&self, line: impl FnOnce() -> String) {
        if self.trace {
            eprintln!("{:>9} {}", self.now.0 - self.start.0, line());
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

    /// Gives the movable clock back, for the next world.
    pub fn into_clock(self) -> Option<Clock> {
        self.clock
    }
}

const fn offered(conversation: Id, generation: u32, sealed: crate::sender_data::Sealed) -> Fact {
    let crate::sender_data::Sealed { branch, epoch, leaf, ratchet, digest } = sealed;
    Fact::Offered { conversation, generation, branch, epoch, leaf, ratchet, digest }
}
