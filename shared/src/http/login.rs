//! POST /auth/login and /auth/resume: in by password, in by the device key.

use serde::{Deserialize, Serialize};

use crate::{
    bytes::Bytes,
    http::{Secrets, User},
    id::{AccountId, DeviceId},
};

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
