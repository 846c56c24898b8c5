//! Who may know whom among the crates.

use super::Found;
use super::tree::{File, Tree, code, names, shipped};

const RUST: &[&str] = &[".rs"];
/// The crates that ship.
const SHIPPED: [&str; 7] = ["shared/", "mls/", "client-core/", "client-store/", "client-wasm/", "server-core/", "server/"];
/// Tools: they may know everybody, and nobody knows them.
const TOOLS: [&str; 4] = ["sim", "fuzz", "bench", "xtask"];
const OURS: [&str; 11] =
    ["shared", "mls", "client-core", "client-store", "client-wasm", "server-core", "server", "sim", "fuzz", "bench", "xtask"];

fn may_know(name: &str) -> &'static [&'static str] {
    match name {
        "mls" => &["shared"],
        "client-core" | "server-core" => &["mls", "shared"],
        "client-store" => &["client-core", "shared"],
        "client-wasm" => &["client-core", "client-store", "shared"],
        "server" => &["server-core", "shared"],
        _ => &[],
    }
}

/// The dependencies a manifest names: (only for tests, name).
fn dependencies(manifest: &str) -> Vec<(bool, String)> {
    let mut section = "";
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix('[') {
            section = head.trim_end_matches(']');
            if let Some(name) = section.split("dependencies.").nth(1) {
                found.push((section.contains("dev-dependencies"), name.to_string()));
            }
        } else if section.ends_with("dependencies") && !line.starts_with('#') {
            let name: String = line.chars().take_while(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect();
            if !name.is_empty() {
                found.push((section.ends_with("dev-dependencies"), name));
            }
        }
    }
    found
}

pub(super) fn direction(tree: &Tree) -> Found {
    let mut found = Vec::new();
    for name in OURS.iter().filter(|name| !TOOLS.contains(name)) {
        let path = format!("{name}/Cargo.toml");
        let Some(manifest) = tree.get(&path) else {
            found.push(format!("{path} is missing"));
            continue;
        };
        for (only_tests, other) in dependencies(&manifest.text) {
            let tool = TOOLS.contains(&other.as_str());
            let upwards = OURS.contains(&other.as_str()) && !only_tests && !may_know(name).contains(&other.as_str());
            if tool || upwards {
                found.push(format!("{path}: {name} must not depend on {other}"));
            }
        }
    }
    found
}

const IMPURE: [&str; 11] = [
    "tokio",
    "axum",
    "hyper",
    "wasm_bindgen",
    "web_sys",
    "js_sys",
    "Instant::now",
    "SystemTime::now",
    "thread_rng",
    "OsRng",
    "std::net",
];
const IMPURE_CRATES: [&str; 8] = ["tokio", "axum", "hyper", "wasm-bindgen", "web-sys", "js-sys", "rusqlite", "rand"];

pub(super) fn pure(tree: &Tree) -> Found {
    let mut found = Vec::new();
    for name in ["shared", "mls", "client-core", "server-core"] {
        let folder = format!("{name}/src/");
        // Tests have a clock of their own to compare with.
        let files = tree.below(&folder, RUST).filter(|file| !file.path.contains("/src/tests"));
        found.extend(lines(files, |line| IMPURE.iter().any(|word| names(line, word))));
        let path = format!("{name}/Cargo.toml");
        let named = tree.get(&path).map(|file| dependencies(&file.text)).unwrap_or_default();
        let sql = |other: &str| name == "server-core" && other == "rusqlite";
        for (only_tests, other) in named {
            if !only_tests && IMPURE_CRATES.contains(&other.as_str()) && !sql(&other) {
                found.push(format!("{path}: {other}"));
            }
        }
    }
    found
}

