//! People with browsers.

use std::collections::BTreeMap;

use ed25519_dalek::SigningKey;
use mls::leaf::SUITE_ID;
use sha2::{Digest as _, Sha256};
use shared::{
    AccountId, Bytes, ConversationId, DeviceId, MessageId,
    certificate::Certificate,
    frame::{Append, Appended, InboxBody, InboxItem},
    handle::Handle,
    http::{
        Claim, Commit, Committed, CreateConversation, DeviceUpload, Enrol, LoggedIn, LoginFinish, LoginStart, RecoverFinish,
        RecoverOpen, RecoverStart, RegisterFinish, RegisterStart, ResumeFinish, ResumeStart, Wrap, WrapKind,
    },
    label::Label,
    policy::Policy,
    signature, signed_text,
    statement::{Content, StatedDevice, Statement, hash_of_secrets},
};

use super::world::World;
use crate::{
    Caller, Issued, Outcome, Session, Token,
    account::{
        self,
        testing::{LoggingIn, Registering},
    },
    conversation, device, inbox, key_package,
    mls_group::testing::{MlsDevice, TestGroup},
    session,
};

/// What a person knows and has written down.
pub(crate) struct Person {
    pub(crate) handle: String,
    pub(crate) account: AccountId,
    pub(crate) password: Vec<u8>,
    pub(crate) identity: SigningKey,
    pub(crate) recovery: SigningKey,
    pub(crate) statement: Statement,
    pub(crate) wraps: Vec<Wrap>,
    pub(crate) vault: Bytes,
}

/// One browser of a person, enrolled.
pub(crate) struct Browser {
    pub(crate) mls: MlsDevice,
    pub(crate) token: Token,
    pub(crate) session: Session,
    pub(crate) known: Bytes,
    pub(crate) run: Bytes,
    pub(crate) groups: BTreeMap<ConversationId, TestGroup>,
    pub(crate) n: u64,
}

impl Browser {
    pub(crate) fn caller(&self) -> Caller {
        self.session.caller().unwrap()
    }
    pub(crate) fn id(&self) -> DeviceId {
        self.mls.id()
    }
}

fn wraps(record: u32, fill: u8) -> Vec<Wrap> {
    let wrap = |kind, record| Wrap { kind, generation: 1, record, sealed: Bytes(vec![fill; 90]) };
    vec![wrap(WrapKind::Password, record), wrap(WrapKind::Kit, 1)]
}

fn hash(wraps: &[Wrap], vault: &Bytes) -> [u8; 32] {
    hash_of_secrets(wraps.iter().map(|wrap| wrap.sealed.as_slice()), vault.as_slice())
}

fn stated(mls: &MlsDevice) -> StatedDevice {
    StatedDevice { id: mls.id(), key: mls.certificate.key, suites: vec![SUITE_ID] }
}

impl Person {
    /// The next statement: devices as they shall be, secrets as they shall be.
    pub(crate) fn next(&self, devices: Vec<StatedDevice>, vault_number: u64, wraps: &[Wrap], vault: &Bytes) -> Statement {
        let content = Content {
            number: self.statement.content().number + 1,
            previous: self.statement.hash(),
            vault_number,
            secrets: hash(wraps, vault),
            devices,
            ..self.statement.content().clone()
        };
        content.sign(&self.identity, None).unwrap()
    }

    /// A new device under the next statement number.
    pub(crate) fn new_device(&self, world: &mut World, number: u64) -> MlsDevice {
        new_device(world, &self.identity, self.account, number)
    }

    /// The body that enrols `mls`.
    pub(crate) fn enrolment(&self, world: &mut World, mls: &MlsDevice, retires: Option<DeviceId>) -> Enrol {
        let vault_number = self.statement.content().vault_number + 1;
        let vault = Bytes(vec![u8::try_from(vault_number).unwrap(); 200]);
        let mut devices = self.statement.content().devices.clone();
        devices.retain(|device| Some(device.id) != retires);
        devices.push(stated(mls));
        let statement = self.next(devices, vault_number, &self.wraps, &vault);
        let device = upload(world, mls, 2);
        Enrol { device, statement: statement.as_bytes().into(), vault, vault_number, retires }
    }
}

