//! A good history passes; each planted violation is found, and by the rule it breaks alone.

use super::*;
use crate::history::{Line, LineKind, Page, Profile};

const TALK: Id = [7; 16];
const ALICE: Id = [0xa; 16];
const BOB: Id = [0xb; 16];

fn device(profile: usize) -> Id {
    [0x10 + u8::try_from(profile).unwrap(); 16]
}

fn account(profile: usize) -> Id {
    if profile == 2 { BOB } else { ALICE }
}

fn message(n: u8) -> Id {
    [0x80 + n; 16]
}

fn text(n: u8) -> String {
    format!("text {n}")
}

fn row(number: u64, profile: usize, what: Option<u8>, epoch: u64) -> Row {
    Row {
        conversation: TALK,
        number,
        message: what.is_some(),
        id: what.map_or_else(|| [0xc0 + u8::try_from(number).unwrap(); 16], message),
        account: account(profile),
        device: device(profile),
        generation: 0,
        epoch,
    }
}

fn line(number: u64, profile: usize, n: u8) -> Line {
    Line { place: number * 1_000, id: message(n), author: account(profile), kind: LineKind::Text, text: text(n) }
}

fn offered(profile: usize, ratchet: u32, epoch: u64, content: u8) -> Fact {
    let leaf = u32::try_from(profile).unwrap();
    Fact::Offered { conversation: TALK, generation: 0, branch: [0; 32], epoch, leaf, ratchet, digest: [content; 32] }
}

fn kept(profile: usize, n: u8) -> [Fact; 2] {
    [
        Fact::Shown { conversation: TALK, profile, message: message(n), own: true, stored: false },
        Fact::Kept { profile, message: message(n), text: text(n) },
    ]
}

/// Alice (profiles 0 and, from row 5 on, 1) and Bob (profile 2): she begins, he answers what he has read.
fn good() -> History {
    let mut facts = vec![Fact::Entered { conversation: TALK, device: device(0), number: 1 }];
    facts.push(Fact::Entered { conversation: TALK, device: device(2), number: 1 });
    facts.extend(kept(0, 1));
    facts.extend([offered(0, 0, 1, 1), offered(0, 0, 1, 1)]);
    facts.push(Fact::Shown { conversation: TALK, profile: 0, message: message(1), own: true, stored: true });
    facts.extend(kept(0, 2));
    facts.push(offered(0, 1, 1, 2));
    facts.push(Fact::Shown { conversation: TALK, profile: 2, message: message(1), own: false, stored: true });
    facts.extend(kept(2, 3));
    // His answer was sealed for an epoch that had gone, and again.
    facts.extend([offered(2, 0, 1, 3), offered(2, 0, 2, 4)]);
    facts.push(Fact::Entered { conversation: TALK, device: device(1), number: 4 });
    let log = vec![row(1, 0, None, 0), row(2, 0, Some(1), 1), row(3, 0, Some(2), 1), row(4, 0, None, 1), row(5, 2, Some(3), 2)];
    let page = |profile, since, lines| Page { profile, conversation: TALK, since, lines };
    let all = vec![line(2, 0, 1), line(3, 0, 2), line(5, 2, 3)];
    let mut with_note = all.clone();
    let note = Line { place: 4_000, id: [1; 16], author: ALICE, kind: LineKind::Note, text: String::new() };
    with_note.insert(2, note);
    History {
        facts,
        log,
        members: vec![(TALK, ALICE), (TALK, BOB)],
        profiles: (0..3).map(|p| Profile { profile: p, account: account(p), device: device(p), outbox: 0 }).collect(),
        pages: vec![page(0, 1, with_note), page(1, 4, vec![line(5, 2, 3)]), page(2, 1, all)],
    }
}

/// The rules a history breaks.
fn broken(history: &History) -> Vec<&'static str> {
    let mut rules: Vec<_> = judge(history).into_iter().map(|broken| broken.rule).collect();
    rules.dedup();
    rules
}

fn planted(plant: impl FnOnce(&mut History)) -> Vec<&'static str> {
    let mut history = good();
    plant(&mut history);
    broken(&history)
}

fn page(history: &mut History, profile: usize) -> &mut Vec<Line> {
    &mut history.pages[profile].lines
}

