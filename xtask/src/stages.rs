//! `cargo xtask test`: every check in one order, each with its minutes, all of them named at the end.

use crate::{canaries, claims, e2e, process, readable, root, sim, size, tidy, tools, web};
use anyhow::{Result, anyhow, bail};
use std::path::Path;
use std::time::{Duration, Instant};

struct Stage {
    name: &'static str,
    /// A stage without which this one would only repeat a failure.
    needs: Option<&'static str>,
    /// Returns lines to be repeated at the close.
    work: fn() -> Result<Vec<String>>,
}

const fn stage(name: &'static str, needs: Option<&'static str>, work: fn() -> Result<Vec<String>>) -> Stage {
    Stage { name, needs, work }
}

/// The compiled ones stand in the order that shares most of what is compiled.
const STAGES: [Stage; 20] = [
    stage("fmt", None, || quiet(process::cargo(["fmt", "--all", "--check"]))),
    stage("tests", None, tests),
    stage("claims", Some("tests"), claims::stage),
    stage("clippy", None, || quiet(clippy_native())),
    stage("tidy", None, || tidy::run().map(|()| Vec::new())),
    stage("mutants", None, canaries::check),
    stage("sim", None, sim::stage),
    stage("docs", None, docs),
    stage("web", None, || web::build().map(|_| Vec::new())),
    stage("clippy-wasm", None, clippy_wasm),
    stage("web-check", Some("web"), web_check),
    stage("screens", Some("web"), || e2e::screens(&[]).map(|said| lines(&said, "screens "))),
    stage("wasm-chromium", None, || wasm_tests("chromium")),
    stage("wasm-firefox", None, || wasm_tests("firefox")),
    stage("release", Some("web"), || quiet(process::cargo(["build", "--release", "--package", "server", "--bin", "sotto"]))),
    stage("e2e-chromium", Some("release"), || e2e::stage("chromium").map(|said| lines(&said, "chromium: "))),
    stage("e2e-firefox", Some("release"), || e2e::stage("firefox").map(|said| lines(&said, "firefox: "))),
    stage("readable", Some("e2e-chromium"), readable::check),
    stage("size", Some("web"), || size::check().map(|all| all.into_iter().filter(|line| line.starts_with("size: ")).collect())),
    stage("unchanged", None, unchanged),
];

#[derive(Clone, Copy, PartialEq)]
enum End {
    Passed,
    Failed,
    NotRun,
}

/// Runs the named stages, or all of them.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if arguments.iter().any(|argument| argument == "--list") {
        STAGES.iter().for_each(|stage| println!("{}", stage.name));
        return Ok(());
    }
    if let Some(unknown) = arguments.iter().find(|wanted| !STAGES.iter().any(|stage| stage.name == *wanted)) {
        bail!("no stage {unknown:?}; `cargo xtask test --list` names them");
    }
    let mut ends: Vec<(&str, Duration, End)> = Vec::new();
    let mut closing = Vec::new();
    for stage in STAGES.iter().filter(|stage| arguments.is_empty() || arguments.iter().any(|wanted| wanted == stage.name)) {
        println!("\n== {}", stage.name);
        let missing = stage.needs.filter(|needed| ends.iter().any(|(name, _, end)| name == needed && *end != End::Passed));
        if let Some(needed) = missing {
            println!("== {}: not run, because {needed} did not pass", stage.name);
            ends.push((stage.name, Duration::ZERO, End::NotRun));
            continue;
        }
        let start = Instant::now();
        let end = match (stage.work)() {
            Ok(lines) => {
                closing.extend(lines);
                End::Passed
            }
            Err(error) => {
                let told = format!("== {}: {error:#}", stage.name);
                println!("{told}");
                // Again at the end: where only the end of a long output is kept, it is there.
                closing.push(told);
                End::Failed
            }
        };
        println!("== {}: {} in {}", stage.name, word(end), minutes(start.elapsed()));
        ends.push((stage.name, start.elapsed(), end));
    }
    close(&ends, &closing)
}

fn close(ends: &[(&str, Duration, End)], closing: &[String]) -> Result<()> {
    println!("\nminutes  stage");
    for (name, took, end) in ends {
        println!("{:>7}  {name}: {}", minutes(*took).trim_end_matches(" min"), word(*end));
    }
    println!("{:>7}  in all\n", minutes(ends.iter().map(|(_, took, _)| *took).sum()).trim_end_matches(" min"));
    closing.iter().for_each(|line| println!("{line}"));
    let failed: Vec<&str> = ends.iter().filter(|(_, _, end)| *end != End::Passed).map(|(name, _, _)| *name).collect();
    if failed.is_empty() { Ok(()) } else { bail!("failed: {}", failed.join(", ")) }
}

const fn word(end: End) -> &'static str {
    match end {
        End::Passed => "passed",
        End::Failed => "FAILED",
        End::NotRun => "NOT RUN",
    }
}

fn minutes(time: Duration) -> String {
    format!("{:.1} min", time.as_secs_f64() / 60.0)
}

fn quiet(mut command: std::process::Command) -> Result<Vec<String>> {
    process::run(&mut command).map(|()| Vec::new())
}

