//! The real server core behind a router without a network.

use std::collections::BTreeMap;

use client_core::{HttpRequest, Method};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rand_core::RngCore as _;
use server_core::{
    Announce, Caller, Context, Detail, Done, Issued, Keys, Outcome, Peer, Refusal, Rules, Session, Store, Token, account,
    conversation, device, directory, inbox, key_package, session, settings, sql::Sql,
};
use shared::{
    AccountId, Bytes, Code, ConversationId, DeviceId, Millis, codec,
    frame::{ClientFrame, Entries, Refused, Row, ServerFrame},
    http,
};

/// One socket.
pub struct Socket {
    caller: Caller,
    greeted: bool,
    /// The last number it has or was sent, a conversation: whoever has all before a row gets it pushed.
    sent: BTreeMap<ConversationId, u64>,
}

/// What the server says to whom.
pub struct Said {
    /// Which socket.
    pub socket: u64,
    /// What; none: it closes.
    pub frame: Option<ServerFrame>,
}

/// The shipped rules with budgets nobody here uses up.
#[must_use]
pub fn open_rules() -> Rules {
    let open = server_core::rules::Budget::of(1_000_000, 1_000);
    Rules {
        login_pair: open,
        login_prefix: open,
        login_account: open,
        login_known: open,
        resume: open,
        register: open,
        claim: open,
        ..Rules::default()
    }
}

/// The server.
pub struct Server {
    store: Store,
    keys: Keys,
    rules: Rules,
    rng: ChaCha20Rng,
    sockets: BTreeMap<u64, Socket>,
    tickets: BTreeMap<Vec<u8>, Session>,
    next: u64,
}

/// An HTTP answer.
pub struct Response {
    /// Status.
    pub status: u16,
    /// Body.
    pub body: Vec<u8>,
}

type Routed = Result<(Response, Vec<Announce>), Refusal>;

impl Server {
    /// With an empty database in memory.
    ///
    /// # Panics
    /// When SQLite can't open one.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a simulator without its database can only stop")]
    pub fn new(seed: [u8; 32], now: Millis) -> Self {
        Self::with(Store::in_memory().expect("a database in memory"), seed, 0, now)
    }

    /// With this database, started for the `life`-th time. Nobody says which life of it this is: one that was used before
    /// counts as put back.
    ///
    /// # Panics
    /// When SQLite can't read it, or it belongs to another seed.
    #[must_use]
    pub fn with(store: Store, seed: [u8; 32], life: u64, now: Millis) -> Self {
        let mut rng = ChaCha20Rng::from_seed(seed);
        let keys = Keys::generate(&mut rng);
        // The keys are the seed's; whatever is drawn later differs from one start to the next.
        rng.set_stream(life);
        Self::over(store, None, keys, open_rules(), rng, now)
    }

    /// Over a store, with keys and rules of the caller's choice: for servers that lie, and for a second server. `epoch` is
    /// what the file beside the database says.
    ///
    /// # Panics
    /// When the store was used with other keys.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a simulator without its database can only stop")]
    pub fn over(
        mut store: Store,
        epoch: Option<[u8; 16]>,
        keys: Keys,
        rules: Rules,
        mut rng: ChaCha20Rng,
        now: Millis,
    ) -> Self {
        let mut context = Context { now, rng: &mut rng, rules: &rules, keys: &keys };
        store.check_epoch(&mut context, epoch).expect("a store epoch");
        Self { store, keys, rules, rng, sockets: BTreeMap::new(), tickets: BTreeMap::new(), next: 0 }
    }

    /// Its secret keys: what a second server over a copy of the database needs.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Everything not durable goes: sockets and tickets.
    pub fn crash(&mut self) -> Vec<u64> {
        self.tickets.clear();
        core::mem::take(&mut self.sockets).into_keys().collect()
    }

    /// An older copy of the database takes the place of this one, started for the `life`-th time; sockets and tickets go.
    pub fn put_back(&mut self, store: Store, seed: [u8; 32], life: u64, now: Millis) -> Vec<u64> {
        let open = self.crash();
        // Sockets are numbered on, so that none of the old ones is taken for a new one.
        *self = Self { next: self.next, ..Self::with(store, seed, life, now) };
        open
    }

    /// A socket broke.
    pub fn forget(&mut self, socket: u64) {
        self.sockets.remove(&socket);
    }

