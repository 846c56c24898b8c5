//! The store in every home a browser gives, and what a thief of its files finds.

use client_core::{
    Batch, MessageRow, Row, Space, StoreKey,
    view::{Message, MessageKind, MessageState, Person},
};
use client_wasm::{
    Host,
    store::{Home, Local, wipe},
};
use js_sys::{Array, Promise, Uint8Array};
use shared::{AccountId, ConversationId, DeviceId, MessageId, Millis};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

use crate::{hex, now};

const CANARY: &str = "a canary that sings in no file";

/// As much of the worker as the store calls; the log is a list, unsealed.
fn host() -> Host {
    let text = "(() => { let log = []; return {
        sleep: ms => new Promise(resolve => setTimeout(resolve, ms)),
        logOpen: async () => log,
        logAppend: async batch => { log.push(batch); },
        logReplace: async batches => { log = batches; },
        logClear: async () => { log = []; },
    }; })()";
    js_sys::eval(text).unwrap().unchecked_into()
}

fn message(number: u64) -> MessageRow {
    MessageRow {
        message: Message {
            id: MessageId(u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes()),
            conversation: ConversationId([1; 16]),
            order: number * 1_000,
            author: Person::new(AccountId([2; 16]), "Ann"),
            own: number.is_multiple_of(2),
            kind: MessageKind::Text,
            text: format!("{CANARY} {number} {}", "x".repeat(250)),
            system: None,
            at: Millis(5),
            state: MessageState::Stored,
        },
        number: Some(number),
        device: DeviceId([3; 16]),
        content: CANARY.as_bytes().to_vec(),
        opener: vec![7; 32],
    }
}

fn first() -> Batch {
    let row = Row { space: Space::Meta, key: b"me".to_vec(), value: Some(CANARY.as_bytes().to_vec()) };
    Batch { rows: vec![row], messages: vec![message(0)], ..Batch::default() }
}

fn state(local: &Local) -> Vec<(Vec<u8>, Vec<u8>)> {
    local.load().unwrap().rows.into_iter().map(|row| (row.key, row.value.unwrap())).collect()
}

/// Name and bytes of every file of a folder of the private file system.
async fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let text = format!(
        "(async () => {{
            const root = await navigator.storage.getDirectory();
            const all = [];
            const walk = async (folder, path) => {{
                for await (const [name, entry] of folder.entries()) {{
                    if (entry.kind === 'directory') await walk(entry, path + name + '/');
                    else all.push([path + name, new Uint8Array(await (await entry.getFile()).arrayBuffer())]);
                }}
            }};
            await walk(await root.getDirectoryHandle('{folder}'), '');
            return all;
        }})()"
    );
    let all: Array = JsFuture::from(js_sys::eval(&text).unwrap().unchecked_into::<Promise>()).await.unwrap().unchecked_into();
    let pair = |pair: JsValue| {
        let pair: Array = pair.unchecked_into();
        (pair.get(0).as_string().unwrap(), pair.get(1).unchecked_into::<Uint8Array>().to_vec())
    };
    all.to_vec().into_iter().map(pair).collect()
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[wasm_bindgen_test]
async fn a_store_on_disk_comes_back_with_its_key_alone() {
    let (host, name, key) = (host(), "test-disk", StoreKey([0xab; 32]));
    let start = now();
    let mut local = Local::fresh(Home::Disk, &host, name, &key, &first()).await.unwrap();
    console_log!("time: making a store {:.1} ms", now() - start);
    let mut each = Vec::new();
    for number in 1..=100 {
        let start = now();
        local.apply(&host, &Batch { messages: vec![message(number)], ..Batch::default() }).await.unwrap();
        each.push(now() - start);
    }
    each.sort_by(f64::total_cmp);
    let place = |at: usize| each.get(at).copied().unwrap_or_default();
    console_log!("time: a durable batch {:.1} ms at the median, {:.1} ms at p99", place(50), place(98));
    local.close().unwrap();

    assert!(Local::open(Home::Disk, &host, name, &StoreKey([0xac; 32])).await.is_err(), "another key must not open it");
    let start = now();
    let local = Local::open(Home::Disk, &host, name, &key).await.unwrap();
    console_log!("time: opening it {:.1} ms", now() - start);
    assert_eq!(state(&local), [(b"me".to_vec(), CANARY.as_bytes().to_vec())]);
    let page = local.store().messages(ConversationId([1; 16]), None, 50).unwrap();
    assert_eq!((page.messages.len(), page.more), (50, true));
    local.close().unwrap();

    let found = files(name).await;
    let size: usize = found.iter().map(|(_, bytes)| bytes.len()).sum();
    console_log!("bytes: {} files, {size} with 101 messages", found.len());
    assert!(size > 8_192, "there must be something to search");
    for (path, bytes) in &found {
        for wanted in [CANARY.as_bytes(), b"SQLite format 3", b"CREATE TABLE", &key.0[..], hex(&key.0).as_bytes()] {
            assert!(!contains(bytes, wanted), "{path} holds {:?}", String::from_utf8_lossy(wanted));
        }
    }

    wipe(Home::Disk, &host, name).await.unwrap();
    assert!(Local::open(Home::Disk, &host, name, &key).await.is_err(), "it is gone");
    let left: usize = files(name).await.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(left <= 3 * 4_096, "{left} bytes are left");
}

