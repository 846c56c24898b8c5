//! GET /api/accounts/{id}/statements?after: an account's chain of statements.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::Uri,
};
use serde::Deserialize;
use server_core::directory;

use crate::{
    app::App,
    http::{Answer, Refused, id, query, session::Enrolled},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(default)]
    after: u64,
}

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    enrolled: Enrolled,
    Path(account): Path<String>,
    uri: Uri,
) -> Result<Answer, Refused> {
    let (account, Asked { after }) = (id(&account)?, query(&uri)?);
    let answer = enrolled.read(&app, move |sql, _, caller| directory::statements(sql, caller, account, after)).await?;
    Ok(Answer::json(&answer))
}
