//! The ways in: register, log in, unlock, recover. One at a time; each ends in an answer to its command.
//!
//! ```text
//! register: start → stretch → make the account → store is made → finish → in
//! log in:   start → stretch → finish → open the vault ┬ store exists here → open it → resume → in
//! recover:  start → sign → open → stretch → finish ───┘ else → make a device → store is made → enrol → in
//! ```
//! A store is made durable before the request that gives its keys away (persist before transmit).

use ed25519_dalek::SigningKey;
use sha2::{Digest as _, Sha256};
use shared::{
    AccountId, Bytes, Code, Millis,
    handle::Handle,
    http::{self as body, Secrets, WrapKind},
    kit::{Kit, KitError},
    label::Label,
    password, signature, signed_text, statement,
};
use zeroize::Zeroizing;

use super::{
    birth::{self, NewDevice},
    ksf::Stretch,
    opaque::{LoggingIn, Registering},
    vault::{self, CannotUnwrap, Opened},
};
use crate::{
    Client, Command, Failure, Slot, Snapshot, derive,
    failure::code,
    http::{self, Draft, Outcome},
    output::{Answer, Method, Output},
    session::Session,
};

/// A way in, under way.
pub(crate) struct Flow<K: Stretch> {
    command: u64,
    stay: bool,
    step: Step<K>,
    retries: u8,
    touched: Touched,
}

/// What a way in has done to the store of this browser so far.
#[derive(Clone, Copy)]
enum Touched {
    Nothing,
    /// Made it.
    Made,
    /// Opened the one that was here.
    Opened,
}

enum Step<K: Stretch> {
    RegisterStarting {
        account: AccountId,
        handle: Handle,
        registering: Box<Registering<K>>,
    },
    RegisterStoring {
        body: Box<body::RegisterFinish>,
    },
    RegisterFinishing,
    LoginStarting {
        logging: Box<LoggingIn<K>>,
    },
    LoginFinishing {
        account: AccountId,
        export_key: Zeroizing<Vec<u8>>,
    },
    RecoverStarting {
        kit: Kit,
        registering: Box<Registering<K>>,
    },
    RecoverOpening(Box<Recovering<K>>),
    RecoverFinishing {
        opened: Box<Opened>,
        secrets: Box<Secrets>,
    },
    UnlockStoring,
    ResumeStarting,
    ResumeFinishing,
    EnrolStoring {
        opened: Box<Opened>,
        body: Box<body::Enrol>,
    },
    Enrolling {
        opened: Box<Opened>,
        device: Option<Box<NewDevice>>,
    },
    EnrolRefreshing {
        opened: Box<Opened>,
    },
    /// Between two steps; never rests here.
    Moving,
}

struct Recovering<K: Stretch> {
    kit: Kit,
    registering: Registering<K>,
    recover_id: Bytes,
    account: AccountId,
    response: Bytes,
}

/// The flow's next move, or how it ends.
type Move = Result<(), Failure>;

fn bad_answer<E>(_: E) -> Failure {
    Failure::new(code::BAD_ANSWER)
}
fn cannot_unwrap(_: CannotUnwrap) -> Failure {
    Failure::new(code::CANNOT_UNWRAP)
}

impl<K: Stretch> Client<K> {
    pub(crate) fn flow_command(&mut self, now: Millis, id: u64, command: Command) {
        // A device whose registration was cut off is still asking whether the server knows it. Its answer would put that device's
        // cookie in the place of the one this way in is about to get.
        let settling = !self.entered && self.session.is_some();
        if self.flow.is_some() || settling {
            return self.answer(id, Err(Failure::new(code::BUSY)));
        }
        let begun = match command {
            Command::Register { username, password, stay } => self.register(id, &username, password, stay),
            Command::Login { username, password, stay } => self.log_in(id, &username, password, stay),
            Command::Unlock { password } => match self.slot.clone() {
                Some(slot) => self.log_in(id, &slot.handle, password, slot.stay),
                None => Err(Failure::new(code::NOT_NOW)),
            },
            Command::Recover { username, kit, password, stay } => self.recover(id, &username, &kit, password, stay),
            _ => Err(Failure::new(code::NOT_NOW)),
        };
        let _ = now;
        if let Err(failure) = begun {
            self.flow = None;
            self.answer(id, Err(failure));
        }
    }

