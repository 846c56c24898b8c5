//! POST /api/inbox/{n}/refused: a Welcome could not be opened; its sender's devices are told.

use std::sync::Arc;

use axum::extract::{Path, State};
use server_core::inbox;
use shared::{Code, http::Done};

use crate::{
    app::App,
    http::{Answer, Refused, body::Json, session::Enrolled},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    enrolled: Enrolled,
    Path(number): Path<String>,
    Json(_): Json<Nothing>,
) -> Result<Answer, Refused> {
    let number = number.parse().map_err(|_| Code::NotFound)?;
    enrolled.write(&app, move |sql, context, caller| inbox::refused(sql, context, caller, number)).await?;
    Ok(Answer::json(&Done {}))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}
