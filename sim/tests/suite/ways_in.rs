//! Ways in that end badly can be tried again.

use crate::town::{PASSWORD, Town};

#[test]
fn a_log_in_that_is_answered_with_nonsense_can_be_tried_again() {
    let mut town = Town::new("nonsense");
    town.register("alice");
    let at = town.browser("alice");
    town.tamper.answer = Some(Box::new(|_, path, response| {
        if path == "/api/devices" {
            response.body = b"nonsense".to_vec();
        }
    }));
    let log_in = || client_core::Command::Login { username: "alice".into(), password: PASSWORD.into(), stay: true };
    assert_eq!(town.command(at, log_in()).unwrap_err().code, "bad_answer");
    assert!(town.browsers[at].disk.is_none(), "the store made for it is gone");
    town.tamper.answer = None;
    town.command(at, log_in()).unwrap();
    assert!(town.is_online(at));
}