/// `path:line: text` for every shipped line that `wrong` says is wrong.
fn lines<'a>(files: impl Iterator<Item = &'a File>, wrong: impl Fn(&str) -> bool) -> Found {
    let mut found = Vec::new();
    for file in files {
        for (number, line) in shipped(&file.text) {
            if wrong(line) {
                found.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    found
}

/// Rust files of the crates that ship, outside of these beginnings.
fn sources<'a>(tree: &'a Tree, home: &'a [&'a str]) -> impl Iterator<Item = &'a File> {
    tree.files.iter().filter(move |file| {
        let path = file.path.as_str();
        path.ends_with(".rs")
            && path.contains("/src/")
            && SHIPPED.iter().any(|name| path.starts_with(name))
            && !home.iter().any(|folder| path.starts_with(folder))
    })
}

pub(super) fn openmls(tree: &Tree) -> Found {
    let words = ["openmls", "openmls_traits", "openmls_libcrux_crypto", "openmls_basic_credential", "openmls_memory_storage"];
    let home = ["mls/", "client-core/src/mls", "server-core/src/mls"];
    lines(sources(tree, &home), |line| words.iter().any(|word| names(line, word)))
}

pub(super) fn drivers(tree: &Tree) -> Found {
    let home = ["server-core/src/sql", "client-store/src/", "client-wasm/src/store", "client-wasm/src/opfs"];
    lines(sources(tree, &home), |line| ["rusqlite", "postgres", "tokio_postgres"].iter().any(|word| names(line, word)))
}

pub(super) fn opaque(tree: &Tree) -> Found {
    let home = ["client-core/src/account", "server-core/src/account"];
    lines(sources(tree, &home), |line| names(line, "opaque_ke"))
}

fn is_sql(line: &str) -> bool {
    ["SELECT ", "INSERT INTO ", "INSERT OR ", "DELETE FROM ", "CREATE TABLE ", "PRAGMA "].iter().any(|word| line.contains(word))
        || (line.contains("UPDATE ") && line.contains(" SET "))
}

pub(super) fn server_sql(tree: &Tree) -> Found {
    lines(tree.below("server/src/", RUST), is_sql)
}

pub(super) fn built_sql(tree: &Tree) -> Found {
    lines(sources(tree, &[]), |line| line.contains("format!(") && is_sql(line))
}

/// `unsafe` as the word that begins something.
fn is_unsafe(line: &str) -> bool {
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe trait"]
        .iter()
        .any(|word| names(line, word) || line.contains(word))
}

pub(super) fn unsafe_code(tree: &Tree) -> Found {
    let with: Vec<&File> = tree
        .files
        .iter()
        .filter(|file| file.path.ends_with(".rs") && !file.path.starts_with("xtask/src/tidy/"))
        .filter(|file| code(&file.text).any(|(_, line)| is_unsafe(line)))
        .collect();
    let allowed = |file: &File| file.path.starts_with("client-wasm/src/") && file.text.contains("SAFETY:");
    match with.as_slice() {
        [] => Vec::new(),
        [one] if allowed(one) => Vec::new(),
        more => more.iter().map(|file| file.path.clone()).collect(),
    }
}

