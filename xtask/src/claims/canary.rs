//! A promise that somebody cannot do something has a patch that takes the guard away, and the patch names the tests that must notice.
//! Here only the names are compared; `cargo xtask canaries` applies the patches.

use super::CLAIMS;
use super::list::{Claim, Kind, Suite, place};
use crate::canaries::header::{Catcher, catchers};
use crate::tidy::Tree;
use anyhow::Result;

/// What is wrong with the canaries; `applies` says whether a patch fits the tree.
pub(super) fn check(tree: &Tree, claims: &[Claim], applies: &dyn Fn(&str) -> Result<()>) -> Vec<String> {
    let mut found = Vec::new();
    for claim in claims {
        let at = format!("{CLAIMS}: {}", claim.id);
        let path = match (claim.kind, &claim.canary) {
            (Kind::Negative, None) => {
                found.push(format!("{at} says \"cannot\" and has no canary"));
                continue;
            }
            (Kind::Negative, Some(path)) => path,
            (_, Some(_)) => {
                found.push(format!("{at} has a canary but does not say \"cannot\""));
                continue;
            }
            (_, None) => continue,
        };
        let Some(patch) = tree.get(path).filter(|_| path.starts_with("mutants/") && path.ends_with(".patch")) else {
            found.push(format!("{at}: {path} is no patch under mutants/"));
            continue;
        };
        let native: Vec<&String> = claim.tests.iter().filter(|test| place(test).0 == Suite::Native).collect();
        // What is wrong with a header itself the stage `mutants` says.
        let named: Vec<String> = catchers(&patch.text).unwrap_or_default().iter().map(Catcher::to_string).collect();
        if native.is_empty() {
            found.push(format!("{at} has no native test that a canary could turn red"));
        }
        let extra = named.iter().filter(|name| !native.iter().any(|test| same(name, test)));
        found.extend(extra.map(|name| format!("{path} catches {name}, which {} does not name", claim.id)));
        let missed = native.iter().filter(|test| !named.iter().any(|name| same(name, test)));
        found.extend(missed.map(|test| format!("{path} does not catch {test}, which {} names", claim.id)));
        if let Err(why) = applies(path) {
            found.push(format!("{path} {why}"));
        }
    }
    found
}

/// Whether a header means this test: by its whole path, or by its last piece.
fn same(header: &str, test: &str) -> bool {
    let (package, name) = header.split_once(' ').unwrap_or(("", header));
    let (_, own, path) = place(test);
    package == own && (name == path || path.ends_with(&format!("::{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::check::tests::claim;
    use anyhow::anyhow;

    const GOOD: &str = "# catches: server a::refuses\n\ndiff --git a/x b/x\n# catches: none\n";

    fn judged(canary: Option<&str>, patch: &str, fits: bool) -> Vec<String> {
        let one = Claim {
            kind: Kind::Negative,
            canary: canary.map(String::from),
            ..claim(1, &["server a::refuses", "e2e two people"])
        };
        let tree = Tree::of(&[("mutants/one.patch", patch)]);
        check(&tree, &[one], &|_| if fits { Ok(()) } else { Err(anyhow!("does not apply: error: patch failed")) })
    }

    #[test]
    fn a_canary_that_names_exactly_its_tests_passes() {
        assert_eq!(judged(Some("mutants/one.patch"), GOOD, true), Vec::<String>::new());
    }

    #[test]
    fn a_canary_may_name_the_last_piece_of_a_test_and_nothing_shorter() {
        assert!(same("server a::refuses", "server a::refuses") && same("server refuses", "server a::refuses"));
        assert!(!same("server fuses", "server a::refuses") && !same("sim refuses", "server a::refuses"));
    }

    #[test]
    fn a_missing_canary_and_one_too_many_are_found() {
        assert_eq!(judged(None, GOOD, true), ["docs/claims.toml: C-1 says \"cannot\" and has no canary"]);
        assert_eq!(judged(Some("mutants/none.patch"), GOOD, true).len(), 1);
        let positive = Claim { canary: Some("mutants/one.patch".into()), ..claim(1, &["server a::refuses"]) };
        assert_eq!(check(&Tree::default(), &[positive], &|_| Ok(())).len(), 1);
    }

    #[test]
    fn a_canary_that_does_not_apply_or_names_other_tests_is_found() {
        assert_eq!(judged(Some("mutants/one.patch"), GOOD, false).len(), 1);
        assert_eq!(judged(Some("mutants/one.patch"), "diff --git a/x b/x\n", true).len(), 1);
        assert_eq!(judged(Some("mutants/one.patch"), &format!("# catches: server b::other\n{GOOD}"), true).len(), 1);
    }

    #[test]
    fn a_cannot_without_a_native_test_is_found() {
        let one = Claim { kind: Kind::Negative, canary: Some("mutants/one.patch".into()), ..claim(1, &["e2e two people"]) };
        let tree = Tree::of(&[("mutants/one.patch", "diff --git a/x b/x\n")]);
        assert_eq!(check(&tree, &[one], &|_| Ok(())).len(), 1);
    }
}
