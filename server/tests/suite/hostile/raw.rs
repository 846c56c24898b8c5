//! WebSocket by hand: every bit of a frame is in the test's hand.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use shared::frame::{ClientFrame, ServerFrame};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Duration, timeout},
};
use tokio_rustls::client::TlsStream;

use crate::people::Browser;

/// Nothing that the server must do takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

/// A frame as a client may or may not send it.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    /// FIN, the three reserved bits, the opcode.
    pub(super) first: u8,
    pub(super) masked: bool,
    /// How the length is written: by its size, or always in 16 or 64 bits.
    pub(super) wide: Option<u8>,
    /// The length that is told, when it is not the true one.
    pub(super) told: Option<u64>,
    pub(super) payload: Vec<u8>,
}

impl Raw {
    pub(super) fn new(opcode: u8, payload: &[u8]) -> Self {
        Self { first: 0x80 | opcode, masked: true, wide: None, told: None, payload: payload.to_vec() }
    }
    /// Not the last piece of its message.
    pub(super) fn more(self) -> Self {
        Self { first: self.first & 0x7f, ..self }
    }
    pub(super) fn with_bits(self, bits: u8) -> Self {
        Self { first: self.first | bits, ..self }
    }
    pub(super) fn unmasked(self) -> Self {
        Self { masked: false, ..self }
    }
    pub(super) fn wide(self, bits: u8) -> Self {
        Self { wide: Some(bits), ..self }
    }
    pub(super) fn told(self, length: u64) -> Self {
        Self { told: Some(length), ..self }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let length = self.told.unwrap_or(self.payload.len() as u64);
        let mask = if self.masked { 0x80 } else { 0 };
        let mut bytes = vec![self.first];
        match (self.wide, length) {
            (None, 0..=125) => bytes.push(mask | u8::try_from(length).unwrap()),
            (None, 126..=0xffff) | (Some(16), _) => {
                bytes.push(mask | 126);
                bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend_from_slice(&length.to_be_bytes());
            }
        }
        if self.masked {
            let key = [0x37, 0xfa, 0x21, 0x3d];
            bytes.extend_from_slice(&key);
            bytes.extend(self.payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
        } else {
            bytes.extend_from_slice(&self.payload);
        }
        bytes
    }
}

/// What came from the server.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    Frame(ServerFrame),
    Pong(Vec<u8>),
    /// The code of a close frame, if it had one.
    Close(Option<u16>),
    /// The connection ended.
    End,
}

/// An upgraded connection.
pub(super) struct RawSocket {
    stream: TlsStream<TcpStream>,
    read: Vec<u8>,
}

impl RawSocket {
    /// Upgraded, with these header lines beside the usual ones; not greeted.
    pub(super) async fn open(browser: &mut Browser<'_>, more: &str) -> (Self, String) {
        let ticket = browser.ticket().await;
        let app = browser.app;
        let (port, origin) = (app.address.port(), app.origin());
        let key = STANDARD.encode(server::clock::random::<16>());
        let mut stream = app.connect().await;
        let head = format!(
            "GET /ws HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: upgrade\r\nupgrade: websocket\r\norigin: {origin}\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\nsec-websocket-protocol: sotto.1, ticket.{ticket}\r\n{more}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![];
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap());
        }
        (Self { stream, read: vec![] }, String::from_utf8(answer).unwrap())
    }

    /// Upgraded and greeted.
    pub(super) async fn greeted(browser: &mut Browser<'_>) -> Self {
        let (mut socket, head) = Self::open(browser, "").await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        socket.send(&[Raw::new(BINARY, &ClientFrame::Hello(browser.hello(vec![])).encode())]).await;
        assert!(matches!(socket.next().await, Heard::Frame(ServerFrame::Hello(_))));
        socket
    }

    pub(super) async fn send(&mut self, frames: &[Raw]) {
        let bytes: Vec<u8> = frames.iter().flat_map(Raw::bytes).collect();
        self.write(&bytes).await;
    }

    /// A server that has closed takes nothing more; what it said counts.
    pub(super) async fn write(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("the server stopped reading");
        let _ = self.stream.flush().await;
    }

    async fn fill(&mut self, length: usize) -> bool {
        while self.read.len() < length {
            let mut piece = [0; 4096];
            match timeout(PATIENCE, self.stream.read(&mut piece)).await.expect("nothing came") {
                Ok(0) | Err(_) => return false,
                Ok(count) => self.read.extend_from_slice(&piece[..count]),
            }
        }
        true
    }

    /// The next thing that the server says; its pings are left out.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            if !self.fill(2).await {
                return Heard::End;
            }
            let (first, second) = (self.read[0], self.read[1]);
            assert_eq!(second & 0x80, 0, "a server's frames are not masked");
            assert_eq!(first & 0xf0, 0x80, "a server's frames are whole and without reserved bits");
            let head = match second {
                126 => 4,
                127 => 10,
                _ => 2,
            };
            if !self.fill(head).await {
                return Heard::End;
            }
            let length = match second {
                126 => usize::from(u16::from_be_bytes([self.read[2], self.read[3]])),
                127 => usize::try_from(u64::from_be_bytes(self.read[2..10].try_into().unwrap())).unwrap(),
                short => usize::from(short),
            };
            if !self.fill(head + length).await {
                return Heard::End;
            }
            let payload = self.read[head..head + length].to_vec();
            self.read.drain(..head + length);
            match first & 0xf {
                BINARY => return Heard::Frame(ServerFrame::decode(&payload).unwrap()),
                CLOSE => return Heard::Close(payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]))),
                PONG => return Heard::Pong(payload),
                PING => {}
                other => panic!("opcode {other}"),
            }
        }
    }

    /// Everything up to the end of the connection.
    pub(super) async fn rest(&mut self) -> Vec<Heard> {
        let mut all = vec![];
        loop {
            let heard = self.next().await;
            let end = heard == Heard::End;
            all.push(heard);
            if end {
                return all;
            }
        }
    }
}
