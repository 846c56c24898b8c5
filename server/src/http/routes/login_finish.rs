//! POST /auth/login/finish: a new session, bound when a device signed (F072–F075).

use std::sync::Arc;

use axum::{
    extract::{Extension, State},
    http::StatusCode,
};
use server_core::account;
use shared::{Code, http::LoginFinish};

use crate::{
    app::App,
    http::{Answer, Refused, body::Json, cookies::Slot},
    logs::{Sparing, shortened},
    remote::Remote,
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    Extension(remote): Extension<Remote>,
    slot: Slot,
    Json(request): Json<LoginFinish>,
) -> Result<Answer, Refused> {
    static FAILED: Sparing = Sparing::new();
    let issued =
        app.store.write(move |sql, context| account::login_finish(sql, context, &request)).await.inspect_err(|refusal| {
            if refusal.code == Code::InvalidCredentials
                && let Some(left_out) = FAILED.pass()
            {
                tracing::warn!(from = shortened(remote.address()), left_out, "a log-in failed");
            }
        })?;
    tracing::info!(account = %issued.session.account(), "logged in");
    Ok(Answer::issued(StatusCode::OK, "login successful", slot, &issued))
}
