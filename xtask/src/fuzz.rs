//! `cargo xtask fuzz`: builds the engine with coverage counters and runs every target, one after the other.
//!
//! Coverage is an ordinary code generation option, so the stable compiler does. The address sanitizer would need a nightly one;
//! the crates that are fuzzed forbid `unsafe`, so it would watch SQLite only.

use crate::{process, root};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What cargo-fuzz passes, without a sanitizer. Overflows and debug assertions stay on.
///
/// Comparisons are not traced: nearly all of them are inside of ciphers, cost as much as everything else, and what would be
/// guessed by them stands in the seeds.
const FLAGS: [&str; 8] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cdebug-assertions=yes",
    "-Coverflow-checks=yes",
    "-Ccodegen-units=16",
];
/// Named, so that procedural macros and build scripts are compiled without counters.
const HOST: &str = "x86_64-unknown-linux-gnu";
/// Inputs kept of a target: those that add most.
const KEPT: usize = 100;
/// Of a target that goes through whole cores: the tests play them back.
const KEPT_WHOLE: usize = 12;

/// `fuzz [--seconds N] [target…]`: all of them, a minute each, when nothing is said.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (seconds, wanted) = parse(arguments)?;
    let binary = build()?;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for target in targets()?.into_iter().filter(|target| wanted.is_empty() || wanted.contains(&target.name)) {
        let name = target.name.clone();
        println!("\n== {name}, {seconds} s");
        match run_one(&binary, &target, seconds) {
            Ok(line) => rows.push(format!("{name:<16} {line}")),
            Err(error) => {
                println!("== {name}: {error:#}");
                failed.push(name);
            }
        }
    }
    println!("\ntarget           seconds  runs  branches  features  inputs kept");
    rows.iter().for_each(|row| println!("{row}"));
    if rows.is_empty() && failed.is_empty() {
        let known: Vec<String> = targets()?.into_iter().map(|target| target.name).collect();
        bail!("no such target; they are {}", known.join(", "));
    }
    if failed.is_empty() { Ok(()) } else { bail!("broke a promise: {} (inputs in fuzz/crashes)", failed.join(", ")) }
}

fn parse(arguments: &[String]) -> Result<(u32, Vec<String>)> {
    let (mut seconds, mut wanted) = (60, Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--seconds" {
            let number = rest.next().context("--seconds needs a number")?;
            seconds = number.parse().with_context(|| format!("--seconds {number}: not a number"))?;
        } else if argument.starts_with('-') {
            bail!("no option {argument:?}; `cargo xtask fuzz [--seconds N] [target…]`");
        } else {
            wanted.push(argument.clone());
        }
    }
    Ok((seconds, wanted))
}

/// A target, and how many of its inputs are kept.
#[derive(Debug, PartialEq, Eq)]
struct Named {
    name: String,
    most: usize,
}

/// Those of `fuzz/src/lib.rs`: the table is the one list.
fn targets() -> Result<Vec<Named>> {
    let text = fs::read_to_string(root::root().join("fuzz/src/lib.rs"))?;
    Ok(named(&text))
}

fn named(text: &str) -> Vec<Named> {
    let rows = text.lines().filter_map(|line| line.trim().strip_prefix("Target { name: \""));
    let most = |row: &str| if row.contains("whole: true") { KEPT_WHOLE } else { KEPT };
    rows.filter_map(|row| Some(Named { name: row.split('"').next()?.to_owned(), most: most(row) })).collect()
}

fn build() -> Result<PathBuf> {
    let folder = root::target().join("fuzz");
    let mut build = process::cargo(["build", "--release", "--package", "fuzz", "--bin", "fuzz", "--features", "engine"]);
    build.args(["--target", HOST, "--target-dir"]).arg(&folder);
    // Counters need room: without the release profile's stripping and with its optimisation.
    process::run(build.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}")).env("CARGO_PROFILE_RELEASE_LTO", "off"))?;
    Ok(folder.join(HOST).join("release/fuzz"))
}

/// Runs one target from its corpus and keeps the smallest corpus with the same coverage.
fn run_one(binary: &Path, Named { name, most }: &Named, seconds: u32) -> Result<String> {
    let crate_folder = root::root().join("fuzz");
    let corpus = crate_folder.join("corpus").join(name);
    let crashes = crate_folder.join("crashes").join(name);
    let work = root::target().join("fuzz/work").join(name);
    for folder in [&corpus, &crashes, &work] {
        fs::create_dir_all(folder)?;
    }
    let mut engine = engine(binary, name, &crashes);
    engine.env("SOTTO_SEEDS", &work).args([&work, &corpus]).args([
        format!("-max_total_time={seconds}"),
        "-print_final_stats=1".to_owned(),
        "-rss_limit_mb=4096".to_owned(),
        "-timeout=20".to_owned(),
        "-verbosity=1".to_owned(),
    ]);
    let said = process::tee(&mut engine);
    // An empty folder is not committed and says nothing.
    let _: std::io::Result<()> = fs::remove_dir(&crashes);
    let said = said?;
    let kept = minimise(binary, name, *most, &work, &corpus)?;
    let (branches, features) = coverage(&said).context("the engine said nothing of its coverage")?;
    Ok(format!("{seconds:>7} {:>9} {branches:>9} {features:>9} {kept:>6}", runs(&said).unwrap_or(0)))
}

