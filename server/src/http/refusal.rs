//! A refusal on its way out: status, the failure body of api.md, `Retry-After`. Causes are logged once, under an id that the
//! client is shown; the text of a cause never leaves.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use server_core::Refusal;
use shared::{
    Code,
    http::{Failure, JSON},
};

use crate::{clock::random_hex, logs::Sparing};

/// What a handler returns instead of an answer.
#[derive(Clone, Debug)]
pub struct Refused(pub Refusal);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self(Refusal::new(code))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Self(refusal) = self;
        let mut failure = Failure::new(refusal.code);
        failure.detail = refusal.detail.map(|detail| detail.to_string());
        failure.retry_after_ms = refusal.retry_after;
        if let Some(id) = log(&refusal) {
            failure.detail = Some(id);
        }
        let body = serde_json::to_vec(&failure).unwrap_or_default();
        let status = StatusCode::from_u16(refusal.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], body).into_response();
        if let Some(millis) = refusal.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(millis.div_ceil(1_000).max(1)));
        }
        response
    }
}

/// Logs what is our fault; gives the id of an internal error.
pub(crate) fn log(refusal: &Refusal) -> Option<String> {
    static INTERNAL: Sparing = Sparing::new();
    static UNAVAILABLE: Sparing = Sparing::new();
    let cause = refusal.cause.as_deref().unwrap_or("no cause was given");
    match refusal.code {
        Code::Internal => {
            let id = random_hex::<6>();
            if let Some(left_out) = INTERNAL.pass() {
                tracing::error!(%id, cause, left_out, "a request failed inside");
            }
            Some(id)
        }
        Code::Unavailable => {
            if let Some(left_out) = UNAVAILABLE.pass() {
                tracing::error!(cause, left_out, "nothing can be stored right now");
            }
            None
        }
        code => {
            tracing::debug!(code = code.as_str(), cause, "refused");
            None
        }
    }
}
