//! Durable acknowledged messages: rate, latency, processor time, bytes on disk, catch-up; floor and server by turns.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, bail};
use shared::frame::{ClientFrame, Cursor, Fetch, ServerFrame};
use tokio::time::Instant;

use crate::{
    floor_client,
    pair::{Item, Pair},
    place::Place,
    process::{Folder, Server, database, floor},
    report::{Report, median, percentile},
    traffic::{self, Load},
};

const PAIRS: usize = 64;
const ROUNDS: usize = 3;
const TIME: Duration = Duration::from_secs(3);
const LATENCY_TIME: Duration = Duration::from_secs(10);
const PER_SECOND: u32 = 200;
const OUTSTANDING: [usize; 2] = [1, 16];
/// Rows that a device catches up with.
const BEHIND: u64 = 10_000;

pub(crate) fn rows() -> Vec<String> {
    let mut names = vec![];
    for outstanding in OUTSTANDING {
        names.extend(["durable", "against SQLite alone", "against an echo alone"].map(|what| rate(outstanding, what)));
        names.push(cpu(outstanding));
    }
    names.extend(["p50", "p99"].map(latency));
    names.extend(["p50", "p99"].map(echo_latency));
    names.push(DISK.to_owned());
    names.push(CATCH_UP.to_owned());
    names
}

const DISK: &str = "disk per 300-byte message";
const CATCH_UP: &str = "catch-up of 10,000 messages, server";

fn rate(outstanding: usize, what: &str) -> String {
    format!("messages/s, {outstanding} outstanding, {what}")
}
fn cpu(outstanding: usize) -> String {
    format!("server CPU per 1,000 messages, {outstanding} outstanding")
}
fn latency(part: &str) -> String {
    format!("answer at {PER_SECOND} messages/s, {part}")
}
fn echo_latency(part: &str) -> String {
    format!("answer at {PER_SECOND} messages/s, {part}, against an echo alone")
}

pub(crate) async fn run(binary: &Path, report: &mut Report) -> Result<()> {
    let folder = Folder::new()?;
    let mut server = Server::start(binary, folder.path(), None).await?;
    eprintln!("{PAIRS} pairs register");
    let mut pairs = pairs(&server.place).await?;
    let mut before = None;
    for outstanding in OUTSTANDING {
        (pairs, server) = rates(&folder, server, pairs, outstanding, report).await?;
        if before.is_none() {
            // What accounts and groups cost is not what a message costs.
            let rows = pairs.iter().map(|pair| pair.number).sum::<u64>();
            let Server { process, place } = server;
            process.stop().await?;
            before = Some((size(folder.path())?, rows));
            server = Server::start(binary, folder.path(), Some(place.port())).await?;
            connect(&mut pairs).await?;
        }
    }
    pairs = latencies(&folder, pairs, report).await?;
    catch_up(pairs.first_mut().context("no pair")?, report).await?;
    let rows = pairs.iter().map(|pair| pair.number).sum::<u64>();
    drop(pairs);
    server.process.stop().await?;
    let (bytes, old) = before.context("nothing was measured")?;
    report.put(DISK, (size(folder.path())? - bytes) / (rows - old) as f64, "bytes", None, "");
    Ok(())
}

fn size(folder: &Path) -> Result<f64> {
    Ok(fs::metadata(database(folder))?.len() as f64)
}

async fn pairs(place: &Place) -> Result<Vec<Pair>> {
    let mut tasks = vec![];
    for n in 0..PAIRS {
        let place = place.clone();
        tasks.push(tokio::spawn(async move {
            let mut pair = Pair::new(&place, n).await?;
            pair.connect().await?;
            anyhow::Ok(pair)
        }));
    }
    let mut pairs = vec![];
    for task in tasks {
        pairs.push(task.await??);
    }
    Ok(pairs)
}

async fn connect(pairs: &mut [Pair]) -> Result<()> {
    for pair in pairs {
        pair.sockets = None;
        pair.writer.http.close();
        pair.connect().await?;
    }
    Ok(())
}

/// Seals on all cores; outside of every measured span.
async fn refill(pairs: Vec<Pair>, rows: usize) -> Result<Vec<Pair>> {
    let mut tasks = vec![];
    for mut pair in pairs {
        tasks.push(tokio::task::spawn_blocking(move || {
            pair.refill(rows);
            pair
        }));
    }
    let mut pairs = vec![];
    for task in tasks {
        pairs.push(task.await?);
    }
    Ok(pairs)
}

fn sealed(pairs: &[Pair]) -> Result<usize> {
    let row = pairs.iter().flat_map(|pair| &pair.ready).find_map(|item| match item {
        Item::Row { frame, .. } => Some(frame),
        Item::Commit(_) => None,
    });
    match ClientFrame::decode(row.context("no row is ready")?)? {
        ClientFrame::Append(append) => Ok(append.sealed.as_slice().len()),
        _ => bail!("not a row"),
    }
}

