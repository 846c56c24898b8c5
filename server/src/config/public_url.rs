//! The address people type.

use super::{ConfigError, Place};

/// The address people type: `https://` + host + optional port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// Host, lower case.
    pub host: String,
    /// Port, 443 when none is written.
    pub port: u16,
}

pub(super) fn public_url((value, place): (String, Place)) -> Result<PublicUrl, ConfigError> {
    let wrong = |problem: &str| ConfigError::Value {
        key: "public_url",
        value: value.clone(),
        place: place.clone(),
        problem: problem.to_owned(),
        remedy: "write it as https://chat.example.org or https://chat.example.org:8443",
    };
    let rest = value.strip_prefix("https://").ok_or_else(|| wrong("it does not begin with https://"))?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let uri: axum::http::uri::Authority = authority.parse().map_err(|_| wrong("not a host with an optional port"))?;
    if authority.contains('@') || uri.host().is_empty() {
        return Err(wrong("not a host with an optional port"));
    }
    let port = match authority.strip_prefix(uri.host()) {
        Some("") => 443,
        _ => uri.port_u16().ok_or_else(|| wrong("the port is not a number"))?,
    };
    Ok(PublicUrl { host: uri.host().to_ascii_lowercase(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_urls() {
        let parse = |text: &str| public_url((text.to_owned(), Place::Flag)).unwrap();
        assert_eq!(parse("https://Chat.example.org/"), PublicUrl { host: "chat.example.org".to_owned(), port: 443 });
        assert_eq!(parse("https://[::1]:8443"), PublicUrl { host: "[::1]".to_owned(), port: 8443 });
    }
}
