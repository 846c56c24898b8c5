//! POST /auth/recover/finish.

use sha2::{Digest as _, Sha256};
use shared::{
    AccountId,
    http::{Bound, RecoverFinish},
    label::Label,
    signature,
};

use super::{
    opaque,
    rows::{self, Attempt},
    statement,
};
use crate::{
    announce::Announce,
    context::Context,
    inbox,
    refusal::{Done, Outcome, errors},
    session::{self, Issued},
    sql::Sql,
};

errors! {
    /// Why a recovery is not finished; also [`super::NextError`].
    RecoverFinishError {
        /// The attempt is unknown, not opened, used or too old.
        Attempt = AttemptExpired;
        /// The recovery key did not sign exactly this.
        Signature = BadSignature;
        /// A key-stretching version that is not accepted.
        Ksf = UnknownKsf;
        /// The OPAQUE upload can't be read.
        Upload = Malformed;
        /// Not exactly a password wrap of the new record and a kit wrap.
        Wraps = Malformed;
        /// Another recovery or password change came first.
        Record = AttemptExpired;
        /// The statement names other devices than before.
        Devices = BadStatement;
    }
}

/// Replaces the password by the kit alone, in one transaction: record, wraps, statement. Every session ends; the answer is a
/// session without a device, with which a browser that has one resumes and another enrols.
///
/// # Errors
/// [`RecoverFinishError`]; the opened attempt stays usable, so that a stale statement can be made again.
pub fn recover_finish(sql: &mut dyn Sql, context: &mut Context<'_>, request: &RecoverFinish) -> Outcome<Issued<Bound>> {
    // A refusal undoes the taking, too: an opened attempt ends by its minutes or by success.
    let attempt = rows::take_attempt(sql, Attempt::RecoveryOpened, &request.recover_id, context.now)?;
    let (Some(id), state) = attempt.ok_or(RecoverFinishError::Attempt)? else {
        return Err(RecoverFinishError::Attempt.into());
    };
    finish(sql, context, request, id, &state)
}

fn finish(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    request: &RecoverFinish,
    id: AccountId,
    state: &[u8],
) -> Outcome<Issued<Bound>> {
    let account = rows::by_id(sql, id)?.ok_or(RecoverFinishError::Attempt)?;
    let hash = Sha256::digest(request.signed());
    let signature = request.signature.array().ok_or(RecoverFinishError::Signature)?;
    signature::verify(&account.recovery, Label::RecoveryFinish, &hash, &signature)
        .map_err(|_| RecoverFinishError::Signature)?;
    let number = account.record_no.saturating_add(1);
    if state.get(..4) != Some(&number.to_be_bytes()[..]) {
        return Err(RecoverFinishError::Record.into());
    }
    if request.ksf != context.rules.ksf {
        return Err(RecoverFinishError::Ksf.into());
    }
    let record = opaque::record(request.upload.as_slice()).map_err(|_| RecoverFinishError::Upload)?;
    let before = statement::newest(sql, id)?;
    if !rows::wraps_fit(&request.wraps, before.content().generation, number) {
        return Err(RecoverFinishError::Wraps.into());
    }
    let next = statement::next(&before, &request.statement)?;
    let vault = rows::vault(sql, id)?;
    statement::fits(&next, &before, account.vault_no, rows::secrets_hash(&request.wraps, &vault))?;
    if next.content().devices != before.content().devices {
        return Err(RecoverFinishError::Devices.into());
    }
    let auth_epoch = rows::replace_record(sql, id, &record, number, request.ksf)?;
    rows::replace_wraps(sql, id, &request.wraps)?;
    rows::insert_statement(sql, &next, context.now)?;
    session::rows::end_all(sql, id)?;
    let issued = session::rows::issue(sql, context, &account, auth_epoch, None)?;
    let mut announce = vec![Announce::SessionsEnded { account: id, except: Some(issued.session.id()) }];
    announce.extend(inbox::notice::statement(sql, context, id, next.content().number, None)?);
    Ok(Done::telling(issued.bound(), announce))
}

#[cfg(test)]
mod tests {
    use shared::{Bytes, Code};

    use super::*;
    use crate::tests::{
        people::sign_recovery,
        world::{World, code},
    };

    fn finish_recovery(world: &mut World, request: &RecoverFinish) -> Outcome<Issued<Bound>> {
        world.write(|sql, context| recover_finish(sql, context, request))
    }

