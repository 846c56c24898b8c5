//! The local authority and the leaf it signs, in `certs/`.

use std::{fs, net::IpAddr, path::Path};

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, SanType, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use x509_parser::{
    extensions::{GeneralName, ParsedExtension},
    prelude::{FromDer as _, X509Certificate},
};

use super::{Facts, Identity, Name, Origin, fingerprint, load, read_text, seconds_now};
use crate::{
    config::ConfigError,
    data_dir::{check_private, write_private, write_public},
};

const DAY: i64 = 86_400;
/// The authority lives ten years.
const AUTHORITY_DAYS: i64 = 3_652;
/// A leaf lives as long as browsers take one, and is renewed a month before its end.
const LEAF_DAYS: i64 = 397;
const RENEW_DAYS: i64 = 30;

/// The leaf for these names; made when missing, renewed when it ends soon or the names have changed.
pub(super) fn obtain(folder: &Path, wanted: &[Name]) -> Result<Identity> {
    let authority = Authority::open_or_make(folder, wanted)?;
    let (wanted, left_out): (Vec<_>, Vec<_>) = wanted.iter().cloned().partition(|name| authority.may_sign(name));
    for name in left_out {
        tracing::warn!(%name, "the local authority may not sign for this name; it stays out of the certificate");
    }
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let origin = Origin::Local { authority: folder.join("ca.pem"), fingerprint: fingerprint(&authority.der) };
    if cert.exists() && key.exists() {
        check_private(&key, 0o077)?;
        // Anything odd about the leaf (a crash between two renames, an older authority) is mended by a new one.
        if let Ok(identity) = load(&cert, &key, origin.clone())
            && authority.is_issuer_of(&cert)
            && same(&identity.names, &wanted)
            && identity.not_after - seconds_now() > RENEW_DAYS * DAY
        {
            return Ok(identity);
        }
    }
    authority.issue(&wanted, &cert, &key)?;
    load(&cert, &key, origin)
}

fn same(a: &[Name], b: &[Name]) -> bool {
    a.len() == b.len() && a.iter().all(|name| b.contains(name))
}

struct Authority {
    der: Vec<u8>,
    facts: Facts,
    permitted: Vec<Permitted>,
    issuer: Issuer<'static, KeyPair>,
}

enum Permitted {
    Dns(String),
    Network { address: Vec<u8>, mask: Vec<u8> },
}

