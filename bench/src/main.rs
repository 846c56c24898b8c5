//! `bench --binary <sotto> [--json] [--only STAGE,…] [--sockets N,…]`: load for the release binary, with the floor in the same
//! run. `cargo xtask bench` builds both and runs it. A row that is missing is an error.
//! `bench write …` is what `cargo xtask bench browser` uses to say much to a browser that is away.
#![forbid(unsafe_code)]

mod client;
mod floor;
mod floor_client;
mod floor_server;
mod http;
mod pair;
mod person;
mod place;
mod process;
mod report;
mod socket;
mod speaking;
mod stage_people;
mod stage_rates;
#[cfg(test)]
mod tests;
mod traffic;
mod writing;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result, bail};
use report::Report;

const STAGES: [&str; 2] = ["rates", "people"];

/// What the command line asks for.
#[derive(Debug, Default)]
struct Asked {
    binary: PathBuf,
    json: bool,
    only: Vec<String>,
    sockets: Vec<usize>,
}

fn asked(words: &[String]) -> Result<Asked> {
    let mut asked =
        Asked { only: STAGES.map(str::to_owned).to_vec(), sockets: vec![1_000, 10_000, 50_000], ..Asked::default() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} needs a value"));
        match word.as_str() {
            "--binary" => asked.binary = value()?.into(),
            "--json" => asked.json = true,
            "--only" => asked.only = value()?.split(',').map(str::to_owned).collect(),
            "--sockets" => asked.sockets = value()?.split(',').map(str::parse).collect::<Result<_, _>>()?,
            other => bail!("unknown option {other}"),
        }
    }
    if let Some(other) = asked.only.iter().find(|name| !STAGES.contains(&name.as_str())) {
        bail!("no stage {other:?}; there are {}", STAGES.join(", "));
    }
    if !asked.sockets.is_sorted() || asked.sockets.is_empty() {
        bail!("--sockets takes ascending numbers");
    }
    Ok(asked)
}

/// `bench floor --certs FOLDER [--database FILE]`: this program as the floor's server.
async fn floor(words: &[String]) -> Result<()> {
    let (mut certs, mut database) = (None, None);
    for pair in words.chunks(2) {
        match pair {
            [name, value] if name == "--certs" => certs = Some(PathBuf::from(value)),
            [name, value] if name == "--database" => database = Some(PathBuf::from(value)),
            _ => bail!("usage: bench floor --certs FOLDER [--database FILE]"),
        }
    }
    floor_server::serve(certs.context("--certs is missing")?, database).await
}

async fn run(words: &[String]) -> Result<()> {
    match words.split_first() {
        Some((first, rest)) if first == "floor" => return floor(rest).await,
        Some((first, rest)) if first == "write" => return writing::run(rest).await,
        _ => {}
    }
    let asked = asked(words)?;
    let mut report = Report::default();
    let wants = |name: &str| asked.only.iter().any(|only| only == name);
    if wants("rates") {
        report.expect(stage_rates::rows());
    }
    if wants("people") {
        report.expect(stage_people::rows(&asked.sockets));
    }
    // A stage that fails leaves its rows out, and the report says which.
    let mut failed = false;
    if wants("rates")
        && let Err(error) = stage_rates::run(&asked.binary, &mut report).await
    {
        eprintln!("rates: {error:#}");
        failed = true;
    }
    if wants("people")
        && let Err(error) = stage_people::run(&asked.binary, &asked.sockets, &mut report).await
    {
        eprintln!("people: {error:#}");
        failed = true;
    }
    report.print(asked.json)?;
    if failed { bail!("a stage failed") } else { Ok(()) }
}

fn main() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("bench: a debug build measures nothing; run `cargo xtask bench`");
        return ExitCode::from(2);
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(&words))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}
