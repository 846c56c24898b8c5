//! GET /api/vault: everything sealed of one's own account; before enrolment too.

use std::sync::Arc;

use axum::extract::State;
use server_core::account;

use crate::{
    app::App,
    http::{Answer, Refused, session::Live},
};

pub(crate) async fn handle(State(app): State<Arc<App>>, live: Live) -> Result<Answer, Refused> {
    let session = live.session;
    let seen = app.store.read(move |sql, _| account::secrets(sql, &session)).await?;
    Ok(Answer::json(&seen.answer))
}
