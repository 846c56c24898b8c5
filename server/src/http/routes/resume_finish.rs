//! POST /auth/resume/finish: a bound session for the device key's signature.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use server_core::session;
use shared::http::ResumeFinish;

use crate::{
    app::App,
    http::{Answer, Refused, body::Json, cookies::Slot, session::Live},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    slot: Slot,
    live: Option<Live>,
    Json(request): Json<ResumeFinish>,
) -> Result<Answer, Refused> {
    let operation = move |sql: &mut dyn server_core::sql::Sql, context: &mut server_core::Context<'_>| {
        session::resume_finish(sql, context, live.as_ref().map(|live| &live.session), &request)
    };
    let issued = app.store.write(operation).await?;
    Ok(Answer::issued(StatusCode::OK, "session resumed", slot, &issued))
}
