//! POST /auth/recover/finish: a new password by the kit; all other sessions end.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use server_core::account;
use shared::http::RecoverFinish;

use crate::{
    app::App,
    http::{Answer, Refused, body::Cbor, cookies::Slot},
};

/// Wraps and a statement.
const LIMIT: usize = 64 * 1024;

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    slot: Slot,
    Cbor(request): Cbor<RecoverFinish, LIMIT>,
) -> Result<Answer, Refused> {
    let issued = app.store.write(move |sql, context| account::recover_finish(sql, context, &request)).await?;
    tracing::info!(account = %issued.session.account(), "recovered by the kit");
    Ok(Answer::issued(StatusCode::OK, "password changed", slot, &issued))
}
