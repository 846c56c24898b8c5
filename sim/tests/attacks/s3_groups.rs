//! attacks.md §3, what concerns the group: forks, commits, Welcomes, packages, policy.

use std::{cell::RefCell, rc::Rc};

use client_core::{Method, view::ConversationStatus};
use mls::{
    group,
    leaf::{self, POLICY},
    openmls::prelude::*,
    tls_codec::Deserialize as _,
};
use shared::{
    AccountId, Bytes, ConversationId, MessageId,
    authenticated::CommitData,
    frame::{ClientFrame, InboxBody, InboxItem, ServerFrame},
    http::{self, Claimed},
    time::DAY,
};

use crate::{
    forge::{Forged, bytes},
    insider::{Insider, hint, plant, signed},
    oracle::{Alarm, converge, judge},
    stage::Stage,
    tamper::{flip, with_cbor},
};

/// Epoch and devices of a conversation as a browser's own rows have them.
pub(crate) fn inside(stage: &Stage, at: usize, conversation: ConversationId) -> (u64, Vec<shared::DeviceId>) {
    let view = Insider::of(stage, at, conversation);
    (view.epoch(), view.roster())
}

/// Rows of one kind: (number, epoch, sender's account, sender's device, id, body).
type LogRow = (u64, u64, AccountId, shared::DeviceId, MessageId, Vec<u8>);

pub(crate) fn log(stage: &Stage, conversation: ConversationId, kind: u8) -> Vec<LogRow> {
    let mut rows = stage
        .database
        .sql
        .prepare(
            "SELECT seq, epoch, sender_account, sender, cmid, body FROM conv_msg WHERE conv_id = ?1 AND kind = ?2 ORDER BY seq",
        )
        .unwrap();
    let rows = rows
        .query_map(rusqlite::params![conversation.as_bytes(), kind], |row| {
            Ok((
                u64::try_from(row.get::<_, i64>(0)?).unwrap(),
                u64::try_from(row.get::<_, i64>(1)?).unwrap(),
                AccountId(row.get(2)?),
                shared::DeviceId(row.get(3)?),
                MessageId(row.get(4)?),
                row.get(5)?,
            ))
        })
        .unwrap();
    rows.map(Result::unwrap).collect()
}

/// ALARM(hole): each side is shown its own commit for one epoch. The first row that crosses says a different past (its
/// transcript prefix) and is not shown as text. RESIDUAL: while the server lets nothing cross, nobody can know; and the line
/// names a gap, not yet a fork.
#[test]
fn attack_17_fork() {
    let (mut left, alice, bob, conversation) = Stage::pair();
    let mut right = left.fork();
    left.close(bob);
    right.close(alice);
    for (stage, at) in [(&mut left, alice), (&mut right, bob)] {
        stage.wait(25 * 3_600);
        stage.send(at, conversation, "on my side");
        stage.wait(60);
    }
    assert_eq!(inside(&left, alice, conversation).0, inside(&right, bob, conversation).0, "two commits for one epoch");
    judge(&left, &[alice]).refused();
    let (_, epoch, account, device, id, body) = log(&right, conversation, 0).last().unwrap().clone();
    assert_eq!(account, right.account(bob));
    let number = plant(&left, conversation, (account, device), (0, &[]), epoch, id, &body);
    hint(&mut left, alice, conversation, number);
    left.wait(30);
    judge(&left, &[alice]).alarmed(Alarm::Hole);
}

/// ALARM(hole): bob is not told of a commit and goes on in the old epoch; what he seals there is not shown as if nothing were.
/// RESIDUAL: that bob lags behind is not shown to the others.
#[test]
fn attack_18_withheld_commit() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let sealed: Rc<RefCell<Vec<shared::frame::Append>>> = Rc::default();
    let caught = Rc::clone(&sealed);
    stage.tamper.down = Some(Box::new(move |at, frame| {
        let told = matches!(&frame, ServerFrame::Entries(_) | ServerFrame::Head(_)) && at == bob;
        if told { vec![] } else { vec![frame] }
    }));
    stage.tamper.up = Some(Box::new(move |at, frame| match frame {
        ClientFrame::Append(append) if at == bob => {
            caught.borrow_mut().push(append);
            vec![]
        }
        frame => vec![frame],
    }));
    let second = stage.login("alice");
    let (epoch, _) = inside(&stage, alice, conversation);
    assert!(inside(&stage, bob, conversation).0 < epoch, "he was not told");
    stage.send(bob, conversation, "in the old epoch");
    stage.wait(5);
    let append = sealed.borrow()[0].clone();
    assert!(append.epoch < epoch);
    let from = (stage.account(bob), stage.client(bob).state().device.unwrap());
    let number = plant(&stage, conversation, from, (0, &[]), append.epoch, append.message, append.sealed.as_slice());
    for at in [alice, second] {
        hint(&mut stage, at, conversation, number);
    }
    stage.wait(10);
    judge(&stage, &[alice, second]).alarmed(Alarm::Hole);
    converge(&mut stage, alice, bob, conversation);
}