impl Authority {
    fn open_or_make(folder: &Path, names: &[Name]) -> Result<Self> {
        let (cert, key) = (folder.join("ca.pem"), folder.join("ca.key"));
        match (cert.exists(), key.exists()) {
            (false, false) => make(folder, names)?,
            (true, true) => {}
            (_, has_key) => {
                let missing = if has_key { cert } else { key };
                return Err(ConfigError::Folder {
                    path: missing,
                    problem: "is missing while the other half of the local authority is there".to_owned(),
                    remedy: format!(
                        "put it back; or delete ca.pem and ca.key in {} and have every browser trust the new authority",
                        folder.display()
                    ),
                }
                .into());
            }
        }
        let (cert, key) = (folder.join("ca.pem"), folder.join("ca.key"));
        check_private(&key, 0o077)?;
        let broken = |what: &str| format!("{}: {what}; delete ca.pem and ca.key to start a new authority", cert.display());
        let pem = read_text(&cert)?;
        let secret = KeyPair::from_pem(&read_text(&key)?).with_context(|| broken("its key can't be read"))?;
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).with_context(|| broken("is not a certificate"))?.to_vec();
        let facts = Facts::read(&der).with_context(|| broken("is not a certificate"))?;
        if facts.not_after <= seconds_now() {
            return Err(ConfigError::Folder {
                path: cert,
                problem: "the local authority has expired".to_owned(),
                remedy: "delete ca.pem and ca.key, start again, and have every browser trust the new authority".to_owned(),
            }
            .into());
        }
        let permitted = permitted(&der).with_context(|| broken("its constraints can't be read"))?;
        let issuer = Issuer::from_ca_cert_pem(&pem, secret).with_context(|| broken("can't be used"))?;
        Ok(Self { der, facts, permitted, issuer })
    }

    fn may_sign(&self, name: &Name) -> bool {
        if self.permitted.is_empty() {
            return true;
        }
        self.permitted.iter().any(|permitted| match (permitted, name) {
            (Permitted::Dns(base), Name::Dns(name)) => {
                name == base || name.strip_suffix(base.as_str()).is_some_and(|rest| rest.ends_with('.'))
            }
            (Permitted::Network { address, mask }, Name::Address(ip)) => {
                let octets = match ip {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                octets.len() == address.len()
                    && octets.iter().zip(address).zip(mask).all(|((octet, base), mask)| octet & mask == base & mask)
            }
            _ => false,
        })
    }

    fn is_issuer_of(&self, cert: &Path) -> bool {
        let leaf = CertificateDer::from_pem_file(cert).ok().and_then(|der| Facts::read(&der).ok());
        self.facts.own_id.is_some() && leaf.is_some_and(|leaf| leaf.issuer_id == self.facts.own_id)
    }

    fn issue(&self, names: &[Name], cert: &Path, key: &Path) -> Result<()> {
        let mut params = CertificateParams::default();
        params.subject_alt_names = sans(names)?;
        params.distinguished_name = named("Sotto");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let end = (LEAF_DAYS * DAY).min(self.facts.not_after - seconds_now());
        live(&mut params, end / DAY);
        let secret = KeyPair::generate()?;
        let leaf = params.signed_by(&secret, &self.issuer)?;
        write_private(key, secret.serialize_pem().as_bytes()).with_context(|| format!("{} can't be written", key.display()))?;
        write_public(cert, leaf.pem().as_bytes()).with_context(|| format!("{} can't be written", cert.display()))
    }
}

fn make(folder: &Path, names: &[Name]) -> Result<()> {
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&authority_name());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.name_constraints = Some(NameConstraints { permitted_subtrees: constraints(names), excluded_subtrees: vec![] });
    live(&mut params, AUTHORITY_DAYS);
    let secret = KeyPair::generate()?;
    let certificate = params.self_signed(&secret)?;
    let key = folder.join("ca.key");
    write_private(&key, secret.serialize_pem().as_bytes()).with_context(|| format!("{} can't be written", key.display()))?;
    if let Err(error) = write_public(&folder.join("ca.pem"), certificate.pem().as_bytes()) {
        // Half an authority would stop every later start.
        let _ = fs::remove_file(key);
        return Err(error).with_context(|| format!("ca.pem can't be written in {}", folder.display()));
    }
    Ok(())
}

/// Told apart in a browser's list when several were trusted.
fn authority_name() -> String {
    format!("Sotto local authority {}", crate::clock::random_hex::<3>())
}

/// Private networks, `.local`, and the names of the day.
fn constraints(names: &[Name]) -> Vec<GeneralSubtree> {
    let mut permitted = vec![
        GeneralSubtree::DnsName("localhost".to_owned()),
        GeneralSubtree::DnsName("local".to_owned()),
        GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
        GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([10, 0, 0, 0], 8)),
        GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([172, 16, 0, 0], 12)),
        GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([192, 168, 0, 0], 16)),
        GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([169, 254, 0, 0], 16)),
        GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([100, 64, 0, 0], 10)),
        GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(std::net::Ipv6Addr::LOCALHOST.octets(), 128)),
        GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(std::net::Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0).octets(), 7)),
        GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(
            std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0).octets(),
            10,
        )),
    ];
    for name in names {
        permitted.push(match name {
            Name::Dns(name) => GeneralSubtree::DnsName(name.clone()),
            Name::Address(ip) => {
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*ip, if ip.is_ipv4() { 32 } else { 128 }))
            }
        });
    }
    permitted
}

