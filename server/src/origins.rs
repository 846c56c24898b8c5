//! Which origins are this server's own: the names of the certificate with the listening ports, and the public URL.

use std::net::{IpAddr, SocketAddr};

use crate::{
    certificates::{Identity, Name},
    config::PublicUrl,
};

/// The allowed hosts of `Origin` and of redirects.
#[derive(Clone, Debug)]
pub struct Origins {
    allowed: Vec<(Name, u16)>,
}

impl Origins {
    /// Every name of the certificate with every port, and the public URL.
    #[must_use]
    pub fn new(identity: &Identity, listening: &[SocketAddr], public: Option<&PublicUrl>) -> Self {
        let mut ports: Vec<u16> = listening.iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        let mut allowed: Vec<_> = public.iter().map(|url| (Name::parse(&url.host), url.port)).collect();
        allowed.extend(ports.iter().flat_map(|port| identity.names.iter().map(|name| (name.clone(), *port))));
        Self { allowed }
    }

    /// Is this `Origin` header exactly one of ours? As browsers write it: lower case, no user, no path, no default port.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        let Some(authority) = origin.strip_prefix("https://") else { return false };
        self.host(authority).is_some_and(|host| host == authority)
    }

    /// The canonical `host[:port]` of a `Host` header that names us.
    #[must_use]
    pub fn host(&self, authority: &str) -> Option<String> {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, digits)) if !digits.ends_with(']') => (host, port(digits)?),
            _ => (authority, 443),
        };
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(valid) {
            return None;
        }
        let name = Name::parse(host);
        let known = self.allowed.iter().any(|(allowed, at)| *at == port && allowed.covers(&name));
        known.then(|| written(&name, port))
    }

    /// Addresses to open in a browser, the public one first; patterns and what nobody listens on are left out.
    pub fn urls_at(&self, listening: &[SocketAddr]) -> Vec<String> {
        let listens = |name: &Name, port: u16| {
            let mut here = listening.iter().filter(|address| address.port() == port).map(SocketAddr::ip).peekable();
            // Another port is the public one of somebody in front.
            here.peek().is_none() || here.any(|ip| serves(ip, name))
        };
        let plain = |name: &Name| !matches!(name, Name::Dns(text) if text.starts_with('*'));
        let shown = self.allowed.iter().filter(|(name, port)| plain(name) && listens(name, *port));
        shown.map(|(name, port)| format!("https://{}", written(name, *port))).collect()
    }

    /// All of them, reachable or not.
    pub fn urls(&self) -> impl Iterator<Item = String> + '_ {
        let plain = |name: &Name| !matches!(name, Name::Dns(text) if text.starts_with('*'));
        self.allowed.iter().filter(move |(name, _)| plain(name)).map(|(name, port)| format!("https://{}", written(name, *port)))
    }
}

/// Does a socket bound to this address serve who opens that name?
fn serves(bound: IpAddr, name: &Name) -> bool {
    match name {
        Name::Address(ip) if bound.is_unspecified() => bound.is_ipv6() || ip.is_ipv4(),
        Name::Address(ip) => bound == *ip,
        Name::Dns(text) if text == "localhost" => bound.is_unspecified() || bound.is_loopback(),
        Name::Dns(_) => !bound.is_loopback(),
    }
}

fn port(digits: &str) -> Option<u16> {
    let clean = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    clean.then(|| digits.parse().ok()).flatten()
}

fn written(name: &Name, port: u16) -> String {
    if port == 443 { name.to_string() } else { format!("{name}:{port}") }
}

#[cfg(test)]
impl Origins {
    pub(crate) fn of(allowed: &[(&str, u16)]) -> Self {
        Self { allowed: allowed.iter().map(|(name, port)| (Name::parse(name), *port)).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_listened_on_is_shown() {
        let origins =
            Origins::of(&[("chat.example.org", 443), ("localhost", 5001), ("::1", 5001), ("192.168.1.2", 5001), ("box", 5001)]);
        let at = |text: &str| origins.urls_at(&[text.parse().unwrap()]);
        assert_eq!(at("127.0.0.1:5001"), ["https://chat.example.org", "https://localhost:5001"]);
        assert_eq!(at("[::]:5001").len(), 5);
        assert_eq!(at("0.0.0.0:5001").len(), 4);
        assert_eq!(at("192.168.1.2:5001"), ["https://chat.example.org", "https://192.168.1.2:5001", "https://box:5001"]);
    }

    #[test]
    fn only_exact_origins_pass() {
        let origins = Origins::of(&[("localhost", 5001), ("::1", 5001), ("chat.example.org", 443), ("*.lab.example", 443)]);
        for good in ["https://localhost:5001", "https://[::1]:5001", "https://chat.example.org", "https://a.lab.example"] {
            assert!(origins.allows(good), "{good}");
        }
        for bad in [
            "null",
            "",
            "http://localhost:5001",
            "https://localhost",
            "https://localhost:5002",
            "https://localhost:05001",
            "https://LOCALHOST:5001",
            "https://localhost:5001/",
            "https://user@localhost:5001",
            "https://localhost:5001.evil.example",
            "https://evil.example/https://localhost:5001",
            "https://chat.example.org:443",
            "https://chat.example.org.evil.example",
            "https://evilchat.example.org",
            "https://sub.chat.example.org",
            "https://xn--chat-example.org",
            "https://a.b.lab.example",
            "https://::1:5001",
            "https://localhost:5001 https://evil.example",
        ] {
            assert!(!origins.allows(bad), "{bad}");
        }
    }
}
