//! One server on a database in memory, with a clock and a generator of its own.

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use shared::Millis;

use crate::{Context, Keys, Outcome, Peer, Rules, Store, sql::Sql, store::EpochCheck};

pub(crate) struct World {
    pub(crate) store: Store,
    /// Real time and an offset: openmls looks at the wall clock.
    pub(crate) now: Millis,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) rules: Rules,
    pub(crate) keys: Keys,
    pub(crate) peer: Peer,
    pub(crate) epoch: [u8; 16],
}

impl World {
    pub(crate) fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(7);
        let keys = Keys::generate(&mut rng);
        let mut store = Store::in_memory().unwrap();
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = Millis(since.as_millis().try_into().unwrap());
        let rules = Rules::default();
        let mut context = Context { now, rng: &mut rng, rules: &rules, keys: &keys };
        let EpochCheck::Same(epoch) = store.check_epoch(&mut context, None).unwrap() else { panic!("a new database") };
        let peer = Peer { prefix: vec![192, 0, 2, 1], known: None };
        Self { store, now, rng, rules, keys, peer, epoch }
    }

    /// One operation in a transaction of its own.
    pub(crate) fn write<T>(&mut self, operation: impl FnOnce(&mut dyn Sql, &mut Context<'_>) -> Outcome<T>) -> Outcome<T> {
        let Self { store, now, rng, rules, keys, .. } = self;
        let mut context = Context { now: *now, rng, rules, keys };
        store.transaction("test", |sql| operation(sql, &mut context))
    }

    /// The same for what only reads.
    pub(crate) fn read<T>(&mut self, operation: impl FnOnce(&mut dyn Sql) -> Outcome<T>) -> Outcome<T> {
        self.store.read(operation)
    }

    /// A number from the database.
    pub(crate) fn number(&mut self, statement: &'static str) -> u64 {
        let done = self
            .store
            .read(|sql| Ok(crate::Done::quiet(sql.query(statement, &[]).unwrap().pop().unwrap().take::<u64>().unwrap())));
        done.unwrap().answer
    }

    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        use rand_core::RngCore as _;
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }
}

/// The code of a refusal.
#[track_caller]
pub(crate) fn code<T: core::fmt::Debug>(outcome: Outcome<T>) -> shared::Code {
    outcome.unwrap_err().code
}