#[test]
fn a_good_history_passes() {
    assert_eq!(judge(&good()), vec![]);
}

#[test]
fn planted_1_a_kept_text_never_reaches_the_log() {
    assert_eq!(planted(|history| history.facts.extend(kept(2, 9).into_iter().skip(1))), ["lost"]);
}

#[test]
fn planted_2_what_was_called_stored_is_not_there() {
    let told = Fact::Shown { conversation: TALK, profile: 1, message: message(9), own: true, stored: true };
    assert_eq!(planted(|history| history.facts.push(told)), ["stored is lost"]);
}

#[test]
fn planted_3_a_message_stands_twice_in_the_log() {
    assert_eq!(planted(|history| history.log.push(row(6, 2, Some(3), 2))), ["doubled in the log"]);
    // Of another device it may only be when the writer's profile existed twice.
    let twice = |history: &mut History| history.log.push(row(6, 1, Some(1), 2));
    assert_eq!(planted(twice), ["doubled in the log", "not shown"]);
    let mut copied = good();
    twice(&mut copied);
    copied.facts.push(Fact::Copied { profile: 0, twin: 1 });
    page(&mut copied, 1).push(line(6, 0, 1));
    assert_eq!(broken(&copied), Vec::<&str>::new());
}

#[test]
fn planted_4_an_answer_stands_above_what_it_answers() {
    let swap = |history: &mut History| {
        let told = Fact::Shown { conversation: TALK, profile: 0, message: message(3), own: false, stored: true };
        let place = history.facts.iter().position(|fact| matches!(fact, Fact::Kept { .. })).unwrap();
        history.facts.insert(place, told);
    };
    assert_eq!(planted(swap), ["out of causal order"]);
}

#[test]
fn of_two_conversations_that_became_one_no_order_is_known() {
    let mut history = good();
    let told = Fact::Shown { conversation: [8; 16], profile: 0, message: message(3), own: true, stored: false };
    let place = history.facts.iter().position(|fact| matches!(fact, Fact::Kept { .. })).unwrap();
    history.facts.insert(place, told);
    assert_eq!(broken(&history), Vec::<&str>::new());
}

#[test]
fn planted_5_two_texts_of_one_person_change_places() {
    let swap = |history: &mut History| {
        let (one, two) = (history.log[1].id, history.log[2].id);
        (history.log[1].id, history.log[2].id) = (two, one);
        for profile in [0, 2] {
            page(history, profile).swap(0, 1);
        }
    };
    assert_eq!(planted(swap), ["out of causal order"]);
}

#[test]
fn planted_6_a_ratchet_key_seals_two_messages() {
    assert_eq!(planted(|history| history.facts.push(offered(0, 1, 1, 9))), ["key used twice"]);
    let other_epoch = |history: &mut History| history.facts.push(offered(0, 1, 2, 9));
    assert_eq!(planted(other_epoch), Vec::<&str>::new());
    let unread = Fact::Unreadable { conversation: TALK, message: message(1) };
    assert_eq!(planted(|history| history.facts.push(unread)), ["sender data can't be read"]);
}

#[test]
fn planted_7_a_browser_misses_a_message() {
    assert_eq!(planted(|history| drop(page(history, 2).remove(1))), ["not shown"]);
    // From before it was let in, it need not have it.
    assert_eq!(planted(|history| page(history, 1).insert(0, line(2, 0, 1))), Vec::<&str>::new());
}

#[test]
fn planted_8_a_browser_shows_a_message_twice_or_in_another_order() {
    assert_eq!(planted(|history| page(history, 2).push(line(6, 2, 3))), ["shown twice"]);
    assert_eq!(planted(|history| page(history, 2).swap(1, 2)), ["shown in another order"]);
}

#[test]
fn planted_9_a_line_says_what_nobody_wrote() {
    assert_eq!(planted(|history| page(history, 2)[0].text = "another".into()), ["wrong text"]);
    assert_eq!(planted(|history| page(history, 2)[0].author = BOB), ["wrong author"]);
    assert_eq!(planted(|history| page(history, 2).push(line(9, 0, 9))), ["shown and not stored"]);
}

