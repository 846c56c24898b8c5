//! People with browsers, over HTTP and sockets: OPAQUE, statements, MLS by hand.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use futures_util::{SinkExt as _, StreamExt as _};
use mls::leaf::SUITE_ID;
use server::clock::{self, SystemRandom};
use sha2::{Digest as _, Sha256};
use shared::{
    AccountId, Bytes, ConversationId, DeviceId, MessageId,
    certificate::Certificate,
    frame::{Append, ClientFrame, ClientHello, Cursor, InboxBody, ServerFrame, ServerHello, VERSION},
    handle::Handle,
    http::{
        Claim, Claimed, Commit, Committed, CreateConversation, DeviceUpload, Enrol, Inbox, LoginFinish, LoginStart,
        LoginStarted, RecoverFinish, RecoverOpen, RecoverOpened, RecoverStart, RecoverStarted, RegisterFinish, RegisterStart,
        RegisterStarted, ResumeFinish, ResumeStart, ResumeStarted, Revoke, Ticket, Wrap, WrapKind,
    },
    label::Label,
    policy::Policy,
    signature, signed_text,
    statement::{Content, StatedDevice, Statement, hash_of_secrets},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest as _},
};

use crate::{
    app::TestApp,
    wire::{Answer, Request},
};

use crate::speaking::{
    device::{MlsDevice, TestGroup},
    login::{LoggingIn, Registering},
};

/// One browser: its cookies, its device, its groups.
pub(crate) struct Browser<'a> {
    pub(crate) app: &'a TestApp,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) person: Person,
    pub(crate) mls: MlsDevice,
    pub(crate) run: Bytes,
    pub(crate) groups: BTreeMap<ConversationId, TestGroup>,
    pub(crate) n: u64,
}

/// What a person knows.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) handle: String,
    pub(crate) password: Vec<u8>,
    pub(crate) account: AccountId,
    pub(crate) identity: SigningKey,
    pub(crate) recovery: SigningKey,
    pub(crate) statement: Statement,
    pub(crate) wraps: Vec<Wrap>,
    pub(crate) vault: Bytes,
}

pub(crate) fn wraps(record: u32) -> Vec<Wrap> {
    let wrap = |kind, record| Wrap { kind, generation: 1, record, sealed: Bytes(vec![1; 90]) };
    vec![wrap(WrapKind::Password, record), wrap(WrapKind::Kit, 1)]
}

fn stated(mls: &MlsDevice) -> StatedDevice {
    StatedDevice { id: mls.id(), key: mls.certificate.key, suites: vec![SUITE_ID] }
}

fn hash(wraps: &[Wrap], vault: &Bytes) -> [u8; 32] {
    hash_of_secrets(wraps.iter().map(|wrap| wrap.sealed.as_slice()), vault.as_slice())
}

fn new_device(identity: &SigningKey, account: AccountId, number: u64) -> MlsDevice {
    let key = SigningKey::from_bytes(&clock::random());
    let public = key.verifying_key().to_bytes();
    let certificate = Certificate::issue(identity, account, DeviceId(clock::random()), public, number, &[SUITE_ID]).unwrap();
    MlsDevice::new(key, identity.verifying_key().to_bytes(), certificate)
}

fn upload(mls: &MlsDevice, packages: usize) -> DeviceUpload {
    DeviceUpload {
        certificate: mls.certificate.as_bytes().into(),
        run: clock::random::<16>().into(),
        packages: (0..packages).map(|_| mls.package(clock::now(), false)).collect(),
        last_resort: mls.package(clock::now(), true),
    }
}

/// The body of a first step that would succeed.
pub(crate) fn register_start(handle: &str) -> (Registering, RegisterStart) {
    let (state, request) = Registering::start(&mut SystemRandom, b"password");
    (state, RegisterStart { username: handle.to_owned(), account_id: AccountId(clock::random()), request: request.into() })
}

