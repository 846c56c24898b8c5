//! PUT /api/settings.
use crate::{context::{Context, Peer}, refusal::Outcome, session::{Caller, Issued, Session, Token}, sql::Sql};
#[allow(unused_imports)]
use shared::{*, http::*, frame::*};

crate::refusal::errors! {
    /// Why it is refused.
    SettingsPutError {
        /// Not built yet.
        NotBuilt = Internal;
    }
}

/// PUT /api/settings.
///
/// # Errors
/// [`SettingsPutError`] as a [`crate::Refusal`].
pub fn put(sql: &mut dyn Sql, context: &mut Context<'_>, caller: &Caller, request: &SettingsPut) -> Outcome<SettingsChanged> {
    Err(SettingsPutError::NotBuilt.into())
}
