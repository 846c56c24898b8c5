//! Attacks 20 and R21: a member, or the server, stores a commit that others can't apply. The group is usable again within five
//! simulated seconds, the committer is named exactly when his device signed what came, and nothing that was written is lost.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod insider;
mod table;

use client_core::view::SystemLine;
use insider::{Spoil, disturb};
use shared::{ConversationId, DeviceId};
use sim::stage::Stage;
use table::{come, table};

/// Within so much simulated time everything works again.
const HEALED: u64 = 5_000;

/// Alice with two browsers and Bob with two; the first of Alice is the one that will disturb.
struct Four {
    table: Stage,
    disturber: usize,
    honest: Vec<usize>,
    id: ConversationId,
    device: DeviceId,
}

fn four() -> Four {
    let mut table = table();
    let disturber = come(&mut table, "alice");
    let honest = vec![come(&mut table, "bob"), come(&mut table, "bob"), come(&mut table, "alice")];

    let id = table.chat(disturber, "bob").unwrap();
    let all = [0, 1, 2, 3];
    assert!(table.until(60_000, |table| all.iter().all(|at| table.is_ready(*at, id))), "everybody is in");
    for at in all {
        table.write(at, id, &format!("hello from {at}"));
    }
    assert!(table.until(60_000, |table| all.iter().all(|at| table.texts(*at, id).len() == 4)), "everybody has everything");
    let device = table.client(disturber).state().device.unwrap();
    Four { table, disturber, honest, id, device }
}

impl Four {
    /// Everybody writes while the disturbance passes; how long it took until every honest browser had every text.
    fn healed(&mut self, texts: &[&str]) -> u64 {
        let begun = self.table.now.0;
        for (at, text) in self.honest.clone().into_iter().zip(texts) {
            self.table.write(at, self.id, text);
        }
        let (honest, id) = (self.honest.clone(), self.id);
        let all = |table: &Stage, at: usize| {
            let shown = table.texts(at, id);
            texts.iter().all(|text| shown.iter().filter(|other| other == text).count() == 1)
        };
        let done = self.table.until(60_000, |table| honest.iter().all(|at| all(table, *at) && table.is_ready(*at, id)));
        let shown: Vec<_> = honest.iter().map(|at| (self.table.texts(*at, id), self.table.client(*at).describe())).collect();
        assert!(done, "usable again: {shown:#?}");
        self.table.now.0 - begun
    }

    fn disturbed(&self, at: usize) -> usize {
        let lines = self.table.lines(at, self.id);
        lines.iter().filter(|line| **line == SystemLine::Disturbed { name: "alice".to_owned() }).count()
    }

    /// Whom a browser holds evidence against, and whether it convinces others.
    fn evidence(&self, at: usize) -> Vec<(DeviceId, bool)> {
        self.table.client(at).evidence().iter().map(|kept| (kept.device, kept.genuine)).collect()
    }

    /// Nothing written before is lost, twice or in another order.
    fn nothing_lost(&self) {
        for at in &self.honest {
            let texts = self.table.texts(*at, self.id);
            assert_eq!(texts.iter().filter(|text| text.starts_with("hello from")).count(), 4, "{texts:?}");
        }
    }
}

fn for_all(how: Spoil) {
    let mut four = four();
    assert_eq!(disturb(&mut four.table, four.disturber, four.id, 0, how), 200, "no server can see it");
    let took = four.healed(&["one", "two", "three"]);
    assert!(took <= HEALED, "{how:?}: {took} ms");
    for at in four.honest.clone() {
        assert_eq!(four.disturbed(at), 1, "{how:?}: browser {at} names the committer once");
        assert_eq!(four.evidence(at)[0], (four.device, true), "{how:?}: browser {at} keeps what convinces others");
    }
    four.nothing_lost();
}

#[test]
fn attack_20_bad_path_secrets_for_all() {
    for_all(Spoil::PathForAll);
}

#[test]
fn attack_20_bad_confirmation_tag() {
    for_all(Spoil::ConfirmationTag);
}

#[test]
fn attack_20_bad_membership_tag() {
    for_all(Spoil::MembershipTag);
}

