//! The moment every script begins at, made once a process: people who talk, one who was put out, one who waits to be let in.

use std::rc::Rc;

use client_core::{Answer, Command};
use server_core::Token;
use shared::{AccountId, ConversationId, DeviceId, MessageId};

use crate::{lie::Names, stage::Stage};

/// Alice's first browser.
pub(crate) const ALICE: usize = 0;
/// Bob's.
pub(crate) const BOB: usize = 1;
/// Carol's: she is in no conversation with anybody.
pub(crate) const CAROL: usize = 2;
/// Alice's second one, which she has retired: its cookie is what it had before.
pub(crate) const RETIRED: usize = 3;
/// Bob's second one: enrolled while nobody was there who could add it.
pub(crate) const WAITING: usize = 4;

/// See the module.
pub(crate) struct Prepared {
    /// With a tape of everything that was under way, before and after the moment.
    pub(crate) stage: Stage,
    /// Of alice and bob.
    pub(crate) pair: ConversationId,
    /// The retired browser's cookie while it was one.
    pub(crate) gone: Option<Token>,
    /// Where on the tape the time after the moment begins.
    pub(crate) after: usize,
    /// Everybody's browsers, and the ids in all logs.
    pub(crate) names: Names,
}

thread_local! {
    static PREPARED: Prepared = Prepared::new();
}

/// Lends the moment.
pub(crate) fn with(run: impl FnOnce(&Prepared)) {
    PREPARED.with(run);
}

fn password(name: &str) -> String {
    format!("Quiet-river-9-{name}")
}

fn register(stage: &mut Stage, name: &str) -> usize {
    let at = stage.enter(Command::Register { username: name.to_owned(), password: password(name), stay: true });
    stage.settle(10_000);
    at
}

fn login(stage: &mut Stage, name: &str) -> usize {
    let at = stage.enter(Command::Login { username: name.to_owned(), password: password(name), stay: true });
    later(stage);
    at
}

fn later(stage: &mut Stage) {
    for _ in 0..20 {
        stage.settle(10_000);
        stage.wait(1_000);
    }
    stage.settle(10_000);
}

fn chat(stage: &mut Stage, at: usize, name: &str) -> ConversationId {
    match stage.ask(at, Command::StartChat { username: name.to_owned() }) {
        Ok(Answer::Conversation(id)) => id,
        _ => panic!("no conversation"),
    }
}

impl Prepared {
    pub(crate) fn new() -> Self {
        let mut stage = Stage::new();
        stage.taping = Some(vec![]);
        for name in ["alice", "bob", "carol"] {
            register(&mut stage, name);
        }
        let pair = chat(&mut stage, ALICE, "bob");
        later(&mut stage);
        assert_eq!(login(&mut stage, "alice"), RETIRED);
        for at in [ALICE, BOB, RETIRED, ALICE] {
            stage.send(at, pair);
            stage.settle(10_000);
        }
        let gone = stage.browsers[RETIRED].cookie.clone();
        stage.ask(RETIRED, Command::Logout { wipe: true }).expect("it may go");
        later(&mut stage);
        // One text waits in each outbox.
        for at in [ALICE, BOB] {
            stage.cut(at);
            stage.send(at, pair);
            stage.close(at);
        }
        assert_eq!(login(&mut stage, "bob"), WAITING);
        stage.close(WAITING);
        stage.close(CAROL);
        stage.queue.clear();
        let mut tape = stage.taping.take().unwrap_or_default();
        let after = tape.len();
        tape.extend(Self::afterwards(&stage, pair));
        stage.tape = Rc::new(tape);
        let ids = stage.database.rows("SELECT cmid FROM conv_msg ORDER BY conv_id, seq");
        let messages = ids.iter().filter_map(|line| MessageId::from_slice(line.get(..16)?)).collect();
        let owned = stage.database.rows("SELECT account_id, device_id FROM device ORDER BY created_ms");
        let device = |line: &Vec<u8>| Some((AccountId::from_slice(line.get(..16)?)?, DeviceId::from_slice(line.get(17..33)?)?));
        let names = Names { devices: owned.iter().filter_map(device).collect(), messages };
        Self { stage, pair, gone, after, names }
    }

    /// How it would go on: genuine requests and frames that the server has not seen at the moment.
    fn afterwards(stage: &Stage, pair: ConversationId) -> Vec<(usize, crate::stage::Packet)> {
        let mut stage = stage.fork();
        stage.taping = Some(vec![]);
        for at in [ALICE, BOB, CAROL, WAITING] {
            stage.open(at);
        }
        later(&mut stage);
        for at in [ALICE, BOB, WAITING] {
            stage.send(at, pair);
            stage.settle(10_000);
        }
        let other = chat(&mut stage, CAROL, "bob");
        later(&mut stage);
        stage.send(CAROL, other);
        let kit = stage.browsers[ALICE].client.as_ref().and_then(|client| client.state().kit).map(|kit| kit.code);
        login(&mut stage, "alice");
        stage.ask(WAITING, Command::Logout { wipe: true }).expect("it may go");
        let recover = |kit| Command::Recover { username: "alice".to_owned(), kit, password: password("anew"), stay: false };
        if let Some(kit) = kit {
            stage.enter(recover(kit));
        }
        later(&mut stage);
        stage.taping.take().unwrap_or_default()
    }
}
