//! One server in a folder of its own.

use std::{fs, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use server::{
    app::Pace,
    clock,
    config::{Config, Layer},
    serve::Server,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A running server and the way to it.
pub(crate) struct TestApp {
    pub(crate) server: Option<Server>,
    pub(crate) config: Config,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Arc<ClientConfig>,
}

/// What is different from the defaults.
pub(crate) struct Setup {
    pub(crate) layer: Layer,
    pub(crate) pace: Pace,
    pub(crate) logins_per_minute: u32,
}

impl Default for Setup {
    fn default() -> Self {
        Self { layer: Layer::default(), pace: Pace::default(), logins_per_minute: 5 }
    }
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let folder = std::env::temp_dir().join(format!("sotto-server-{}", clock::random_hex::<8>()));
        let layer =
            Layer { data_dir: Some(folder.display().to_string()), listen: Some(vec!["127.0.0.1:0".to_owned()]), ..setup.layer };
        let mut config = Config::resolve(layer, &|_| None, None).unwrap();
        config.limits.logins_per_minute = setup.logins_per_minute;
        Self::on(config, setup.pace).await
    }

    pub(crate) async fn on(config: Config, pace: Pace) -> Self {
        let server = Server::start(&config, pace).await.unwrap();
        let address = server.addresses()[0];
        let tls = Arc::new(client_config(&config));
        Self { server: Some(server), config, address, tls }
    }

    pub(crate) fn folder(&self) -> &PathBuf {
        &self.config.data_dir
    }

    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    pub(crate) async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_with(Arc::clone(&self.tls)).await.unwrap()
    }

    pub(crate) async fn connect_with(&self, config: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(config).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    /// Waits until so many sockets are left; panics with `why` when there are more for so long.
    pub(crate) async fn sockets_left(&self, most: usize, within: Duration, why: &str) {
        let server = self.server.as_ref().unwrap();
        let gone = async {
            while server.sockets() > most {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(within, gone).await.expect(why);
    }

    /// Stops in good order; says how long it took.
    pub(crate) async fn stop(&mut self) -> Duration {
        let start = tokio::time::Instant::now();
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        start.elapsed()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.folder());
    }
}

/// Trusts the authority that the server made, and nothing else.
pub(crate) fn client_config(config: &Config) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    if config.own_certificate.is_none() {
        roots.add(CertificateDer::from_pem_file(config.data_dir.join("certs/ca.pem")).unwrap()).unwrap();
    }
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}