#[test]
fn attack_20_bad_path_secret_for_one_victim() {
    for place in 0..3 {
        let mut four = four();
        assert_eq!(disturb(&mut four.table, four.disturber, four.id, 0, Spoil::PathFor(place)), 200);
        // The others can follow and write at once: in an epoch the victim has no keys for.
        let sent = ["quick one", "quick two", "quick three"];
        for (at, text) in four.honest.clone().into_iter().zip(sent) {
            four.table.write(at, four.id, text);
        }
        let (honest, id) = (four.honest.clone(), four.id);
        let through = |table: &Stage, at: usize| table.is_ready(at, id) && table.client(at).state().waiting == 0;
        assert!(four.table.until(HEALED, |table| {
            honest.iter().all(|at| through(table, *at)) && honest.iter().any(|at| !table.client(*at).evidence().is_empty())
        }));
        let took = four.healed(&["one", "two", "three"]);
        assert!(took <= HEALED, "place {place}: {took} ms");
        let victims: Vec<_> = honest.iter().copied().filter(|at| four.disturbed(*at) > 0).collect();
        let [victim] = victims[..] else { panic!("place {place}: one victim, not {victims:?}") };
        assert_eq!(four.evidence(victim), [(four.device, true)]);
        for at in honest {
            let texts = four.table.texts(at, id);
            let shown = sent.iter().filter(|text| texts.iter().any(|other| other == *text)).count();
            let holes: u64 = four
                .table
                .lines(at, id)
                .iter()
                .map(|line| if let SystemLine::Hole { count } = line { *count } else { 0 })
                .sum();
            assert_eq!(shown as u64 + holes, 3, "place {place}, browser {at}: what can't be read is counted");
            assert!(at == victim || holes == 0);
        }
        four.nothing_lost();
    }
}

/// The server spoils an honest commit on its way to everybody, in every place a byte of it can stand.
fn altered(spoil: impl Fn(&mut shared::frame::Row) + Clone + 'static) {
    let mut four = four();
    let spoil_row = spoil.clone();
    let kept = std::rc::Rc::new(std::cell::Cell::new(true));
    let goes_on = kept.clone();
    four.table.tamper.down = Some(Box::new(move |_, mut frame| {
        if let shared::frame::ServerFrame::Entries(entries) = &mut frame
            && goes_on.get()
        {
            entries.rows.iter_mut().filter(|row| row.kind == shared::frame::RowKind::Commit).for_each(&spoil_row);
        }
        vec![frame]
    }));
    assert_eq!(disturb(&mut four.table, four.disturber, four.id, 0, Spoil::Nothing), 200);
    for (at, text) in four.honest.clone().into_iter().zip(["one", "two", "three"]) {
        four.table.write(at, four.id, text);
    }
    four.table.pass(20_000);
    for at in four.honest.clone() {
        assert_eq!(four.disturbed(at), 0, "an honest committer is not framed");
        assert!(four.table.lines(at, four.id).contains(&SystemLine::Altered), "the person is told");
        assert!(four.evidence(at).iter().all(|(_, genuine)| !genuine));
        assert!(!four.table.texts(at, four.id).contains(&"one".to_owned()), "and nothing of it was taken over");
    }
    // The lie ends: the true bytes are asked for again by themselves.
    kept.set(false);
    let (honest, id) = (four.honest.clone(), four.id);
    let done =
        |table: &Stage, at: usize| ["one", "two", "three"].iter().all(|text| table.texts(at, id).contains(&(*text).to_owned()));
    assert!(four.table.until(60_000, |table| honest.iter().all(|at| done(table, *at))));
    assert!(four.honest.iter().all(|at| four.disturbed(*at) == 0));
    four.nothing_lost();
}

#[test]
fn attack_20_a_server_that_flips_a_tag_does_not_frame_the_committer() {
    let flip = |from_end: usize| {
        move |row: &mut shared::frame::Row| {
            let body = &mut row.body.as_mut().unwrap().0;
            let at = body.len() - from_end;
            body[at] ^= 1;
        }
    };
    // The membership tag is the last 32 bytes, the confirmation tag stands before it: neither is under MLS' signature.
    altered(flip(1));
    altered(flip(40));
    // What MLS signs, and the device's signature itself.
    altered(flip(400));
    altered(|row| row.signature.as_mut().unwrap().0[3] ^= 1);
    altered(|row| row.signature = None);
}

