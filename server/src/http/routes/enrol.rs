//! POST /api/devices: a device for this browser, then the session is bound to it; before enrolment too.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use server_core::device;
use shared::http::Enrol;

use crate::{
    app::App,
    http::{Answer, Refused, body::Cbor, cookies::Slot, session::Live},
};

/// 51 key packages, a vault and what is small.
const LIMIT: usize = 768 * 1024;

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    slot: Slot,
    live: Live,
    Cbor(request): Cbor<Enrol, LIMIT>,
) -> Result<Answer, Refused> {
    let issued = live.write(&app, move |sql, context, session| device::enrol(sql, context, session, &request)).await?;
    tracing::info!(account = %issued.session.account(), "a device was enrolled");
    Ok(Answer::issued(StatusCode::OK, "device enrolled", slot, &issued))
}
