//! Does the time of an answer tell whether a name exists? Measured inside, without network, where it would show first.

use std::time::Instant;

use server::{clock::SystemRandom, store_threads::World};
use server_core::{Keys, Peer, Rules, Store, account, rules::Budget};
use shared::{
    Bytes,
    http::{LoginFinish, LoginStart, RecoverOpen, RecoverStart},
};

use crate::{
    app::TestApp,
    people::{register, register_start},
    speaking::login::{LoggingIn, Registering},
};

/// Rounds of one test; `SOTTO_TIMING_ROUNDS=20000` for a long look.
fn rounds() -> usize {
    std::env::var("SOTTO_TIMING_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(700)
}

/// Welch's t of two samples.
fn welch(a: &[f64], b: &[f64]) -> f64 {
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
    let variance = |all: &[f64], mean: f64| all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (all.len() - 1) as f64;
    let (ma, mb) = (mean(a), mean(b));
    (ma - mb) / (variance(a, ma) / a.len() as f64 + variance(b, mb) / b.len() as f64).sqrt()
}

/// Without what the machine did in between: the slowest part of both classes together is left out (as dudect does).
fn cropped(a: &[f64], b: &[f64], share: f64) -> (Vec<f64>, Vec<f64>) {
    let mut all = [a, b].concat();
    all.sort_by(f64::total_cmp);
    let limit = all[((all.len() - 1) as f64 * share) as usize];
    let crop = |of: &[f64]| of.iter().copied().filter(|x| *x <= limit).collect();
    (crop(a), crop(b))
}

/// The largest |t| of several crops, and the difference of the medians in microseconds.
fn judge(a: &[f64], b: &[f64]) -> (f64, f64) {
    let t = [0.5, 0.8, 0.95].map(|share| {
        let (a, b) = cropped(a, b, share);
        if a.len() < 10 || b.len() < 10 { f64::INFINITY } else { welch(&a, &b).abs() }
    });
    let median = |of: &[f64]| {
        let mut sorted = of.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    (t.into_iter().fold(0.0, f64::max), median(a) - median(b))
}

/// A database with one account, and what operations on it need.
struct Inside {
    store: Store,
    world: World,
    _app: TestApp,
}

impl Inside {
    async fn open() -> Self {
        let mut app = TestApp::start().await;
        register(&app, "alice").await;
        app.stop().await;
        let keys = Keys::from_bytes(&std::fs::read(app.folder().join("server.keys")).unwrap()).unwrap();
        let all = Budget { burst: u32::MAX, every: 1 };
        let rules = Rules { login_pair: all, login_prefix: all, login_account: all, register: all, ..Rules::default() };
        let store = Store::open(&app.folder().join("sotto.db")).unwrap();
        Self { store, world: World { rules, keys }, _app: app }
    }

    /// Everything in one transaction: a commit takes ten times as long as what is looked at, and the disk's mood is no secret.
    fn look(&mut self, look: impl FnOnce(&mut Timed<'_>) -> [(f64, f64); 2]) -> [(f64, f64); 2] {
        let world = &self.world;
        let seen = self.store.transaction("timed", |sql| {
            let peer = Peer { prefix: vec![127, 0, 0, 1], known: None };
            Ok(server_core::Done::quiet(look(&mut Timed { sql, world, peer })))
        });
        seen.unwrap().answer
    }
}

struct Timed<'a> {
    sql: &'a mut dyn server_core::sql::Sql,
    world: &'a World,
    peer: Peer,
}

impl Timed<'_> {
    /// Runs one operation; microseconds.
    fn time<T>(
        &mut self,
        operation: impl FnOnce(&mut dyn server_core::sql::Sql, &mut server_core::Context<'_>, &Peer) -> server_core::Outcome<T>,
    ) -> (f64, Result<T, shared::Code>) {
        let start = Instant::now();
        let outcome = self.world.with(|context| operation(self.sql, context, &self.peer));
        let took = start.elapsed().as_secs_f64() * 1e6;
        (took, outcome.map(|done| done.answer).map_err(|refusal| refusal.code))
    }
}

/// Two names of one length: one is there.
const NAMES: [&str; 2] = ["alice", "alicf"];

/// Takes both classes in an order drawn by chance, so that neither the machine nor the database's growth is on one side.
fn sampled(mut once: impl FnMut(&str) -> [f64; 2]) -> [(f64, f64); 2] {
    let mut times: [[Vec<f64>; 2]; 2] = Default::default();
    for round in 0..rounds() + 50 {
        let first = usize::from(server::clock::random::<1>()[0] & 1);
        for class in [first, 1 - first] {
            let took = once(NAMES[class]);
            // The first ones fill caches.
            if round >= 50 {
                for (step, took) in took.into_iter().enumerate() {
                    times[step][class].push(took);
                }
            }
        }
    }
    times.each_ref().map(|[a, b]| judge(a, b))
}

/// What is below this drowns in any network, and is less than the difference between a row found and none found.
const UNSEEN: f64 = 5.0;

/// At 4.5 a difference is there with all certainty that a sample gives. One that is there shows each time; so the best of
/// three looks is judged, and a busy machine has to disturb all of them.
fn indistinguishable(what: [&str; 2], mut look: impl FnMut() -> [(f64, f64); 2]) {
    let mut seen = vec![];
    for _ in 0..3 {
        let steps = look();
        seen.push(steps);
        if steps.iter().all(|(t, micros)| *t < 4.5 || micros.abs() < UNSEEN) {
            eprintln!("{what:?}: (t, difference of medians in µs) {seen:.2?}");
            return;
        }
    }
    panic!("the time tells who exists: {what:?}: (t, difference of medians in µs) {seen:.2?}");
}

#[tokio::test]
async fn attack_51_the_time_of_a_log_in_does_not_tell_who_exists() {
    let mut inside = Inside::open().await;
    let (_, ke1) = LoggingIn::start(&mut SystemRandom, b"guess");
    let ke1: Bytes = ke1.into();
    let look = |inside: &mut Timed<'_>| {
        sampled(|name| {
            let start = LoginStart { username: name.to_owned(), request: ke1.clone() };
            let (first, started) = inside.time(|sql, context, peer| account::login_start(sql, context, peer, &start));
            let (login_id, finalization) = (started.unwrap().login_id, vec![9; 64].into());
            let finish = LoginFinish { login_id, finalization, device_id: None, device_signature: None };
            let (second, refused) = inside.time(|sql, context, _| account::login_finish(sql, context, &finish));
            assert_eq!(refused.map(drop), Err(shared::Code::InvalidCredentials));
            [first, second]
        })
    };
    indistinguishable(["login/start", "login/finish"], || inside.look(look));
}

#[tokio::test]
async fn attack_51_the_time_of_a_recovery_does_not_tell_who_exists() {
    let mut inside = Inside::open().await;
    let (_, sent) = Registering::start(&mut SystemRandom, b"guess");
    let sent: Bytes = sent.into();
    // A signature that is well formed, by another kit.
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let signature: Bytes = shared::signature::sign(&key, shared::label::Label::RecoveryOpen, b"something").into();
    let look = |inside: &mut Timed<'_>| {
        sampled(|name| {
            let start = RecoverStart { username: name.to_owned(), request: sent.clone() };
            let (first, started) = inside.time(|sql, context, peer| account::recover_start(sql, context, peer, &start));
            let open = RecoverOpen { recover_id: started.unwrap().recover_id, signature: signature.clone() };
            let (second, refused) = inside.time(|sql, context, _| account::recover_open(sql, context, &open));
            assert_eq!(refused.map(drop), Err(shared::Code::InvalidCredentials));
            [first, second]
        })
    };
    indistinguishable(["recover/start", "recover/open"], || inside.look(look));
}

#[tokio::test]
async fn the_measure_sees_a_difference_that_is_there() {
    let mut inside = Inside::open().await;
    // Registration answers a taken name at once and works for a free one.
    let [(t, micros), _] = inside.look(|inside| {
        sampled(|name| {
            let (_, start) = register_start(name);
            let (took, outcome) = inside.time(|sql, context, peer| account::register_start(sql, context, peer, &start));
            assert_eq!(outcome.is_ok(), name != "alice", "{name}: {outcome:?}");
            [took, took]
        })
    });
    assert!(t > 4.5 && micros.abs() > UNSEEN, "{t}, {micros} µs");
}
