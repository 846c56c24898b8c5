//! Many people: registrations, log-ins, idle sockets and what they weigh, all of them coming back at once.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    person::Person,
    place::Place,
    process::{Folder, Server},
    report::{Report, percentile},
};

/// People who do something at the same time.
const AT_ONCE: usize = 32;
/// Log-ins that are counted.
const LOG_INS: usize = 4_000;
/// Sockets that come back at once.
const STORM: usize = 1_000;
/// Somebody who is not back by then has been lost.
const PATIENCE: Duration = Duration::from_secs(60);

const REGISTRATIONS: &str = "registrations/s";
const KEPT: &str = "log-ins/s, connections kept";
const FRESH: &str = "log-ins/s, a connection each";
const STORM_ALL: &str = "1,000 sockets back after a kill, all of them";
const STORM_MEDIAN: &str = "1,000 sockets back after a kill, p50";

pub(crate) fn rows(sockets: &[usize]) -> Vec<String> {
    let fixed = [REGISTRATIONS, KEPT, FRESH, STORM_ALL, STORM_MEDIAN].map(str::to_owned);
    fixed.into_iter().chain(sockets.iter().flat_map(|count| [idle(*count), idle_cpu(*count)])).collect()
}

fn idle(count: usize) -> String {
    format!("memory per idle TLS socket at {count}")
}
fn idle_cpu(count: usize) -> String {
    format!("server CPU of {count} idle sockets")
}

pub(crate) async fn run(binary: &Path, levels: &[usize], report: &mut Report) -> Result<()> {
    let folder = Folder::new()?;
    let server = Server::start(binary, folder.path(), None).await?;
    let count = levels.last().copied().unwrap_or(0).max(STORM);
    let start = Instant::now();
    let place = server.place.clone();
    let people = each((0..count).collect(), AT_ONCE, move |n| {
        let place = place.clone();
        async move {
            let (mut person, _) = Person::register(&place, n, 0).await?;
            person.http.close();
            Ok(person)
        }
    })
    .await?;
    report.put(REGISTRATIONS, count as f64 / start.elapsed().as_secs_f64(), "/s", None, "");
    let people = log_ins(people, report).await?;
    let people = idle_sockets(binary, &folder, server, people, levels, report).await?;
    storm(binary, &folder, people, report).await
}

/// Does something for each, so many at once; they come back in no order.
async fn each<T, U, F, R>(all: Vec<T>, at_once: usize, run: F) -> Result<Vec<U>>
where
    T: Send + 'static,
    U: Send + 'static,
    F: Fn(T) -> R + Send + Sync + 'static,
    R: Future<Output = Result<U>> + Send,
{
    let (gate, run) = (Arc::new(Semaphore::new(at_once)), Arc::new(run));
    let mut tasks = JoinSet::new();
    for one in all {
        let (gate, run) = (Arc::clone(&gate), Arc::clone(&run));
        tasks.spawn(async move {
            let _permit = gate.acquire().await?;
            run(one).await
        });
    }
    let mut done = vec![];
    while let Some(one) = tasks.join_next().await {
        done.push(one??);
    }
    Ok(done)
}

/// Complete log-ins of browsers that were in before.
async fn log_ins(people: Vec<Person>, report: &mut Report) -> Result<Vec<Person>> {
    let (some, rest) = split(people, AT_ONCE * 16);
    let turns = LOG_INS.div_ceil(some.len());
    // More than nine a minute is refused to a browser that was in before (Rules::login_known): one kept for the next stage.
    if turns > 9 {
        bail!("too few people for {LOG_INS} log-ins");
    }
    let count = (turns * some.len()) as f64;
    // Everybody has a connection before the time starts.
    let some = each(some, AT_ONCE, |mut person| async move {
        person.http.ask("GET", "/auth/current_user", crate::http::Body::Nothing).await?;
        Ok(person)
    })
    .await?;
    let start = Instant::now();
    let some = each(some, AT_ONCE, move |mut person| async move {
        for _ in 0..turns {
            person.log_in().await?;
        }
        person.http.close();
        Ok(person)
    })
    .await?;
    report.put(KEPT, count / start.elapsed().as_secs_f64(), "/s", None, "≥ 1,000");
    let (other, rest) = split(rest, AT_ONCE * 16);
    let count = other.len() as f64;
    let start = Instant::now();
    let other = each(other, AT_ONCE, |mut person| async move {
        person.log_in().await?;
        person.http.close();
        Ok(person)
    })
    .await?;
    report.put(FRESH, count / start.elapsed().as_secs_f64(), "/s", None, "");
    Ok(some.into_iter().chain(other).chain(rest).collect())
}

