//! A member who says anything: what openmls lets him seal, with envelopes, contents and authenticated data that nobody of ours wrote that
//! way, delivered by a server that checks nothing.

use client_core::{Input, SocketEvent};
use shared::{
    AccountId, Bytes, DeviceId, MessageId, Millis, codec,
    frame::{Entries, Row, RowKind, ServerFrame},
};
use sim::insider::{Content, Insider};

use crate::{
    prepared::{self, ALICE, BOB, Prepared},
    reader::Reader,
    splice,
    stage::{Stage, snapshot},
};

/// Rows of one script.
const MOST: usize = 12;

/// See the module. Whatever a row holds, it is told apart from those behind it: the cursor goes on, and a text in it has its author.
pub(crate) fn run(bytes: &[u8]) {
    prepared::with(|prepared| {
        let mut script = Reader::new(bytes);
        let mut stage = prepared.stage.fork();
        let disk = stage.browsers[BOB].disk.as_ref().expect("a browser with a store");
        let mut bob = Insider::of(snapshot(disk), prepared.pair).expect("bob is in the pair");
        stage.open(ALICE);
        stage.settle(64);
        let mut n = 1_000;
        for _ in 0..MOST {
            let Some(kind) = script.more() else { break };
            n += 1;
            let Some(row) = row(&mut stage, prepared, &mut bob, (kind, n), &mut script) else { continue };
            deliver(&mut stage, prepared, row, &mut script);
        }
        stage.wait(5_000);
        stage.settle(64);
        stage.open(ALICE);
        if let Some(client) = stage.browsers[ALICE].client.as_mut() {
            client.show_all();
        }
    });
}

fn cursor(stage: &Stage, prepared: &Prepared) -> Option<u64> {
    let cursors = stage.browsers[ALICE].client.as_ref()?.cursors();
    cursors.into_iter().find(|(id, ..)| *id == prepared.pair).map(|(_, cursor, _)| cursor)
}

/// What he seals, in a row as the server would tell of it, mostly.
fn row(
    stage: &mut Stage,
    prepared: &Prepared,
    bob: &mut Insider,
    (kind, n): (u8, u64),
    script: &mut Reader<'_>,
) -> Option<Row> {
    let known = &prepared.names.messages;
    let known = |script: &mut Reader<'_>| known[script.below(known.len())];
    let id = if kind & 1 == 0 { MessageId(stage.array()) } else { known(script) };
    let mut content = codec::encode(&Content { parents: vec![known(script)], ..Content::text(id, &format!("a text {n}")) });
    match kind >> 1 & 7 {
        0 | 1 => {}
        2 => content = codec::encode(&strange(id, script)),
        3 | 4 => splice::change(script, &mut content, &codec::encode(&strange(id, &mut Reader::new(&[kind, 240, 3])))),
        5 => content = script.bytes().to_vec(),
        6 => content = [&content[..], script.bytes()].concat(),
        _ => content.truncate(script.below(content.len())),
    }
    let mut data = bob.data(id, n, &content);
    let mut envelope = Insider::envelope(&content);
    match kind >> 4 & 7 {
        0..=3 => {}
        4 => splice::change(script, &mut envelope, &content),
        5 => envelope = script.bytes().to_vec(),
        6 => (data.n, data.message) = (script.number(), known(script)),
        _ => data.commitment = [script.byte(); 32],
    }
    let mut authenticated = data.encode();
    if kind & 0x80 != 0 {
        splice::change(script, &mut authenticated, &content);
    }
    // What he says is his, however it is wrapped; a screen may show it under his name only.
    if let Ok(Content { text: Some(text), .. }) = minicbor::decode::<Content>(&content) {
        stage.tell(bob.account, text);
    }
    let epoch = bob.epoch();
    let sealed = bob.seal_raw(authenticated, &envelope)?;
    let number = cursor(stage, prepared)? + 1;
    Some(Row {
        number,
        kind: RowKind::Message,
        generation: 0,
        epoch,
        device: bob.device,
        account: bob.account,
        message: id,
        at: stage.now,
        signature: None,
        body: Some(sealed.into()),
        authenticated: None,
        erased: None,
        big: None,
        frank: None,
    })
}

/// A content of a kind, with claims and times that nobody makes.
fn strange(id: MessageId, script: &mut Reader<'_>) -> Content {
    Content {
        statement: script.number(),
        statement_hash: Bytes(script.bytes().to_vec()),
        parents: (0..script.below(40)).map(|at| MessageId([u8::try_from(at).unwrap_or(0); 16])).collect(),
        sent_at: Millis(script.number()),
        root: script.coin().then(|| Bytes(script.bytes().to_vec())),
        kind: u16::from(script.byte() % 3),
        text: script.coin().then(|| String::from_utf8_lossy(script.bytes()).into_owned()),
        ..Content::text(id, "")
    }
}

/// The server hands it over; it may say something else about it, too.
fn deliver(stage: &mut Stage, prepared: &Prepared, mut row: Row, script: &mut Reader<'_>) {
    let devices: &[(AccountId, DeviceId)] = &prepared.names.devices;
    match script.byte() % 16 {
        0 => (row.account, row.device) = devices[script.below(devices.len())],
        1 => row.message = prepared.names.messages[script.below(prepared.names.messages.len())],
        // Numbers beyond every log make a frame nobody's: that is the business of `client-core`.
        2 => row.epoch = u64::from(script.byte()),
        3 => row.at = Millis(u64::from(script.byte()) << 32),
        4 => row.body = None,
        5 => row.authenticated = Some(Bytes(script.bytes().to_vec())),
        _ => {}
    }
    let number = row.number;
    let entries = Entries { conversation: prepared.pair, rows: vec![row], head: number, floor: 0, request: 0 };
    let frame = ServerFrame::Entries(entries).encode();
    stage.input(ALICE, Input::Socket(SocketEvent::Frame(frame)));
    assert_eq!(cursor(stage, prepared), Some(number), "a row of a member stops those behind it");
    if script.coin() {
        stage.settle(8);
    }
}

/// Each way of wrapping with each way of lying about it.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    (0..=255).step_by(5).map(|kind| vec![kind, 3, 2, 9, 1, 240, 65, 7, 0, kind, 1, 4, 9, kind / 2, 0, 2, 6, 1, 1]).collect()
}