fn new_device(world: &mut World, identity: &SigningKey, account: AccountId, number: u64) -> MlsDevice {
    let key = SigningKey::from_bytes(&world.random());
    let device = DeviceId(world.random());
    let public = key.verifying_key().to_bytes();
    let certificate = Certificate::issue(identity, account, device, public, number, &[SUITE_ID]).unwrap();
    MlsDevice::new(key, identity.verifying_key().to_bytes(), certificate)
}

pub(crate) fn upload(world: &mut World, mls: &MlsDevice, packages: usize) -> DeviceUpload {
    DeviceUpload {
        certificate: mls.certificate.as_bytes().into(),
        run: world.random::<16>().into(),
        packages: (0..packages).map(|_| mls.package(world.now, false)).collect(),
        last_resort: mls.package(world.now, true),
    }
}

impl World {
    /// The finishing body of a registration that would succeed.
    pub(crate) fn registration(&mut self, handle: &str, packages: usize) -> (Person, MlsDevice, RegisterFinish) {
        let account = AccountId(self.random());
        let password = format!("password of {handle}").into_bytes();
        let (state, request) = Registering::start(&mut self.rng, &password);
        let start = RegisterStart { username: handle.to_owned(), account_id: account, request: request.into() };
        let peer = self.peer.clone();
        let started = self.write(|sql, context| account::register_start(sql, context, &peer, &start)).unwrap().answer;
        let sent = state.finish(&mut self.rng, account, started.response.as_slice());
        let identity = SigningKey::from_bytes(&self.random());
        let recovery = SigningKey::from_bytes(&self.random());
        let mls = new_device(self, &identity, account, 1);
        let (wraps, vault) = (wraps(1, 1), Bytes(vec![1; 200]));
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
        let finish = RegisterFinish {
            username: handle.to_owned(),
            account_id: account,
            upload: sent.into(),
            ksf: 1,
            wraps: wraps.clone(),
            vault: vault.clone(),
            recovery_key: recovery.verifying_key().to_bytes().into(),
            statement: statement.as_bytes().into(),
            device: upload(self, &mls, packages),
        };
        let handle = handle.to_owned();
        (Person { handle, account, password, identity, recovery, statement, wraps, vault }, mls, finish)
    }

    pub(crate) fn finish_registration(&mut self, finish: &RegisterFinish) -> Outcome<Issued<shared::http::Bound>> {
        let peer = self.peer.clone();
        self.write(|sql, context| account::register_finish(sql, context, &peer, finish))
    }

    pub(crate) fn register(&mut self, handle: &str) -> (Person, Browser) {
        let (person, mls, finish) = self.registration(handle, 3);
        let issued = self.finish_registration(&finish).unwrap().answer;
        (person, browser(mls, issued, finish.device.run))
    }

    pub(crate) fn login_start(&mut self, handle: &str, password: &[u8]) -> Outcome<(LoggingIn, shared::http::LoginStarted)> {
        let (state, request) = LoggingIn::start(&mut self.rng, password);
        let start = LoginStart { username: handle.to_owned(), request: request.into() };
        let peer = self.peer.clone();
        let done = self.write(|sql, context| account::login_start(sql, context, &peer, &start))?;
        Ok(done.map(|started| (state, started)))
    }

    pub(crate) fn login_finish(&mut self, finish: &LoginFinish) -> Outcome<Issued<LoggedIn>> {
        self.write(|sql, context| account::login_finish(sql, context, finish))
    }

    /// With the signature of a device when one is given.
    pub(crate) fn login(&mut self, handle: &str, password: &[u8], by: Option<&MlsDevice>) -> Outcome<Issued<LoggedIn>> {
        let (state, started) = self.login_start(handle, password)?.answer;
        let finalization = state.finish(&mut self.rng, started.account_id, started.response.as_slice());
        let sign = |mls: &MlsDevice| signature::sign(&mls.key, Label::DeviceLogin, started.login_id.as_slice()).into();
        self.login_finish(&LoginFinish {
            // Who sees that the password is wrong would stop here; a guesser might send anything.
            finalization: finalization.unwrap_or_else(|| vec![9; 64]).into(),
            device_id: by.map(MlsDevice::id),
            device_signature: by.map(sign),
            login_id: started.login_id,
        })
    }

