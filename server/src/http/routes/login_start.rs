//! POST /auth/login/start: counts as an attempt, whatever follows (protocol §2).

use std::sync::Arc;

use axum::extract::State;
use server_core::account;
use shared::http::LoginStart;

use crate::{
    app::App,
    http::{Answer, Refused, body::Json, session::Asking},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    Asking(peer): Asking,
    Json(request): Json<LoginStart>,
) -> Result<Answer, Refused> {
    let answer = app.store.write(move |sql, context| account::login_start(sql, context, &peer, &request)).await?;
    Ok(Answer::json(&answer))
}
