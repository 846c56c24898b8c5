//! What the shell must do, in order.

use core::fmt;

use shared::{AccountId, ConversationId, DeviceId, MessageId};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{failure::Failure, view};

/// One thing to do. The order is the contract.
pub enum Output {
    /// Write this in one durable transaction, then go on. When it fails: drop the client, open a new one from the store.
    Persist(Batch),
    /// Send one binary message on the open socket.
    Transmit(Vec<u8>),
    /// Make a request; answered by [`crate::Input::Http`].
    Http(HttpRequest),
    /// Open the socket with this ticket (base64url).
    OpenSocket {
        /// For the subprotocol list.
        ticket: String,
    },
    /// Close the socket; no event is needed for it.
    CloseSocket,
    /// Tell the screens.
    Show(view::Event),
    /// Answer a command.
    Answer {
        /// Its id.
        id: u64,
        /// How it ended.
        result: Result<Answer, Failure>,
    },
    /// Open (or make afresh, dropping what was there) the store of this slot.
    OpenStore {
        /// Whose store; kept by the shell in the clear.
        slot: Slot,
        /// Its page key.
        key: StoreKey,
        /// Keep the key under a non-extractable one, so that this browser stays signed in.
        stay: bool,
        /// `Some`: make it afresh with this in it. `None`: it exists.
        fresh: Option<Box<Batch>>,
    },
    /// Close the store and forget its key.
    CloseStore {
        /// Erase it and the slot.
        wipe: bool,
    },
}

/// What a browser knows of a closed store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Whose.
    pub account: AccountId,
    /// Handle as shown.
    pub handle: String,
    /// Which device it is.
    pub device: DeviceId,
    /// The person wants to stay signed in here: also after a lock, once the password has opened it again.
    pub stay: bool,
}

/// The page key of a local store. Has no Debug, is erased when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct StoreKey(pub [u8; 32]);

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreKey(…)")
    }
}

/// Where a state row belongs. The store does not look into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// The account and its singletons.
    Meta,
    /// openmls' rows.
    Mls,
    /// Conversations.
    Conversation,
    /// Messages on their way.
    Outbox,
    /// People and their pins.
    Contact,
    /// Own rows that the server has accepted, for a while.
    Accepted,
}

impl Space {
    /// The number it is stored under.
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Meta => 0,
            Self::Mls => 1,
            Self::Conversation => 2,
            Self::Outbox => 3,
            Self::Contact => 4,
            Self::Accepted => 5,
        }
    }
    /// From its number.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Meta),
            1 => Some(Self::Mls),
            2 => Some(Self::Conversation),
            3 => Some(Self::Outbox),
            4 => Some(Self::Contact),
            5 => Some(Self::Accepted),
            _ => None,
        }
    }
}

/// One row of the core's state.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it belongs.
    pub space: Space,
    /// Its key.
    pub key: Vec<u8>,
    /// None: gone.
    pub value: Option<Vec<u8>>,
}

/// One durable transaction.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// State rows.
    pub rows: Vec<Row>,
    /// Messages written or changed, by (conversation, id).
    pub messages: Vec<MessageRow>,
    /// Messages gone.
    pub gone: Vec<(ConversationId, MessageId)>,
    /// Own messages with state stored and number ≤ this are delivered now.
    pub delivered: Vec<(ConversationId, u64)>,
    /// Messages of the first conversation belong to the second now.
    pub moved: Vec<(ConversationId, ConversationId)>,
}

impl Batch {
    /// Is there nothing to write?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
            && self.messages.is_empty()
            && self.gone.is_empty()
            && self.delivered.is_empty()
            && self.moved.is_empty()
    }
}

/// A message as the local store keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageRow {
    /// What the screens see.
    pub message: view::Message,
    /// The server's number; none while it waits.
    pub number: Option<u64>,
    /// The device it came from.
    pub device: DeviceId,
    /// The content's CBOR: kept for kinds this version does not know, and for a later proof of what was said.
    pub content: Vec<u8>,
    /// The `k` of the envelope (protocol §4), with which the commitment opens.
    pub opener: Vec<u8>,
}

/// All state rows, as [`crate::Client::open`] takes them.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// Every row with a value.
    pub rows: Vec<Row>,
}

/// How a request is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Does.
    Post,
    /// Writes.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request to the server the page came from. The shell adds `Sotto-Client`, `Sotto-Account` and the cookie.
pub struct HttpRequest {
    /// For the answer.
    pub id: u64,
    /// How.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Body and its content type.
    pub body: Option<(&'static str, Vec<u8>)>,
}

/// What a command resolves to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing more to say.
    Done,
    /// Of `StartChat`.
    Conversation(ConversationId),
    /// Of `Conversations`.
    Conversations(Vec<view::Conversation>),
    /// Of `SafetyNumber`.
    SafetyNumber(view::SafetyNumber),
    /// Of `Devices`.
    Devices(Vec<view::Device>),
}
