//! What a command failed with: a stable code, and what a screen needs to say it.

use serde::Serialize;
use shared::{Code, http};

/// Codes of the client's own, beside those of [`Code`].
pub mod code {
    /// No connection to the server.
    pub const OFFLINE: &str = "offline";
    /// The username is not known here.
    pub const NOBODY: &str = "nobody_found";
    /// A rule of the password is not met; the message says which.
    pub const PASSWORD_RULE: &str = "password_rule";
    /// The kit is too short or too long.
    pub const KIT_LENGTH: &str = "kit_length";
    /// The kit holds a wrong character.
    pub const KIT_CHARACTER: &str = "kit_character";
    /// The kit is mistyped.
    pub const KIT_CHECKSUM: &str = "kit_checksum";
    /// The text is empty or over the limit.
    pub const TEXT_TOO_LONG: &str = "text_too_long";
    /// The account's sealed belongings don't open: never a reason to make new ones.
    pub const CANNOT_UNWRAP: &str = "cannot_unwrap";
    /// The server's answer can't be what an honest server says.
    pub const BAD_ANSWER: &str = "bad_answer";
    /// The server offers a weaker password protection than this client accepts.
    pub const KSF_REFUSED: &str = "ksf_refused";
    /// The local store does not open or is damaged.
    pub const STORE: &str = "store_failed";
    /// Not possible in this state.
    pub const NOT_NOW: &str = "not_now";
    /// Another command of this kind is under way.
    pub const BUSY: &str = "busy";
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Stable.
    pub code: String,
    /// `username`, `password`, `kit` or `text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The server's plain sentence, or the rule's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// A code of [`code`].
    #[must_use]
    pub fn new(code: &str) -> Self {
        Self { code: code.to_owned(), field: None, message: None, retry_after_ms: None }
    }
    /// About a field of the form.
    #[must_use]
    pub fn field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }
    /// With a sentence.
    #[must_use]
    pub fn message(mut self, message: &str) -> Self {
        self.message = Some(message.to_owned());
        self
    }
}

impl From<http::Failure> for Failure {
    fn from(failure: http::Failure) -> Self {
        Self { code: failure.code, field: failure.field, message: Some(failure.error), retry_after_ms: failure.retry_after_ms }
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        http::Failure::new(code).into()
    }
}
