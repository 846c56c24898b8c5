//! The store against a model that is a few maps, and its figures at a hundred thousand messages.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{collections::BTreeMap, time::Instant};

use client_core::{
    Batch, MessageRow, Row, Space,
    view::{Message, MessageKind, MessageState, Person, SystemLine},
};
use client_store::{Store, StoreError};
use proptest::prelude::*;
use rusqlite::Connection;
use shared::{AccountId, ConversationId, DeviceId, MessageId, Millis};

fn store() -> Store {
    Store::open(Connection::open_in_memory().unwrap()).unwrap()
}

fn row(conversation: u8, id: u8, order: u64) -> MessageRow {
    MessageRow {
        message: Message {
            id: MessageId([id; 16]),
            conversation: ConversationId([conversation; 16]),
            order,
            author: Person::new(AccountId([id % 3; 16]), "Ann"),
            own: true,
            kind: MessageKind::Text,
            text: format!("text {id}"),
            system: None,
            at: Millis(7),
            state: MessageState::Stored,
        },
        number: Some(order),
        device: DeviceId([4; 16]),
        content: vec![1, 2],
        opener: vec![3; 32],
    }
}

/// What the store should hold.
#[derive(Default)]
struct Model {
    state: BTreeMap<(Space, Vec<u8>), Vec<u8>>,
    messages: BTreeMap<(ConversationId, MessageId), MessageRow>,
}

impl Model {
    fn apply(&mut self, batch: &Batch) -> Vec<Message> {
        for row in &batch.rows {
            let key = (row.space, row.key.clone());
            match &row.value {
                Some(value) => drop(self.state.insert(key, value.clone())),
                None => drop(self.state.remove(&key)),
            }
        }
        let mut corrected = Vec::new();
        for row in &batch.messages {
            let place = (row.message.conversation, row.message.id);
            let stands = self.messages.get(&place).filter(|stands| {
                let system = |row: &MessageRow| row.message.kind == MessageKind::System;
                stands.message.author.id != row.message.author.id
                    || system(stands) != system(row)
                    || (stands.number.is_some() && stands.number != row.number && !stands.message.own)
            });
            match stands {
                Some(stands) => corrected.push(stands.message.clone()),
                None => drop(self.messages.insert(place, row.clone())),
            }
        }
        let gone = |messages: &mut BTreeMap<_, _>| batch.gone.iter().for_each(|place| drop(messages.remove(place)));
        gone(&mut self.messages);
        for &(from, to) in batch.moved.iter().filter(|(from, to)| from != to) {
            let moving: Vec<_> = self.messages.keys().filter(|(conversation, _)| *conversation == from).copied().collect();
            for place in moving {
                let mut row = self.messages.remove(&place).unwrap();
                row.message.conversation = to;
                self.messages.entry((to, place.1)).or_insert(row);
            }
        }
        if !batch.moved.is_empty() {
            gone(&mut self.messages);
        }
        let mut changed = Vec::new();
        for &(conversation, number) in &batch.delivered {
            for row in self.messages.values_mut().filter(|row| row.message.conversation == conversation && row.message.own) {
                if row.message.state == MessageState::Stored && row.number.is_some_and(|its| its <= number) {
                    row.message.state = MessageState::Delivered;
                    changed.push(row.message.clone());
                }
            }
        }
        changed.sort_by_key(|message| (message.conversation, message.order));
        corrected.extend(changed);
        corrected
    }

    fn messages(&self, conversation: ConversationId) -> Vec<Message> {
        let mut all: Vec<_> = self
            .messages
            .values()
            .filter(|row| row.message.conversation == conversation)
            .map(|row| row.message.clone())
            .collect();
        all.sort_by_key(|message| message.order);
        all
    }
}

/// Rows have no Debug, for they hold secrets; a failing case shows only how many there were.
#[derive(Clone)]
struct Made<T>(T);

impl std::fmt::Debug for Made<Row> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?} {:?}", self.0.space, self.0.key, self.0.value)
    }
}
impl std::fmt::Debug for Made<MessageRow> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.0.message, self.0.number)
    }
}
impl std::fmt::Debug for Made<Batch> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rows: Vec<_> = self.0.rows.iter().cloned().map(Made).collect();
        let messages: Vec<_> = self.0.messages.iter().cloned().map(Made).collect();
        write!(f, "{rows:?} {messages:?} gone {:?} delivered {:?} moved {:?}", self.0.gone, self.0.delivered, self.0.moved)
    }
}

fn space() -> impl Strategy<Value = Space> {
    (0_u8..5).prop_map(|byte| Space::from_byte(byte).unwrap())
}

fn state_row() -> impl Strategy<Value = Made<Row>> {
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..9));
    (space(), prop::collection::vec(0_u8..4, 0..3), value).prop_map(|(space, key, value)| Made(Row { space, key, value }))
}

