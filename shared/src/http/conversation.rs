//! Conversations, their commits and rows, and the inbox of a device.

use minicbor::{Decode, Encode};

use crate::{
    bytes::Bytes,
    frame::{InboxItem, Row},
    id::{AccountId, ConversationId, MessageId},
    time::Millis,
};

/// One conversation in GET /api/conversations.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ConversationState {
    /// Which.
    #[n(0)]
    pub id: ConversationId,
    /// [`crate::policy::Kind`] byte.
    #[n(1)]
    pub kind: u8,
    /// Current generation.
    #[n(2)]
    pub generation: u32,
    /// Current epoch.
    #[n(3)]
    pub epoch: u64,
    /// Last number.
    #[n(4)]
    pub head: u64,
    /// Rows up to here are gone.
    #[n(5)]
    pub floor: u64,
    /// Has the asking device a leaf in it?
    #[n(6)]
    pub member: bool,
    /// The other account of a direct conversation.
    #[n(7)]
    pub with: Option<AccountId>,
}

/// GET /api/conversations. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Conversations {
    /// All conversations of the account.
    #[n(0)]
    pub conversations: Vec<ConversationState>,
}

/// A commit with everything that belongs to it. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Commit {
    /// Generation.
    #[n(0)]
    pub generation: u32,
    /// The epoch it was made for.
    #[n(1)]
    pub epoch: u64,
    /// Its id, also in its authenticated data.
    #[n(2)]
    pub message: MessageId,
    /// The commit: an MLS PublicMessage (`MLSMessage` bytes).
    #[n(3)]
    pub commit: Bytes,
    /// The device key over SHA-256 of the commit's bytes ([`crate::label::Label::CommitBytes`]).
    #[n(4)]
    pub signature: Bytes,
    /// Group info of the epoch it leads to, without the tree (`MLSMessage` bytes).
    #[n(5)]
    pub group_info: Bytes,
    /// Welcome with the tree, when it adds somebody (`MLSMessage` bytes).
    #[n(6)]
    pub welcome: Option<Bytes>,
}

/// POST /api/conversations. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CreateConversation {
    /// Drawn by the client.
    #[n(0)]
    pub conversation: ConversationId,
    /// [`crate::policy::Kind`] byte.
    #[n(1)]
    pub kind: u8,
    /// The other account of a direct conversation, oneself for the note.
    #[n(2)]
    pub with: Option<AccountId>,
    /// Group info of epoch 0 with the tree.
    #[n(3)]
    pub group_info: Bytes,
    /// The first commit, for epoch 0.
    #[n(4)]
    pub commit: Commit,
}

/// Answer of a creation or a commit. CBOR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Committed {
    /// The commit's number in the log.
    #[n(0)]
    pub number: u64,
    /// When it was stored.
    #[n(1)]
    pub at: Millis,
}

/// GET /api/conversations/{id}/rows?after=k&limit=n. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Rows {
    /// Consecutive rows; the first may be of any size.
    #[n(0)]
    pub rows: Vec<Row>,
    /// Last number.
    #[n(1)]
    pub head: u64,
    /// Rows up to here are gone.
    #[n(2)]
    pub floor: u64,
}

/// GET /api/conversations/{id}/group-info. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GroupInfo {
    /// Generation.
    #[n(0)]
    pub generation: u32,
    /// Epoch.
    #[n(1)]
    pub epoch: u64,
    /// `MLSMessage` bytes.
    #[n(2)]
    pub group_info: Bytes,
    /// The ratchet tree (`RatchetTree` bytes).
    #[n(3)]
    pub tree: Bytes,
}

/// GET /api/inbox?after=k. CBOR.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Inbox {
    /// Items above k, ascending.
    #[n(0)]
    pub items: Vec<InboxItem>,
}
