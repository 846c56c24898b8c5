//! The simulator: many clients and one server in one thread, from one seed.
//!
//! It is built as the release is, which makes a world five times as quick and shares what the server's binary needs anyway.

use crate::{process, root, tools};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Worlds of every test.
const SEEDS: u64 = 2_000;
/// Long worlds of every test, from this seed on: what takes thousands of texts to come about. The first and the last have each
/// found something that no short one had.
const LONG: u64 = 31;
const LONG_SEEDS: u64 = 4;
/// Worlds under a moving clock: processes of their own, because openmls reads the clock of the process.
const MOVING: [u64; 2] = [1_000_001, 1_000_003];
const MOVING_SEEDS: u64 = 2;

/// `cargo xtask sim …`: the options are the simulator's own; `--moving-clock` runs them under a clock that is moved.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let binary = build(&root::target())?;
    let rest = arguments.iter().filter(|argument| *argument != "--moving-clock");
    if rest.clone().count() == arguments.len() {
        return process::run(process::program(binary, rest).env_remove("FAKETIME_TIMESTAMP_FILE"));
    }
    process::run(moving(&binary, 0)?.args(rest))
}

/// The stage: all worlds, the long ones, then those under a moving clock, side by side.
pub(crate) fn stage() -> Result<Vec<String>> {
    let binary = build(&root::target())?;
    let mut lines: Vec<String> = Vec::new();
    let (seeds, long, long_seeds) = (SEEDS.to_string(), LONG.to_string(), LONG_SEEDS.to_string());
    for worlds in [&["--seeds", &seeds][..], &["--long", "--from", &long, "--seeds", &long_seeds]] {
        let said = process::tee(process::program(&binary, ["--keep", "sim/regressions"]).args(worlds))?;
        lines.extend(said.lines().filter(|line| line.starts_with("sim: ")).map(String::from));
    }
    let mut children = Vec::new();
    for (place, from) in MOVING.into_iter().enumerate() {
        let mut command = moving(&binary, place)?;
        command.args(["--from", &from.to_string(), "--seeds", &MOVING_SEEDS.to_string()]);
        let child = command.stdout(std::process::Stdio::piped()).spawn().context("the simulator under a moving clock")?;
        children.push(child);
    }
    let ends: Vec<Result<String>> = children.into_iter().map(end).collect();
    for said in ends {
        lines.extend(said?.lines().filter(|line| line.starts_with("sim: ")).map(String::from));
    }
    Ok(lines)
}

fn end(child: Child) -> Result<String> {
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{said}");
    if !output.status.success() {
        bail!("the simulator under a moving clock ended with {}", output.status);
    }
    Ok(said)
}

/// Builds it into a target folder.
pub(crate) fn build(target: &Path) -> Result<PathBuf> {
    let mut command = process::cargo(["build", "--quiet", "--release", "--package", "sim", "--bin", "sim"]);
    process::run(command.env("CARGO_TARGET_DIR", target))?;
    Ok(target.join("release/sim"))
}

/// The simulator under libfaketime, which reads how far the clock is moved from a file at every look.
fn moving(binary: &Path, place: usize) -> Result<Command> {
    let library = tools::faketime()?;
    let file = root::memory().join(format!("clock-{place}"));
    fs::create_dir_all(root::memory())?;
    fs::write(&file, "+0")?;
    let mut command = process::program(binary, std::iter::empty::<&str>());
    command.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", file).env("FAKETIME_NO_CACHE", "1");
    // Both names: it was renamed between versions.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
    Ok(command)
}