fn line() -> impl Strategy<Value = Option<SystemLine>> {
    prop_oneof![
        Just(None),
        Just(Some(SystemLine::Started)),
        Just(Some(SystemLine::JoinedLate)),
        ".{0,8}".prop_map(|name| Some(SystemLine::DeviceAdded { name })),
        ".{0,8}".prop_map(|name| Some(SystemLine::DeviceRemoved { name })),
        ".{0,8}".prop_map(|name| Some(SystemLine::KeyChanged { name })),
        ".{0,8}".prop_map(|name| Some(SystemLine::Reset { name })),
        (0_u64..1 << 40).prop_map(|count| Some(SystemLine::Hole { count })),
    ]
}

/// Order follows from conversation and id, so that it is unique as the screens' contract says; moving keeps it so.
fn message_row() -> impl Strategy<Value = Made<MessageRow>> {
    let state = prop::sample::select(vec![
        MessageState::Sending,
        MessageState::Stored,
        MessageState::Delivered,
        MessageState::Read,
        MessageState::Failed,
    ]);
    let kind = prop::sample::select(vec![MessageKind::Text, MessageKind::System, MessageKind::Newer]);
    let number = prop::option::of(0_u64..20);
    (0_u8..3, 0_u8..12, any::<bool>(), state, kind, ".{0,12}", line(), number).prop_map(
        |(conversation, id, own, state, kind, text, system, number)| {
            let mut row = row(conversation, id, u64::from(id) * 1_000 + u64::from(conversation));
            row.message.own = own;
            row.message.author = Person::new(AccountId([u8::from(own); 16]), "Ann");
            row.message.state = state;
            row.message.kind = kind;
            row.message.text = text;
            row.message.system = system;
            row.number = number;
            Made(row)
        },
    )
}

fn batch() -> impl Strategy<Value = Made<Batch>> {
    let id = |byte: u8| ConversationId([byte; 16]);
    let gone = (0_u8..3, 0_u8..12).prop_map(move |(conversation, message)| (id(conversation), MessageId([message; 16])));
    let delivered = (0_u8..3, 0_u64..20).prop_map(move |(conversation, number)| (id(conversation), number));
    let moved = (0_u8..3, 0_u8..3).prop_map(move |(from, to)| (id(from), id(to)));
    (
        prop::collection::vec(state_row(), 0..5),
        prop::collection::vec(message_row(), 0..6),
        prop::collection::vec(gone, 0..2),
        prop::collection::vec(delivered, 0..2),
        prop::collection::vec(moved, 0..2),
    )
        .prop_map(|(rows, messages, gone, delivered, moved)| {
            let rows = rows.into_iter().map(|Made(row)| row).collect();
            let messages = messages.into_iter().map(|Made(row)| row).collect();
            Made(Batch { rows, messages, gone, delivered, moved })
        })
}

fn state_of(store: &Store) -> BTreeMap<(Space, Vec<u8>), Vec<u8>> {
    store.load().unwrap().rows.into_iter().map(|row| ((row.space, row.key), row.value.unwrap())).collect()
}

