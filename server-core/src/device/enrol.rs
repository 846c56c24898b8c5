//! POST /api/devices.

use shared::{
    http::{Bound, Enrol},
    limits,
};

use super::{rows, upload};
use crate::{
    account::{rows as accounts, statement},
    announce::Announce,
    context::Context,
    conversation, inbox,
    refusal::{Done, Outcome, errors},
    session::{self, Issued, Session},
    sql::Sql,
};

errors! {
    /// Why an enrolment is refused; also [`super::UploadError`] and `stale_statement` or `bad_statement` of the chain.
    EnrolError {
        /// More devices than an account may have.
        TooMany = TooManyDevices;
        /// The vault is empty or too large.
        Vault = TooLarge;
        /// The stored vault is not the one before this.
        VaultNumber = StaleStatement;
        /// The statement does not name the old devices and the new one.
        Devices = BadStatement;
        /// The device id was used before.
        Taken = IdTaken;
        /// The device to retire is not one of this account's.
        Retires = NotFound;
    }
}

/// Enrols a device: the account's next statement, its next vault, certificate and packages, by compare-and-set on both
/// numbers. The session is replaced by one bound to the device; the retired device, if any, goes in the same step.
///
/// # Errors
/// [`EnrolError`], [`super::UploadError`], `stale_statement` when somebody was faster: read the statements and try again.
pub fn enrol(sql: &mut dyn Sql, context: &mut Context<'_>, session: &Session, request: &Enrol) -> Outcome<Issued<Bound>> {
    let account = accounts::existing(sql, session.account())?;
    if request.vault.0.is_empty() || request.vault.0.len() > limits::VAULT {
        return Err(EnrolError::Vault.into());
    }
    let living = rows::of_account(sql, account.id)?;
    // A copy of the same profile may have retired it already (protocol §7, run token): it is gone, as was asked.
    let retires = request.retires.filter(|old| living.contains(old));
    if living.len() + 1 - usize::from(retires.is_some()) > limits::DEVICES {
        return Err(EnrolError::TooMany.into());
    }
    let before = statement::newest(sql, account.id)?;
    let next = statement::next(&before, &request.statement)?;
    if request.vault_number != account.vault_no + 1 {
        return Err(EnrolError::VaultNumber.into());
    }
    let wraps = accounts::wraps(sql, account.id)?;
    statement::fits(&next, &before, request.vault_number, accounts::secrets_hash(&wraps, &request.vault))?;
    let new = upload::verify(context, &request.device, &next)?;
    let id = new.certificate.device;
    if rows::id_taken(sql, id)? {
        return Err(EnrolError::Taken.into());
    }
    if let Some(old) = request.retires
        && !rows::was_of(sql, account.id, old)?
    {
        return Err(EnrolError::Retires.into());
    }
    // Devices that are gone may still be named: who states them may not know yet. A living one may not be left out silently.
    let stated = |id| next.device(id).is_some();
    let complete = living.iter().all(|old| stated(*old) != (retires == Some(*old)));
    let old_ones = next.content().devices.iter().filter(|device| device.id != id).all(|d| before.device(d.id) == Some(d));
    if !complete || !old_ones {
        return Err(EnrolError::Devices.into());
    }
    accounts::insert_statement(sql, &next, context.now)?;
    accounts::put_vault(sql, account.id, &request.vault, request.vault_number)?;
    rows::insert(sql, context.now, account.id, account.auth_epoch, &new)?;
    let mut announce = vec![Announce::SessionEnded { account: account.id, session: session.id() }];
    session::rows::end(sql, session.id())?;
    if let Some(old) = retires {
        announce.extend(rows::retire(sql, context.now, account.id, old)?);
    }
    announce.extend(inbox::notice::statement(sql, context, account.id, next.content().number, Some(id))?);
    announce.extend(conversation::wanted::announce(sql, account.id, id)?);
    let issued = session::rows::issue(sql, context, &account, account.auth_epoch, Some(id))?;
    Ok(Done::telling(issued.bound(), announce))
}