pub(super) fn allowed(tree: &Tree) -> Found {
    let marks = [concat!("#[", "allow("), concat!("#![", "allow(")];
    let files = tree.files.iter().filter(|file| file.path.ends_with(".rs"));
    let mut found = Vec::new();
    for file in files {
        for (number, line) in code(&file.text) {
            if marks.iter().any(|mark| line.contains(mark)) {
                found.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_manifests(extra: (&str, &str)) -> Tree {
        let mut files: Vec<(String, &str)> =
            OURS.iter().map(|name| (format!("{name}/Cargo.toml"), "[dependencies]\n")).collect();
        for (path, text) in &mut files {
            if path == extra.0 {
                *text = extra.1;
            }
        }
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        Tree::of(&files)
    }

    #[test]
    fn a_dependency_upwards_is_found_however_it_is_written() {
        for text in [
            "[dependencies]\nserver-core.workspace = true\n",
            "[dependencies]\nserver-core = { path = \"../server-core\" }\n",
            "[dependencies.server-core]\nworkspace = true\n",
            "[target.'cfg(unix)'.dependencies]\nserver-core.workspace = true\n",
        ] {
            assert_eq!(direction(&all_manifests(("client-core/Cargo.toml", text))).len(), 1, "{text}");
        }
        assert!(direction(&all_manifests(("client-core/Cargo.toml", "[dependencies]\nshared.workspace = true\n"))).is_empty());
    }

    #[test]
    fn nobody_depends_on_a_tool_not_even_for_tests() {
        assert_eq!(direction(&all_manifests(("server/Cargo.toml", "[dev-dependencies]\nsim.workspace = true\n"))).len(), 1);
        assert!(
            direction(&all_manifests(("server/Cargo.toml", "[dev-dependencies]\nclient-core.workspace = true\n"))).is_empty()
        );
    }

    #[test]
    fn a_clock_in_a_core_is_found_but_not_in_its_comments_or_tests() {
        let text = "// Instant::now is not called\nfn a() {\n    let t = Instant::now();\n}\n#[cfg(test)]\nmod tests {\n    OsRng\n}\n";
        let found = pure(&Tree::of(&[("client-core/src/a.rs", text)]));
        assert_eq!(found, ["client-core/src/a.rs:3: let t = Instant::now();"]);
        assert!(pure(&Tree::of(&[("server-core/src/tests/world.rs", "SystemTime::now();\n")])).is_empty());
        assert_eq!(pure(&Tree::of(&[("server-core/Cargo.toml", "[dependencies]\ntokio.workspace = true\n")])).len(), 1);
    }

    #[test]
    fn libraries_outside_their_folders_are_found() {
        let file = |path: &'static str, text: &'static str| Tree::of(&[(path, text)]);
        assert_eq!(openmls(&file("client-core/src/client.rs", "use openmls::prelude::*;\n")).len(), 1);
        assert!(openmls(&file("client-core/src/mls/group.rs", "use openmls::prelude::*;\n")).is_empty());
        assert_eq!(drivers(&file("server/src/main.rs", "use rusqlite::Connection;\n")).len(), 1);
        assert_eq!(drivers(&file("client-wasm/src/run.rs", "use rusqlite::Connection;\n")).len(), 1);
        assert!(drivers(&file("client-wasm/src/opfs.rs", "use rusqlite::Connection;\n")).is_empty());
        assert_eq!(opaque(&file("client-core/src/client.rs", "opaque_ke::x();\n")).len(), 1);
        assert!(opaque(&file("server-core/src/account/login.rs", "opaque_ke::x();\n")).is_empty());
    }

    #[test]
    fn sql_is_found_where_it_does_not_belong() {
        let sql = "let q = \"SELECT 1 FROM a\";\n";
        assert_eq!(server_sql(&Tree::of(&[("server/src/http.rs", sql)])).len(), 1);
        assert!(server_sql(&Tree::of(&[("server-core/src/a/rows.rs", sql)])).is_empty());
        let built = "let q = format!(\"DELETE FROM {table}\");\n";
        assert_eq!(built_sql(&Tree::of(&[("server-core/src/a/rows.rs", built)])).len(), 1);
    }

    #[test]
    fn unsafe_outside_the_one_file_is_found() {
        let one = ("client-wasm/src/opfs.rs", "// SAFETY: the name is a constant\nunsafe { f() }\n");
        assert!(unsafe_code(&Tree::of(&[one])).is_empty());
        assert_eq!(unsafe_code(&Tree::of(&[one, ("client-wasm/src/other.rs", "// SAFETY: x\nunsafe { g() }\n")])).len(), 2);
        assert_eq!(unsafe_code(&Tree::of(&[("server/src/main.rs", "unsafe { g() }\n")])).len(), 1);
        assert_eq!(unsafe_code(&Tree::of(&[("client-wasm/src/opfs.rs", "unsafe { without_reason() }\n")])).len(), 1);
    }

    #[test]
    fn an_allowed_lint_is_found() {
        let text = concat!("#[", "allow(dead_code)]\nfn a() {}\n");
        assert_eq!(allowed(&Tree::of(&[("sim/src/main.rs", text)])).len(), 1);
        assert!(allowed(&Tree::of(&[("sim/src/main.rs", "#[expect(dead_code, reason = \"x\")]\n")])).is_empty());
    }
}
