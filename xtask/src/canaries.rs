//! `cargo xtask canaries [name…]`: plants each bug of `mutants/` in a copy of the tree and shows who notices.
//!
//! A patch that nobody notices means that a guard could go without a word; the run is red then. The copy and its target folder
//! lie below `target/canaries`.

pub(crate) mod header;

use crate::{process, root, tools};
use anyhow::{Context, Result, bail};
use header::{Catcher, catchers};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Seeds to be tried at most, and how long: a mutant that makes worlds endless has to be noticed otherwise.
const SEEDS: &str = "2000";
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How nextest ends when a test failed; when it does not compile or no test is meant, it ends otherwise.
const TESTS_FAILED: i32 = 100;

/// A row of the table.
struct Row {
    mutant: String,
    caught: Option<String>,
    why: String,
}

/// Plants the named ones, or all.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let all = patches()?;
    let wanted: Vec<&PathBuf> = all.iter().filter(|path| arguments.is_empty() || arguments.contains(&name(path))).collect();
    if let Some(unknown) = arguments.iter().find(|wanted| !all.iter().any(|path| name(path) == **wanted)) {
        bail!("no mutant {unknown:?} in mutants/");
    }
    let home = root::target().join("canaries");
    let (tree, target) = (home.join("tree"), home.join("target"));
    borrow(&target)?;
    let mut rows = Vec::new();
    for path in wanted {
        let text = fs::read_to_string(path)?;
        let catchers = catchers(&text)?;
        println!("\n== {}", name(path));
        copy(&tree)?;
        apply(&tree, path, false)?;
        for catcher in catchers {
            rows.push(try_out(&tree, &target, &name(path), &catcher)?);
        }
    }
    copy(&tree)?;
    println!("\nmutant | caught by | what it said\n---|---|---");
    for row in &rows {
        println!("{} | {} | {}", row.mutant, row.caught.as_deref().unwrap_or("**nobody**"), row.why);
    }
    let survivors: Vec<&str> = rows.iter().filter(|row| row.caught.is_none()).map(|row| row.mutant.as_str()).collect();
    if survivors.is_empty() { Ok(()) } else { bail!("nobody noticed {}", survivors.join(", ")) }
}

/// The stage: every patch has a header that can be read and fits the tree.
pub(crate) fn check() -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let all = patches()?;
    for path in &all {
        let fits = catchers(&fs::read_to_string(path)?).and_then(|_| apply(&root::root(), path, true));
        if let Err(error) = fits {
            broken.push(format!("mutants/{}.patch: {error:#}", name(path)));
        }
    }
    if broken.is_empty() { Ok(vec![format!("mutants: {} fit the tree", all.len())]) } else { bail!("{}", broken.join("\n")) }
}

fn patches() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(root::root().join("mutants")).context("mutants/")?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    let mut patches: Vec<PathBuf> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "patch")).collect();
    patches.sort();
    Ok(patches)
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// What the work tree has compiled of others' crates serves the copy as well; its own crates are compiled anew, for their path differs.
fn borrow(target: &Path) -> Result<()> {
    let (from, to) = (root::target().join("debug"), target.join("debug"));
    if to.exists() || !from.join("deps").exists() {
        return Ok(());
    }
    fs::create_dir_all(&to)?;
    let folders = ["deps", "build", ".fingerprint"].map(|name| from.join(name));
    process::run(process::program("cp", ["-a"]).args(folders).arg(to))
}

/// Brings the copy up to date. What has not changed is not written, so that cargo compiles only what a mutant touches.
fn copy(tree: &Path) -> Result<()> {
    let listed = process::said("git", &["ls-files", "--cached", "--others", "--exclude-standard"]).context("git ls-files")?;
    for path in listed.lines() {
        let from = root::root().join(path);
        let Ok(content) = fs::read(&from) else { continue };
        let to = tree.join(path);
        if fs::read(&to).is_ok_and(|old| old == content) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&to, content)?;
    }
    Ok(())
}

