//! `plant-reset --data-dir DIR --username NAME`: puts a reset into a stopped server's database — a new identity key alone,
//! as an operator who takes an account over would. Contacts' browsers must say so and hold what is written.
#![forbid(unsafe_code)]

use std::{path::PathBuf, process::ExitCode};

use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use rand_core::RngCore as _;
use rusqlite::{Connection, params};
use shared::statement::{Content, Statement};

fn main() -> ExitCode {
    match plant() {
        Ok(number) => {
            println!("statement {number} is a reset");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn plant() -> Result<u64, String> {
    let (mut folder, mut username) = (None, None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--data-dir" => folder = words.next().map(PathBuf::from),
            "--username" => username = words.next(),
            other => return Err(format!("unknown option {other}")),
        }
    }
    let (Some(folder), Some(username)) = (folder, username) else {
        return Err("usage: plant-reset --data-dir DIR --username NAME".to_owned());
    };
    reset(&folder.join("sotto.db"), &username).map_err(|error| error.to_string())
}

fn reset(database: &std::path::Path, username: &str) -> Result<u64, Box<dyn std::error::Error>> {
    let mut connection = Connection::open(database)?;
    let transaction = connection.transaction()?;
    let (account, number): (Vec<u8>, u64) = {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?));
        let sql = "SELECT account_id, statement_no FROM account WHERE handle_norm = ?1";
        let (account, number) = transaction.query_row(sql, [username.to_ascii_lowercase()], read)?;
        (account, u64::try_from(number)?)
    };
    let sql = "SELECT body, at_ms FROM statement WHERE account_id = ?1 AND number = ?2";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?));
    let (body, at) = transaction.query_row(sql, params![account, i64::try_from(number)?], read)?;
    let before = Statement::parse(&body)?;
    let mut seed = [0; 32];
    // Whose key it is does not matter, only that it is another one; the same input plants the same reset.
    ChaCha20Rng::from_seed(before.hash()).fill_bytes(&mut seed);
    let identity = shared::signature::signing_key(&seed);
    let content = Content {
        identity: identity.verifying_key().to_bytes(),
        number: number + 1,
        previous: before.hash(),
        devices: vec![],
        ..before.content().clone()
    };
    let next = content.sign(&identity, None)?;
    let number = i64::try_from(number + 1)?;
    transaction.execute(
        "INSERT INTO statement (account_id, number, body, at_ms) VALUES (?1, ?2, ?3, ?4)",
        params![account, number, next.as_bytes(), at],
    )?;
    transaction.execute(
        "UPDATE account SET statement_no = ?2, identity_pub = ?3 WHERE account_id = ?1",
        params![account, number, identity.verifying_key().to_bytes()],
    )?;
    transaction.commit()?;
    Ok(u64::try_from(number)?)
}