fn agree(store: &Store, model: &Model) {
    assert_eq!(state_of(store), model.state);
    for byte in 0..3 {
        let conversation = ConversationId([byte; 16]);
        let page = store.messages(conversation, None, 100).unwrap();
        assert!(!page.more);
        assert_eq!(page.messages, model.messages(conversation));
        for id in 0..12 {
            let id = MessageId([id; 16]);
            let wanted = model.messages.get(&(conversation, id)).map(|row| row.message.clone());
            assert_eq!(store.has_message(conversation, id).unwrap(), wanted.is_some());
            assert_eq!(store.message(conversation, id).unwrap(), wanted);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_do_what_the_model_does(batches in prop::collection::vec(batch(), 1..8)) {
        let (mut store, mut model) = (store(), Model::default());
        for Made(batch) in &batches {
            for &(conversation, number) in batch.delivered.iter().take(usize::from(batch.messages.is_empty())) {
                let rows = store.newly_delivered(conversation, number).unwrap();
                assert!(rows.iter().all(|row| row.own && row.state == MessageState::Stored));
            }
            prop_assert_eq!(store.apply(batch).unwrap(), model.apply(batch));
            agree(&store, &model);
        }
        let mut copy = self::store();
        for batch in store.export().unwrap() {
            copy.apply(&batch).unwrap();
        }
        agree(&copy, &model);
    }
}

#[test]
fn a_batch_is_written_whole_or_not_at_all() {
    let mut store = store();
    let kept = Row { space: Space::Meta, key: b"k".to_vec(), value: Some(b"old".to_vec()) };
    store.apply(&Batch { rows: vec![kept], ..Batch::default() }).unwrap();
    let mut too_large = row(1, 1, 1);
    too_large.message.order = u64::MAX;
    let batch = Batch {
        rows: vec![Row { space: Space::Meta, key: b"k".to_vec(), value: Some(b"new".to_vec()) }],
        messages: vec![row(1, 2, 2), too_large],
        ..Batch::default()
    };
    assert!(matches!(store.apply(&batch), Err(StoreError::TooLarge)));
    assert_eq!(state_of(&store).into_values().collect::<Vec<_>>(), [b"old".to_vec()]);
    assert!(store.messages(ConversationId([1; 16]), None, 10).unwrap().messages.is_empty());
    assert_eq!(store.apply(&Batch { messages: vec![row(1, 2, 2)], ..Batch::default() }).unwrap(), []);
}

#[test]
fn pages_go_backwards_without_gaps() {
    let mut store = store();
    let messages = (0..25).map(|id| row(1, id, u64::from(id) * 1_000)).collect();
    store.apply(&Batch { messages, ..Batch::default() }).unwrap();
    let conversation = ConversationId([1; 16]);
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = store.messages(conversation, before, 10).unwrap();
        before = page.messages.first().map(|message| message.order);
        seen.splice(0..0, page.messages.iter().map(|message| message.order));
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (0..25).map(|id| id * 1_000).collect::<Vec<_>>());
    assert!(!store.messages(conversation, None, 25).unwrap().more);
    assert!(store.messages(conversation, None, 24).unwrap().more);
}

#[test]
fn an_own_message_is_found_wherever_it_moved() {
    let mut store = store();
    let (first, second) = (ConversationId([1; 16]), ConversationId([2; 16]));
    let mut theirs = row(1, 9, 9);
    theirs.message.own = false;
    store.apply(&Batch { messages: vec![row(1, 1, 1), theirs], ..Batch::default() }).unwrap();
    store.apply(&Batch { moved: vec![(first, second)], ..Batch::default() }).unwrap();
    assert!(!store.has_message(first, MessageId([1; 16])).unwrap());
    assert!(store.has_message(second, MessageId([1; 16])).unwrap());
    assert!(store.has_own(MessageId([1; 16])).unwrap());
    assert!(!store.has_own(MessageId([9; 16])).unwrap());
}

#[test]
fn a_store_of_a_later_version_is_refused_and_left_alone() {
    let folder = std::env::temp_dir().join(format!("sotto-store-{}", std::process::id()));
    let _: Result<(), _> = std::fs::remove_file(&folder);
    store_at(&folder).close().unwrap();
    let connection = Connection::open(&folder).unwrap();
    connection.pragma_update(None, "user_version", 1_000).unwrap();
    connection.close().unwrap();
    let refused = Store::open(Connection::open(&folder).unwrap()).err().unwrap();
    assert!(matches!(refused, StoreError::Newer { found: 1_000, .. }), "{refused}");
    let connection = Connection::open(&folder).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    let mut store = Store::open(connection).unwrap();
    store.apply(&Batch { messages: vec![row(1, 1, 1)], ..Batch::default() }).unwrap();
    store.close().unwrap();
    assert!(store_at(&folder).has_message(ConversationId([1; 16]), MessageId([1; 16])).unwrap());
    std::fs::remove_file(&folder).unwrap();
}

fn store_at(path: &std::path::Path) -> Store {
    Store::open(Connection::open(path).unwrap()).unwrap()
}

#[test]
fn what_is_deleted_is_overwritten() {
    let path = std::env::temp_dir().join(format!("sotto-erased-{}", std::process::id()));
    let _: Result<(), _> = std::fs::remove_file(&path);
    let mut store = store_at(&path);
    let mut secret = row(1, 1, 1);
    secret.message.text = "a canary nobody should find".to_owned();
    store.apply(&Batch { messages: vec![secret, row(1, 2, 2)], ..Batch::default() }).unwrap();
    store.apply(&Batch { gone: vec![(ConversationId([1; 16]), MessageId([1; 16]))], ..Batch::default() }).unwrap();
    store.close().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(8).any(|window| window == b"a canary"));
    assert!(bytes.windows(6).any(|window| window == b"text 2"));
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn the_newest_fifty_of_a_hundred_thousand_come_at_once() {
    let mut store = store();
    for chunk in 0..100_u64 {
        let messages = (0..1_000_u64)
            .map(|place| {
                let number = chunk * 1_000 + place;
                let mut row = row(u8::try_from(number % 10).unwrap(), 0, number * 1_000);
                row.message.id =
                    MessageId(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes());
                row.message.text = "x".repeat(300);
                row
            })
            .collect();
        store.apply(&Batch { messages, ..Batch::default() }).unwrap();
    }
    let conversation = ConversationId([3; 16]);
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        let page = store.messages(conversation, None, 50).unwrap();
        best = best.min(start.elapsed().as_secs_f64() * 1_000.0);
        assert_eq!(page.messages.len(), 50);
        assert_eq!(page.messages.last().unwrap().order, 99_993_000);
        assert!(page.more);
    }
    println!("newest 50 of 100,000: {best:.2} ms");
    assert!(best < 5.0, "{best} ms");
}