#[test]
fn planted_10_something_could_not_be_decrypted() {
    let hole = Line { place: 3_900, id: [2; 16], author: ALICE, kind: LineKind::Hole, text: String::new() };
    assert_eq!(planted(|history| page(history, 2).push(hole)), ["undecryptable"]);
    let newer = |history: &mut History| page(history, 2)[1].kind = LineKind::Unknown;
    assert_eq!(planted(newer), ["undecryptable"]);
}

#[test]
fn planted_11_a_member_is_left_out() {
    assert_eq!(planted(|history| drop(history.pages.remove(1))), ["left out"]);
    assert_eq!(planted(|history| history.pages[1].since = 3), ["left out"]);
}

#[test]
fn planted_12_the_log_has_a_gap_or_goes_back() {
    let gap = |history: &mut History| history.log.last_mut().unwrap().number = 6;
    assert_eq!(planted(gap), ["gap in the log"]);
    assert_eq!(planted(|history| history.log.last_mut().unwrap().epoch = 0), ["epoch goes back"]);
}

#[test]
fn planted_13_an_outbox_keeps_what_is_stored() {
    assert_eq!(planted(|history| history.profiles[0].outbox = 1), ["outbox not cleared"]);
}

#[test]
fn what_a_rolled_back_profile_had_kept_after_its_copy_may_be_gone() {
    let lost = kept(0, 9).into_iter().skip(1);
    let mut history = good();
    history.facts.extend(lost.clone());
    history.facts.push(Fact::RolledBack { profile: 0 });
    assert_eq!(broken(&history), Vec::<&str>::new());
    let mut history = good();
    history.facts.push(Fact::RolledBack { profile: 0 });
    history.facts.extend(lost);
    assert_eq!(broken(&history), ["lost"], "kept by the profile it is now");
}

#[test]
fn what_a_restore_took_out_of_the_log_may_stand_elsewhere_and_nothing_else_may() {
    let swapped = |lost: Vec<Row>| {
        let mut history = good();
        history.facts.push(Fact::Restored { lost });
        page(&mut history, 2).swap(1, 2);
        broken(&history)
    };
    let moved = good().pages[2].lines[1].id;
    let lost: Vec<Row> = good().log.into_iter().filter(|row| row.id == moved).collect();
    assert_eq!(lost.len(), 1);
    assert_eq!(swapped(lost), Vec::<&str>::new());
    assert_eq!(swapped(vec![]), ["shown in another order"]);
}

#[test]
fn what_a_restore_took_out_of_the_log_has_to_come_back() {
    let mut history = good();
    let [shown, kept] = kept(0, 9);
    history.facts.extend([shown, kept, Fact::Restored { lost: vec![row(9, 0, Some(9), 1)] }]);
    assert_eq!(broken(&history), ["lost"]);
}

#[test]
fn only_who_came_over_from_a_lost_branch_may_lack_what_was_written_before() {
    let line = |place: u64, kind: LineKind| Line { place, id: [2; 16], author: ALICE, kind, text: String::new() };
    let shown = |entered: u64, message: bool, lost: bool| {
        let mut history = good();
        if lost {
            history.facts.push(Fact::Restored { lost: vec![Row { message, ..row(9, 0, None, 1) }] });
        }
        let page = page(&mut history, 2);
        page.extend([line(1_900, LineKind::Hole), line(entered, LineKind::Entered)]);
        page.sort_by_key(|line| line.place);
        broken(&history)
    };
    assert_eq!(shown(1_950, false, true), Vec::<&str>::new());
    assert_eq!(shown(1_950, true, true), ["undecryptable"], "only messages were lost");
    assert_eq!(shown(1_800, false, true), ["undecryptable"], "behind the row that let it in");
    assert_eq!(shown(1_950, false, false), ["undecryptable"], "no restore");
}

#[test]
fn two_branches_of_a_group_may_use_the_same_numbers_of_keys() {
    let mut history = good();
    let mut other = offered(0, 0, 1, 99);
    if let Fact::Offered { branch, .. } = &mut other {
        *branch = [1; 32];
    }
    history.facts.push(other);
    assert_eq!(broken(&history), Vec::<&str>::new());
}
