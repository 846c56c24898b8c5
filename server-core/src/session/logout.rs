//! POST /auth/logout.

use shared::{
    frame::{InboxBody, Retired},
    http::Logout,
    label::Label,
    signature, signed_text,
};

use super::{Session, rows};
use crate::{
    announce::Announce,
    context::Context,
    device, inbox,
    refusal::{Done, Outcome, errors},
    sql::Sql,
};

errors! {
    /// Why a log-out is refused.
    LogoutError {
        /// The retirement is not signed by the session's device.
        Signature = BadSignature;
        /// A session without a device has nothing to retire.
        NoDevice = NotEnrolled;
    }
}

/// Ends the session; with a signed retirement the device goes too: its packages are dropped, nobody adds it any more.
///
/// # Errors
/// [`LogoutError`]; the session is not ended then.
pub fn logout(sql: &mut dyn Sql, context: &mut Context<'_>, session: &Session, request: &Logout) -> Outcome<()> {
    let mut announce = vec![Announce::SessionEnded { account: session.account, session: session.id }];
    if let Some(retirement) = &request.retire {
        let id = session.device.ok_or(LogoutError::NoDevice)?;
        let device = device::rows::living(sql, id)?.ok_or(LogoutError::NoDevice)?;
        let text = signed_text::retirement(session.account, id);
        let signature = retirement.array().ok_or(LogoutError::Signature)?;
        signature::verify(&device.key, Label::Retirement, &text, &signature).map_err(|_| LogoutError::Signature)?;
        announce.extend(device::rows::retire(sql, context.now, session.account, id)?);
        // Only its own account's devices may remove its leaves; the signature tells them that it is its own will.
        let others = device::rows::of_account(sql, session.account)?;
        let notice = InboxBody::Retired(Retired { device: id, signature: retirement.clone() });
        announce.extend(inbox::notice::tell(sql, context, &others, &notice)?);
    }
    rows::end(sql, session.id)?;
    Ok(Done::telling((), announce))
}

#[cfg(test)]
mod tests {
    use shared::{Bytes, Code};

    use super::*;
    use crate::{
        session::check,
        tests::world::{World, code},
    };

    fn out(world: &mut World, session: &Session, retire: Option<Bytes>) -> Outcome<()> {
        world.write(|sql, context| logout(sql, context, session, &Logout { retire }))
    }

    #[test]
    fn one_session_ends() {
        let mut world = World::new();
        let (_, browser) = world.register("alice");
        let done = out(&mut world, &browser.session, None).unwrap();
        let (account, session) = (browser.session.account(), browser.session.id());
        assert_eq!(done.announce, [Announce::SessionEnded { account, session }]);
        assert_eq!(code(world.write(|sql, context| check(sql, context, &browser.token))), Code::LoginRequired);
        world.resume(&browser.mls, None).unwrap();
    }

    #[test]
    fn a_signed_retirement_ends_the_device_too() {
        let mut world = World::new();
        let (_, browser) = world.register("alice");
        let account = browser.session.account();
        let text = signed_text::retirement(account, browser.id());
        let signed: Bytes = signature::sign(&browser.mls.key, Label::Retirement, &text).into();
        let wrong: Bytes = signature::sign(&browser.mls.key, Label::DeviceLogin, &text).into();
        for bad in [wrong, Bytes(vec![1; 63])] {
            assert_eq!(code(out(&mut world, &browser.session, Some(bad))), Code::BadSignature);
        }
        let done = out(&mut world, &browser.session, Some(signed.clone())).unwrap();
        assert!(done.announce.contains(&Announce::DeviceGone { account, device: browser.id() }));
        assert_eq!(world.number("SELECT COUNT(*) FROM key_package"), 0);
        assert_eq!(world.number("SELECT COUNT(*) FROM session"), 0);
        assert_eq!(code(world.resume(&browser.mls, None)), Code::ResumeRefused);
        assert_eq!(code(out(&mut world, &browser.session, Some(signed))), Code::NotEnrolled);
    }

    #[test]
    fn without_a_device_there_is_nothing_to_retire() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let issued = world.login("alice", &person.password, None).unwrap().answer;
        assert_eq!(code(out(&mut world, &issued.session, Some(Bytes(vec![1; 64])))), Code::NotEnrolled);
        out(&mut world, &issued.session, None).unwrap();
    }
}
