//! Socket frames: one CBOR array `[kind, [content]]` a WebSocket binary message, the content a map with integer keys, a
//! number, a text or a list of maps (CDDL in docs/PROTOCOL.md).
//!
//! Kinds 6 and 7 of both directions keep the places of registers (receipts) and ephemerals (typing, presence).

use minicbor::{Decode, Encode};

use crate::{
    bytes::Bytes,
    code::Code,
    codec::{self, CodecError},
    id::{AccountId, ConversationId, DeviceId, MessageId},
    time::Millis,
};

/// The socket protocol's version: also the subprotocol `sotto.1`.
pub const VERSION: u16 = 1;
/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "sotto.1";

/// Where a device stands in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Cursor {
    /// Which conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// The last row it has applied and stored.
    #[n(1)]
    pub number: u64,
}

/// A sealed message offered to the log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Append {
    /// Named in the answer.
    #[n(0)]
    pub request: u64,
    /// Where to.
    #[n(1)]
    pub conversation: ConversationId,
    /// MLS generation it was sealed in.
    #[n(2)]
    pub generation: u32,
    /// MLS epoch it was sealed in.
    #[n(3)]
    pub epoch: u64,
    /// The device's counter in this conversation.
    #[n(4)]
    pub n: u64,
    /// Its id.
    #[n(5)]
    pub message: MessageId,
    /// The MLS PrivateMessage (`MLSMessage` bytes).
    #[n(6)]
    pub sealed: Bytes,
}

/// What a client sends.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ClientFrame {
    /// The first frame of a socket, and only the first.
    #[n(0)]
    Hello(#[n(0)] ClientHello),
    /// Store this row.
    #[n(1)]
    Append(#[n(0)] Append),
    /// Give me rows.
    #[n(2)]
    Fetch(#[n(0)] Fetch),
    /// Rows up to here are stored on this device.
    #[n(3)]
    Acknowledge(#[n(0)] Cursor),
    /// Inbox items up to here are stored on this device and may be dropped.
    #[n(4)]
    InboxAcknowledge(#[n(0)] u64),
    /// Are you there?
    #[n(5)]
    Ping(#[n(0)] u64),
}

/// See [`ClientFrame::Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClientHello {
    /// [`VERSION`].
    #[n(0)]
    pub version: u16,
    /// The run token the device used last (A): 16 random bytes.
    #[n(1)]
    pub run: Bytes,
    /// The run token of this run (B).
    #[n(2)]
    pub next_run: Bytes,
    /// The store epoch the device's numbers belong to; none before the first Hello.
    #[n(3)]
    pub store_epoch: Option<Bytes>,
    /// Last inbox item stored.
    #[n(4)]
    pub inbox: u64,
    /// Last row stored, a conversation.
    #[n(5)]
    pub cursors: Vec<Cursor>,
}

/// See [`ClientFrame::Fetch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Fetch {
    /// Named in the answer.
    #[n(0)]
    pub request: u64,
    /// Which conversation.
    #[n(1)]
    pub conversation: ConversationId,
    /// Rows with higher numbers.
    #[n(2)]
    pub after: u64,
    /// At most this many; at most [`crate::limits::FETCH`].
    #[n(3)]
    pub limit: u32,
}

/// What kind of row it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RowKind {
    /// An application message.
    #[n(0)]
    Message,
    /// A commit.
    #[n(1)]
    Commit,
    /// A standalone proposal (leaving a group).
    #[n(2)]
    Proposal,
}

/// One row of a conversation's log.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Row {
    /// Its number: 1, 2, 3 … without gaps.
    #[n(0)]
    pub number: u64,
    /// Its kind.
    #[n(1)]
    pub kind: RowKind,
    /// MLS generation.
    #[n(2)]
    pub generation: u32,
    /// MLS epoch it was made for.
    #[n(3)]
    pub epoch: u64,
    /// Who sent it.
    #[n(4)]
    pub device: DeviceId,
    /// Of which account.
    #[n(5)]
    pub account: AccountId,
    /// Its id.
    #[n(6)]
    pub message: MessageId,
    /// When the server stored it.
    #[n(7)]
    pub at: Millis,
    /// Of a commit: the committer's device key over SHA-256 of the complete bytes.
    #[n(8)]
    pub signature: Option<Bytes>,
    /// The MLS bytes; none when erased or too big for a frame.
    #[n(9)]
    pub body: Option<Bytes>,
    /// The authenticated data of an erased row.
    #[n(10)]
    pub authenticated: Option<Bytes>,
    /// When it was erased.
    #[n(11)]
    pub erased: Option<Millis>,
    /// Size in bytes of a body that must be fetched by HTTP.
    #[n(12)]
    pub big: Option<u64>,
    /// Place of a franking tag.
    #[n(13)]
    pub frank: Option<Bytes>,
}

/// What an inbox item is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum InboxBody {
    /// An invitation into a conversation's group.
    #[n(0)]
    Welcome(#[n(0)] WelcomeItem),
    /// An own settings item changed: read from this change number on.
    #[n(1)]
    Settings(#[n(0)] u64),
    /// A Welcome of mine could not be opened by this device.
    #[n(2)]
    WelcomeRefused(#[n(0)] WelcomeRefused),
    /// An account I share a conversation with has a newer statement.
    #[n(3)]
    Statement(#[n(0)] StatementNotice),
    /// An own device has signed that it will not come back.
    #[n(4)]
    Retired(#[n(0)] Retired),
}

/// See [`InboxBody::Retired`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Retired {
    /// Which device.
    #[n(0)]
    pub device: DeviceId,
    /// Of its key, under the label "device retirement", over account id ‖ device id.
    #[n(1)]
    pub signature: Bytes,
}

/// See [`InboxBody::Welcome`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WelcomeItem {
    /// Into which conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// Which generation.
    #[n(1)]
    pub generation: u32,
    /// The epoch the Welcome leads to.
    #[n(2)]
    pub epoch: u64,
    /// The number of the commit that added this device: rows after it can be read.
    #[n(3)]
    pub number: u64,
    /// The MLS Welcome with the tree (`MLSMessage` bytes).
    #[n(4)]
    pub welcome: Bytes,
    /// The committing device.
    #[n(5)]
    pub device: DeviceId,
    /// Its account.
    #[n(6)]
    pub account: AccountId,
}

/// See [`InboxBody::WelcomeRefused`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WelcomeRefused {
    /// Into which conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// Who could not open it.
    #[n(1)]
    pub device: DeviceId,
}

/// See [`InboxBody::Statement`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StatementNotice {
    /// Whose.
    #[n(0)]
    pub account: AccountId,
    /// The newest number.
    #[n(1)]
    pub number: u64,
}

/// One item of a device's inbox.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct InboxItem {
    /// 1, 2, 3 … without gaps.
    #[n(0)]
    pub number: u64,
    /// When it was stored.
    #[n(1)]
    pub at: Millis,
    /// What it is.
    #[n(2)]
    pub body: InboxBody,
}

