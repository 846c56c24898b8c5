//! What the stage `tests` found out: nextest's report, tied to the sources it ran over.

use crate::digest::Digest;
use crate::root;
use crate::tidy::Tree;
use anyhow::{Context, Result, bail};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// nextest's profile of the stage, in `.config/nextest.toml`.
pub(crate) const PROFILE: &str = "whole";

/// Tests that passed, as `<package> <test>`.
pub(super) type Passed = BTreeSet<String>;

fn report() -> PathBuf {
    root::root().join("target/nextest").join(PROFILE).join("junit.xml")
}

fn stamp() -> PathBuf {
    root::memory().join("tests.sources")
}

/// Before a run: forgets the one before, so that nothing old can pass for new, and names the sources it is going to run over.
pub(crate) fn forget() -> Result<String> {
    for path in [report(), stamp()] {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| path.display().to_string());
            }
            _ => {}
        }
    }
    Ok(sources(&Tree::read()?))
}

/// After a run: ties the report to the sources as they were when it began.
pub(crate) fn keep(sources: &str) -> Result<()> {
    fs::create_dir_all(root::memory())?;
    fs::write(stamp(), sources).context("the stamp of the tests")
}

/// # Errors
/// There is no report, or it is of other sources.
pub(super) fn passed(tree: &Tree) -> Result<Passed> {
    let again = "run `cargo xtask test tests claims`";
    let xml = fs::read_to_string(report()).with_context(|| format!("no report of the native tests: {again}"))?;
    if fs::read_to_string(stamp()).is_ok_and(|of| of == sources(tree)) {
        read(&xml)
    } else {
        bail!("the report of the native tests is of other sources: {again}")
    }
}

/// What decides on the result of a native test. Pages, documents and patches do not.
fn sources(tree: &Tree) -> String {
    let mut digest = Digest::new();
    let ends = [".rs", ".sql", ".toml", ".lock", ".bin", ".json"];
    let counts = |path: &str| !["docs/", "web/", "mutants/"].iter().any(|folder| path.starts_with(folder));
    for file in tree.files.iter().filter(|file| counts(&file.path) && ends.iter().any(|end| file.path.ends_with(end))) {
        digest.add(&file.path, file.text.as_bytes());
    }
    digest.text()
}

/// Reads a report: each `testcase` without a `failure`, `error` or `skipped` inside passed.
fn read(xml: &str) -> Result<Passed> {
    let mut reader = Reader::from_str(xml);
    let mut passed = Passed::new();
    let mut open: Option<(String, bool)> = None;
    loop {
        match reader.read_event().context("nextest's report")? {
            Event::Start(tag) if tag.name().as_ref() == "testcase" => open = Some((name(&tag)?, true)),
            Event::Empty(tag) if tag.name().as_ref() == "testcase" => drop(passed.insert(name(&tag)?)),
            Event::Start(tag) | Event::Empty(tag) if matches!(tag.name().as_ref(), "failure" | "error" | "skipped") => {
                if let Some((_, good)) = open.as_mut() {
                    *good = false;
                }
            }
            Event::End(tag) if tag.name().as_ref() == "testcase" => {
                if let Some((name, true)) = open.take() {
                    passed.insert(name);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if passed.is_empty() {
        bail!("nextest's report names no test that passed");
    }
    Ok(passed)
}

/// The package stands before the name of the binary in `classname`.
fn name(tag: &BytesStart<'_>) -> Result<String> {
    let value = |key: &str| -> Result<String> {
        let found = tag.try_get_attribute(key)?.with_context(|| format!("a testcase without {key}"))?;
        Ok(found.value.into_owned())
    };
    let binary = value("classname")?;
    let package = binary.split("::").next().unwrap_or_default();
    Ok(format!("{package} {}", value("name")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passed_is_counted() {
        let xml = r#"<?xml version="1.0"?><testsuites><testsuite name="server::suite">
            <testcase name="a::good" classname="server::suite" time="0.1"/>
            <testcase name="loud" classname="server"><system-out>x</system-out></testcase>
            <testcase name="bad" classname="server"><failure type="x">no</failure></testcase>
            <testcase name="left_out" classname="server"><skipped/></testcase>
            </testsuite></testsuites>"#;
        let passed = read(xml).unwrap();
        assert_eq!(passed.into_iter().collect::<Vec<_>>(), ["server a::good", "server loud"]);
        assert!(read("<testsuites></testsuites>").is_err());
    }

    #[test]
    fn another_source_is_another_run_and_a_document_is_not() {
        let of = |files: &[(&str, &str)]| sources(&Tree::of(files));
        assert_ne!(of(&[("a/src/a.rs", "1")]), of(&[("a/src/a.rs", "2")]));
        assert_eq!(of(&[("a/src/a.rs", "1")]), of(&[("a/src/a.rs", "1"), ("docs/claims.toml", "x")]));
    }
}
