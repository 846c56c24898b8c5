//! attacks.md §7, row 101: the generic sweep. Every column of every table the server has is changed in every way; then
//! everybody goes on, and the oracle looks.

use std::collections::BTreeMap;

use client_core::view::SessionState;
use rusqlite::{params_from_iter, types::Value};
use shared::ConversationId;

use crate::{
    database::Database,
    oracle::judge,
    stage::Stage,
    verdicts::{VERDICTS, Verdict},
};

/// What is done to a column, or to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutation {
    Null,
    Flip,
    Swap,
    Previous,
    Other,
    Delete,
    Duplicate,
}

const OF_COLUMNS: [Mutation; 5] = [Mutation::Null, Mutation::Flip, Mutation::Swap, Mutation::Previous, Mutation::Other];
const OF_ROWS: [Mutation; 2] = [Mutation::Delete, Mutation::Duplicate];

/// All of them with `SOTTO_SWEEP` set; else a flipped bit for bytes, and for the rest one mutation in turn.
fn mutations(at: usize, kind: &str) -> Vec<Mutation> {
    let turn = [Mutation::Previous, Mutation::Other, Mutation::Null, Mutation::Swap];
    let of_columns = match (std::env::var_os("SOTTO_SWEEP"), kind) {
        (Some(_), _) => OF_COLUMNS.to_vec(),
        (None, "BLOB") => vec![Mutation::Flip],
        (None, _) => vec![turn[at % turn.len()]],
    };
    of_columns.into_iter().chain(OF_ROWS.into_iter().filter(|_| at == 0)).collect()
}

fn flipped(value: &Value) -> Value {
    match value {
        Value::Integer(int) => Value::Integer(int ^ 1),
        Value::Blob(bytes) if !bytes.is_empty() => {
            let mut bytes = bytes.clone();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            Value::Blob(bytes)
        }
        Value::Text(text) => Value::Text(format!("{}x", &text[..text.len().saturating_sub(1)])),
        other => other.clone(),
    }
}

fn empty(kind: &str) -> Value {
    match kind {
        "INTEGER" => Value::Integer(0),
        "TEXT" => Value::Text(String::new()),
        _ => Value::Blob(vec![]),
    }
}

/// Does it to the rows at the ends of the table. What a rule of the schema refuses is left as it was.
fn mutate(database: &Database, table: &str, column: usize, mutation: Mutation) {
    let columns = database.columns(table);
    let rows = database.rows(table);
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return };
    let before = &rows[rows.len().saturating_sub(2)];
    let all = columns.iter().zip(1..).map(|((name, _), at)| format!("{name} IS ?{at}"));
    let place = all.collect::<Vec<_>>().join(" AND ");
    let set = |row: &[Value], value: Value| {
        let (name, _) = &columns[column];
        let statement = format!("UPDATE OR IGNORE {table} SET {name} = ?{} WHERE {place}", columns.len() + 1);
        database.sql.execute(&statement, params_from_iter(row.iter().cloned().chain([value]))).is_ok_and(|changed| changed > 0)
    };
    match mutation {
        Mutation::Null => {
            for row in [first, last] {
                if !set(row, Value::Null) {
                    set(row, empty(&columns[column].1));
                }
            }
        }
        Mutation::Flip => {
            set(last, flipped(&last[column]));
            set(first, flipped(&first[column]));
        }
        Mutation::Swap => {
            // By way of a third value, for what must be unique.
            let (one, other) = (first[column].clone(), last[column].clone());
            let mut between = first.clone();
            between[column] = flipped(&flipped_twice(&one));
            if one != other && set(first, between[column].clone()) {
                set(last, one);
                set(&between, other);
            }
        }
        Mutation::Previous => {
            let older = match &last[column] {
                Value::Integer(int) => Value::Integer(int - 1),
                _ => before[column].clone(),
            };
            set(last, older);
        }
        Mutation::Other => {
            set(last, first[column].clone());
        }
        Mutation::Delete => {
            database
                .sql
                .execute(&format!("DELETE FROM {table} WHERE {place}"), params_from_iter(last.iter().cloned()))
                .unwrap();
        }
        Mutation::Duplicate => {
            let marks = (1..=columns.len()).map(|at| format!("?{at}")).collect::<Vec<_>>().join(", ");
            let insert = format!("INSERT OR IGNORE INTO {table} VALUES ({marks})");
            // Under a key that differs in one column: each of them in turn.
            for at in 0..columns.len() {
                let mut copy = last.clone();
                copy[at] = match &copy[at] {
                    Value::Integer(int) => Value::Integer(int + 1),
                    other => flipped(other),
                };
                if database.sql.execute(&insert, params_from_iter(copy)).is_ok_and(|added| added > 0) {
                    break;
                }
            }
        }
    }
}

