//! The output loop: one input at a time, its outputs strictly in order.
//!
//! A batch is durable before anything behind it is done. When it can't be made durable, the core that believes it was is
//! dropped, and another one is opened from what the store really holds.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeSet, VecDeque},
    rc::Rc,
};

use client_core::{
    Answer, Argon2id, Batch, Client, Command, Failure, Input, Output, Slot, StoreKey, failure::code, view::Event,
};

use crate::{
    clock,
    command::{self, Asked},
    host::{Host, complain},
    random, show, slot,
    store::{Home, Local, wipe},
};

/// No page asks for more messages at once.
const PAGE: u32 = 500;
/// The pause before a store that refused a batch is opened again, doubled each time.
const PAUSE: u32 = 100;

/// What waits to be done.
pub(crate) enum Work {
    Start { slot: Option<Slot>, key: Option<StoreKey> },
    Command { id: u64, command: String },
    Input(Input),
}

/// The queue in front of the core, and the core while nobody works on it.
pub(crate) struct Machine {
    queue: RefCell<VecDeque<Work>>,
    idle: RefCell<Option<Run>>,
    closed: Rc<Cell<bool>>,
}

impl Machine {
    pub(crate) fn new(host: Host, name: &str, home: Home) -> Self {
        let closed = Rc::new(Cell::new(false));
        let run = Run {
            host,
            name: name.to_owned(),
            home,
            client: None,
            local: None,
            slot: None,
            key: None,
            asked: BTreeSet::new(),
            failures: 0,
            shown: vec![],
            closed: Rc::clone(&closed),
        };
        Self { queue: RefCell::default(), idle: RefCell::new(Some(run)), closed }
    }

    /// Takes work; true when nobody is at it.
    pub(crate) fn take(&self, work: Work) -> bool {
        if self.closed.get() {
            return false;
        }
        self.queue.borrow_mut().push_back(work);
        self.idle.borrow().is_some()
    }

    /// Works until the queue is empty.
    pub(crate) async fn pump(self: Rc<Self>) {
        let taken = self.idle.borrow_mut().take();
        let Some(mut run) = taken else { return };
        loop {
            let work = self.queue.borrow_mut().pop_front();
            let Some(work) = work else { break };
            if self.closed.get() {
                break;
            }
            if let Err(why) = run.work(work).await {
                // What the lost core was about to hear is not for the next one; what people asked is.
                self.queue.borrow_mut().retain(|work| matches!(work, Work::Command { .. }));
                run.again(&why).await;
            }
        }
        if self.closed.get() {
            run.release();
        } else {
            run.set_alarm();
            *self.idle.borrow_mut() = Some(run);
        }
    }

    /// Nothing more is done; the store is let go at once, or as soon as the step under way has ended.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.queue.borrow_mut().clear();
        if let Some(mut run) = self.idle.borrow_mut().take() {
            run.release();
        }
    }
}

struct Run {
    host: Host,
    name: String,
    home: Home,
    client: Option<Client<Argon2id>>,
    local: Option<Local>,
    /// Whose store there is, open or closed.
    slot: Option<Slot>,
    key: Option<StoreKey>,
    /// Commands the core has not answered.
    asked: BTreeSet<u64>,
    /// Batches in a row that could not be made durable.
    failures: u32,
    /// Events that the screens are about to be told, as JSON.
    shown: Vec<String>,
    closed: Rc<Cell<bool>>,
}

impl Run {
    /// An error is a store that did not take or give what it should: the core must go.
    async fn work(&mut self, work: Work) -> Result<(), String> {
        match work {
            Work::Start { slot, key } => {
                self.start(slot, key).await;
                self.drain().await?;
                self.host.started();
                Ok(())
            }
            Work::Command { id, command } => self.command(id, &command).await,
            Work::Input(input) => self.input(input).await,
        }
    }

