//! POST /auth/register/finish: one transaction, then one is in (F070, F079).

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use server_core::account;
use shared::http::RegisterFinish;

use crate::{
    app::App,
    http::{Answer, Refused, body::Cbor, cookies::Slot, session::Asking},
};

/// 51 key packages, a vault and what is small; strangers send this, so it is far below other CBOR bodies.
const LIMIT: usize = 768 * 1024;

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    slot: Slot,
    Asking(peer): Asking,
    Cbor(request): Cbor<RegisterFinish, LIMIT>,
) -> Result<Answer, Refused> {
    let issued = app.store.write(move |sql, context| account::register_finish(sql, context, &peer, &request)).await?;
    tracing::info!(account = %issued.session.account(), "an account was made");
    Ok(Answer::issued(StatusCode::CREATED, "User registered", slot, &issued))
}
