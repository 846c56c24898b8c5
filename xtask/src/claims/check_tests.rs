//! Each rule with a planted breach.

use super::*;

/// A promise that holds in [`tree`] with [`passed`].
pub(crate) fn claim(number: usize, tests: &[&str]) -> Claim {
    Claim {
        id: format!("C-{number}"),
        kind: Kind::Positive,
        actor: "server".into(),
        asset: "texts".into(),
        text: "It holds.".into(),
        attacks: Vec::new(),
        tests: tests.iter().map(|test| (*test).to_string()).collect(),
        code: vec!["server/src/a.rs#guard".into()],
        canary: None,
        reason: None,
    }
}

fn claims() -> Vec<Claim> {
    (1..=AT_LEAST).map(|number| claim(number, &["server a::refuses"])).collect()
}

fn with_first(first: Claim) -> Vec<Claim> {
    std::iter::once(first).chain(claims().into_iter().skip(1)).collect()
}

fn passed() -> Passed {
    ["server a::refuses", "server a::other"].map(String::from).into_iter().collect()
}

fn tree(extra: &[(&str, &str)]) -> Tree {
    let model: String = (1..=AT_LEAST).map(|number| format!("[C-{number}]\n")).collect();
    let mut files = vec![
        (MODEL, model.as_str()),
        ("server/src/a.rs", "fn guard() {}\n// fn remark\n#[cfg(test)]\nmod tests {\nfn only_there() {}\n}\n"),
        ("web/e2e/cases/talk.js", "{ name: 'two people' }"),
        ("web/src/a.test.ts", "test('a page', () => {})"),
        ("web/e2e/screens/reading.js", "name: 'stays at end',"),
        ("client-wasm/tests/browser/groups.rs", "fn in_wasm() {}"),
    ];
    files.extend_from_slice(extra);
    Tree::of(&files)
}

fn one(changed: Claim) -> String {
    let found = all(&tree(&[]), &with_first(changed), &passed());
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap_or_default()
}

#[test]
fn a_whole_list_passes() {
    let mixed = claim(
        1,
        &[
            "server a::refuses",
            "e2e two people",
            "web a page",
            "screens stays at end",
            "client-wasm groups::in_wasm",
            "stage sim",
        ],
    );
    assert_eq!(all(&tree(&[]), &with_first(mixed), &passed()), Vec::<String>::new());
    assert_eq!(summary(&claims()), "claims: 40 hold: 40 positive, 0 \"cannot\" with their canaries; 0 residual risks are said");
}

#[test]
fn a_test_that_did_not_pass_is_found() {
    assert!(one(claim(1, &["server a::gone"])).contains("did not pass"));
    assert!(one(claim(1, &["a::refuses"])).contains("did not pass"));
    assert!(one(claim(1, &[])).contains("names no test"));
}

#[test]
fn a_case_or_stage_that_is_not_there_is_found() {
    for test in ["e2e three people", "web another page", "screens moves", "client-wasm groups::nothing", "stage none"] {
        assert!(one(claim(1, &[test])).contains("is not there"), "{test}");
    }
}

#[test]
fn an_anchor_that_is_gone_is_found() {
    for anchor in ["server/src/b.rs#guard", "server/src/a.rs#remark", "server/src/a.rs#only_there", "server/src/a.rs"] {
        one(Claim { code: vec![anchor.into()], ..claim(1, &["server a::refuses"]) });
    }
    assert!(one(Claim { code: Vec::new(), ..claim(1, &["server a::refuses"]) }).contains("no place"));
}

#[test]
fn ids_follow_each_other_and_none_is_taken_twice() {
    let mut twice = claims();
    if let Some(second) = twice.get_mut(1) {
        second.id = "C-1".into();
    }
    assert!(all(&tree(&[]), &twice, &passed()).iter().any(|line| line.contains("C-1 stands where C-2 belongs")));
    let few: Vec<Claim> = claims().into_iter().take(3).collect();
    assert!(ids(&few).iter().any(|line| line.contains("at least 40")));
}

#[test]
fn prose_with_an_unknown_id_and_a_claim_nobody_mentions_are_found() {
    let found = all(&tree(&[("README.md", "x\nsafe [C-1], safer [C-99], [C-x] [link](C-98)\n")]), &claims(), &passed());
    assert_eq!(found, ["README.md:2: there is no claim C-99"]);
    let silent = Tree::of(&[("server/src/a.rs", "fn guard() {}\n")]);
    assert_eq!(all(&silent, &claims(), &passed()).len(), AT_LEAST);
}

#[test]
fn an_attack_without_a_claim_is_found() {
    let mut more = passed();
    more.insert("sim attacks::attack_02_ghost_device".into());
    assert_eq!(all(&tree(&[]), &claims(), &more), ["sim attacks::attack_02_ghost_device serves no claim"]);
}

#[test]
fn a_residual_risk_needs_a_reason_and_no_test() {
    let residual = |reason: Option<&str>| Claim {
        kind: Kind::Residual,
        reason: reason.map(String::from),
        code: Vec::new(),
        ..claim(1, &[])
    };
    assert!(whole(&residual(Some("Nobody can."))).is_empty());
    assert_eq!(whole(&residual(None)).len(), 1);
    assert_eq!(whole(&Claim { text: "no sentence".into(), ..claim(1, &["server a::refuses"]) }).len(), 1);
}