    #[test]
    fn the_kit_opens_everything_and_ends_every_session() {
        let mut world = World::new();
        let (person, browser) = world.register("alice");
        let request = world.recovery(&person, b"new password", &person.recovery).unwrap().answer;
        let done = finish_recovery(&mut world, &request).unwrap();
        let fresh = &done.answer.session;
        assert_eq!(fresh.device(), None);
        assert!(done.announce.contains(&Announce::SessionsEnded { account: person.account, except: Some(fresh.id()) }));
        assert!(done.announce.iter().any(|a| matches!(a, Announce::Inbox { device, .. } if *device == browser.id())));
        let old = world.write(|sql, context| session::check(sql, context, &browser.token));
        assert_eq!(code(old), Code::LoginRequired);
        // The old password is dead, the new one lives.
        assert_eq!(code(world.login("alice", &person.password, None)), Code::InvalidCredentials);
        let issued = world.login("alice", b"new password", None).unwrap().answer;
        assert_eq!(issued.body.secrets.wraps, request.wraps);
        assert_eq!(issued.body.secrets.statements.len(), 2);
        // The device key alone renews nothing, until its browser has logged in by kit or password.
        assert_eq!(code(world.resume(&browser.mls, None)), Code::ResumeRefused);
        let fresh = done.answer.session.clone();
        world.resume(&browser.mls, Some(&fresh)).unwrap();
        let used = world.write(|sql, context| session::recheck(sql, context, &fresh));
        assert_eq!(code(used), Code::LoginRequired, "the session without a device was used for it");
        world.resume(&browser.mls, None).unwrap();
        // Once.
        assert_eq!(code(finish_recovery(&mut world, &request)), Code::AttemptExpired);
    }

    #[test]
    fn every_refusal() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let (_, _, mallory) = world.registration("mallory", 0);
        let good = world.recovery(&person, b"new password", &person.recovery).unwrap().answer;
        let other = ed25519_dalek::SigningKey::from_bytes(&[5; 32]);
        let (same, old) = (person.wraps.clone(), person.statement.as_bytes().to_vec());
        type Bad = (&'static str, Code, Box<dyn FnOnce(&mut RecoverFinish)>);
        let fewer = person.next(vec![], 1, &good.wraps, &person.vault);
        let vault = person.next(person.statement.content().devices.clone(), 2, &good.wraps, &person.vault);
        let bad: Vec<Bad> = vec![
            ("an unknown attempt", Code::AttemptExpired, Box::new(|r| r.recover_id = Bytes(vec![1; 16]))),
            ("a weak key stretching", Code::UnknownKsf, Box::new(|r| r.ksf = 0)),
            ("no upload", Code::Malformed, Box::new(|r| r.upload.0.clear())),
            ("the old wraps", Code::Malformed, Box::new(move |r| r.wraps = same)),
            ("one wrap", Code::Malformed, Box::new(|r| r.wraps.truncate(1))),
            ("other wraps than stated", Code::BadStatement, Box::new(|r| r.wraps[1].sealed.0[0] ^= 1)),
            ("the old statement", Code::StaleStatement, Box::new(move |r| r.statement = old.into())),
            ("somebody else's statement", Code::BadStatement, Box::new(move |r| r.statement = mallory.statement)),
            ("without the devices", Code::BadStatement, Box::new(move |r| r.statement = fewer.as_bytes().into())),
            ("another vault number", Code::BadStatement, Box::new(move |r| r.statement = vault.as_bytes().into())),
        ];
        for (name, expected, spoil) in bad {
            let mut request = good.clone();
            spoil(&mut request);
            sign_recovery(&mut request, &person.recovery);
            assert_eq!(code(finish_recovery(&mut world, &request)), expected, "{name}");
        }
        let mut request = good.clone();
        sign_recovery(&mut request, &other);
        assert_eq!(code(finish_recovery(&mut world, &request)), Code::BadSignature);
        let mut request = good.clone();
        request.upload.0[0] ^= 1;
        assert_eq!(code(finish_recovery(&mut world, &request)), Code::BadSignature, "changed after signing");
        finish_recovery(&mut world, &good).unwrap();
    }

    #[test]
    fn of_two_recoveries_the_first_counts() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let one = world.recovery(&person, b"one", &person.recovery).unwrap().answer;
        let two = world.recovery(&person, b"two", &person.recovery).unwrap().answer;
        finish_recovery(&mut world, &two).unwrap();
        assert_eq!(code(finish_recovery(&mut world, &one)), Code::AttemptExpired);
        world.login("alice", b"two", None).unwrap();
    }

    #[test]
    fn an_opened_attempt_ends_by_itself() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let request = world.recovery(&person, b"new", &person.recovery).unwrap().answer;
        world.now.0 += world.rules.unenrolled;
        assert_eq!(code(finish_recovery(&mut world, &request)), Code::AttemptExpired);
    }
}
