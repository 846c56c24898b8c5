//! POST /auth/register/finish.

use shared::{
    handle::Handle,
    http::{Bound, RegisterFinish},
    limits,
    statement::Statement,
};

use super::{opaque, register_start::free, rows};
use crate::{
    context::{Context, Peer},
    device,
    rate::Bucket,
    refusal::{Done, Outcome, Refusal, errors},
    session::{self, Issued},
    sql::Sql,
};

errors! {
    /// Why a registration is refused; also what the start refuses and [`device::UploadError`].
    RegisterFinishError {
        /// A field is empty (F066).
        Missing = MissingFields;
        /// A key-stretching version that is not accepted.
        Ksf = UnknownKsf;
        /// The OPAQUE upload can't be read.
        Upload = Malformed;
        /// Not exactly a password and a kit wrap of generation 1 and record 1.
        Wraps = Malformed;
        /// The recovery key is not 32 bytes.
        RecoveryKey = Malformed;
        /// The vault is too large.
        Vault = TooLarge;
        /// The statement can't be read, is not the first, or does not say what is registered.
        Statement = BadStatement;
        /// The device id is in use.
        DeviceTaken = IdTaken;
    }
}

/// Makes the account in one transaction: record, wraps, vault, recovery key, statement 1, device, packages, bound session.
///
/// # Errors
/// [`RegisterFinishError`], [`super::RegisterStartError`], [`device::UploadError`].
pub fn register_finish(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    peer: &Peer,
    request: &RegisterFinish,
) -> Outcome<Issued<Bound>> {
    let fields = [&request.upload, &request.vault, &request.recovery_key, &request.statement, &request.device.certificate];
    if request.username.is_empty() || fields.iter().any(|field| field.0.is_empty()) {
        return Err(RegisterFinishError::Missing.into());
    }
    let handle = free(sql, context, peer, Bucket::RegisterFinish, &request.username, request.account_id)?;
    // Nothing was written yet but the count, which stays: else a body spoilt on purpose would ask for names without being counted.
    let Checked { statement, record, recovery, device } = checked(sql, context, request, &handle).map_err(Refusal::keeping)?;
    let (id, ksf, now) = (device.certificate.device, request.ksf, context.now);
    let new = rows::NewAccount { statement: &statement, record: &record, ksf, recovery: &recovery, vault: &request.vault, now };
    rows::insert(sql, &new)?;
    rows::replace_wraps(sql, request.account_id, &request.wraps)?;
    let account = rows::existing(sql, request.account_id)?;
    device::rows::insert(sql, now, account.id, account.auth_epoch, &device)?;
    Ok(Done::quiet(session::rows::issue(sql, context, &account, account.auth_epoch, Some(id))?.bound()))
}

/// What a registration holds, read and verified.
struct Checked {
    statement: Statement,
    record: Vec<u8>,
    recovery: [u8; 32],
    device: device::upload::NewDevice,
}

fn checked(sql: &mut dyn Sql, context: &Context<'_>, request: &RegisterFinish, handle: &Handle) -> Result<Checked, Refusal> {
    if request.ksf != context.rules.ksf {
        return Err(RegisterFinishError::Ksf.into());
    }
    let record = opaque::record(request.upload.as_slice()).map_err(|_| RegisterFinishError::Upload)?;
    if !rows::wraps_fit(&request.wraps, 1, 1) {
        return Err(RegisterFinishError::Wraps.into());
    }
    if request.vault.0.len() > limits::VAULT {
        return Err(RegisterFinishError::Vault.into());
    }
    let recovery = request.recovery_key.array().ok_or(RegisterFinishError::RecoveryKey)?;
    let statement = Statement::parse(request.statement.as_slice()).map_err(|_| RegisterFinishError::Statement)?;
    let content = statement.content();
    let fits = statement.starts().is_ok()
        && content.account == request.account_id
        && content.handle == *handle
        && content.generation == 1
        && content.vault_number == 1
        && content.devices.len() == 1
        && content.secrets == rows::secrets_hash(&request.wraps, &request.vault);
    if !fits {
        return Err(RegisterFinishError::Statement.into());
    }
    let device = device::upload::verify(context, &request.device, &statement)?;
    if device::rows::id_taken(sql, device.certificate.device)? {
        return Err(RegisterFinishError::DeviceTaken.into());
    }
    Ok(Checked { statement, record, recovery, device })
}