    async fn start(&mut self, slot: Option<Slot>, key: Option<StoreKey>) {
        let Ok(seed) = random::seed() else { return complain("no randomness") };
        self.slot.clone_from(&slot);
        self.key = key;
        self.client = match slot {
            None => Some(Client::new(*seed)),
            Some(slot) => match self.reopen().await {
                Ok(client) => Some(client),
                Err(why) => {
                    if self.key.take().is_some() {
                        complain(&why);
                    }
                    Some(Client::locked(*seed, slot))
                }
            },
        };
        // A core that has nothing to do says nothing of itself; the screens wait for the first state.
        if let Some(client) = &mut self.client {
            client.show_all();
        }
    }

    /// The core of the store that is there, by the key that is known.
    async fn reopen(&mut self) -> Result<Client<Argon2id>, String> {
        let key = self.key.as_ref().ok_or("its key is not known")?;
        let seed = random::seed().map_err(|_| "no randomness")?;
        let local = Local::open(self.home, &self.host, &self.name, key).await?;
        let client = local
            .load()
            .and_then(|snapshot| Client::open(*seed, snapshot, clock::now()).map_err(|_| "its rows can't be read".to_owned()));
        match client {
            Ok(client) => {
                self.local = Some(local);
                Ok(client)
            }
            Err(why) => {
                local.close()?;
                Err(why)
            }
        }
    }

    async fn command(&mut self, id: u64, text: &str) -> Result<(), String> {
        match command::parse(text) {
            Err(failure) => self.refuse(id, &failure),
            Ok(Asked::Messages { conversation, before, limit }) => match &self.local {
                None => self.refuse(id, &Failure::new(code::NOT_NOW)),
                Some(local) => {
                    let page =
                        local.store().messages(conversation, before, limit.min(PAGE)).map_err(|error| error.to_string())?;
                    let text = command::page(&page).map_err(|error| error.to_string())?;
                    self.host.answer(id, true, &text);
                }
            },
            // Asked again by a tab whose answer was lost with another worker: it is on its way already.
            Ok(Asked::Core(Command::Send { message, .. })) if self.has_own(message)? => self.host.answer(id, true, "null"),
            Ok(Asked::Core(command)) => {
                if self.client.is_none() {
                    self.refuse(id, &Failure::new(code::NOT_NOW));
                } else {
                    self.asked.insert(id);
                    self.input(Input::Command { id, command }).await?;
                }
            }
        }
        Ok(())
    }

    fn has_own(&self, message: shared::MessageId) -> Result<bool, String> {
        self.local.as_ref().map_or(Ok(false), |local| local.store().has_own(message).map_err(|error| error.to_string()))
    }

    async fn input(&mut self, input: Input) -> Result<(), String> {
        if let Some(client) = &mut self.client {
            client.handle(clock::now(), input);
        }
        self.drain().await
    }

    async fn drain(&mut self) -> Result<(), String> {
        while let Some(output) = self.client.as_mut().and_then(Client::poll) {
            if !matches!(output, Output::Show(_)) {
                self.say();
            }
            self.output(output).await?;
            if self.closed.get() {
                break;
            }
        }
        self.say();
        Ok(())
    }

    async fn output(&mut self, output: Output) -> Result<(), String> {
        match output {
            Output::Persist(batch) => self.persist(&batch).await?,
            Output::Transmit(frame) => self.host.transmit(frame),
            Output::Http(request) => {
                let (kind, body) = request.body.map(|(kind, body)| (kind.to_owned(), body)).unzip();
                self.host.request(request.id, request.method.as_str(), &request.path, kind, body);
            }
            Output::OpenSocket { ticket } => self.host.open_socket(&ticket),
            Output::CloseSocket => self.host.close_socket(),
            Output::Show(event) => self.show(&event),
            Output::Answer { id, result } => self.answer(id, result),
            Output::OpenStore { slot, key, stay, fresh } => {
                let input = match self.open_store(&slot, key, stay, fresh.as_deref()).await {
                    Ok(snapshot) => Input::StoreOpened(snapshot),
                    Err(why) => {
                        complain(&why);
                        Input::StoreFailed(why)
                    }
                };
                if let Some(client) = &mut self.client {
                    client.handle(clock::now(), input);
                }
            }
            Output::CloseStore { wipe } => self.close_store(wipe).await,
        }
        Ok(())
    }

