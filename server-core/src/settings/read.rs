//! GET /api/settings?after=k.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    SettingsReadError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// GET /api/settings?after=k.
///
/// # Errors
/// [`SettingsReadError`] as a [`crate::Refusal`].
pub fn read(sql: &mut dyn Sql, caller: &Caller, after: u64) -> Outcome<Settings> {
    Err(SettingsReadError::NotBuilt.into())
}
