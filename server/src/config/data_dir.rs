//! The folder of database, keys and certificates: named, or where the system keeps such things.

use std::path::{Path, PathBuf};

use super::{ConfigError, Place, sources::Sources};

pub(super) fn data_dir(sources: &Sources<'_>) -> Result<(PathBuf, Place), ConfigError> {
    if let Some((text, place)) = sources.text("data_dir", |l| l.data_dir.clone()) {
        if text.trim().is_empty() {
            return Err(ConfigError::Value {
                key: "data_dir",
                value: text,
                place,
                problem: "the folder has no name".to_owned(),
                remedy: "name a folder, or leave the key out",
            });
        }
        return Ok((PathBuf::from(text), place));
    }
    let variable = |name: &str| (sources.environment)(name).filter(|text| !text.is_empty());
    if let Some(folders) = variable("STATE_DIRECTORY") {
        // systemd separates several state directories by colons; ours is the first.
        let first = folders.to_string_lossy().split(':').next().map(PathBuf::from).unwrap_or_default();
        return Ok((first, Place::Environment("STATE_DIRECTORY".to_owned())));
    }
    if let Some(folder) = variable("XDG_DATA_HOME") {
        return Ok((Path::new(&folder).join("sotto"), Place::Environment("XDG_DATA_HOME".to_owned())));
    }
    let home = variable("HOME").ok_or(ConfigError::NoDataDir)?;
    Ok((Path::new(&home).join(".local/share/sotto"), Place::Default))
}
