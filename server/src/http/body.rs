//! Bodies: type, size and deadline are checked before anything is kept, and a body that can't be read is 400, never 500.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use server_core::Refusal;
use shared::{
    Code,
    http::{CBOR, JSON},
    limits,
};
use tokio::time::{Instant, timeout, timeout_at};

use super::Refused;
use crate::app::{App, BODY_UNIT, BODY_UNITS};

/// The next piece of a body must come within this …
const PIECE: Duration = Duration::from_secs(15);
/// … and all of it within this.
const WHOLE: Duration = Duration::from_secs(120);

/// A JSON body; a missing one counts as `{}` (F065).
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A CBOR body of at most `LIMIT` bytes.
#[derive(Debug)]
pub struct Cbor<T, const LIMIT: usize>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Refused;
    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refused> {
        let named = content_type(request.headers());
        let bytes = read(request, app, limits::JSON_BODY).await?;
        let text: &[u8] = match named.as_deref() {
            Some(JSON) => &bytes,
            None if bytes.is_empty() => b"{}",
            _ => return Err(Code::UnsupportedType.into()),
        };
        let text: &[u8] = if text.is_empty() { b"{}" } else { text };
        // serde would take a list for a struct too, field after field.
        if text.trim_ascii_start().first() != Some(&b'{') {
            return Err(Code::Malformed.into());
        }
        serde_json::from_slice(text).map(Self).map_err(|error| {
            // serde has no type for this cause; a required field without a default is F066's case.
            let missing = error.to_string().starts_with("missing field");
            Refusal::new(if missing { Code::MissingFields } else { Code::Malformed }).because("json").into()
        })
    }
}

impl<T, const LIMIT: usize> FromRequest<Arc<App>> for Cbor<T, LIMIT>
where
    T: for<'b> minicbor::Decode<'b, ()>,
{
    type Rejection = Refused;
    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Refused> {
        if content_type(request.headers()).as_deref() != Some(CBOR) {
            return Err(Code::UnsupportedType.into());
        }
        let bytes = read(request, app, LIMIT).await?;
        shared::codec::decode(&bytes).map(Self).map_err(|error| Refusal::new(Code::Malformed).because(error.to_string()).into())
    }
}

/// The media type without parameters; JSON is UTF-8 whatever they say.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or("unreadable");
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

async fn read(request: Request, app: &App, limit: usize) -> Result<Vec<u8>, Refused> {
    let told = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if told.is_some_and(|told| told > limit) {
        return Err(Code::TooLarge.into());
    }
    let expected = told.unwrap_or(limit);
    // Small bodies are bounded by the number of connections; big ones share a budget.
    let _memory = if expected > BODY_UNIT {
        let units = expected.div_ceil(BODY_UNIT).min(BODY_UNITS);
        let permits = app.bodies.acquire_many(u32::try_from(units).unwrap_or(u32::MAX));
        let waited = timeout(PIECE, permits).await;
        let busy = || Refusal::new(Code::Unavailable).because("too many big bodies at once").after(1_000);
        Some(waited.ok().and_then(Result::ok).ok_or_else(busy)?)
    } else {
        None
    };
    collect(request.into_body(), limit, told.unwrap_or(0)).await
}

async fn collect(mut body: Body, limit: usize, expected: usize) -> Result<Vec<u8>, Refused> {
    let end = Instant::now() + WHOLE;
    let mut bytes = Vec::with_capacity(expected.min(BODY_UNIT));
    loop {
        let piece = timeout_at(end.min(Instant::now() + PIECE), body.frame()).await;
        match piece {
            Ok(None) => return Ok(bytes),
            Ok(Some(Ok(frame))) => {
                let Ok(data) = frame.into_data() else { continue };
                if bytes.len() + data.len() > limit {
                    return Err(Code::TooLarge.into());
                }
                bytes.extend_from_slice(&data);
            }
            Ok(Some(Err(_))) | Err(_) => {
                return Err(Refusal::new(Code::Malformed).because("the body broke off or was too slow").into());
            }
        }
    }
}
