//! What others must be told: hints only. Who misses one finds the row by its cursor.

use shared::{
    AccountId, ConversationId, DeviceId,
    frame::{Delivered, Wanted},
};

use crate::session::token::SessionId;

/// One thing to tell, and whom. Published after the commit, never before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announce {
    /// A conversation has rows up to `number`.
    Head {
        /// Which conversation.
        conversation: ConversationId,
        /// Its last number.
        number: u64,
        /// Devices with a leaf in it, the sender's own included.
        devices: Vec<DeviceId>,
    },
    /// A device's inbox has items up to `number`.
    Inbox {
        /// Whose inbox.
        device: DeviceId,
        /// Its last number.
        number: u64,
    },
    /// A device of an account has stored rows.
    Delivered {
        /// What was delivered to whom.
        delivered: Delivered,
        /// Devices of the other accounts.
        devices: Vec<DeviceId>,
    },
    /// A device waits to be added to a conversation.
    Wanted {
        /// Which device, where.
        wanted: Wanted,
        /// Devices with a leaf in it, own devices of the account first.
        devices: Vec<DeviceId>,
    },
    /// One session is over: its sockets close.
    SessionEnded {
        /// Whose.
        account: AccountId,
        /// Which.
        session: SessionId,
    },
    /// All sessions of an account but one are over: their sockets close.
    SessionsEnded {
        /// Whose.
        account: AccountId,
        /// The one that stays.
        except: Option<SessionId>,
    },
    /// A device was revoked, retired or superseded: its socket closes and it is wanted nowhere.
    DeviceGone {
        /// Whose.
        account: AccountId,
        /// Which.
        device: DeviceId,
    },
}
