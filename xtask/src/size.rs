//! What a first visit loads, compressed, against the budget.

use crate::{digest, root};
use anyhow::{Context, Result, bail};
use std::fs;

/// Everything the page ever loads.
const TOTAL: u64 = 900_000;
/// What stands between the address and a form one can type into: document, loader, page, style.
const FORM: u64 = 60_000;

/// Measures the brotli copies in web/dist.
pub(crate) fn check() -> Result<Vec<String>> {
    let dist = root::root().join("web/dist");
    let mut sizes = Vec::new();
    for file in digest::files(&dist, &[])? {
        let name = file.strip_prefix(&dist).unwrap_or(&file).to_string_lossy().into_owned();
        if let Some(plain) = name.strip_suffix(".br") {
            sizes.push((plain.to_string(), fs::metadata(&file).with_context(|| name.clone())?.len()));
        }
    }
    if !sizes.iter().any(|(name, _)| name.ends_with(".wasm")) {
        bail!("web/dist holds no compressed core: run `cargo xtask web`");
    }
    judge(&sizes)
}

fn judge(sizes: &[(String, u64)]) -> Result<Vec<String>> {
    let loaded = |name: &str| !name.ends_with(".map") && name != "release.json";
    let form =
        |name: &str| name == "index.html" || name.ends_with(".css") || (name.ends_with(".js") && !name.contains("worker"));
    let sum =
        |wanted: &dyn Fn(&str) -> bool| -> u64 { sizes.iter().filter(|(name, _)| wanted(name)).map(|(_, size)| size).sum() };
    let (all, first) = (sum(&loaded), sum(&form));
    let mut lines: Vec<String> = sizes.iter().map(|(name, size)| format!("{size:>8}  {name}")).collect();
    lines.push(format!("size: {all} bytes in all (budget {TOTAL}), {first} before the form (budget {FORM})"));
    if all > TOTAL || first > FORM {
        bail!("over budget:\n{}", lines.join("\n"));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(core: u64, app: u64) -> Vec<(String, u64)> {
        [("index.html", 400), ("assets/core.wasm", core), ("assets/app.js", app), ("assets/worker.js", 70_000)]
            .map(|(name, size)| (name.to_string(), size))
            .to_vec()
    }

    #[test]
    fn within_the_budget_is_told_and_above_it_is_refused() {
        assert!(judge(&sizes(700_000, 50_000)).is_ok());
        assert!(judge(&sizes(900_000, 50_000)).is_err());
        assert!(judge(&sizes(100_000, 61_000)).is_err());
    }
}
