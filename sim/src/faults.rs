//! What goes wrong, how often, and how often it did.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::RngCore as _;

/// Every fault the simulator knows. A run of all seeds is red when one never happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A request never arrives.
    RequestLost,
    /// A request is carried out, its answer never arrives.
    AnswerLost,
    /// A socket breaks with frames on their way.
    SocketBroken,
    /// A client's frame arrives twice.
    FrameDoubled,
    /// A server's frame overtakes another.
    FrameReordered,
    /// A client dies before one of its outputs.
    ClientCrash,
    /// A local transaction fails.
    PersistFailed,
    /// The server dies after a commit, before the answer.
    ServerCrash,
    /// The leading tab hands over and commands are sent again.
    TabHandover,
    /// Another's commit took the epoch.
    RaceLost,
    /// A message was sealed again for a later epoch.
    SealedAgain,
    /// Both people started the conversation at once.
    CreationLost,
    /// A profile was restored from an older copy.
    ProfileRolledBack,
    /// A further browser joined a running conversation.
    JoinedLate,
    /// A profile's disk takes nothing for a while.
    DiskFull,
    /// A socket looks open and carries nothing.
    LineDead,
    /// Something took seconds instead of milliseconds.
    Delayed,
    /// A message that was taken in an earlier epoch came again, for its answer was lost, and was answered as the first time.
    AnsweredAcrossEpochs,
    /// A profile was copied and both copies run.
    RunTwice,
    /// A browser's clock is wrong, or 89 days have passed (needs a clock that can be moved).
    ClockMoved,
    /// The server was put back to an older copy of its database.
    ServerRestored,
}

/// How a fault comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The dice decide.
    Dice,
    /// It follows from others.
    Follows,
    /// Only in runs with a clock that can be moved.
    Clock,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 21] = [
        Self::RequestLost,
        Self::AnswerLost,
        Self::SocketBroken,
        Self::FrameDoubled,
        Self::FrameReordered,
        Self::ClientCrash,
        Self::PersistFailed,
        Self::ServerCrash,
        Self::TabHandover,
        Self::RaceLost,
        Self::SealedAgain,
        Self::CreationLost,
        Self::ProfileRolledBack,
        Self::JoinedLate,
        Self::DiskFull,
        Self::LineDead,
        Self::Delayed,
        Self::AnsweredAcrossEpochs,
        Self::RunTwice,
        Self::ClockMoved,
        Self::ServerRestored,
    ];

    /// How it comes about.
    #[must_use]
    pub const fn source(self) -> Source {
        match self {
            Self::RaceLost | Self::SealedAgain | Self::CreationLost | Self::AnsweredAcrossEpochs => Source::Follows,
            Self::ClockMoved => Source::Clock,
            _ => Source::Dice,
        }
    }
}

/// Counts of what happened.
#[derive(Clone, Debug, Default)]
pub struct Counts(pub BTreeMap<Fault, u64>);

impl Counts {
    /// It happened.
    pub fn saw(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }
    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        for (fault, count) in &other.0 {
            *self.0.entry(*fault).or_default() += count;
        }
    }
    /// Faults that should have happened in a run of many seeds and did not.
    #[must_use]
    pub fn absent(&self, clock: bool) -> Vec<Fault> {
        let due = |fault: &Fault| match fault.source() {
            Source::Dice | Source::Follows => true,
            Source::Clock => clock,
        };
        Fault::ALL.into_iter().filter(due).filter(|fault| !self.0.contains_key(fault)).collect()
    }
}

/// Weights drawn for each world, as many as there are faults: with one more, every seed makes another world.
const DRAWN: usize = 21;

/// The run's one source of decisions.
pub struct Dice {
    rng: ChaCha20Rng,
    /// No more faults: the world calms down.
    pub calm: bool,
    /// What happened so far.
    pub counts: Counts,
    /// How much of each fault this world gets: some worlds are plagued by a few, in others all are rare.
    weights: BTreeMap<Fault, u64>,
}

impl Dice {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        use rand_chacha::rand_core::SeedableRng as _;
        let rng = ChaCha20Rng::seed_from_u64(seed);
        let mut dice = Self { rng, calm: false, counts: Counts::default(), weights: BTreeMap::new() };
        for place in 0..DRAWN {
            let weight = match dice.below(10) {
                0..3 => 0,
                3..8 => 1,
                8 => 3,
                _ => 8,
            };
            if let Some(fault) = Fault::ALL.get(place) {
                dice.weights.insert(*fault, weight);
            }
        }
        dice
    }
    /// How much of this fault the world gets.
    #[must_use]
    pub fn weight(&self, fault: Fault) -> u64 {
        self.weights.get(&fault).copied().unwrap_or(1)
    }
    /// Uniform below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        (u64::from(self.rng.next_u32()) * bound) >> 32
    }
    /// 32 bytes for a core.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        seed
    }
    /// 16 bytes for an id.
    pub fn id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        self.rng.fill_bytes(&mut id);
        id
    }
    /// Does this fault happen now, with a chance of `per_mille` in a world of average misery?
    pub fn happens(&mut self, fault: Fault, per_mille: u64) -> bool {
        let drawn = self.below(1_000);
        let chance = per_mille * self.weight(fault);
        let happens = !self.calm && drawn < chance;
        if happens {
            self.counts.saw(fault);
        }
        happens
    }
}
