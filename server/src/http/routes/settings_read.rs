//! GET /api/settings?after: sealed items changed since.

use std::sync::Arc;

use axum::{extract::State, http::Uri};
use serde::Deserialize;
use server_core::settings;

use crate::{
    app::App,
    http::{Answer, Refused, query, session::Enrolled},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    after: u64,
}

pub(crate) async fn handle(State(app): State<Arc<App>>, enrolled: Enrolled, uri: Uri) -> Result<Answer, Refused> {
    let Asked { after } = query(&uri)?;
    let answer = enrolled.read(&app, move |sql, _, caller| settings::read(sql, caller, after)).await?;
    Ok(Answer::json(&answer))
}
