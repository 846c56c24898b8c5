//! GET /api/people/{handle}: an account by its handle.

use std::sync::Arc;

use axum::extract::{Path, State};
use server_core::directory;

use crate::{
    app::App,
    http::{Answer, Refused, session::Enrolled},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    enrolled: Enrolled,
    Path(handle): Path<String>,
) -> Result<Answer, Refused> {
    let answer = enrolled.read(&app, move |sql, _, caller| directory::person(sql, caller, &handle)).await?;
    Ok(Answer::json(&answer))
}
