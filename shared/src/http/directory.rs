//! Who people are.

use serde::{Deserialize, Serialize};

use crate::{bytes::Bytes, id::AccountId};

/// GET /api/people/{handle}.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Account id.
    pub account_id: AccountId,
    /// Handle as shown.
    pub username: String,
    /// All statements from number 1.
    pub statements: Vec<Bytes>,
    /// Place of the key-transparency proof; null until it exists.
    pub proof: Option<Bytes>,
}

/// GET /api/accounts/{id}/statements?after=k.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statements {
    /// Statements with numbers above `after`.
    pub statements: Vec<Bytes>,
    /// Place of the key-transparency proof.
    pub proof: Option<Bytes>,
}
