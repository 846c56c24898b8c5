//! Starts the browser suites in web/e2e: one with the binary it is to drive, one over canned data.

use crate::{dist, process, root, tools, web};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

const BROWSERS: [&str; 2] = ["chromium", "firefox"];

/// `e2e [chromium|firefox] [filter]`: both browsers when none is named.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let binary = ready()?;
    let plant = plant()?;
    in_browsers(arguments, |browser, filter| {
        process::tee(suite("run.js", &binary).args(&plant).args(["--browser", browser]).args(filter))
    })
    .map(drop)
}

/// `screens [chromium|firefox] [filter]`: how the screens behave over canned data; returns what the suite said.
pub(crate) fn screens(arguments: &[String]) -> Result<String> {
    tools::for_browser_tests()?;
    web::look()?;
    in_browsers(arguments, |browser, filter| {
        let mut command = process::node(&root::root().join("web/e2e"), "node", ["screens.js", "--browser", browser]);
        process::tee(command.arg("--report").arg(root::memory()).args(filter))
    })
}

/// Both browsers when none is named, and the second one also when the first has failed.
fn in_browsers(arguments: &[String], suite: impl Fn(&str, Option<&String>) -> Result<String>) -> Result<String> {
    let named = arguments.first().filter(|first| BROWSERS.contains(&first.as_str()));
    let filter = if named.is_some() { arguments.get(1) } else { arguments.first() };
    let mut said = String::new();
    let mut failed = Vec::new();
    for browser in BROWSERS.iter().filter(|browser| named.is_none_or(|named| named == *browser)) {
        match suite(browser, filter) {
            Ok(text) => said.push_str(&text),
            Err(_) => failed.push(*browser),
        }
    }
    if failed.is_empty() { Ok(said) } else { bail!("the browser suite failed in {}", failed.join(" and ")) }
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

/// `bench browser` is the browser suite's, everything else belongs to the crate of that name.
pub(crate) fn bench(arguments: &[String]) -> Result<()> {
    match arguments.split_first() {
        Some((first, rest)) if first == "browser" => {
            let binary = ready()?;
            process::run(suite("bench.js", &binary).arg("--generator").arg(generator()?).args(rest))
        }
        _ => {
            let binary = dist::dist()?;
            let mut command = process::program(generator()?, ["--binary"]);
            process::run(command.arg(binary).args(arguments))
        }
    }
}

/// The program that makes load. Built alone: what it asks of a library must not change how the server is built.
fn generator() -> Result<PathBuf> {
    process::run(&mut process::cargo(["build", "--release", "--package", "bench"]))?;
    Ok(root::target().join("release/bench"))
}

fn ready() -> Result<PathBuf> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(String::from).collect()
    }

    #[test]
    fn a_browser_or_a_filter_can_be_named() {
        let told = |arguments: &str| {
            in_browsers(&words(arguments), |browser, filter| Ok(format!("{browser} {};", filter.map_or("all", |text| text))))
        };
        assert_eq!(told("").unwrap(), "chromium all;firefox all;");
        assert_eq!(told("firefox").unwrap(), "firefox all;");
        assert_eq!(told("keys").unwrap(), "chromium keys;firefox keys;");
        assert_eq!(told("chromium keys").unwrap(), "chromium keys;");
    }

    #[test]
    fn a_browser_that_fails_does_not_keep_the_other_from_running() {
        let run = std::cell::RefCell::new(Vec::new());
        let told = in_browsers(&[], |browser, _| {
            run.borrow_mut().push(browser.to_string());
            if browser == "chromium" { bail!("it failed") } else { Ok(String::new()) }
        });
        assert_eq!(told.unwrap_err().to_string(), "the browser suite failed in chromium");
        assert_eq!(run.into_inner(), BROWSERS);
    }
}
