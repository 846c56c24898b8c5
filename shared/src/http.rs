//! HTTP bodies. JSON unless a body carries MLS bytes; then `application/cbor` (marked CBOR below).
//!
//! Requests refuse unknown fields; answers may grow. JSON answers travel inside `{"ok": true, "msg"?: …, …}`,
//! failures as [`Failure`].

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::{
    bytes::Bytes,
    code::Code,
    frame::{InboxItem, Row},
    id::{AccountId, ConversationId, DeviceId, MessageId},
    time::Millis,
};

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

/// Which way a root key is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum WrapKind {
    /// Under OPAQUE's export key.
    #[n(0)]
    Password,
    /// Under the recovery kit.
    #[n(1)]
    Kit,
}

/// The root key, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Wrap {
    /// Under what.
    #[n(0)]
    pub kind: WrapKind,
    /// Generation of the root key.
    #[n(1)]
    pub generation: u32,
    /// Number of the OPAQUE record it belongs to (1 for the kit's).
    #[n(2)]
    pub record: u32,
    /// Version ‖ nonce ‖ ciphertext.
    #[n(3)]
    pub sealed: Bytes,
}

/// The account's sealed belongings as the server holds them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Secrets {
    /// All wraps, ascending by kind.
    #[n(0)]
    pub wraps: Vec<Wrap>,
    /// The vault.
    #[n(1)]
    pub vault: Bytes,
    /// Its number.
    #[n(2)]
    pub vault_number: u64,
    /// All statements from number 1.
    #[n(3)]
    pub statements: Vec<Bytes>,
}

impl Secrets {
    /// The number of the OPAQUE record that follows the present one. It stands in the wrap alone: before somebody is in, it
    /// would tell which names exist and have changed their password.
    #[must_use]
    pub fn next_record(&self) -> u32 {
        let password = self.wraps.iter().find(|wrap| wrap.kind == WrapKind::Password);
        password.map_or(1, |wrap| wrap.record).saturating_add(1)
    }
}

/// Who is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct User {
    /// Account id.
    #[n(0)]
    pub id: AccountId,
    /// Handle as shown.
    #[n(1)]
    pub username: String,
    /// The session's device; none before it is enrolled.
    #[n(2)]
    pub device: Option<DeviceId>,
}

/// POST /auth/register/start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterStart {
    /// The handle as typed.
    #[serde(default)]
    pub username: String,
    /// Drawn by the client.
    pub account_id: AccountId,
    /// OPAQUE registration request.
    #[serde(default)]
    pub request: Bytes,
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterStarted {
    /// OPAQUE registration response.
    pub response: Bytes,
}

/// POST /auth/register/finish. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RegisterFinish {
    /// As in the start.
    #[n(0)]
    pub username: String,
    /// As in the start.
    #[n(1)]
    pub account_id: AccountId,
    /// OPAQUE registration upload (record number 1).
    #[n(2)]
    pub upload: Bytes,
    /// Key-stretching version of the record.
    #[n(3)]
    pub ksf: u8,
    /// Password and kit wrap of generation 1.
    #[n(4)]
    pub wraps: Vec<Wrap>,
    /// Vault number 1.
    #[n(5)]
    pub vault: Bytes,
    /// Public recovery key.
    #[n(6)]
    pub recovery_key: Bytes,
    /// Statement 1, naming exactly the device below.
    #[n(7)]
    pub statement: Bytes,
    /// The first device.
    #[n(8)]
    pub device: DeviceUpload,
}

/// A device as it is enrolled. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DeviceUpload {
    /// Its certificate.
    #[n(0)]
    pub certificate: Bytes,
    /// Its first run token, 16 bytes.
    #[n(1)]
    pub run: Bytes,
    /// One-time key packages (`MLSMessage` bytes).
    #[n(2)]
    pub packages: Vec<Bytes>,
    /// Last-resort key package.
    #[n(3)]
    pub last_resort: Bytes,
}

