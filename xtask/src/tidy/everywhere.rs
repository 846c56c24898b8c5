//! Rules for every file of the tree.

use super::Found;
use super::tree::Tree;

/// Marks are written in two pieces so that this file does not contain them.
fn marked(tree: &Tree, marks: &[&str], leave_out: fn(&str) -> bool) -> Found {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|file| !leave_out(&file.path)) {
        for (number, line) in file.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                let shown: String = line.trim().chars().take(120).collect();
                found.push(format!("{}:{}: {shown}", file.path, number + 1));
            }
        }
    }
    found
}

/// A test that ignores certificates proves nothing about a product whose users must not.
pub(super) fn certificates(tree: &Tree) -> Found {
    let marks = [
        concat!("ignore-certificate", "-errors"),
        concat!("acceptInsecure", "Certs"),
        concat!("ignoreHTTPS", "Errors"),
        concat!("reject", "Unauthorized"),
        concat!("NODE_TLS_REJECT", "_UNAUTHORIZED"),
        concat!("danger_accept", "_invalid"),
        concat!("allow-insecure", "-localhost"),
        concat!("setIgnoreCertificate", "Errors"),
        concat!("--in", "secure"),
        concat!("curl ", "-k"),
        concat!("--no-check", "-certificate"),
        concat!("assume_untrusted", "_issuer"),
    ];
    marked(tree, &marks, |_| false)
}

/// Debian's own paths are the same everywhere; folders of one person or machine are not.
pub(super) fn machines(tree: &Tree) -> Found {
    let marks =
        [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("C:", "\\Users")];
    marked(tree, &marks, |_| false)
}

pub(super) fn registries(tree: &Tree) -> Found {
    let crates = "registry+https://github.com/rust-lang/crates.io-index";
    let npm = "https://registry.npmjs.org/";
    let mut found = Vec::new();
    for file in &tree.files {
        let bad = |line: &str| match file.path.rsplit('/').next() {
            Some("Cargo.lock") => line.starts_with("source = ") && !line.contains(crates),
            Some("package-lock.json") => line.contains("\"resolved\":") && !line.contains(npm) && line.contains("://"),
            _ => false,
        };
        let lines = file.text.lines().enumerate().filter(|(_, line)| bad(line));
        found.extend(lines.map(|(number, line)| format!("{}:{}: {}", file.path, number + 1, line.trim())));
    }
    found
}

/// Crates of which a second version would be a second implementation of something that must be one.
const ONE_VERSION: [&str; 9] =
    ["hyper", "libsqlite3-sys", "openmls", "opaque-ke", "rusqlite", "rustls", "tokio", "tokio-rustls", "tungstenite"];

pub(super) fn one_version(tree: &Tree) -> Found {
    let lock = tree.get("Cargo.lock").map(|file| file.text.as_str()).unwrap_or_default();
    let count = |name: &str| lock.lines().filter(|line| *line == format!("name = \"{name}\"")).count();
    let twice = ONE_VERSION.iter().filter(|name| count(name) > 1);
    twice.map(|name| format!("Cargo.lock: {} versions of {name}", count(name))).collect()
}

pub(super) fn later(tree: &Tree) -> Found {
    let marks = [
        concat!("TO", "DO:"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
    ];
    marked(tree, &marks, |path| path.ends_with("REQUIREMENTS.md") || path.ends_with("lock.json") || path.ends_with(".svg"))
}

pub(super) fn switched_off(tree: &Tree) -> Found {
    let marks = [
        concat!("#[", "ignore"),
        concat!("test", ".skip("),
        concat!("it", ".skip("),
        concat!("describe", ".skip("),
        concat!("test", ".only("),
        concat!("it", ".only("),
        concat!("describe", ".only("),
    ];
    marked(tree, &marks, |_| false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_that_ignores_certificates_is_found() {
        let text = concat!("args: ['--ignore-certificate", "-errors']\n");
        assert_eq!(certificates(&Tree::of(&[("web/e2e/a.js", text)])).len(), 1);
        assert!(certificates(&Tree::of(&[("web/e2e/a.js", "args: ['--headless']\n")])).is_empty());
    }

    #[test]
    fn a_folder_of_one_machine_is_found() {
        assert_eq!(machines(&Tree::of(&[("README.md", concat!("cd /ho", "me/me/sotto\n"))])).len(), 1);
        assert!(machines(&Tree::of(&[("README.md", "run /usr/bin/chromium\n")])).is_empty());
    }

    #[test]
    fn a_foreign_registry_is_found() {
        let lock = "source = \"registry+https://elsewhere.example/index\"\n";
        assert_eq!(registries(&Tree::of(&[("Cargo.lock", lock)])).len(), 1);
        let npm = "\"resolved\": \"https://elsewhere.example/a.tgz\",\n";
        assert_eq!(registries(&Tree::of(&[("web/package-lock.json", npm)])).len(), 1);
        let good = "\"resolved\": \"https://registry.npmjs.org/a/-/a.tgz\",\n";
        assert!(registries(&Tree::of(&[("web/package-lock.json", good)])).is_empty());
    }

    #[test]
    fn a_second_version_is_found() {
        let lock = "name = \"rustls\"\nversion = \"0.23.1\"\n\nname = \"rustls\"\nversion = \"0.24.0\"\n\nname = \"rustls-pki-types\"\n";
        assert_eq!(one_version(&Tree::of(&[("Cargo.lock", lock)])), ["Cargo.lock: 2 versions of rustls"]);
    }

    #[test]
    fn notes_for_later_and_tests_switched_off_are_found() {
        assert_eq!(later(&Tree::of(&[("a.rs", concat!("// TO", "DO: more\n"))])).len(), 1);
        assert_eq!(switched_off(&Tree::of(&[("a.rs", concat!("#[", "ignore]\n"))])).len(), 1);
        assert_eq!(switched_off(&Tree::of(&[("a.test.ts", concat!("it", ".skip('x')\n"))])).len(), 1);
    }
}
