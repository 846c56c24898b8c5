//! What people do.

use client_core::{Answer, Command, Failure, Input};
use shared::{ConversationId, MessageId};

use super::Stage;

/// Simulated milliseconds a command is waited for.
const PATIENCE: u64 = 60_000;

impl Stage {
    /// A new account in a new browser.
    pub fn register(&mut self, name: &str, password: &str) -> usize {
        let at = self.browser(name);
        let (username, password) = (name.to_owned(), password.to_owned());
        self.ask(at, Command::Register { username, password, stay: true }).unwrap();
        self.settle();
        at
    }

    /// Another browser of an account, and how its log-in ended.
    pub fn log_in(&mut self, name: &str, password: &str) -> (usize, Result<Answer, Failure>) {
        let at = self.browser(name);
        let (username, password) = (name.to_owned(), password.to_owned());
        let answered = self.ask(at, Command::Login { username, password, stay: true });
        self.settle();
        (at, answered)
    }

    /// Begins a conversation with a person, or finds the one there is.
    ///
    /// # Errors
    /// What the core says.
    pub fn chat(&mut self, at: usize, with: &str) -> Result<ConversationId, Failure> {
        match self.ask(at, Command::StartChat { username: with.to_owned() })? {
            Answer::Conversation(id) => Ok(id),
            other => panic!("{other:?}"),
        }
    }

    /// Writes a text; it is kept when this returns, not yet sent.
    pub fn write(&mut self, at: usize, conversation: ConversationId, text: &str) -> MessageId {
        let message = MessageId(self.array());
        self.ask(at, Command::Send { conversation, message, text: text.to_owned() }).unwrap();
        message
    }

    /// A command and its answer.
    ///
    /// # Errors
    /// What the core says.
    pub fn ask(&mut self, at: usize, command: Command) -> Result<Answer, Failure> {
        let answered = self.try_ask(at, command);
        answered.unwrap_or_else(|| panic!("{} was never answered: {}", self.browsers[at].name, self.describe(at)))
    }

    /// A command and its answer; none when it does not come within a minute. An answer that is not given at once comes
    /// together with whatever else arrives at the same time.
    pub fn try_ask(&mut self, at: usize, command: Command) -> Option<Result<Answer, Failure>> {
        self.commands += 1;
        let id = self.commands;
        self.input(at, Input::Command { id, command });
        if !self.browsers[at].answers.contains_key(&id) {
            self.until(PATIENCE, |stage| stage.browsers[at].answers.contains_key(&id));
            self.arrive();
        }
        self.browsers[at].answers.remove(&id)
    }
}