/// Answer of register/finish (201, "User registered"), devices and recover/finish: bound, cookie set.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Bound {
    /// Who is in.
    #[n(0)]
    pub user: User,
}

/// POST /auth/login/start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginStart {
    /// The handle as typed.
    #[serde(default)]
    pub username: String,
    /// OPAQUE KE1.
    #[serde(default)]
    pub request: Bytes,
}

/// Its answer; the same shape and time for unknown names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginStarted {
    /// Names the attempt.
    pub login_id: Bytes,
    /// OPAQUE client identity.
    pub account_id: AccountId,
    /// Key-stretching version.
    pub ksf: u8,
    /// OPAQUE KE2.
    pub response: Bytes,
}

/// POST /auth/login/finish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginFinish {
    /// From the start.
    pub login_id: Bytes,
    /// OPAQUE KE3.
    pub finalization: Bytes,
    /// A browser that has a device names it …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
    /// … and signs the login id ([`crate::label::Label::DeviceLogin`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_signature: Option<Bytes>,
}

/// Its answer ("login successful"), cookie set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedIn {
    /// Who is in; `device` only when the session is bound.
    pub user: User,
    /// Everything sealed.
    #[serde(flatten)]
    pub secrets: Secrets,
}

/// POST /auth/resume/start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeStart {
    /// Which device.
    pub device_id: DeviceId,
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeStarted {
    /// Names the attempt.
    pub resume_id: Bytes,
    /// 32 random bytes to sign ([`crate::label::Label::DeviceResume`], over [`crate::signed_text::resume`]).
    pub challenge: Bytes,
}

/// POST /auth/resume/finish. With a live unenrolled session of the same account it counts as a log-in by password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeFinish {
    /// From the start.
    pub resume_id: Bytes,
    /// The device key's signature.
    pub signature: Bytes,
}

/// POST /auth/recover/start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoverStart {
    /// The handle as typed.
    #[serde(default)]
    pub username: String,
    /// OPAQUE registration request for the new password.
    #[serde(default)]
    pub request: Bytes,
}

/// Its answer; the same shape and time for unknown names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoverStarted {
    /// Names the attempt.
    pub recover_id: Bytes,
    /// The account, or what an unknown name is given.
    pub account_id: AccountId,
    /// 32 random bytes to sign ([`crate::label::Label::RecoveryOpen`], over [`crate::signed_text::recovery`]).
    pub nonce: Bytes,
    /// OPAQUE registration response.
    pub response: Bytes,
}

/// POST /auth/recover/open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoverOpen {
    /// From the start.
    pub recover_id: Bytes,
    /// The recovery key's signature.
    pub signature: Bytes,
}

/// Its answer: everything sealed.
pub type RecoverOpened = Secrets;

/// POST /auth/recover/finish. CBOR, because it may enrol the device in the same transaction later; now without MLS bytes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RecoverFinish {
    /// From the start.
    #[n(0)]
    pub recover_id: Bytes,
    /// OPAQUE registration upload of the new record.
    #[n(1)]
    pub upload: Bytes,
    /// Key-stretching version.
    #[n(2)]
    pub ksf: u8,
    /// All wraps: the new password wrap, the kit's.
    #[n(3)]
    pub wraps: Vec<Wrap>,
    /// The next statement (same devices; hash of the new wraps).
    #[n(4)]
    pub statement: Bytes,
    /// The recovery key over SHA-256 of [`RecoverFinish::signed`].
    #[n(5)]
    pub signature: Bytes,
}

impl RecoverFinish {
    /// What the recovery key signs: this body in CBOR with an empty signature.
    #[must_use]
    pub fn signed(&self) -> Vec<u8> {
        crate::codec::encode(&Self { signature: Bytes::default(), ..self.clone() })
    }
}

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

/// One settings item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsItem {
    /// Which collection: 0 pins and verification marks, 1 preferences, 2 drafts.
    pub collection: u8,
    /// Name of the item inside, opaque: HMAC of its meaning under the settings key, 16 bytes.
    pub item: Bytes,
    /// Version, from 1.
    pub version: u64,
    /// Version byte ‖ nonce ‖ ciphertext.
    pub sealed: Bytes,
}

