//! attacks.md §3: somebody's key packages are drained.

use client_core::{Method, view::ConversationStatus};
use server_core::Rules;
use shared::{
    ConversationId, codec,
    http::{Claim, Claimed},
};
use sim::server::open_rules;

use crate::{
    oracle::{converge, judge},
    stage::Stage,
};

/// Accounts of the drill, and how often each asks.
const ACCOUNTS: usize = 20;
const TRIES: u64 = 50;

/// Claims a package of bob's for a conversation that will never be: the answer, or the status.
fn claim(stage: &mut Stage, by: usize, bob: usize, n: u64) -> Result<Claimed, u16> {
    let mut id = [0xd1; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    let request = Claim { conversation_id: ConversationId(id), generation: 0, epoch: 0, device_id: None };
    let path = format!("/api/accounts/{}/key-packages/claim", stage.account(bob));
    let body = serde_json::to_vec(&request).unwrap();
    let answer = stage.raw(by, Method::Post, &path, Some((shared::http::JSON, body)));
    if answer.status == 200 { Ok(codec::decode(&answer.body).unwrap()) } else { Err(answer.status) }
}

fn left(stage: &Stage, at: usize, last_resort: bool) -> u64 {
    let device = stage.client(at).state().device.unwrap();
    let text = "SELECT COUNT(*) FROM key_package WHERE device_id = ?1 AND last_resort = ?2";
    let count =
        stage.database.sql.query_row(text, rusqlite::params![device.as_bytes(), last_resort], |row| row.get::<_, i64>(0));
    u64::try_from(count.unwrap()).unwrap()
}

/// REFUSED: twenty accounts ask a thousand times at once. Each is stopped by its own budget; the last resort stays, so that a
/// new contact comes in all the same; and as soon as bob's browser is on the line again its packages are as many as before.
#[test]
fn attack_23_drained_key_packages() {
    let budget = Rules::default().claim;
    let mut stage = Stage::under(Rules { claim: budget, ..open_rules() });
    let (bob, carol) = (stage.register("bob"), stage.register("carol"));
    let strangers: Vec<usize> = (0..ACCOUNTS).map(|n| stage.register(&format!("stranger-{n}"))).collect();
    stage.wait(30);
    let full = left(&stage, bob, false);
    assert!(full > 0);
    stage.cut(bob, true);
    for (by, account) in strangers.iter().zip(0..) {
        let answers: Vec<_> = (0..TRIES).map(|n| claim(&mut stage, *by, bob, account * TRIES + n)).collect();
        let served = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(served, usize::try_from(budget.burst).unwrap(), "its budget holds");
        assert!(answers.iter().flat_map(|answer| answer.as_ref().err()).all(|status| *status == 429), "and says so");
    }
    assert_eq!((left(&stage, bob, false), left(&stage, bob, true)), (0, 1), "what remains is the last resort");
    // Somebody new comes to him in the middle of it.
    let conversation = stage.chat(carol, "bob").unwrap();
    stage.send(carol, conversation, "in spite of them");
    stage.cut(bob, false);
    stage.wait(60);
    assert_eq!(stage.view(bob, conversation).state, ConversationStatus::Ready, "{}", stage.describe(bob));
    assert_eq!((left(&stage, bob, false), left(&stage, bob, true)), (full, 1), "he has filled up again");
    judge(&stage, &[carol, bob]).refused();
    converge(&mut stage, carol, bob, conversation);
}
