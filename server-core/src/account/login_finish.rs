//! POST /auth/login/finish.

use shared::{
    AccountId, DeviceId,
    http::{LoggedIn, LoginFinish},
    label::Label,
    signature,
};

use super::{
    opaque,
    rows::{self, Attempt},
    secrets,
};
use crate::{
    context::Context,
    device,
    refusal::{Done, Outcome, Refusal, errors},
    session::{self, Issued},
    sql::Sql,
};

errors! {
    /// Why a log-in fails.
    LoginFinishError {
        /// The attempt is unknown, used or too old.
        Attempt = AttemptExpired;
        /// Unknown name or wrong password (F072): the same for both.
        Credentials = InvalidCredentials;
        /// The record was replaced since the start.
        Record = InvalidCredentials;
    }
}

/// Checks KE3. The session is bound when the request names a living device of the account and carries its signature over the
/// login id; else it lasts ten minutes and may only enrol.
///
/// # Errors
/// [`LoginFinishError`]; the attempt is used up in any case.
pub fn login_finish(sql: &mut dyn Sql, context: &mut Context<'_>, request: &LoginFinish) -> Outcome<Issued<LoggedIn>> {
    let attempt = rows::take_attempt(sql, Attempt::Login, &request.login_id, context.now)?;
    let (Some(account), state) = attempt.ok_or(LoginFinishError::Attempt)? else {
        return Err(LoginFinishError::Attempt.into());
    };
    log_in(sql, context, request, account, &state).map_err(Refusal::keeping)
}

fn log_in(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    request: &LoginFinish,
    account: AccountId,
    state: &[u8],
) -> Outcome<Issued<LoggedIn>> {
    let (number, state) = state.split_at_checked(4).ok_or(LoginFinishError::Attempt)?;
    opaque::verify(account, state, request.finalization.as_slice()).map_err(|_| LoginFinishError::Credentials)?;
    let account = rows::by_id(sql, account)?.ok_or(LoginFinishError::Credentials)?;
    if account.record_no.to_be_bytes() != number {
        return Err(LoginFinishError::Record.into());
    }
    let device = bound_device(sql, request, account.id)?;
    if let Some(device) = device {
        device::rows::log_in(sql, device, account.auth_epoch)?;
    }
    let secrets = secrets::all(sql, &account)?;
    let issued = session::rows::issue(sql, context, &account, account.auth_epoch, device)?;
    let user = issued.session.user();
    Ok(Done::quiet(issued.with(LoggedIn { user, secrets })))
}

/// The device named in the request, when it is this account's, in force, and signed the login id.
fn bound_device(sql: &mut dyn Sql, request: &LoginFinish, account: AccountId) -> Result<Option<DeviceId>, Refusal> {
    let (Some(id), Some(signed)) = (request.device_id, &request.device_signature) else { return Ok(None) };
    let Some(device) = device::rows::living(sql, id)? else { return Ok(None) };
    let fits = device.account == account
        && signed.array().is_some_and(|signature| {
            signature::verify(&device.key, Label::DeviceLogin, request.login_id.as_slice(), &signature).is_ok()
        });
    Ok(fits.then_some(id))
}

#[cfg(test)]
mod tests {
    use shared::{Bytes, Code};

    use super::*;
    use crate::tests::world::{World, code};

    #[test]
    fn a_password_opens_ten_minutes_without_a_device() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let issued = world.login("ALICE", &person.password, None).unwrap().answer;
        assert_eq!(issued.session.device(), None);
        assert_eq!(issued.session.expires(), world.now.plus(world.rules.unenrolled));
        assert_eq!(issued.body.secrets.wraps, person.wraps);
        assert_eq!(issued.session.caller().unwrap_err().code, Code::NotEnrolled);
    }

    #[test]
    fn a_device_that_signs_gets_a_bound_session_at_once() {
        let mut world = World::new();
        let (person, browser) = world.register("alice");
        let (_, stranger) = world.register("mallory");
        let issued = world.login("alice", &person.password, Some(&browser.mls)).unwrap().answer;
        assert_eq!(issued.session.device(), Some(browser.id()));
        assert_eq!(issued.body.user.device, Some(browser.id()));
        // A device of somebody else, or one that is gone, is not bound; the password was right all the same.
        let issued = world.login("alice", &person.password, Some(&stranger.mls)).unwrap().answer;
        assert_eq!(issued.session.device(), None);
        let (account, device) = (person.account, browser.id());
        world
            .write(|sql, context| {
                device::rows::retire(sql, context.now, account, device)?;
                Ok(Done::quiet(()))
            })
            .unwrap();
        let issued = world.login("alice", &person.password, Some(&browser.mls)).unwrap().answer;
        assert_eq!(issued.session.device(), None);
    }

    #[test]
    fn every_refusal_uses_the_attempt_up() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        assert_eq!(code(world.login("alice", b"wrong", None)), Code::InvalidCredentials);
        assert_eq!(code(world.login("nobody", &person.password, None)), Code::InvalidCredentials);
        assert_eq!(world.number("SELECT COUNT(*) FROM login_attempt"), 0, "a refusal keeps the attempt used");

        let (state, started) = world.login_start("alice", &person.password).unwrap().answer;
        let ke3 = state.finish(&mut world.rng, started.account_id, started.response.as_slice()).unwrap();
        let finish =
            LoginFinish { login_id: started.login_id, finalization: ke3.into(), device_id: None, device_signature: None };
        let unknown = LoginFinish { login_id: Bytes(vec![1; 16]), ..finish.clone() };
        assert_eq!(code(world.login_finish(&unknown)), Code::AttemptExpired);
        world.login_finish(&finish).unwrap();
        assert_eq!(code(world.login_finish(&finish)), Code::AttemptExpired, "once");

        let (state, started) = world.login_start("alice", &person.password).unwrap().answer;
        let ke3 = state.finish(&mut world.rng, started.account_id, started.response.as_slice()).unwrap();
        world.now.0 += world.rules.attempt;
        let late = LoginFinish { login_id: started.login_id, finalization: ke3.into(), ..finish };
        assert_eq!(code(world.login_finish(&late)), Code::AttemptExpired, "too late");
    }

    #[test]
    fn a_record_replaced_in_between_does_not_open() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let (state, started) = world.login_start("alice", &person.password).unwrap().answer;
        let ke3 = state.finish(&mut world.rng, started.account_id, started.response.as_slice()).unwrap();
        let finish = world.recovery(&person, b"new password", &person.recovery).unwrap().answer;
        world.write(|sql, context| super::super::recover_finish(sql, context, &finish)).unwrap();
        let finish =
            LoginFinish { login_id: started.login_id, finalization: ke3.into(), device_id: None, device_signature: None };
        assert_eq!(code(world.login_finish(&finish)), Code::InvalidCredentials);
    }
}