/// GET /api/settings?after=k.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Items changed after k.
    pub items: Vec<SettingsItem>,
    /// The newest change number.
    pub change: u64,
}

/// PUT /api/settings: one item; `version` must be the stored version plus one, else 409 `stale_settings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsPut {
    /// As in [`SettingsItem`].
    pub collection: u8,
    /// As in [`SettingsItem`].
    pub item: Bytes,
    /// As in [`SettingsItem`].
    pub version: u64,
    /// As in [`SettingsItem`].
    pub sealed: Bytes,
}

/// Its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsChanged {
    /// The change's number.
    pub change: u64,
}

/// POST /api/devices (unenrolled sessions too). CBOR. 409 `stale_statement` when the chain has moved.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Enrol {
    /// The device.
    #[n(0)]
    pub device: DeviceUpload,
    /// The next statement, with the device.
    #[n(1)]
    pub statement: Bytes,
    /// The next vault, with the device's store key.
    #[n(2)]
    pub vault: Bytes,
    /// Its number: the stored one plus one.
    #[n(3)]
    pub vault_number: u64,
    /// A device of this account that this browser gives up in the same step (superseded), no longer in the statement.
    #[n(4)]
    pub retires: Option<DeviceId>,
}

/// DELETE /api/devices/{id}. CBOR-free: JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// The next statement, without the device.
    pub statement: Bytes,
    /// The next vault, without its store key.
    pub vault: Bytes,
    /// Its number.
    pub vault_number: u64,
}

/// GET /api/key-packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageCount {
    /// One-time packages left of this device.
    pub count: u32,
    /// Was the last-resort package handed out since it was put here?
    pub last_resort_used: bool,
}

/// PUT /api/key-packages. CBOR. Answer: [`PackageCount`] as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PutPackages {
    /// One-time packages to add.
    #[n(0)]
    pub packages: Vec<Bytes>,
    /// A new last-resort package.
    #[n(1)]
    pub last_resort: Option<Bytes>,
}

/// POST /api/accounts/{id}/key-packages/claim. JSON; the answer is CBOR. Asked again it gives the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// For which conversation.
    pub conversation_id: ConversationId,
    /// Which generation.
    pub generation: u32,
    /// Which epoch the commit will be for.
    pub epoch: u64,
    /// Only this device; else all of the account but the asking one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_id: Option<DeviceId>,
}

/// Its answer. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Claimed {
    /// One package for each device that has one.
    #[n(0)]
    pub packages: Vec<ClaimedPackage>,
    /// The account's statements above `known` are read by GET; here only the newest number.
    #[n(1)]
    pub statement: u64,
}

/// One claimed package. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClaimedPackage {
    /// Of which device.
    #[n(0)]
    pub device: DeviceId,
    /// `MLSMessage` bytes.
    #[n(1)]
    pub package: Bytes,
}

/// One conversation in GET /api/conversations.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ConversationState {
    /// Which.
    #[n(0)]
    pub id: ConversationId,
    /// [`crate::policy::Kind`] byte.
    #[n(1)]
    pub kind: u8,
    /// Current generation.
    #[n(2)]
    pub generation: u32,
    /// Current epoch.
    #[n(3)]
    pub epoch: u64,
    /// Last number.
    #[n(4)]
    pub head: u64,
    /// Rows up to here are gone.
    #[n(5)]
    pub floor: u64,
    /// Has the asking device a leaf in it?
    #[n(6)]
    pub member: bool,
    /// The other account of a direct conversation.
    #[n(7)]
    pub with: Option<AccountId>,
}

/// GET /api/conversations. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Conversations {
    /// All conversations of the account.
    #[n(0)]
    pub conversations: Vec<ConversationState>,
}

