//! POST /auth/ticket: for one socket, within 30 seconds.

use std::sync::Arc;

use axum::extract::State;
use shared::{Code, http::Ticket};

use crate::{
    app::App,
    clock,
    http::{Answer, Refused, session::Enrolled},
};

pub(crate) async fn handle(State(app): State<Arc<App>>, enrolled: Enrolled) -> Result<Answer, Refused> {
    let ticket = app.tickets.issue(enrolled.session(), clock::now()).ok_or(Code::Unavailable)?;
    Ok(Answer::json(&Ticket { ticket }))
}
