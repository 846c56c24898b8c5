//! The core's durable state, row by row. A storage type: CBOR maps with integer keys, so that later versions may add fields.

use minicbor::{Decode, Encode};
use shared::{AccountId, Bytes, ConversationId, DeviceId, MessageId, Millis};

use crate::view::{MessageState, Theme, Trust};

/// Key of [`Me`] in `Space::Meta`.
pub(crate) const ME: &[u8] = b"me";

/// The account and device of this store.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Me {
    #[n(0)]
    pub(crate) account: AccountId,
    #[n(1)]
    pub(crate) handle: String,
    /// Public identity key.
    #[n(2)]
    pub(crate) identity: Bytes,
    #[n(3)]
    pub(crate) device: DeviceId,
    /// Seed of the device key: never leaves the device.
    #[n(4)]
    pub(crate) secret: Bytes,
    #[n(5)]
    pub(crate) certificate: Bytes,
    #[n(6)]
    pub(crate) settings_key: Bytes,
    #[n(7)]
    pub(crate) archive_key: Bytes,
    #[n(8)]
    pub(crate) generation: u32,
    /// Newest own statement known.
    #[n(9)]
    pub(crate) statement: Bytes,
    /// The recovery kit's text until it is saved.
    #[n(10)]
    pub(crate) kit: Option<String>,
    #[n(11)]
    pub(crate) stay: bool,
    #[n(12)]
    pub(crate) theme: u8,
    /// Run token the server has.
    #[n(13)]
    pub(crate) run: Bytes,
    /// Run token of this run.
    #[n(14)]
    pub(crate) next_run: Bytes,
    #[n(15)]
    pub(crate) store_epoch: Option<Bytes>,
    #[n(16)]
    pub(crate) inbox: u64,
    #[n(17)]
    pub(crate) settings: u64,
    /// The server knows a newer run of this device: group state here must not be used.
    #[n(18)]
    pub(crate) superseded: bool,
    /// SHA-256 of Welcomes taken: a replay is refused for ever.
    #[n(19)]
    pub(crate) welcomes: Vec<Bytes>,
    /// The answer to this device's registration or enrolment has not come yet: the server may never have heard of it.
    #[n(20)]
    pub(crate) unconfirmed: bool,
    /// What the page key of this store is derived from: a device that goes on in it brings it to a vault that lacks it.
    #[cbor(n(21), default)]
    pub(crate) store_secret: Bytes,
    /// Own devices that have signed their retirement, and those that this very store was before.
    #[cbor(n(22), default)]
    pub(crate) retired: Vec<DeviceId>,
    /// Numbers under which two statements of an account were seen.
    #[cbor(n(23), default)]
    pub(crate) conflicts: Vec<(AccountId, u64)>,
    /// The server was put back and has not been seen to have the newest own statement known here: it may have lost it, and
    /// another one may come under its number.
    #[cbor(n(24), default)]
    pub(crate) statement_doubted: bool,
}

impl Me {
    pub(crate) const fn theme(&self) -> Theme {
        match self.theme {
            1 => Theme::Light,
            2 => Theme::Dark,
            _ => Theme::System,
        }
    }
    pub(crate) fn set_theme(&mut self, theme: Theme) {
        self.theme = match theme {
            Theme::System => 0,
            Theme::Light => 1,
            Theme::Dark => 2,
        };
    }
}

/// Somebody this account knows.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Contact {
    #[n(0)]
    pub(crate) account: AccountId,
    #[n(1)]
    pub(crate) handle: String,
    /// Newest statement known: its number never goes back.
    #[n(2)]
    pub(crate) statement: Bytes,
    #[n(3)]
    pub(crate) number: u64,
    /// The identity key pinned at first sight or accepted since.
    #[n(4)]
    pub(crate) pinned: Bytes,
    /// The identity key of the newest statement.
    #[n(5)]
    pub(crate) identity: Bytes,
    /// The safety number under `pinned` was compared.
    #[n(6)]
    pub(crate) verified: bool,
    /// Version of the pin's settings item.
    #[n(7)]
    pub(crate) version: u64,
    /// The pin here is newer than the server's item.
    #[n(8)]
    pub(crate) dirty: bool,
    /// Two statements under one number were seen, and the person has not looked at it yet.
    #[cbor(n(9), default)]
    pub(crate) conflict: bool,
    /// What a message said of a statement that is not known here yet.
    #[cbor(n(10), default)]
    pub(crate) claim: Option<Claim>,
    /// The server was put back and has not been seen to have the newest statement known here.
    #[cbor(n(11), default)]
    pub(crate) doubted: bool,
}

/// A statement as a message names it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Claim {
    #[n(0)]
    pub(crate) number: u64,
    /// The first eight bytes of its hash.
    #[n(1)]
    pub(crate) hash: Bytes,
}

