//! Where a server listens and how one gets there: TLS with the server's own authority, HTTP, WebSocket.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// A server one can speak to.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl Place {
    /// Trusts this authority and nothing else. No session is resumed: each connection pays for its handshake.
    pub(crate) fn new(address: SocketAddr, authority: &Path) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).with_context(|| authority.display().to_string())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.resumption = Resumption::disabled();
        Ok(Self { address, tls: Arc::new(tls) })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    /// A connection from this loopback address: limits are counted by address, and each has its own ports.
    pub(crate) async fn connect(&self, from: Ipv4Addr) -> Result<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        let stream = socket.connect(self.address).await.with_context(|| format!("{from} to {}", self.address))?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        Ok(TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await?)
    }
}

/// The loopback address of the nth person.
pub(crate) fn address_of(n: usize) -> Ipv4Addr {
    let [_, a, b, c] = u32::try_from(n + 1).unwrap_or(1).to_be_bytes();
    Ipv4Addr::new(127, 1 + a, b, c)
}

/// The buffers of the server's sockets (`server/src/socket/handshake.rs`), for both ends of every measured socket.
pub(crate) fn buffers() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(512)
        .write_buffer_size(8 * 1024)
        .max_write_buffer_size(4 * shared::limits::SERVER_FRAME)
        .max_message_size(Some(shared::limits::SERVER_FRAME))
        .max_frame_size(Some(shared::limits::SERVER_FRAME))
}
