//! POST /api/conversations: group info of epoch 0 and the first commit, or 409 with the existing id. CBOR.

use std::sync::Arc;

use axum::extract::State;
use server_core::conversation;
use shared::{http::CreateConversation, limits};

use crate::{
    app::App,
    http::{Answer, Refused, body::Cbor, session::Enrolled},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    enrolled: Enrolled,
    Cbor(request): Cbor<CreateConversation, { limits::CBOR_BODY }>,
) -> Result<Answer, Refused> {
    Ok(Answer::cbor(
        &enrolled.write(&app, move |sql, context, caller| conversation::create(sql, context, caller, &request)).await?,
    ))
}
