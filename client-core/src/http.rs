//! Requests and answers: the one place that knows paths, content types and the failure envelope.

use minicbor::{Decode, Encode};
use serde::{Serialize, de::DeserializeOwned};
use shared::{codec, http};

use crate::{
    failure::{Failure, code},
    input::HttpOutcome,
    numbers::Numbered,
    output::{HttpRequest, Method},
};

/// A request before it has an id: kept, so that it can be made again.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
}

impl Draft {
    pub(crate) fn get(path: String) -> Self {
        Self { method: Method::Get, path, body: None }
    }
    pub(crate) fn json<T: Serialize>(method: Method, path: &str, body: &T) -> Self {
        // Our bodies are structs of strings, numbers and bytes: nothing in them can refuse to serialize.
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        Self { method, path: path.to_owned(), body: Some((http::JSON, bytes)) }
    }
    pub(crate) fn cbor<T: Encode<()>>(method: Method, path: &str, body: &T) -> Self {
        Self::raw_cbor(method, path, codec::encode(body))
    }
    pub(crate) fn raw_cbor(method: Method, path: &str, body: Vec<u8>) -> Self {
        Self { method, path: path.to_owned(), body: Some((http::CBOR, body)) }
    }
    pub(crate) fn with_id(self, id: u64) -> HttpRequest {
        HttpRequest { id, method: self.method, path: self.path, body: self.body }
    }
}

/// A refusal with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) failure: http::Failure,
}

impl Refusal {
    pub(crate) fn code(&self) -> Option<shared::Code> {
        shared::Code::from_wire(&self.failure.code)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        refusal.failure.into()
    }
}

/// How a request ended for whoever asked.
pub(crate) enum Outcome {
    /// 2xx with this body.
    Fine(Vec<u8>),
    /// Refused.
    Refused(Refusal),
    /// Nobody knows.
    Lost,
}

/// Reads the envelope.
pub(crate) fn outcome(outcome: HttpOutcome) -> Outcome {
    match outcome {
        HttpOutcome::Lost => Outcome::Lost,
        HttpOutcome::Answer { status: 200..=299, body } => Outcome::Fine(body),
        HttpOutcome::Answer { status, body } => match serde_json::from_slice(&body) {
            Ok(failure) => Outcome::Refused(Refusal { status, failure }),
            // Not our envelope: a proxy in between, or a server that falls over. As good as no answer.
            Err(_) => Outcome::Lost,
        },
    }
}

/// Reads a JSON answer.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::new(code::BAD_ANSWER))
}

/// Reads a CBOR answer with numbers of logs in it.
pub(crate) fn numbered<'b, T: Decode<'b, ()> + Numbered>(body: &'b [u8]) -> Result<T, Failure> {
    cbor(body).and_then(|answer: T| if answer.possible() { Ok(answer) } else { Err(Failure::new(code::BAD_ANSWER)) })
}

/// Reads a CBOR answer.
pub(crate) fn cbor<'b, T: Decode<'b, ()>>(body: &'b [u8]) -> Result<T, Failure> {
    codec::decode(body).map_err(|_| Failure::new(code::BAD_ANSWER))
}