    fn begin(&mut self, command: u64, stay: bool, step: Step<K>, draft: Draft) -> Move {
        self.flow = Some(Flow { command, stay, step, retries: 0, touched: Touched::Nothing });
        self.ask(draft);
        Ok(())
    }

    fn ask(&mut self, draft: Draft) {
        self.ids += 1;
        self.flow_request = Some(self.ids);
        self.out.push_back(Output::Http(draft.with_id(self.ids)));
    }

    fn register(&mut self, id: u64, username: &str, password: String, stay: bool) -> Move {
        if username.is_empty() || password.is_empty() {
            return Err(Code::MissingFields.into());
        }
        let handle = Handle::parse(username).map_err(Failure::from)?;
        check_password(&password)?;
        let account = AccountId(self.entropy.array());
        let (registering, request) = Registering::start(Zeroizing::new(password), &mut self.entropy).map_err(bad_answer)?;
        let start = body::RegisterStart { username: username.to_owned(), account_id: account, request: request.into() };
        let draft = Draft::json(Method::Post, "/auth/register/start", &start);
        self.begin(id, stay, Step::RegisterStarting { account, handle, registering: Box::new(registering) }, draft)
    }

    fn log_in(&mut self, id: u64, username: &str, password: String, stay: bool) -> Move {
        if username.is_empty() || password.is_empty() {
            return Err(Code::MissingCredentials.into());
        }
        let (logging, request) = LoggingIn::start(Zeroizing::new(password), &mut self.entropy).map_err(bad_answer)?;
        let start = body::LoginStart { username: username.to_owned(), request: request.into() };
        let draft = Draft::json(Method::Post, "/auth/login/start", &start);
        self.begin(id, stay, Step::LoginStarting { logging: Box::new(logging) }, draft)
    }

    fn recover(&mut self, id: u64, username: &str, kit: &str, password: String, stay: bool) -> Move {
        if username.is_empty() {
            return Err(Code::MissingFields.into());
        }
        let kit = Kit::parse(kit).map_err(|error| match error {
            KitError::Length(count) => Failure::new(code::KIT_LENGTH).field("kit").message(&count.to_string()),
            KitError::Character { group } => Failure::new(code::KIT_CHARACTER).field("kit").message(&group.to_string()),
            KitError::Checksum => Failure::new(code::KIT_CHECKSUM).field("kit"),
        })?;
        check_password(&password)?;
        let (registering, request) = Registering::start(Zeroizing::new(password), &mut self.entropy).map_err(bad_answer)?;
        let start = body::RecoverStart { username: username.to_owned(), request: request.into() };
        let draft = Draft::json(Method::Post, "/auth/recover/start", &start);
        self.begin(id, stay, Step::RecoverStarting { kit, registering: Box::new(registering) }, draft)
    }

    /// The flow's request ended.
    pub(crate) fn flow_answer(&mut self, now: Millis, outcome: Outcome) {
        let moved = match outcome {
            Outcome::Fine(body) => self.flow_next(now, &body),
            Outcome::Refused(refusal) if refusal.code() == Some(Code::StaleStatement) => self.flow_refresh(refusal.into()),
            Outcome::Refused(refusal) => Err(refusal.into()),
            Outcome::Lost => Err(Failure::new(code::OFFLINE)),
        };
        if let Err(failure) = moved {
            self.flow_failed(failure);
        }
    }

    /// The way in ends here. A store that was made for it goes; one that existed is closed again, with everything in it.
    pub(crate) fn flow_failed(&mut self, failure: Failure) {
        let Some(flow) = self.flow.take() else { return };
        self.flow_request = None;
        match flow.touched {
            Touched::Nothing => {}
            Touched::Made => {
                self.session = None;
                self.slot = None;
                self.out.push_back(Output::CloseStore { wipe: true });
            }
            Touched::Opened => {
                self.session = None;
                self.out.push_back(Output::CloseStore { wipe: false });
            }
        }
        self.answer(flow.command, Err(failure));
    }

    fn take_step(&mut self) -> Step<K> {
        match self.flow.as_mut() {
            Some(flow) => core::mem::replace(&mut flow.step, Step::Moving),
            None => Step::Moving,
        }
    }

    fn rest(&mut self, step: Step<K>) {
        if let Some(flow) = self.flow.as_mut() {
            flow.step = step;
        }
    }

