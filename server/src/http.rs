//! HTTP: what a request must have, what an answer looks like, and one file for each route.

pub mod answer;
pub mod body;
pub mod cookies;
pub mod guard;
pub mod headers;
pub mod refusal;
pub mod router;
mod routes;
pub mod session;

pub use answer::Answer;
pub use refusal::Refused;

use axum::{extract::Query, http::Uri};
use serde::de::DeserializeOwned;
use shared::Code;

/// The query of an address; unknown or unreadable parameters are refused.
fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Refused> {
    Query::try_from_uri(uri).map(|Query(query)| query).map_err(|_| Code::Malformed.into())
}

/// An id in a path; what is no id names nothing.
fn id<T: std::str::FromStr>(text: &str) -> Result<T, Refused> {
    text.parse().map_err(|_| Code::NotFound.into())
}
