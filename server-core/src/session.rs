//! Sessions: of an account, bound to a device or not yet.

use shared::{AccountId, Bytes, Code, DeviceId, Millis, http::User};

use crate::refusal::Refusal;

mod check;
mod current_user;
mod logout;
mod resume_finish;
mod resume_start;
pub(crate) mod rows;
pub(crate) mod token;

pub use check::{check, peek, recheck};
pub use current_user::current_user;
pub use logout::{LogoutError, logout};
pub use resume_finish::{ResumeFinishError, resume_finish};
pub use resume_start::resume_start;
pub use token::{SessionId, Token};

/// A live session. Only this module makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    id: SessionId,
    account: AccountId,
    username: String,
    device: Option<DeviceId>,
    expires: Millis,
}

impl Session {
    /// Its name.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }
    /// Whose it is.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.account
    }
    /// The device it is bound to.
    #[must_use]
    pub const fn device(&self) -> Option<DeviceId> {
        self.device
    }
    /// When it ends unless it is used.
    #[must_use]
    pub const fn expires(&self) -> Millis {
        self.expires
    }
    /// Who is in.
    #[must_use]
    pub fn user(&self) -> User {
        User { id: self.account, username: self.username.clone(), device: self.device }
    }
    /// Who asks, when the session is bound to a device.
    ///
    /// # Errors
    /// `not_enrolled`.
    pub fn caller(&self) -> Result<Caller, Refusal> {
        let device = self.device.ok_or(Code::NotEnrolled)?;
        Ok(Caller { account: self.account, device, session: self.id })
    }
}

/// An enrolled device that asks for something. Only [`Session::caller`] makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    account: AccountId,
    device: DeviceId,
    session: SessionId,
}

impl Caller {
    /// Whose device.
    #[must_use]
    pub const fn account(&self) -> AccountId {
        self.account
    }
    /// Which device.
    #[must_use]
    pub const fn device(&self) -> DeviceId {
        self.device
    }
    /// In which session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }
}

/// A new session: the body goes to the client, token and known-browser mark into cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued<T> {
    /// For the `__Host-session-<slot>` cookie.
    pub token: Token,
    /// For the `__Host-known-<slot>` cookie.
    pub known: Bytes,
    /// The session.
    pub session: Session,
    /// The answer.
    pub body: T,
}

impl<T> Issued<T> {
    /// The same session with another answer.
    pub(crate) fn with<U>(self, body: U) -> Issued<U> {
        Issued { token: self.token, known: self.known, session: self.session, body }
    }
    /// The same session with who is in as the answer.
    pub(crate) fn bound(self) -> Issued<shared::http::Bound> {
        let user = self.session.user();
        self.with(shared::http::Bound { user })
    }
}