#[test]
fn attack_20_a_browser_that_dies_on_its_way_back_comes_back() {
    // With its own external commit not asked for, asked for, stored, known.
    for after in [30, 150, 210, 270, 900] {
        let mut four = four();
        let victim = four.honest[0];
        assert_eq!(disturb(&mut four.table, four.disturber, four.id, 0, Spoil::PathForAll), 200);
        four.table.write(victim, four.id, "still here");
        four.table.pass(after);
        four.table.close(victim);
        four.table.pass(1_000);
        four.table.open(victim);
        let (honest, id) = (four.honest.clone(), four.id);
        let has = |table: &Stage, at: usize| table.texts(at, id).iter().filter(|text| *text == "still here").count() == 1;
        let all = |table: &Stage| honest.iter().all(|at| has(table, *at) && table.is_ready(*at, id));
        assert!(four.table.until(HEALED, all), "killed after {after} ms: {}", four.table.client(victim).describe());
        assert_eq!(four.disturbed(victim), 1);
        four.nothing_lost();
    }
}

#[test]
fn attack_20_without_an_external_key_the_next_generation_goes_on_without_him() {
    let mut four = four();
    assert_eq!(disturb(&mut four.table, four.disturber, four.id, 0, Spoil::PathAndExternalKey), 200, "no server can see it");
    let took = four.healed(&["one", "two", "three"]);
    assert!(took <= HEALED, "{took} ms");
    for at in four.honest.clone() {
        assert_eq!(four.disturbed(at), 1, "browser {at} names the committer once");
        assert_eq!(four.evidence(at), [(four.device, true)]);
        let renewed = four.table.lines(at, four.id).iter().filter(|line| matches!(line, SystemLine::Renewed { .. })).count();
        assert_eq!(renewed, 1, "and says that the conversation begins anew");
    }
    four.nothing_lost();
    // He has no leaf any more; his browser, which never did this by itself, is added again after a while.
    four.table.open(four.disturber);
    let (disturber, honest, id) = (four.disturber, four.honest[0], four.id);
    four.table.pass(60_000);
    assert!(!four.table.is_ready(disturber, id), "not at once");
    assert!(
        four.table.until(20 * 60_000, |table| table.is_ready(disturber, id)),
        "{}",
        four.table.client(disturber).describe()
    );
    four.table.write(honest, id, "welcome back");
    assert!(four.table.until(HEALED, |table| table.texts(disturber, id).contains(&"welcome back".to_owned())));
    four.nothing_lost();
}