/// REFUSED: an old commit comes again; the epoch stays.
#[test]
fn attack_19_replayed_commit() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    stage.wait(25 * 3_600);
    stage.send(bob, conversation, "healed");
    stage.wait(30);
    let before = inside(&stage, alice, conversation);
    let (_, epoch, account, device, _, body) = log(&stage, conversation, 1).last().unwrap().clone();
    let signature: Vec<u8> = stage.database.one("SELECT sig FROM conv_msg WHERE kind = 1 ORDER BY at_ms DESC LIMIT 1");
    for lie in [epoch, before.0] {
        let mut fork = stage.fork();
        fork.wait(30);
        let number = plant(&fork, conversation, (account, device), (1, &signature), lie, MessageId([3; 16]), &body);
        for at in [alice, bob] {
            hint(&mut fork, at, conversation, number);
            fork.wait(10);
            assert_eq!(inside(&fork, at, conversation), before);
        }
        judge(&fork, &[alice, bob]).sound();
    }
}

/// REFUSED: external commits by an account that is not in the tree, and by one that only says it is.
#[test]
fn attack_21_foreign_external_commit() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let before = inside(&stage, alice, conversation);
    let response = stage.raw(alice, Method::Get, &format!("/api/conversations/{conversation}/group-info"), None);
    let info: http::GroupInfo = shared::codec::decode(&response.body).unwrap();
    for claimed in [AccountId([77; 16]), stage.account(bob)] {
        let mallory = Forged::of(claimed, 77);
        let message = MessageId([4; 16]);
        let data = CommitData { message, device: mallory.device };
        let tree = RatchetTreeIn::tls_deserialize_exact(info.tree.as_slice()).unwrap();
        let parameters = LeafNodeParameters::builder().with_capabilities(leaf::capabilities(mallory.provider.rand())).build();
        let (_, bundle) = MlsGroup::external_commit_builder()
            .with_config(group::join_config())
            .with_ratchet_tree(tree)
            .skip_lifetime_validation()
            .with_aad(data.encode())
            .build_group(&mallory.provider, group::group_info(info.group_info.as_slice()).unwrap(), mallory.credential())
            .unwrap()
            .leaf_node_parameters(parameters)
            .load_psks(mallory.provider.storage())
            .unwrap()
            .build(mallory.provider.rand(), mallory.provider.crypto(), &mallory.signer, |_| true)
            .unwrap()
            .finalize(&mallory.provider)
            .unwrap();
        let (commit, _, _) = bundle.into_messages();
        let commit = group::bytes(&commit).unwrap();
        let signature = signed(&mallory.signer, &commit);
        let mut fork = stage.fork();
        fork.wait(30);
        let number = plant(&fork, conversation, (claimed, mallory.device), (1, &signature), before.0, message, &commit);
        for at in [alice, bob] {
            hint(&mut fork, at, conversation, number);
            fork.wait(10);
            assert_eq!(inside(&fork, at, conversation), before, "in by the back door");
        }
        judge(&fork, &[alice, bob]).sound();
    }
}

