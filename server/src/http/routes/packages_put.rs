//! PUT /api/key-packages: refills the pool of the asking device.

use std::sync::Arc;

use axum::extract::State;
use server_core::key_package;
use shared::http::PutPackages;

use crate::{
    app::App,
    http::{Answer, Refused, body::Cbor, session::Enrolled},
};

/// 51 key packages.
const LIMIT: usize = 512 * 1024;

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    enrolled: Enrolled,
    Cbor(request): Cbor<PutPackages, LIMIT>,
) -> Result<Answer, Refused> {
    let answer = enrolled.write(&app, move |sql, context, caller| key_package::put(sql, context, caller, &request)).await?;
    Ok(Answer::json(&answer))
}