    async fn persist(&mut self, batch: &Batch) -> Result<(), String> {
        let local = self.local.as_mut().ok_or("there is no open store")?;
        let delivered = local.apply(&self.host, batch).await?;
        self.failures = 0;
        self.shown.extend(delivered.into_iter().filter_map(show::message));
        Ok(())
    }

    async fn open_store(
        &mut self,
        slot: &Slot,
        key: StoreKey,
        stay: bool,
        fresh: Option<&Batch>,
    ) -> Result<client_core::Snapshot, String> {
        if let Some(local) = self.local.take() {
            local.close()?;
        }
        let local = match fresh {
            Some(batch) => Local::fresh(self.home, &self.host, &self.name, &key, batch).await?,
            None => Local::open(self.home, &self.host, &self.name, &key).await?,
        };
        let snapshot = local.load()?;
        // The slot last: its record means that there is a store.
        if self.host.keep(&slot::text(slot), key.0.to_vec(), stay).await.is_err() {
            local.close()?;
            return Err("the slot's record can't be written".to_owned());
        }
        self.local = Some(local);
        self.slot = Some(slot.clone());
        self.key = Some(key);
        Ok(snapshot)
    }

    /// The record goes first: what is left without it is made afresh by whoever logs in next.
    async fn close_store(&mut self, erase: bool) {
        self.key = None;
        if erase {
            self.slot = None;
        }
        let forgotten = self.host.forget(erase).await;
        let closed = self.local.take().map_or(Ok(()), Local::close);
        let wiped = if erase { wipe(self.home, &self.host, &self.name).await } else { Ok(()) };
        if forgotten.is_err() {
            complain("the slot's record can't be changed");
        }
        for why in [closed, wiped].into_iter().filter_map(Result::err) {
            complain(&why);
        }
    }

    fn show(&mut self, event: &Event) {
        self.shown.extend(show::event(event));
    }

    /// Tells the screens what there is to tell, at once: a message between threads costs as much as sealing one.
    fn say(&mut self) {
        if !self.shown.is_empty() {
            self.host.show(&["[", &self.shown.join(","), "]"].concat());
            self.shown.clear();
        }
    }

    fn answer(&mut self, id: u64, result: Result<Answer, Failure>) {
        self.asked.remove(&id);
        match result {
            Ok(answer) => match command::answer(&answer) {
                Ok(text) => self.host.answer(id, true, &text),
                Err(_) => self.refuse(id, &Failure::new(code::STORE)),
            },
            Err(failure) => self.refuse(id, &failure),
        }
    }

    fn refuse(&self, id: u64, failure: &Failure) {
        let text = serde_json::to_string(failure).unwrap_or_else(|_| "{\"code\":\"internal\"}".to_owned());
        self.host.answer(id, false, &text);
    }

    /// The store refused: whatever the core in memory believes, only the store is right.
    async fn again(&mut self, why: &str) {
        complain(why);
        self.host.cut();
        self.client = None;
        self.close_local();
        for id in std::mem::take(&mut self.asked) {
            self.refuse(id, &Failure::new(code::STORE));
        }
        let pause = PAUSE << self.failures.min(8);
        self.failures += 1;
        if self.host.sleep(pause).await.is_err() || self.closed.get() {
            return;
        }
        self.start(self.slot.clone(), self.key.clone()).await;
        self.shown.extend(show::event(&Event::Reset));
        if let Err(why) = Box::pin(self.drain()).await {
            complain(&why);
        }
    }

    fn set_alarm(&self) {
        let at = self.client.as_ref().and_then(Client::poll_timeout);
        self.host.wake(at.map(|at| at.0 as f64));
    }

    fn close_local(&mut self) {
        if let Some(Err(why)) = self.local.take().map(Local::close) {
            complain(&why);
        }
    }

    fn release(&mut self) {
        self.client = None;
        self.key = None;
        self.close_local();
        self.host.cut();
    }
}
