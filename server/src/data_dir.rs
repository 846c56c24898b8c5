//! The data folder: 0700, its secrets 0600, used by one server at a time.
//!
//! ```text
//! sotto.db  sotto.db-wal  sotto.db-shm   the database (the two latter belong to it)
//! server.keys                            the server's secrets, 0600
//! store.epoch                            which life of the database the clients' numbers belong to
//! certs/                                 ca.pem, ca.key 0600, cert.pem, key.pem 0600
//! blobs/                                 attachments
//! sotto.lock                             held by the running server
//! ```

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::config::ConfigError;

/// What a folder of ours holds: a folder with other things only is somebody else's.
const OURS: [&str; 5] = ["sotto.db", "server.keys", "store.epoch", "certs", "sotto.lock"];

/// The data folder, made and checked.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// Makes the folder or checks it: ours alone, mode 0700.
    ///
    /// # Errors
    /// When it can't be made, or holds other things and is open to others.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .with_context(|| format!("data_dir: {} can't be made", path.display()))?;
        }
        let metadata = fs::metadata(path).with_context(|| format!("data_dir: {} can't be read", path.display()))?;
        let trouble =
            |problem: &str, remedy: String| ConfigError::Folder { path: path.to_owned(), problem: problem.to_owned(), remedy };
        if !metadata.is_dir() {
            return Err(trouble("is not a folder", "give another --data-dir".to_owned()).into());
        }
        if metadata.permissions().mode() & 0o077 != 0 {
            if !is_ours(path)? {
                let problem = "is open to other users and holds things that are not Sotto's";
                return Err(trouble(problem, "give an empty folder, or one of its own, as --data-dir".to_owned()).into());
            }
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
                .with_context(|| format!("data_dir: the mode of {} can't be set to 0700", path.display()))?;
        }
        let folder = Self(path.to_owned());
        for inner in [folder.certs(), folder.blobs()] {
            if !inner.exists() {
                fs::DirBuilder::new()
                    .mode(0o700)
                    .create(&inner)
                    .with_context(|| format!("{} can't be made", inner.display()))?;
            }
        }
        Ok(folder)
    }

    /// Names the folder without touching it.
    #[must_use]
    pub fn look(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Takes the folder for this process until the lock is dropped.
    ///
    /// # Errors
    /// When another server uses it.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.0.join("sotto.lock");
        let file = private(OpenOptions::new().create(true).truncate(false)).open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => Err(ConfigError::Folder {
                path: self.0.clone(),
                problem: "is in use by another sotto".to_owned(),
                remedy: "stop the other one, or give another --data-dir".to_owned(),
            }
            .into()),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("{} can't be locked", path.display())),
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.0.join("sotto.db")
    }
    /// The server's secrets.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.0.join("server.keys")
    }
    /// The store epoch outside the database.
    #[must_use]
    pub fn epoch(&self) -> PathBuf {
        self.0.join("store.epoch")
    }
    /// Certificates.
    #[must_use]
    pub fn certs(&self) -> PathBuf {
        self.0.join("certs")
    }
    /// Attachments.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.0.join("blobs")
    }
}

/// Held while a server uses the folder.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "dropping the file releases the lock")] File);

fn is_ours(path: &Path) -> Result<bool> {
    let mut empty = true;
    for entry in fs::read_dir(path).with_context(|| format!("data_dir: {} can't be read", path.display()))? {
        empty = false;
        if OURS.iter().any(|name| entry.as_ref().is_ok_and(|entry| entry.file_name() == *name)) {
            return Ok(true);
        }
    }
    Ok(empty)
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options.read(true).write(true).mode(0o600)
}

/// Writes a whole file or leaves the old one: beside it, synced, then renamed over it.
///
/// # Errors
/// What the file system says.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomic(path, bytes, 0o600)
}

/// The same, readable by everybody who may enter the folder.
///
/// # Errors
/// What the file system says.
pub fn write_public(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomic(path, bytes, 0o644)
}

fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let beside = path.with_added_extension("new");
    // A leftover of a crash could have another mode.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// Refuses a file of secrets that others may read.
///
/// # Errors
/// [`ConfigError::Folder`] with the remedy.
pub fn check_private(path: &Path, forbidden: u32) -> Result<()> {
    let mode = fs::metadata(path).with_context(|| format!("{} can't be read", path.display()))?.permissions().mode();
    if mode & forbidden == 0 {
        return Ok(());
    }
    Err(ConfigError::Folder {
        path: path.to_owned(),
        problem: format!("is a secret that other users may read (mode {:04o})", mode & 0o7777),
        remedy: format!("chmod 600 {}; if others had access to it, make a new one", path.display()),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> PathBuf {
        std::env::temp_dir().join(format!("sotto-data-{}", crate::clock::random_hex::<8>()))
    }

    #[test]
    fn the_folder_is_0700_and_secrets_are_0600() {
        let path = scratch();
        let folder = DataDir::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        write_private(&folder.keys(), b"secret").unwrap();
        write_private(&folder.keys(), b"another").unwrap();
        assert_eq!(fs::read(folder.keys()).unwrap(), b"another");
        assert_eq!(fs::metadata(folder.keys()).unwrap().permissions().mode() & 0o777, 0o600);
        check_private(&folder.keys(), 0o077).unwrap();
        fs::set_permissions(folder.keys(), fs::Permissions::from_mode(0o640)).unwrap();
        let text = check_private(&folder.keys(), 0o077).unwrap_err().to_string();
        assert!(text.contains("server.keys") && text.contains("chmod 600"), "{text}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        DataDir::open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700, "a loose folder of ours is closed again");
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn a_folder_of_somebody_else_is_not_taken_over() {
        let path = scratch();
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(path.join("letter.txt"), "dear").unwrap();
        assert!(DataDir::open(&path).is_err());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        fs::remove_dir_all(path).unwrap();
    }

    #[test]
    fn one_server_a_folder() {
        let path = scratch();
        let folder = DataDir::open(&path).unwrap();
        let lock = folder.lock().unwrap();
        assert!(folder.lock().unwrap_err().to_string().contains("in use"));
        drop(lock);
        folder.lock().unwrap();
        fs::remove_dir_all(path).unwrap();
    }
}
