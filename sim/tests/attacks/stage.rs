//! The stage of `sim` over a database that a second connection can change, with the truth about every text that was written.

use std::ops::{Deref, DerefMut};

use client_core::{Answer, Command, Failure};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rand_core::RngCore as _;
use server_core::{Keys, Rules};
use shared::{AccountId, ConversationId, MessageId, Millis};
use sim::{
    clock,
    server::{Server, open_rules},
    stage,
};

pub(crate) use sim::stage::{Browser, copy};

use crate::database::Database;

/// Stands in every text, draft and password: found nowhere at the server.
pub(crate) const MARKER: &str = "markerword";

/// A text and the truth about it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) message: MessageId,
    pub(crate) browser: usize,
    pub(crate) author: AccountId,
    pub(crate) conversation: ConversationId,
    pub(crate) text: String,
}

/// See the module.
pub(crate) struct Stage {
    stage: stage::Stage,
    pub(crate) database: Database,
    pub(crate) told: Vec<Told>,
}

impl Deref for Stage {
    type Target = stage::Stage;
    fn deref(&self) -> &stage::Stage {
        &self.stage
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut stage::Stage {
        &mut self.stage
    }
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::under(open_rules())
    }

    /// A stage whose server has these rules.
    pub(crate) fn under(rules: Rules) -> Self {
        let mut rng = ChaCha20Rng::from_seed([7; 32]);
        let (database, store) = Database::new();
        let keys = Keys::generate(&mut rng);
        Self::over(database, store, None, (&keys, rules), rng, Millis(clock::now()))
    }

    fn over(
        database: Database,
        store: server_core::Store,
        epoch: Option<[u8; 16]>,
        (keys, rules): (&Keys, Rules),
        mut rng: ChaCha20Rng,
        now: Millis,
    ) -> Self {
        let keys = Keys::from_bytes(&keys.to_bytes()).unwrap();
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let server = Server::over(store, epoch, keys, rules, ChaCha20Rng::from_seed(seed), now);
        Self { stage: stage::Stage::over(Some(server), rng, now), database, told: vec![] }
    }

    /// The same world again, from what is durable: server and browsers go their own way from here.
    pub(crate) fn fork(&self) -> Self {
        self.fork_with(|_| {})
    }

    /// The same, with something done to the running server's database before anybody connects.
    pub(crate) fn fork_with(&self, change: impl FnOnce(&Database)) -> Self {
        let (database, store) = self.database.fork();
        let epoch = self.database.one("SELECT store_epoch FROM store_meta");
        let keys = self.server.as_ref().unwrap().keys();
        let mut fork = Self::over(database, store, Some(epoch), (keys, open_rules()), self.rng.clone(), self.now);
        fork.told = self.told.clone();
        change(&fork.database);
        for browser in &self.browsers {
            fork.browsers.push(browser.copied());
            let at = fork.browsers.len() - 1;
            fork.open(at);
        }
        fork
    }

    /// An honest server from here on.
    pub(crate) fn honest(&mut self) {
        self.tamper = stage::Tamper::default();
    }

    /// A new account in a new browser.
    pub(crate) fn register(&mut self, name: &str) -> usize {
        self.stage.register(name, &password(name))
    }

    /// Another browser of an account: how its log-in ends.
    pub(crate) fn try_login(&mut self, name: &str) -> (usize, Result<Answer, Failure>) {
        self.stage.log_in(name, &password(name))
    }

    /// Another browser of an account, which is in.
    pub(crate) fn login(&mut self, name: &str) -> usize {
        let (at, result) = self.try_login(name);
        result.unwrap();
        self.wait(20);
        at
    }

    /// Alice and bob with a conversation of one message each way.
    pub(crate) fn pair() -> (Self, usize, usize, ConversationId) {
        let mut stage = Self::new();
        let (alice, bob) = (stage.register("alice"), stage.register("bob"));
        let conversation = stage.chat(alice, "bob").unwrap();
        stage.settle();
        stage.send(alice, conversation, "hello bob");
        stage.send(bob, conversation, "hello alice");
        // Until "Delivered", too.
        stage.wait(1);
        (stage, alice, bob, conversation)
    }

    /// Writes a text; the marker stands in each.
    pub(crate) fn send(&mut self, at: usize, conversation: ConversationId, text: &str) -> MessageId {
        let message = MessageId(self.array());
        let text = format!("{text} {MARKER} {}", self.told.len());
        let author = self.account(at);
        self.told.push(Told { message, browser: at, author, conversation, text: text.clone() });
        self.ask(at, Command::Send { conversation, message, text }).unwrap();
        message
    }

    /// Simulated seconds pass.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.pass(seconds * 1_000);
    }

    /// The texts shown, in order, without the marker; those that wait among them.
    pub(crate) fn texts(&self, at: usize, conversation: ConversationId) -> Vec<String> {
        let messages = self.messages(at, conversation).into_iter().filter(|message| message.system.is_none());
        messages.map(|message| message.text.split(MARKER).next().unwrap().trim().to_owned()).collect()
    }
}

/// The password of a person; the marker stands in it.
pub(crate) fn password(name: &str) -> String {
    format!("Quiet-river-9-{MARKER}-{name}")
}
