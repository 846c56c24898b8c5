//! Time passes: what is under way arrives, timers fire.

use client_core::{Client, Input};
use shared::Millis;

use super::Stage;

/// More arrivals than any scene has.
const MANY: u64 = 2_000_000;
/// More steps than a scene takes to come to rest.
const RESTLESS: usize = 20_000;

impl Stage {
    /// Everything under way arrives, and what is sent for it. Without latency no time passes.
    pub fn settle(&mut self) {
        while let Some(at) = self.arrival() {
            self.step(at);
        }
    }

    /// What is to arrive now does; no time passes.
    pub fn arrive(&mut self) {
        while self.arrival().is_some_and(|at| at <= self.now) {
            self.step(self.now);
        }
    }

    /// So much time passes.
    pub fn pass(&mut self, millis: u64) {
        let end = self.now.plus(millis);
        while self.step(end) {}
        self.now = end;
    }

    /// Runs until this holds; false when it does not within so many milliseconds.
    pub fn until(&mut self, millis: u64, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now.plus(millis);
        loop {
            if holds(self) {
                return true;
            }
            if !self.step(end) {
                return false;
            }
        }
    }

    /// Until nothing is under way and nobody wants to be woken within so many milliseconds. While the server is stopped no time
    /// passes.
    pub fn rest(&mut self, within: u64) {
        for _ in 0..RESTLESS {
            let wait = if self.server.is_some() { within } else { 0 };
            if !self.step(self.now.plus(wait)) {
                return;
            }
        }
        panic!("never quiet: {}", self.describe_all());
    }

    fn arrival(&self) -> Option<Millis> {
        self.queue.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next timer, never at once: a core that asked for that would stop time.
    fn due(&self) -> Option<(Millis, usize)> {
        let soonest = self.now.plus(1);
        let due = |browser: &super::Browser| browser.client.as_ref().and_then(Client::poll_timeout);
        let timers = self.browsers.iter().enumerate().filter_map(|(at, browser)| Some((due(browser)?.max(soonest), at)));
        timers.min()
    }

    /// The next arrival or timer, if it is not after `end`.
    fn step(&mut self, end: Millis) -> bool {
        let (arrival, due) = (self.arrival(), self.due());
        if let Some((time, at)) = due.filter(|(time, _)| *time <= end && arrival.is_none_or(|other| *time <= other)) {
            self.now = time;
            self.input(at, Input::Timeout);
            return true;
        }
        let Some(next) = self.queue.first_entry().filter(|entry| entry.key().0 <= end) else { return false };
        let ((time, _), event) = next.remove_entry();
        self.now = self.now.max(time);
        self.steps += 1;
        assert!(self.steps < MANY, "no end");
        self.happen(event);
        true
    }
}