impl Contact {
    /// The person has looked at two statements under one number: from now on the chain that the server shows counts, read and
    /// verified from its beginning. The pin stays, so another identity key would have to be accepted by itself.
    pub(crate) fn settle(&mut self) {
        if core::mem::take(&mut self.conflict) {
            (self.statement, self.number, self.doubted) = (Bytes::default(), 0, false);
        }
    }

    pub(crate) fn trust(&self) -> Trust {
        if self.number == 0 {
            Trust::Pending
        } else if self.pinned == self.identity && !self.conflict {
            Trust::FirstUse
        } else {
            Trust::Changed
        }
    }
}

/// Where a conversation stands on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum Standing {
    /// It exists on the server; this device waits for a Welcome.
    #[n(0)]
    Awaited,
    /// Made here; the server has not said yes.
    #[n(1)]
    Creating,
    /// This device is in.
    #[n(2)]
    Joined,
    /// A row that the server accepted can't be applied here.
    #[n(3)]
    Stuck,
}

/// A conversation.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Conv {
    #[n(0)]
    pub(crate) id: ConversationId,
    /// `policy::Kind` byte.
    #[n(1)]
    pub(crate) kind: u8,
    /// The other account; oneself in the note.
    #[n(2)]
    pub(crate) with: AccountId,
    #[n(3)]
    pub(crate) standing: Standing,
    #[n(4)]
    pub(crate) generation: u32,
    /// Last row applied.
    #[n(5)]
    pub(crate) cursor: u64,
    /// Last own counter given out.
    #[n(6)]
    pub(crate) n: u64,
    /// Commitment of the own message with that counter.
    #[n(7)]
    pub(crate) commitment: Bytes,
    /// The own commit under way.
    #[n(8)]
    pub(crate) pending: Option<Pending>,
    #[n(9)]
    pub(crate) unread: u32,
    /// Order of the last message read.
    #[n(10)]
    pub(crate) read: u64,
    #[n(11)]
    pub(crate) last: Option<LastRow>,
    /// Highest number on a device of the other account.
    #[n(12)]
    pub(crate) delivered: u64,
    #[n(13)]
    pub(crate) draft: String,
    /// What was last seen of each device.
    #[n(14)]
    pub(crate) peers: Vec<Peer>,
    /// Number of the commit that let this device in: rows after it can be read.
    #[n(15)]
    pub(crate) since: u64,
    /// Ids of the newest messages seen: the parents of the next own one.
    #[n(16)]
    pub(crate) parents: Vec<MessageId>,
    /// Own messages since the own path was renewed.
    #[n(17)]
    pub(crate) since_path: u64,
    /// When the own path was renewed.
    #[n(18)]
    pub(crate) path_at: Millis,
    /// The row that can't be applied here, until this device is back in.
    #[n(24)]
    pub(crate) wedge: Option<Wedge>,
    /// How far numbers of the server's present life lie behind those of this device: they are added where messages are placed.
    #[cbor(n(30), default)]
    pub(crate) shift: u64,
    /// Hashes of the last commits applied.
    #[cbor(n(31), default)]
    pub(crate) commits: Vec<Bytes>,
    /// The epoch the server has gone back to, while it is an older one than the group's here.
    #[cbor(n(32), default)]
    pub(crate) behind: Option<u64>,
    /// The epoch in which this device came in: rows of earlier ones are not for it.
    #[cbor(n(33), default)]
    pub(crate) from_epoch: u64,
    /// A next generation this device has joined; it counts when every row before its first has been passed.
    #[n(25)]
    pub(crate) next: Option<Next>,
    /// An own device that is gone has a leaf.
    #[cbor(n(34), default)]
    pub(crate) stale: bool,
    /// The other account has a leaf that its newest statement does not name.
    #[cbor(n(35), default)]
    pub(crate) ghost: bool,
    /// Number of the other account's statement whose leaves the person has looked at.
    #[cbor(n(36), default)]
    pub(crate) looked: u64,
}

/// A generation that waits for the end of the one before it.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Next {
    #[n(0)]
    pub(crate) generation: u32,
    /// Number of the commit that let this device in.
    #[n(1)]
    pub(crate) number: u64,
    /// Where the generation before it ended: epoch and confirmed transcript hash.
    #[n(2)]
    pub(crate) epoch: u64,
    #[n(3)]
    pub(crate) transcript: Bytes,
    /// Who opened it.
    #[n(4)]
    pub(crate) by: AccountId,
    #[n(5)]
    pub(crate) at: Millis,
}

/// A row that the server accepted and that can't be applied here.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Wedge {
    /// Its number.
    #[n(0)]
    pub(crate) number: u64,
    /// Whose commit it is, when its device key signed exactly these bytes.
    #[n(1)]
    pub(crate) device: Option<DeviceId>,
}

/// First bytes of the keys of [`Evidence`] in `Space::Meta`.
pub(crate) const EVIDENCE: &[u8] = b"evidence ";