async fn rates(
    folder: &Folder,
    server: Server,
    mut pairs: Vec<Pair>,
    outstanding: usize,
    report: &mut Report,
) -> Result<(Vec<Pair>, Server)> {
    let load = Load::Outstanding(outstanding);
    let (mut ours, mut floors, mut alone, mut echoes) = (vec![], vec![], vec![], vec![]);
    let (mut spent, mut spent_floor) = (vec![], vec![]);
    let mut ready = 200 * outstanding.min(4);
    for round in 0..=ROUNDS {
        pairs = refill(pairs, ready).await?;
        let size = sealed(&pairs)?;
        let before = server.process.cpu()?;
        let (back, seen) = traffic::run(pairs, load, TIME).await?;
        let used = server.process.cpu()? - before;
        pairs = back;
        // The fastest pair ends the round; half as much again lets the time end it.
        ready = (seen.rate * TIME.as_secs_f64() * 1.7 / PAIRS as f64) as usize + 50;
        if round == 0 {
            continue;
        }
        ours.push(seen.rate);
        spent.push(used * 1e6 / seen.rows as f64);
        let durable = floor(folder.path(), true).await?;
        let sockets = floor_client::connect(&durable.place, PAIRS).await?;
        let before = durable.process.cpu()?;
        let seen = floor_client::run(sockets, size, load, TIME).await?;
        floors.push(seen.rate);
        spent_floor.push((durable.process.cpu()? - before) * 1e6 / seen.rows as f64);
        let echo = floor(folder.path(), false).await?;
        let sockets = floor_client::connect(&echo.place, PAIRS).await?;
        echoes.push(floor_client::run(sockets, size, load, TIME).await?.rate);
        let path = folder.path().to_owned();
        let group = PAIRS * outstanding;
        alone.push(tokio::task::spawn_blocking(move || floor_client::sqlite(&path, group, size, TIME)).await??);
    }
    let value = median(ours);
    report.put(&rate(outstanding, "durable"), value, "/s", Some(median(floors)), "ratio ≥ 0.60");
    report.put(&rate(outstanding, "against SQLite alone"), value, "/s", Some(median(alone)), "");
    report.put(&rate(outstanding, "against an echo alone"), value, "/s", Some(median(echoes)), "");
    report.put(&cpu(outstanding), median(spent), "ms", Some(median(spent_floor)), "");
    Ok((pairs, server))
}

async fn latencies(folder: &Folder, mut pairs: Vec<Pair>, report: &mut Report) -> Result<Vec<Pair>> {
    let load = Load::PerSecond(PER_SECOND);
    let (mut ours, mut floors, mut echoes) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        pairs = refill(pairs, 100).await?;
        let size = sealed(&pairs)?;
        let (back, seen) = traffic::run(pairs, load, LATENCY_TIME).await?;
        pairs = back;
        ours.push(seen.latencies);
        let durable = floor(folder.path(), true).await?;
        let sockets = floor_client::connect(&durable.place, PAIRS).await?;
        floors.push(floor_client::run(sockets, size, load, LATENCY_TIME).await?.latencies);
        let echo = floor(folder.path(), false).await?;
        let sockets = floor_client::connect(&echo.place, PAIRS).await?;
        echoes.push(floor_client::run(sockets, size, load, LATENCY_TIME).await?.latencies);
    }
    for (part, name) in [(0.5, "p50"), (0.99, "p99")] {
        let of = |lists: &[Vec<Duration>]| median(lists.iter().map(|list| percentile(list, part)).collect());
        report.put(&latency(name), of(&ours), "ms", Some(of(&floors)), "ratio ≤ 1.3");
        report.put(&echo_latency(name), of(&ours), "ms", Some(of(&echoes)), "");
    }
    Ok(pairs)
}

/// The reader comes back and has nothing.
async fn catch_up(pair: &mut Pair, report: &mut Report) -> Result<()> {
    while pair.number < BEHIND + 1 {
        let missing = usize::try_from(BEHIND + 1 - pair.number)?;
        pair.refill(missing);
        let (socket, _) = pair.sockets.as_mut().context("not connected")?;
        while let Some(item) = pair.ready.pop_front() {
            match item {
                Item::Commit(body) => {
                    let path = format!("/api/conversations/{}/commits", pair.conversation);
                    pair.writer.http.ask("POST", &path, crate::http::Body::Cbor(body)).await?;
                }
                Item::Row { frame, .. } => {
                    socket.send_bytes(frame).await?;
                    while !matches!(socket.next().await?, ServerFrame::Appended(appended) if { pair.number = appended.number; true })
                    {
                    }
                }
            }
        }
    }
    let mut times = vec![];
    for _ in 0..ROUNDS {
        let (mut socket, _) = pair.reader.connect(vec![]).await?;
        let start = Instant::now();
        let mut after = 1;
        while after < BEHIND + 1 {
            let fetch = Fetch { request: 1, conversation: pair.conversation, after, limit: shared::limits::FETCH };
            socket.send(&ClientFrame::Fetch(fetch)).await?;
            let entries = loop {
                match socket.next().await? {
                    ServerFrame::Entries(entries) if entries.request == 1 => break entries,
                    ServerFrame::Refused(refused) => bail!("refused: {refused:?}"),
                    _ => {}
                }
            };
            after = entries.rows.last().context("no rows came")?.number;
            let cursor = Cursor { conversation: pair.conversation, number: after };
            socket.send(&ClientFrame::Acknowledge(cursor)).await?;
        }
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
    }
    report.put(CATCH_UP, median(times), "ms", None, "");
    Ok(())
}
