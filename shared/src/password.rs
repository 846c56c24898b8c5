//! The rules a password must meet in the client (F105, D2). With OPAQUE the server never sees a password, so it can't
//! check any of this; a modified client can choose a weak password for its own account only.

/// One rule, with the text people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Eight characters or more.
    Length,
    /// An uppercase letter.
    Uppercase,
    /// A lowercase letter.
    Lowercase,
    /// A digit.
    Number,
    /// Anything that is neither letter nor digit.
    Special,
    /// Not one of the passwords everybody tries first.
    Common,
}

impl Rule {
    /// What to say when it is not met.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Length => "Password must be at least 8 characters",
            Self::Uppercase => "Password must contain an uppercase letter",
            Self::Lowercase => "Password must contain a lowercase letter",
            Self::Number => "Password must contain a number",
            Self::Special => "Password must contain a special character",
            Self::Common => "This password is one of the first that others would try",
        }
    }
}

/// Lower-cased cores of the most used passwords: a password is common when it equals one after its case is folded and
/// digits and signs at its end are cut.
const COMMON: [&str; 40] = [
    "password",
    "passwort",
    "qwerty",
    "qwertz",
    "azerty",
    "letmein",
    "welcome",
    "admin",
    "administrator",
    "iloveyou",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "master",
    "shadow",
    "superman",
    "batman",
    "trustno",
    "hello",
    "freedom",
    "whatever",
    "starwars",
    "computer",
    "michael",
    "jordan",
    "hunter",
    "killer",
    "charlie",
    "abcdef",
    "abcdefgh",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "changeme",
];

/// Every rule the password does not meet, in the order of the texts.
#[must_use]
pub fn unmet(password: &str) -> Vec<Rule> {
    let mut rules = vec![];
    let mut need = |met: bool, rule: Rule| {
        if !met {
            rules.push(rule);
        }
    };
    need(password.chars().count() >= 8, Rule::Length);
    need(password.chars().any(char::is_uppercase), Rule::Uppercase);
    need(password.chars().any(char::is_lowercase), Rule::Lowercase);
    need(password.chars().any(|c| c.is_ascii_digit()), Rule::Number);
    need(password.chars().any(|c| !c.is_alphanumeric()), Rule::Special);
    let folded = password.to_lowercase();
    let core = folded.trim_end_matches(|c: char| !c.is_alphabetic());
    need(!COMMON.contains(&core), Rule::Common);
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_alone() {
        assert_eq!(unmet("Quiet-river7"), []);
        assert_eq!(unmet("Qr-7abc"), [Rule::Length]);
        assert_eq!(unmet("quiet-river7"), [Rule::Uppercase]);
        assert_eq!(unmet("QUIET-RIVER7"), [Rule::Lowercase]);
        assert_eq!(unmet("Quiet-river"), [Rule::Number]);
        assert_eq!(unmet("Quietriver7"), [Rule::Special]);
        assert_eq!(unmet("Password123!"), [Rule::Common]);
        assert_eq!(unmet("Pässwörter 9"), [], "letters of other alphabets are letters, a space is special");
        assert_eq!(unmet("Quiet!river7"), [], "the source's list has no exclamation mark; any sign counts (D2)");
    }

    #[test]
    fn every_common_word_is_what_is_left_of_a_password() {
        for word in COMMON {
            assert!(word.ends_with(char::is_alphabetic) && word == word.to_lowercase(), "{word} would never be found");
        }
    }

    #[test]
    fn each_rule_says_what_it_wants() {
        let words = [
            (Rule::Length, "8 characters"),
            (Rule::Uppercase, "uppercase"),
            (Rule::Lowercase, "lowercase"),
            (Rule::Number, "number"),
            (Rule::Special, "special"),
            (Rule::Common, "first that others"),
        ];
        assert!(words.iter().all(|(rule, word)| rule.text().contains(word)));
        assert_eq!(unmet("Qr-7abcd"), [], "eight are enough");
        assert_eq!(unmet(""), [Rule::Length, Rule::Uppercase, Rule::Lowercase, Rule::Number, Rule::Special]);
        assert_eq!(unmet("P@ssw0rd9"), [Rule::Common]);
        assert_eq!(unmet("Password-river7"), [], "only the whole word is common");
    }
}