#[cfg(test)]
mod tests {
    use shared::{AccountId, Bytes, Code, DeviceId};

    use super::*;
    use crate::{
        rules::Registration,
        tests::{
            people::upload,
            world::{World, code},
        },
    };

    #[test]
    fn one_is_in_at_once_with_a_bound_session() {
        let mut world = World::new();
        let (person, browser) = world.register("Alice.1");
        assert_eq!(browser.session.user().username, "Alice.1");
        assert_eq!(browser.session.device(), Some(browser.id()));
        let caller = browser.caller();
        let count = world.write(|sql, context| crate::key_package::count(sql, context, &caller)).unwrap().answer;
        assert_eq!((count.count, count.last_resort_used), (3, false));
        let secrets = world.read(|sql| crate::account::secrets(sql, &browser.session)).unwrap().answer;
        assert_eq!((secrets.wraps, secrets.vault, secrets.vault_number), (person.wraps, person.vault, 1));
        assert_eq!(secrets.statements, [person.statement.as_bytes().into()]);
    }

    #[test]
    fn every_refusal_leaves_nothing_behind() {
        let mut world = World::new();
        let (person, mls, good) = world.registration("alice", 2);
        let (_, other, _) = world.registration("mallory", 0);
        let now = world.now;
        type Bad = (&'static str, Code, Box<dyn FnOnce(&mut RegisterFinish)>);
        let next = person.next(person.statement.content().devices.clone(), 1, &person.wraps, &person.vault);
        let (narrow, foreign, old) = (mls.narrow_package(now), other.package(now, false), mls.old_package(now, 31, false));
        let (last, once, ancient) = (mls.package(now, true), mls.package(now, false), mls.old_package(now, 91, true));
        let fifty_one = vec![mls.package(now, false); 51];
        let certificate = other.certificate.as_bytes().to_vec();
        let bad: Vec<Bad> = vec![
            ("no name", Code::MissingFields, Box::new(|r| r.username.clear())),
            ("no upload", Code::MissingFields, Box::new(|r| r.upload = Bytes::default())),
            ("a short name", Code::UsernameLength, Box::new(|r| r.username = "al".to_owned())),
            ("an odd name", Code::UsernameCharacters, Box::new(|r| r.username = "al ice".to_owned())),
            ("a reserved name", Code::UsernameReserved, Box::new(|r| r.username = "Admin".to_owned())),
            ("a weak key stretching", Code::UnknownKsf, Box::new(|r| r.ksf = 0)),
            ("an upload cut short", Code::Malformed, Box::new(|r| r.upload.0.truncate(100))),
            ("one wrap", Code::Malformed, Box::new(|r| r.wraps.truncate(1))),
            ("wraps in the wrong order", Code::Malformed, Box::new(|r| r.wraps.reverse())),
            ("a wrap of another generation", Code::Malformed, Box::new(|r| r.wraps[0].generation = 2)),
            ("a wrap of another record", Code::Malformed, Box::new(|r| r.wraps[0].record = 2)),
            ("a large wrap", Code::Malformed, Box::new(|r| r.wraps[0].sealed.0.resize(limits::WRAP + 1, 0))),
            ("a large vault", Code::TooLarge, Box::new(|r| r.vault.0.resize(limits::VAULT + 1, 0))),
            ("a vault the statement does not name", Code::BadStatement, Box::new(|r| r.vault.0.push(0))),
            ("a short recovery key", Code::Malformed, Box::new(|r| r.recovery_key.0.truncate(31))),
            ("no statement", Code::BadStatement, Box::new(|r| r.statement = vec![1].into())),
            ("a second statement", Code::BadStatement, Box::new(move |r| r.statement = next.as_bytes().into())),
            ("a flipped signature", Code::BadStatement, Box::new(|r| *r.statement.0.last_mut().unwrap() ^= 1)),
            ("another account id", Code::BadStatement, Box::new(|r| r.account_id = AccountId([9; 16]))),
            ("another handle", Code::BadStatement, Box::new(|r| r.username = "alice2".to_owned())),
            ("another case", Code::BadStatement, Box::new(|r| r.username = "Alice".to_owned())),
            ("somebody else's certificate", Code::BadCertificate, Box::new(|r| r.device.certificate = certificate.into())),
            ("a cut certificate", Code::BadCertificate, Box::new(|r| r.device.certificate.0.truncate(50))),
            ("a short run token", Code::Malformed, Box::new(|r| r.device.run.0.truncate(15))),
            ("too many packages", Code::TooLarge, Box::new(|r| r.device.packages = fifty_one)),
            ("a narrow package", Code::BadPackage, Box::new(|r| r.device.packages[0] = narrow)),
            ("somebody else's package", Code::BadPackage, Box::new(|r| r.device.packages[0] = foreign)),
            ("an old package", Code::BadPackage, Box::new(|r| r.device.packages[0] = old)),
            ("a flipped package", Code::BadPackage, Box::new(|r| r.device.packages[0].0[700] ^= 1)),
            ("a last resort in the pool", Code::BadPackage, Box::new(|r| r.device.packages[0] = last)),
            ("a one-time last resort", Code::BadPackage, Box::new(|r| r.device.last_resort = once)),
            ("an old last resort", Code::BadPackage, Box::new(|r| r.device.last_resort = ancient)),
            ("no last resort", Code::BadPackage, Box::new(|r| r.device.last_resort = Bytes::default())),
        ];
        for (name, expected, spoil) in bad {
            let mut request = good.clone();
            spoil(&mut request);
            assert_eq!(code(world.finish_registration(&request)), expected, "{name}");
        }
        for table in ["SELECT COUNT(*) FROM account", "SELECT COUNT(*) FROM device", "SELECT COUNT(*) FROM key_package"] {
            assert_eq!(world.number(table), 0, "{table}");
        }
        world.finish_registration(&good).unwrap();
        assert_eq!(code(world.finish_registration(&good)), Code::UsernameTaken);
    }

    #[test]
    fn names_and_ids_are_unique() {
        let mut world = World::new();
        let (_, mls, alice) = world.registration("alice", 0);
        let (_, _, same_name) = world.registration("ALICE", 0);
        world.finish_registration(&alice).unwrap();
        assert_eq!(code(world.finish_registration(&same_name)), Code::UsernameTaken, "without case");
        let (person, _, mut same_device) = world.registration("carol", 0);
        let certificate = shared::certificate::Certificate::issue(
            &person.identity,
            person.account,
            mls.id(),
            mls.certificate.key,
            1,
            &[mls::leaf::SUITE_ID],
        );
        let stolen = crate::mls_group::testing::MlsDevice::new(
            mls.key.clone(),
            person.identity.verifying_key().to_bytes(),
            certificate.unwrap(),
        );
        same_device.device = upload(&mut world, &stolen, 0);
        let mut content = person.statement.content().clone();
        content.devices[0].id = DeviceId(mls.id().0);
        content.devices[0].key = mls.certificate.key;
        same_device.statement = content.sign(&person.identity, None).unwrap().as_bytes().into();
        assert_eq!(code(world.finish_registration(&same_device)), Code::IdTaken);
        let (_, _, mut same_id) = world.registration("dave", 0);
        same_id.account_id = alice.account_id;
        assert_eq!(code(world.finish_registration(&same_id)), Code::IdTaken);
    }

    #[test]
    fn a_spoilt_body_is_counted_too() {
        let mut world = World::new();
        let (_, _, good) = world.registration("alice", 0);
        world.rules.register = crate::rules::Budget { burst: 3, every: 1_000 };
        let mut spoilt = good.clone();
        spoilt.statement = vec![1].into();
        for _ in 0..3 {
            assert_eq!(code(world.finish_registration(&spoilt)), Code::BadStatement);
        }
        assert_eq!(code(world.finish_registration(&spoilt)), Code::RateLimited);
        assert_eq!(code(world.finish_registration(&good)), Code::RateLimited);
        world.now.0 += 1_000;
        world.finish_registration(&good).unwrap();
        world.now.0 += 1_000;
        assert_eq!(code(world.finish_registration(&good)), Code::UsernameTaken);
        assert_eq!(code(world.finish_registration(&good)), Code::RateLimited);
    }

    #[test]
    fn a_closed_server_takes_nobody() {
        let mut world = World::new();
        let (_, _, request) = world.registration("alice", 0);
        world.rules.registration = Registration::Closed;
        assert_eq!(code(world.finish_registration(&request)), Code::RegistrationClosed);
    }
}
