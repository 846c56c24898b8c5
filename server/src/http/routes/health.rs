//! GET /healthz and /readyz: "ok" and nothing else (F062).

use std::sync::Arc;

use axum::extract::State;
use server_core::session;
use shared::Code;

use crate::{
    app::{App, Stage},
    http::Refused,
};

pub(crate) async fn alive() -> &'static str {
    "ok"
}

/// Ready means that the database answers and the server is not going down.
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Refused> {
    if *app.stage.borrow() == Stage::Stopping {
        return Err(Code::GoingAway.into());
    }
    app.store.read(|sql, context| session::current_user(sql, context, None)).await?;
    Ok("ok")
}
