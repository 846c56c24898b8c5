//! TLS 1.3 only, the hybrid X25519MLKEM768 first.

use std::sync::Arc;

use anyhow::Result;
use rustls::{ServerConfig, server::ServerSessionMemoryCache, version::TLS13};

use crate::certificates::Current;

/// What every handshake uses.
///
/// # Errors
/// Never with the provider we name; rustls checks that it knows TLS 1.3.
pub fn config(certificate: Arc<Current>) -> Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.session_storage = ServerSessionMemoryCache::new(1_024);
    config.send_tls13_tickets = 1;
    config.max_early_data_size = 0;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use rustls::NamedGroup;

    #[test]
    fn the_hybrid_group_comes_first() {
        let groups = rustls::crypto::aws_lc_rs::default_provider().kx_groups;
        assert_eq!(groups[0].name(), NamedGroup::X25519MLKEM768);
    }
}