/// A commit that could not be applied here, as it came. With the committer's certificate, which stands in the group's tree and
/// the account's statements, its signature convinces others.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Evidence {
    /// Which conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// MLS generation.
    #[n(1)]
    pub generation: u32,
    /// The epoch it was made for.
    #[n(2)]
    pub epoch: u64,
    /// Its number in the log.
    #[n(3)]
    pub number: u64,
    /// Who sent it, by the row.
    #[n(4)]
    pub device: DeviceId,
    /// That device’s account.
    #[n(5)]
    pub account: AccountId,
    /// Its id.
    #[n(6)]
    pub message: MessageId,
    /// Of the device key over `hash`; `genuine` says whether it verifies.
    #[n(7)]
    pub signature: Option<Bytes>,
    /// SHA-256 of the bytes.
    #[n(8)]
    pub hash: Bytes,
    /// The bytes; none above 1 MiB (the signature is over their hash).
    #[n(9)]
    pub body: Option<Bytes>,
    /// The committer made exactly these bytes; else they were changed on the way.
    #[n(10)]
    pub genuine: bool,
    /// An external commit: the group info it was made from may be what is wrong, and that is another's.
    #[n(11)]
    pub external: bool,
}

/// The last message of the list.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct LastRow {
    #[n(0)]
    pub(crate) text: String,
    #[n(1)]
    pub(crate) at: Millis,
    #[n(2)]
    pub(crate) own: bool,
    #[n(3)]
    pub(crate) state: u8,
    #[n(4)]
    pub(crate) order: u64,
    #[n(5)]
    pub(crate) message: MessageId,
}

/// Numbers of [`MessageState`] in rows.
pub(crate) const fn state_byte(state: MessageState) -> u8 {
    match state {
        MessageState::Sending => 0,
        MessageState::Stored => 1,
        MessageState::Delivered => 2,
        MessageState::Read => 3,
        MessageState::Failed => 4,
    }
}

/// And back.
pub(crate) const fn state_from(byte: u8) -> MessageState {
    match byte {
        0 => MessageState::Sending,
        2 => MessageState::Delivered,
        3 => MessageState::Read,
        4 => MessageState::Failed,
        _ => MessageState::Stored,
    }
}

/// What a device last sent.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Peer {
    #[n(0)]
    pub(crate) device: DeviceId,
    #[n(1)]
    pub(crate) n: u64,
    #[n(2)]
    pub(crate) commitment: Bytes,
}

/// An own commit whose outcome is not certain yet. Cleared only when another's outcome or a definite refusal is.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Pending {
    #[n(0)]
    pub(crate) message: MessageId,
    #[n(1)]
    pub(crate) epoch: u64,
    /// The encoded HTTP body: sent again as it is until its outcome is known.
    #[n(2)]
    pub(crate) body: Bytes,
    /// SHA-256 of the commit's bytes: what an echo must match.
    #[n(3)]
    pub(crate) hash: Bytes,
    /// It creates the conversation.
    #[n(4)]
    pub(crate) creates: bool,
    /// Its number, once the server has said it.
    #[n(5)]
    pub(crate) number: Option<u64>,
}

/// A message on its way.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Outgoing {
    #[n(0)]
    pub(crate) conversation: ConversationId,
    #[n(1)]
    pub(crate) message: MessageId,
    /// Order of writing on this device, over all conversations.
    #[n(2)]
    pub(crate) sequence: u64,
    /// Device counter; 0 until it is first sealed.
    #[n(3)]
    pub(crate) n: u64,
    /// `k` of the envelope.
    #[n(4)]
    pub(crate) k: Bytes,
    /// The content's CBOR.
    #[n(5)]
    pub(crate) content: Bytes,
    /// Commitment of the own message before it.
    #[n(6)]
    pub(crate) previous: Bytes,
    /// Every sealed form that may have left: (epoch, bytes).
    #[n(7)]
    pub(crate) sealed: Vec<Variant>,
    #[n(8)]
    pub(crate) text: String,
    #[n(9)]
    pub(crate) at: Millis,
    /// The server's number, once it has said it; the item stays until its row has passed.
    #[n(10)]
    pub(crate) number: Option<u64>,
    /// Refused for good: the code.
    #[n(11)]
    pub(crate) failed: Option<String>,
    /// Where it was shown when the server had it: it keeps that place when it is offered again.
    #[n(12)]
    pub(crate) place: Option<u64>,
}

/// An own row that the server has accepted: offered again when the server was put back to an older copy.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Accepted {
    #[n(0)]
    pub(crate) conversation: ConversationId,
    /// Order on this device, over all conversations.
    #[n(1)]
    pub(crate) sequence: u64,
    /// When it was accepted.
    #[n(2)]
    pub(crate) at: Millis,
    /// Either a message …
    #[n(3)]
    pub(crate) message: Option<Outgoing>,
    /// … or a commit.
    #[n(4)]
    pub(crate) commit: Option<Pending>,
}

/// A message as sealed in one epoch.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Variant {
    #[n(0)]
    pub(crate) generation: u32,
    #[n(1)]
    pub(crate) epoch: u64,
    #[n(2)]
    pub(crate) bytes: Bytes,
}
