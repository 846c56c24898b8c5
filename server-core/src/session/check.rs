//! Which session does a cookie name, and is it alive?

use shared::Code;

use super::{Session, SessionId, Token, rows};
use crate::{
    context::Context,
    refusal::{Done, Outcome},
    sql::Sql,
};

/// Which session does this cookie name? Slides its expiry while it is in use (F055), writing at most once a minute.
///
/// # Errors
/// `login_required` when there is none, it is too old, or the account's sessions were ended.
pub fn check(sql: &mut dyn Sql, context: &mut Context<'_>, token: &Token) -> Outcome<Session> {
    alive(sql, context, token.id())
}

/// The same for a session that was checked before: for sockets, which outlive a request.
///
/// # Errors
/// `login_required`.
pub fn recheck(sql: &mut dyn Sql, context: &mut Context<'_>, session: &Session) -> Outcome<Session> {
    alive(sql, context, session.id)
}

/// The same without writing anything, for a reader. Call [`check`] when [`Session::wants_sliding`].
///
/// # Errors
/// `login_required`.
pub fn peek(sql: &mut dyn Sql, context: &Context<'_>, token: &Token) -> Outcome<Session> {
    Ok(Done::quiet(rows::live(sql, context.now, token.id())?.ok_or(Code::LoginRequired)?))
}

fn alive(sql: &mut dyn Sql, context: &Context<'_>, id: SessionId) -> Outcome<Session> {
    let mut session = rows::live(sql, context.now, id)?.ok_or(Code::LoginRequired)?;
    if session.wants_sliding(context) {
        session.expires = context.now.plus(context.rules.session_idle);
        rows::slide(sql, id, session.expires)?;
    }
    Ok(Done::quiet(session))
}

impl Session {
    /// Is it time to write a later expiry? Sessions without a device never slide.
    #[must_use]
    pub fn wants_sliding(&self, context: &Context<'_>) -> bool {
        let fresh = context.rules.session_idle.saturating_sub(context.rules.session_write);
        self.device.is_some() && self.expires.since(context.now) <= fresh
    }
}

#[cfg(test)]
mod tests {
    use shared::time::{HOUR, MINUTE, SECOND};

    use super::*;
    use crate::tests::world::{World, code};

    fn checked(world: &mut World, token: &Token) -> Outcome<Session> {
        world.write(|sql, context| check(sql, context, token))
    }

    #[test]
    fn a_session_slides_while_it_is_used_and_ends_an_hour_later() {
        let mut world = World::new();
        let (_, browser) = world.register("alice");
        let start = world.now;
        world.now.0 += 30 * SECOND;
        assert_eq!(checked(&mut world, &browser.token).unwrap().answer.expires(), start.plus(HOUR), "not written each time");
        world.now.0 += 30 * SECOND;
        assert_eq!(checked(&mut world, &browser.token).unwrap().answer.expires(), start.plus(HOUR + MINUTE));
        world.now.0 += HOUR - 1;
        checked(&mut world, &browser.token).unwrap();
        world.now.0 += HOUR;
        assert_eq!(code(checked(&mut world, &browser.token)), Code::LoginRequired);
        assert_eq!(code(checked(&mut world, &Token::new([0; 32]))), Code::LoginRequired);
    }

    #[test]
    fn a_session_without_a_device_never_slides() {
        let mut world = World::new();
        let (person, _) = world.register("alice");
        let issued = world.login("alice", &person.password, None).unwrap().answer;
        world.now.0 += 10 * MINUTE - 1;
        checked(&mut world, &issued.token).unwrap();
        world.now.0 += 1;
        assert_eq!(code(checked(&mut world, &issued.token)), Code::LoginRequired);
    }

    #[test]
    fn tokens_are_stored_as_hashes_and_shown_nowhere() {
        let mut world = World::new();
        let (_, browser) = world.register("alice");
        assert_eq!(format!("{:?}", browser.token), "Token(…)");
        let stored = world
            .read(|sql| {
                let mut row = crate::sql::first(sql, "SELECT token_hash FROM session", &[]).unwrap().unwrap();
                Ok(Done::quiet(row.take::<[u8; 32]>()?))
            })
            .unwrap();
        assert_eq!(stored.answer, browser.token.id().0);
        assert_ne!(stored.answer.as_slice(), browser.token.to_bytes().as_slice());
    }

    #[test]
    fn current_user_answers_in_both_cases() {
        let mut world = World::new();
        let (_, browser) = world.register("alice");
        let user = |world: &mut World, token: Option<Token>| {
            world.write(|sql, context| super::super::current_user(sql, context, token.as_ref())).unwrap().answer
        };
        let here = user(&mut world, Some(browser.token.clone()));
        assert_eq!((here.ok, here.user), (true, Some(browser.session.user())));
        for token in [None, Some(Token::new([1; 32]))] {
            let nobody = user(&mut world, token);
            assert_eq!((nobody.ok, nobody.user), (false, None));
        }
    }
}