#[wasm_bindgen_test]
async fn a_fresh_store_drops_the_one_before() {
    let (host, name) = (host(), "test-fresh");
    let local = Local::fresh(Home::Disk, &host, name, &StoreKey([1; 32]), &first()).await.unwrap();
    local.close().unwrap();
    let local = Local::fresh(Home::Disk, &host, name, &StoreKey([2; 32]), &Batch::default()).await.unwrap();
    assert!(state(&local).is_empty());
    local.close().unwrap();
    assert!(Local::open(Home::Disk, &host, name, &StoreKey([1; 32])).await.is_err());
    Local::open(Home::Disk, &host, name, &StoreKey([2; 32])).await.unwrap().close().unwrap();
    wipe(Home::Disk, &host, name).await.unwrap();
}

#[wasm_bindgen_test]
async fn a_failed_batch_leaves_the_store_as_it_was() {
    let (host, name, key) = (host(), "test-failed", StoreKey([3; 32]));
    let mut local = Local::fresh(Home::Disk, &host, name, &key, &first()).await.unwrap();
    let mut bad = message(7);
    bad.message.order = u64::MAX;
    let changed = Row { space: Space::Meta, key: b"me".to_vec(), value: None };
    let batch = Batch { rows: vec![changed], messages: vec![message(6), bad], ..Batch::default() };
    assert!(local.apply(&host, &batch).await.is_err());
    local.close().unwrap();
    let local = Local::open(Home::Disk, &host, name, &key).await.unwrap();
    assert_eq!(state(&local).len(), 1);
    assert!(!local.store().has_message(ConversationId([1; 16]), message(6).message.id).unwrap());
    local.close().unwrap();
    wipe(Home::Disk, &host, name).await.unwrap();
}

#[wasm_bindgen_test]
async fn a_log_is_replayed_and_made_short() {
    let (host, name, key) = (host(), "test-log", StoreKey([4; 32]));
    assert!(Local::open(Home::Log, &host, name, &key).await.is_err(), "there is none");
    let mut local = Local::fresh(Home::Log, &host, name, &key, &first()).await.unwrap();
    for number in 1..=1_200 {
        local.apply(&host, &Batch { messages: vec![message(number)], ..Batch::default() }).await.unwrap();
    }
    local.apply(&host, &Batch { delivered: vec![(ConversationId([1; 16]), 10)], ..Batch::default() }).await.unwrap();
    local.close().unwrap();
    for kind in ["long", "short"] {
        let start = now();
        let local = Local::open(Home::Log, &host, name, &key).await.unwrap();
        console_log!("time: replaying a {kind} log of 1,201 messages {:.1} ms", now() - start);
        assert_eq!(state(&local).len(), 1);
        let page = local.store().messages(ConversationId([1; 16]), Some(11_000), 50).unwrap();
        assert_eq!(page.messages.len(), 11);
        for message in page.messages {
            assert_eq!(message.state, if message.own { MessageState::Delivered } else { MessageState::Stored });
        }
        local.close().unwrap();
    }
    wipe(Home::Log, &host, name).await.unwrap();
    assert!(Local::open(Home::Log, &host, name, &key).await.is_err());
}

#[wasm_bindgen_test]
async fn memory_alone_is_said_to_be_gone() {
    let (host, key) = (host(), StoreKey([5; 32]));
    let local = Local::fresh(Home::Memory, &host, "test-memory", &key, &first()).await.unwrap();
    assert_eq!(state(&local).len(), 1);
    local.close().unwrap();
    assert!(Local::open(Home::Memory, &host, "test-memory", &key).await.is_err());
}