/// Where a conversation stands on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Head {
    /// Which conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// Its last number.
    #[n(1)]
    pub number: u64,
    /// The last counter n stored of this device.
    #[n(2)]
    pub last_n: u64,
    /// The epoch it takes rows for.
    #[n(3)]
    pub epoch: u64,
}

/// See [`ServerFrame::Hello`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ServerHello {
    /// The store epoch: 16 random bytes that change when the server is restored.
    #[n(0)]
    pub store_epoch: Bytes,
    /// The server's clock.
    #[n(1)]
    pub time: Millis,
    /// All conversations of the account this device has a leaf in, and those whose head is beyond the cursor; all of them
    /// when the client's store epoch is another.
    #[n(2)]
    pub heads: Vec<Head>,
    /// One-time key packages left of this device.
    #[n(3)]
    pub packages: u32,
    /// Largest sealed row, bytes.
    #[n(4)]
    pub row_limit: u32,
    /// The account's newest statement number.
    #[n(5)]
    pub statement: u64,
    /// The account's newest settings change number.
    #[n(6)]
    pub settings: u64,
    /// Cursors of the other accounts: what was delivered meanwhile.
    #[n(7)]
    pub delivered: Vec<Delivered>,
    /// The last inbox item that is gone: a client whose numbers belong to another store epoch reads from here.
    #[n(8)]
    pub inbox: u64,
    /// Only for a client whose numbers belong to another store epoch: up to which number the rows here are those that it knows. A
    /// conversation that is missing has none.
    #[n(9)]
    pub known: Option<Vec<Cursor>>,
}

/// See [`ServerFrame::Delivered`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Delivered {
    /// Where.
    #[n(0)]
    pub conversation: ConversationId,
    /// Who.
    #[n(1)]
    pub account: AccountId,
    /// The highest number any device of that account has stored.
    #[n(2)]
    pub number: u64,
}

/// See [`ServerFrame::Wanted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Wanted {
    /// Where it is missing.
    #[n(0)]
    pub conversation: ConversationId,
    /// Whose device.
    #[n(1)]
    pub account: AccountId,
    /// Which device.
    #[n(2)]
    pub device: DeviceId,
}

/// See [`ServerFrame::Appended`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Appended {
    /// The request answered.
    #[n(0)]
    pub request: u64,
    /// The row's number.
    #[n(1)]
    pub number: u64,
    /// When it was stored.
    #[n(2)]
    pub at: Millis,
}

/// See [`ServerFrame::Refused`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Refused {
    /// The request refused; 0 when the frame had none.
    #[n(0)]
    pub request: u64,
    /// The wire form of a [`Code`].
    #[n(1)]
    pub code: String,
    /// A number that belongs to the code: the expected counter, the current epoch, milliseconds to wait.
    #[n(2)]
    pub detail: Option<u64>,
}

