//! Plain HTTP on the TLS port: 308 to https, and to a host of our own only.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{http::headers, origins::Origins};

const PATIENCE: Duration = Duration::from_secs(5);
/// A request's head at most; what is longer is answered by what was read of it.
const HEAD: usize = 8 * 1024;

/// Reads the head of a request and answers it.
pub(crate) async fn answer(mut stream: TcpStream, origins: &Origins) {
    let Ok(head) = timeout(PATIENCE, head(&mut stream)).await else { return };
    let text = respond(&head, origins);
    let last = async {
        stream.write_all(text.as_bytes()).await?;
        stream.shutdown().await?;
        // Closing with unread bytes would reset the connection before the answer is read.
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    let _ = timeout(PATIENCE, last).await;
}

async fn head(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = vec![];
    let mut piece = [0; 1024];
    while head.len() < HEAD && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => head.extend_from_slice(piece.get(..read).unwrap_or_default()),
            _ => break,
        }
    }
    head
}

fn respond(head: &[u8], origins: &Origins) -> String {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let mut request = lines.next().unwrap_or_default().split(' ');
    let (_, target, version) = (request.next(), request.next().unwrap_or_default(), request.next().unwrap_or_default());
    if !version.starts_with("HTTP/1.") {
        return finish("400 Bad Request", None);
    }
    let named = lines.filter_map(|line| line.split_once(':')).find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = named.and_then(|(_, host)| origins.host(host.trim())).map(|host| format!("https://{host}"));
    let Some(base) = host.or_else(|| origins.urls().next()) else { return finish("400 Bad Request", None) };
    let clean = target.starts_with('/') && target.bytes().all(|byte| byte.is_ascii_graphic());
    finish("308 Permanent Redirect", Some(&format!("{base}{}", if clean { target } else { "/" })))
}

/// Without HSTS, which RFC 6797 §7.2 forbids over plain HTTP.
fn finish(status: &str, location: Option<&str>) -> String {
    let mut text = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\ncache-control: no-store\r\n");
    for (name, value, _) in headers::ALWAYS {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(location) = location {
        text.push_str(&format!("location: {location}\r\n"));
    }
    text.push_str("\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(request: &str) -> Option<String> {
        let origins = Origins::of(&[("localhost", 5001), ("chat.example.org", 443)]);
        let answer = respond(request.as_bytes(), &origins);
        answer.lines().find_map(|line| line.strip_prefix("location: ")).map(str::to_owned)
    }

    #[test]
    fn only_to_hosts_of_our_own() {
        let to = |target: &str, host: &str| location(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap();
        assert_eq!(to("/c/1?a=b", "localhost:5001"), "https://localhost:5001/c/1?a=b");
        assert_eq!(to("/", "chat.example.org:443"), "https://chat.example.org/");
        assert_eq!(to("/x", "evil.example"), "https://localhost:5001/x");
        assert_eq!(to("//evil.example", "localhost:5001"), "https://localhost:5001//evil.example");
        assert_eq!(to("http://evil.example/", "localhost:5001"), "https://localhost:5001/");
        assert_eq!(location("nonsense"), None);
    }
}
