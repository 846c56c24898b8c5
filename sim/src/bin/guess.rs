//! `guess --recording DIR --username NAME [--keys FILE] PASSWORD…`: what somebody who has every byte that a server ever got can
//! tell about a password. `guess --recording DIR --absent FILE` looks for pieces of the key file in them.
//!
//! The recording is a folder: `data/sotto.db` (with its log) as it was stolen, and beside it whatever else was recorded. For each
//! password two attacks are made. The server's own code is run over the stolen database, with the stolen key file or, without
//! one, with keys made up, and the client's own code logs in with the password: that is RFC 9807's offline guess. And
//! digests a careless program might have stored or sent are looked for in every recorded byte. One line a password: `opens`
//! when an attack tells it from others, `nothing` when none does.
#![forbid(unsafe_code)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use argon2::{Algorithm, Argon2, Params, Version};
use client_core::{Argon2id, Client, Command, HttpOutcome, Input, Output};
use memchr::memmem;
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use server_core::{Context, Keys, Outcome, Peer, Rules, Store, account, rules::Budget};
use sha2::{Digest as _, Sha256, Sha512};
use shared::{Millis, http, time::DAY};

type Failed = Box<dyn std::error::Error>;

/// So much of a digest or a key is never there by chance.
const PIECE: usize = 16;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failed> {
    let (mut recording, mut username, mut keys, mut absent, mut passwords) = (None, None, None, None, vec![]);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--recording" => recording = words.next().map(PathBuf::from),
            "--username" => username = words.next(),
            "--keys" => keys = words.next().map(PathBuf::from),
            "--absent" => absent = words.next().map(PathBuf::from),
            _ => passwords.push(word),
        }
    }
    let recording = recording.ok_or("--recording DIR is missing")?;
    let bytes = everything(&recording)?;
    if let Some(file) = absent {
        return pieces(&fs::read(file)?, &bytes);
    }
    let username = username.ok_or("--username NAME is missing")?;
    // Without the file an attacker can only make keys up.
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let keys = match keys {
        Some(file) => Keys::from_bytes(&fs::read(file)?)?,
        None => Keys::generate(&mut rng),
    };
    for (at, password) in passwords.iter().enumerate() {
        let opens = logs_in(&recording, &keys, &username, password)? || digest_found(&bytes, &username, password)?;
        println!("{at} {}", if opens { "opens" } else { "nothing" });
    }
    Ok(())
}

/// Every file of the recording.
fn everything(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, Failed> {
    let mut all = vec![];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(everything(&path)?);
        } else {
            all.push((path.clone(), fs::read(path)?));
        }
    }
    Ok(all)
}

fn holds(bytes: &[u8], piece: &[u8]) -> bool {
    memmem::find(bytes, piece).is_some()
}

/// Is any piece of the key file's secrets in the recording?
fn pieces(secrets: &[u8], recording: &[(PathBuf, Vec<u8>)]) -> Result<(), Failed> {
    let mut size = 0;
    for (path, bytes) in recording {
        size += bytes.len();
        // The first byte is a version, and a piece of all zeros would be everywhere.
        for piece in secrets.get(1..).unwrap_or_default().chunks_exact(PIECE) {
            if holds(bytes, piece) {
                return Err(format!("{} holds a piece of the key file", path.display()).into());
            }
        }
    }
    println!("{size} bytes hold no piece of the key file");
    Ok(())
}

/// One log-in of the client's code at the server's code over the stolen database.
fn logs_in(recording: &Path, keys: &Keys, username: &str, password: &str) -> Result<bool, Failed> {
    // A log-in writes: the stolen copy stays as it is.
    let copy = std::env::temp_dir().join(format!("sotto-guess-{}", std::process::id()));
    fs::create_dir_all(&copy)?;
    for name in ["sotto.db", "sotto.db-wal"] {
        let from = recording.join("data").join(name);
        if from.exists() {
            fs::copy(from, copy.join(name))?;
        }
    }
    let found = log_in(&mut Store::open(&copy.join("sotto.db"))?, keys, username, password);
    fs::remove_dir_all(&copy)?;
    found
}

fn log_in(store: &mut Store, keys: &Keys, username: &str, password: &str) -> Result<bool, Failed> {
    // The server's limits are rows of the database; a thief sets his clock as he likes.
    let now = Millis(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?).plus(DAY);
    let open = Budget::of(1_000_000, 1_000);
    let rules = Rules { login_pair: open, login_prefix: open, login_account: open, login_known: open, ..Rules::default() };
    let mut rng = ChaCha20Rng::from_seed([9; 32]);
    let mut client = Client::<Argon2id>::new([7; 32]);
    let command = Command::Login { username: username.to_owned(), password: password.to_owned(), stay: false };
    client.handle(now, Input::Command { id: 1, command });
    while let Some(output) = client.poll() {
        match output {
            Output::Http(request) if request.path == "/auth/login/start" => {
                let (_, body) = request.body.ok_or("a log-in without a body")?;
                let body: http::LoginStart = serde_json::from_slice(&body)?;
                let mut context = Context { now, rng: &mut rng, rules: &rules, keys };
                let outcome: Outcome<http::LoginStarted> =
                    store.transaction("guess", |sql| account::login_start(sql, &mut context, &Peer::default(), &body));
                let done =
                    outcome.map_err(|refusal| format!("the stolen database refuses a log-in: {}", refusal.code.as_str()))?;
                let answer = HttpOutcome::Answer { status: 200, body: serde_json::to_vec(&done.answer)? };
                client.handle(now, Input::Http { id: request.id, outcome: answer });
            }
            // Only who knows the password gets as far as this.
            Output::Http(request) => return Ok(request.path == "/auth/login/finish"),
            Output::Answer { .. } => return Ok(false),
            _ => {}
        }
    }
    Err("the log-in came to no end".into())
}

/// Digests of the password alone, as a careless program would have stored or sent them.
fn digest_found(recording: &[(PathBuf, Vec<u8>)], username: &str, password: &str) -> Result<bool, Failed> {
    let name = username.to_ascii_lowercase();
    let mut digests: Vec<Vec<u8>> = vec![password.as_bytes().to_vec()];
    for text in [password.to_owned(), format!("{password}{name}"), format!("{name}{password}"), format!("{name}:{password}")] {
        digests.push(Sha256::digest(&text).to_vec());
        digests.push(Sha512::digest(&text).to_vec());
    }
    let parameters = Params::new(64 * 1024, 3, 1, Some(32)).map_err(|error| error.to_string())?;
    let stretch = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
    for salt in [[0; 16].to_vec(), Sha256::digest(&name).get(..16).unwrap_or_default().to_vec()] {
        let mut hash = vec![0; 32];
        stretch.hash_password_into(password.as_bytes(), &salt, &mut hash).map_err(|error| error.to_string())?;
        digests.push(hash);
    }
    let pieces: Vec<&[u8]> = digests.iter().map(|digest| digest.get(..PIECE).unwrap_or(digest)).collect();
    Ok(recording.iter().any(|(_, bytes)| pieces.iter().any(|piece| holds(bytes, piece))))
}
