//! What happened in a run, as plain facts in the order of happening, and what stood there at the end.
//!
//! The world writes it, [`crate::judge`] reads it; nothing else passes between the two. Ids are bare bytes on purpose: the
//! judge must not inherit a mistake of the types it judges.

/// 16 bytes of whatever kind.
pub type Id = [u8; 16];

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A core told its person that a text is kept.
    Kept {
        /// Which browser profile.
        profile: usize,
        /// Its id.
        message: Id,
        /// What was written.
        text: String,
    },
    /// A screen showed a message.
    Shown {
        /// Which browser profile.
        profile: usize,
        /// Where it stood then; a conversation may become part of another later.
        conversation: Id,
        /// Its id.
        message: Id,
        /// It is the person's own.
        own: bool,
        /// The screen said that the server has it.
        stored: bool,
    },
    /// The server read a sealed message from a socket, whatever it answered.
    Offered {
        /// Where.
        conversation: Id,
        /// Of the group.
        generation: u32,
        /// SHA-256 of the secret that only this epoch of this group has: after a restore two may have one number.
        branch: [u8; 32],
        /// Of the group.
        epoch: u64,
        /// The sender's leaf, as its own members read it.
        leaf: u32,
        /// The generation of that leaf's ratchet.
        ratchet: u32,
        /// SHA-256 of the sealed bytes.
        digest: [u8; 32],
    },
    /// A sealed message reached the server whose sender data no member could have read.
    Unreadable {
        /// Where.
        conversation: Id,
        /// Its id.
        message: Id,
    },
    /// A device has a leaf it did not have before.
    Entered {
        /// Where.
        conversation: Id,
        /// Which device.
        device: Id,
        /// The row that let it in.
        number: u64,
    },
    /// A profile was put back to an older copy of itself.
    RolledBack {
        /// Which.
        profile: usize,
    },
    /// A profile was copied and both run from here on.
    Copied {
        /// Which.
        profile: usize,
        /// The other one.
        twin: usize,
    },
    /// The server was put back to an older copy of its database.
    Restored {
        /// The rows that were in the log and are not any more.
        lost: Vec<Row>,
    },
}

/// A row of the server's log at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where.
    pub conversation: Id,
    /// Its number.
    pub number: u64,
    /// A message; else a commit.
    pub message: bool,
    /// Its id.
    pub id: Id,
    /// Who sent it.
    pub account: Id,
    /// From which device.
    pub device: Id,
    /// Of the group.
    pub generation: u32,
    /// Of the group.
    pub epoch: u64,
}

/// A line of a conversation as a browser has it at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its place in the list.
    pub place: u64,
    /// Id of the message; of a line the app itself put there, whatever it gave it.
    pub id: Id,
    /// Whose.
    pub author: Id,
    /// What it is.
    pub kind: LineKind,
    /// What it says.
    pub text: String,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    /// A message.
    Text,
    /// "Something is missing here."
    Hole,
    /// "You can read what comes from here on."
    Entered,
    /// Any other line of the app's own.
    Note,
    /// A message that could not be understood.
    Unknown,
}

/// One conversation in one browser at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Which browser profile.
    pub profile: usize,
    /// Which conversation.
    pub conversation: Id,
    /// It reads from behind this number on.
    pub since: u64,
    /// Its lines from top to bottom.
    pub lines: Vec<Line>,
}

/// A browser at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Which.
    pub profile: usize,
    /// Whose.
    pub account: Id,
    /// The device it is now.
    pub device: Id,
    /// Rows left in its outbox.
    pub outbox: usize,
}

/// Everything of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// In the order of happening.
    pub facts: Vec<Fact>,
    /// The server's log, by conversation and number.
    pub log: Vec<Row>,
    /// (conversation, account) of everybody who is in it, as the server has it.
    pub members: Vec<(Id, Id)>,
    /// Browsers.
    pub profiles: Vec<Profile>,
    /// What they show.
    pub pages: Vec<Page>,
}
