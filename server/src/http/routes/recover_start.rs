//! POST /auth/recover/start: the same bytes and time for unknown names.

use std::sync::Arc;

use axum::extract::State;
use server_core::account;
use shared::http::RecoverStart;

use crate::{
    app::App,
    http::{Answer, Refused, body::Json, session::Asking},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    Asking(peer): Asking,
    Json(request): Json<RecoverStart>,
) -> Result<Answer, Refused> {
    let answer = app.store.write(move |sql, context| account::recover_start(sql, context, &peer, &request)).await?;
    Ok(Answer::json(&answer))
}
