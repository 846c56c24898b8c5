//! The WebAssembly core and the page around it: cargo → wasm-bindgen → wasm-opt → Vite → compressed copies.
//!
//! Each half is remembered by the content of what went in and what came out, so a second build without a change costs nothing,
//! and one whose result was touched is made again.

use crate::{digest::Digest, process, root, tools};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Crates whose sources make up the core; `Cargo.lock` speaks for all others.
const CRATES: [&str; 5] = ["shared", "mls", "client-core", "client-store", "client-wasm"];
const GENERATED: &str = "web/src/core/generated/pkg";
const DIST: &str = "web/dist";
/// The same screens over canned data, for pictures and for the stage `screens`.
const LOOK: &str = "web/look/dist";
/// What is no input of the page: results, packages, and what looks at it from outside.
const NOT_PAGE: [&str; 5] = ["node_modules", "dist", "e2e", "look", "pkg"];
/// The canned page knows no core, but what stands in `web/look`.
const NOT_LOOK: [&str; 5] = ["node_modules", "dist", "e2e", "shots", "pkg"];

/// Parts of SQLite nobody here uses, and ciphers other than ChaCha20: about 220 KB of code.
const SQLITE_WITHOUT: [&str; 12] = [
    "FTS5",
    "RTREE",
    "SESSION",
    "PREUPDATE_HOOK",
    "API_ARMOR",
    "BYTECODE_VTAB",
    "DBPAGE_VTAB",
    "DBSTAT_VTAB",
    "STMTVTAB",
    "OFFSET_SQL_FUNC",
    "MATH_FUNCTIONS",
    "UNLOCK_NOTIFY",
];
const CIPHERS_WITHOUT: [&str; 6] = ["AES_128_CBC", "AES_256_CBC", "SQLCIPHER", "RC4", "ASCON128", "AEGIS"];

const OPTIMISE: [&str; 9] = [
    "-Oz",
    "--strip-debug",
    "--strip-producers",
    "--enable-bulk-memory",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-multivalue",
];

const COMPRESS: &str = include_str!("compress.mjs");

/// Builds what is out of date and returns the folder of the finished page.
pub(crate) fn build() -> Result<PathBuf> {
    tools::for_wasm()?;
    tools::for_page()?;
    wasm()?;
    page()
}

/// A cargo command for the browser, with the environment that all of them must share (another one would compile SQLite again).
pub(crate) fn cargo_wasm<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = process::cargo(arguments);
    command.env("SQLITE_WASM_RS_FLAGS", sqlite_flags());
    command
}

/// See `cargo_wasm`.
pub(crate) fn sqlite_flags() -> String {
    let parts = SQLITE_WITHOUT.iter().map(|part| format!("-USQLITE_ENABLE_{part}"));
    let ciphers = CIPHERS_WITHOUT.iter().map(|cipher| format!("-DHAVE_CIPHER_{cipher}=0"));
    parts.chain(ciphers).collect::<Vec<_>>().join(" ")
}

fn wasm() -> Result<()> {
    let root = root::root();
    let mut inputs = Digest::new();
    for path in ["Cargo.lock", "Cargo.toml", "rust-toolchain.toml", "xtask/src/web.rs"] {
        inputs.add_tree(&root, path, &[])?;
    }
    for path in CRATES {
        inputs.add_tree(&root, path, &["tests", "pkg", "node_modules"])?;
    }
    inputs.add("options", format!("{} {OPTIMISE:?} {BINDGEN:?}", sqlite_flags()).as_bytes());
    once("wasm", &inputs, GENERATED, || {
        let mut build = cargo_wasm(["rustc", "-p", "client-wasm", "--profile", "wasm", "--target", "wasm32-unknown-unknown"]);
        // As an ordinary library with this one flag: a crate that is `rlib` and `cdylib` at once loses its link-time optimisation.
        process::run(
            build.args(["--crate-type", "cdylib"]).env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", remap(&root)),
        )?;
        let raw = root::target().join("wasm32-unknown-unknown/wasm/client_wasm.wasm");
        let generated = root.join(GENERATED);
        if generated.exists() {
            fs::remove_dir_all(&generated)?;
        }
        process::run(process::program("wasm-bindgen", BINDGEN).arg("--out-dir").arg(&generated).arg(&raw))?;
        let bound = generated.join("core_bg.wasm");
        let small = generated.join("small.wasm");
        process::run(process::program(wasm_opt(&root)?, OPTIMISE).arg(&bound).arg("-o").arg(&small))?;
        println!("core: {} from cargo, {} bound, {} optimised (KB)", kilobytes(&raw)?, kilobytes(&bound)?, kilobytes(&small)?);
        fs::rename(small, bound)?;
        Ok(())
    })
}

const BINDGEN: [&str; 5] = ["--target", "web", "--omit-default-module-path", "--out-name", "core"];

fn page() -> Result<PathBuf> {
    let root = root::root();
    let mut inputs = Digest::new();
    inputs.add_tree(&root, "web", &NOT_PAGE)?;
    inputs.add_tree(&root, GENERATED, &[])?;
    inputs.add("compress", COMPRESS.as_bytes());
    let dist = root.join(DIST);
    once("page", &inputs, DIST, || {
        process::run(&mut process::node(&root.join("web"), "npm", ["run", "--silent", "build"]))?;
        if !dist.join("index.html").is_file() {
            bail!("the build of the page left no {DIST}/index.html");
        }
        process::run(process::node(&root, "node", ["--input-type=module", "--eval", COMPRESS]).arg(&dist))
    })?;
    Ok(dist)
}

/// Builds the page over canned data if it is out of date.
pub(crate) fn look() -> Result<()> {
    tools::for_page()?;
    let root = root::root();
    let mut inputs = Digest::new();
    inputs.add_tree(&root, "web", &NOT_LOOK)?;
    once("look", &inputs, LOOK, || process::run(&mut process::node(&root.join("web"), "npm", ["run", "--silent", "look"])))
}

/// Runs `work` unless these inputs have already made exactly what lies in `output`.
fn once(name: &str, inputs: &Digest, output: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let root = root::root();
    let stamp = root::memory().join(format!("{name}.stamp"));
    let state = |root: &Path| -> Result<String> {
        let mut made = Digest::new();
        made.add_tree(root, output, &[])?;
        Ok(format!("{} {}", inputs.text(), made.text()))
    };
    if fs::read_to_string(&stamp).is_ok_and(|text| state(&root).is_ok_and(|now| now == text)) {
        return Ok(());
    }
    work().with_context(|| format!("building {name}"))?;
    fs::create_dir_all(root::memory())?;
    fs::write(stamp, state(&root)?)?;
    Ok(())
}

/// The binary must not tell where it was built.
fn remap(root: &Path) -> String {
    let home = root::cargo_bin().parent().map(Path::to_path_buf).unwrap_or_default();
    format!("--remap-path-prefix={}=/sotto --remap-path-prefix={}=/cargo", root.display(), home.display())
}

fn wasm_opt(root: &Path) -> Result<PathBuf> {
    let path = root.join("web/node_modules/.bin/wasm-opt");
    if path.exists() { Ok(path) } else { bail!("{} is missing: binaryen belongs to the packages of web/", path.display()) }
}

fn kilobytes(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).with_context(|| path.display().to_string())?.len() / 1000)
}
