//! The rule over what was sealed.

use std::collections::BTreeMap;

use super::{Broken, Found, Index, short};
use crate::history::Fact;

/// No key of a ratchet seals two different messages: of one leaf in one epoch each generation is seen with one content only.
/// The same bytes may come again.
pub(super) fn fresh(index: &Index<'_>) -> Found {
    let mut found = vec![];
    let mut seen = BTreeMap::new();
    for fact in &index.history.facts {
        match fact {
            Fact::Offered { conversation, generation, branch, epoch, leaf, ratchet, digest } => {
                let before = seen.insert((*conversation, *generation, *branch, *epoch, *leaf, *ratchet), *digest);
                if before.is_some_and(|before| before != *digest) {
                    let what = format!("{}: leaf {leaf} sealed twice with {ratchet} in epoch {epoch}", short(*conversation));
                    found.push(Broken { rule: "key used twice", what });
                }
            }
            Fact::Unreadable { conversation, message } => {
                let what = format!("{}: nobody can say which key sealed {}", short(*conversation), short(*message));
                found.push(Broken { rule: "sender data can't be read", what });
            }
            _ => {}
        }
    }
    found
}