    fn touch(&mut self, touched: Touched) {
        if let Some(flow) = self.flow.as_mut() {
            flow.touched = touched;
        }
    }

    fn stay(&self) -> bool {
        self.flow.as_ref().is_some_and(|flow| flow.stay)
    }

    fn flow_next(&mut self, now: Millis, answer: &[u8]) -> Move {
        match self.take_step() {
            Step::RegisterStarting { account, handle, registering } => {
                let started: body::RegisterStarted = http::json(answer)?;
                let finished =
                    registering.finish(started.response.as_slice(), account, &mut self.entropy).map_err(bad_answer)?;
                let stay = self.stay();
                let (body, device) =
                    birth::account::<K>(account, &handle, finished, stay, now, &mut self.entropy).map_err(cannot_unwrap)?;
                self.make_store(&device, stay);
                self.rest(Step::RegisterStoring { body: Box::new(body) });
                Ok(())
            }
            Step::RegisterFinishing => {
                let _: body::Bound = http::json(answer)?;
                self.enter(now);
                Ok(())
            }
            Step::LoginStarting { logging } => self.login_started(*logging, &http::json(answer)?),
            Step::LoginFinishing { account, export_key } => {
                let logged: body::LoggedIn = http::json(answer)?;
                let key = derive::password_wrap(&export_key, account);
                let opened = vault::open(account, &logged.secrets, WrapKind::Password, &key).map_err(cannot_unwrap)?;
                if logged.user.device.is_some() && self.entered {
                    self.with_session(now, |session, _| session.renewed());
                    self.enter(now);
                    return Ok(());
                }
                self.admit(now, opened)
            }
            Step::RecoverStarting { kit, registering } => {
                let started: body::RecoverStarted = http::json(answer)?;
                let key: SigningKey = derive::kit_key(&kit, started.account_id);
                let signed = signed_text::recovery(started.account_id, started.nonce.as_slice());
                let signature = signature::sign(&key, Label::RecoveryOpen, &signed);
                let open = body::RecoverOpen { recover_id: started.recover_id.clone(), signature: signature.into() };
                self.ask(Draft::json(Method::Post, "/auth/recover/open", &open));
                self.rest(Step::RecoverOpening(Box::new(Recovering {
                    kit,
                    registering: *registering,
                    recover_id: started.recover_id,
                    account: started.account_id,
                    response: started.response,
                })));
                Ok(())
            }
            Step::RecoverOpening(recovering) => self.recover_opened(*recovering, &http::json(answer)?),
            Step::RecoverFinishing { opened, secrets } => {
                let statements = secrets.statements.last().cloned().unwrap_or_default();
                let newest = statement::Statement::parse(statements.as_slice()).map_err(bad_answer)?;
                self.admit(now, Opened { newest, wraps: secrets.wraps, ..*opened })
            }
            Step::ResumeStarting => {
                let started: body::ResumeStarted = http::json(answer)?;
                let signature = self
                    .session
                    .as_ref()
                    .map(|session| session.sign_resume(&started))
                    .ok_or_else(|| Failure::new(code::STORE))?;
                let finish = body::ResumeFinish { resume_id: started.resume_id, signature };
                self.ask(Draft::json(Method::Post, "/auth/resume/finish", &finish));
                self.rest(Step::ResumeFinishing);
                Ok(())
            }
            Step::ResumeFinishing => {
                self.with_session(now, |session, _| session.renewed());
                self.enter(now);
                Ok(())
            }
            Step::Enrolling { device, .. } => {
                let _: body::Bound = http::json(answer)?;
                if let Some(device) = device {
                    self.with_session(now, |session, _| session.become_device(*device));
                }
                self.enter(now);
                Ok(())
            }
            Step::EnrolRefreshing { opened } => {
                let secrets: Secrets = http::json(answer)?;
                let reopened = vault::reopen(*opened, &secrets).map_err(cannot_unwrap)?;
                self.admit(now, reopened)
            }
            Step::RegisterStoring { .. } | Step::UnlockStoring | Step::EnrolStoring { .. } | Step::Moving => {
                Err(Failure::new(code::NOT_NOW))
            }
        }
    }

