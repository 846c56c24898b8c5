//! The file of promises.

use super::CLAIMS;
use anyhow::{Context, Result};
use serde::Deserialize;

/// What a promise says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// Something works.
    Positive,
    /// Somebody cannot do something, at least not unseen.
    Negative,
    /// Somebody can, and we say so.
    Residual,
}

/// One entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claim {
    /// `C-1`, `C-2` and so on.
    pub(super) id: String,
    pub(super) kind: Kind,
    /// Who would break it.
    pub(super) actor: String,
    /// What would be broken.
    pub(super) asset: String,
    /// One sentence.
    pub(super) text: String,
    /// Rows of the threat model's list of attacks that it answers.
    #[serde(default)]
    pub(super) attacks: Vec<u16>,
    /// `<package> <test>` for a native test, `<package> <case>` for the other kinds of `Suite`.
    #[serde(default)]
    pub(super) tests: Vec<String>,
    /// `path#name`: where the guard stands.
    #[serde(default)]
    pub(super) code: Vec<String>,
    /// The patch that takes the guard away.
    pub(super) canary: Option<String>,
    /// Why a residual one stands.
    pub(super) reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    #[serde(default)]
    claim: Vec<Claim>,
}

/// # Errors
/// What is wrong with the file, and where.
pub(super) fn parse(text: &str) -> Result<Vec<Claim>> {
    toml::from_str::<Claims>(text).map(|claims| claims.claim).context(CLAIMS)
}

/// Where a test of a promise runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Suite {
    /// nextest; its result is known here.
    Native,
    /// A case of `web/e2e`, run by the stages `e2e-chromium` and `e2e-firefox`.
    Browser,
    /// A unit test of the page, run by the stage `web-check`.
    Page,
    /// A case of `web/e2e/screens`, over canned data, run by the stage `screens`.
    Screens,
    /// A test of the core inside a browser, run by `wasm-chromium` and `wasm-firefox`.
    Wasm,
    /// A whole stage of `cargo xtask test`.
    Stage,
}

/// The suite, its package and the name of a test as it stands in the list.
pub(super) fn place(test: &str) -> (Suite, &str, &str) {
    let (package, name) = test.split_once(' ').unwrap_or(("", test));
    let suite = match package {
        "e2e" => Suite::Browser,
        "web" => Suite::Page,
        "screens" => Suite::Screens,
        "client-wasm" => Suite::Wasm,
        "stage" => Suite::Stage,
        _ => Suite::Native,
    };
    (suite, package, name)
}
