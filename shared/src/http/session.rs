//! What a session may ask of itself.

use serde::{Deserialize, Serialize};

use crate::{bytes::Bytes, http::User};

/// POST /auth/logout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logout {
    /// The device's signature over [`crate::signed_text::retirement`] ([`crate::label::Label::Retirement`]): it will not come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retire: Option<Bytes>,
}

/// GET /auth/current_user: 200 in both cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentUser {
    /// Is somebody logged in?
    pub ok: bool,
    /// Who.
    pub user: Option<User>,
}

/// POST /auth/ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// For the socket's subprotocol list: `ticket.<this>`, base64url, 30 seconds, once.
    pub ticket: Bytes,
}
