//! Rules over what browsers show at the end.

use std::collections::{BTreeMap, BTreeSet};

use super::{Broken, Found, Index, short};
use crate::history::{Fact, Id, LineKind, Page, Profile};

/// Every browser of every member has the conversation, and has it from the row that let it in.
pub(super) fn everybody(index: &Index<'_>) -> Found {
    let mut found = vec![];
    let mut entered: BTreeSet<(Id, Id, u64)> = BTreeSet::new();
    for fact in &index.history.facts {
        if let Fact::Entered { conversation, device, number } = fact {
            entered.insert((*conversation, *device, *number));
        }
    }
    // Who comes in by a commit of its own (the first of all, or an external one) is let in by that row.
    for row in index.history.log.iter().filter(|row| !row.message) {
        entered.insert((row.conversation, row.device, row.number));
    }
    for Profile { profile, account, device, .. } in &index.history.profiles {
        for (conversation, _) in index.history.members.iter().filter(|(_, member)| member == account) {
            let page = index.history.pages.iter().find(|page| (page.profile, page.conversation) == (*profile, *conversation));
            let what = match page {
                None => format!("profile {profile} has nothing of {}", short(*conversation)),
                Some(page) if !entered.contains(&(*conversation, *device, page.since)) => {
                    format!("profile {profile} reads {} from {} on, where nobody let it in", short(*conversation), page.since)
                }
                Some(_) => continue,
            };
            found.push(Broken { rule: "left out", what });
        }
    }
    found
}

/// Each page holds every message behind the row that let it in exactly once, in the order of the log.
pub(super) fn complete(index: &Index<'_>) -> Found {
    let mut found = vec![];
    for page in &index.history.pages {
        let texts = |line: &&crate::history::Line| matches!(line.kind, LineKind::Text | LineKind::Unknown);
        let shown: Vec<Id> = page.lines.iter().filter(texts).map(|line| line.id).collect();
        let mut once = BTreeSet::new();
        for id in shown.iter().filter(|id| !once.insert(**id)) {
            found.push(at(page, "shown twice", &format!("{} stands there again", short(*id))));
        }
        let mut expected = vec![];
        let mut met = BTreeSet::new();
        for row in index.history.log.iter().filter(|row| row.message && row.conversation == page.conversation) {
            if row.number > page.since && met.insert(row.id) {
                expected.push(row.id);
            }
        }
        let missing: Vec<String> = expected.iter().filter(|id| !once.contains(*id)).map(|id| short(*id)).collect();
        if !missing.is_empty() {
            found.push(at(page, "not shown", &missing.join(" ")));
        }
        // What two copies of a profile sent stands in each browser where it first came from; what a restore took out of the log
        // stays where it was read.
        let place: BTreeMap<Id, usize> = shown.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        let single = |id: &&Id| !index.lost.contains(*id) && index.rows.get(*id).is_some_and(|rows| rows.len() == 1);
        let all: Vec<&Id> = expected.iter().filter(|id| place.contains_key(*id)).filter(single).collect();
        if let Some([one, other]) = all.array_windows::<2>().find(|[one, other]| place.get(*one) > place.get(*other)) {
            found.push(at(page, "shown in another order", &format!("{} below {}", short(**one), short(**other))));
        }
    }
    found
}

/// Each line says what its author wrote and names who sent it; nothing is shown that nobody sent.
pub(super) fn true_lines(index: &Index<'_>) -> Found {
    let mut found = vec![];
    for page in &index.history.pages {
        for line in page.lines.iter().filter(|line| line.kind == LineKind::Text) {
            match index.rows.get(&line.id) {
                None => found.push(at(page, "shown and not stored", &short(line.id))),
                Some(rows) if rows.iter().all(|row| row.conversation != page.conversation) => {
                    found.push(at(page, "shown elsewhere", &short(line.id)));
                }
                Some(rows) if rows.iter().all(|row| row.account != line.author) => {
                    found.push(at(page, "wrong author", &short(line.id)));
                }
                Some(_) => {}
            }
            if let Some((_, text)) = index.kept.get(&line.id)
                && line.text != *text
            {
                found.push(at(page, "wrong text", &format!("{:?} for {text:?}", line.text)));
            }
        }
    }
    found
}

/// Nothing is missing, nothing is undecipherable, and no outbox holds what has long been stored.
pub(super) fn whole(index: &Index<'_>) -> Found {
    let mut found = vec![];
    for page in &index.history.pages {
        let came_over = page.lines.iter().rposition(|line| line.kind == LineKind::Entered);
        let above = came_over.filter(|_| index.branched.contains(&page.conversation)).unwrap_or(0);
        for (place, line) in page.lines.iter().enumerate() {
            match line.kind {
                LineKind::Hole if place < above => {}
                LineKind::Hole => found.push(at(page, "undecryptable", &format!("a hole at {}", line.place))),
                LineKind::Unknown => found.push(at(page, "undecryptable", &format!("{} means nothing", short(line.id)))),
                LineKind::Text | LineKind::Note | LineKind::Entered => {}
            }
        }
    }
    for Profile { profile, outbox, .. } in index.history.profiles.iter().filter(|profile| profile.outbox > 0) {
        found.push(Broken { rule: "outbox not cleared", what: format!("profile {profile} still has {outbox} rows") });
    }
    found
}

fn at(page: &Page, rule: &'static str, what: &str) -> Broken {
    Broken { rule, what: format!("profile {} in {} (since {}): {what}", page.profile, short(page.conversation), page.since) }
}