fn flipped_twice(value: &Value) -> Value {
    match value {
        Value::Integer(int) => Value::Integer(int + 1_000_000),
        Value::Blob(bytes) => Value::Blob(bytes.iter().map(|byte| byte ^ 0x5a).collect()),
        Value::Text(text) => Value::Text(format!("{text}y")),
        other => other.clone(),
    }
}

/// Three people. Bob is away: rows, a Welcome and notices wait for him.
struct Template {
    stage: Stage,
    pair: ConversationId,
}

const ALICE: usize = 0;
const BOB: usize = 1;
const CAROL: usize = 2;

fn template() -> Template {
    let (mut stage, alice, bob, pair) = Stage::pair();
    let carol = stage.register("carol");
    assert_eq!((alice, bob, carol), (ALICE, BOB, CAROL));
    stage.ask(alice, client_core::Command::Verify { conversation: pair, verified: true }).unwrap();
    stage.wait(10);
    stage.cut(bob, true);
    stage.send(alice, pair, "for when you are back");
    let other = stage.chat(carol, "bob").unwrap();
    stage.wait(5);
    stage.send(carol, other, "hello bob, this is carol");
    stage.wait(10);
    // An attempt to log in stays open.
    let start = shared::http::LoginStart { username: "alice".to_owned(), request: opaque_request() };
    let body = serde_json::to_vec(&start).unwrap();
    stage.raw(carol, client_core::Method::Post, "/auth/login/start", Some((shared::http::JSON, body)));
    stage.browsers[bob].offline = false;
    // As if an older copy had been put back once.
    let restored = "INSERT INTO restored SELECT randomblob(16), conv_id, head_seq FROM conv";
    stage.database.sql.execute(restored, []).unwrap();
    Template { stage, pair }
}

/// Any point of the group will do.
fn opaque_request() -> shared::Bytes {
    let mut client = client_core::Client::<sim::device::Cheap>::new([3; 32]);
    let login = client_core::Command::Login { username: "alice".to_owned(), password: "x".to_owned(), stay: false };
    client.handle(shared::Millis(0), client_core::Input::Command { id: 1, command: login });
    while let Some(output) = client.poll() {
        if let client_core::Output::Http(request) = output {
            let start: shared::http::LoginStart = serde_json::from_slice(&request.body.unwrap().1).unwrap();
            return start.request;
        }
    }
    panic!("no request");
}

/// Everybody goes on after the change: what came of it.
fn outcome(template: &Template, table: &str, column: usize, mutation: Mutation, name: &str) -> Verdict {
    let mut stage = template.stage.fork_with(|database| mutate(database, table, column, mutation));
    stage.wait(40);
    let mut denied = false;
    let rows = stage.told.len();
    for (from, text) in [(ALICE, "and now?"), (BOB, "now I am back")] {
        stage.send(from, template.pair, text);
        stage.wait(5);
    }
    // A look-up by name, and a new browser where log-ins are concerned.
    match stage.try_ask(CAROL, client_core::Command::StartChat { username: "alice".to_owned() }) {
        Some(Ok(client_core::Answer::Conversation(conversation))) => {
            let views = stage.client(CAROL).conversations();
            let with = views.into_iter().find(|view| view.id == conversation).map(|view| view.with.id);
            assert!(with.is_none_or(|with| with == stage.account(ALICE)), "{name}: alice is somebody else");
        }
        _ => denied = true,
    }
    if matches!(table, "account" | "statement" | "wrap") {
        let (at, entered) = stage.try_login("alice");
        if entered.is_ok() && stage.client(at).state().session == SessionState::Live {
            assert_eq!(stage.account(at), stage.account(ALICE), "{name}: let in as somebody else");
        } else {
            denied = true;
            stage.close(at);
        }
    }
    stage.wait(60);
    let judged = judge(&stage, &[ALICE, BOB, CAROL]);
    assert!(judged.broken.is_empty(), "{name}: {judged:#?}");
    for told in &stage.told[rows..] {
        let reader = if told.browser == ALICE { BOB } else { ALICE };
        denied |= !stage.messages(reader, template.pair).iter().any(|message| message.id == told.message);
    }
    denied |= !judged.late.is_empty();
    match (judged.alarms.is_empty(), denied) {
        (false, _) => Verdict::Alarm,
        (true, true) => Verdict::Denied,
        (true, false) => Verdict::Unseen,
    }
}