fn split(mut people: Vec<Person>, count: usize) -> (Vec<Person>, Vec<Person>) {
    let rest = people.split_off(count.min(people.len()));
    (people, rest)
}

/// Sockets that are greeted, then only answer pings; their people come back when the holder is told so.
struct Held {
    tasks: JoinSet<Result<Person>>,
    release: watch::Sender<bool>,
    lost: Arc<AtomicUsize>,
}

impl Held {
    fn new() -> Self {
        Self { tasks: JoinSet::new(), release: watch::Sender::new(false), lost: Arc::default() }
    }

    /// Connects these people; returns when all are greeted.
    async fn add(&mut self, people: Vec<Person>) -> Result<()> {
        let connected = each(people, AT_ONCE, |mut person| async move {
            let (socket, _) = person.connect(vec![]).await?;
            person.http.close();
            Ok((person, socket))
        })
        .await?;
        for (person, mut socket) in connected {
            let (mut release, lost) = (self.release.subscribe(), Arc::clone(&self.lost));
            self.tasks.spawn(async move {
                loop {
                    tokio::select! {
                        _ = release.wait_for(|release| *release) => return Ok(person),
                        frame = socket.next() => if frame.is_err() {
                            lost.fetch_add(1, Ordering::Relaxed);
                            return Ok(person);
                        },
                    }
                }
            });
        }
        Ok(())
    }

    async fn release(mut self) -> Result<Vec<Person>> {
        self.release.send_replace(true);
        let mut people = vec![];
        while let Some(person) = self.tasks.join_next().await {
            people.push(person??);
        }
        Ok(people)
    }
}

/// On a server that has done nothing else, so that no memory of other work is counted or reused.
async fn idle_sockets(
    binary: &Path,
    folder: &Folder,
    server: Server,
    mut people: Vec<Person>,
    levels: &[usize],
    report: &mut Report,
) -> Result<Vec<Person>> {
    let port = server.place.port();
    server.process.stop().await?;
    let server = Server::start(binary, folder.path(), Some(port)).await?;
    let mut held = Held::new();
    // One socket first: what every server allocates once is not what a socket costs.
    held.add(vec![people.pop().context("nobody is there")?]).await?;
    let start = server.process.memory()?;
    let mut open = 0;
    for level in levels {
        let rest = people.split_off((level - open).min(people.len()));
        held.add(std::mem::replace(&mut people, rest))
            .await
            .with_context(|| format!("{level} sockets: both this process and the server need as many files (ulimit -n)"))?;
        open = *level;
        sleep(Duration::from_secs(2)).await;
        report.put(&idle(*level), (server.process.memory()? - start) / *level as f64 / 1_024.0, "KiB", None, "≤ 16");
        let cpu = server.process.cpu()?;
        sleep(Duration::from_secs(10)).await;
        report.put(&idle_cpu(*level), (server.process.cpu()? - cpu) * 10.0, "% of a core", None, "");
        let lost = held.lost.load(Ordering::Relaxed);
        if lost > 0 {
            bail!("{lost} idle sockets were closed");
        }
    }
    let mut back = held.release().await?;
    server.process.kill().await?;
    back.append(&mut people);
    Ok(back)
}

/// The server dies with a thousand sockets open; when it is ready again, all of them come at once.
async fn storm(binary: &Path, folder: &Folder, people: Vec<Person>, report: &mut Report) -> Result<()> {
    let (some, _) = split(people, STORM);
    let server = Server::start(binary, folder.path(), None).await?;
    let place: Place = server.place.clone();
    let start = Instant::now();
    let times = each(some, STORM, move |mut person| {
        let place = place.clone();
        async move {
            person.http.go_to(place);
            let connected = tokio::time::timeout(PATIENCE, person.connect(vec![])).await;
            // The socket stays open until all are back.
            let (socket, _) = connected.context("somebody did not come back")??;
            Ok((start.elapsed(), socket, person))
        }
    })
    .await?;
    let mut times: Vec<Duration> = times.into_iter().map(|(time, _, _)| time).collect();
    times.sort_unstable();
    report.put(STORM_MEDIAN, percentile(&times, 0.5), "ms", None, "");
    report.put(STORM_ALL, percentile(&times, 1.0), "ms", None, "");
    server.process.stop().await
}