/// Lines of an output that begin with `start`, wherever the program indented them.
fn lines(said: &str, start: &str) -> Vec<String> {
    said.lines().map(str::trim).filter(|line| line.starts_with(start)).map(String::from).collect()
}

/// What a stage may be called.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    STAGES.iter().map(|stage| stage.name)
}

fn tests() -> Result<Vec<String>> {
    tools::nextest()?;
    let sources = claims::results::forget()?;
    let mut command = process::cargo(["nextest", "run", "--workspace", "--exclude", "client-wasm", "--no-fail-fast"]);
    let said = process::tee(command.args(["--profile", claims::results::PROFILE]))?;
    claims::results::keep(&sources)?;
    let summary = lines(&said, "Summary ");
    if summary.is_empty() {
        bail!("nextest ended without a summary");
    }
    Ok(summary)
}

fn clippy_native() -> std::process::Command {
    process::cargo(["clippy", "--workspace", "--exclude", "client-wasm", "--all-targets", "--", "-D", "warnings"])
}

fn clippy_wasm() -> Result<Vec<String>> {
    tools::for_wasm()?;
    let mut command = web::cargo_wasm(["clippy", "-p", "client-wasm", "--target", "wasm32-unknown-unknown", "--all-targets"]);
    process::run(command.args(["--", "-D", "warnings"])).map(|()| Vec::new())
}

/// Only our own crates: the documentation of the others is theirs.
fn docs() -> Result<Vec<String>> {
    let mut command =
        process::cargo(["doc", "--no-deps", "--workspace", "--exclude", "client-wasm", "--document-private-items"]);
    quiet_command(command.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))
}

fn quiet_command(command: &mut std::process::Command) -> Result<Vec<String>> {
    process::run(command).map(|()| Vec::new())
}

fn web_check() -> Result<Vec<String>> {
    let web = root::root().join("web");
    for script in ["check", "test"] {
        process::run(&mut process::node(&web, "npm", ["run", "--silent", script]))?;
    }
    Ok(Vec::new())
}

fn wasm_tests(browser: &str) -> Result<Vec<String>> {
    tools::for_wasm_tests()?;
    let folder = root::root().join("client-wasm");
    let (flag, driver_flag, driver) = match browser {
        "chromium" => ("--chrome", "--chromedriver", "chromedriver"),
        _ => ("--firefox", "--geckodriver", "geckodriver"),
    };
    let driver = tools::find(driver).ok_or_else(|| anyhow!("{driver} is missing"))?;
    let mut command = process::node(&folder, "wasm-pack", ["test", "--headless", flag, driver_flag]);
    command.arg(driver).env("WASM_BINDGEN_TEST_TIMEOUT", "900").env("SQLITE_WASM_RS_FLAGS", web::sqlite_flags());
    let said = process::tee(&mut command)?;
    let (passed, failed) = count(&said);
    if passed == 0 || failed > 0 {
        bail!("{browser}: {passed} passed, {failed} failed inside the browser");
    }
    Ok(vec![format!("wasm in {browser}: {passed} passed, {failed} failed")])
}

/// Adds up the result lines of the test harness: `test result: ok. 3 passed; 0 failed; …`.
fn count(said: &str) -> (u64, u64) {
    let number = |line: &str, word: &str| -> u64 {
        let before = line.split(word).next().unwrap_or_default();
        before.split_whitespace().last().and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    let results: Vec<String> = lines(said, "test result: ");
    let sum = |word: &str| results.iter().filter(|line| line.contains(word)).map(|line| number(line, word)).sum();
    (sum(" passed"), sum(" failed"))
}

/// A test run writes nothing into the tree: generated files are committed, and they are up to date.
fn unchanged() -> Result<Vec<String>> {
    if !Path::new(&root::root()).join(".git").exists() || std::env::var_os("CI").is_none() {
        return Ok(Vec::new());
    }
    match process::said("git", &["status", "--porcelain"]) {
        Some(text) if text.is_empty() => Ok(Vec::new()),
        Some(text) => bail!("the tests changed the tree, so something generated was not committed:\n{text}"),
        None => bail!("git status failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_added_up() {
        let said = "x\n  test result: ok. 3 passed; 0 failed; 0 ignored\ntest result: FAILED. 1 passed; 2 failed; 0 ignored\n";
        assert_eq!(count(said), (4, 2));
        assert_eq!(count("nothing"), (0, 0));
    }

    #[test]
    fn one_failed_stage_is_named_and_the_whole_fails() {
        let ends = [
            ("fmt", Duration::ZERO, End::Passed),
            ("tidy", Duration::ZERO, End::Failed),
            ("size", Duration::ZERO, End::NotRun),
        ];
        let told = close(&ends, &[]).unwrap_err().to_string();
        assert_eq!(told, "failed: tidy, size");
        assert!(close(&ends[..1], &[]).is_ok());
    }

    #[test]
    fn every_needed_stage_exists_and_comes_before() {
        for (place, stage) in STAGES.iter().enumerate() {
            if let Some(needed) = stage.needs {
                assert!(STAGES[..place].iter().any(|earlier| earlier.name == needed), "{needed}");
            }
        }
    }
}
