//! The verdict on "nothing readable": the browser suite searches each server it ran, while it still runs, and leaves a report; this reads it.

use crate::{digest, root};
use anyhow::{Context, Result, bail};
use std::fs;

/// Refuses a missing report, a search that would not have found anything, and any find.
pub(crate) fn check() -> Result<Vec<String>> {
    let folder = root::memory().join("readable");
    let mut lines = Vec::new();
    for file in digest::files(&folder, &[])? {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        lines.extend(judge(&name, &text)?);
    }
    if lines.is_empty() {
        bail!("there is no report: run `cargo xtask e2e` first");
    }
    Ok(lines)
}

/// A report is lines `searched <place> <bytes>`, `marker <place> <count>` and `found <place> <what>`.
fn judge(name: &str, report: &str) -> Result<Vec<String>> {
    let places = ["database", "log", "memory"];
    let number = |kind: &str, place: &str| -> u64 {
        let wanted = format!("{kind} {place} ");
        report.lines().filter_map(|line| line.strip_prefix(&wanted)).filter_map(|rest| rest.trim().parse::<u64>().ok()).sum()
    };
    let finds: Vec<&str> = report.lines().filter(|line| line.starts_with("found ")).collect();
    if !finds.is_empty() {
        bail!("{name}: the server held something readable:\n{}", finds.join("\n"));
    }
    let mut lines = Vec::new();
    for place in places {
        let (bytes, markers) = (number("searched", place), number("marker", place));
        if bytes == 0 || markers == 0 {
            bail!("{name}: the search of the {place} proves nothing ({bytes} bytes read, {markers} planted markers found)");
        }
        lines.push(format!(
            "readable: {name}: {place}: {bytes} bytes searched, {markers} planted markers found, nothing of the users"
        ));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "searched database 10\nmarker database 1\nsearched log 5\nmarker log 1\nsearched memory 99\nmarker memory 2\n";

    #[test]
    fn a_search_that_finds_its_markers_and_nothing_else_passes() {
        assert_eq!(judge("chromium", GOOD).unwrap().len(), 3);
    }

    #[test]
    fn a_find_is_refused() {
        assert!(judge("chromium", &format!("{GOOD}found memory text as base64\n")).is_err());
    }

    #[test]
    fn a_blind_search_is_refused() {
        assert!(judge("chromium", &GOOD.replace("marker memory 2", "marker memory 0")).is_err());
        assert!(judge("chromium", &GOOD.replace("searched log 5\n", "")).is_err());
    }
}
