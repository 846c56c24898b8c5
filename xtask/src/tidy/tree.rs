//! The committed text, as the rules see it.

use crate::{digest, process, root};
use anyhow::Result;
use std::fs;

/// A text file: its path from the top of the tree, and what stands in it.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All text files that are committed or about to be.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

const NOT_OURS: [&str; 6] = [".git", "target", "node_modules", "dist", ".sotto", "pkg"];

impl Tree {
    /// Asks git, because it knows what is ignored; without it (an unpacked archive) everything that is not built counts.
    pub(crate) fn read() -> Result<Self> {
        let root = root::root();
        let listed = process::said("git", &["ls-files", "--cached", "--others", "--exclude-standard"]);
        let paths: Vec<String> = match listed {
            Some(text) => text.lines().map(String::from).collect(),
            None => digest::files(&root, &NOT_OURS)?
                .iter()
                .map(|path| path.strip_prefix(&root).unwrap_or(path).to_string_lossy().into_owned())
                .collect(),
        };
        let read = |path: String| fs::read_to_string(root.join(&path)).ok().map(|text| File { path, text });
        Ok(Self { files: paths.into_iter().filter_map(read).collect() })
    }

    /// Files below a folder (written with its slash) and with one of these ends.
    pub(crate) fn below<'a>(&'a self, folder: &'a str, ends: &'a [&'a str]) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(move |file| file.path.starts_with(folder) && ends.iter().any(|end| file.path.ends_with(end)))
    }

    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a path names a file, or a folder that holds one.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files.iter().any(|file| file.path == path || file.path.starts_with(&folder))
    }
}

#[cfg(test)]
impl Tree {
    /// A small tree for a test.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| File { path: (*path).to_string(), text: (*text).to_string() });
        Self { files: files.collect() }
    }
}

/// The lines of a Rust, TypeScript or JavaScript file that are code: numbered from 1, comments taken off.
pub(crate) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let trimmed = line.trim_start();
        if inside {
            inside = !trimmed.contains("*/");
            return None;
        }
        if trimmed.starts_with("/*") {
            inside = !trimmed.contains("*/");
            return None;
        }
        if trimmed.starts_with("//") {
            return None;
        }
        let end = line.find(" // ").unwrap_or(line.len());
        Some((index + 1, line.get(..end).unwrap_or(line)))
    })
}

/// The same without a test module at the end of the file.
pub(crate) fn shipped(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    code(text.get(..end).unwrap_or(text))
}

/// Whether `word` stands in `line` and is no part of a longer name.
pub(crate) fn names(line: &str, word: &str) -> bool {
    let part = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}
