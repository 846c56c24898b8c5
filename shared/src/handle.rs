//! Handles: 3–30 of `A–Z a–z 0–9 . _ -`, unique without case, shown as typed (F106, protocol §1).

use core::fmt;

use crate::code::Code;

/// A valid handle, as its owner typed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Handle(String);

/// Names that could be mistaken for Sotto itself or its operator.
const RESERVED: [&str; 16] = [
    "admin",
    "administrator",
    "everyone",
    "help",
    "info",
    "moderator",
    "note",
    "notes",
    "operator",
    "owner",
    "root",
    "security",
    "server",
    "sotto",
    "support",
    "system",
];

impl Handle {
    /// Checks length and characters.
    ///
    /// # Errors
    /// [`Code::UsernameLength`] or [`Code::UsernameCharacters`], in this order.
    pub fn parse(text: &str) -> Result<Self, Code> {
        if !(3..=30).contains(&text.chars().count()) {
            return Err(Code::UsernameLength);
        }
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
            return Err(Code::UsernameCharacters);
        }
        Ok(Self(text.to_owned()))
    }

    /// As typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without case: what must be unique.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// Is it a name nobody may register?
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        let canonical = self.canonical();
        RESERVED.contains(&canonical.as_str())
    }

    /// Without look-alikes (l, I, 1; O, 0; rn, m; vv, w): two handles with the same skeleton are flagged to readers.
    #[must_use]
    pub fn skeleton(&self) -> String {
        let folded: String = self
            .canonical()
            .chars()
            .map(|c| match c {
                'i' | '1' | 'l' => 'l',
                'o' | '0' => 'o',
                '5' | 's' => 's',
                '.' | '_' | '-' => '-',
                other => other,
            })
            .collect();
        folded.replace("rn", "m").replace("vv", "w")
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_f106() {
        for good in ["abc", "a.b", "Alice_1", "x-y", &"a".repeat(30)] {
            assert!(Handle::parse(good).is_ok(), "{good}");
        }
        for short in ["", "ab", &"a".repeat(31)] {
            assert_eq!(Handle::parse(short).map(|_| ()), Err(Code::UsernameLength), "{short}");
        }
        for odd in ["a b", "älice", "al/ce", "а\u{0}bc", "аlice", "bob\u{200b}"] {
            assert_eq!(Handle::parse(odd).map(|_| ()), Err(Code::UsernameCharacters), "{odd}");
        }
    }

    #[test]
    fn twins_share_a_skeleton() {
        let skeleton = |text: &str| Handle::parse(text).unwrap().skeleton();
        for (a, b) in
            [("alice", "aIice"), ("alice", "a1ice"), ("bob0", "bobo"), ("mom", "rnom"), ("wow", "vvow"), ("a.b", "a_b")]
        {
            assert_eq!(skeleton(a), skeleton(b), "{a} {b}");
        }
        assert_ne!(skeleton("alice"), skeleton("alicia"));
    }

    #[test]
    fn a_handle_is_shown_as_typed_and_unique_without_case() {
        let handle = Handle::parse("Alice.B-1_x").unwrap();
        assert_eq!(handle.as_str(), "Alice.B-1_x");
        assert_eq!(handle.to_string(), "Alice.B-1_x");
        assert_eq!(handle.canonical(), "alice.b-1_x");
        assert_eq!(handle.skeleton(), "allce-b-l-x");
    }

    #[test]
    fn names_of_sotto_itself_are_reserved_in_any_case() {
        let reserved = |text: &str| Handle::parse(text).unwrap().is_reserved();
        assert!(RESERVED.iter().all(|name| reserved(name)));
        assert!(reserved("SottO") && reserved("Admin"));
        assert!(!reserved("sotto1") && !reserved("alice"));
    }
}
