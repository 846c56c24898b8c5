//! The stage of `sim` with an even network, and people who are there when they come.

use client_core::Command;
use sim::stage::Stage;

/// One way of every request and frame, milliseconds.
const LATENCY: u64 = 20;

pub(crate) fn table() -> Stage {
    let mut stage = Stage::new([9; 32]);
    stage.latency = LATENCY;
    stage
}

/// A browser of a person: the first registers, the others log in. It is online when this returns.
pub(crate) fn come(stage: &mut Stage, name: &str) -> usize {
    let (username, password) = (name.to_owned(), format!("Quiet-river-7-{name}"));
    let known = stage.browsers.iter().any(|browser| browser.name == name);
    let at = stage.browser(name);
    let command = if known {
        Command::Login { username, password, stay: true }
    } else {
        Command::Register { username, password, stay: true }
    };
    stage.ask(at, command).unwrap();
    assert!(stage.until(60_000, |stage| stage.is_online(at)), "{name} is online");
    at
}
