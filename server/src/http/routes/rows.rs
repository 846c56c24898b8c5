//! GET /api/conversations/{id}/rows?after&limit: catch-up, and rows too big for a frame. CBOR.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::Uri,
};
use serde::Deserialize;
use server_core::conversation::{self, Range};
use shared::limits;

use crate::{
    app::App,
    http::{Answer, Refused, id, query, session::Enrolled},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    after: u64,
    #[serde(default = "most")]
    limit: u32,
}

const fn most() -> u32 {
    limits::FETCH
}

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    enrolled: Enrolled,
    Path(conversation): Path<String>,
    uri: Uri,
) -> Result<Answer, Refused> {
    let (conversation, Asked { after, limit }) = (id(&conversation)?, query(&uri)?);
    let range = Range::http(after, limit);
    Ok(Answer::cbor(&enrolled.read(&app, move |sql, _, caller| conversation::fetch(sql, caller, conversation, range)).await?))
}
