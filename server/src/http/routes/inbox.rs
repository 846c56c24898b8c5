//! GET /api/inbox?after: Welcomes and notices of the asking device. CBOR.

use std::sync::Arc;

use axum::{extract::State, http::Uri};
use serde::Deserialize;
use server_core::inbox;
use shared::{http::Inbox, limits};

use crate::{
    app::App,
    http::{Answer, Refused, query, session::Enrolled},
};

/// About this many bytes of items in one answer; the first comes whatever its size.
const BYTES: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    after: u64,
}

pub(crate) async fn handle(State(app): State<Arc<App>>, enrolled: Enrolled, uri: Uri) -> Result<Answer, Refused> {
    let Asked { after } = query(&uri)?;
    let items = enrolled.read(&app, move |sql, _, caller| inbox::read(sql, caller, after, limits::FETCH, BYTES)).await?;
    Ok(Answer::cbor(&Inbox { items }))
}
