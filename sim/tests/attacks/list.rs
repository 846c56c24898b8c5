//! docs/ATTACKS.md: every attack once, and every test that it names.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Highest number of the list.
const LAST: u32 = 106;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn sources(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.lines().filter_map(|line| {
                let name = line.trim_start().trim_start_matches("async ").strip_prefix("fn ")?;
                Some(name.split('(').next()?.to_owned())
            });
            found.extend(names);
        }
    }
}

fn in_backticks(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Every number stands once, with a verdict; every test named there exists; every attack of this harness is named there.
#[test]
fn every_attack_is_listed_and_every_test_exists() {
    let document = fs::read_to_string(root().join("docs/ATTACKS.md")).unwrap();
    let mut tests = BTreeSet::new();
    for folder in [
        "sim/tests",
        "sim/src",
        "server/tests",
        "server/src",
        "server-core/src",
        "client-core/src",
        "mls",
        "shared/src",
        "xtask/src",
    ] {
        sources(&root().join(folder), &mut tests);
    }
    let mut rows: BTreeMap<u32, u32> = BTreeMap::new();
    let mut wrong = vec![];
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, verdict, ..] = cells.as_slice() else { continue };
        let Ok(number) = number.trim_end_matches('★').trim().parse() else { continue };
        *rows.entry(number).or_default() += 1;
        let known = ["REFUSED", "ALARM", "GAP-SHOWN", "RESIDUAL", "feature missing", "not tested", "elsewhere"];
        if !known.iter().any(|known| verdict.contains(known)) {
            wrong.push(format!("{number}: no verdict in {verdict:?}"));
        }
        let tested = ["REFUSED", "ALARM", "GAP-SHOWN"].iter().any(|known| verdict.contains(known));
        if tested && in_backticks(line).next().is_none() {
            wrong.push(format!("{number}: a verdict without a test"));
        }
    }
    wrong.extend((1..=LAST).filter(|n| rows.get(n) != Some(&1)).map(|n| format!("{n} stands {:?} times", rows.get(&n))));
    let is_name =
        |text: &&str| text.contains('_') && text.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit());
    let named: BTreeSet<&str> = in_backticks(&document).filter(is_name).collect();
    wrong.extend(named.iter().filter(|name| !tests.contains(**name)).map(|name| format!("no test {name}")));
    let mut own = BTreeSet::new();
    for folder in ["sim/tests", "server/tests"] {
        sources(&root().join(folder), &mut own);
    }
    wrong.extend(
        own.iter().filter(|n| n.starts_with("attack_") && !named.contains(n.as_str())).map(|n| format!("not listed: {n}")),
    );
    assert!(wrong.is_empty(), "docs/ATTACKS.md:\n{}", wrong.join("\n"));
}
