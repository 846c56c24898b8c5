//! What is wrong with a setting, told with the key, the place it came from and the remedy.

use std::{fmt, path::PathBuf};

/// Wrong use or configuration: exit code 2.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("configuration file {path}: {cause}\n  remedy: check the path given by --config or SOTTO_CONFIG")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// The file is not the TOML we take; names unknown keys.
    #[error(
        "configuration file {path}: {cause}\n  remedy: correct the key; `sotto serve --help` lists them with underscores for hyphens"
    )]
    File {
        /// Which file.
        path: PathBuf,
        /// What the parser says, with line and key.
        cause: String,
    },
    /// A value that makes no sense.
    #[error("{key} = {value:?} ({place}): {problem}\n  remedy: {remedy}")]
    Value {
        /// Which setting.
        key: &'static str,
        /// Its text.
        value: String,
        /// Where it was found.
        place: Place,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Something in a file of the data folder is weak, missing or of somebody else.
    #[error("{path}: {problem}\n  remedy: {remedy}")]
    Folder {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: String,
    },
    /// No place for data is known.
    #[error(
        "data_dir: no folder is known, because neither STATE_DIRECTORY nor XDG_DATA_HOME nor HOME is set\n  remedy: give --data-dir or SOTTO_DATA_DIR"
    )]
    NoDataDir,
}

/// Where a value was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the command line.
    Flag,
    /// In the environment.
    Environment(String),
    /// In the configuration file.
    File(PathBuf),
    /// Nowhere: our default.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("command line"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}