    fn login_started(&mut self, logging: LoggingIn<K>, started: &body::LoginStarted) -> Move {
        // Before anything is stretched: a server can't talk this client into a cheaper function.
        if started.ksf != K::VERSION {
            return Err(Failure::new(code::KSF_REFUSED));
        }
        let finished = logging.finish(started.response.as_slice(), started.account_id, &mut self.entropy);
        let (finalization, export_key) = finished.map_err(|_| Failure::from(Code::InvalidCredentials).field("password"))?;
        let session = self.session.as_ref().filter(|session| self.entered && !session.me.superseded);
        let device = session
            .filter(|session| session.me.account == started.account_id)
            .map(|session| (session.me.device, session.sign(Label::DeviceLogin, started.login_id.as_slice())));
        let finish = body::LoginFinish {
            login_id: started.login_id.clone(),
            finalization: finalization.into(),
            device_id: device.as_ref().map(|(id, _)| *id),
            device_signature: device.map(|(_, signature)| signature),
        };
        self.ask(Draft::json(Method::Post, "/auth/login/finish", &finish));
        self.rest(Step::LoginFinishing { account: started.account_id, export_key });
        Ok(())
    }

    fn recover_opened(&mut self, recovering: Recovering<K>, secrets: &Secrets) -> Move {
        let Recovering { kit, registering, recover_id, account, response } = recovering;
        let record = secrets.next_record();
        let key = derive::kit_wrap(&kit, account);
        let opened = vault::open(account, secrets, WrapKind::Kit, &key).map_err(cannot_unwrap)?;
        let (upload, export_key) = registering.finish(response.as_slice(), account, &mut self.entropy).map_err(bad_answer)?;
        let wrap_key = derive::password_wrap(&export_key, account);
        let mut wraps = vec![opened.root.wrap(&wrap_key, account, WrapKind::Password, record, &mut self.entropy)];
        wraps.extend(opened.wraps.iter().filter(|wrap| wrap.kind != WrapKind::Password).cloned());
        let before = opened.newest.content();
        let sealed = wraps.iter().map(|wrap| wrap.sealed.as_slice());
        let content = statement::Content {
            number: before.number + 1,
            previous: opened.newest.hash(),
            secrets: statement::hash_of_secrets(sealed, opened.sealed_vault.as_slice()),
            ..before.clone()
        };
        let statement = content.sign(&opened.identity, None).map_err(bad_answer)?;
        let mut finish = body::RecoverFinish {
            recover_id,
            upload: upload.into(),
            ksf: K::VERSION,
            wraps: wraps.clone(),
            statement: statement.as_bytes().into(),
            signature: Bytes::default(),
        };
        let digest = Sha256::digest(finish.signed());
        finish.signature = signature::sign(&derive::kit_key(&kit, account), Label::RecoveryFinish, &digest).into();
        self.ask(Draft::cbor(Method::Post, "/auth/recover/finish", &finish));
        let mut secrets = secrets.clone();
        secrets.wraps = wraps;
        secrets.statements = vec![statement.as_bytes().into()];
        self.rest(Step::RecoverFinishing { opened: Box::new(opened), secrets: Box::new(secrets) });
        Ok(())
    }

    /// The account's belongings are open and the session is not bound to a device: open the store here, or enrol.
    fn admit(&mut self, now: Millis, opened: Opened) -> Move {
        let account = opened.newest.content().account;
        if self.entered {
            if self.session.as_ref().is_some_and(|session| session.me.account != account) {
                return Err(Failure::new(code::NOT_NOW));
            }
            let superseded = self.session.as_ref().filter(|session| session.me.superseded).map(|session| session.me.device);
            let device = self.session.as_ref().map(|session| (session.me.device, session.me.store_secret.clone()));
            let stated = device.as_ref().is_some_and(|(device, _)| opened.newest.device(*device).is_some());
            if superseded.is_none() && stated {
                return self.resume();
            }
            // A store of an earlier version does not know its secret; the vault does.
            let device = device.and_then(|(device, secret)| {
                let secret = Some(secret).filter(|secret| !secret.0.is_empty());
                secret.or_else(|| opened.vault.store(device).cloned()).map(|secret| (device, secret))
            });
            return self.enrol_again(now, opened, device);
        }
        let here = self.slot.as_ref().filter(|slot| slot.account == account && opened.newest.device(slot.device).is_some());
        let stay = self.stay();
        if let Some((slot, secret)) = here.and_then(|slot| opened.vault.store(slot.device).map(|secret| (slot.clone(), secret)))
        {
            let key = derive::store_key(secret.as_slice(), account);
            self.out.push_back(Output::OpenStore { slot: Slot { stay, ..slot }, key, stay, fresh: None });
            self.touch(Touched::Opened);
            self.rest(Step::UnlockStoring);
            return Ok(());
        }
        let (body, device) = birth::device(&opened, None, stay, now, &mut self.entropy).map_err(cannot_unwrap)?;
        self.make_store(&device, stay);
        self.rest(Step::EnrolStoring { opened: Box::new(opened), body: Box::new(body) });
        Ok(())
    }

