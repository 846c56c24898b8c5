//! What a person asks for. Screens send commands, never primitives: no screen makes a cryptographic decision.

use shared::{ConversationId, MessageId};

/// One command; `web/src/core/types.ts` has the same list.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// Make an account and be in.
    Register {
        /// Handle as typed.
        username: String,
        /// Never leaves this machine.
        password: String,
        /// Keep this browser signed in.
        stay: bool,
    },
    /// Log in on a browser without a store for the account.
    Login {
        /// Handle as typed.
        username: String,
        /// Never leaves this machine.
        password: String,
        /// Keep this browser signed in.
        stay: bool,
    },
    /// Open the closed store, or renew an ended session in place.
    Unlock {
        /// Never leaves this machine.
        password: String,
    },
    /// Choose a new password with the recovery kit.
    Recover {
        /// Handle as typed.
        username: String,
        /// As typed.
        kit: String,
        /// The new password.
        password: String,
        /// Keep this browser signed in.
        stay: bool,
    },
    /// Close the store; the password opens it.
    Lock,
    /// End the session here.
    Logout {
        /// Erase the store and retire the device.
        wipe: bool,
    },
    /// The kit was written down: stop showing it.
    KitSaved,
    /// Find a person and open the conversation.
    StartChat {
        /// Handle as typed.
        username: String,
    },
    /// Send a text. Idempotent by message id.
    Send {
        /// Where to.
        conversation: ConversationId,
        /// Drawn by the page.
        message: MessageId,
        /// 1 to 60,000 bytes of UTF-8.
        text: String,
    },
    /// Forget a message that was not sent.
    DiscardMessage {
        /// Where.
        conversation: ConversationId,
        /// Which.
        message: MessageId,
    },
    /// Try a failed message again.
    RetryMessage {
        /// Where.
        conversation: ConversationId,
        /// Which.
        message: MessageId,
    },
    /// Keep what is in the composer.
    Draft {
        /// Where.
        conversation: ConversationId,
        /// May be empty.
        text: String,
    },
    /// Everything up to here was seen.
    Read {
        /// Where.
        conversation: ConversationId,
        /// [`crate::view::Message::order`] of the last message seen.
        order: u64,
    },
    /// All conversations.
    Conversations,
    /// The number to compare with the other person.
    SafetyNumber {
        /// A direct conversation.
        conversation: ConversationId,
    },
    /// The numbers were compared.
    Verify {
        /// A direct conversation.
        conversation: ConversationId,
        /// They match.
        verified: bool,
    },
    /// Use the changed safety number: held messages may go.
    AcceptChange {
        /// A direct conversation.
        conversation: ConversationId,
    },
    /// Browsers of this account.
    Devices,
    /// How the page looks.
    Theme {
        /// `system`, `light` or `dark`.
        theme: crate::view::Theme,
    },
}
