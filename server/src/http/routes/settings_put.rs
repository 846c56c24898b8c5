//! PUT /api/settings: one sealed item by compare-and-set.

use std::sync::Arc;

use axum::extract::State;
use server_core::settings;
use shared::http::SettingsPut;

use crate::{
    app::App,
    http::{Answer, Refused, body::Json, session::Enrolled},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    enrolled: Enrolled,
    Json(request): Json<SettingsPut>,
) -> Result<Answer, Refused> {
    let answer = enrolled.write(&app, move |sql, context, caller| settings::put(sql, context, caller, &request)).await?;
    Ok(Answer::json(&answer))
}
