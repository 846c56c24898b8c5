//! Where every setting comes from: flag, then `SOTTO_*`, then the TOML file, then the default. What is wrong is told with
//! the key, the place it came from and the remedy.

mod data_dir;
mod error;
mod layer;
mod public_url;
mod sources;

use std::{
    net::{Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

pub use error::{ConfigError, Place};
pub use layer::{Layer, LimitsLayer};
pub use public_url::PublicUrl;

use data_dir::data_dir;
use layer::read;
use public_url::public_url;
use sources::{Environment, Sources};

/// The port of api.md.
pub const DEFAULT_PORT: u16 = 5001;

/// May anybody make an account?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Yes.
    Open,
    /// No.
    Closed,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogForm {
    /// For people.
    Plain,
    /// For programs.
    Json,
}

/// A certificate brought along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCertificate {
    /// Chain, PEM.
    pub cert: PathBuf,
    /// Key, PEM.
    pub key: PathBuf,
}

/// Limits an operator may move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections at most.
    pub connections: usize,
    /// Of these from one address (IPv4) or /64 (IPv6); not for loopback.
    pub connections_per_address: usize,
    /// A session ends after this long without use (F055).
    pub session_idle_seconds: u64,
    /// Log-in attempts a minute for one account from one address prefix (F103).
    pub logins_per_minute: u32,
    /// Messages a device may send a second, in the long run (F037).
    pub rows_per_second: u32,
    /// Messages a device may send at once.
    pub rows_at_once: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_address: 2_000,
            session_idle_seconds: 3_600,
            logins_per_minute: 5,
            rows_per_second: 100,
            rows_at_once: 2_000,
        }
    }
}

/// Everything settled.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of database, keys and certificates.
    pub data_dir: PathBuf,
    /// Where the folder was named.
    pub data_dir_place: Place,
    /// Addresses to listen on.
    pub listen: Vec<SocketAddr>,
    /// Own certificate; none: the local authority's.
    pub own_certificate: Option<OwnCertificate>,
    /// The address people type.
    pub public_url: Option<PublicUrl>,
    /// May anybody make an account?
    pub registration: Registration,
    /// Form of the log.
    pub log: LogForm,
    /// Folder of the web client while developing.
    pub web_dir: Option<PathBuf>,
    /// Limits.
    pub limits: Limits,
}

impl Config {
    /// Settles every setting.
    ///
    /// # Errors
    /// [`ConfigError`] names the key, the place and the remedy.
    pub fn resolve(flags: Layer, environment: Environment<'_>, file: Option<&Path>) -> Result<Self, ConfigError> {
        let sources = Sources { flags, environment, file: file.map(read).transpose()?.unwrap_or_default(), path: file };
        let (data_dir, data_dir_place) = data_dir(&sources)?;
        let listen = sources.listen().map_or_else(
            || Ok(vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, DEFAULT_PORT))]),
            |(texts, place)| texts.iter().map(|text| address(text, &place)).collect(),
        )?;
        Ok(Self {
            data_dir,
            data_dir_place,
            listen,
            own_certificate: own_certificate(&sources)?,
            public_url: sources.text("public_url", |l| l.public_url.clone()).map(public_url).transpose()?,
            registration: choice(
                &sources,
                "registration",
                |l| l.registration.clone(),
                [("open", Registration::Open), ("closed", Registration::Closed)],
                "write open or closed",
            )?,
            log: choice(
                &sources,
                "log",
                |l| l.log.clone(),
                [("plain", LogForm::Plain), ("json", LogForm::Json)],
                "write plain or json",
            )?,
            web_dir: sources.text("web_dir", |l| l.web_dir.clone()).map(|(text, _)| PathBuf::from(text)),
            limits: limits(sources.file.limits.clone().unwrap_or_default()),
        })
    }
}

fn address(text: &str, place: &Place) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| ConfigError::Value {
        key: "listen",
        value: text.to_owned(),
        place: place.clone(),
        problem: "not an address with a port".to_owned(),
        remedy: "write it as 127.0.0.1:5001 or [::]:5001",
    })
}

fn own_certificate(sources: &Sources<'_>) -> Result<Option<OwnCertificate>, ConfigError> {
    let lonely = |key, (value, place): (String, Place), problem: &str| ConfigError::Value {
        key,
        value,
        place,
        problem: problem.to_owned(),
        remedy: "give both cert and key, or neither",
    };
    match (sources.text("cert", |l| l.cert.clone()), sources.text("key", |l| l.key.clone())) {
        (Some((cert, _)), Some((key, _))) => Ok(Some(OwnCertificate { cert: cert.into(), key: key.into() })),
        (Some(cert), None) => Err(lonely("cert", cert, "its private key is not given")),
        (None, Some(key)) => Err(lonely("key", key, "its certificate is not given")),
        (None, None) => Ok(None),
    }
}

