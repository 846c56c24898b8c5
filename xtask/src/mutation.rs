//! `cargo xtask mutation`: changes one operator or one answer at a time in a copy of the tree and runs the tests of the crate.
//! What no test notices is either not tested or of no use.

use crate::{process, root};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// The crates with files named in `.cargo/mutants.toml`.
const CRATES: [&str; 3] = ["shared", "client-core", "server-core"];

/// `mutation [crate…]`: all of them when nothing is said. Hours.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if let Some(other) = arguments.iter().find(|argument| !CRATES.contains(&argument.as_str())) {
        bail!("{other:?} is none of {}", CRATES.join(", "));
    }
    if process::said("cargo", &["mutants", "--version"]).is_none() {
        bail!("cargo-mutants is missing: cargo install cargo-mutants --locked");
    }
    let mut rows = Vec::new();
    for name in CRATES.into_iter().filter(|name| arguments.is_empty() || arguments.iter().any(|wanted| wanted == name)) {
        let folder = root::target().join("mutation").join(name);
        fs::create_dir_all(&folder)?;
        let mut mutants = process::cargo(["mutants", "--package", name, "--jobs", "1", "--no-shuffle", "--output"]);
        // It ends with an error when anything survived: the files say what.
        let ended = process::run(mutants.arg(&folder));
        let found = Found::read(&folder.join("mutants.out")).or_else(|error| ended.and(Err(error)))?;
        rows.push(format!("{name:<12} {}", found.line()));
    }
    println!("\ncrate        mutants  killed  survived  not built");
    rows.iter().for_each(|row| println!("{row}"));
    Ok(())
}

/// How many mutants ended how.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    killed: usize,
    survived: usize,
    unbuilt: usize,
}

impl Found {
    fn read(folder: &Path) -> Result<Self> {
        let lines = |name: &str| -> Result<usize> {
            let text = fs::read_to_string(folder.join(name)).with_context(|| format!("{} of {}", name, folder.display()))?;
            Ok(text.lines().count())
        };
        // A mutant that never ends was noticed too.
        let killed = lines("caught.txt")? + lines("timeout.txt")?;
        Ok(Self { killed, survived: lines("missed.txt")?, unbuilt: lines("unviable.txt")? })
    }

    fn line(&self) -> String {
        let Self { killed, survived, unbuilt } = self;
        format!("{:>7} {killed:>7} {survived:>9} {unbuilt:>10}", killed + survived + unbuilt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_counted() {
        let folder = std::env::temp_dir().join(format!("sotto-mutation-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert!(Found::read(&folder).is_err());
        for (name, text) in [("caught.txt", "a\nb\n"), ("timeout.txt", "c\n"), ("missed.txt", ""), ("unviable.txt", "d\n")] {
            fs::write(folder.join(name), text).unwrap();
        }
        let found = Found::read(&folder).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(found, Found { killed: 3, survived: 0, unbuilt: 1 });
        assert_eq!(found.line().split_whitespace().collect::<Vec<_>>(), ["4", "3", "0", "1"]);
    }

    #[test]
    fn only_crates_with_a_scope() {
        assert!(run(&["web".to_owned()]).is_err());
        let scope = fs::read_to_string(root::root().join(".cargo/mutants.toml")).unwrap();
        assert!(CRATES.iter().all(|name| scope.contains(&format!("\"{name}/src/"))));
    }
}
