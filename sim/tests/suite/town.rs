//! A town without a network that loses anything: the stage of `sim`, whose server's database can be copied and put back.

use std::{
    ops::{Deref, DerefMut},
    path::PathBuf,
};

use client_core::{
    Answer, Command, Failure,
    view::{ConnectionState, MessageKind, MessageState, SystemLine, Trust},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use shared::{ConversationId, MessageId, Millis};
use sim::{clock, server::Server, stage::Stage};

pub(crate) const PASSWORD: &str = "Quiet-river-1";
/// Timers that are due within so many milliseconds are waited for.
const SOON: u64 = 20_000;

/// A quiet town: nothing is lost on the way. Its server can be stopped, copied and put back.
pub(crate) struct Town {
    stage: Stage,
    pub(crate) folder: PathBuf,
    lives: u64,
}

impl Deref for Town {
    type Target = Stage;
    fn deref(&self) -> &Stage {
        &self.stage
    }
}

impl DerefMut for Town {
    fn deref_mut(&mut self) -> &mut Stage {
        &mut self.stage
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.server = None;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Town {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("sotto-restore-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let stage = Stage::over(None, ChaCha20Rng::from_seed([1; 32]), Millis(clock::now()));
        let mut town = Self { stage, folder, lives: 0 };
        town.start();
        town
    }

    /// The server runs; nobody says which life of the database this is, so it draws a new store epoch.
    pub(crate) fn start(&mut self) {
        self.lives += 1;
        let store = server_core::Store::open(&self.folder.join("sotto.db")).unwrap();
        let server = Server::with(store, [7; 32], self.lives, self.now);
        self.stage.start(server);
        self.rest(SOON);
    }

    pub(crate) fn stop(&mut self) {
        self.stage.stop();
        self.rest(SOON);
    }

    /// Stops, copies the database, starts again: as an operator makes a backup.
    pub(crate) fn copy(&mut self) {
        self.stop();
        std::fs::copy(self.folder.join("sotto.db"), self.folder.join("copy.db")).unwrap();
        self.start();
    }

    pub(crate) fn put_back(&mut self) {
        self.stop();
        std::fs::copy(self.folder.join("copy.db"), self.folder.join("sotto.db")).unwrap();
        self.start();
    }

    pub(crate) fn register(&mut self, name: &str) -> usize {
        let at = self.stage.register(name, PASSWORD);
        self.rest(SOON);
        at
    }

    pub(crate) fn log_in(&mut self, name: &str) -> usize {
        let (at, answered) = self.stage.log_in(name, PASSWORD);
        answered.unwrap();
        self.rest(SOON);
        at
    }

    pub(crate) fn chat(&mut self, at: usize, with: &str) -> ConversationId {
        let id = self.stage.chat(at, with).unwrap();
        self.rest(SOON);
        id
    }

    pub(crate) fn say(&mut self, at: usize, conversation: ConversationId, text: &str) -> MessageId {
        let message = self.write(at, conversation, text);
        self.rest(SOON);
        message
    }

    pub(crate) fn command(&mut self, at: usize, command: Command) -> Result<Answer, Failure> {
        let answered = self.ask(at, command);
        self.rest(SOON);
        answered
    }

    pub(crate) fn open(&mut self, at: usize) {
        self.stage.open(at);
        self.rest(SOON);
    }

    /// Ids of messages in the server's log.
    pub(crate) fn log(&mut self, conversation: ConversationId) -> Vec<MessageId> {
        self.server().look(|sql| {
            let rows = sql.query("SELECT conv_id, cmid FROM conv_msg WHERE kind = 0 ORDER BY conv_id, seq", &[]).unwrap();
            let ids = rows.into_iter().map(|mut row| (row.take::<[u8; 16]>().unwrap(), row.take::<[u8; 16]>().unwrap()));
            ids.filter(|(id, _)| *id == conversation.0).map(|(_, message)| MessageId(message)).collect()
        })
    }

    /// What a browser makes of the keys of the person it talks with.
    pub(crate) fn trust(&self, at: usize, conversation: ConversationId) -> Trust {
        self.client(at).conversations().into_iter().find(|here| here.id == conversation).unwrap().trust
    }

    /// What a browser shows of a conversation, in its order.
    pub(crate) fn shown(&self, at: usize, conversation: ConversationId) -> Vec<MessageId> {
        let page = self.messages(at, conversation);
        let holes = page.iter().filter(|m| matches!(m.system, Some(SystemLine::Hole { .. }))).count();
        assert_eq!(holes, 0, "browser {at} shows a hole:\n{page:#?}");
        page.iter().filter(|message| message.kind != MessageKind::System).map(|message| message.id).collect()
    }

    /// Everybody is connected, has nothing to send, and shows exactly these; the server has each once.
    pub(crate) fn holds(&mut self, conversation: ConversationId, browsers: &[usize], sent: &[MessageId]) {
        let sorted = |mut ids: Vec<MessageId>| {
            ids.sort_unstable();
            ids
        };
        let sent = sorted(sent.to_vec());
        for at in browsers {
            let state = self.client(*at).state();
            assert_eq!(
                (state.connection, state.waiting),
                (ConnectionState::Online, 0),
                "browser {at}\n{}",
                self.describe_all()
            );
            let shown = sorted(self.shown(*at, conversation));
            assert_eq!(shown, sent, "browser {at} shows {} of {}\n{}", shown.len(), sent.len(), self.describe_all());
            let unsent = self.messages(*at, conversation).into_iter().filter(|m| m.own && m.kind != MessageKind::System);
            let unsent = unsent.filter(|m| !matches!(m.state, MessageState::Stored | MessageState::Delivered)).count();
            assert_eq!(unsent, 0, "browser {at} shows as unsent what the server has");
        }
        let log = sorted(self.log(conversation));
        assert_eq!(log, sent, "the server has {} of {}\n{}", log.len(), sent.len(), self.describe_all());
    }
}