/// Sweeps these tables; the whole rows count for the table's first column.
fn sweep(tables: &[&str]) {
    let template = template();
    let mut worst: BTreeMap<(String, String), (Verdict, Mutation)> = BTreeMap::new();
    for table in tables {
        assert!(!template.stage.database.rows(table).is_empty(), "{table} is empty: nothing would be tried");
        for (at, (column, kind)) in template.stage.database.columns(table).into_iter().enumerate() {
            for mutation in mutations(at, &kind) {
                let name = format!("{table}.{column} {mutation:?}");
                // Shown when this one fails.
                println!("{name}");
                let found = outcome(&template, table, at, mutation, &name);
                let seen = worst.entry(((*table).to_owned(), column.clone())).or_insert((found, mutation));
                if found > seen.0 {
                    *seen = (found, mutation);
                }
            }
        }
    }
    let mut wrong = vec![];
    for ((table, column), (found, mutation)) in &worst {
        let verdict = VERDICTS.iter().find(|(t, c, _)| t == table && c == column).map(|(_, _, verdict)| *verdict);
        if verdict.is_none_or(|verdict| *found > verdict) {
            wrong.push(format!("(\"{table}\", \"{column}\", {found:?}), // {mutation:?}, verdict {verdict:?}"));
        }
    }
    assert!(wrong.is_empty(), "worse than the verdict:\n{}", wrong.join("\n"));
}

const ACCOUNTS: &[&str] = &["account", "statement"];
const SECRETS: &[&str] = &["wrap", "login_attempt", "settings_item", "session", "store_meta", "limit_strict", "migration"];
const DEVICES: &[&str] = &["device", "device_head", "device_inbox", "device_cursor", "key_package", "key_package_claim"];
const CONVERSATIONS: &[&str] = &["conv", "conv_pair", "conv_group", "conv_info", "restored"];
const MEMBERS: &[&str] = &["conv_leaf", "conv_device", "conv_member", "conv_msg"];

/// Every column has a verdict, every verdict a column, every table a sweep.
#[test]
fn attack_101_every_column_has_a_verdict() {
    let (database, store) = Database::new();
    let columns: Vec<(String, String)> = database
        .tables()
        .into_iter()
        .flat_map(|table| database.columns(&table).into_iter().map(move |(column, _)| (table.clone(), column)))
        .collect();
    drop(store);
    let missing: Vec<_> = columns.iter().filter(|(t, c)| !VERDICTS.iter().any(|v| v.0 == t && v.1 == c)).collect();
    let gone: Vec<_> = VERDICTS.iter().filter(|v| !columns.iter().any(|(t, c)| v.0 == t && v.1 == c)).collect();
    assert!(missing.is_empty() && gone.is_empty(), "without a verdict: {missing:?}; gone: {gone:?}");
    let swept = [ACCOUNTS, SECRETS, DEVICES, CONVERSATIONS, MEMBERS].concat();
    let never: Vec<_> = columns.iter().filter(|(t, _)| !swept.contains(&t.as_str())).collect();
    assert!(never.is_empty(), "never changed: {never:?}");
}

#[test]
fn attack_101_rows_of_accounts() {
    sweep(ACCOUNTS);
}
#[test]
fn attack_101_rows_of_secrets() {
    sweep(SECRETS);
}
#[test]
fn attack_101_rows_of_devices() {
    sweep(DEVICES);
}
#[test]
fn attack_101_rows_of_conversations() {
    sweep(CONVERSATIONS);
}
#[test]
fn attack_101_rows_of_members() {
    sweep(MEMBERS);
}