/// Registration up to the finishing body.
pub(crate) async fn registration<'a>(app: &'a TestApp, handle: &str) -> (Browser<'a>, RegisterFinish) {
    let (state, start) = register_start(handle);
    let account = start.account_id;
    let answer = Request::new(app, "POST", "/auth/register/start").json(&start).send(app).await;
    let started: RegisterStarted = answer.parse();
    let sent = state.finish(&mut SystemRandom, account, started.response.as_slice());
    let identity = SigningKey::from_bytes(&clock::random());
    let recovery = SigningKey::from_bytes(&clock::random());
    let mls = new_device(&identity, account, 1);
    let (wraps, vault) = (wraps(1), Bytes(vec![1; 200]));
    let content = Content {
        account,
        handle: Handle::parse(handle).unwrap(),
        identity: identity.verifying_key().to_bytes(),
        number: 1,
        previous: [0; 32],
        generation: 1,
        vault_number: 1,
        secrets: hash(&wraps, &vault),
        devices: vec![stated(&mls)],
    };
    let statement = content.sign(&identity, None).unwrap();
    let device = upload(&mls, 3);
    let finish = RegisterFinish {
        username: handle.to_owned(),
        account_id: account,
        upload: sent.into(),
        ksf: 1,
        wraps: wraps.clone(),
        vault: vault.clone(),
        recovery_key: recovery.verifying_key().to_bytes().into(),
        statement: statement.as_bytes().into(),
        device: device.clone(),
    };
    let person = Person {
        handle: handle.to_owned(),
        password: b"password".to_vec(),
        account,
        identity,
        recovery,
        statement,
        wraps,
        vault,
    };
    let browser = Browser { app, cookies: BTreeMap::new(), person, mls, run: device.run, groups: BTreeMap::new(), n: 0 };
    (browser, finish)
}

/// Somebody who is in.
pub(crate) async fn register<'a>(app: &'a TestApp, handle: &str) -> Browser<'a> {
    let (mut browser, finish) = registration(app, handle).await;
    let answer = browser.send(browser.request("POST", "/auth/register/finish").cbor(&finish)).await;
    assert_eq!(answer.status, 201, "{:?}", String::from_utf8_lossy(&answer.body));
    browser
}

/// A log-in up to the finishing body; wrong passwords end in noise.
pub(crate) async fn login_finish(app: &TestApp, handle: &str, password: &[u8]) -> Result<LoginFinish, Answer> {
    let (state, request) = LoggingIn::start(&mut SystemRandom, password);
    let start = LoginStart { username: handle.to_owned(), request: request.into() };
    let answer = Request::new(app, "POST", "/auth/login/start").json(&start).send(app).await;
    if answer.status != 200 {
        return Err(answer);
    }
    let started: LoginStarted = answer.parse();
    let finalization = state.finish(&mut SystemRandom, started.account_id, started.response.as_slice());
    Ok(LoginFinish {
        login_id: started.login_id,
        finalization: finalization.unwrap_or_else(|| vec![9; 64]).into(),
        device_id: None,
        device_signature: None,
    })
}

impl<'a> Browser<'a> {
    pub(crate) fn id(&self) -> DeviceId {
        self.mls.id()
    }

