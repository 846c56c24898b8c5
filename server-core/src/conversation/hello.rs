//! The first frame of a socket.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    HelloError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// The first frame of a socket.
///
/// # Errors
/// [`HelloError`] as a [`crate::Refusal`].
pub fn hello(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &ClientHello) -> Outcome<ServerHello> {
    Err(HelloError::NotBuilt.into())
}
