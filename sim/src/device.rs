//! One browser: a client core over the shipped local store, with a cookie jar that survives it.

use std::collections::BTreeMap;

use client_core::{Batch, Client, Command, Slot, Stretch};
use client_store::Store;
use opaque_ke::{
    errors::InternalError,
    generic_array::{ArrayLength, GenericArray},
    ksf::Ksf,
};
use server_core::Token;
use shared::{AccountId, ConversationId, DeviceId, MessageId};

/// Stretches nothing and makes few packages: a type parameter, so that it can never reach a release.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cheap;

impl Ksf for Cheap {
    fn hash<L: ArrayLength<u8>>(&self, input: GenericArray<u8, L>) -> Result<GenericArray<u8, L>, InternalError> {
        Ok(input)
    }
}

impl Stretch for Cheap {
    const VERSION: u8 = 1;
    // Most of what a world would compute; and so few are used up within it.
    const POOL: usize = 6;
    const POOL_LOW: usize = 3;
}

/// A text on its way from a person's fingers.
#[derive(Clone, Debug)]
pub struct Sending {
    /// Whom it is for.
    pub with: AccountId,
    /// Where the page sent it.
    pub conversation: ConversationId,
    /// Its id.
    pub message: MessageId,
    /// Its text.
    pub text: String,
}

/// What an answer will be for.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A way in.
    Enter,
    /// A conversation is being started.
    Start,
    /// A text was given to the core.
    Send(Sending),
    /// Anything else.
    Other,
}

/// A browser profile.
pub struct Device {
    /// Whose.
    pub person: usize,
    /// The local store and who it belongs to: survives every crash.
    pub disk: Option<(Slot, Store)>,
    /// An older copy of the disk, kept for a rollback.
    pub copy: Option<Copied>,
    /// The cookie jar: survives too.
    pub cookie: Option<Token>,
    /// The running core.
    pub client: Option<Client<Cheap>>,
    /// Counts its runs: what was under way for an older one is dropped.
    pub run: u64,
    /// When its timer is due.
    pub timer: Option<u64>,
    /// The open socket.
    pub socket: Option<u64>,
    /// Commands without an answer.
    pub asked: BTreeMap<u64, Asked>,
    /// Texts that must be sent again because their tab or core died before the answer.
    pub again: Vec<Sending>,
    /// Until when its disk takes nothing.
    pub full_until: u64,
    /// Batches in a row that its disk refused.
    pub refused: u32,
    /// How far its clock is off, in milliseconds.
    pub skew: i64,
}

/// A copy of a profile, and the moment that it is from.
pub struct Copied {
    /// Whose it is.
    pub slot: Slot,
    /// What lies in it.
    pub batches: Vec<Batch>,
    /// In how many conversations it was.
    pub joined: usize,
    /// In which of its runs.
    pub run: u64,
    /// How many messages of it the server had counted at most.
    pub counted: u64,
}

impl Device {
    /// The device it is; the store of a superseded one goes on as another.
    #[must_use]
    pub fn id(&self) -> Option<DeviceId> {
        let ((slot, _), client) = (self.disk.as_ref()?, self.client.as_ref()?);
        Some(client.state().device.unwrap_or(slot.device))
    }

    /// A fresh browser.
    #[must_use]
    pub fn new(person: usize) -> Self {
        Self {
            person,
            disk: None,
            copy: None,
            cookie: None,
            client: None,
            run: 0,
            timer: None,
            socket: None,
            asked: BTreeMap::new(),
            again: vec![],
            full_until: 0,
            refused: 0,
            skew: 0,
        }
    }

    /// The core dies: its memory is gone, its unanswered texts are sent again by the next one.
    pub fn die(&mut self) {
        self.client = None;
        self.run += 1;
        self.socket = None;
        self.timer = None;
        for asked in core::mem::take(&mut self.asked).into_values() {
            if let Asked::Send(sending) = asked {
                self.again.push(sending);
            }
        }
    }

    /// A command with a new id.
    pub fn command(id: u64, command: Command) -> client_core::Input {
        client_core::Input::Command { id, command }
    }
}
