//! POST /auth/register/start.

use shared::{
    AccountId,
    handle::Handle,
    http::{RegisterStart, RegisterStarted},
};

use super::{opaque, rows};
use crate::{
    context::{Context, Peer},
    rate::{Bucket, count},
    refusal::{Done, Outcome, Refusal, errors},
    rules::Registration,
    sql::Sql,
};

errors! {
    /// Why a registration can't begin; also the two texts on handles (F106).
    RegisterStartError {
        /// The operator closed it.
        Closed = RegistrationClosed;
        /// A field is empty (F066).
        Missing = MissingFields;
        /// A name that could pass for Sotto.
        Reserved = UsernameReserved;
        /// F067.
        Taken = UsernameTaken;
        /// The account id is in use.
        IdTaken = IdTaken;
        /// The OPAQUE request can't be read.
        Request = Malformed;
    }
}

/// Checks the name and answers the OPAQUE registration request for record 1. Nothing is stored but the count: asking whether
/// a name is taken is counted whatever the answer is.
///
/// # Errors
/// [`RegisterStartError`], `rate_limited`.
pub fn register_start(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    peer: &Peer,
    request: &RegisterStart,
) -> Outcome<RegisterStarted> {
    if request.username.is_empty() || request.request.0.is_empty() {
        return Err(RegisterStartError::Missing.into());
    }
    free(sql, context, peer, Bucket::Register, &request.username, request.account_id)?;
    let response = opaque::registration(context.keys.setup(), request.account_id, 1, request.request.as_slice());
    let response = response.map_err(|_| Refusal::from(RegisterStartError::Request).keeping())?;
    Ok(Done::quiet(RegisterStarted { response: response.into() }))
}

/// May this name and id be registered now? Counted before it is answered, and a refusal keeps the count: else names could
/// be tried without end.
pub(super) fn free(
    sql: &mut dyn Sql,
    context: &Context<'_>,
    peer: &Peer,
    bucket: Bucket,
    username: &str,
    id: AccountId,
) -> Result<Handle, Refusal> {
    if context.rules.registration == Registration::Closed {
        return Err(RegisterStartError::Closed.into());
    }
    let handle = Handle::parse(username)?;
    if handle.is_reserved() {
        return Err(RegisterStartError::Reserved.into());
    }
    count(sql, context, bucket, &[&peer.prefix], context.rules.register)?;
    unused(sql, &handle, id).map_err(Refusal::keeping)?;
    Ok(handle)
}

fn unused(sql: &mut dyn Sql, handle: &Handle, id: AccountId) -> Result<(), Refusal> {
    if rows::handle_taken(sql, &handle.canonical())? {
        return Err(RegisterStartError::Taken.into());
    }
    if rows::id_taken(sql, id)? {
        return Err(RegisterStartError::IdTaken.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use shared::Code;

    use super::*;
    use crate::{
        account::testing::Registering,
        tests::world::{World, code},
    };

    fn start(world: &mut World, username: &str, account_id: AccountId, request: Vec<u8>) -> Outcome<RegisterStarted> {
        let request = RegisterStart { username: username.to_owned(), account_id, request: request.into() };
        let peer = world.peer.clone();
        world.write(|sql, context| register_start(sql, context, &peer, &request))
    }

    #[test]
    fn every_refusal() {
        let mut world = World::new();
        let (alice, _) = world.register("alice");
        let free = AccountId([1; 16]);
        let (_, good) = Registering::start(&mut world.rng, b"password");
        let cases = [
            ("", free, good.clone(), Code::MissingFields),
            ("bob", free, vec![], Code::MissingFields),
            ("bo", free, good.clone(), Code::UsernameLength),
            ("b@b", free, good.clone(), Code::UsernameCharacters),
            ("Sotto", free, good.clone(), Code::UsernameReserved),
            ("aLiCe", free, good.clone(), Code::UsernameTaken),
            ("bob", alice.account, good.clone(), Code::IdTaken),
            ("bob", free, vec![0; 32], Code::Malformed),
            ("bob", free, good[..31].to_vec(), Code::Malformed),
        ];
        for (name, id, request, expected) in cases {
            assert_eq!(code(start(&mut world, name, id, request)), expected, "{name}");
        }
        start(&mut world, "bob", free, good.clone()).unwrap();
        world.rules.register.burst = 0;
        assert_eq!(code(start(&mut world, "bob", free, good.clone())), Code::RateLimited);
        world.rules.registration = Registration::Closed;
        assert_eq!(code(start(&mut world, "bob", free, good)), Code::RegistrationClosed);
        assert_eq!(world.number("SELECT COUNT(*) FROM account"), 1);
    }
}
