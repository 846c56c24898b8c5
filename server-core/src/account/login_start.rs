//! POST /auth/login/start.

use shared::http::{LoginStart, LoginStarted};

use super::{
    keys, opaque,
    rows::{self, Attempt},
};
use crate::{
    context::{Context, Peer},
    rate,
    refusal::{Done, Outcome, errors},
    sql::Sql,
};

errors! {
    /// Why a log-in can't begin.
    LoginStartError {
        /// A field is empty (F071).
        Missing = MissingCredentials;
        /// KE1 can't be read.
        Request = Malformed;
    }
}

/// Answers KE1, which is the guess that is counted. A name that does not exist gets an account id by HMAC, a record nobody
/// can tell from a real one, and an attempt row: the same bytes, path and time.
///
/// # Errors
/// [`LoginStartError`], `rate_limited`.
pub fn login_start(sql: &mut dyn Sql, context: &mut Context<'_>, peer: &Peer, request: &LoginStart) -> Outcome<LoginStarted> {
    if request.username.is_empty() || request.request.0.is_empty() {
        return Err(LoginStartError::Missing.into());
    }
    let canonical = keys::canonical(&request.username);
    let stranger = context.keys.stranger(&canonical);
    let found = rows::claimed(sql, &canonical)?;
    let (account_id, number, ksf) =
        found.as_ref().map_or((stranger, 1, context.rules.ksf), |account| (account.id, account.record_no, account.ksf));
    rate::guess(sql, context, peer, account_id)?;
    let record = found.as_ref().map(|account| account.record.as_slice());
    let (response, state) =
        opaque::login(context.rng, context.keys.setup(), account_id, number, record, request.request.as_slice())
            .map_err(|_| LoginStartError::Request)?;
    let state = [&number.to_be_bytes()[..], &state].concat();
    let login_id = rows::begin(sql, context, Attempt::Login, Some(account_id), &state)?;
    Ok(Done::quiet(LoginStarted { login_id: login_id.into(), account_id, ksf, response: response.into() }))
}

#[cfg(test)]
mod tests {
    use shared::{Bytes, Code, time::MINUTE};

    use super::*;
    use crate::tests::world::{World, code};

    #[test]
    fn an_unknown_name_looks_like_any_other() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let (_, known) = world.login_start("alice", &person.password).unwrap().answer;
        let (_, unknown) = world.login_start("nobody", b"x").unwrap().answer;
        let (_, again) = world.login_start("NoBody", b"y").unwrap().answer;
        assert_eq!(known.account_id, person.account);
        assert_eq!(unknown.account_id, again.account_id, "always the same, without case");
        assert_ne!(unknown.account_id, known.account_id);
        assert_eq!(known.ksf, unknown.ksf);
        assert_eq!(known.response.0.len(), unknown.response.0.len());
        assert_eq!(known.login_id.0.len(), unknown.login_id.0.len());
        // The same rows, too: an attempt each.
        assert_eq!(world.number("SELECT COUNT(*) FROM login_attempt"), 3);
        assert_eq!(world.number("SELECT COUNT(DISTINCT length(state)) FROM login_attempt"), 1);
        // A name that could never be registered costs the same.
        world.login_start("no such name!", b"x").unwrap();
    }

    #[test]
    fn every_refusal() {
        let mut world = World::new();
        let peer = world.peer.clone();
        for (username, request, expected) in [
            ("", Bytes(vec![1; 96]), Code::MissingCredentials),
            ("alice", Bytes::default(), Code::MissingCredentials),
            ("alice", Bytes(vec![0; 96]), Code::Malformed),
            ("alice", Bytes(vec![1; 95]), Code::Malformed),
        ] {
            let request = LoginStart { username: username.to_owned(), request };
            assert_eq!(code(world.write(|sql, context| login_start(sql, context, &peer, &request))), expected);
        }
    }

    #[test]
    fn guesses_are_counted_and_nobody_locks_somebody_else_out() {
        let mut world = World::new();
        let (person, browser) = world.register("alice");
        for _ in 0..5 {
            world.login_start("alice", b"guess").unwrap();
        }
        let refused = world.login_start("alice", b"guess").unwrap_err();
        assert_eq!(refused.code, Code::RateLimited);
        assert!(refused.retry_after.unwrap() <= MINUTE / 5);
        // Unknown names are counted in the same way.
        for _ in 0..5 {
            world.login_start("nobody", b"guess").unwrap();
        }
        assert_eq!(code(world.login_start("nobody", b"guess").map(|done| done.map(drop))), Code::RateLimited);
        // A browser that was in before has a bucket of its own …
        world.peer.known = Some(browser.known.clone());
        world.login("alice", &person.password, None).unwrap();
        // … for that account only, and only with a cookie of ours.
        world.peer.known = Some(world.keys.known_cookie(shared::AccountId([1; 16]), world.now, [0; 16]));
        world.login_start("alice", b"guess").unwrap_err();
        let mut forged = browser.known.clone();
        forged.0[71] ^= 1;
        world.peer.known = Some(forged);
        world.login_start("alice", b"guess").unwrap_err();
        // Another address still reaches the account, until strangers have had their 60 an hour.
        world.peer.known = None;
        let mut counted = 5;
        for host in 0..200_u8 {
            world.peer.prefix = vec![10, host];
            if world.login_start("alice", b"guess").is_ok() {
                counted += 1;
            }
        }
        assert_eq!(counted, 60);
        world.now.0 += MINUTE;
        world.login_start("alice", b"guess").unwrap();
    }
}
