//! What a fresh machine needs, checked by asking each program, installed where that is ours to do, named exactly where it is not.

use crate::{digest::Digest, process, root};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

const TARGET: &str = "wasm32-unknown-unknown";
/// Vite and the plugin for Svelte ask for one of these (major, minor), or anything newer than the last.
const NODE: [(u32, u32); 3] = [(20, 19), (22, 12), (24, 0)];

/// A program and the Debian package that brings it.
const BUILD_PACKAGES: [(&str, &str); 1] = [("clang", "clang")];
const TEST_PACKAGES: [(&str, &str); 4] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("firefox-esr", "firefox-esr"),
    ("certutil", "libnss3-tools"),
];

/// Whatever any command needs.
pub(crate) fn all() -> Result<()> {
    for_wasm_tests()?;
    for_browser_tests()?;
    nextest()?;
    faketime()?;
    println!("all tools are there");
    Ok(())
}

/// The WebAssembly target, its C compiler and the generator of its JavaScript.
pub(crate) fn for_wasm() -> Result<()> {
    debian(&BUILD_PACKAGES)?;
    let installed = process::said("rustup", &["target", "list", "--installed"]);
    match installed {
        Some(targets) if targets.lines().any(|line| line == TARGET) => {}
        Some(_) => process::run(&mut process::program("rustup", ["target", "add", TARGET]))?,
        None if has_target_without_rustup() => {}
        None => bail!("the target {TARGET} is missing and there is no rustup to add it: install https://rustup.rs"),
    }
    let wanted = locked("wasm-bindgen")?;
    let found = process::said("wasm-bindgen", &["--version"]);
    if found.as_deref() != Some(format!("wasm-bindgen {wanted}").as_str()) {
        // Without --locked: the versions it locks do not build together.
        process::run(&mut process::cargo(["install", "wasm-bindgen-cli", "--version", &wanted, "--force"]))?;
    }
    Ok(())
}

/// node, npm and the packages of the page.
pub(crate) fn for_page() -> Result<()> {
    node()?;
    packages("web")
}

/// Both browsers, their drivers and the packages of the browser suite, which are among those of the page.
pub(crate) fn for_browser_tests() -> Result<()> {
    debian(&TEST_PACKAGES)?;
    for_page()
}

/// What drives the tests that run inside a browser without a page.
pub(crate) fn for_wasm_tests() -> Result<()> {
    for_wasm()?;
    debian(&TEST_PACKAGES)?;
    cargo_program("wasm-pack")?;
    cargo_program("geckodriver")
}

/// The library that moves the clock of one process.
pub(crate) fn faketime() -> Result<PathBuf> {
    debian(&[("faketime", "faketime")])?;
    let folders = fs::read_dir("/usr/lib").context("/usr/lib")?.flatten().map(|entry| entry.path());
    let found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.is_file());
    found.context("faketime is installed, but there is no /usr/lib/*/faketime/libfaketimeMT.so.1")
}

/// The test runner.
pub(crate) fn nextest() -> Result<()> {
    if process::said("cargo", &["nextest", "--version"]).is_none() {
        process::run(&mut process::cargo(["install", "cargo-nextest", "--locked"]))?;
    }
    Ok(())
}

/// Where a program lies, by looking through `PATH`.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&process::path()).map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn cargo_program(name: &str) -> Result<()> {
    if find(name).is_none() {
        process::run(&mut process::cargo(["install", name]))?;
    }
    Ok(())
}

fn has_target_without_rustup() -> bool {
    let sysroot = process::said("rustc", &["--print", "sysroot"]);
    sysroot.is_some_and(|path| Path::new(&path).join("lib/rustlib").join(TARGET).is_dir())
}

fn node() -> Result<()> {
    let wanted = "Node.js 20.19, 22.12 or 24 and newer (https://nodejs.org), with npm";
    let Some(version) = process::said("node", &["--version"]) else { bail!("node is missing: install {wanted}") };
    if !is_new_enough(&version) {
        bail!("node is {version}, but {wanted} is needed");
    }
    if find("npm").is_none() {
        bail!("npm is missing: it comes with Node.js (https://nodejs.org)");
    }
    Ok(())
}

fn is_new_enough(node: &str) -> bool {
    let mut numbers = node.trim_start_matches('v').split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else { return false };
    let newest = NODE.iter().map(|(major, _)| *major).max().unwrap_or(0);
    major > newest || NODE.iter().any(|(wanted, least)| major == *wanted && minor >= *least)
}

fn debian(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> =
        wanted.iter().filter(|(program, _)| find(program).is_none()).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let root = process::said("id", &["-u"]).as_deref() == Some("0");
    if !root || find("apt-get").is_none() {
        bail!("missing: {list}. On Debian: sudo apt-get install -y {list}");
    }
    process::run(&mut process::program("apt-get", ["update", "-q"]))?;
    let mut install = process::program("apt-get", ["install", "-q", "-y", "--no-install-recommends"]);
    process::run(install.args(missing).env("DEBIAN_FRONTEND", "noninteractive"))
}

/// `npm ci`, only when the lock file is not the one that was installed last.
fn packages(folder: &str) -> Result<()> {
    let folder = root::root().join(folder);
    let lock = folder.join("package-lock.json");
    let content = fs::read(&lock).with_context(|| format!("{} is missing", lock.display()))?;
    let mut digest = Digest::new();
    digest.add("package-lock.json", &content);
    let stamp = folder.join("node_modules/.sotto-lock");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == digest.text()) {
        return Ok(());
    }
    // No package may run a program of its own on the machine it is installed on.
    process::run(&mut process::node(&folder, "npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))?;
    fs::write(stamp, digest.text())?;
    Ok(())
}

/// The version of a crate in Cargo.lock.
fn locked(name: &str) -> Result<String> {
    let lock = fs::read_to_string(root::root().join("Cargo.lock")).context("Cargo.lock")?;
    version_in(&lock, name).with_context(|| format!("Cargo.lock does not name {name}"))
}

fn version_in(lock: &str, name: &str) -> Option<String> {
    let mut lines = lock.lines();
    lines.find(|line| *line == format!("name = \"{name}\""))?;
    let version = lines.next()?.strip_prefix("version = \"")?;
    Some(version.trim_end_matches('"').to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_odd_or_old_node_is_named() {
        for good in ["v20.19.0", "v22.12.1", "v24.0.0", "v25.1.0"] {
            assert!(is_new_enough(good), "{good}");
        }
        for bad in ["v20.18.3", "v21.7.0", "v22.11.0", "v18.20.0", "", "node"] {
            assert!(!is_new_enough(bad), "{bad}");
        }
    }

    #[test]
    fn the_version_is_the_one_of_that_very_crate() {
        let lock = "name = \"wasm-bindgen-futures\"\nversion = \"0.4.1\"\n\nname = \"wasm-bindgen\"\nversion = \"0.2.9\"\n";
        assert_eq!(version_in(lock, "wasm-bindgen").as_deref(), Some("0.2.9"));
        assert_eq!(version_in(lock, "wasm"), None);
    }
}
