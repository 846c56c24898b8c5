//! The rules for the list of promises and for the prose that cites it.

use super::list::{Claim, Kind, Suite, place};
use super::results::Passed;
use super::{CLAIMS, MODEL};
use crate::stages;
use crate::tidy::{Tree, names, shipped};
use std::collections::BTreeSet;

/// Promises there have to be. Fewer would mean that some were taken out until the rest passed.
const AT_LEAST: usize = 40;
/// Pages beside those of `docs` that may cite a promise.
const PAGES: [&str; 4] = ["README.md", "SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Everything that is wrong, canaries apart.
pub(super) fn all(tree: &Tree, claims: &[Claim], passed: &Passed) -> Vec<String> {
    let mut found = ids(claims);
    for claim in claims {
        found.extend(whole(claim));
        found.extend(claim.tests.iter().filter_map(|test| broken(tree, claim, test, passed)));
        found.extend(claim.code.iter().filter_map(|anchor| gone(tree, claim, anchor)));
    }
    found.extend(cited(tree, claims));
    found.extend(attacks(claims, passed));
    found
}

/// One line for the close of a run.
pub(super) fn summary(claims: &[Claim]) -> String {
    let of = |kind: Kind| claims.iter().filter(|claim| claim.kind == kind).count();
    let (works, cannot, residual) = (of(Kind::Positive), of(Kind::Negative), of(Kind::Residual));
    format!(
        "claims: {} hold: {works} positive, {cannot} \"cannot\" with their canaries; {residual} residual risks are said",
        works + cannot
    )
}

fn ids(claims: &[Claim]) -> Vec<String> {
    let wrong = claims.iter().zip(1..).filter(|(claim, number)| claim.id != format!("C-{number}"));
    let mut found: Vec<String> =
        wrong.map(|(claim, number)| format!("{CLAIMS}: {} stands where C-{number} belongs", claim.id)).collect();
    let promises = claims.iter().filter(|claim| claim.kind != Kind::Residual).count();
    if promises < AT_LEAST {
        found.push(format!("{CLAIMS}: {promises} promises, at least {AT_LEAST} are due"));
    }
    found
}

/// Whether an entry says everything its kind has to say.
fn whole(claim: &Claim) -> Vec<String> {
    let mut found = Vec::new();
    let mut tell = |what: &str| found.push(format!("{CLAIMS}: {} {what}", claim.id));
    if [&claim.actor, &claim.asset, &claim.text].iter().any(|said| said.trim().is_empty()) || !claim.text.ends_with('.') {
        tell("lacks an actor, an asset or a sentence");
    }
    let reasoned = claim.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
    match claim.kind {
        Kind::Residual if !reasoned => tell("is a residual risk without a reason"),
        Kind::Residual => {}
        Kind::Positive | Kind::Negative => {
            if claim.tests.is_empty() {
                tell("names no test");
            }
            if claim.code.is_empty() {
                tell("names no place in the code");
            }
        }
    }
    found
}

/// Why a named test proves nothing in this run.
fn broken(tree: &Tree, claim: &Claim, test: &str, passed: &Passed) -> Option<String> {
    let (suite, package, name) = place(test);
    let there = match suite {
        Suite::Native => passed.contains(test),
        Suite::Browser => quoted(tree, "web/e2e/cases/", &[".js"], "name: ", name),
        Suite::Page => ["test(", "it(", "])("].iter().any(|call| quoted(tree, "web/src/", &[".test.ts"], call, name)),
        Suite::Screens => quoted(tree, "web/e2e/screens/", &[".js"], "name: ", name),
        Suite::Wasm => {
            let function = format!("fn {}(", name.rsplit("::").next().unwrap_or(name));
            tree.below("client-wasm/", &[".rs"]).any(|file| file.text.contains(&function))
        }
        Suite::Stage => stages::names().any(|stage| stage == name),
    };
    let why = match suite {
        Suite::Native => format!(
            "did not pass: it failed, is switched off, or is not there (written `<package> <test>`; package {package:?})"
        ),
        _ => "is not there".into(),
    };
    (!there).then(|| format!("{CLAIMS}: {}: {test} {why}", claim.id))
}

fn quoted(tree: &Tree, folder: &str, ends: &[&str], before: &str, name: &str) -> bool {
    let forms = ["'", "\"", "`"].map(|quote| format!("{before}{quote}{name}{quote}"));
    tree.below(folder, ends).any(|file| forms.iter().any(|form| file.text.contains(form.as_str())))
}

/// Why an anchor leads nowhere: the file is gone, or defines nothing of that name outside its tests.
fn gone(tree: &Tree, claim: &Claim, anchor: &str) -> Option<String> {
    let (path, symbol) = anchor.split_once('#').unwrap_or((anchor, ""));
    let last = symbol.rsplit("::").next().unwrap_or(symbol);
    let defines = |text: &str, path: &str| {
        let rust = ["fn", "struct", "enum", "trait", "const", "static", "type", "mod"];
        shipped(text).any(|(_, line)| {
            names(line, last) && (!path.ends_with(".rs") || rust.iter().any(|word| names(line, &format!("{word} {last}"))))
        })
    };
    match tree.get(path) {
        Some(file) if !last.is_empty() && defines(&file.text, path) => None,
        Some(_) => Some(format!("{CLAIMS}: {}: {path} defines no {symbol:?}", claim.id)),
        None => Some(format!("{CLAIMS}: {}: {path} does not exist", claim.id)),
    }
}

/// Ids in prose that nobody defines, and promises the threat model never mentions.
fn cited(tree: &Tree, claims: &[Claim]) -> Vec<String> {
    let known: BTreeSet<&str> = claims.iter().map(|claim| claim.id.as_str()).collect();
    let mut found = Vec::new();
    let page = |path: &str| PAGES.contains(&path) || path.starts_with("docs/") && path.ends_with(".md");
    for file in tree.files.iter().filter(|file| page(&file.path)) {
        for (number, line) in file.text.lines().enumerate() {
            let unknown = citations(line).filter(|id| !known.contains(id));
            found.extend(unknown.map(|id| format!("{}:{}: there is no claim {id}", file.path, number + 1)));
        }
    }
    let model = tree.get(MODEL).map(|file| file.text.as_str()).unwrap_or_default();
    let said: BTreeSet<&str> = model.lines().flat_map(citations).collect();
    found.extend(known.difference(&said).map(|id| format!("{MODEL} does not mention [{id}]")));
    found
}

/// Every `[C-n]` of a line.
pub(super) fn citations(line: &str) -> impl Iterator<Item = &str> {
    let inside = line.split('[').skip(1).filter_map(|rest| rest.split(']').next());
    inside.filter(|word| {
        word.strip_prefix("C-").is_some_and(|rest| !rest.is_empty() && rest.chars().all(|letter| letter.is_ascii_digit()))
    })
}

/// A test written against an attack belongs to a promise, or nobody knows what it proves.
fn attacks(claims: &[Claim], passed: &Passed) -> Vec<String> {
    let serving: BTreeSet<&str> = claims.iter().flat_map(|claim| claim.tests.iter().map(String::as_str)).collect();
    let is_attack = |test: &str| test.rsplit([' ', ':']).next().unwrap_or(test).starts_with("attack_");
    passed
        .iter()
        .filter(|test| is_attack(test) && !serving.contains(test.as_str()))
        .map(|test| format!("{test} serves no claim"))
        .collect()
}

#[cfg(test)]
#[path = "check_tests.rs"]
pub(super) mod tests;
