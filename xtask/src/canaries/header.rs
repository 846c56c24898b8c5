//! What a patch says of itself before its first file; `mutants/README.md` has the form.

use anyhow::{Result, bail};
use std::fmt;

/// Who notices a mutant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Catcher {
    /// A seed of the simulator.
    Sim,
    /// A native test.
    Test { package: String, test: String },
}

/// As the header has it.
impl fmt::Display for Catcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sim => formatter.write_str("sim"),
            Self::Test { package, test } => write!(formatter, "{package} {test}"),
        }
    }
}

/// Everybody a patch names; at least one.
pub(crate) fn catchers(patch: &str) -> Result<Vec<Catcher>> {
    let head = patch.lines().take_while(|line| !line.starts_with("diff ") && !line.starts_with("--- "));
    let mut found = Vec::new();
    for rest in head.filter_map(|line| line.strip_prefix("# catches:")) {
        found.push(match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["sim"] => Catcher::Sim,
            [package, test] => Catcher::Test { package: (*package).to_string(), test: (*test).to_string() },
            _ => bail!("neither `# catches: sim` nor `# catches: <package> <test>`: {rest}"),
        });
    }
    if found.is_empty() { bail!("no `# catches:` line before the first file") } else { Ok(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_who_notices() {
        let test = Catcher::Test { package: "server".into(), test: "a::b".into() };
        let patch = "# claim: C-1\n# catches: sim\n# catches: server a::b\n--- a/x\n# catches: none\n";
        assert_eq!(test.to_string(), "server a::b");
        assert_eq!(catchers(patch).unwrap(), [Catcher::Sim, test]);
        assert!(catchers("--- a/x\n# catches: sim\n").is_err());
        assert!(catchers("# catches: a b c\n").is_err());
    }
}
