//! A new account.

use shared::{AccountId, Code, Millis, handle::Handle, http as body};
use zeroize::Zeroizing;

use super::{Move, Step, bad_answer, cannot_unwrap, check_password};
use crate::{
    Client, Failure,
    account::{birth, ksf::Stretch, opaque::Registering},
    http::Draft,
    output::Method,
};

impl<K: Stretch> Client<K> {
    pub(super) fn register(&mut self, id: u64, username: &str, password: String, stay: bool) -> Move {
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

    /// The server answered the start: the account is made, then its store.
    pub(super) fn register_started(
        &mut self,
        now: Millis,
        account: AccountId,
        handle: &Handle,
        registering: Registering<K>,
        started: &body::RegisterStarted,
    ) -> Move {
        let finished = registering.finish(started.response.as_slice(), account, &mut self.entropy).map_err(bad_answer)?;
        let stay = self.stay();
        let (body, device) =
            birth::account::<K>(account, handle, finished, stay, now, &mut self.entropy).map_err(cannot_unwrap)?;
        self.make_store(&device, stay);
        self.rest(Step::RegisterStoring { body: Box::new(body) });
        Ok(())
    }
}
