//! POST /auth/recover/open.

use shared::{
    AccountId,
    http::{RecoverOpen, RecoverOpened},
    label::Label,
    signature, signed_text,
};

use super::{
    rows::{self, Attempt},
    secrets,
};
use crate::{
    context::Context,
    refusal::{Done, Outcome, Refusal, errors},
    sql::Sql,
};

errors! {
    /// Why a recovery does not open.
    RecoverOpenError {
        /// The attempt is unknown, used or too old.
        Attempt = AttemptExpired;
        /// Unknown name or wrong kit: the same for both.
        Kit = InvalidCredentials;
    }
}

/// Verified against for unknown names. A key of small order, like 32 zeros, would be refused before any work and tell by the
/// time that nobody is there; this is the base point of RFC 8032, and what it verifies opens nothing.
const NOBODY: [u8; 32] = {
    let mut key = [0x66; 32];
    let [first, ..] = &mut key;
    *first = 0x58;
    key
};

/// Gives everything sealed to who signs the nonce with the recovery key. Nothing leaks before.
///
/// # Errors
/// [`RecoverOpenError`]; the attempt is used up then, else it can be finished within the minutes of a session without device.
pub fn recover_open(sql: &mut dyn Sql, context: &mut Context<'_>, request: &RecoverOpen) -> Outcome<RecoverOpened> {
    let attempt = rows::take_attempt(sql, Attempt::RecoveryStarted, &request.recover_id, context.now)?;
    let (Some(account), state) = attempt.ok_or(RecoverOpenError::Attempt)? else {
        return Err(RecoverOpenError::Attempt.into());
    };
    open(sql, context, request, account, &state).map_err(Refusal::keeping)
}

fn open(
    sql: &mut dyn Sql,
    context: &Context<'_>,
    request: &RecoverOpen,
    id: AccountId,
    state: &[u8],
) -> Outcome<RecoverOpened> {
    let nonce = state.get(4..).ok_or(RecoverOpenError::Attempt)?;
    let account = rows::claimed_id(sql, id)?;
    // Unknown names are verified too, under a key that is nobody's.
    let key = account.as_ref().map_or(NOBODY, |account| account.recovery);
    let text = signed_text::recovery(id, nonce);
    let signature = request.signature.array().unwrap_or([0; 64]);
    let fits = signature::verify(&key, Label::RecoveryOpen, &text, &signature).is_ok();
    let account = account.filter(|_| fits).ok_or(RecoverOpenError::Kit)?;
    let expires = context.now.plus(context.rules.unenrolled);
    rows::store_attempt(sql, Attempt::RecoveryOpened, request.recover_id.as_slice(), Some(id), state, expires)?;
    Ok(Done::quiet(secrets::all(sql, &account)?))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use shared::{Bytes, Code, http::RecoverStart};

    use super::*;
    use crate::{
        account::{recover_start, testing::Registering},
        tests::world::{World, code},
    };

    #[test]
    fn nothing_leaks_without_the_kit_and_an_unknown_name_looks_the_same() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let start = |world: &mut World, name: &str| {
            let (_, request) = Registering::start(&mut world.rng, b"new");
            let request = RecoverStart { username: name.to_owned(), request: request.into() };
            let peer = world.peer.clone();
            world.write(|sql, context| recover_start(sql, context, &peer, &request))
        };
        let (known, unknown) = (start(&mut world, "alice").unwrap().answer, start(&mut world, "nobody").unwrap().answer);
        assert_eq!(known.account_id, person.account);
        assert_eq!(known.response.0.len(), unknown.response.0.len());
        assert_eq!(unknown.account_id, start(&mut world, "NOBODY").unwrap().answer.account_id);
        for (started, key) in [(&known, &SigningKey::from_bytes(&[1; 32])), (&unknown, &person.recovery)] {
            let text = signed_text::recovery(started.account_id, started.nonce.as_slice());
            let open = RecoverOpen {
                recover_id: started.recover_id.clone(),
                signature: signature::sign(key, Label::RecoveryOpen, &text).into(),
            };
            assert_eq!(code(world.write(|sql, context| recover_open(sql, context, &open))), Code::InvalidCredentials);
            assert_eq!(code(world.write(|sql, context| recover_open(sql, context, &open))), Code::AttemptExpired, "used up");
        }
        let short =
            RecoverOpen { recover_id: start(&mut world, "alice").unwrap().answer.recover_id, signature: Bytes(vec![1]) };
        assert_eq!(code(world.write(|sql, context| recover_open(sql, context, &short))), Code::InvalidCredentials);
        assert_eq!(code(start(&mut world, "")), Code::MissingFields);
        start(&mut world, "alice").unwrap();
        start(&mut world, "alice").unwrap();
        start(&mut world, "alice").unwrap();
        assert_eq!(code(start(&mut world, "alice")), Code::RateLimited, "guesses at a kit are counted, too");
    }

    #[test]
    fn an_attempt_ends_by_itself() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let (_, request) = Registering::start(&mut world.rng, b"new");
        let request = RecoverStart { username: "alice".to_owned(), request: request.into() };
        let peer = world.peer.clone();
        let started = world.write(|sql, context| recover_start(sql, context, &peer, &request)).unwrap().answer;
        world.now.0 += world.rules.attempt;
        let text = signed_text::recovery(person.account, started.nonce.as_slice());
        let signature = signature::sign(&person.recovery, Label::RecoveryOpen, &text).into();
        let open = RecoverOpen { recover_id: started.recover_id, signature };
        assert_eq!(code(world.write(|sql, context| recover_open(sql, context, &open))), Code::AttemptExpired);
    }
}
