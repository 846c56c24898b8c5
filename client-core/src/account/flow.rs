//! The ways in: register, log in, unlock, recover. One at a time; each ends in an answer to its command.
//!
//! ```text
//! register: start → stretch → make the account → store is made → finish → in
//! log in:   start → stretch → finish → open the vault ┬ store exists here → open it → resume → in
//! recover:  start → sign → open → stretch → finish ───┘ else → make a device → store is made → enrol → in
//! ```
//! A store is made durable before the request that gives its keys away (persist before transmit).

mod admit;
mod log_in;
mod recover;
mod register;

use shared::{
    AccountId, Code, Millis,
    handle::Handle,
    http::{self as body, Secrets},
    kit::Kit,
    password,
    statement::Statement,
};
use zeroize::Zeroizing;

use super::{
    birth::NewDevice,
    ksf::Stretch,
    opaque::{LoggingIn, Registering},
    vault::{self, CannotUnwrap, Opened},
};
use crate::{
    Client, Command, Failure, Snapshot,
    failure::code,
    http::{self, Draft, Outcome},
    output::{Answer, Method, Output},
    session::Session,
};
use recover::Recovering;

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
                self.register_started(now, account, &handle, *registering, &http::json(answer)?)
            }
            Step::RegisterFinishing => {
                let _: body::Bound = http::json(answer)?;
                self.enter(now);
                Ok(())
            }
            Step::LoginStarting { logging } => self.login_started(*logging, &http::json(answer)?),
            Step::LoginFinishing { account, export_key } => self.logged_in(now, account, &export_key, &http::json(answer)?),
            Step::RecoverStarting { kit, registering } => self.recover_started(kit, *registering, http::json(answer)?),
            Step::RecoverOpening(recovering) => self.recover_opened(*recovering, &http::json(answer)?),
            Step::RecoverFinishing { opened, secrets } => {
                let statements = secrets.statements.last().cloned().unwrap_or_default();
                let newest = Statement::parse(statements.as_slice()).map_err(bad_answer)?;
                self.admit(now, Opened { newest, wraps: secrets.wraps, ..*opened })
            }
            Step::ResumeStarting => self.resume_started(http::json(answer)?),
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
