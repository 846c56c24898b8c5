//! docs/REQUIREMENTS.md: every requirement has one row, and a row that says "done" names a test that exists.

use super::Found;
use super::tree::Tree;
use std::collections::BTreeMap;

const TRACE: &str = "docs/REQUIREMENTS.md";

fn wanted() -> impl Iterator<Item = String> {
    let rows = (1..=166).map(|number| format!("F{number:03}"));
    let decisions = (1..=18).map(|number| format!("D{number}"));
    let uses = (1..=76).map(|number| format!("U{number:02}"));
    rows.chain(decisions).chain(uses)
}

pub(super) fn trace(tree: &Tree) -> Found {
    let Some(document) = tree.get(TRACE) else {
        return vec![format!("{TRACE} is missing")];
    };
    let mut found = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, line) in document.text.lines().enumerate() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [name, state, proof, ..] = cells.as_slice() else { continue };
        if !is_name(name) {
            continue;
        }
        *seen.entry(name).or_default() += 1;
        let at = format!("{TRACE}:{}: {name}", number + 1);
        match *state {
            "done" => {
                let proofs = proofs(proof);
                if proofs.is_empty() {
                    found.push(format!("{at} is done but names no test"));
                }
                found.extend(
                    proofs.iter().filter(|proof| !exists(tree, proof)).map(|proof| format!("{at}: no test or file {proof}")),
                );
            }
            "planned" | "decided" if proof.is_empty() => found.push(format!("{at} says nothing")),
            "planned" | "decided" => {}
            other => found.push(format!("{at}: state {other:?} is none of done, planned, decided")),
        }
    }
    for name in wanted() {
        match seen.get(name.as_str()) {
            Some(1) => {}
            Some(count) => found.push(format!("{name} has {count} rows")),
            None => found.push(format!("{name} has no row")),
        }
    }
    found
}

fn is_name(cell: &str) -> bool {
    let digits = cell.trim_start_matches(['F', 'D', 'U']);
    cell.len() == digits.len() + 1 && !digits.is_empty() && digits.chars().all(|letter| letter.is_ascii_digit())
}

/// What stands in backticks; without any, the cell itself, cut at commas.
fn proofs(cell: &str) -> Vec<String> {
    let ticked: Vec<String> = cell.split('`').skip(1).step_by(2).map(|word| word.trim().to_string()).collect();
    let plain = || cell.split([',', ';']).map(|word| word.trim().to_string()).collect();
    let all: Vec<String> = if ticked.is_empty() { plain() } else { ticked };
    all.into_iter().filter(|word| !word.is_empty()).collect()
}

/// A path of the tree, a Rust test function (its module path may stand before it), or the quoted name of a script's test:
/// those of the browser suites in `web/e2e` and of the page's own.
fn exists(tree: &Tree, proof: &str) -> bool {
    if tree.has(proof) {
        return true;
    }
    let last = proof.rsplit("::").next().unwrap_or(proof).trim();
    let function = format!("fn {last}(");
    let quoted = [format!("'{proof}'"), format!("\"{proof}\""), format!("`{proof}`")];
    tree.files.iter().any(|file| {
        let rust = file.path.ends_with(".rs") && file.text.contains(&function);
        let script = file.path.ends_with(".test.ts") || file.path.starts_with("web/e2e/") && file.path.ends_with(".js");
        rust || script && quoted.iter().any(|name| file.text.contains(name.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(change: impl Fn(&str) -> Option<String>) -> Tree {
        let row = |name: String| change(&name).unwrap_or_else(|| format!("| {name} | planned | later |"));
        let text = wanted().map(row).collect::<Vec<_>>().join("\n");
        Tree::of(&[
            (TRACE, &text),
            ("sim/src/a.rs", "#[test]\nfn it_holds() {}\n"),
            ("web/e2e/cases/a.js", "name: 'two people talk',\n"),
            ("web/e2e/screens/b.js", "name: 'nothing moves',\n"),
            ("web/src/i18n/en.ts", "'not a test': 'Not a test',\n"),
        ])
    }

    #[test]
    fn a_whole_table_passes() {
        let good = table(|name| match name {
            "F001" => Some("| F001 | done | `sim::a::it_holds` |".into()),
            "U01" => Some("| U01 | done | two people talk, sim/src/a.rs |".into()),
            "U04" => Some("| U04 | done | `nothing moves` |".into()),
            _ => None,
        });
        assert_eq!(trace(&good), Vec::<String>::new());
    }

    #[test]
    fn a_missing_row_a_doubled_row_and_an_unknown_state_are_found() {
        assert_eq!(trace(&table(|name| (name == "D18").then(String::new))).len(), 1);
        assert_eq!(
            trace(&table(|name| (name == "D18").then(|| "| D18 | planned | a |\n| D18 | planned | b |".into()))).len(),
            1
        );
        assert_eq!(trace(&table(|name| (name == "D18").then(|| "| D18 | perhaps | a |".into()))).len(), 1);
    }

    #[test]
    fn done_without_an_existing_test_is_found() {
        assert_eq!(trace(&table(|name| (name == "F007").then(|| "| F007 | done | `no_such_test` |".into()))).len(), 1);
        assert_eq!(trace(&table(|name| (name == "F007").then(|| "| F007 | done | `not a test` |".into()))).len(), 1);
        assert_eq!(trace(&table(|name| (name == "F007").then(|| "| F007 | done | |".into()))).len(), 1);
    }
}
