//! 256-bit tokens in a cookie, their SHA-256 in the database.

use core::fmt;

use sha2::{Digest as _, Sha256};
use shared::Bytes;

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
