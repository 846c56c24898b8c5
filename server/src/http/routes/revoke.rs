//! DELETE /api/devices/{id}: a statement without the device; its sessions and sockets end.

use std::sync::Arc;

use axum::extract::{Path, State};
use server_core::device;
use shared::http::{Done, Revoke};

use crate::{
    app::App,
    http::{Answer, Refused, body::Json, id, session::Enrolled},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    enrolled: Enrolled,
    Path(device): Path<String>,
    Json(request): Json<Revoke>,
) -> Result<Answer, Refused> {
    let device = id(&device)?;
    enrolled.write(&app, move |sql, context, caller| device::revoke(sql, context, caller, device, &request)).await?;
    Ok(Answer::json(&Done {}))
}