    fn run<T>(&mut self, now: Millis, operation: impl FnOnce(&mut dyn Sql, &mut Context<'_>) -> Outcome<T>) -> Outcome<T> {
        let mut context = Context { now, rng: &mut self.rng, rules: &self.rules, keys: &self.keys };
        self.store.transaction("sim", |sql| operation(sql, &mut context))
    }

    /// Reads the database as a checker does.
    ///
    /// # Panics
    /// When the query fails.
    #[expect(clippy::expect_used, reason = "a checker that can't read can only stop")]
    pub fn look<T>(&mut self, read: impl FnOnce(&mut dyn Sql) -> T) -> T {
        let mut found = None;
        let outcome: Outcome<()> = self.store.read(|sql| {
            found = Some(read(sql));
            Ok(Done::quiet(()))
        });
        outcome.expect("the database can be read");
        found.expect("the closure ran")
    }

    /// One request. The cookie jar is the browser's.
    pub fn http(&mut self, now: Millis, cookie: &mut Option<Token>, request: &HttpRequest) -> (Response, Vec<Said>) {
        match self.route(now, cookie, request) {
            Ok((response, announce)) => {
                let said = self.publish(now, announce);
                (response, said)
            }
            Err(refusal) => {
                let mut failure = http::Failure::new(refusal.code);
                failure.detail = refusal.detail.map(|detail| detail.to_string());
                failure.retry_after_ms = refusal.retry_after;
                let body = serde_json::to_vec(&failure).unwrap_or_default();
                (Response { status: refusal.code.status(), body }, vec![])
            }
        }
    }

    fn session(&mut self, now: Millis, cookie: Option<&Token>) -> Result<Session, Refusal> {
        let token = cookie.cloned().ok_or(Code::LoginRequired)?;
        self.run(now, |sql, context| session::check(sql, context, &token)).map(|done| done.answer)
    }

    fn route(&mut self, now: Millis, cookie: &mut Option<Token>, request: &HttpRequest) -> Routed {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let body = request.body.as_ref().map_or(&[][..], |(_, bytes)| bytes.as_slice());
        let peer = Peer::default();
        let number = |name: &str| -> u64 {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .and_then(|(_, v)| v.parse().ok())
                .unwrap_or(0)
        };
        match (request.method, parts.as_slice()) {
            (Method::Post, ["auth", "register", "start"]) => {
                let body = from_json(body)?;
                json(self.run(now, |sql, c| account::register_start(sql, c, &peer, &body))?)
            }
            (Method::Post, ["auth", "register", "finish"]) => {
                let body = from_cbor(body)?;
                let done = self.run(now, |sql, c| account::register_finish(sql, c, &peer, &body))?;
                issue(cookie, done, |bound| serde_json::to_vec(bound).unwrap_or_default())
            }
            (Method::Post, ["auth", "login", "start"]) => {
                let body = from_json(body)?;
                json(self.run(now, |sql, c| account::login_start(sql, c, &peer, &body))?)
            }
            (Method::Post, ["auth", "login", "finish"]) => {
                let body = from_json(body)?;
                let done = self.run(now, |sql, c| account::login_finish(sql, c, &body))?;
                issue(cookie, done, |logged| serde_json::to_vec(logged).unwrap_or_default())
            }
            (Method::Post, ["auth", "resume", "start"]) => {
                let body = from_json(body)?;
                json(self.run(now, |sql, c| session::resume_start(sql, c, &peer, &body))?)
            }
            (Method::Post, ["auth", "resume", "finish"]) => {
                let body = from_json(body)?;
                let session = self.session(now, cookie.as_ref()).ok();
                let done = self.run(now, |sql, c| session::resume_finish(sql, c, session.as_ref(), &body))?;
                issue(cookie, done, |bound| serde_json::to_vec(bound).unwrap_or_default())
            }
            (Method::Post, ["auth", "recover", "start"]) => {
                let body = from_json(body)?;
                json(self.run(now, |sql, c| account::recover_start(sql, c, &peer, &body))?)
            }
            (Method::Post, ["auth", "recover", "open"]) => {
                let body = from_json(body)?;
                json(self.run(now, |sql, c| account::recover_open(sql, c, &body))?)
            }
            (Method::Post, ["auth", "recover", "finish"]) => {
                let body = from_cbor(body)?;
                let done = self.run(now, |sql, c| account::recover_finish(sql, c, &body))?;
                issue(cookie, done, |bound| serde_json::to_vec(bound).unwrap_or_default())
            }
            (Method::Post, ["auth", "logout"]) => {
                let session = self.session(now, cookie.as_ref())?;
                let body = from_json(body)?;
                let done = self.run(now, |sql, c| session::logout(sql, c, &session, &body))?;
                *cookie = None;
                json(done.map(|()| http::Done {}))
            }
            (Method::Post, ["auth", "ticket"]) => {
                let session = self.session(now, cookie.as_ref())?;
                session.caller()?;
                let mut ticket = vec![0; 32];
                self.rng.fill_bytes(&mut ticket);
                self.tickets.insert(ticket.clone(), session);
                json(Done::quiet(http::Ticket { ticket: Bytes(ticket) }))
            }
            (Method::Get, ["api", "vault"]) => {
                let session = self.session(now, cookie.as_ref())?;
                json(self.run(now, |sql, _| account::secrets(sql, &session))?)
            }
            (Method::Post, ["api", "devices"]) => {
                let session = self.session(now, cookie.as_ref())?;
                let body = from_cbor(body)?;
                let done = self.run(now, |sql, c| device::enrol(sql, c, &session, &body))?;
                issue(cookie, done, |bound| serde_json::to_vec(bound).unwrap_or_default())
            }
            (method, parts) => {
                let caller = self.session(now, cookie.as_ref())?.caller()?;
                match (method, parts) {
                    (Method::Get, ["api", "settings"]) => {
                        json(self.run(now, |sql, _| settings::read(sql, &caller, number("after")))?)
                    }
                    (Method::Put, ["api", "settings"]) => {
                        let body = from_json(body)?;
                        json(self.run(now, |sql, c| settings::put(sql, c, &caller, &body))?)
                    }
                    (Method::Get, ["api", "people", handle]) => {
                        json(self.run(now, |sql, _| directory::person(sql, &caller, handle))?)
                    }
                    (Method::Get, ["api", "accounts", id, "statements"]) => {
                        let id: AccountId = id.parse().map_err(|_| Code::NotFound)?;
                        json(self.run(now, |sql, _| directory::statements(sql, &caller, id, number("after")))?)
                    }
                    (Method::Put, ["api", "key-packages"]) => {
                        let body = from_cbor(body)?;
                        json(self.run(now, |sql, c| key_package::put(sql, c, &caller, &body))?)
                    }
                    (Method::Post, ["api", "accounts", id, "key-packages", "claim"]) => {
                        let id: AccountId = id.parse().map_err(|_| Code::NotFound)?;
                        let body = from_json(body)?;
                        cbor(self.run(now, |sql, c| key_package::claim(sql, c, &caller, id, &body))?)
                    }
                    (Method::Get, ["api", "inbox"]) => {
                        let after = number("after");
                        let items = self.run(now, |sql, _| inbox::read(sql, &caller, after, 256, 1 << 22))?;
                        cbor(items.map(|items| http::Inbox { items }))
                    }
                    (Method::Get, ["api", "conversations"]) => cbor(self.run(now, |sql, _| conversation::list(sql, &caller))?),
                    (Method::Post, ["api", "conversations"]) => {
                        let body = from_cbor(body)?;
                        cbor(self.run(now, |sql, c| conversation::create(sql, c, &caller, &body))?)
                    }
                    (Method::Post, ["api", "conversations", id, "commits"]) => {
                        let id: ConversationId = id.parse().map_err(|_| Code::NotFound)?;
                        let body = from_cbor(body)?;
                        cbor(self.run(now, |sql, c| conversation::commit(sql, c, &caller, id, &body))?)
                    }
                    (Method::Get, ["api", "conversations", id, "rows"]) => {
                        let id: ConversationId = id.parse().map_err(|_| Code::NotFound)?;
                        let limit = u32::try_from(number("limit")).unwrap_or(1);
                        let range = conversation::Range::http(number("after"), limit);
                        cbor(self.run(now, |sql, _| conversation::fetch(sql, &caller, id, range))?)
                    }
                    (Method::Get, ["api", "conversations", id, "group-info"]) => {
                        let id: ConversationId = id.parse().map_err(|_| Code::NotFound)?;
                        cbor(self.run(now, |sql, _| conversation::group_info(sql, &caller, id))?)
                    }
                    (Method::Post, ["api", "inbox", item, "refused"]) => {
                        let item = item.parse().map_err(|_| Code::NotFound)?;
                        json(self.run(now, |sql, c| inbox::refused(sql, c, &caller, item))?.map(|()| http::Done {}))
                    }
                    _ => Err(Code::NotFound.into()),
                }
            }
        }
    }

    /// Opens a socket with a ticket.
    pub fn open(&mut self, ticket: &str) -> Option<u64> {
        let bytes: Bytes = serde_json::from_value(serde_json::Value::String(ticket.to_owned())).ok()?;
        let caller = self.tickets.remove(&bytes.0)?.caller().ok()?;
        self.next += 1;
        self.sockets.insert(self.next, Socket { caller, greeted: false, sent: BTreeMap::new() });
        Some(self.next)
    }

    /// Whose socket this is.
    #[must_use]
    pub fn device(&self, socket: u64) -> Option<DeviceId> {
        self.sockets.get(&socket).map(|socket| socket.caller.device())
    }

    /// One frame of a client.
    pub fn frame(&mut self, now: Millis, socket: u64, bytes: &[u8]) -> Vec<Said> {
        let Some((caller, greeted)) = self.sockets.get(&socket).map(|s| (s.caller, s.greeted)) else { return vec![] };
        let Ok(frame) = ClientFrame::decode(bytes) else { return self.close(socket, Code::Malformed) };
        let say = |frame| Said { socket, frame: Some(frame) };
        let refuse = |request, refusal: Refusal| {
            let detail = match refusal.detail {
                Some(Detail::Number(number)) => Some(number),
                _ => None,
            };
            vec![Said { socket, frame: Some(ServerFrame::Refused(Refused::new(request, refusal.code, detail))) }]
        };
        match frame {
            ClientFrame::Hello(hello) if !greeted => {
                let outcome = self.run(now, |sql, c| conversation::hello(sql, c, &caller, &hello));
                let done = match outcome {
                    Ok(done) => done,
                    Err(refusal) => return self.close(socket, refusal.code),
                };
                if let Some(open) = self.sockets.get_mut(&socket) {
                    open.greeted = true;
                    open.sent = hello.cursors.iter().map(|cursor| (cursor.conversation, cursor.number)).collect();
                }
                let older: Vec<u64> = self
                    .sockets
                    .iter()
                    .filter(|(id, other)| **id != socket && other.caller.device() == caller.device())
                    .map(|(id, _)| *id)
                    .collect();
                let mut said: Vec<Said> = older.into_iter().flat_map(|id| self.close(id, Code::Replaced)).collect();
                said.push(say(ServerFrame::Hello(done.answer)));
                said.extend(self.publish(now, done.announce));
                said.extend(self.push_inbox(now, socket, &caller, hello.inbox));
                let wanted =
                    self.run(now, |sql, _| conversation::wanted(sql, &caller)).map(|done| done.answer).unwrap_or_default();
                said.extend(wanted.into_iter().map(|wanted| say(ServerFrame::Wanted(wanted))));
                said
            }
            ClientFrame::Hello(_) => self.close(socket, Code::HelloFirst),
            _ if !greeted => self.close(socket, Code::HelloFirst),
            ClientFrame::Append(append) => match self.run(now, |sql, c| conversation::append(sql, c, &caller, &append)) {
                Ok(Done { answer, announce }) => {
                    let row = conversation::message_row(&append, &caller, &answer);
                    let mut said = vec![say(ServerFrame::Appended(answer))];
                    for one in announce {
                        match one {
                            Announce::Head { conversation, number, devices }
                                if (conversation, number) == (append.conversation, row.number) =>
                            {
                                said.extend(self.push_row(&devices, conversation, &row));
                            }
                            other => said.extend(self.publish(now, vec![other])),
                        }
                    }
                    said
                }
                Err(refusal) => refuse(append.request, refusal),
            },
            ClientFrame::Fetch(fetch) => {
                let range = conversation::Range::frame(fetch.after, fetch.limit);
                match self.run(now, |sql, _| conversation::fetch(sql, &caller, fetch.conversation, range)) {
                    Ok(done) => {
                        let http::Rows { rows, head, floor } = done.answer;
                        let (conversation, request) = (fetch.conversation, fetch.request);
                        if let (Some(open), Some(last)) = (self.sockets.get_mut(&socket), rows.last()) {
                            open.sent.insert(conversation, last.number);
                        }
                        vec![say(ServerFrame::Entries(Entries { conversation, rows, head, floor, request }))]
                    }
                    Err(refusal) => refuse(fetch.request, refusal),
                }
            }
            ClientFrame::Acknowledge(cursor) => {
                match self.run(now, |sql, _| conversation::acknowledge(sql, &caller, &cursor)) {
                    Ok(done) => self.publish(now, done.announce),
                    Err(refusal) => refuse(0, refusal),
                }
            }
            ClientFrame::InboxAcknowledge(number) => match self.run(now, |sql, _| inbox::acknowledge(sql, &caller, number)) {
                Ok(done) => self.publish(now, done.announce),
                Err(refusal) => refuse(0, refusal),
            },
            ClientFrame::Ping(request) => vec![say(ServerFrame::Pong(request))],
        }
    }

    fn close(&mut self, socket: u64, code: Code) -> Vec<Said> {
        self.sockets.remove(&socket);
        let bye = ServerFrame::Bye(code.as_str().to_owned());
        vec![Said { socket, frame: Some(bye) }, Said { socket, frame: None }]
    }

    fn push_inbox(&mut self, now: Millis, socket: u64, caller: &Caller, after: u64) -> Vec<Said> {
        let items =
            self.run(now, |sql, _| inbox::read(sql, caller, after, 256, 1 << 20)).map(|done| done.answer).unwrap_or_default();
        if items.is_empty() { vec![] } else { vec![Said { socket, frame: Some(ServerFrame::Inbox(items)) }] }
    }

    /// A row just stored, as the real server's hub does it: who has all before it gets it at once, others a hint.
    fn push_row(&mut self, devices: &[DeviceId], conversation: ConversationId, row: &Row) -> Vec<Said> {
        let mut said = vec![];
        for socket in self.of_devices(devices) {
            let Some(open) = self.sockets.get_mut(&socket) else { continue };
            let frame = if open.sent.get(&conversation).is_some_and(|sent| *sent + 1 == row.number) {
                open.sent.insert(conversation, row.number);
                ServerFrame::Entries(Entries { conversation, rows: vec![row.clone()], head: row.number, floor: 0, request: 0 })
            } else {
                ServerFrame::Head(shared::frame::Cursor { conversation, number: row.number })
            };
            said.push(Said { socket, frame: Some(frame) });
        }
        said
    }

    fn of_devices(&self, devices: &[DeviceId]) -> Vec<u64> {
        let told = |socket: &Socket| socket.greeted && devices.contains(&socket.caller.device());
        self.sockets.iter().filter(|(_, socket)| told(socket)).map(|(id, _)| *id).collect()
    }

    fn publish(&mut self, now: Millis, announce: Vec<Announce>) -> Vec<Said> {
        let mut said = vec![];
        for hint in announce {
            match hint {
                Announce::Head { conversation, number, devices } => {
                    let head = ServerFrame::Head(shared::frame::Cursor { conversation, number });
                    said.extend(self.of_devices(&devices).into_iter().map(|socket| Said { socket, frame: Some(head.clone()) }));
                }
                Announce::Inbox { device, number } => {
                    for socket in self.of_devices(&[device]) {
                        if let Some(caller) = self.sockets.get(&socket).map(|s| s.caller) {
                            said.extend(self.push_inbox(now, socket, &caller, number.saturating_sub(1)));
                        }
                    }
                }
                Announce::Delivered { delivered, devices } => {
                    let frame = ServerFrame::Delivered(delivered);
                    said.extend(
                        self.of_devices(&devices).into_iter().map(|socket| Said { socket, frame: Some(frame.clone()) }),
                    );
                }
                Announce::Wanted { wanted, devices } => {
                    let frame = ServerFrame::Wanted(wanted);
                    said.extend(
                        self.of_devices(&devices).into_iter().map(|socket| Said { socket, frame: Some(frame.clone()) }),
                    );
                }
                Announce::SessionEnded { account, session } => {
                    said.extend(self.end(|caller| caller.account() == account && caller.session() == session));
                }
                Announce::SessionsEnded { account, except } => {
                    said.extend(self.end(|caller| caller.account() == account && Some(caller.session()) != except));
                }
                Announce::DeviceGone { device, .. } => said.extend(self.end(|caller| caller.device() == device)),
            }
        }
        said
    }

    fn end(&mut self, whose: impl Fn(&Caller) -> bool) -> Vec<Said> {
        let over: Vec<u64> = self.sockets.iter().filter(|(_, socket)| whose(&socket.caller)).map(|(id, _)| *id).collect();
        over.into_iter().flat_map(|id| self.close(id, Code::SessionEnded)).collect()
    }
}

fn from_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Code::Malformed.into())
}

fn from_cbor<T: for<'b> minicbor::Decode<'b, ()>>(body: &[u8]) -> Result<T, Refusal> {
    codec::decode(body).map_err(|_| Code::Malformed.into())
}

fn json<T: serde::Serialize>(done: Done<T>) -> Routed {
    let body = serde_json::to_vec(&done.answer).unwrap_or_default();
    Ok((Response { status: 200, body }, done.announce))
}

fn cbor<T: minicbor::Encode<()>>(done: Done<T>) -> Routed {
    Ok((Response { status: 200, body: codec::encode(&done.answer) }, done.announce))
}

fn issue<T>(cookie: &mut Option<Token>, done: Done<Issued<T>>, encode: impl Fn(&T) -> Vec<u8>) -> Routed {
    *cookie = Some(done.answer.token.clone());
    Ok((Response { status: 200, body: encode(&done.answer.body) }, done.announce))
}
