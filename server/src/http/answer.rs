//! What a handler answers: JSON inside `{"ok": true, "msg"?, …}`, or CBOR.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use server_core::Issued;
use shared::http::{CBOR, JSON};

use super::cookies::{self, Slot};

/// A finished answer.
#[derive(Debug)]
pub struct Answer(Response);

#[derive(Serialize)]
struct Wrapped<'a, T> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    msg: Option<&'static str>,
    #[serde(flatten)]
    body: &'a T,
}

impl Answer {
    /// 200 with this body beside `ok`.
    #[must_use]
    pub fn json<T: Serialize>(body: &T) -> Self {
        Self::of(StatusCode::OK, &Wrapped { ok: true, msg: None, body })
    }

    /// The same with a sentence for people.
    #[must_use]
    pub fn saying<T: Serialize>(status: StatusCode, msg: &'static str, body: &T) -> Self {
        Self::of(status, &Wrapped { ok: true, msg: Some(msg), body })
    }

    /// A body that brings its own `ok`.
    #[must_use]
    pub fn bare<T: Serialize>(body: &T) -> Self {
        Self::of(StatusCode::OK, body)
    }

    /// 200 in CBOR.
    #[must_use]
    pub fn cbor<T: minicbor::Encode<()>>(body: &T) -> Self {
        Self(([(header::CONTENT_TYPE, HeaderValue::from_static(CBOR))], shared::codec::encode(body)).into_response())
    }

    /// A new session: its body, and its two cookies.
    #[must_use]
    pub fn issued<T: Serialize>(status: StatusCode, msg: &'static str, slot: Slot, issued: &Issued<T>) -> Self {
        Self::saying(status, msg, &issued.body)
            .cookie(&cookies::session(slot, &issued.token))
            .cookie(&cookies::known(slot, &issued.known))
    }

    /// Sets one cookie more.
    #[must_use]
    pub fn cookie(mut self, cookie: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(cookie) {
            self.0.headers_mut().append(header::SET_COOKIE, value);
        }
        self
    }

    fn of<T: Serialize>(status: StatusCode, body: &T) -> Self {
        // Our answers are plain structs; serde_json fails only on maps with other keys than text.
        let text = serde_json::to_vec(body).unwrap_or_default();
        Self((status, [(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], text).into_response())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        self.0
    }
}
