//! By the password.

use shared::{
    AccountId, Code, Millis,
    http::{self as body, WrapKind},
    label::Label,
};
use zeroize::Zeroizing;

use super::{Move, Step, bad_answer, cannot_unwrap};
use crate::{
    Client, Failure,
    account::{ksf::Stretch, opaque::LoggingIn, vault},
    derive,
    failure::code,
    http::Draft,
    output::Method,
};

impl<K: Stretch> Client<K> {
    pub(super) fn log_in(&mut self, id: u64, username: &str, password: String, stay: bool) -> Move {
        if username.is_empty() || password.is_empty() {
            return Err(Code::MissingCredentials.into());
        }
        let (logging, request) = LoggingIn::start(Zeroizing::new(password), &mut self.entropy).map_err(bad_answer)?;
        let start = body::LoginStart { username: username.to_owned(), request: request.into() };
        let draft = Draft::json(Method::Post, "/auth/login/start", &start);
        self.begin(id, stay, Step::LoginStarting { logging: Box::new(logging) }, draft)
    }

    pub(super) fn login_started(&mut self, logging: LoggingIn<K>, started: &body::LoginStarted) -> Move {
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

    /// The password was right.
    pub(super) fn logged_in(&mut self, now: Millis, account: AccountId, export_key: &[u8], logged: &body::LoggedIn) -> Move {
        let key = derive::password_wrap(export_key, account);
        let opened = vault::open(account, &logged.secrets, WrapKind::Password, &key).map_err(cannot_unwrap)?;
        if logged.user.device.is_some() && self.entered {
            self.with_session(now, |session, _| session.renewed());
            self.enter(now);
            return Ok(());
        }
        self.admit(now, opened)
    }
}
