//! Sessions: 256-bit tokens in a cookie, their SHA-256 in the database, bound to a device or not yet.

use core::fmt;

use sha2::{Digest as _, Sha256};
use shared::{AccountId, Bytes, Code, DeviceId, Millis, http::User};

use crate::refusal::Refusal;

mod check;
mod current_user;
mod logout;
mod resume_finish;
mod resume_start;
pub(crate) mod rows;

pub use check::{check, peek, recheck};
pub use current_user::current_user;
pub use logout::{LogoutError, logout};
pub use resume_finish::{ResumeFinishError, resume_finish};
pub use resume_start::resume_start;

/// The cookie's content. Has no Debug of what is inside.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// From the cookie.
    #[must_use]
    pub fn from_bytes(bytes: &Bytes) -> Option<Self> {
        bytes.array().map(Self)
    }
    /// For the cookie.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.0.into()
    }
    pub(crate) const fn new(random: [u8; 32]) -> Self {
        Self(random)
    }
    /// What the database knows it by.
    #[must_use]
    pub fn id(&self) -> SessionId {
        SessionId(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// SHA-256 of a token: names a session, opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub(crate) [u8; 32]);

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_through_the_cookie_and_no_other_length_does() {
        let bytes = Bytes((0..32).collect());
        let token = Token::from_bytes(&bytes).unwrap();
        assert_eq!(token.to_bytes(), bytes);
        assert_eq!(token.id().0.as_slice(), Sha256::digest(&bytes.0).as_slice());
        assert_eq!(Token::from_bytes(&Bytes(vec![0; 31])), None);
    }
}
