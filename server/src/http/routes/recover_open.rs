//! POST /auth/recover/open: everything sealed, for who has the kit.

use std::sync::Arc;

use axum::extract::State;
use server_core::account;
use shared::http::RecoverOpen;

use crate::{
    app::App,
    http::{Answer, Refused, body::Json},
};

pub(crate) async fn handle(State(app): State<Arc<App>>, Json(request): Json<RecoverOpen>) -> Result<Answer, Refused> {
    let answer = app.store.write(move |sql, context| account::recover_open(sql, context, &request)).await?;
    Ok(Answer::json(&answer))
}
