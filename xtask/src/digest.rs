//! Names a set of files by their content, so that nothing is built twice and nothing stale is served.
//!
//! Modification times play no part: a fresh clone has arbitrary ones. The sum is no cryptographic promise, only a memory aid.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

const START: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

/// A running sum (FNV-1a with 128 bits) over named contents.
pub(crate) struct Digest(u128);

impl Digest {
    pub(crate) const fn new() -> Self {
        Self(START)
    }

    /// Adds one named content; the length keeps neighbours apart.
    pub(crate) fn add(&mut self, name: &str, content: &[u8]) {
        let frame = format!("{}:{name}{}:", name.len(), content.len());
        for byte in frame.as_bytes().iter().chain(content) {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(PRIME);
        }
    }

    /// Adds every file below `path` (or the file itself), leaving out folders of these names.
    pub(crate) fn add_tree(&mut self, root: &Path, path: &str, leave_out: &[&str]) -> Result<()> {
        for file in files(&root.join(path), leave_out)? {
            let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned();
            let content = fs::read(&file).with_context(|| name.clone())?;
            self.add(&name, &content);
        }
        Ok(())
    }

    pub(crate) fn text(&self) -> String {
        format!("{:032x}", self.0)
    }
}

/// Every file below `path` in sorted order; a missing path holds none.
pub(crate) fn files(path: &Path, leave_out: &[&str]) -> Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(path) else {
        return Ok(found);
    };
    let mut inside = entries.collect::<std::io::Result<Vec<_>>>()?;
    inside.sort_by_key(fs::DirEntry::file_name);
    for entry in inside {
        if leave_out.iter().any(|name| *name == entry.file_name()) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            found.extend(files(&entry.path(), leave_out)?);
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_do_not_run_together() {
        let mut left = Digest::new();
        left.add("a", b"bc");
        let mut right = Digest::new();
        right.add("ab", b"c");
        assert_ne!(left.text(), right.text());
    }

    #[test]
    fn the_same_content_has_the_same_name_whatever_its_time() {
        let folder = std::env::temp_dir().join(format!("sotto-digest-{}", std::process::id()));
        fs::create_dir_all(folder.join("skip")).unwrap();
        fs::write(folder.join("one"), "1").unwrap();
        fs::write(folder.join("skip/two"), "2").unwrap();
        let sum = |_: ()| {
            let mut digest = Digest::new();
            digest.add_tree(&folder, "", &["skip"]).unwrap();
            digest.text()
        };
        let before = sum(());
        fs::write(folder.join("one"), "1").unwrap();
        fs::write(folder.join("skip/two"), "other").unwrap();
        assert_eq!(before, sum(()));
        fs::write(folder.join("one"), "2").unwrap();
        assert_ne!(before, sum(()));
        fs::remove_dir_all(folder).unwrap();
    }
}
