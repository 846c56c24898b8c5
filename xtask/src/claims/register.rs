//! The threat model's list of attacks: the last cell of a row names the promises that answer it, or says in words what there is instead.

use super::list::{Claim, Kind};
use super::{MODEL, check, part};
use anyhow::{Result, bail};

/// The numbers of the list.
const ATTACKS: u16 = 106;

/// The page with the last cell of each row as the promises demand.
pub(super) fn fill(page: &str, claims: &[Claim]) -> Result<String> {
    let (before, table, after) = part(page, "attacks")?;
    let mut seen = Vec::new();
    let mut lines = Vec::new();
    for line in table.lines() {
        let Some((number, cells, last)) = row(line) else {
            lines.push(line.to_string());
            continue;
        };
        seen.push(number);
        let serving: Vec<String> = claims.iter().filter(|claim| claim.attacks.contains(&number)).map(cell).collect();
        let status = if serving.is_empty() { last.to_string() } else { serving.join(" ") };
        if serving.is_empty() && (last.is_empty() || check::citations(last).next().is_some()) {
            bail!("{MODEL}: attack {number} is answered by no claim and does not say what there is instead");
        }
        lines.push(format!("{cells}| {status} |"));
    }
    let unknown = claims.iter().flat_map(|claim| claim.attacks.iter().map(move |number| (claim, number)));
    if let Some((claim, number)) = unknown.into_iter().find(|(_, number)| !(1..=ATTACKS).contains(*number)) {
        bail!("{} answers attack {number}, which is not in the list", claim.id);
    }
    if seen != (1..=ATTACKS).collect::<Vec<_>>() {
        bail!("{MODEL}: the list of attacks is not 1 to {ATTACKS}, each once and in order");
    }
    Ok(format!("{before}{}\n{after}", lines.join("\n")))
}

/// A promise as it stands in a row: a residual risk is called one.
fn cell(claim: &Claim) -> String {
    let word = if claim.kind == Kind::Residual { "residual " } else { "" };
    format!("{word}[{}]", claim.id)
}

/// A row `| 12 | … | last |`: its number, everything before the last cell, and that cell.
fn row(line: &str) -> Option<(u16, &str, &str)> {
    let inner = line.strip_prefix('|')?.trim_end().strip_suffix('|')?;
    let number = inner.split('|').next()?.trim().parse().ok()?;
    let (_, last) = inner.rsplit_once('|')?;
    let cells = line.get(..line.len() - (line.len() - line.trim_end().len()) - last.len() - 2)?;
    Some((number, cells, last.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::check::tests::claim;

    fn page(change: impl Fn(u16) -> Option<String>) -> String {
        let row = |number| change(number).unwrap_or_else(|| format!("| {number} | MS | lies | planned |"));
        let rows: Vec<String> = (1..=ATTACKS).map(row).collect();
        format!(
            "<!-- begin attacks -->\n| # | who | attack | answer |\n|---|---|---|---|\n{}\n<!-- end attacks -->\n",
            rows.join("\n")
        )
    }

    #[test]
    fn a_row_names_the_claims_that_answer_it_and_keeps_its_words_without_any() {
        let one = Claim { attacks: vec![2], ..claim(7, &[]) };
        let filled = fill(&page(|_| None), std::slice::from_ref(&one)).unwrap();
        assert!(filled.contains("| 2 | MS | lies | [C-7] |\n| 3 | MS | lies | planned |\n"), "{filled}");
        assert_eq!(fill(&filled, std::slice::from_ref(&one)).unwrap(), filled);
        let risk = Claim { kind: Kind::Residual, ..one };
        assert!(fill(&filled, &[risk]).unwrap().contains("| 2 | MS | lies | residual [C-7] |\n"));
    }

    #[test]
    fn a_row_that_lost_its_claim_a_missing_row_and_an_unknown_number_are_found() {
        assert!(fill(&page(|number| (number == 2).then(|| "| 2 | MS | lies | [C-7] |".into())), &[]).is_err());
        assert!(fill(&page(|number| (number == 2).then(|| "| 2 | MS | lies | |".into())), &[]).is_err());
        assert!(fill(&page(|number| (number == 2).then(String::new)), &[]).is_err());
        assert!(fill(&page(|_| None), &[Claim { attacks: vec![107], ..claim(1, &[]) }]).is_err());
    }
}
