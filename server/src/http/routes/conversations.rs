//! GET /api/conversations: where the account is a member. CBOR.

use std::sync::Arc;

use axum::extract::State;
use server_core::conversation;

use crate::{
    app::App,
    http::{Answer, Refused, session::Enrolled},
};

pub(crate) async fn handle(State(app): State<Arc<App>>, enrolled: Enrolled) -> Result<Answer, Refused> {
    Ok(Answer::cbor(&enrolled.read(&app, move |sql, _, caller| conversation::list(sql, caller)).await?))
}
