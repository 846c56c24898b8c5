//! Names and addresses under which this machine may be opened in a browser.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

/// A DNS name in lower case, or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// `localhost`, `chat.example.org`, `*.example.org`.
    Dns(String),
    /// 127.0.0.1, ::1, …
    Address(IpAddr),
}

impl Name {
    /// An address if it is one (also in brackets), else a DNS name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        bare.parse().map_or_else(|_| Self::Dns(text.to_ascii_lowercase()), Self::Address)
    }

    /// Does this name of a certificate cover that host of a URL? `*` stands for exactly one label.
    #[must_use]
    pub fn covers(&self, host: &Self) -> bool {
        match (self, host) {
            (Self::Dns(pattern), Self::Dns(host)) => match pattern.strip_prefix("*.") {
                Some(parent) => host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
                None => pattern == host,
            },
            (own, other) => own == other,
        }
    }
}

impl fmt::Display for Name {
    /// As in a URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// localhost, the loopback addresses, the machine's name, its addresses in the LAN, and one more if given.
#[must_use]
pub fn own_names(extra: Option<Name>) -> Vec<Name> {
    let mut names = vec![
        Name::Dns("localhost".to_owned()),
        Name::Address(Ipv4Addr::LOCALHOST.into()),
        Name::Address(Ipv6Addr::LOCALHOST.into()),
    ];
    if let Some(host) = host_name() {
        names.push(Name::Dns(host.clone()));
        if !host.contains('.') {
            names.push(Name::Dns(format!("{host}.local")));
        }
    }
    names.extend(lan_addresses().into_iter().map(Name::Address));
    names.extend(extra);
    let mut seen = vec![];
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name.clone());
            true
        }
    });
    names
}

fn host_name() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::env::var("HOSTNAME")).ok()?;
    let name = text.trim().to_ascii_lowercase();
    let valid = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (name != "localhost" && name.len() <= 253 && name.split('.').all(valid)).then_some(name)
}

/// The addresses from which this machine would speak to its networks. Connecting a UDP socket sends nothing; it only
/// asks the routing table.
fn lan_addresses() -> Vec<IpAddr> {
    let towards: [SocketAddr; 5] = [
        (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
        (Ipv4Addr::new(192, 168, 255, 254), 9).into(),
        (Ipv4Addr::new(10, 255, 255, 254), 9).into(),
        (Ipv4Addr::new(172, 31, 255, 254), 9).into(),
        (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
    ];
    let mut found: Vec<IpAddr> = towards.iter().filter_map(|target| from_towards(*target)).collect();
    found.retain(|address| !address.is_loopback() && !address.is_unspecified());
    found.sort();
    found.dedup();
    found
}

fn from_towards(target: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(target).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_always_named_once() {
        let names = own_names(Some(Name::parse("localhost")));
        for wanted in ["localhost", "127.0.0.1", "::1"] {
            assert_eq!(names.iter().filter(|name| **name == Name::parse(wanted)).count(), 1, "{wanted}");
        }
    }

    #[test]
    fn a_star_stands_for_one_label() {
        let star = Name::parse("*.example.org");
        assert!(star.covers(&Name::parse("chat.example.org")));
        for other in ["example.org", "a.b.example.org", ".example.org", "chat.example.com", "127.0.0.1"] {
            assert!(!star.covers(&Name::parse(other)), "{other}");
        }
        assert!(Name::parse("[::1]").covers(&Name::parse("::1")));
    }
}
