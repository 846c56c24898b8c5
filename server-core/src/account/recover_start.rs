//! POST /auth/recover/start.

use shared::http::{RecoverStart, RecoverStarted};

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
    /// Why a recovery can't begin.
    RecoverStartError {
        /// A field is empty.
        Missing = MissingFields;
        /// The OPAQUE request can't be read.
        Request = Malformed;
    }
}

/// Answers with a nonce for the recovery key and the OPAQUE response for the next record. Unknown names get the same shape.
///
/// # Errors
/// [`RecoverStartError`], `rate_limited`.
pub fn recover_start(
    sql: &mut dyn Sql,
    context: &mut Context<'_>,
    peer: &Peer,
    request: &RecoverStart,
) -> Outcome<RecoverStarted> {
    if request.username.is_empty() || request.request.0.is_empty() {
        return Err(RecoverStartError::Missing.into());
    }
    let canonical = keys::canonical(&request.username);
    let stranger = context.keys.stranger(&canonical);
    let found = rows::claimed(sql, &canonical)?;
    let (account_id, record) = found.map_or((stranger, 2), |account| (account.id, account.record_no.saturating_add(1)));
    rate::guess(sql, context, peer, account_id)?;
    let response = opaque::registration(context.keys.setup(), account_id, record, request.request.as_slice())
        .map_err(|_| RecoverStartError::Request)?;
    let nonce: [u8; 32] = context.random();
    let state = [&record.to_be_bytes()[..], &nonce].concat();
    let recover_id = rows::begin(sql, context, Attempt::RecoveryStarted, Some(account_id), &state)?;
    let (recover_id, nonce) = (recover_id.into(), nonce.into());
    Ok(Done::quiet(RecoverStarted { recover_id, account_id, nonce, response: response.into() }))
}
