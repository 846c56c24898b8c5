//! What an operator does: keeps a copy of the server's database, and puts it back.

use super::{Happening, World};
use crate::{
    database::Database,
    faults::{Dice, Fault},
    history::Fact,
    server::Server,
    stored,
};

/// Worlds whose weight for the fault is at least this have an operator; in them no browser's profile is put back or copied, for
/// the server takes any run token once after a restore (protocol §7).
const BUSY: u64 = 3;

/// See the module.
pub(super) struct Operator {
    database: Database,
    /// A copy, and how many conversations it has.
    copy: Option<(Database, usize)>,
    done: bool,
    seed: [u8; 32],
    /// A stream of its own: worlds without an operator stay what they are.
    dice: Dice,
}

impl Operator {
    /// The server of a world, and who looks after it when it is one in which the server is put back.
    ///
    /// # Panics
    /// When SQLite can't open a database in memory.
    #[expect(clippy::expect_used, reason = "a simulator without its database can only stop")]
    pub(super) fn of(dice: &mut Dice, seed: u64, now: shared::Millis) -> (Server, Option<Self>) {
        let drawn = dice.seed();
        if dice.weight(Fault::ServerRestored) < BUSY {
            return (Server::new(drawn, now), None);
        }
        let database = Database::new().expect("a database in memory");
        let server = Server::with(database.store().expect("a store in memory"), drawn, 0, now);
        (server, Some(Self { database, copy: None, done: false, seed: drawn, dice: Dice::new(seed ^ 0xc3c3_c3c3_c3c3_c3c3) }))
    }
}

impl World {
    /// Is this a world in which the server is put back?
    pub(super) const fn has_operator(&self) -> bool {
        self.operator.is_some()
    }

    /// The operator makes a copy, or puts the one there is back, once. An account that the copy lacks could not even log in, so the
    /// first copy is made when everybody has one; and one that lacks a conversation is thrown away for a newer one
    /// (docs/TESTING.md, known gaps).
    pub(super) fn operate(&mut self) {
        let Some(operator) = self.operator.as_mut().filter(|operator| !self.dice.calm && !operator.done) else { return };
        let (accounts, conversations) = stored::accounts(&mut self.server);
        let drawn = operator.dice.below(100);
        let done = match &operator.copy {
            None if drawn < 20 && accounts == self.people.len() => {
                operator.database.copy().map(|copy| operator.copy = Some((copy, conversations)))
            }
            Some((_, then)) if *then != conversations => {
                operator.copy = None;
                return;
            }
            Some((copy, _)) if drawn < 15 => copy.copy().and_then(|copy| self.put_back(copy)),
            _ => return,
        };
        if let Err(error) = done {
            self.found.push(format!("the operator can't work: {error}"));
        }
    }

    fn put_back(&mut self, database: Database) -> Result<(), String> {
        let store = database.store()?;
        let before = stored::rows(&mut self.server);
        let Some(operator) = self.operator.as_mut() else { return Ok(()) };
        operator.done = true;
        operator.database = database;
        let seed = operator.seed;
        for socket in self.server.put_back(store, seed, 1, self.now) {
            if let Some((device, run)) = self.sockets.remove(&socket) {
                let pause = self.latency();
                self.after(pause, Happening::ToClient { device, run, socket, frame: None });
            }
        }
        self.dice.counts.saw(Fault::ServerRestored);
        let left = stored::rows(&mut self.server);
        let lost: Vec<_> = before.into_iter().filter(|row| !left.contains(row)).collect();
        self.tell(|| format!("the server is put back and loses {} rows", lost.len()));
        self.history.facts.push(Fact::Restored { lost });
        self.leaves = stored::leaves(&mut self.server).into_iter().map(|(id, device, leaf, _)| ((id, device), leaf)).collect();
        Ok(())
    }
}
