//! The independent checker: what must hold of any [`History`], whatever cores and server say of themselves.
//!
//! It shares no code with the world it judges: it reads facts and compares them. Each rule is one function; each has a
//! history in `judge/tests.rs` in which it is broken, and which it alone must find.

mod log;
mod pages;
mod sealed;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Fact, History, Id, Row};

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which rule.
    pub rule: &'static str,
    /// What was found.
    pub what: String,
}

impl core::fmt::Display for Broken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.rule, self.what)
    }
}

type Found = Vec<Broken>;

/// What the rules look things up in.
struct Index<'a> {
    history: &'a History,
    /// Message id → its rows, in the order of the log.
    rows: BTreeMap<Id, Vec<&'a Row>>,
    /// Message id → (profile, text), as first kept.
    kept: BTreeMap<Id, (usize, &'a str)>,
    /// Profiles that were rolled back, with the place of the last time among the facts.
    rolled_back: BTreeMap<usize, usize>,
    /// Profiles that were copied, and the copies.
    copied: BTreeSet<usize>,
    /// Messages that a restore of the server took out of the log; what came back stands elsewhere in it.
    lost: BTreeSet<Id>,
    /// Conversations of which it took a commit: whoever had applied that may find the server on another branch, has no keys for
    /// what was written there before he came over, and is shown that.
    branched: BTreeSet<Id>,
}

impl<'a> Index<'a> {
    fn new(history: &'a History) -> Self {
        let mut index = Self {
            history,
            rows: BTreeMap::new(),
            kept: BTreeMap::new(),
            rolled_back: BTreeMap::new(),
            copied: BTreeSet::new(),
            lost: BTreeSet::new(),
            branched: BTreeSet::new(),
        };
        for row in history.log.iter().filter(|row| row.message) {
            index.rows.entry(row.id).or_default().push(row);
        }
        for (place, fact) in history.facts.iter().enumerate() {
            match fact {
                Fact::Kept { profile, message, text } => {
                    index.kept.entry(*message).or_insert((*profile, text));
                }
                Fact::RolledBack { profile } => {
                    index.rolled_back.insert(*profile, place);
                }
                Fact::Copied { profile, twin } => index.copied.extend([*profile, *twin]),
                Fact::Restored { lost } => {
                    index.lost.extend(lost.iter().filter(|row| row.message).map(|row| row.id));
                    index.branched.extend(lost.iter().filter(|row| !row.message).map(|row| row.conversation));
                }
                Fact::Shown { .. } | Fact::Offered { .. } | Fact::Unreadable { .. } | Fact::Entered { .. } => {}
            }
        }
        index
    }

    /// Two profiles have held this message in their outbox, so it may stand twice in the log; readers show it once.
    fn may_stand_twice(&self, message: Id) -> bool {
        self.kept
            .get(&message)
            .is_some_and(|(profile, _)| self.rolled_back.contains_key(profile) || self.copied.contains(profile))
    }

    /// The first row of a message.
    fn first(&self, message: Id) -> Option<&'a Row> {
        self.rows.get(&message).and_then(|rows| rows.first()).copied()
    }
}

/// Every promise a run has broken.
#[must_use]
pub fn judge(history: &History) -> Vec<Broken> {
    let index = Index::new(history);
    let rules: [fn(&Index<'_>) -> Found; 9] = [
        log::numbers,
        log::kept_is_stored,
        log::once,
        log::order,
        sealed::fresh,
        pages::everybody,
        pages::complete,
        pages::true_lines,
        pages::whole,
    ];
    rules.iter().flat_map(|rule| rule(&index)).collect()
}

/// The first bytes of an id, as the reports of the world print it.
fn short(id: Id) -> String {
    id.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
