//! The settings as they are written down, nothing judged yet.

use std::{fs, path::Path};

use serde::{Deserialize, Deserializer};

use super::ConfigError;

/// One source of settings: the command line or the file, whose keys these fields are.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Folder of database, keys and certificates.
    pub data_dir: Option<String>,
    /// Addresses to listen on: one or a list.
    #[serde(default, deserialize_with = "one_or_many")]
    pub listen: Option<Vec<String>>,
    /// Own certificate chain.
    pub cert: Option<String>,
    /// Its private key.
    pub key: Option<String>,
    /// The address people type.
    pub public_url: Option<String>,
    /// `open` or `closed`.
    pub registration: Option<String>,
    /// `plain` or `json`.
    pub log: Option<String>,
    /// Folder of the web client while developing.
    pub web_dir: Option<String>,
    /// Limits, only in the file.
    pub limits: Option<LimitsLayer>,
}

/// The `[limits]` table of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsLayer {
    /// See [`super::Limits::connections`].
    pub connections: Option<usize>,
    /// See [`super::Limits::connections_per_address`].
    pub connections_per_address: Option<usize>,
    /// See [`super::Limits::session_idle_seconds`].
    pub session_idle_seconds: Option<u64>,
    /// See [`super::Limits::logins_per_minute`].
    pub logins_per_minute: Option<u32>,
    /// See [`super::Limits::rows_per_second`].
    pub rows_per_second: Option<u32>,
    /// See [`super::Limits::rows_at_once`].
    pub rows_at_once: Option<u32>,
}

/// The file.
pub(super) fn read(path: &Path) -> Result<Layer, ConfigError> {
    let text = fs::read_to_string(path).map_err(|cause| ConfigError::Unreadable { path: path.to_owned(), cause })?;
    toml::from_str(&text)
        .map_err(|cause| ConfigError::File { path: path.to_owned(), cause: cause.to_string().trim_end().to_owned() })
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Option::<OneOrMany>::deserialize(deserializer).map(|value| {
        value.map(|value| match value {
            OneOrMany::One(text) => vec![text],
            OneOrMany::Many(texts) => texts,
        })
    })
}