fn choice<T: Copy>(
    sources: &Sources<'_>,
    key: &'static str,
    field: impl Fn(&Layer) -> Option<String>,
    [first, second]: [(&str, T); 2],
    remedy: &'static str,
) -> Result<T, ConfigError> {
    let Some((value, place)) = sources.text(key, field) else { return Ok(first.1) };
    [first, second].iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice).ok_or_else(|| ConfigError::Value {
        key,
        value: value.clone(),
        place,
        problem: "not one of the two words".to_owned(),
        remedy,
    })
}

fn limits(layer: LimitsLayer) -> Limits {
    let default = Limits::default();
    Limits {
        connections: layer.connections.unwrap_or(default.connections),
        connections_per_address: layer.connections_per_address.unwrap_or(default.connections_per_address),
        session_idle_seconds: layer.session_idle_seconds.unwrap_or(default.session_idle_seconds),
        logins_per_minute: layer.logins_per_minute.unwrap_or(default.logins_per_minute),
        rows_per_second: layer.rows_per_second.unwrap_or(default.rows_per_second),
        rows_at_once: layer.rows_at_once.unwrap_or(default.rows_at_once),
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, fs};

    use super::*;

    fn nothing(_: &str) -> Option<OsString> {
        None
    }

    fn home(name: &str) -> Option<OsString> {
        (name == "HOME").then(|| "/h".into())
    }

    fn file(text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("sotto-config-{}.toml", crate::clock::random_hex::<8>()));
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn flag_beats_environment_beats_file_beats_default() {
        let path = file("registration = \"closed\"\nlisten = \"127.0.0.1:1\"\ndata_dir = \"from-file\"\nlog = \"json\"\n");
        let environment = |name: &str| match name {
            "SOTTO_LISTEN" => Some("127.0.0.1:2, [::1]:3".into()),
            "SOTTO_DATA_DIR" => Some("from-environment".into()),
            _ => None,
        };
        let flags = Layer { data_dir: Some("from-flag".to_owned()), ..Layer::default() };
        let config = Config::resolve(flags, &environment, Some(&path)).unwrap();
        assert_eq!(config.data_dir, Path::new("from-flag"));
        assert_eq!(config.listen, ["127.0.0.1:2".parse().unwrap(), "[::1]:3".parse().unwrap()]);
        assert_eq!(config.registration, Registration::Closed);
        assert_eq!(config.log, LogForm::Json);
        let config = Config::resolve(Layer::default(), &home, None).unwrap();
        assert_eq!(config.data_dir, Path::new("/h/.local/share/sotto"));
        assert_eq!(config.listen, ["[::]:5001".parse().unwrap()]);
        assert_eq!(config.registration, Registration::Open);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_data_folder_follows_systemd_then_xdg_then_home() {
        let all = |name: &str| match name {
            "STATE_DIRECTORY" => Some("/s:/t".into()),
            "XDG_DATA_HOME" => Some("/x".into()),
            other => home(other),
        };
        assert_eq!(Config::resolve(Layer::default(), &all, None).unwrap().data_dir, Path::new("/s"));
        let no_systemd = |name: &str| if name == "STATE_DIRECTORY" { None } else { all(name) };
        assert_eq!(Config::resolve(Layer::default(), &no_systemd, None).unwrap().data_dir, Path::new("/x/sotto"));
        assert!(matches!(Config::resolve(Layer::default(), &nothing, None), Err(ConfigError::NoDataDir)));
    }

    #[test]
    fn what_is_wrong_is_told_with_key_place_and_remedy() {
        let path = file("listn = \"127.0.0.1:1\"\n");
        let text = Config::resolve(Layer::default(), &home, Some(&path)).unwrap_err().to_string();
        assert!(text.contains("listn") && text.contains(&path.display().to_string()) && text.contains("remedy"), "{text}");
        fs::remove_file(path).unwrap();
        let path = file("[limits]\nlogins = 3\n");
        assert!(Config::resolve(Layer::default(), &home, Some(&path)).unwrap_err().to_string().contains("logins"));
        fs::remove_file(path).unwrap();
        let cases: [(Layer, &str); 8] = [
            (Layer { listen: Some(vec!["5001".to_owned()]), ..Layer::default() }, "listen"),
            (Layer { cert: Some("c".to_owned()), ..Layer::default() }, "cert"),
            (Layer { key: Some("k".to_owned()), ..Layer::default() }, "key"),
            (Layer { registration: Some("maybe".to_owned()), ..Layer::default() }, "registration"),
            (Layer { public_url: Some("http://a.example".to_owned()), ..Layer::default() }, "public_url"),
            (Layer { public_url: Some("https://a.example/path".to_owned()), ..Layer::default() }, "public_url"),
            (Layer { public_url: Some("https://u@a.example".to_owned()), ..Layer::default() }, "public_url"),
            (Layer { log: Some("xml".to_owned()), ..Layer::default() }, "log"),
        ];
        for (layer, key) in cases {
            let text = Config::resolve(layer, &home, None).unwrap_err().to_string();
            assert!(text.contains(key) && text.contains("command line") && text.contains("remedy"), "{text}");
        }
    }
}