#[cfg(test)]
mod tests {
    use shared::{Bytes, Code, DeviceId, frame::InboxBody, statement::Statement};

    use super::*;
    use crate::tests::world::{World, code};

    #[test]
    fn a_second_browser_is_told_of_and_wanted_everywhere() {
        let mut world = World::new();
        let ((mut person, mut alice), (_, mut bob)) = (world.register("alice"), world.register("bob"));
        let conversation = world.pair(&mut alice, &mut bob);
        let issued = world.login("alice", &person.password.clone(), None).unwrap().answer;
        let mls = person.new_device(&mut world, 2);
        let request = person.enrolment(&mut world, &mls, None);
        let done = world.enrol(&issued.session, &request).unwrap();
        assert_eq!(done.answer.session.device(), Some(mls.id()));
        assert!(done.announce.contains(&Announce::SessionEnded { account: person.account, session: issued.session.id() }));
        let wanted = done.announce.iter().find_map(|a| match a {
            Announce::Wanted { wanted, devices } => Some((*wanted, devices.clone())),
            _ => None,
        });
        let (wanted, devices) = wanted.unwrap();
        assert_eq!((wanted.conversation, wanted.account, wanted.device), (conversation, person.account, mls.id()));
        assert_eq!(devices, [alice.id(), bob.id()], "own devices first");
        for browser in [&alice, &bob] {
            let notice = world.inbox(browser).pop().unwrap().body;
            let InboxBody::Statement(notice) = notice else { panic!("{notice:?}") };
            assert_eq!((notice.account, notice.number), (person.account, 2));
        }
        person.statement = Statement::parse(request.statement.as_slice()).unwrap();
        let old = world.write(|sql, context| session::recheck(sql, context, &issued.session));
        assert_eq!(code(old), Code::LoginRequired);
    }

    #[test]
    fn a_superseded_device_goes_in_the_same_step() {
        let mut world = World::new();
        let (person, old) = world.register("alice");
        let session = world.login("alice", &person.password, None).unwrap().answer.session;
        let mls = person.new_device(&mut world, 2);
        let request = person.enrolment(&mut world, &mls, Some(old.id()));
        let done = world.enrol(&session, &request).unwrap();
        assert!(done.announce.contains(&Announce::DeviceGone { account: person.account, device: old.id() }));
        assert_eq!(code(world.resume(&old.mls, None)), Code::ResumeRefused);
        world.resume(&mls, None).unwrap();
    }

    #[test]
    fn both_copies_of_a_profile_become_devices_of_their_own() {
        let mut world = World::new();
        let (mut person, old) = world.register("alice");
        for seed in [2, 3] {
            let session = world.login("alice", &person.password.clone(), None).unwrap().answer.session;
            let mls = person.new_device(&mut world, seed);
            let request = person.enrolment(&mut world, &mls, Some(old.id()));
            world.enrol(&session, &request).unwrap();
            person.statement = Statement::parse(request.statement.as_slice()).unwrap();
        }
        assert_eq!(world.number("SELECT COUNT(*) FROM device WHERE gone_ms IS NULL"), 2);
    }