/// A commit with everything that belongs to it. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Commit {
    /// Generation.
    #[n(0)]
    pub generation: u32,
    /// The epoch it was made for.
    #[n(1)]
    pub epoch: u64,
    /// Its id, also in its authenticated data.
    #[n(2)]
    pub message: MessageId,
    /// The commit: an MLS PublicMessage (`MLSMessage` bytes).
    #[n(3)]
    pub commit: Bytes,
    /// The device key over SHA-256 of the commit's bytes ([`crate::label::Label::CommitBytes`]).
    #[n(4)]
    pub signature: Bytes,
    /// Group info of the epoch it leads to, without the tree (`MLSMessage` bytes).
    #[n(5)]
    pub group_info: Bytes,
    /// Welcome with the tree, when it adds somebody (`MLSMessage` bytes).
    #[n(6)]
    pub welcome: Option<Bytes>,
}

/// POST /api/conversations. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CreateConversation {
    /// Drawn by the client.
    #[n(0)]
    pub conversation: ConversationId,
    /// [`crate::policy::Kind`] byte.
    #[n(1)]
    pub kind: u8,
    /// The other account of a direct conversation, oneself for the note.
    #[n(2)]
    pub with: Option<AccountId>,
    /// Group info of epoch 0 with the tree.
    #[n(3)]
    pub group_info: Bytes,
    /// The first commit, for epoch 0.
    #[n(4)]
    pub commit: Commit,
}

/// Answer of a creation or a commit. CBOR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Committed {
    /// The commit's number in the log.
    #[n(0)]
    pub number: u64,
    /// When it was stored.
    #[n(1)]
    pub at: Millis,
}

/// GET /api/conversations/{id}/rows?after=k&limit=n. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Rows {
    /// Consecutive rows; the first may be of any size.
    #[n(0)]
    pub rows: Vec<Row>,
    /// Last number.
    #[n(1)]
    pub head: u64,
    /// Rows up to here are gone.
    #[n(2)]
    pub floor: u64,
}

/// GET /api/conversations/{id}/group-info. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GroupInfo {
    /// Generation.
    #[n(0)]
    pub generation: u32,
    /// Epoch.
    #[n(1)]
    pub epoch: u64,
    /// `MLSMessage` bytes.
    #[n(2)]
    pub group_info: Bytes,
    /// The ratchet tree (`RatchetTree` bytes).
    #[n(3)]
    pub tree: Bytes,
}

/// GET /api/inbox?after=k. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Inbox {
    /// Items above k, ascending.
    #[n(0)]
    pub items: Vec<InboxItem>,
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

    #[test]
    fn the_next_record_follows_the_one_of_the_password() {
        let wrap = |kind, record| Wrap { kind, generation: 1, record, sealed: Bytes(vec![]) };
        let secrets = |wraps| Secrets { wraps, vault: Bytes(vec![]), vault_number: 1, statements: vec![] };
        let both = vec![wrap(WrapKind::Kit, 9), wrap(WrapKind::Password, 3)];
        assert_eq!(secrets(both).next_record(), 4);
        assert_eq!(secrets(vec![wrap(WrapKind::Kit, 9)]).next_record(), 2);
        assert_eq!(secrets(vec![wrap(WrapKind::Password, u32::MAX)]).next_record(), u32::MAX);
    }

    #[test]
    fn a_recovery_signs_everything_but_its_signature() {
        let body = RecoverFinish {
            recover_id: Bytes(vec![1]),
            upload: Bytes(vec![2]),
            ksf: 1,
            wraps: vec![],
            statement: Bytes(vec![3]),
            signature: Bytes(vec![4; 64]),
        };
        let unsigned = RecoverFinish { signature: Bytes::default(), ..body.clone() };
        assert_eq!(body.signed(), crate::codec::encode(&unsigned));
        assert_eq!(crate::codec::decode::<RecoverFinish>(&body.signed()), Ok(unsigned));
        assert_ne!(RecoverFinish { ksf: 2, ..body.clone() }.signed(), body.signed());
    }
}
