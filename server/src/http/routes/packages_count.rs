//! GET /api/key-packages: how many are left of the asking device.

use std::sync::Arc;

use axum::extract::State;
use server_core::key_package;

use crate::{
    app::App,
    http::{Answer, Refused, session::Enrolled},
};

pub(crate) async fn handle(State(app): State<Arc<App>>, enrolled: Enrolled) -> Result<Answer, Refused> {
    let answer = enrolled.read(&app, move |sql, context, caller| key_package::count(sql, context, caller)).await?;
    Ok(Answer::json(&answer))
}