fn engine(binary: &Path, name: &str, crashes: &Path) -> Command {
    let mut command = process::program(binary, Vec::<String>::new());
    command.env("SOTTO_FUZZ", name).arg(format!("-artifact_prefix={}/", crashes.display()));
    command
}

/// Keeps the inputs that together reach most.
fn minimise(binary: &Path, name: &str, most: usize, work: &Path, corpus: &Path) -> Result<usize> {
    let fresh = work.with_extension("merged");
    let notes = work.with_extension("notes");
    copy_all(corpus, work)?;
    for old in [fresh.as_path(), corpus] {
        if old.exists() {
            fs::remove_dir_all(old)?;
        }
        fs::create_dir_all(old)?;
    }
    if notes.exists() {
        fs::remove_file(&notes)?;
    }
    let mut merge = engine(binary, name, work);
    merge.arg("-set_cover_merge=1").arg(format!("-merge_control_file={}", notes.display())).args([&fresh, work]);
    process::tee(&mut merge)?;
    let kept = chosen(&fs::read_to_string(&notes)?, most);
    for file in &kept {
        let name = file.file_name().context("an input without a name")?;
        fs::copy(file, corpus.join(name))?;
    }
    fs::remove_dir_all(&fresh)?;
    Ok(kept.len())
}

fn copy_all(from: &Path, into: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), into.join(entry.file_name()))?;
    }
    Ok(())
}

/// From the engine's notes of a merge (two counts, the files, then `FT <file> <feature>…`): the file that reaches most, the
/// one that adds most to it, and so on.
fn chosen(notes: &str, most: usize) -> Vec<PathBuf> {
    let mut lines = notes.lines();
    let count: usize = lines.next().and_then(|line| line.trim().parse().ok()).unwrap_or(0);
    lines.next();
    let files: Vec<&str> = lines.by_ref().take(count).collect();
    let mut left: Vec<(usize, BTreeSet<u64>)> = lines
        .filter_map(|line| {
            let mut words = line.strip_prefix("FT ")?.split_whitespace();
            let file: usize = words.next()?.parse().ok()?;
            Some((file, words.filter_map(|word| word.parse().ok()).collect()))
        })
        .collect();
    let mut kept = Vec::new();
    while kept.len() < most {
        let Some(best) = left.iter().enumerate().max_by_key(|(_, (_, features))| features.len()).map(|(at, _)| at) else {
            break;
        };
        let (file, reached) = left.swap_remove(best);
        if reached.is_empty() {
            break;
        }
        left.iter_mut().for_each(|(_, features)| features.retain(|feature| !reached.contains(feature)));
        kept.extend(files.get(file).map(PathBuf::from));
    }
    kept
}

/// The last `cov: n ft: m` of the engine.
fn coverage(said: &str) -> Option<(u64, u64)> {
    let line = said.lines().rfind(|line| line.contains(" cov: ") && line.contains(" ft: "))?;
    let after = |word: &str| line.split(word).nth(1)?.split_whitespace().next()?.parse().ok();
    Some((after(" cov: ")?, after(" ft: ")?))
}

fn runs(said: &str) -> Option<u64> {
    let line = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_understood() {
        let said =
            "#2 INITED cov: 11 ft: 12 corp: 1/1b\n#9 DONE   cov: 117 ft: 130 corp: 4/9b\nstat::number_of_executed_units: 99\n";
        assert_eq!(coverage(said), Some((117, 130)));
        assert_eq!(runs(said), Some(99));
        assert_eq!(coverage("nothing"), None);
    }

    #[test]
    fn what_adds_most_is_kept() {
        let notes = "3\n0\na\nb\nc\nSTARTED 0 1\nFT 0 1 2\nCOV 0 1\nSTARTED 1 1\nFT 1 1 2 3 4\nSTARTED 2 1\nFT 2 4 5\nDONE\n";
        assert_eq!(chosen(notes, 9), [PathBuf::from("b"), PathBuf::from("c")]);
        assert_eq!(chosen(notes, 1), [PathBuf::from("b")]);
        assert_eq!(chosen("", 9), [] as [PathBuf; 0]);
    }

    #[test]
    fn options_and_names() {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(parse(&words(&["--seconds", "5", "words"])).unwrap(), (5, words(&["words"])));
        assert!(parse(&words(&["--seconds", "x"])).is_err());
        assert!(parse(&words(&["--more"])).is_err());
        let rows = "  Target { name: \"words\", whole: false, run: words::run },\n Target { name: \"rows\", whole: true },\n";
        let named = named(rows).into_iter().map(|target| (target.name, target.most)).collect::<Vec<_>>();
        assert_eq!(named, [("words".to_owned(), KEPT), ("rows".to_owned(), KEPT_WHOLE)]);
        assert!(!targets().unwrap().is_empty());
    }
}
