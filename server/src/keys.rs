//! `server.keys` and `store.epoch`: the two small files beside the database.

use std::fs;

use anyhow::{Context as _, Result};
use server_core::{
    Keys,
    store::{EpochCheck, Store, StoreEpoch},
};

use crate::{
    clock::SystemRandom,
    config::ConfigError,
    data_dir::{DataDir, check_private, write_private},
    store_threads::World,
};

/// Reads the server's secrets, or makes them for an empty folder. Never makes new ones beside a database.
///
/// # Errors
/// When the file is missing beside a database, readable by others, damaged or weak.
pub fn obtain(folder: &DataDir) -> Result<Keys> {
    let path = folder.keys();
    if path.exists() {
        return read(folder);
    }
    if folder.database().exists() {
        return Err(ConfigError::Folder {
            path,
            problem: "is missing while the database is there: with new keys nobody could log in".to_owned(),
            remedy: "put the old server.keys back from where you keep it, or start with an empty data folder".to_owned(),
        }
        .into());
    }
    let keys = Keys::generate(&mut SystemRandom);
    write_private(&path, &keys.to_bytes()).with_context(|| format!("{} can't be written", path.display()))?;
    Ok(keys)
}

/// Reads the server's secrets.
///
/// # Errors
/// When the file is readable by others, damaged or weak.
pub fn read(folder: &DataDir) -> Result<Keys> {
    let path = folder.keys();
    check_private(&path, 0o077)?;
    let bytes = fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
    let wrong = |problem: &str| ConfigError::Folder {
        path: path.clone(),
        problem: problem.to_owned(),
        remedy: "put the right server.keys back from where you keep it".to_owned(),
    };
    if looks_weak(&bytes) {
        return Err(wrong("holds a weak secret: its bytes are not random").into());
    }
    Ok(Keys::from_bytes(&bytes).map_err(|error| wrong(&error.to_string()))?)
}

/// Random bytes in this number hold more than 64 different values but for one case in 10^18; what a person typed or
/// `truncate` made does not.
fn looks_weak(bytes: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in bytes {
        if let Some(slot) = seen.get_mut(usize::from(*byte)) {
            *slot = true;
        }
    }
    seen.iter().filter(|seen| **seen).count() < 64
}

/// Compares the store epoch of database and file, says so when the database went back, and keeps the file up to date.
///
/// # Errors
/// When the keys are not those of this database, or a file can't be read or written.
pub fn settle_epoch(store: &mut Store, folder: &DataDir, world: &World) -> Result<()> {
    let path = folder.epoch();
    let file: Option<StoreEpoch> = if path.exists() {
        let bytes = fs::read(&path).with_context(|| format!("{} can't be read", path.display()))?;
        // A damaged file counts as another life: clients then offer again what is missing.
        Some(bytes.try_into().unwrap_or_default())
    } else {
        None
    };
    let epoch = match world.with(|context| store.check_epoch(context, file))? {
        EpochCheck::Same(epoch) => epoch,
        EpochCheck::Restored(epoch) => {
            tracing::warn!("the database is an older copy or was replaced: clients are asked to offer again what it lacks");
            epoch
        }
    };
    if file != Some(epoch) {
        write_private(&path, &epoch).with_context(|| format!("{} can't be written", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_foreign_and_missing_keys_are_told_with_file_and_remedy() {
        let folder =
            DataDir::open(&std::env::temp_dir().join(format!("sotto-keys-{}", crate::clock::random_hex::<8>()))).unwrap();
        let first = obtain(&folder).unwrap().to_bytes();
        assert_eq!(*obtain(&folder).unwrap().to_bytes(), *first);
        for bad in [vec![1; server_core::account::keys::LENGTH], b"password123".to_vec(), vec![]] {
            write_private(&folder.keys(), &bad).unwrap();
            let text = obtain(&folder).unwrap_err().to_string();
            assert!(text.contains("server.keys") && text.contains("weak") && text.contains("remedy"), "{text}");
        }
        fs::remove_file(folder.keys()).unwrap();
        fs::write(folder.database(), "").unwrap();
        let text = obtain(&folder).unwrap_err().to_string();
        assert!(text.contains("server.keys") && text.contains("remedy"), "{text}");
        fs::remove_dir_all(folder.path()).unwrap();
    }
}