    /// As our page asks, with the cookies of this browser.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(self.app, method, path);
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if cookies.is_empty() { request } else { request.with("cookie", &cookies.join("; ")) }
    }

    /// Sends, and keeps the cookies that come back.
    pub(crate) async fn send(&mut self, request: Request) -> Answer {
        let answer = request.send(self.app).await;
        for cookie in answer.all("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// The same person at a new browser, logged in but not enrolled.
    pub(crate) async fn elsewhere(&self) -> Browser<'a> {
        let finish = login_finish(self.app, &self.person.handle, &self.person.password).await.unwrap();
        let mls = self.new_device();
        let mut other = Browser {
            app: self.app,
            cookies: BTreeMap::new(),
            person: self.person.clone(),
            mls,
            run: Bytes::default(),
            groups: BTreeMap::new(),
            n: 0,
        };
        let answer = other.send(other.request("POST", "/auth/login/finish").json(&finish)).await;
        assert_eq!((answer.status, answer.json()["msg"].as_str()), (200, Some("login successful")));
        other
    }

    fn new_device(&self) -> MlsDevice {
        new_device(&self.person.identity, self.person.account, self.person.statement.content().number + 1)
    }

    /// The body that enrols a new device of this person.
    pub(crate) fn enrolment(&self) -> (MlsDevice, Enrol) {
        let mls = self.new_device();
        let person = &self.person;
        let vault_number = person.statement.content().vault_number + 1;
        let vault = Bytes(vec![u8::try_from(vault_number).unwrap(); 200]);
        let mut devices = person.statement.content().devices.clone();
        devices.push(stated(&mls));
        devices.sort_by_key(|device| device.id);
        let statement = self.next(devices, vault_number, &person.wraps, &vault);
        let body =
            Enrol { device: upload(&mls, 1), statement: statement.as_bytes().into(), vault, vault_number, retires: None };
        (mls, body)
    }

    fn next(&self, devices: Vec<StatedDevice>, vault_number: u64, wraps: &[Wrap], vault: &Bytes) -> Statement {
        let before = &self.person.statement;
        let content = Content {
            number: before.content().number + 1,
            previous: before.hash(),
            vault_number,
            secrets: hash(wraps, vault),
            devices,
            ..before.content().clone()
        };
        content.sign(&self.person.identity, None).unwrap()
    }

    /// Enrols; this browser then is the new device, and `self.person` knows the new statement.
    pub(crate) async fn enrol(&mut self) -> Answer {
        let (mls, body) = self.enrolment();
        let answer = self.send(self.request("POST", "/api/devices").cbor(&body)).await;
        if answer.status == 200 {
            self.person.statement = Statement::parse(body.statement.as_slice()).unwrap();
            self.person.vault = body.vault;
            (self.mls, self.run) = (mls, body.device.run);
        }
        answer
    }

    /// The body that revokes a device.
    pub(crate) fn revocation(&self, device: DeviceId) -> Revoke {
        let person = &self.person;
        let vault_number = person.statement.content().vault_number + 1;
        let vault = Bytes(vec![9; 200]);
        let mut devices = person.statement.content().devices.clone();
        devices.retain(|stated| stated.id != device);
        let statement = self.next(devices, vault_number, &person.wraps, &vault);
        Revoke { statement: statement.as_bytes().into(), vault, vault_number }
    }

    /// A session by the device key, without a password.
    pub(crate) async fn resume(&mut self, label: Label) -> Answer {
        let start = ResumeStart { device_id: self.id() };
        let answer = self.send(self.request("POST", "/auth/resume/start").json(&start)).await;
        let started: ResumeStarted = answer.parse();
        let text = signed_text::resume(started.resume_id.as_slice(), started.challenge.as_slice());
        let signature = signature::sign(&self.mls.key, label, &text).into();
        let finish = ResumeFinish { resume_id: started.resume_id, signature };
        self.send(self.request("POST", "/auth/resume/finish").json(&finish)).await
    }

    /// A new password by the kit.
    pub(crate) async fn recover(&mut self, password: &[u8]) -> Answer {
        let (state, request) = Registering::start(&mut SystemRandom, password);
        let start = RecoverStart { username: self.person.handle.clone(), request: request.into() };
        let started: RecoverStarted = self.send(self.request("POST", "/auth/recover/start").json(&start)).await.parse();
        let text = signed_text::recovery(started.account_id, started.nonce.as_slice());
        let signed = signature::sign(&self.person.recovery, Label::RecoveryOpen, &text).into();
        let open = RecoverOpen { recover_id: started.recover_id.clone(), signature: signed };
        let opened: RecoverOpened = self.send(self.request("POST", "/auth/recover/open").json(&open)).await.parse();
        let sent = state.finish(&mut SystemRandom, started.account_id, started.response.as_slice());
        let wraps = wraps(opened.next_record());
        let devices = self.person.statement.content().devices.clone();
        let statement = self.next(devices, opened.vault_number, &wraps, &opened.vault);
        let mut finish = RecoverFinish {
            recover_id: started.recover_id,
            upload: sent.into(),
            ksf: 1,
            wraps,
            statement: statement.as_bytes().into(),
            signature: Bytes::default(),
        };
        finish.signature =
            signature::sign(&self.person.recovery, Label::RecoveryFinish, &Sha256::digest(finish.signed())).into();
        self.send(self.request("POST", "/auth/recover/finish").cbor(&finish)).await
    }

    pub(crate) async fn claim(&mut self, account: AccountId, conversation_id: ConversationId, epoch: u64) -> Answer {
        let claim = Claim { conversation_id, generation: 0, epoch, device_id: None };
        self.send(self.request("POST", &format!("/api/accounts/{account}/key-packages/claim")).json(&claim)).await
    }

    /// The body that makes the conversation with somebody.
    pub(crate) async fn creation(&mut self, with: AccountId) -> CreateConversation {
        let conversation = ConversationId(clock::random());
        let own = self.person.account;
        let policy = Policy::direct(own, with, SUITE_ID);
        let mut packages = vec![];
        for account in [own, with] {
            let claimed: Claimed = self.claim(account, conversation, 0).await.read();
            packages.extend(claimed.packages.into_iter().map(|claimed| claimed.package));
        }
        let mut group = self.mls.create(conversation, &policy, clock::now());
        let group_info = self.mls.info(&group, true);
        let commit = self.mls.commit(&mut group, MessageId(clock::random()), &packages, &[]);
        self.groups.insert(conversation, group);
        CreateConversation { conversation, kind: 0, with: Some(with), group_info, commit }
    }

    /// Makes a conversation; the other joins it.
    pub(crate) async fn pair(&mut self, other: &mut Browser<'_>) -> ConversationId {
        let body = self.creation(other.person.account).await;
        let created: Committed = self.send(self.request("POST", "/api/conversations").cbor(&body)).await.read();
        assert_eq!(created.number, 1);
        self.mls.merge(self.groups.get_mut(&body.conversation).unwrap());
        other.join().await;
        body.conversation
    }

    /// Joins by the newest Welcome.
    pub(crate) async fn join(&mut self) {
        let inbox: Inbox = self.get("/api/inbox?after=0").await.read();
        let welcome = inbox.items.into_iter().rev().find_map(|item| match item.body {
            InboxBody::Welcome(welcome) => Some(welcome),
            _ => None,
        });
        let welcome = welcome.unwrap();
        let group = self.mls.join(&welcome.welcome);
        self.groups.insert(welcome.conversation, group);
    }

    pub(crate) fn commit(&mut self, conversation: ConversationId, adds: &[Bytes]) -> Commit {
        let group = self.groups.get_mut(&conversation).unwrap();
        self.mls.commit(group, MessageId(clock::random()), adds, &[])
    }

    /// The next message.
    pub(crate) fn message(&mut self, conversation: ConversationId, text: &[u8]) -> Append {
        self.n += 1;
        let group = self.groups.get_mut(&conversation).unwrap();
        let (epoch, message) = (group.epoch(), MessageId(clock::random()));
        let sealed = self.mls.seal(group, self.n, message, text);
        Append { request: self.n, conversation, generation: 0, epoch, n: self.n, message, sealed }
    }

    pub(crate) async fn ticket(&mut self) -> String {
        let answer = self.send(self.request("POST", "/auth/ticket")).await;
        let ticket: Ticket = answer.parse();
        serde_json::to_value(&ticket.ticket).unwrap().as_str().unwrap().to_owned()
    }

    /// The next run's Hello.
    pub(crate) fn hello(&mut self, cursors: Vec<Cursor>) -> ClientHello {
        let next: Bytes = clock::random::<16>().into();
        let run = std::mem::replace(&mut self.run, next.clone());
        ClientHello { version: VERSION, run, next_run: next, store_epoch: None, inbox: 0, cursors }
    }

    /// A socket that was not greeted yet.
    pub(crate) async fn socket(&mut self) -> Socket {
        let ticket = self.ticket().await;
        Socket::open(self.app, &self.app.origin(), &ticket).await.unwrap()
    }

    /// A greeted socket that knows everything up to these cursors.
    pub(crate) async fn greeted(&mut self, cursors: Vec<Cursor>) -> (Socket, ServerHello) {
        let mut socket = self.socket().await;
        let hello = self.hello(cursors);
        socket.send(&ClientFrame::Hello(hello)).await;
        match socket.next().await {
            Some(ServerFrame::Hello(answer)) => (socket, answer),
            other => panic!("{other:?}"),
        }
    }
}

