//! POST /auth/resume/finish.

use shared::{
    DeviceId,
    http::{Bound, ResumeFinish},
    label::Label,
    signature, signed_text,
};

use super::{Issued, Session, rows};
use crate::{
    account::rows::{Attempt, by_id, take_attempt},
    context::Context,
    device,
    refusal::{Done, Outcome, errors},
    sql::Sql,
};

errors! {
    /// Why a session is not renewed. All but the first look the same to who asks.
    ResumeFinishError {
        /// The attempt is unknown, used or too old.
        Attempt = AttemptExpired;
        /// No such device, or it is gone.
        Device = ResumeRefused;
        /// The signature does not fit the challenge.
        Signature = ResumeRefused;
        /// The password changed since this device's last log-in by password.
        AuthEpoch = ResumeRefused;
    }
}

/// Renews a session by the device key. `session` is the live one that came with the request, if any: without a device and
/// of the same account it counts as a log-in by password.
///
/// # Errors
/// [`ResumeFinishError`]; the attempt is used up in any case.
pub fn resume_finish(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    session: Option<&Session>,
    request: &ResumeFinish,
) -> Outcome<Issued<Bound>> {
    let (_, state) = take_attempt(sql, Attempt::Resume, &request.resume_id, context.now)?.ok_or(ResumeFinishError::Attempt)?;
    renew(sql, context, session, request, &state).map_err(crate::Refusal::keeping)
}

fn renew(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    session: Option<&Session>,
    request: &ResumeFinish,
    state: &[u8],
) -> Outcome<Issued<Bound>> {
    let (id, challenge) = state.split_at_checked(16).ok_or(ResumeFinishError::Attempt)?;
    let id = DeviceId::from_slice(id).ok_or(ResumeFinishError::Attempt)?;
    let device = device::rows::living(sql, id)?.ok_or(ResumeFinishError::Device)?;
    let text = signed_text::resume(request.resume_id.as_slice(), challenge);
    let signature = request.signature.array().ok_or(ResumeFinishError::Signature)?;
    signature::verify(&device.key, Label::DeviceResume, &text, &signature).map_err(|_| ResumeFinishError::Signature)?;
    let account = by_id(sql, device.account)?.ok_or(ResumeFinishError::Device)?;
    let by_password = session.filter(|session| session.device.is_none() && session.account == account.id);
    if let Some(session) = by_password {
        device::rows::log_in(sql, id, account.auth_epoch)?;
        rows::end(sql, session.id)?;
    } else if device.auth_epoch < account.auth_epoch {
        return Err(ResumeFinishError::AuthEpoch.into());
    }
    Ok(Done::quiet(rows::issue(sql, context, &account, account.auth_epoch, Some(id))?.bound()))
}

#[cfg(test)]
mod tests {
    use shared::{Bytes, Code, http::ResumeStart};

    use super::*;
    use crate::{
        session::resume_start,
        tests::world::{World, code},
    };

    fn finish(world: &mut World, request: &ResumeFinish) -> Outcome<Issued<Bound>> {
        world.write(|sql, context| resume_finish(sql, context, None, request))
    }

    #[test]
    fn a_device_key_renews_a_session() {
        let mut world = World::new();
        let (_, browser) = world.register("alice");
        world.now.0 += 10 * world.rules.session_idle;
        let issued = world.resume(&browser.mls, None).unwrap().answer;
        assert_eq!(issued.body.user.device, Some(browser.id()));
    }

    #[test]
    fn every_refusal_uses_the_attempt_up_and_unknown_devices_look_the_same() {
        let mut world = World::new();
        let (_, browser) = world.register("alice");
        let peer = world.peer.clone();
        let start = |world: &mut World, device_id| {
            world.write(|sql, context| resume_start(sql, context, &peer, &ResumeStart { device_id })).unwrap().answer
        };
        let text = |id: &Bytes, challenge: &Bytes| signed_text::resume(id.as_slice(), challenge.as_slice());
        let sign = |text: &[u8]| Bytes::from(signature::sign(&browser.mls.key, Label::DeviceResume, text));

        let unknown = start(&mut world, DeviceId([1; 16]));
        let known = start(&mut world, browser.id());
        assert_eq!(unknown.challenge.0.len(), known.challenge.0.len());
        let request =
            ResumeFinish { signature: sign(&text(&unknown.resume_id, &unknown.challenge)), resume_id: unknown.resume_id };
        assert_eq!(code(finish(&mut world, &request)), Code::ResumeRefused, "an unknown device");
        let wrong = ResumeFinish { resume_id: known.resume_id.clone(), signature: sign(b"something else") };
        assert_eq!(code(finish(&mut world, &wrong)), Code::ResumeRefused);
        let right = ResumeFinish { signature: sign(&text(&known.resume_id, &known.challenge)), resume_id: known.resume_id };
        assert_eq!(code(finish(&mut world, &right)), Code::AttemptExpired, "the attempt is used up");

        let late = start(&mut world, browser.id());
        world.now.0 += world.rules.attempt;
        let late = ResumeFinish { signature: sign(&text(&late.resume_id, &late.challenge)), resume_id: late.resume_id };
        assert_eq!(code(finish(&mut world, &late)), Code::AttemptExpired);
        world.rules.resume.burst = 0;
        let outcome = world.write(|sql, context| resume_start(sql, context, &peer, &ResumeStart { device_id: browser.id() }));
        assert_eq!(code(outcome), Code::RateLimited);
    }

    #[test]
    fn somebody_elses_session_is_no_log_in_by_password() {
        let mut world = World::new();
        let (alice, browser) = world.register("alice");
        let (bob, _) = world.register("bob");
        let request = world.recovery(&alice, b"new", &alice.recovery).unwrap().answer;
        world.write(|sql, context| crate::account::recover_finish(sql, context, &request)).unwrap();
        let of_bob = world.login("bob", &bob.password, None).unwrap().answer.session;
        assert_eq!(code(world.resume(&browser.mls, Some(&of_bob))), Code::ResumeRefused);
        let bound = world.login("alice", b"new", Some(&browser.mls)).unwrap().answer;
        assert_eq!(bound.session.device(), Some(browser.id()), "a log-in by password lifts the device");
        world.resume(&browser.mls, None).unwrap();
    }
}