    pub(crate) fn resume(&mut self, mls: &MlsDevice, with: Option<&Session>) -> Outcome<Issued<shared::http::Bound>> {
        let peer = self.peer.clone();
        let start = ResumeStart { device_id: mls.id() };
        let started = self.write(|sql, context| session::resume_start(sql, context, &peer, &start))?.answer;
        let text = signed_text::resume(started.resume_id.as_slice(), started.challenge.as_slice());
        let signature = signature::sign(&mls.key, Label::DeviceResume, &text).into();
        let finish = ResumeFinish { resume_id: started.resume_id, signature };
        self.write(|sql, context| session::resume_finish(sql, context, with, &finish))
    }

    pub(crate) fn enrol(&mut self, session: &Session, request: &Enrol) -> Outcome<Issued<shared::http::Bound>> {
        self.write(|sql, context| device::enrol(sql, context, session, request))
    }

    /// A second browser of a person: log-in by password, then enrolment.
    pub(crate) fn second(&mut self, person: &mut Person) -> Browser {
        let (handle, password) = (person.handle.clone(), person.password.clone());
        let issued = self.login(&handle, &password, None).unwrap().answer;
        let mls = person.new_device(self, person.statement.content().number + 1);
        let request = person.enrolment(self, &mls, None);
        let bound = self.enrol(&issued.session, &request).unwrap().answer;
        person.statement = Statement::parse(request.statement.as_slice()).unwrap();
        person.vault = request.vault;
        browser(mls, bound, request.device.run)
    }

    /// Everything of a recovery up to the finishing body.
    pub(crate) fn recovery(&mut self, person: &Person, password: &[u8], key: &SigningKey) -> Outcome<RecoverFinish> {
        let (state, request) = Registering::start(&mut self.rng, password);
        let peer = self.peer.clone();
        let start = RecoverStart { username: person.handle.clone(), request: request.into() };
        let started = self.write(|sql, context| account::recover_start(sql, context, &peer, &start))?.answer;
        let text = signed_text::recovery(started.account_id, started.nonce.as_slice());
        let open = RecoverOpen {
            recover_id: started.recover_id.clone(),
            signature: signature::sign(key, Label::RecoveryOpen, &text).into(),
        };
        let opened = self.write(|sql, context| account::recover_open(sql, context, &open))?.answer;
        let sent = state.finish(&mut self.rng, started.account_id, started.response.as_slice());
        let wraps = wraps(opened.next_record(), 2);
        let devices = person.statement.content().devices.clone();
        let statement = person.next(devices, opened.vault_number, &wraps, &opened.vault);
        let mut finish = RecoverFinish {
            recover_id: started.recover_id,
            upload: sent.into(),
            ksf: 1,
            wraps,
            statement: statement.as_bytes().into(),
            signature: Bytes::default(),
        };
        sign_recovery(&mut finish, key);
        Ok(crate::Done::quiet(finish))
    }

    pub(crate) fn claim(&mut self, by: &Browser, account: AccountId, claim: &Claim) -> Outcome<shared::http::Claimed> {
        let caller = by.caller();
        self.write(|sql, context| key_package::claim(sql, context, &caller, account, claim))
    }

    /// The body that makes the conversation of two, or the note of one.
    pub(crate) fn creation(&mut self, by: &mut Browser, with: AccountId) -> CreateConversation {
        let conversation = ConversationId(self.random());
        let own = by.session.account();
        let (kind, policy) =
            if own == with { (2, Policy::note(own, SUITE_ID)) } else { (0, Policy::direct(own, with, SUITE_ID)) };
        let mut packages = vec![];
        for account in [own, with] {
            let claim = Claim { conversation_id: conversation, generation: 0, epoch: 0, device_id: None };
            let claimed = self.claim(by, account, &claim).unwrap().answer;
            packages.extend(claimed.packages.into_iter().map(|claimed| claimed.package));
            if own == with {
                break;
            }
        }
        let mut group = by.mls.create(conversation, &policy, self.now);
        let group_info = by.mls.info(&group, true);
        let message = MessageId(self.random());
        let commit = by.mls.commit(&mut group, message, &packages, &[]);
        by.groups.insert(conversation, group);
        CreateConversation { conversation, kind, with: Some(with), group_info, commit }
    }

