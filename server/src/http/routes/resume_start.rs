//! POST /auth/resume/start: a challenge for the device key.

use std::sync::Arc;

use axum::extract::State;
use server_core::session;
use shared::http::ResumeStart;

use crate::{
    app::App,
    http::{Answer, Refused, body::Json, session::Asking},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    Asking(peer): Asking,
    Json(request): Json<ResumeStart>,
) -> Result<Answer, Refused> {
    let answer = app.store.write(move |sql, context| session::resume_start(sql, context, &peer, &request)).await?;
    Ok(Answer::json(&answer))
}