/// A WebSocket.
pub(crate) struct Socket(pub(crate) WebSocketStream<TlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn open(app: &TestApp, origin: &str, ticket: &str) -> Result<Self, Box<tungstenite::Error>> {
        Self::open_with(app, &[("origin", origin), ("sec-fetch-site", "same-origin")], &format!("sotto.1, ticket.{ticket}"))
            .await
    }

    pub(crate) async fn open_with(
        app: &TestApp,
        headers: &[(&str, &str)],
        protocols: &str,
    ) -> Result<Self, Box<tungstenite::Error>> {
        let url = format!("wss://localhost:{}/ws", app.address.port());
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request
                .headers_mut()
                .append(tungstenite::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        let stream = app.connect().await;
        let (socket, response) = tokio_tungstenite::client_async(request, stream).await.map_err(Box::new)?;
        assert_eq!(response.headers().get("sec-websocket-protocol").unwrap(), "sotto.1");
        Ok(Self(socket))
    }

    pub(crate) async fn send(&mut self, frame: &ClientFrame) {
        self.0.send(Message::Binary(frame.encode().into())).await.unwrap();
    }

    /// The next frame; none at the end. Pings are answered on the way.
    pub(crate) async fn next(&mut self) -> Option<ServerFrame> {
        loop {
            match timeout(std::time::Duration::from_secs(20), self.0.next()).await.expect("no frame came") {
                Some(Ok(Message::Binary(bytes))) => return Some(ServerFrame::decode(&bytes).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// Frames until one is wanted.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(ServerFrame) -> Option<T>) -> T {
        loop {
            let frame = self.next().await.expect("the socket ended");
            if let Some(found) = wanted(frame) {
                return found;
            }
        }
    }

    /// The code of the goodbye.
    pub(crate) async fn bye(&mut self) -> String {
        self.until(|frame| match frame {
            ServerFrame::Bye(code) => Some(code),
            _ => None,
        })
        .await
    }

    /// The code of the next refusal.
    pub(crate) async fn refused(&mut self) -> (u64, String, Option<u64>) {
        self.until(|frame| match frame {
            ServerFrame::Refused(refused) => Some((refused.request, refused.code, refused.detail)),
            _ => None,
        })
        .await
    }
}
