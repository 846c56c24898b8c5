//! `cargo xtask claims`: every promise of docs/claims.toml has a test that passed, every "cannot" a canary, and every id in prose exists.

mod canary;
mod check;
mod list;
mod metadata;
mod register;
pub(crate) mod results;

use crate::tidy::Tree;
use crate::{canaries, root};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// The promises.
const CLAIMS: &str = "docs/claims.toml";
/// The page that explains them, with two generated tables.
const MODEL: &str = "docs/THREAT-MODEL.md";
/// What each column of the server's database is.
const METADATA: &str = "docs/metadata.toml";

/// `claims`: checks; `claims --write`: writes the generated tables of the threat model.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match arguments {
        [] => stage().map(|lines| lines.iter().for_each(|line| println!("{line}"))),
        [only] if only == "--write" => write(),
        _ => bail!("cargo xtask claims [--write]"),
    }
}

/// The check, with the line that the whole run repeats at its close.
pub(crate) fn stage() -> Result<Vec<String>> {
    let tree = Tree::read()?;
    let claims = list::parse(text(&tree, CLAIMS)?)?;
    let passed = results::passed(&tree)?;
    let mut found = check::all(&tree, &claims, &passed);
    found.extend(canary::check(&tree, &claims, &|patch| canaries::apply(&root::root(), Path::new(patch), true)));
    match generated(&tree, &claims) {
        Ok(page) if page == text(&tree, MODEL)? => {}
        Ok(_) => found.push(format!("{MODEL}: a generated table is old: cargo xtask claims --write")),
        Err(error) => found.push(format!("{error:#}")),
    }
    if !found.is_empty() {
        found.iter().for_each(|line| println!("claims: {line}"));
        bail!("claims: {} faults", found.len());
    }
    Ok(vec![check::summary(&claims)])
}

fn write() -> Result<()> {
    let tree = Tree::read()?;
    let claims = list::parse(text(&tree, CLAIMS)?)?;
    fs::write(root::root().join(MODEL), generated(&tree, &claims)?)?;
    println!("{MODEL} is up to date");
    Ok(())
}

/// The threat model as it has to be.
fn generated(tree: &Tree, claims: &[list::Claim]) -> Result<String> {
    let columns = metadata::table(text(tree, METADATA)?)?;
    let page = replace(text(tree, MODEL)?, "metadata", &columns)?;
    register::fill(&page, claims)
}

fn text<'a>(tree: &'a Tree, path: &str) -> Result<&'a str> {
    tree.get(path).map(|file| file.text.as_str()).with_context(|| format!("{path} is missing"))
}

/// Puts `inside` between the two comments that mark a generated part.
fn replace(page: &str, name: &str, inside: &str) -> Result<String> {
    let (before, old, after) = part(page, name)?;
    let _ = old;
    Ok(format!("{before}\n{inside}{after}"))
}

/// A page, cut at the comments `<!-- begin name -->` and `<!-- end name -->`, which stay with the outer pieces.
fn part<'a>(page: &'a str, name: &str) -> Result<(&'a str, &'a str, &'a str)> {
    let (begin, end) = (format!("<!-- begin {name} -->"), format!("<!-- end {name} -->"));
    let start = page.find(&begin).with_context(|| format!("{MODEL}: no {begin}"))? + begin.len();
    let stop = page.find(&end).filter(|stop| *stop > start).with_context(|| format!("{MODEL}: no {end} after it"))?;
    let piece = |from: usize, to: usize| page.get(from..to).unwrap_or_default();
    Ok((piece(0, start), piece(start, stop), piece(stop, page.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_part_is_replaced_and_a_missing_one_is_told() {
        let page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n";
        assert_eq!(replace(page, "x", "new\n").unwrap(), "a\n<!-- begin x -->\nnew\n<!-- end x -->\nb\n");
        assert!(replace(page, "y", "").is_err());
        assert!(replace("<!-- end x --><!-- begin x -->", "x", "").is_err());
    }
}
