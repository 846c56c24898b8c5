//! `cargo xtask fuzz`: builds the engine with coverage counters and runs every target, one after the other.
//!
//! Coverage is an ordinary code generation option, so the stable compiler does. The address sanitizer would need a nightly one;
//! the crates that are fuzzed forbid `unsafe`, so it would watch SQLite only.

use crate::{process, root};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What cargo-fuzz passes, without a sanitizer. Overflows and debug assertions stay on.
const FLAGS: [&str; 9] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions=yes",
    "-Coverflow-checks=yes",
    "-Ccodegen-units=16",
];
/// Named, so that procedural macros and build scripts are compiled without counters.
const HOST: &str = "x86_64-unknown-linux-gnu";
/// Inputs kept of a target: the smallest set with the same coverage is cut off here, largest first.
const KEPT: usize = 100;

/// `fuzz [--seconds N] [target…]`: all of them, a minute each, when nothing is said.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (seconds, wanted) = parse(arguments)?;
    let binary = build()?;
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    for name in targets()?.into_iter().filter(|name| wanted.is_empty() || wanted.contains(name)) {
        println!("\n== {name}, {seconds} s");
        match target(&binary, &name, seconds) {
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
        bail!("no such target; they are {}", targets()?.join(", "));
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

/// The names in `fuzz/src/lib.rs`: the table is the one list.
fn targets() -> Result<Vec<String>> {
    let text = fs::read_to_string(root::root().join("fuzz/src/lib.rs"))?;
    Ok(names(&text))
}

fn names(text: &str) -> Vec<String> {
    let rows = text.lines().filter_map(|line| line.trim().strip_prefix("Target { name: \""));
    rows.filter_map(|row| row.split('"').next()).map(str::to_owned).collect()
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
fn target(binary: &Path, name: &str, seconds: u32) -> Result<String> {
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
    let kept = minimise(binary, name, &work, &corpus)?;
    let (branches, features) = coverage(&said).context("the engine said nothing of its coverage")?;
    Ok(format!("{seconds:>7} {:>9} {branches:>9} {features:>9} {kept:>6}", runs(&said).unwrap_or(0)))
}

fn engine(binary: &Path, name: &str, crashes: &Path) -> Command {
    let mut command = process::program(binary, Vec::<String>::new());
    command.env("SOTTO_FUZZ", name).arg(format!("-artifact_prefix={}/", crashes.display()));
    command
}

/// Merges what was found into the fewest inputs with the same features.
fn minimise(binary: &Path, name: &str, work: &Path, corpus: &Path) -> Result<usize> {
    let fresh = work.with_extension("merged");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    fs::create_dir_all(&fresh)?;
    let mut merge = engine(binary, name, work);
    merge.arg("-merge=1").args([&fresh, work, corpus]);
    process::tee(&mut merge)?;
    let mut files: Vec<(u64, PathBuf)> = fs::read_dir(&fresh)?
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.metadata().ok()?.len(), entry.path())))
        .collect();
    files.sort();
    fs::remove_dir_all(corpus)?;
    fs::create_dir_all(corpus)?;
    for (_, file) in files.iter().take(KEPT) {
        fs::copy(file, corpus.join(file.file_name().unwrap_or_default()))?;
    }
    Ok(files.len().min(KEPT))
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
    fn options_and_names() {
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(parse(&words(&["--seconds", "5", "words"])).unwrap(), (5, words(&["words"])));
        assert!(parse(&words(&["--seconds", "x"])).is_err());
        assert!(parse(&words(&["--more"])).is_err());
        assert_eq!(names("  Target { name: \"words\", run: words::run },\n"), ["words"]);
        assert!(!targets().unwrap().is_empty());
    }
}