    /// A superseded or dropped device goes on as a new one, in the store it has.
    fn enrol_again(&mut self, now: Millis, opened: Opened, old: Option<(shared::DeviceId, Bytes)>) -> Move {
        let stay = self.stay();
        let (body, device) = birth::device(&opened, old, stay, now, &mut self.entropy).map_err(cannot_unwrap)?;
        self.ask(Draft::cbor(Method::Post, "/api/devices", &body));
        self.rest(Step::Enrolling { opened: Box::new(opened), device: Some(Box::new(device)) });
        Ok(())
    }

    fn make_store(&mut self, device: &NewDevice, stay: bool) {
        let slot = Slot { account: device.me.account, handle: device.me.handle.clone(), device: device.me.device, stay };
        self.out.push_back(Output::OpenStore {
            slot,
            key: device.store_key.clone(),
            stay,
            fresh: Some(Box::new(device.batch())),
        });
        self.touch(Touched::Made);
    }

    /// The store asked for is open.
    pub(crate) fn flow_store_opened(&mut self, now: Millis, snapshot: Snapshot) {
        let step = self.take_step();
        let moved = match Session::load(snapshot, &mut self.entropy) {
            Err(_) => Err(Failure::new(code::STORE)),
            Ok(session) => {
                self.session = Some(session);
                match step {
                    Step::RegisterStoring { body } => {
                        self.ask(Draft::cbor(Method::Post, "/auth/register/finish", &*body));
                        self.rest(Step::RegisterFinishing);
                        Ok(())
                    }
                    Step::EnrolStoring { opened, body } => {
                        self.ask(Draft::cbor(Method::Post, "/api/devices", &*body));
                        self.rest(Step::Enrolling { opened, device: None });
                        Ok(())
                    }
                    Step::UnlockStoring => {
                        let stay = self.stay();
                        self.with_session(now, |session, _| session.set_stay(stay));
                        self.resume()
                    }
                    _ => Err(Failure::new(code::NOT_NOW)),
                }
            }
        };
        if let Err(failure) = moved {
            self.flow_failed(failure);
        }
    }

    fn resume(&mut self) -> Move {
        let device = self.session.as_ref().map(|session| session.me.device).ok_or_else(|| Failure::new(code::STORE))?;
        self.ask(Draft::json(Method::Post, "/auth/resume/start", &body::ResumeStart { device_id: device }));
        self.rest(Step::ResumeStarting);
        Ok(())
    }

    /// The account moved while this browser enrolled: read it again and make the next statement on top.
    fn flow_refresh(&mut self, failure: Failure) -> Move {
        let Step::Enrolling { opened, .. } = self.take_step() else { return Err(failure) };
        let Some(flow) = self.flow.as_mut().filter(|flow| flow.retries < 3) else { return Err(failure) };
        flow.retries += 1;
        if !self.entered {
            self.session = None;
        }
        self.ask(Draft::get("/api/vault".to_owned()));
        self.rest(Step::EnrolRefreshing { opened });
        Ok(())
    }

    fn enter(&mut self, now: Millis) {
        self.entered = true;
        self.slot = self.session.as_ref().map(Session::slot);
        self.with_session(now, |session, ctx| {
            session.confirm();
            session.connect(ctx);
        });
        if let Some(flow) = self.flow.take() {
            self.answer(flow.command, Ok(Answer::Done));
        }
    }
}

fn check_password(password: &str) -> Move {
    match password::unmet(password).first() {
        None => Ok(()),
        Some(rule) => Err(Failure::new(code::PASSWORD_RULE).field("password").message(rule.text())),
    }
}
