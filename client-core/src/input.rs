//! What happened outside the core.

use crate::{command::Command, output::Snapshot};

/// One happening.
pub enum Input {
    /// A person asks for something; answered by [`crate::Output::Answer`] with the same id.
    Command {
        /// Drawn by the shell.
        id: u64,
        /// What.
        command: Command,
    },
    /// An HTTP request ended.
    Http {
        /// Of [`crate::HttpRequest::id`].
        id: u64,
        /// How.
        outcome: HttpOutcome,
    },
    /// Something about the socket.
    Socket(SocketEvent),
    /// The store asked for by [`crate::Output::OpenStore`] is open (a fresh one already holds its batch).
    StoreOpened(Snapshot),
    /// It could not be opened; the text goes to the log only.
    StoreFailed(String),
    /// [`crate::Client::poll_timeout`] has passed.
    Timeout,
    /// The browser says the line is back, or the page was woken: try at once.
    Online,
}

/// How an HTTP request ended.
pub enum HttpOutcome {
    /// With an answer.
    Answer {
        /// Status.
        status: u16,
        /// Body.
        body: Vec<u8>,
    },
    /// No answer: it may or may not have reached the server.
    Lost,
}

/// What a socket does.
pub enum SocketEvent {
    /// It is open; Hello may be sent.
    Open,
    /// A binary message came.
    Frame(Vec<u8>),
    /// It is closed or was never opened.
    Closed,
}
