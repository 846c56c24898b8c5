//! Worlds that once failed. A file of `sim/regressions` holds the options that bring one back, and why it is there:
//!
//! ```text
//! # what was broken
//! --from 4711 --people 3 --texts 60
//! ```

use crate::world::Shape;

/// A world to be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regression {
    /// Its seed.
    pub seed: u64,
    /// Its shape.
    pub shape: Shape,
}

impl Regression {
    /// Reads a file.
    ///
    /// # Errors
    /// When it is not in the form above.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()).collect();
        let [line] = lines.as_slice() else { return Err(format!("one line of options is wanted, not {}", lines.len())) };
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["--from", seed, "--people", people, "--texts", texts] = words.as_slice() else {
            return Err(format!("not --from SEED --people N --texts N: {line}"));
        };
        let number = |word: &str| word.parse::<u64>().map_err(|error| format!("{word}: {error}"));
        let count = |word: &str| word.parse::<usize>().map_err(|error| format!("{word}: {error}"));
        Ok(Self { seed: number(seed)?, shape: Shape { people: count(people)?, texts: count(texts)? } })
    }

    /// The options that bring it back.
    #[must_use]
    pub fn options(&self) -> String {
        format!("--from {} --people {} --texts {}", self.seed, self.shape.people, self.shape.texts)
    }

    /// Writes a file.
    #[must_use]
    pub fn text(&self, why: &str) -> String {
        format!("# {why}\n{}\n", self.options())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_was_written_from() {
        let one = Regression { seed: 4711, shape: Shape { people: 3, texts: 60 } };
        assert_eq!(Regression::parse(&one.text("lost: a text")), Ok(one));
        for bad in
            ["", "# only a reason", "--from 1", "--from x --people 3 --texts 60", "--from 1 --people 3 --texts 60\n--from 2"]
        {
            assert!(Regression::parse(bad).is_err(), "{bad}");
        }
    }
}
