//! GET /auth/current_user: 200 in both cases (F089).

use std::sync::Arc;

use axum::{extract::State, http::HeaderMap};
use server_core::session;

use crate::{
    app::App,
    http::{
        Answer, Refused,
        cookies::{self, Slot},
    },
};

pub(crate) async fn handle(State(app): State<Arc<App>>, slot: Slot, headers: HeaderMap) -> Result<Answer, Refused> {
    let token = cookies::read_session(&headers, slot);
    let asked = token.clone();
    let seen = app.store.read(move |sql, context| session::current_user(sql, context, asked.as_ref())).await?;
    let answer = if seen.wrote {
        app.store.write(move |sql, context| session::current_user(sql, context, token.as_ref())).await?
    } else {
        seen.answer
    };
    Ok(Answer::bare(&answer))
}
