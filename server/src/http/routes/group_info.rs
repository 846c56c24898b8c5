//! GET /api/conversations/{id}/group-info: for who joins by an external commit. CBOR.

use std::sync::Arc;

use axum::extract::{Path, State};
use server_core::conversation;

use crate::{
    app::App,
    http::{Answer, Refused, id, session::Enrolled},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    enrolled: Enrolled,
    Path(conversation): Path<String>,
) -> Result<Answer, Refused> {
    let conversation = id(&conversation)?;
    Ok(Answer::cbor(&enrolled.read(&app, move |sql, _, caller| conversation::group_info(sql, caller, conversation)).await?))
}
