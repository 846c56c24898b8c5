//! POST /auth/register/start.

use shared::{
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

/// Checks the name and answers the OPAQUE registration request for record 1. Nothing is stored.
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
    free(sql, context, &request.username, request.account_id)?;
    count(sql, context, Bucket::Register, &[&peer.prefix], context.rules.register)?;
    let response = opaque::registration(context.keys.setup(), request.account_id, 1, request.request.as_slice());
    Ok(Done::quiet(RegisterStarted { response: response.map_err(|_| RegisterStartError::Request)?.into() }))
}

/// May this name and id be registered now?
pub(super) fn free(sql: &mut dyn Sql, context: &Context<'_>, username: &str, id: shared::AccountId) -> Result<Handle, Refusal> {
    if context.rules.registration == Registration::Closed {
        return Err(RegisterStartError::Closed.into());
    }
    let handle = Handle::parse(username)?;
    if handle.is_reserved() {
        return Err(RegisterStartError::Reserved.into());
    }
    if rows::handle_taken(sql, &handle.canonical())? {
        return Err(RegisterStartError::Taken.into());
    }
    if rows::id_taken(sql, id)? {
        return Err(RegisterStartError::IdTaken.into());
    }
    Ok(handle)
}
