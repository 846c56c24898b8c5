//! A WebSocket that speaks frames.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::body::Bytes;
use shared::frame::{ClientFrame, ServerFrame};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::place::{Place, buffers};

/// One open socket.
pub(crate) struct Socket(WebSocketStream<TlsStream<TcpStream>>);

impl Socket {
    /// Opens one with these subprotocols.
    pub(crate) async fn open(place: &Place, from: Ipv4Addr, protocols: Option<&str>) -> Result<Self> {
        let mut request = format!("wss://{}/ws", place.host()).into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("origin", place.origin().parse()?);
        headers.insert("sec-fetch-site", "same-origin".parse()?);
        if let Some(protocols) = protocols {
            headers.insert("sec-websocket-protocol", protocols.parse()?);
        }
        let stream = place.connect(from).await?;
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(buffers())).await?;
        Ok(Self(socket))
    }

    pub(crate) async fn send(&mut self, frame: &ClientFrame) -> Result<()> {
        self.send_bytes(frame.encode().into()).await
    }

    pub(crate) async fn send_bytes(&mut self, bytes: Bytes) -> Result<()> {
        Ok(self.0.send(Message::Binary(bytes)).await?)
    }

    /// Puts a frame into the buffer; [`Socket::flush`] sends it.
    pub(crate) async fn feed(&mut self, bytes: Bytes) -> Result<()> {
        Ok(self.0.feed(Message::Binary(bytes)).await?)
    }

    pub(crate) async fn flush(&mut self) -> Result<()> {
        Ok(self.0.flush().await?)
    }

    /// The next binary message. Pings are answered on the way. Cancelling loses nothing.
    pub(crate) async fn next_bytes(&mut self) -> Result<Bytes> {
        loop {
            match self.0.next().await.context("the socket ended")?? {
                Message::Binary(bytes) => return Ok(bytes),
                Message::Close(frame) => bail!("the socket was closed: {frame:?}"),
                _ => {}
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Result<ServerFrame> {
        Ok(ServerFrame::decode(&self.next_bytes().await?)?)
    }
}
