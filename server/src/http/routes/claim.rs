//! POST /api/accounts/{id}/key-packages/claim: one package for each device of the account. Answers CBOR.

use std::sync::Arc;

use axum::extract::{Path, State};
use server_core::key_package;
use shared::http::Claim;

use crate::{
    app::App,
    http::{Answer, Refused, body::Json, id, session::Enrolled},
};

pub(crate) async fn handle(
    State(app): State<Arc<App>>,
    enrolled: Enrolled,
    Path(account): Path<String>,
    Json(request): Json<Claim>,
) -> Result<Answer, Refused> {
    let account = id(&account)?;
    let operation = move |sql: &mut dyn server_core::sql::Sql, context: &mut server_core::Context<'_>, caller: &_| {
        key_package::claim(sql, context, caller, account, &request)
    };
    Ok(Answer::cbor(&enrolled.write(&app, operation).await?))
}
