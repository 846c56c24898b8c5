//! Documents that name a path name one that exists.

use super::Found;
use super::tree::Tree;

const CHECKED: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/KEYS.md",
    "docs/PROTOCOL.md",
    "docs/TESTING.md",
    "docs/THREAT-MODEL.md",
    "mutants/README.md",
];
/// Made by a build or a run, so not in the tree.
const MADE: [&str; 6] = ["target", ".sotto", "web/dist", "node_modules", "web/src/core/generated/pkg", "web/node_modules"];

pub(super) fn paths(tree: &Tree) -> Found {
    let mut found = Vec::new();
    for name in CHECKED {
        let Some(document) = tree.get(name) else {
            found.push(format!("{name} is missing"));
            continue;
        };
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut fenced = false;
        for (number, line) in document.text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
                continue;
            }
            if fenced {
                continue;
            }
            for path in named(line) {
                if !exists(tree, folder, &path) {
                    found.push(format!("{name}:{}: {path} does not exist", number + 1));
                }
            }
        }
    }
    found
}

fn exists(tree: &Tree, folder: &str, path: &str) -> bool {
    let made = MADE.iter().any(|prefix| path == *prefix || path.starts_with(&format!("{prefix}/")));
    let mut beside: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            ".." => drop(beside.pop()),
            "." | "" => {}
            name => beside.push(name),
        }
    }
    made || tree.has(path) || tree.has(&beside.join("/"))
}

/// Words in backticks that look like a path, and the targets of relative links.
fn named(line: &str) -> Vec<String> {
    let ticked = line.split('`').skip(1).step_by(2).filter(|word| looks_like_path(word)).map(String::from);
    let linked = line.split("](").skip(1).filter_map(|rest| rest.split([')', '#', ' ']).next());
    let linked = linked.filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"));
    ticked.chain(linked.map(String::from)).map(|path| path.trim_end_matches('/').to_string()).collect()
}

fn looks_like_path(word: &str) -> bool {
    let strange = |letter: char| letter.is_whitespace() || "<>*{}()[]$~=:;,'\"|&?@…".contains(letter);
    if word.is_empty()
        || word.starts_with(['/', '-', '.']) && !word.starts_with("./") && !word.starts_with(".c")
        || word.contains(strange)
    {
        return false;
    }
    let ends = [".rs", ".md", ".toml", ".ts", ".js", ".mjs", ".svelte", ".css", ".json", ".sql", ".html", ".yml"];
    let file = ends.iter().any(|end| word.ends_with(end));
    let first = word.split('/').next().unwrap_or_default();
    let tops = [
        "web",
        "server",
        "server-core",
        "mls",
        "mutants",
        "client-core",
        "client-store",
        "client-wasm",
        "shared",
        "sim",
        "fuzz",
        "bench",
        "xtask",
        "docs",
        "certs",
        ".ci",
        ".cargo",
    ];
    word.contains('/') && (file || tops.contains(&first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_gone_is_found() {
        let text = "See `client-core/src/gone.rs`, `client-core/src/here.rs`, `client-core/` and [the page](docs/none.md).\n";
        let written = [
            ("README.md", text),
            ("ARCHITECTURE.md", "run `cargo xtask test`, `target/release/sotto`, `text/plain`\n"),
            ("docs/TESTING.md", "[up](../README.md) and `web/dist/index.html`\n"),
            ("docs/THREAT-MODEL.md", "`mls/src/gone.rs`\n"),
            ("client-core/src/here.rs", ""),
        ];
        let empty = CHECKED.iter().filter(|name| !written.iter().any(|(path, _)| path == *name)).map(|name| (*name, ""));
        let tree = Tree::of(&written.iter().copied().chain(empty).collect::<Vec<_>>());
        let found = paths(&tree);
        let gone = [
            "README.md:1: client-core/src/gone.rs does not exist",
            "README.md:1: docs/none.md does not exist",
            "docs/THREAT-MODEL.md:1: mls/src/gone.rs does not exist",
        ];
        assert_eq!(found, gone);
    }

    #[test]
    fn a_missing_document_is_found() {
        assert_eq!(paths(&Tree::default()).len(), CHECKED.len());
    }
}
