//! What arrives on a socket, from both sides.

use shared::frame::{ClientFrame, ServerFrame};

/// What a client sends: what was read is what is written again.
pub(crate) fn client(bytes: &[u8]) {
    if let Ok(frame) = ClientFrame::decode(bytes) {
        assert_eq!(ClientFrame::decode(&frame.encode()), Ok(frame));
    }
}

/// What a server sends.
pub(crate) fn server(bytes: &[u8]) {
    if let Ok(frame) = ServerFrame::decode(bytes) {
        assert_eq!(ServerFrame::decode(&frame.encode()), Ok(frame));
    }
}

/// One frame of each kind a client sends.
pub(crate) fn client_seeds() -> Vec<Vec<u8>> {
    use shared::{
        Bytes, ConversationId, MessageId,
        frame::{Append, ClientHello, Cursor, Fetch, VERSION},
    };
    let conversation = ConversationId([1; 16]);
    let cursor = Cursor { conversation, number: 3 };
    let hello = ClientHello {
        version: VERSION,
        run: Bytes(vec![1; 16]),
        next_run: Bytes(vec![2; 16]),
        store_epoch: Some(Bytes(vec![3; 16])),
        inbox: 4,
        cursors: vec![cursor],
    };
    let append = Append {
        request: 5,
        conversation,
        generation: 0,
        epoch: 1,
        n: 1,
        message: MessageId([6; 16]),
        sealed: Bytes(vec![7; 40]),
    };
    let frames = [
        ClientFrame::Hello(hello),
        ClientFrame::Append(append),
        ClientFrame::Fetch(Fetch { request: 6, conversation, after: 0, limit: 10 }),
        ClientFrame::Acknowledge(cursor),
        ClientFrame::InboxAcknowledge(9),
        ClientFrame::Ping(10),
    ];
    frames.iter().map(ClientFrame::encode).collect()
}

/// One frame of each kind a server sends.
pub(crate) fn server_seeds() -> Vec<Vec<u8>> {
    use shared::{
        AccountId, Bytes, Code, ConversationId, DeviceId, MessageId, Millis,
        frame::{
            Appended, Cursor, Delivered, Entries, Head, InboxBody, InboxItem, Refused, Row, RowKind, ServerHello,
            StatementNotice, Wanted, WelcomeItem,
        },
    };
    let (conversation, account, device) = (ConversationId([1; 16]), AccountId([2; 16]), DeviceId([3; 16]));
    let delivered = Delivered { conversation, account, number: 4 };
    let row = Row {
        number: 4,
        kind: RowKind::Message,
        generation: 0,
        epoch: 1,
        device,
        account,
        message: MessageId([5; 16]),
        at: Millis(6),
        signature: None,
        body: Some(Bytes(vec![7; 40])),
        authenticated: None,
        erased: None,
        big: None,
        frank: None,
    };
    let welcome =
        WelcomeItem { conversation, generation: 0, epoch: 1, number: 1, welcome: Bytes(vec![8; 40]), device, account };
    let item = |number, body| InboxItem { number, at: Millis(9), body };
    let hello = ServerHello {
        store_epoch: Bytes(vec![1; 16]),
        time: Millis(10),
        heads: vec![Head { conversation, number: 4, last_n: 1, epoch: 1 }],
        packages: 50,
        row_limit: 65_536,
        statement: 1,
        settings: 0,
        delivered: vec![delivered],
        inbox: 3,
        known: Some(vec![Cursor { conversation, number: 2 }]),
    };
    let frames = [
        ServerFrame::Hello(hello),
        ServerFrame::Appended(Appended { request: 1, number: 4, at: Millis(11) }),
        ServerFrame::Refused(Refused::new(2, Code::StaleEpoch, Some(3))),
        ServerFrame::Entries(Entries { conversation, rows: vec![row], head: 4, floor: 0, request: 3 }),
        ServerFrame::Head(Cursor { conversation, number: 4 }),
        ServerFrame::Inbox(vec![
            item(1, InboxBody::Welcome(welcome)),
            item(2, InboxBody::Settings(3)),
            item(3, InboxBody::Statement(StatementNotice { account, number: 2 })),
        ]),
        ServerFrame::Delivered(delivered),
        ServerFrame::Wanted(Wanted { conversation, account, device }),
        ServerFrame::Resync,
        ServerFrame::Bye("going_away".to_owned()),
        ServerFrame::Pong(12),
    ];
    frames.iter().map(ServerFrame::encode).collect()
}
