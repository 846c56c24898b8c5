//! POST /auth/logout: the session ends here and on every socket (F087).

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use server_core::session;
use shared::http::{Done, Logout};

use crate::{
    app::App,
    http::{
        Answer, Refused,
        body::Json,
        cookies::{self, Slot},
        session::Live,
    },
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    slot: Slot,
    live: Option<Live>,
    Json(request): Json<Logout>,
) -> Result<Answer, Refused> {
    // Who has no session any more is logged out already; the cookie goes in either case.
    if let Some(live) = live {
        live.write(&app, move |sql, context, session| session::logout(sql, context, session, &request)).await?;
    }
    Ok(Answer::saying(StatusCode::OK, "logged out", &Done {}).cookie(&cookies::ended(slot)))
}