fn welcome_of(stage: &Stage, at: usize) -> InboxItem {
    let device = stage.client(at).state().device.unwrap();
    let (number, body): (i64, Vec<u8>) = stage
        .database
        .sql
        .query_row("SELECT n, body FROM device_inbox WHERE device_id = ?1 ORDER BY n LIMIT 1", [device.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("a Welcome waits");
    let body: InboxBody = shared::codec::decode(&body).unwrap();
    InboxItem { number: u64::try_from(number).unwrap(), at: stage.now, body }
}

/// REFUSED: the Welcome that let bob in comes three times more, under new numbers, also after a reload, and after his
/// browser had to enrol again: the old state does not come back.
#[test]
fn attack_22_replayed_welcome() {
    let mut stage = Stage::new();
    let (alice, bob) = (stage.register("alice"), stage.register("bob"));
    stage.cut(bob, true);
    let conversation = stage.chat(alice, "bob").unwrap();
    stage.wait(10);
    let welcome = welcome_of(&stage, bob);
    stage.cut(bob, false);
    stage.wait(30);
    let copy = crate::stage::copy(&stage.browsers[bob].disk.as_ref().unwrap().1);
    stage.send(alice, conversation, "one");
    stage.send(bob, conversation, "two");
    let second = stage.login("alice");
    stage.send(alice, conversation, "three, in a later epoch");
    stage.wait(30);
    let before = inside(&stage, bob, conversation);
    assert_eq!(before.0, 2);
    for number in welcome.number + 1..=welcome.number + 3 {
        stage.push(bob, ServerFrame::Inbox(vec![InboxItem { number, ..welcome.clone() }]));
        stage.wait(10);
        assert_eq!(inside(&stage, bob, conversation), before);
    }
    stage.reload(bob);
    stage.wait(30);
    judge(&stage, &[alice, bob]).refused();
    // An older copy of the profile comes back: it must enrol again, and what it was once welcomed with is of no use.
    stage.close(bob);
    stage.browsers[bob].disk.as_mut().unwrap().1 = copy;
    stage.open(bob);
    stage.wait(30);
    assert_eq!(stage.client(bob).state().session, client_core::view::SessionState::Ended);
    for at in [alice, second] {
        stage.cut(at, true);
    }
    let unlock = client_core::Command::Unlock { password: crate::stage::password("bob") };
    stage.ask(bob, unlock).unwrap();
    let device = stage.client(bob).state().device.unwrap();
    for n in 1..4 {
        let body = shared::codec::encode(&welcome.body);
        let sql = &stage.database.sql;
        sql.execute("INSERT INTO device_inbox VALUES (?1, ?2, 1, ?3)", rusqlite::params![device.as_bytes(), n, body]).unwrap();
        sql.execute("INSERT OR REPLACE INTO device_head VALUES (?1, ?2)", rusqlite::params![device.as_bytes(), n]).unwrap();
        stage.reload(bob);
        stage.wait(10);
        assert_eq!(stage.view(bob, conversation).state, ConversationStatus::Starting, "an old state came back");
    }
    for at in [alice, second] {
        stage.cut(at, false);
    }
    converge(&mut stage, alice, bob, conversation);
}

/// REFUSED: spoilt copies of a Welcome come first; the genuine one still lets bob in, for the package is not used up.
#[test]
fn attack_24_burnt_key_package() {
    let mut stage = Stage::new();
    let (alice, bob) = (stage.register("alice"), stage.register("bob"));
    stage.cut(bob, true);
    let conversation = stage.chat(alice, "bob").unwrap();
    stage.wait(10);
    let genuine = welcome_of(&stage, bob);
    let InboxBody::Welcome(item) = genuine.body.clone() else { panic!("{genuine:?}") };
    let bits = item.welcome.0.len() * 8;
    // Every region of it, the last byte (P12b) among them.
    let mut places: Vec<usize> = (0..160).map(|n| n * bits / 160).collect();
    places.push(bits - 1);
    let spoilt: Vec<InboxItem> = places
        .iter()
        .zip(genuine.number..)
        .map(|(bit, number)| {
            let mut item = item.clone();
            item.welcome = flip(&item.welcome, *bit);
            InboxItem { number, at: genuine.at, body: InboxBody::Welcome(item) }
        })
        .collect();
    let last = InboxItem { number: genuine.number + places.len() as u64, ..genuine };
    let items: Vec<InboxItem> = spoilt.into_iter().chain([last]).collect();
    stage.tamper.down = Some(Box::new(move |at, frame| match frame {
        ServerFrame::Inbox(_) if at == bob => vec![ServerFrame::Inbox(items.clone())],
        frame => vec![frame],
    }));
    stage.cut(bob, false);
    stage.wait(30);
    assert_eq!(stage.view(bob, conversation).state, ConversationStatus::Ready, "{}", stage.describe(bob));
    judge(&stage, &[alice, bob]).refused();
    converge(&mut stage, alice, bob, conversation);
}

/// Alice looks bob up and is given this package for his device: how it ends.
fn start_with(package: impl Fn(&Stage, &Insider) -> Bytes) -> Result<ConversationId, String> {
    let mut stage = Stage::new();
    let (alice, bob) = (stage.register("alice"), stage.register("bob"));
    // His note is a group that has his keys.
    stage.wait(30);
    let note = stage.client(bob).conversations()[0].id;
    let own = Insider::of(&stage, bob, note);
    let package = package(&stage, &own);
    stage.tamper.answer = Some(Box::new(move |_, path, response| {
        if path.ends_with("/key-packages/claim") {
            with_cbor(response, |claimed: &mut Claimed| {
                claimed.packages.iter_mut().for_each(|claimed| claimed.package = package.clone());
            });
        }
    }));
    stage.chat(alice, "bob").map_err(|failure| failure.code)
}

fn package_of(own: &Insider, suite: Ciphersuite, lifetime: Lifetime, last_resort: bool) -> Bytes {
    let capabilities = Capabilities::new(
        None,
        Some(&[leaf::SUITE, suite]),
        Some(&[POLICY, ExtensionType::LastResort]),
        None,
        Some(&[leaf::CREDENTIAL]),
    );
    let mut builder = KeyPackage::builder().leaf_node_capabilities(capabilities).key_package_lifetime(lifetime);
    if last_resort {
        builder = builder.mark_as_last_resort();
    }
    bytes(builder.build(suite, &own.provider, &own.signer, own.credential.clone()).unwrap().into_key_package())
}

/// REFUSED: the server hands out packages that are older than what may be added (30 days, the last resort 90), from the
/// future, or of another width of life.
#[test]
fn attack_25_stale_key_package() {
    let days = |n: u64| n * DAY / 1_000;
    let aged = |age: u64, last: bool| {
        start_with(move |stage, own| package_of(own, leaf::SUITE, leaf::lifetime(stage.now.0 / 1_000 - days(age)), last))
    };
    assert!(aged(29, false).is_ok(), "a fresh one is used");
    assert!(aged(89, true).is_ok(), "a fresh last resort is used");
    assert_eq!(aged(31, false), Err("bad_answer".to_owned()));
    assert_eq!(aged(91, true), Err("bad_answer".to_owned()));
    let wide = start_with(|stage, own| {
        let now = stage.now.0 / 1_000;
        package_of(own, leaf::SUITE, Lifetime::init(now - days(1), now + days(4_000)), false)
    });
    assert_eq!(wide, Err("bad_answer".to_owned()));
}

/// REFUSED: only packages of a suite without post-quantum protection are handed out, or none: nothing falls back.
#[test]
fn attack_26_suite_downgrade() {
    let classic = start_with(|stage, own| {
        let suite = Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519;
        package_of(own, suite, leaf::lifetime(stage.now.0 / 1_000), false)
    });
    assert_eq!(classic, Err("bad_answer".to_owned()));
    assert_eq!(start_with(|_, _| Bytes::default()), Err("bad_answer".to_owned()));
}

/// REFUSED: a member changes what the policy does not let him change: he removes the other side, or brings a third account
/// in. The server refuses, and so does every client when the server does not.
#[test]
fn attack_38_policy_bypass() {
    let (mut stage, alice, bob, conversation) = Stage::pair();
    let before = inside(&stage, alice, conversation);
    let third = Forged::of(AccountId([78; 16]), 78);
    let other = stage.client(alice).state().device.unwrap();
    for adds in [true, false] {
        let mut fork = stage.fork();
        fork.wait(30);
        let mut insider = Insider::of(&fork, bob, conversation);
        let leaf = insider
            .group
            .members()
            .find(|member| leaf::check(&member.credential, &member.signature_key).unwrap().certificate().device == other);
        let (packages, leaves) =
            if adds { (vec![third.package(fork.now.0 / 1_000)], vec![]) } else { (vec![], vec![leaf.unwrap().index]) };
        let message = MessageId([6; 16]);
        let (commit, body) = insider.commit(message, packages, leaves);
        let path = format!("/api/conversations/{conversation}/commits");
        let refused = fork.raw(bob, Method::Post, &path, Some((http::CBOR, shared::codec::encode(&body))));
        assert!(refused.status >= 400);
        fork.close(bob);
        let number = insider.plant(&fork, 1, message, &commit);
        hint(&mut fork, alice, conversation, number);
        fork.wait(10);
        assert_eq!(inside(&fork, alice, conversation), before);
        judge(&fork, &[alice]).sound();
    }
    stage.wait(1);
}
