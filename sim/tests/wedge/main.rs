//! Attacks 20 and R21: a member, or the server, stores a commit that others can't apply. The group is usable again within five
//! simulated seconds, the committer is named exactly when his device signed what came, and nothing that was written is lost.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod insider;
mod table;

use client_core::{Answer, Command, view::SystemLine};
use insider::{Spoil, disturb};
use shared::{ConversationId, DeviceId};
use table::Table;

/// Within so much simulated time everything works again.
const HEALED: u64 = 5_000;

/// Alice with two browsers and Bob with two; the first of Alice is the one that will disturb.
struct Four {
    table: Table,
    disturber: usize,
    honest: Vec<usize>,
    id: ConversationId,
    device: DeviceId,
}

fn four() -> Four {
    let mut table = Table::new();
    let disturber = table.browser("alice");
    let honest = vec![table.browser("bob"), table.browser("bob"), table.browser("alice")];

    let Ok(Answer::Conversation(id)) = table.command(disturber, Command::StartChat { username: "bob".to_owned() }) else {
        panic!("no conversation");
    };
    let all = [0, 1, 2, 3];
    assert!(table.until(60_000, |table| all.iter().all(|at| ready(table, *at, id))), "everybody is in");
    for at in all {
        table.write(at, id, &format!("hello from {at}"));
    }
    assert!(table.until(60_000, |table| all.iter().all(|at| table.texts(*at, id).len() == 4)), "everybody has everything");
    let device = table.client(disturber).state().device.unwrap();
    Four { table, disturber, honest, id, device }
}

fn ready(table: &Table, at: usize, id: ConversationId) -> bool {
    let views = table.client(at).conversations();
    views.iter().any(|c| c.id == id && c.state == client_core::view::ConversationStatus::Ready)
}

impl Four {
    /// Everybody writes while the disturbance passes; how long it took until every honest browser had every text.
    fn healed(&mut self, texts: &[&str]) -> u64 {
        let begun = self.table.now.0;
        for (at, text) in self.honest.clone().into_iter().zip(texts) {
            self.table.write(at, self.id, text);
        }
        let (honest, id) = (self.honest.clone(), self.id);
        let all = |table: &Table, at: usize| {
            let shown = table.texts(at, id);
            texts.iter().all(|text| shown.iter().filter(|other| other == text).count() == 1)
        };
        let done = self.table.until(60_000, |table| honest.iter().all(|at| all(table, *at) && ready(table, *at, id)));
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
        let through = |table: &Table, at: usize| ready(table, at, id) && table.client(at).state().waiting == 0;
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
    four.table.tamper = Some(Box::new(move |_, frame| {
        if let shared::frame::ServerFrame::Entries(entries) = frame
            && goes_on.get()
        {
            entries.rows.iter_mut().filter(|row| row.kind == shared::frame::RowKind::Commit).for_each(&spoil_row);
        }
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
        |table: &Table, at: usize| ["one", "two", "three"].iter().all(|text| table.texts(at, id).contains(&(*text).to_owned()));
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
    for after in [30, 110, 170, 210, 250, 290, 350, 900] {
        let mut four = four();
        let victim = four.honest[0];
        assert_eq!(disturb(&mut four.table, four.disturber, four.id, 0, Spoil::PathForAll), 200);
        four.table.write(victim, four.id, "still here");
        four.table.pass(after);
        four.table.kill(victim);
        four.table.pass(1_000);
        four.table.start(victim);
        let (honest, id) = (four.honest.clone(), four.id);
        let has = |table: &Table, at: usize| table.texts(at, id).iter().filter(|text| *text == "still here").count() == 1;
        let all = |table: &Table| honest.iter().all(|at| has(table, *at) && ready(table, *at, id));
        assert!(four.table.until(HEALED, all), "killed after {after} ms: {}", four.table.client(victim).describe());
        assert_eq!(four.disturbed(victim), 1);
        four.nothing_lost();
    }
}
