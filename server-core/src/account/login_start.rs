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
    let found = rows::by_handle(sql, &canonical)?;
    let (account_id, number, ksf) =
        found.as_ref().map_or((stranger, 1, context.rules.ksf), |account| (account.id, account.record_no, account.ksf));
    rate::guess(sql, context, peer, account_id)?;
    let record = found.as_ref().map(|account| account.record.as_slice());
    let (response, state) =
        opaque::login(context.rng, context.keys.setup(), account_id, number, record, request.request.as_slice())
            .map_err(|_| LoginStartError::Request)?;
    let state = [&number.to_be_bytes()[..], &state].concat();
    let login_id = rows::begin(sql, context, Attempt::Login, Some(account_id), &state)?;
    Ok(Done::quiet(LoginStarted { login_id: login_id.into(), account_id, record: number, ksf, response: response.into() }))
}
