//! HTTP as short as it can be: every byte of a request is in the test's hand.

use serde_json::Value;
use shared::Code;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite;

use crate::app::TestApp;

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
    /// The code of a failure, after a look at its envelope.
    #[track_caller]
    pub(crate) fn code(&self) -> Code {
        let json = self.json();
        let code = Code::from_wire(json["code"].as_str().unwrap_or_else(|| panic!("no code: {json}"))).unwrap();
        assert_eq!(json["ok"], false);
        assert_eq!(json["error"], code.text());
        assert_eq!(self.status, code.status(), "{json}");
        code
    }
    #[track_caller]
    pub(crate) fn read<T: for<'b> minicbor::Decode<'b, ()>>(&self) -> T {
        assert_eq!(
            (self.status, self.header("content-type")),
            (200, Some("application/cbor")),
            "{:?}",
            String::from_utf8_lossy(&self.body)
        );
        shared::codec::decode(&self.body).unwrap()
    }
    #[track_caller]
    pub(crate) fn parse<T: serde::de::DeserializeOwned>(&self) -> T {
        assert!(self.status < 300, "{:?}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A request under construction: by default what our own page would send.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// With nothing but `Host`.
    pub(crate) fn bare(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), headers: vec![], body: vec![] }
    }
    /// As our page asks.
    pub(crate) fn new(app: &TestApp, method: &str, path: &str) -> Self {
        let request = Self::bare(method, path).with("sotto-client", "0.1.0").with("sec-fetch-site", "same-origin");
        if method == "GET" { request } else { request.with("origin", &app.origin()) }
    }
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self
    }
    pub(crate) fn json(self, body: &impl serde::Serialize) -> Self {
        self.raw("application/json", &serde_json::to_vec(body).unwrap())
    }
    pub(crate) fn cbor(self, body: &impl minicbor::Encode<()>) -> Self {
        self.raw("application/cbor", &shared::codec::encode(body))
    }
    pub(crate) fn raw(mut self, content_type: &str, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.with("content-type", content_type)
    }

    pub(crate) async fn send(&self, app: &TestApp) -> Answer {
        let stream = app.connect().await;
        let mut text = format!("{} {} HTTP/1.1\r\nhost: localhost:{}\r\n", self.method, self.path, app.address.port());
        if !self.headers.iter().any(|(name, _)| name == "connection") {
            text.push_str("connection: close\r\n");
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !self.body.is_empty() && !self.headers.iter().any(|(name, _)| name == "content-length") {
            text.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        text.push_str("\r\n");
        exchange(stream, &[text.as_bytes(), &self.body].concat()).await.unwrap()
    }
}

/// Writes bytes, reads the answer up to the end of the connection.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, bytes: &[u8]) -> Option<Answer> {
    // A server that refuses early may stop reading; its answer counts.
    let _ = stream.write_all(bytes).await;
    let _ = stream.flush().await;
    let mut answer = vec![];
    let mut piece = [0; 8192];
    while let Ok(read) = stream.read(&mut piece).await {
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&piece[..read]);
    }
    parse(&answer)
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    Some(Answer { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() })
}

/// What a refused handshake of a socket was answered with.
pub(crate) fn status(error: &tungstenite::Error) -> Option<u16> {
    match error {
        tungstenite::Error::Http(response) => Some(response.status().as_u16()),
        _ => None,
    }
}