fn permitted(der: &[u8]) -> Result<Vec<Permitted>> {
    let (_, certificate) = X509Certificate::from_der(der)?;
    let trees = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::NameConstraints(constraints) => constraints.permitted_subtrees.as_ref(),
        _ => None,
    });
    Ok(trees
        .into_iter()
        .flatten()
        .filter_map(|tree| match &tree.base {
            GeneralName::DNSName(name) => Some(Permitted::Dns((*name).to_owned())),
            GeneralName::IPAddress(bytes) => {
                let (address, mask) = bytes.split_at_checked(bytes.len() / 2)?;
                Some(Permitted::Network { address: address.to_vec(), mask: mask.to_vec() })
            }
            _ => None,
        })
        .collect())
}

fn named(text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, text);
    name
}

fn sans(names: &[Name]) -> Result<Vec<SanType>> {
    names
        .iter()
        .map(|name| {
            Ok(match name {
                Name::Dns(text) => SanType::DnsName(text.as_str().try_into()?),
                Name::Address(ip) => SanType::IpAddress(*ip),
            })
        })
        .collect()
}

/// From yesterday, because clocks differ, for so many days.
fn live(params: &mut CertificateParams, days: i64) {
    let today = seconds_now().div_euclid(DAY);
    let (year, month, day) = civil(today - 1);
    params.not_before = date_time_ymd(year, month, day);
    let (year, month, day) = civil(today - 1 + days);
    params.not_after = date_time_ymd(year, month, day);
}

/// Day since 1970 → year, month, day (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
fn civil(day: i64) -> (i32, u8, u8) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let d = doy - (153 * mp + 2) / 5 + 1;
    let m = if mp < 10 { mp + 3 } else { mp - 9 };
    let y = yoe + era * 400 + i64::from(m <= 2);
    (i32::try_from(y).unwrap_or(9_999), u8::try_from(m).unwrap_or(1), u8::try_from(d).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_dir::DataDir;

    fn scratch() -> DataDir {
        DataDir::open(&std::env::temp_dir().join(format!("sotto-certs-{}", crate::clock::random_hex::<8>()))).unwrap()
    }

    #[test]
    fn days() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_777), (2026, 11, 20));
    }

    #[test]
    fn the_authority_stays_and_the_leaf_follows_the_names() {
        let data = scratch();
        let folder = data.certs();
        let names = vec![Name::parse("localhost"), Name::parse("127.0.0.1"), Name::parse("::1"), Name::parse("8.8.4.4")];
        let first = obtain(&folder, &names).unwrap();
        assert!(same(&first.names, &names));
        let authority = fs::read(folder.join("ca.pem")).unwrap();
        assert_eq!(obtain(&folder, &names).unwrap().fingerprint, first.fingerprint, "nothing changed, nothing renewed");
        let more = [&names[..], &[Name::parse("192.168.7.7")]].concat();
        let second = obtain(&folder, &more).unwrap();
        assert_ne!(second.fingerprint, first.fingerprint);
        let foreign = [&more[..], &[Name::parse("bank.example")]].concat();
        assert_eq!(obtain(&folder, &foreign).unwrap().fingerprint, second.fingerprint, "what it may not sign is left out");
        assert_eq!(fs::read(folder.join("ca.pem")).unwrap(), authority);
        fs::remove_file(folder.join("key.pem")).unwrap();
        assert!(obtain(&folder, &more).is_ok(), "a lost leaf is made again");
        fs::remove_file(folder.join("ca.key")).unwrap();
        let text = obtain(&folder, &more).err().unwrap().to_string();
        assert!(text.contains("ca.key") && text.contains("remedy"), "{text}");
        assert_eq!(fs::read(folder.join("ca.pem")).unwrap(), authority, "half an authority is never replaced");
        fs::remove_dir_all(data.path()).unwrap();
    }

    #[test]
    fn keys_are_private_and_open_ones_are_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let data = scratch();
        let folder = data.certs();
        obtain(&folder, &[Name::parse("localhost")]).unwrap();
        for name in ["ca.key", "key.pem"] {
            assert_eq!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
        fs::set_permissions(folder.join("ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(obtain(&folder, &[Name::parse("localhost")]).is_err());
        fs::remove_dir_all(data.path()).unwrap();
    }
}
