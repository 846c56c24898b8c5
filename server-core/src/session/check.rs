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
