//! What a browser reads from its own disk: state rows and messages that nobody of ours wrote that way. The page cipher lies
//! below; here its key is known and every plaintext can be there.

use client_core::{
    Batch, Client, Command, MessageRow,
    view::{Message, MessageKind, MessageState, Person, SystemLine},
};
use client_store::Store;
use rusqlite::{Connection, params, types::Value};
use shared::{AccountId, ConversationId, DeviceId, MessageId, Millis};
use sim::device::Cheap;

use crate::{
    prepared::{self, ALICE, BOB, Prepared, WAITING},
    reader::Reader,
    splice,
    stage::{Disk, Stage, snapshot},
};

/// See the module; the first byte says which rows.
pub(crate) fn run(bytes: &[u8]) {
    let mut script = Reader::new(bytes);
    match script.byte() % 8 {
        7 => messages(&mut script),
        which => prepared::with(|prepared| state(prepared, [ALICE, BOB, WAITING][usize::from(which % 3)], &mut script)),
    }
}

/// Spoils state rows. What opens must be of use or say that it is not: it goes on with an honest server.
fn state(prepared: &Prepared, at: usize, script: &mut Reader<'_>) {
    let disk = prepared.stage.browsers[at].disk.as_ref().expect("a browser with a store");
    let mut spoilt = disk.clone();
    let changes = 1 + script.below(4);
    for _ in 0..changes {
        spoil(&mut spoilt, disk, script);
    }
    if Client::<Cheap>::open([1; 32], snapshot(&spoilt), prepared.stage.now).is_err() {
        return;
    }
    let mut stage = prepared.stage.fork();
    stage.trusted = false;
    stage.browsers[at].disk = Some(spoilt);
    stage.open(at);
    stage.settle(100);
    go_on(&mut stage, at, prepared.pair, script);
    if let Some(client) = stage.browsers[at].client.as_mut() {
        client.show_all();
        let _: (String, usize) = (client.describe(), client.evidence().len() + client.cursors().len());
    }
}

fn go_on(stage: &mut Stage, at: usize, pair: ConversationId, script: &mut Reader<'_>) {
    for _ in 0..4 {
        let conversation = pair;
        match script.byte() % 8 {
            0 | 1 => stage.send(at, pair),
            2 => drop(stage.command(at, Command::AcceptChange { conversation })),
            3 => drop(stage.command(at, Command::SafetyNumber { conversation })),
            4 => drop(stage.command(at, Command::StartChat { username: "carol".to_owned() })),
            5 => stage.wait(1_000 * script.number().min(1 << 20)),
            6 => drop(stage.command(at, Command::Verify { conversation, verified: true })),
            _ => stage.open([ALICE, BOB, WAITING].into_iter().find(|other| *other != at).unwrap_or(at)),
        }
        stage.settle(60);
        stage.wait(2_000);
        stage.settle(60);
    }
}

fn spoil(spoilt: &mut Disk, disk: &Disk, script: &mut Reader<'_>) {
    // Most rows are openmls'; every space is met as often.
    let space = [0, 2, 3, 4, 5, 1, 1, 2][script.below(8)];
    let keys: Vec<_> = disk.keys().filter(|(of, _)| *of == space).collect();
    let all: Vec<_> = disk.values().collect();
    let other = all[script.below(all.len())].clone();
    let Some(key) = keys.get(script.below(keys.len())).copied() else {
        // Nothing lies there yet.
        spoilt.insert((space, script.bytes().to_vec()), other);
        return;
    };
    match script.byte() % 8 {
        0 => drop(spoilt.remove(key)),
        1 => drop(spoilt.insert(key.clone(), other)),
        2 => drop(spoilt.insert(key.clone(), script.bytes().to_vec())),
        3 => {
            let mut elsewhere = key.1.clone();
            splice::change(script, &mut elsewhere, &other);
            let value = spoilt.remove(key).unwrap_or_default();
            spoilt.insert((key.0, elsewhere), value);
        }
        _ => {
            if let Some(value) = spoilt.get_mut(key) {
                splice::change(script, value, &other);
            }
        }
    }
}

const COLUMNS: [&str; 17] = [
    "id",
    "conversation",
    "position",
    "author",
    "author_name",
    "own",
    "kind",
    "text",
    "line",
    "line_name",
    "line_count",
    "at",
    "state",
    "number",
    "device",
    "content",
    "opener",
];
const HERE: ConversationId = ConversationId([1; 16]);

/// Spoils columns of messages: they are read, or refused as damaged; what can be copied is the same in the copy.
fn messages(script: &mut Reader<'_>) {
    let name = "file:fuzz-rows?mode=memory&cache=shared";
    let open = || Connection::open(name).expect("a database in memory");
    let raw = open();
    let mut store = Store::open(open()).expect("a fresh store");
    store.apply(&Batch { messages: (1..=4).map(row).collect(), ..Batch::default() }).expect("rows of ours");
    while let Some(column) = script.more() {
        let column = COLUMNS[usize::from(column) % COLUMNS.len()];
        let value = match script.byte() % 4 {
            0 => Value::Integer(i64::from_ne_bytes(script.number().to_ne_bytes())),
            1 => Value::Blob(script.bytes().to_vec()),
            2 => Value::Text(String::from_utf8_lossy(script.bytes()).into_owned()),
            _ => Value::Null,
        };
        let place = 1 + script.byte() % 4;
        // The schema refuses some of it.
        let _: Result<usize, _> =
            raw.execute(&format!("UPDATE OR IGNORE message SET {column} = ?1 WHERE rowid = ?2"), params![value, place]);
    }
    let page = store.messages(HERE, None, 100);
    let _: [bool; 3] = [
        store.message(HERE, MessageId([1; 16])).is_ok(),
        store.has_own(MessageId([2; 16])).is_ok(),
        store.newly_delivered(HERE, script.number()).is_ok(),
    ];
    if let (Ok(page), Ok(batches)) = (page, store.export()) {
        let mut copy = Store::open(Connection::open_in_memory().expect("a database")).expect("a fresh store");
        batches.iter().for_each(|batch| drop(copy.apply(batch).expect("what was read can be written")));
        assert_eq!(copy.messages(HERE, None, 100).expect("what was written can be read"), page);
    }
}

fn row(number: u8) -> MessageRow {
    let system = (number == 3).then(|| SystemLine::DeviceAdded { name: "bob".to_owned() });
    let message = Message {
        id: MessageId([number; 16]),
        conversation: HERE,
        order: u64::from(number),
        author: Person::new(AccountId([number; 16]), "alice"),
        own: number == 1,
        kind: if system.is_some() { MessageKind::System } else { MessageKind::Text },
        text: "a text".to_owned(),
        system,
        at: Millis(1_000),
        state: MessageState::Stored,
    };
    MessageRow {
        message,
        number: Some(u64::from(number)),
        device: DeviceId([number; 16]),
        content: vec![1, 2, 3],
        opener: vec![4; 32],
    }
}

/// Each space, each way; each column, each type.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let states =
        (0..8).flat_map(|space| (0..8).map(move |way| vec![space % 3, 0, space, 1, space * 5, way, 2, 3, 1, 0, 2, 5, 9, 0]));
    let columns = (0..17).map(|column| vec![7, column, column % 4, 3, 65, 66, 67, 2, column, 0, 9, 1]);
    states.chain(columns).collect()
}
