//! Rules over the server's log.

use std::collections::BTreeMap;

use super::{Broken, Found, Index, short};
use crate::history::{Fact, Id};

/// Numbers run 1, 2, 3 … in each conversation; generation and epoch never go back.
pub(super) fn numbers(index: &Index<'_>) -> Found {
    let mut found = vec![];
    let mut last: BTreeMap<Id, (u64, u32, u64)> = BTreeMap::new();
    for row in &index.history.log {
        let before = last.insert(row.conversation, (row.number, row.generation, row.epoch)).unwrap_or_default();
        if row.number != before.0 + 1 {
            let what = format!("{} has number {} behind {}", short(row.conversation), row.number, before.0);
            found.push(Broken { rule: "gap in the log", what });
        }
        if (row.generation, row.epoch) < (before.1, before.2) {
            let what = format!("{} goes back to epoch {} at {}", short(row.conversation), row.epoch, row.number);
            found.push(Broken { rule: "epoch goes back", what });
        }
    }
    found
}

/// What a person was told is kept reaches the log; what a screen called stored is there. Only what a profile kept after the
/// copy it was put back to may be gone, for nothing of it is left anywhere; what was called stored may not.
pub(super) fn kept_is_stored(index: &Index<'_>) -> Found {
    let mut found = vec![];
    for (place, fact) in index.history.facts.iter().enumerate() {
        match fact {
            Fact::Kept { profile, message, text }
                if !index.rows.contains_key(message) && index.rolled_back.get(profile).is_none_or(|back| *back < place) =>
            {
                let what = format!("{} ({text}) of profile {profile} was kept and is not in the log", short(*message));
                found.push(Broken { rule: "lost", what });
            }
            Fact::Shown { profile, message, own: true, stored: true, .. } if !index.rows.contains_key(message) => {
                let what = format!("profile {profile} was told that {} is stored; it is not", short(*message));
                found.push(Broken { rule: "stored is lost", what });
            }
            _ => {}
        }
    }
    found
}

/// A message stands once in the log: always once of a device, and once in all unless two copies of a profile had it.
pub(super) fn once(index: &Index<'_>) -> Found {
    let mut found = vec![];
    for (message, rows) in &index.rows {
        let mut devices: Vec<Id> = rows.iter().map(|row| row.device).collect();
        devices.sort_unstable();
        devices.dedup();
        if devices.len() != rows.len() || (rows.len() > 1 && !index.may_stand_twice(*message)) {
            let what = format!("{} stands {} times, from {} devices", short(*message), rows.len(), devices.len());
            found.push(Broken { rule: "doubled in the log", what });
        }
    }
    found
}

/// A message stands behind everything that its writer had written and seen in the same conversation before, unless a restore
/// took one of the two out of the log: it came back behind what was there by then.
pub(super) fn order(index: &Index<'_>) -> Found {
    let mut found = vec![];
    // By profile and the conversation as its screen had it: of two that became one later nobody knew an order.
    let mut seen: BTreeMap<(usize, Id), (u64, Id)> = BTreeMap::new();
    let mut place: BTreeMap<(usize, Id), Id> = BTreeMap::new();
    let mut done = std::collections::BTreeSet::new();
    for fact in &index.history.facts {
        let (profile, message, conversation, written) = match fact {
            Fact::Shown { profile, conversation, message, .. } => {
                place.insert((*profile, *message), *conversation);
                (*profile, *message, *conversation, false)
            }
            Fact::Kept { profile, message, .. } => {
                let Some(conversation) = place.get(&(*profile, *message)) else { continue };
                (*profile, *message, *conversation, done.insert(*message))
            }
            _ => continue,
        };
        let Some(row) = index.first(message) else { continue };
        let last = seen.entry((profile, conversation)).or_insert((0, message));
        let moved = index.lost.contains(&message) || index.lost.contains(&last.1);
        if written && row.number < last.0 && !moved && !index.may_stand_twice(last.1) {
            let what = format!(
                "{} of profile {profile} has number {}, but {} with {} stood there when it was written",
                short(message),
                row.number,
                short(last.1),
                last.0
            );
            found.push(Broken { rule: "out of causal order", what });
        }
        if row.number > last.0 {
            *last = (row.number, message);
        }
    }
    found
}
