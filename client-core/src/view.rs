//! What screens see: plain data, the only types exported to TypeScript (`web/src/core/types.ts`).

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use shared::{AccountId, ConversationId, DeviceId, MessageId, Millis};

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Account.
    pub id: AccountId,
    /// Handle as its owner typed it.
    pub name: String,
    /// 0–9.
    pub hue: u8,
}

impl Person {
    /// With the hue of the account: first byte of SHA-256(account id) modulo 10.
    #[must_use]
    pub fn new(id: AccountId, name: &str) -> Self {
        let [first, ..]: [u8; 32] = Sha256::digest(id.as_bytes()).into();
        Self { id, name: name.to_owned(), hue: first % 10 }
    }
}

/// How the page looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// As the system does.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// Where the person stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Nobody is in.
    SignedOut,
    /// The store is closed.
    Locked,
    /// In.
    Open,
}

/// The server session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    /// Fine, or being renewed.
    Live,
    /// Over: ask for the password in place.
    Ended,
}

/// The line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionState {
    /// Trying.
    Connecting,
    /// Open.
    Online,
    /// Waiting to try again.
    Offline,
}

/// The recovery kit, while it is shown.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Kit {
    /// Eight groups of four.
    pub code: String,
    /// Whose.
    pub name: String,
    /// What the QR holds.
    pub qr: String,
}

/// The state of the app; the shell adds what only it knows (`store`, `paused`).
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct AppState {
    /// Where the person stands.
    pub phase: Phase,
    /// Who.
    pub me: Option<Person>,
    /// This browser.
    pub device: Option<DeviceId>,
    /// The server session.
    pub session: SessionState,
    /// The line.
    pub connection: ConnectionState,
    /// Messages that wait for the line.
    pub waiting: u32,
    /// The kit, until it is saved.
    pub kit: Option<Kit>,
    /// Unread messages in all conversations.
    pub unread: u32,
    /// This browser stays signed in.
    pub stay: bool,
    /// How the page looks.
    pub theme: Theme,
}

/// What differs between clients about an account; never a reason to refuse a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// By key transparency.
    Proven,
    /// Pinned at first sight.
    FirstUse,
    /// Not yet known.
    Pending,
    /// Another identity than the pinned one.
    Changed,
}

/// What kind of conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConversationKind {
    /// With one other person.
    Direct,
    /// Notes.
    #[serde(rename = "self")]
    Note,
}

/// Can it carry messages now?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConversationStatus {
    /// Not yet; what is written waits.
    Starting,
    /// Yes.
    Ready,
}

/// The last message in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Last {
    /// One line of it.
    pub text: String,
    /// When.
    pub at: Millis,
    /// Is it mine?
    pub own: bool,
    /// Its state.
    pub state: MessageState,
}

/// One conversation in the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conversation {
    /// Which.
    pub id: ConversationId,
    /// What kind.
    pub kind: ConversationKind,
    /// The other person; oneself in the note.
    pub with: Person,
    /// Can it carry messages now?
    pub state: ConversationStatus,
    /// Its last message.
    pub last: Option<Last>,
    /// Unread messages.
    pub unread: u32,
    /// Order of the last message read.
    pub read: u64,
    /// What is in the composer.
    pub draft: String,
    /// Of the other account.
    pub trust: Trust,
    /// The safety number was compared and is still the same.
    pub verified: bool,
    /// Messages held back until a change is accepted.
    pub held: u32,
}

/// A message's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageState {
    /// Waits here.
    Sending,
    /// Durable on the server.
    Stored,
    /// On a device of the other person.
    Delivered,
    /// Seen by the other person.
    Read,
    /// Refused for good.
    Failed,
}

/// What a row of the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MessageKind {
    /// Somebody's text.
    Text,
    /// A line of Sotto itself.
    System,
    /// A kind this version does not know.
    Newer,
}

/// A line of Sotto itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub enum SystemLine {
    /// The conversation began.
    Started,
    /// This browser sees what comes from now on.
    JoinedLate,
    /// Somebody added a browser.
    DeviceAdded {
        /// Whose.
        name: String,
    },
    /// Somebody's browser is gone.
    DeviceRemoved {
        /// Whose.
        name: String,
    },
    /// A new identity, signed by the old one.
    KeyChanged {
        /// Whose.
        name: String,
    },
    /// A new identity alone.
    Reset {
        /// Whose.
        name: String,
    },
    /// Messages are missing.
    Hole {
        /// How many.
        count: u64,
    },
    /// Somebody's browser made a change that can't be followed: it signed exactly these bytes, which are kept.
    Disturbed {
        /// Whose.
        name: String,
    },
    /// Somebody's browser came back in by a commit that can't be followed. The group info it had to use may be to blame.
    Unfollowed {
        /// Whose.
        name: String,
    },
    /// The server delivered a change that is not what somebody's browser signed. That browser is not to blame.
    Altered,
    /// Somebody's browser opened the conversation's next generation.
    Renewed {
        /// Whose.
        name: String,
    },
    /// Two different lists of somebody's browsers were seen under one number: different people are shown different ones.
    StatementsDiffer {
        /// Whose.
        name: String,
    },
}

/// One row of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Which.
    pub id: MessageId,
    /// Where.
    pub conversation: ConversationId,
    /// Ascending display position.
    pub order: u64,
    /// Who.
    pub author: Person,
    /// Is it mine?
    pub own: bool,
    /// What it is.
    pub kind: MessageKind,
    /// The text.
    pub text: String,
    /// The line, for [`MessageKind::System`].
    pub system: Option<SystemLine>,
    /// When the server stored it, else when it was written.
    pub at: Millis,
    /// Its state.
    pub state: MessageState,
}

/// Orders of waiting messages start here, above every stored one (number × [`ORDERS`]).
pub const WAITING: u64 = 4_000_000_000_000_000;
/// Orders a row number has room for.
pub const ORDERS: u64 = 1_000;

/// A browser of this account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// Which.
    pub id: DeviceId,
    /// This one?
    pub own: bool,
    /// When it was added, if known here.
    pub added: Option<Millis>,
}

/// A safety number to compare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SafetyNumber {
    /// With whom.
    pub with: Person,
    /// Twelve groups of five.
    pub digits: Vec<String>,
    /// What the QR holds.
    pub qr: String,
    /// It was compared.
    pub verified: bool,
    /// Of the other account.
    pub trust: Trust,
}

/// What the core tells every screen, in order.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The app's state.
    State {
        /// Whole.
        state: AppState,
    },
    /// A conversation is new or changed.
    Conversation {
        /// Whole.
        conversation: Conversation,
    },
    /// A message is new or changed.
    Message {
        /// Whole.
        message: Message,
    },
    /// A message is gone.
    MessageGone {
        /// Where.
        conversation: ConversationId,
        /// Which.
        message: MessageId,
    },
    /// A conversation is gone: its messages belong to another one now.
    ConversationGone {
        /// Which.
        conversation: ConversationId,
        /// Which one holds them now.
        replaced: ConversationId,
    },
    /// Own messages up to this order are delivered; the shell turns it into `Message` events.
    Delivered {
        /// Where.
        conversation: ConversationId,
        /// The server's number.
        number: u64,
    },
    /// Forget all views and ask again.
    Reset,
}