/// Applies a patch to a tree, or only says whether it would; the error is the first thing git said.
pub(crate) fn apply(tree: &Path, patch: &Path, only_check: bool) -> Result<()> {
    let mut command = process::program("git", ["apply", "--whitespace=nowarn"]);
    if only_check {
        command.arg("--check");
    }
    // The copy lies inside the work tree; git must not take it for a part of it, or it silently applies nothing.
    let above = tree.parent().unwrap_or(tree);
    let output = command.arg(patch).current_dir(tree).env("GIT_CEILING_DIRECTORIES", above).output()?;
    if !output.status.success() {
        bail!("does not apply: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

fn try_out(tree: &Path, target: &Path, mutant: &str, catcher: &Catcher) -> Result<Row> {
    let mutant = mutant.to_string();
    let (caught, why) = match catcher {
        Catcher::Sim => seeds(tree, target)?,
        Catcher::Test { package, test } => {
            tools::nextest()?;
            let filter = format!("package({package}) & test(/(^|::){test}$/)");
            let mut command = process::cargo(["nextest", "run", "--no-fail-fast", "--package", package, "-E", &filter]);
            let status = command.current_dir(tree).env("CARGO_TARGET_DIR", target).status()?;
            match status.code() {
                Some(TESTS_FAILED) => (Some(catcher.to_string()), "red".to_string()),
                Some(0) => (None, format!("{test} passed")),
                _ => bail!("{mutant}: {test} of {package} could not be run ({status})"),
            }
        }
    };
    Ok(Row { mutant, caught, why })
}

/// The first seed that is red, and what was said of it.
fn seeds(tree: &Path, target: &Path) -> Result<(Option<String>, String)> {
    // Not as the stage builds it: most seeds are found early, and this compiles a mutant in seconds.
    let mut build = process::cargo(["build", "--quiet", "--package", "sim", "--bin", "sim"]);
    process::run(build.current_dir(tree).env("CARGO_TARGET_DIR", target))?;
    let out = target.join("seeds.txt");
    let mut command = process::program(target.join("debug/sim"), ["--seeds", SEEDS, "--until-red"]);
    let mut child = command.stdout(fs::File::create(&out)?).stderr(Stdio::null()).spawn()?;
    let begin = Instant::now();
    let ended = loop {
        if child.try_wait()?.is_some() {
            break true;
        }
        if begin.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            break false;
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let said = fs::read_to_string(&out)?;
    let first = said.lines().filter_map(red).min();
    Ok(match first {
        Some((seed, why)) => (Some(format!("seed {seed}")), why),
        None if ended => (None, format!("{SEEDS} seeds passed")),
        None => (None, format!("no seed was red in {} min", PATIENCE.as_secs() / 60)),
    })
}

/// `red: seed 17: lost: …`
fn red(line: &str) -> Option<(u64, String)> {
    let (seed, why) = line.strip_prefix("red: seed ")?.split_once(": ")?;
    // Ids differ from run to run; the rule does not.
    let why = why.split(": ").next().unwrap_or(why);
    Some((seed.parse().ok()?, why.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_red_seed_is_found() {
        assert_eq!(red("red: seed 17: lost: 80 (text) of profile 1"), Some((17, "lost".to_string())));
        assert_eq!(red("seed 17: 100 steps"), None);
        let said = "x\nred: seed 18: key used twice: y\nred: seed 17: not shown: z";
        assert_eq!(said.lines().filter_map(red).min(), Some((17, "not shown".to_string())));
    }

    #[test]
    fn a_patch_that_does_not_fit_is_said() {
        let folder = root::memory().join("canary-test");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("file"), "one\ntwo\n").unwrap();
        let patch = folder.join("a.patch");
        fs::write(&patch, "# catches: sim\n--- a/file\n+++ b/file\n@@ -1,2 +1,2 @@\n one\n-two\n+three\n").unwrap();
        apply(&folder, &patch, true).unwrap();
        assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "one\ntwo\n", "only checked");
        apply(&folder, &patch, false).unwrap();
        assert_eq!(fs::read_to_string(folder.join("file")).unwrap(), "one\nthree\n");
        assert!(apply(&folder, &patch, true).unwrap_err().to_string().contains("does not apply"));
    }
}