    pub(crate) fn create(&mut self, by: &Browser, request: &CreateConversation) -> Outcome<Committed> {
        let caller = by.caller();
        self.write(|sql, context| conversation::create(sql, context, &caller, request))
    }

    pub(crate) fn inbox(&mut self, of: &Browser) -> Vec<InboxItem> {
        let caller = of.caller();
        self.read(|sql| inbox::read(sql, &caller, 0, 100, usize::MAX)).unwrap().answer
    }

    /// Joins by the newest Welcome in the inbox.
    pub(crate) fn join(&mut self, browser: &mut Browser) -> ConversationId {
        let welcome = self.inbox(browser).into_iter().rev().find_map(|item| match item.body {
            InboxBody::Welcome(welcome) => Some(welcome),
            _ => None,
        });
        let welcome = welcome.unwrap();
        let group = browser.mls.join(&welcome.welcome);
        browser.groups.insert(welcome.conversation, group);
        welcome.conversation
    }

    /// A living conversation of two, both joined.
    pub(crate) fn pair(&mut self, a: &mut Browser, b: &mut Browser) -> ConversationId {
        let request = self.creation(a, b.session.account());
        self.create(a, &request).unwrap();
        a.mls.merge(a.groups.get_mut(&request.conversation).unwrap());
        assert_eq!(self.join(b), request.conversation);
        request.conversation
    }

    /// The next message of a browser, sealed in its current epoch.
    pub(crate) fn message(&mut self, by: &mut Browser, conversation: ConversationId, text: &[u8]) -> Append {
        by.n += 1;
        let message = MessageId(self.random());
        self.message_as(by, conversation, by.n, message, text)
    }

    pub(crate) fn message_as(
        &mut self,
        by: &mut Browser,
        conversation: ConversationId,
        n: u64,
        message: MessageId,
        text: &[u8],
    ) -> Append {
        let group = by.groups.get_mut(&conversation).unwrap();
        let epoch = group.epoch();
        let sealed = by.mls.seal(group, n, message, text);
        Append { request: 7, conversation, generation: 0, epoch, n, message, sealed }
    }

    pub(crate) fn append(&mut self, by: &Browser, request: &Append) -> Outcome<Appended> {
        let caller = by.caller();
        self.write(|sql, context| conversation::append(sql, context, &caller, request))
    }

    pub(crate) fn commit(&mut self, by: &Browser, conversation: ConversationId, commit: &Commit) -> Outcome<Committed> {
        let caller = by.caller();
        self.write(|sql, context| conversation::commit(sql, context, &caller, conversation, commit))
    }

    /// Makes a commit, stores it and merges it.
    pub(crate) fn change(
        &mut self,
        by: &mut Browser,
        conversation: ConversationId,
        adds: &[Bytes],
        removes: &[DeviceId],
    ) -> Commit {
        let message = MessageId(self.random());
        let commit = by.mls.commit(by.groups.get_mut(&conversation).unwrap(), message, adds, removes);
        self.commit(by, conversation, &commit).unwrap();
        by.mls.merge(by.groups.get_mut(&conversation).unwrap());
        commit
    }
}

pub(crate) fn sign_recovery(finish: &mut RecoverFinish, key: &SigningKey) {
    finish.signature = signature::sign(key, Label::RecoveryFinish, &Sha256::digest(finish.signed())).into();
}

pub(crate) fn browser<T>(mls: MlsDevice, issued: Issued<T>, run: Bytes) -> Browser {
    let Issued { token, known, session, .. } = issued;
    Browser { mls, token, session, known, run, groups: BTreeMap::new(), n: 0 }
}
