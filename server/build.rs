//! Lists the built web client (`web/dist`) as a table of `include_bytes!`, so that a release is one file.
//! A debug build embeds nothing and reads the folder while it runs; without a built client the server says how to build one.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::Result,
    path::{Path, PathBuf},
};

fn main() -> Result<()> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../web/dist");
    let dist = dist.canonicalize().unwrap_or(dist);
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = vec![];
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed={}", dist.display());
        if dist.is_dir() {
            walk(&dist, &mut files)?;
        }
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in files.iter().filter(|file| !is_compressed(file)) {
        let name = file.strip_prefix(&dist).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let brotli = with_suffix(file, ".br");
        let brotli = if files.contains(&brotli) { format!("Some(include_bytes!({brotli:?}))") } else { "None".to_owned() };
        println!("cargo::rerun-if-changed={}", file.display());
        let _ = writeln!(
            table,
            "    Embedded {{ path: {:?}, plain: include_bytes!({file:?}), brotli: {brotli} }},",
            format!("/{name}")
        );
    }
    table.push(']');
    fs::write(PathBuf::from(env::var("OUT_DIR").unwrap_or_default()).join("assets.rs"), table)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), files)?;
        } else {
            files.push(entry.path().canonicalize()?);
        }
    }
    Ok(())
}

fn is_compressed(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "br" || extension == "gz")
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