    #[test]
    fn of_two_enrolments_the_first_counts() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let session = world.login("alice", &person.password, None).unwrap().answer.session;
        let other = world.login("alice", &person.password, None).unwrap().answer.session;
        let (one, two) = (person.new_device(&mut world, 2), person.new_device(&mut world, 2));
        let first = person.enrolment(&mut world, &one, None);
        let second = person.enrolment(&mut world, &two, None);
        world.enrol(&session, &first).unwrap();
        assert_eq!(code(world.enrol(&other, &second)), Code::StaleStatement);
        assert_eq!(code(world.enrol(&other, &first)), Code::StaleStatement);
        assert_eq!(world.number("SELECT COUNT(*) FROM statement"), 2);
    }

    #[test]
    fn every_refusal() {
        let mut world = World::new();
        let (person, first) = world.register("alice");
        let (mallory, _) = world.register("mallory");
        let session = world.login("alice", &person.password, None).unwrap().answer.session;
        let mls = person.new_device(&mut world, 2);
        let good = person.enrolment(&mut world, &mls, None);
        let devices = Statement::parse(good.statement.as_slice()).unwrap().content().devices.clone();
        let alone: Vec<_> = devices.iter().filter(|device| device.id == mls.id()).cloned().collect();
        let mut third = devices.clone();
        let mut ghost = devices[0].clone();
        ghost.id = DeviceId([9; 16]);
        third.push(ghost);
        let alone = person.next(alone, 2, &person.wraps, &good.vault);
        let third = person.next(third, 2, &person.wraps, &good.vault);
        let same = person.next(person.statement.content().devices.clone(), 2, &person.wraps, &good.vault);
        let number = person.next(devices.clone(), 3, &person.wraps, &good.vault);
        let of_mallory = mallory.next(devices, 2, &person.wraps, &good.vault);
        let late = person.new_device(&mut world, 1);
        type Bad = (&'static str, Code, Box<dyn FnOnce(&mut Enrol)>);
        let bad: Vec<Bad> = vec![
            ("no vault", Code::TooLarge, Box::new(|r| r.vault.0.clear())),
            ("a large vault", Code::TooLarge, Box::new(|r| r.vault.0.resize(limits::VAULT + 1, 0))),
            ("another vault number", Code::StaleStatement, Box::new(|r| r.vault_number = 3)),
            ("another stated vault number", Code::BadStatement, Box::new(move |r| r.statement = number.as_bytes().into())),
            ("another vault", Code::BadStatement, Box::new(|r| r.vault.0[0] ^= 1)),
            ("an old device left out", Code::BadStatement, Box::new(move |r| r.statement = alone.as_bytes().into())),
            ("a third device", Code::BadStatement, Box::new(move |r| r.statement = third.as_bytes().into())),
            ("not the new device", Code::BadCertificate, Box::new(move |r| r.statement = same.as_bytes().into())),
            ("somebody else's statement", Code::BadStatement, Box::new(move |r| r.statement = of_mallory.as_bytes().into())),
            ("no statement", Code::BadStatement, Box::new(|r| r.statement = Bytes::default())),
            ("retires a stranger's device", Code::NotFound, Box::new(|r| r.retires = Some(DeviceId([8; 16])))),
            (
                "a certificate for an older statement",
                Code::BadCertificate,
                Box::new(move |r| {
                    r.device.certificate = late.certificate.as_bytes().into();
                }),
            ),
            ("retires and still states it", Code::BadStatement, Box::new(move |r| r.retires = Some(first.id()))),
        ];
        for (name, expected, spoil) in bad {
            let mut request = good.clone();
            spoil(&mut request);
            assert_eq!(code(world.enrol(&session, &request)), expected, "{name}");
        }
        world.enrol(&session, &good).unwrap();
    }

    #[test]
    fn an_account_has_fifty_browsers_at_most() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let session = world.login("alice", &person.password, None).unwrap().answer.session;
        let mls = person.new_device(&mut world, 2);
        let request = person.enrolment(&mut world, &mls, None);
        let account = person.account;
        world
            .write(|sql, _| {
                for number in 0..49_u8 {
                    sql.execute(
                        "INSERT INTO device (device_id, account_id, sig_pub, certificate, run_token, auth_epoch, created_ms)
                         VALUES (:device, :account, x'00', x'00', x'00', 1, 1)",
                        crate::sql::named! { device: &[number; 16], account: &account },
                    )?;
                }
                Ok(Done::quiet(()))
            })
            .unwrap();
        assert_eq!(code(world.enrol(&session, &request)), Code::TooManyDevices);
    }
}
