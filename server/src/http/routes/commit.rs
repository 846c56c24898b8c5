//! POST /api/conversations/{id}/commits: the next epoch, by compare-and-set. CBOR.

use std::sync::Arc;

use axum::extract::{Path, State};
use server_core::conversation;
use shared::{http::Commit, limits};

use crate::{
    app::App,
    http::{Answer, Refused, body::Cbor, id, session::Enrolled},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    enrolled: Enrolled,
    Path(conversation): Path<String>,
    Cbor(request): Cbor<Commit, { limits::CBOR_BODY }>,
) -> Result<Answer, Refused> {
    let conversation = id(&conversation)?;
    let operation = move |sql: &mut dyn server_core::sql::Sql, context: &mut server_core::Context<'_>, caller: &_| {
        conversation::commit(sql, context, caller, conversation, &request)
    };
    Ok(Answer::cbor(&enrolled.write(&app, operation).await?))
}
