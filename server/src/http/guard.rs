//! What every changing request must show: it comes from our own page (F017, F160).
//!
//! A form of another site can't set `Sotto-Client`, a script of another site can't without a preflight we never answer, and
//! browsers put the true `Origin` and `Sec-Fetch-Site` on both.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, Version, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use shared::{Code, http::CLIENT_HEADER};

use super::Refused;
use crate::{app::App, origins::Origins};

/// The oldest client this server works with.
pub const OLDEST_CLIENT: [u32; 3] = [0, 1, 0];

/// Refuses requests without exactly one host, and changing requests that did not come from our page, or come from a client that is too old.
pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    // RFC 9112 §3.2. Whoever stands in front could take another host than we do.
    if request.version() == Version::HTTP_11 && request.headers().get_all(header::HOST).iter().count() != 1 {
        return Refused::from(Code::Malformed).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD)
        && let Err(refused) = own_page(&app.origins, request.headers()).and_then(|()| client(request.headers()))
    {
        return refused.into_response();
    }
    next.run(request).await
}

/// Exactly one `Origin`, one of ours; `Sec-Fetch-Site: same-origin` if the browser sends it.
///
/// # Errors
/// `wrong_origin`.
pub fn own_page(origins: &Origins, headers: &HeaderMap) -> Result<(), Refused> {
    let mut named = headers.get_all(header::ORIGIN).iter();
    let origin = named.next().and_then(|value| value.to_str().ok()).filter(|_| named.next().is_none());
    let same_site = headers.get_all("sec-fetch-site").iter().all(|value| value == "same-origin");
    if same_site && origin.is_some_and(|origin| origins.allows(origin)) { Ok(()) } else { Err(Code::WrongOrigin.into()) }
}

fn client(headers: &HeaderMap) -> Result<(), Refused> {
    let value = headers.get(CLIENT_HEADER).ok_or(Code::WrongOrigin)?;
    let version = value.to_str().ok().and_then(version).ok_or(Code::Malformed)?;
    if version < OLDEST_CLIENT { Err(Code::VersionTooOld.into()) } else { Ok(()) }
}

/// `1.2.3`, also shorter and with a name before a slash or a suffix after a hyphen.
fn version(text: &str) -> Option<[u32; 3]> {
    let text = text.rsplit('/').next()?.split(['-', '+']).next()?;
    let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
    let version = [parts.next()??, parts.next().unwrap_or(Some(0))?, parts.next().unwrap_or(Some(0))?];
    parts.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(version("0.1.0"), Some([0, 1, 0]));
        assert_eq!(version("2"), Some([2, 0, 0]));
        assert_eq!(version("sotto-web/1.4-rc1"), Some([1, 4, 0]));
        for bad in ["", "x", "1.2.3.4", "1..2", "-1"] {
            assert_eq!(version(bad), None, "{bad}");
        }
    }
}
