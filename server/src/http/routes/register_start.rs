//! POST /auth/register/start: the first half of registration (F064–F067).

use std::sync::Arc;

use axum::extract::State;
use server_core::account;
use shared::http::RegisterStart;

use crate::{
    app::App,
    http::{Answer, Refused, body::Json, session::Asking},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    Asking(peer): Asking,
    Json(request): Json<RegisterStart>,
) -> Result<Answer, Refused> {
    let answer = app.store.write(move |sql, context| account::register_start(sql, context, &peer, &request)).await?;
    Ok(Answer::json(&answer))
}