#[test]
fn attack_20_who_disturbs_again_and_again_is_left_out() {
    let mut four = four();
    let mut generations = 0;
    for round in 0..3 {
        // His core, or what looks like it, comes back in like everybody's, and then he does it again.
        if round > 0 {
            four.table.open(four.disturber);
            let (disturber, id) = (four.disturber, four.id);
            assert!(
                four.table.until(30_000, |table| table.client(disturber).cursors().iter().any(|c| c.0 == id && c.1 == c.2))
            );
            four.table.pass(2_000);
        }
        assert_eq!(disturb(&mut four.table, four.disturber, four.id, 0, Spoil::PathForAll), 200, "round {round}");
        let texts: Vec<String> = (0..3).map(|n| format!("{n} of round {round}")).collect();
        let took = four.healed(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(took <= HEALED, "round {round}: {took} ms");
        let lines = four.table.lines(four.honest[0], four.id);
        generations = lines.iter().filter(|line| matches!(line, SystemLine::Renewed { .. })).count();
        assert_eq!(generations, usize::from(round == 2), "round {round}");
    }
    assert_eq!(generations, 1);
    four.nothing_lost();
}

#[test]
fn r21_a_welcome_that_can_not_be_opened() {
    // The server spoils the Welcome of one of Bob's browsers in its middle, its beginning and its end.
    for place in [0, 2, 1] {
        let mut table = table();
        let (alice, here, there) = (come(&mut table, "alice"), come(&mut table, "bob"), come(&mut table, "bob"));
        table.tamper.down = Some(Box::new(move |at, mut frame| {
            if let shared::frame::ServerFrame::Inbox(items) = &mut frame
                && at == there
            {
                for item in items {
                    if let shared::frame::InboxBody::Welcome(welcome) = &mut item.body {
                        let bytes = &mut welcome.welcome.0;
                        let at = (bytes.len() - 1) * place / 2;
                        bytes[at] ^= 1;
                    }
                }
            }
            vec![frame]
        }));
        let id = table.chat(alice, "bob").unwrap();
        assert!(table.until(HEALED, |table| [alice, here, there].iter().all(|at| table.is_ready(*at, id))), "place {place}");
        for (at, text) in [(alice, "one"), (here, "two"), (there, "three")] {
            table.write(at, id, text);
        }
        let all = |table: &Stage, at: usize| {
            ["one", "two", "three"].iter().all(|text| table.texts(at, id).contains(&(*text).to_owned()))
        };
        let done = table.until(HEALED, |table| [alice, here, there].iter().all(|at| all(table, *at)));
        assert!(done, "place {place}: {}", table.client(there).describe());
    }
}

#[test]
fn attack_20_who_comes_back_by_a_key_that_nobody_has_is_not_framed() {
    let mut four = four();
    assert_eq!(disturb(&mut four.table, four.disturber, four.id, 0, Spoil::PathAndOthersKey), 200);
    // One victim comes back from the disturber's group info; the others could follow him, and can't follow the victim.
    let (honest, id) = (four.honest.clone(), four.id);
    let back = |table: &Stage, at: usize| table.is_ready(at, id) && !table.client(at).evidence().is_empty();
    assert!(four.table.until(HEALED, |table| honest.iter().all(|at| back(table, *at))));
    let took = four.healed(&["one", "two", "three"]);
    assert!(took <= HEALED, "{took} ms");
    let named: Vec<usize> = honest.iter().map(|at| four.disturbed(*at)).collect();
    assert_eq!(named.iter().sum::<usize>(), 1, "the victim names the committer: {named:?}");
    for at in honest {
        let lines = four.table.lines(at, four.id);
        let blamed = |line: &SystemLine| matches!(line, SystemLine::Disturbed { name } if name != "alice");
        assert!(!lines.iter().any(blamed) && !lines.contains(&SystemLine::Altered), "{lines:?}");
        let unfollowed = lines.iter().any(|line| matches!(line, SystemLine::Unfollowed { .. }));
        assert!(unfollowed || four.disturbed(at) == 1, "browser {at} says what it could not follow");
    }
    four.nothing_lost();
}

/// Of Alice's note to self: her first browser is in, her second came in by an external commit that was stored while its Welcome
/// was on its way. `dies`: before the answer.
fn let_in_twice(dies: bool) {
    let mut table = table();
    let here = come(&mut table, "alice");
    let note = |table: &Stage| table.client(here).conversations().first().map(|note| note.id);
    assert!(table.until(HEALED, |table| note(table).is_some_and(|id| table.is_ready(here, id))));
    let id = note(&table).unwrap();
    table.tamper.down = Some(Box::new(move |at, frame| {
        let late = at != here && matches!(frame, shared::frame::ServerFrame::Inbox(_));
        if late { vec![] } else { vec![frame] }
    }));
    let there = come(&mut table, "alice");
    let head = |table: &Stage| table.client(here).cursors().iter().find(|cursor| cursor.0 == id).map_or(0, |cursor| cursor.2);
    assert!(table.until(60_000, |table| head(table) == 3), "added at 2, by its own commit at 3");
    if dies {
        table.close(there);
    }
    table.tamper.down = None;
    if dies {
        table.open(there);
    }
    assert!(table.until(HEALED, |table| table.is_ready(there, id)));
    table.write(there, id, "one");
    table.write(here, id, "two");
    let done = table.until(HEALED, |table| [here, there].iter().all(|at| table.texts(*at, id).len() == 2));
    assert!(done, "{}", table.client(there).describe());
    assert!(table.client(there).evidence().is_empty(), "nobody disturbed");
}

#[test]
fn an_own_external_commit_and_a_welcome_that_comes_late() {
    let_in_twice(false);
}

#[test]
fn an_own_external_commit_of_an_earlier_run_behind_the_welcome() {
    let_in_twice(true);
}
