//! A client core as it ships, over real HTTP and a real socket. Its store is memory: what it is told to persist is forgotten.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use client_core::{
    Answer, Argon2id, Client, Command, Failure, HttpOutcome, HttpRequest, Input, Output, Snapshot, SocketEvent,
    view::{ConnectionState, Event, MessageState},
};
use shared::MessageId;
use tokio::time::timeout;

use crate::{
    http::Http,
    person::{now, random},
    place::{Place, address_of},
    socket::Socket,
};

/// Longer than any pause of a core between two tries.
const PATIENCE: Duration = Duration::from_secs(120);

/// Somebody's browser without a screen.
pub(crate) struct Core {
    client: Client<Argon2id>,
    http: Http,
    socket: Option<Socket>,
    requests: VecDeque<HttpRequest>,
    asked: u64,
    answers: BTreeMap<u64, Result<Answer, Failure>>,
    /// The socket is open and was greeted.
    pub(crate) online: bool,
    /// Own messages that the server has.
    pub(crate) stored: BTreeSet<MessageId>,
}

impl Core {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            client: Client::new(random()),
            http: Http::new(place, address_of(0)),
            socket: None,
            requests: VecDeque::new(),
            asked: 0,
            answers: BTreeMap::new(),
            online: false,
            stored: BTreeSet::new(),
        }
    }

    /// A command and its answer.
    pub(crate) async fn ask(&mut self, command: Command) -> Result<Answer> {
        let id = self.tell(command);
        loop {
            if let Some(answer) = self.answers.remove(&id) {
                return answer.map_err(|failure| anyhow!("refused: {}", failure.code));
            }
            self.step().await?;
        }
    }

    /// A command whose answer nobody waits for.
    pub(crate) fn tell(&mut self, command: Command) -> u64 {
        self.asked += 1;
        let id = self.asked;
        self.client.handle(now(), Input::Command { id, command });
        id
    }

    /// Does what the core wants, then gives it the next thing that happens.
    pub(crate) async fn step(&mut self) -> Result<()> {
        self.drain().await?;
        if let Some(request) = self.requests.pop_front() {
            let (kind, body) = request.body.unzip();
            let asked = self.http.answer(request.method.as_str(), &request.path, kind, body.unwrap_or_default()).await;
            let outcome = asked.map_or(HttpOutcome::Lost, |(status, body)| HttpOutcome::Answer { status, body: body.to_vec() });
            self.client.handle(now(), Input::Http { id: request.id, outcome });
            return self.drain().await;
        }
        let wait = self.client.poll_timeout().map_or(PATIENCE, |due| Duration::from_millis(due.0.saturating_sub(now().0)));
        let next = async {
            match &mut self.socket {
                Some(socket) => socket.next_bytes().await,
                None => std::future::pending().await,
            }
        };
        let input = match timeout(wait, next).await {
            Ok(Ok(frame)) => Input::Socket(SocketEvent::Frame(frame.to_vec())),
            Ok(Err(_)) => {
                self.socket = None;
                Input::Socket(SocketEvent::Closed)
            }
            Err(_) if wait < PATIENCE => Input::Timeout,
            Err(_) => return Err(anyhow!("nothing happens any more")),
        };
        self.client.handle(now(), input);
        self.drain().await
    }

    async fn drain(&mut self) -> Result<()> {
        let mut fed = false;
        while let Some(output) = self.client.poll() {
            match output {
                Output::Transmit(bytes) => {
                    if let Some(socket) = &mut self.socket {
                        socket.feed(bytes.into()).await?;
                        fed = true;
                    }
                }
                Output::Http(request) => self.requests.push_back(request),
                Output::OpenSocket { ticket } => self.open(&ticket).await,
                Output::CloseSocket => self.socket = None,
                Output::Show(Event::State { state }) => self.online = state.connection == ConnectionState::Online,
                Output::Show(Event::Message { message }) if message.own && reached(message.state) => {
                    self.stored.insert(message.id);
                }
                Output::Answer { id, result } => {
                    self.answers.insert(id, result);
                }
                Output::OpenStore { fresh, .. } => {
                    let batch = fresh.context("there is no store to open")?;
                    self.client.handle(now(), Input::StoreOpened(Snapshot { rows: batch.rows }));
                }
                Output::Persist(_) | Output::Show(_) | Output::CloseStore { .. } => {}
            }
        }
        if let Some(socket) = self.socket.as_mut().filter(|_| fed) {
            socket.flush().await?;
        }
        Ok(())
    }

    async fn open(&mut self, ticket: &str) {
        let protocols = format!("{}, ticket.{ticket}", shared::frame::SUBPROTOCOL);
        let opened = Socket::open(self.http.place(), self.http.from(), Some(&protocols)).await;
        self.socket = opened.ok();
        let event = if self.socket.is_some() { SocketEvent::Open } else { SocketEvent::Closed };
        self.client.handle(now(), Input::Socket(event));
    }
}

const fn reached(state: MessageState) -> bool {
    matches!(state, MessageState::Stored | MessageState::Delivered | MessageState::Read)
}

/// A password nobody guesses, with every kind of sign the rules ask for.
pub(crate) fn password() -> String {
    format!("Aa1!{}", STANDARD.encode(random::<18>()))
}
