//! The server's certificate: brought along, or a leaf under a local authority made on the first start.
//!
//! The authority is never replaced by itself: people have told their browsers to trust it. It may only sign for private
//! addresses, the machine's own names and what was named at its making, so that its key, if stolen, is worth little.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use anyhow::{Context as _, Result, bail};
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sha2::{Digest as _, Sha256};
use x509_parser::{
    extensions::GeneralName,
    prelude::{FromDer as _, X509Certificate},
};

use crate::{
    config::{Config, ConfigError, OwnCertificate},
    data_dir::{DataDir, check_private},
};

mod authority;
mod names;

pub use names::{Name, own_names};

/// Where a certificate came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Given by the operator: HSTS is on.
    Own,
    /// Signed by the local authority in this file.
    Local {
        /// `ca.pem`.
        authority: PathBuf,
        /// SHA-256 of the authority's certificate.
        fingerprint: String,
    },
}

/// A usable certificate with its key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// For rustls.
    pub key: Arc<CertifiedKey>,
    /// Names and addresses it is for.
    pub names: Vec<Name>,
    /// SHA-256 of the leaf.
    pub fingerprint: String,
    /// Where it came from.
    pub origin: Origin,
    /// Ends at this time, seconds since 1970.
    pub not_after: i64,
}

impl Identity {
    /// The certificate the configuration asks for; makes or renews a local one.
    ///
    /// # Errors
    /// When files are missing, unreadable, weak, or do not fit each other.
    pub fn obtain(config: &Config, folder: &DataDir) -> Result<Self> {
        match &config.own_certificate {
            Some(own) => Self::own(own),
            None => {
                let extra = config.public_url.as_ref().map(|url| Name::parse(&url.host));
                let wanted = own_names(extra);
                authority::obtain(&folder.certs(), &wanted)
            }
        }
    }

    fn own(own: &OwnCertificate) -> Result<Self> {
        check_private(&own.key, 0o007)?;
        let identity = load(&own.cert, &own.key, Origin::Own)?;
        if identity.not_after <= seconds_now() {
            return Err(ConfigError::Folder {
                path: own.cert.clone(),
                problem: "the certificate has expired".to_owned(),
                remedy: "renew it and start again".to_owned(),
            }
            .into());
        }
        Ok(identity)
    }
}

/// Hands the current certificate to every handshake; a renewed one takes over without a restart.
#[derive(Debug)]
pub struct Current(RwLock<Arc<CertifiedKey>>);

impl Current {
    /// Starts with this one.
    #[must_use]
    pub fn new(key: Arc<CertifiedKey>) -> Self {
        Self(RwLock::new(key))
    }
    /// The next handshakes get this one.
    pub fn replace(&self, key: Arc<CertifiedKey>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn load(cert: &Path, key: &Path, origin: Origin) -> Result<Identity> {
    let chain = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("{}: not a PEM file of certificates", cert.display()))?;
    let Some(leaf) = chain.first() else { bail!("{}: holds no certificate", cert.display()) };
    let secret =
        PrivateKeyDer::from_pem_file(key).with_context(|| format!("{}: not a PEM file of a private key", key.display()))?;
    let facts = Facts::read(leaf).with_context(|| format!("{}: can't be read", cert.display()))?;
    let fingerprint = fingerprint(leaf);
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let certified = CertifiedKey::from_der(chain, secret, &provider)
        .with_context(|| format!("{} and {} do not fit each other", cert.display(), key.display()))?;
    Ok(Identity { key: Arc::new(certified), names: facts.names, fingerprint, origin, not_after: facts.not_after })
}

/// What we need to know of a certificate.
struct Facts {
    names: Vec<Name>,
    not_after: i64,
    own_id: Option<Vec<u8>>,
    issuer_id: Option<Vec<u8>>,
}

impl Facts {
    fn read(der: &[u8]) -> Result<Self> {
        let (_, certificate) = X509Certificate::from_der(der)?;
        let names = certificate.subject_alternative_name()?.map(|san| {
            san.value.general_names.iter().filter_map(|name| match name {
                GeneralName::DNSName(text) => Some(Name::parse(text)),
                GeneralName::IPAddress(bytes) => address(bytes).map(Name::Address),
                _ => None,
            })
        });
        let mut facts = Self {
            names: names.map(Iterator::collect).unwrap_or_default(),
            not_after: certificate.validity().not_after.timestamp(),
            own_id: None,
            issuer_id: None,
        };
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                x509_parser::extensions::ParsedExtension::SubjectKeyIdentifier(id) => facts.own_id = Some(id.0.to_vec()),
                x509_parser::extensions::ParsedExtension::AuthorityKeyIdentifier(id) => {
                    facts.issuer_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ => {}
            }
        }
        Ok(facts)
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// SHA-256 as browsers show it.
fn fingerprint(der: &[u8]) -> String {
    let digest = Sha256::digest(der);
    digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn seconds_now() -> i64 {
    i64::try_from(crate::clock::now().0 / 1_000).unwrap_or(i64::MAX)
}

/// What the start and `sotto certs` say about trusting the local authority, in a few lines.
#[must_use]
pub fn trust_lines(identity: &Identity) -> Vec<String> {
    let Origin::Local { authority, fingerprint } = &identity.origin else {
        return vec![format!("certificate of your own, SHA-256 {}", identity.fingerprint)];
    };
    vec![
        format!("certificate SHA-256 {}", identity.fingerprint),
        format!("local authority {} SHA-256 {fingerprint}", authority.display()),
        "to trust it: import that file once as a certificate authority for websites".to_owned(),
        "  Chromium: Settings, Privacy and security, Security, Manage certificates · Firefox: Settings, Certificates, View, Authorities"
            .to_owned(),
    ]
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("{} can't be read", path.display()))
}
