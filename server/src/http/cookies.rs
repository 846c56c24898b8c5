//! One session cookie and one known-browser cookie for each account slot, so that several accounts live in one browser.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use server_core::Token;
use shared::{Bytes, Code, http::ACCOUNT_HEADER};

use super::Refused;

/// 400 days, the longest a browser keeps a cookie.
const KNOWN_SECONDS: u64 = 400 * 86_400;
/// Slots of one browser.
const SLOTS: u8 = 16;

/// Which account of the browser a request speaks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot(u8);

impl Slot {
    /// From `Sotto-Account`; 0 when it is missing.
    ///
    /// # Errors
    /// `malformed` for anything but 0–15 written plainly.
    pub fn of(headers: &HeaderMap) -> Result<Self, Refused> {
        let Some(value) = headers.get(ACCOUNT_HEADER) else { return Ok(Self::default()) };
        let text = value.to_str().unwrap_or_default();
        let slot = text.parse().ok().filter(|slot: &u8| *slot < SLOTS && slot.to_string() == text);
        slot.map(Self).ok_or_else(|| Code::Malformed.into())
    }
}

impl<S: Sync> FromRequestParts<S> for Slot {
    type Rejection = Refused;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        Self::of(&parts.headers)
    }
}

/// `Set-Cookie` of a session: for this host only, never for scripts, over TLS only, never from another site.
#[must_use]
pub fn session(slot: Slot, token: &Token) -> String {
    let value = URL_SAFE_NO_PAD.encode(token.to_bytes());
    format!("__Host-session-{}={value}; Path=/; Secure; HttpOnly; SameSite=Strict", slot.0)
}

/// `Set-Cookie` that ends it.
#[must_use]
pub fn ended(slot: Slot) -> String {
    format!("__Host-session-{}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0", slot.0)
}

/// `Set-Cookie` of a browser that has logged in: it has attempts of its own (protocol §2).
#[must_use]
pub fn known(slot: Slot, mark: &Bytes) -> String {
    let value = URL_SAFE_NO_PAD.encode(mark);
    format!("__Host-known-{}={value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={KNOWN_SECONDS}", slot.0)
}

/// The session token of a slot, if a readable one came.
#[must_use]
pub fn read_session(headers: &HeaderMap, slot: Slot) -> Option<Token> {
    read(headers, &format!("__Host-session-{}", slot.0)).as_ref().and_then(Token::from_bytes)
}

/// The known-browser mark of a slot.
#[must_use]
pub fn read_known(headers: &HeaderMap, slot: Slot) -> Option<Bytes> {
    read(headers, &format!("__Host-known-{}", slot.0))
}

fn read(headers: &HeaderMap, name: &str) -> Option<Bytes> {
    // HTTP/2 may split the cookies over several header lines.
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(key, _)| *key == name)?;
    URL_SAFE_NO_PAD.decode(value).ok().map(Bytes)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn the_cookie_of_the_slot_is_read_from_any_line() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; __Host-known-1=AQI"));
        headers.append(header::COOKIE, HeaderValue::from_static("__Host-known-0=AwQ; c"));
        assert_eq!(read_known(&headers, Slot(0)), Some(Bytes(vec![3, 4])));
        assert_eq!(read_known(&headers, Slot(1)), Some(Bytes(vec![1, 2])));
        assert_eq!(read_known(&headers, Slot(2)), None);
        assert_eq!(read_session(&headers, Slot(0)), None);
    }

    #[test]
    fn slots_are_plain_small_numbers() {
        let slot = |text: &'static str| {
            Slot::of(&HeaderMap::from_iter([(ACCOUNT_HEADER.parse().unwrap(), HeaderValue::from_static(text))]))
        };
        assert_eq!(slot("15").unwrap(), Slot(15));
        for bad in ["16", "-1", "+1", "01", "", "a", "1 "] {
            assert!(slot(bad).is_err(), "{bad}");
        }
    }
}