impl Refused {
    /// A refusal.
    #[must_use]
    pub fn new(request: u64, code: Code, detail: Option<u64>) -> Self {
        Self { request, code: code.as_str().to_owned(), detail }
    }
    /// The code, if this build knows it.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        Code::from_wire(&self.code)
    }
}

/// See [`ServerFrame::Entries`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Entries {
    /// Of which conversation.
    #[n(0)]
    pub conversation: ConversationId,
    /// Consecutive rows.
    #[n(1)]
    pub rows: Vec<Row>,
    /// The conversation's last number when they were read.
    #[n(2)]
    pub head: u64,
    /// Rows up to here are gone.
    #[n(3)]
    pub floor: u64,
    /// The fetch answered; 0 when pushed.
    #[n(4)]
    pub request: u64,
}

/// What the server sends.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ServerFrame {
    /// The answer to Hello.
    #[n(0)]
    Hello(#[n(0)] ServerHello),
    /// A row is durable.
    #[n(1)]
    Appended(#[n(0)] Appended),
    /// A request was refused; nothing was changed by it.
    #[n(2)]
    Refused(#[n(0)] Refused),
    /// Rows.
    #[n(3)]
    Entries(#[n(0)] Entries),
    /// A hint: the conversation has rows up to here.
    #[n(4)]
    Head(#[n(0)] Cursor),
    /// Inbox items, ascending.
    #[n(5)]
    Inbox(#[n(0)] Vec<InboxItem>),
    /// Somebody's device has stored rows.
    #[n(8)]
    Delivered(#[n(0)] Delivered),
    /// A device waits to be added to a conversation.
    #[n(9)]
    Wanted(#[n(0)] Wanted),
    /// Hints were lost: ask for everything by cursor.
    #[n(10)]
    Resync,
    /// The socket closes; the wire form of a [`Code`].
    #[n(11)]
    Bye(#[n(0)] String),
    /// The answer to Ping.
    #[n(12)]
    Pong(#[n(0)] u64),
}

impl ClientFrame {
    /// The bytes of one WebSocket message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }
    /// Reads one WebSocket message.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(bytes)
    }
}

impl ServerFrame {
    /// The bytes of one WebSocket message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }
    /// Reads one WebSocket message.
    ///
    /// # Errors
    /// [`CodecError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        codec::decode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_and_skip_what_is_newer() {
        let append = ClientFrame::Append(Append {
            request: 1,
            conversation: ConversationId([1; 16]),
            generation: 0,
            epoch: 3,
            n: 4,
            message: MessageId([2; 16]),
            sealed: Bytes(vec![5; 300]),
        });
        let bytes = append.encode();
        assert_eq!(ClientFrame::decode(&bytes), Ok(append));
        let hello = ServerFrame::Resync;
        assert_eq!(ServerFrame::decode(&hello.encode()), Ok(hello));
        // A cursor with an unknown key 9 from a newer version is read, one with key -1 is not.
        let mut newer = vec![];
        let mut e = minicbor::Encoder::new(&mut newer);
        e.map(3)
            .unwrap()
            .u8(0)
            .unwrap()
            .bytes(&[1; 16])
            .unwrap()
            .u8(1)
            .unwrap()
            .u64(7)
            .unwrap()
            .u8(9)
            .unwrap()
            .str("new")
            .unwrap();
        assert_eq!(codec::decode::<Cursor>(&newer).unwrap().number, 7);
        let mut critical = vec![];
        let mut e = minicbor::Encoder::new(&mut critical);
        e.map(3).unwrap().i8(-1).unwrap().u8(0).unwrap().u8(0).unwrap().bytes(&[1; 16]).unwrap().u8(1).unwrap().u64(7).unwrap();
        assert_eq!(codec::decode::<Cursor>(&critical), Err(CodecError::Critical));
    }

    #[test]
    fn every_cut_is_refused() {
        let frame = ServerFrame::Refused(Refused::new(7, Code::StaleEpoch, Some(9)));
        let bytes = frame.encode();
        for end in 0..bytes.len() {
            assert!(ServerFrame::decode(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn a_refusal_keeps_its_code() {
        let refused = Refused::new(7, Code::StaleEpoch, Some(9));
        assert_eq!((refused.request, refused.code.as_str(), refused.detail), (7, "stale_epoch", Some(9)));
        assert_eq!(refused.code(), Some(Code::StaleEpoch));
        assert_eq!(Refused { code: "from_the_future".to_owned(), ..refused }.code(), None);
    }

    #[test]
    fn the_first_bytes_of_a_frame_are_its_kind() {
        assert_eq!(ClientFrame::Ping(3).encode(), [0x82, 5, 0x81, 3]);
        assert_eq!(ClientFrame::decode(&[0x82, 5, 0x81, 3]), Ok(ClientFrame::Ping(3)));
        assert_eq!(ServerFrame::Pong(3).encode(), [0x82, 12, 0x81, 3]);
        assert_eq!(ServerFrame::decode(&[0x82, 12, 0x81, 3]), Ok(ServerFrame::Pong(3)));
    }
}
