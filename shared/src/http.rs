//! HTTP bodies. JSON unless a body carries MLS bytes; then `application/cbor` (marked CBOR below).
//!
//! Requests refuse unknown fields; answers may grow. JSON answers travel inside `{"ok": true, "msg"?: …, …}`,
//! failures as [`Failure`].

mod conversation;
mod device;
mod directory;
mod key_package;
mod login;
mod recover;
mod register;
mod secrets;
mod session;
mod settings;

use serde::{Deserialize, Serialize};

pub use self::{
    conversation::{Commit, Committed, ConversationState, Conversations, CreateConversation, GroupInfo, Inbox, Rows},
    device::{DeviceUpload, Enrol, Revoke},
    directory::{Person, Statements},
    key_package::{Claim, Claimed, ClaimedPackage, PackageCount, PutPackages},
    login::{LoggedIn, LoginFinish, LoginStart, LoginStarted, ResumeFinish, ResumeStart, ResumeStarted},
    recover::{RecoverFinish, RecoverOpen, RecoverOpened, RecoverStart, RecoverStarted},
    register::{Bound, RegisterFinish, RegisterStart, RegisterStarted},
    secrets::{Secrets, User, Wrap, WrapKind},
    session::{CurrentUser, Logout, Ticket},
    settings::{Settings, SettingsChanged, SettingsItem, SettingsPut},
};
use crate::code::Code;

/// Content type of JSON bodies.
pub const JSON: &str = "application/json";
/// Content type of CBOR bodies.
pub const CBOR: &str = "application/cbor";
/// Header that names the client's version; every changing request carries it.
pub const CLIENT_HEADER: &str = "sotto-client";
/// Header that names the account slot of the cookie, default 0.
pub const ACCOUNT_HEADER: &str = "sotto-account";

/// A failure body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Always false.
    pub ok: bool,
    /// A plain sentence.
    pub error: String,
    /// The wire form of a [`Code`].
    pub code: String,
    /// The form field it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// When to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What belongs to the code: an existing conversation's id, the current epoch, the id of a logged error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Failure {
    /// The failure of a code.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self {
            ok: false,
            error: code.text().to_owned(),
            code: code.as_str().to_owned(),
            field: code.field().map(str::to_owned),
            retry_after_ms: None,
            detail: None,
        }
    }
}

/// An answer without content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_its_code_says() {
        let failure = Failure::new(Code::UsernameTaken);
        assert_eq!((failure.ok, failure.code.as_str()), (false, "username_taken"));
        assert_eq!((failure.error.as_str(), failure.field.as_deref()), (Code::UsernameTaken.text(), Some("username")));
        assert_eq!((failure.retry_after_ms, failure.detail), (None, None));
    }
}
