//! Starts the browser suite in web/e2e with the binary it is to drive.

use crate::{dist, process, root, tools};
use anyhow::{Result, bail};
use std::path::Path;
use std::process::Command;

const BROWSERS: [&str; 2] = ["chromium", "firefox"];

/// `e2e [chromium|firefox] [filter]`: both browsers when none is named.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let named = arguments.first().filter(|first| BROWSERS.contains(&first.as_str()));
    let filter = if named.is_some() { arguments.get(1) } else { arguments.first() };
    let binary = ready()?;
    let plant = plant()?;
    let mut failed = Vec::new();
    for browser in BROWSERS.iter().filter(|browser| named.is_none_or(|named| named == *browser)) {
        if process::run(suite("run.js", &binary).args(&plant).args(["--browser", browser]).args(filter)).is_err() {
            failed.push(*browser);
        }
    }
    if failed.is_empty() { Ok(()) } else { bail!("the browser suite failed in {}", failed.join(" and ")) }
}

/// One browser with the binary that `test` has already built; returns what the suite said.
pub(crate) fn stage(browser: &str) -> Result<String> {
    tools::for_browser_tests()?;
    let plant = plant()?;
    process::tee(suite("run.js", &root::target().join("release/sotto")).args(plant).args(["--browser", browser]))
}

/// A picture of every screen, two widths, two themes.
pub(crate) fn shots() -> Result<()> {
    let binary = ready()?;
    process::run(&mut suite("shots.js", &binary))
}

/// `bench browser` is ours, everything else belongs to the crate of that name.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    match arguments.split_first() {
        Some((first, rest)) if first == "browser" => {
            let binary = ready()?;
            process::run(suite("bench.js", &binary).args(rest))
        }
        _ => anyhow::bail!("there is one bench so far: cargo xtask bench browser [--json]"),
    }
}

fn ready() -> Result<std::path::PathBuf> {
    tools::for_browser_tests()?;
    dist::dist()
}

/// The tool that puts a lie into a stopped server's database, as the option that names it; the one that guesses passwords lies beside it.
fn plant() -> Result<Vec<std::ffi::OsString>> {
    if !root::root().join("sim/src/bin/plant-reset.rs").is_file() {
        return Ok(Vec::new());
    }
    process::run(&mut process::cargo(["build", "--quiet", "--package", "sim", "--bin", "plant-reset", "--bin", "guess"]))?;
    Ok(vec!["--plant".into(), root::target().join("debug/plant-reset").into()])
}

fn suite(script: &str, binary: &Path) -> Command {
    let mut command = process::node(&root::root().join("web/e2e"), "node", [script, "--binary"]);
    command.arg(binary).arg("--report").arg(root::memory());
    command
}
