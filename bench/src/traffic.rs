//! Traffic of pairs over their sockets, as two real clients make it: rows with so many outstanding, the answer to each,
//! the push to the reader, both sides' acknowledgements, a commit in between.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Result, bail};
use shared::{
    ConversationId,
    frame::{ClientFrame, Cursor, Fetch, ServerFrame},
    limits,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use crate::{
    http::Body,
    pair::{Item, Pair},
    person::Person,
    socket::Socket,
};

/// How fast rows leave.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// So many without an answer, a pair, all the time.
    Outstanding(usize),
    /// So many a second, all pairs together, whatever the answers do.
    PerSecond(u32),
}

/// What was seen of it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Durable acknowledged rows a second, between the first rows and the moment that the first pair had none left.
    pub(crate) rate: f64,
    /// Acknowledged in all.
    pub(crate) rows: u64,
    /// From the moment a row was due until its answer; ascending.
    pub(crate) latencies: Vec<Duration>,
}

/// What the tasks of one measurement share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    acknowledged: AtomicU64,
    over: AtomicBool,
    ended: Notify,
    latencies: Mutex<Vec<Duration>>,
}

impl Shared {
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
        self.ended.notify_one();
    }
    pub(crate) fn acknowledged(&self, count: u64) {
        self.acknowledged.fetch_add(count, Ordering::Relaxed);
    }
    pub(crate) fn keep(&self, mut own: Vec<Duration>) {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).append(&mut own);
    }

    /// Lets it run, and says how fast it went after the first tenth of the time.
    pub(crate) async fn watch(&self, time: Duration) -> f64 {
        sleep(time / 10).await;
        let (start, before) = (Instant::now(), self.acknowledged.load(Ordering::Relaxed));
        tokio::select! {
            () = sleep(time) => {}
            () = self.ended.notified() => {}
        }
        let (span, after) = (start.elapsed(), self.acknowledged.load(Ordering::Relaxed));
        self.end();
        // Exact up to 2^53 rows.
        (after - before) as f64 / span.as_secs_f64()
    }

    pub(crate) fn seen(&self, rate: f64) -> Seen {
        let mut latencies = std::mem::take(&mut *self.latencies.lock().unwrap_or_else(PoisonError::into_inner));
        latencies.sort_unstable();
        Seen { rate, rows: self.acknowledged.load(Ordering::Relaxed), latencies }
    }
}

/// When the next row of a sender is due.
pub(crate) struct Clock {
    load: Load,
    senders: u32,
    due: Instant,
}

impl Clock {
    pub(crate) fn new(load: Load, sender: usize, senders: usize) -> Self {
        let senders = u32::try_from(senders).unwrap_or(1).max(1);
        let ahead = match load {
            Load::PerSecond(rate) => Duration::from_secs(1) * u32::try_from(sender).unwrap_or(0) / rate,
            Load::Outstanding(_) => Duration::ZERO,
        };
        Self { load, senders, due: Instant::now() + ahead }
    }

    /// May another row leave now? Then the moment its time counts from.
    pub(crate) fn take(&mut self, outstanding: usize) -> Option<Instant> {
        let now = Instant::now();
        match self.load {
            Load::Outstanding(most) => (outstanding < most).then_some(now),
            Load::PerSecond(rate) if self.due <= now => {
                let due = self.due;
                self.due += Duration::from_secs(1) * self.senders / rate;
                Some(due)
            }
            Load::PerSecond(_) => None,
        }
    }

    pub(crate) async fn wait(&self) {
        match self.load {
            Load::Outstanding(_) => std::future::pending().await,
            Load::PerSecond(_) => tokio::time::sleep_until(self.due).await,
        }
    }
}

/// Runs all pairs for this long. They come back in order, their sockets still open.
pub(crate) async fn run(pairs: Vec<Pair>, load: Load, time: Duration) -> Result<(Vec<Pair>, Seen)> {
    let shared = Arc::new(Shared::default());
    let count = pairs.len();
    let mut tasks = Vec::with_capacity(count);
    for (index, mut pair) in pairs.into_iter().enumerate() {
        let (shared, clock) = (Arc::clone(&shared), Clock::new(load, index, count));
        tasks.push(tokio::spawn(async move {
            let result = both(&mut pair, &shared, clock).await;
            shared.end();
            result.map(|()| pair)
        }));
    }
    let rate = shared.watch(time).await;
    let mut pairs = Vec::with_capacity(count);
    for task in tasks {
        pairs.push(task.await??);
    }
    Ok((pairs, shared.seen(rate)))
}

async fn both(pair: &mut Pair, shared: &Shared, clock: Clock) -> Result<()> {
    let Some((mut there, mut here)) = pair.sockets.take() else { bail!("the pair is not connected") };
    let (conversation, from, path) = (pair.conversation, pair.number, pair.commits());
    let last = Arc::new(Mutex::new(None));
    let (told, stop) = (Arc::clone(&last), Notify::new());
    let (write, read) = tokio::join!(
        async {
            let done = write(&mut there, &mut pair.writer, &mut pair.ready, conversation, from, &path, shared, clock).await;
            *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(*done.as_ref().unwrap_or(&0));
            stop.notify_one();
            done
        },
        read(&mut here, conversation, from, &last, &stop),
    );
    pair.number = write?;
    read?;
    pair.sockets = Some((there, here));
    Ok(())
}

/// Writes rows; returns the last number once everything sent is answered.
#[expect(clippy::too_many_arguments, reason = "each belongs to another owner")]
async fn write(
    socket: &mut Socket,
    person: &mut Person,
    ready: &mut VecDeque<Item>,
    conversation: ConversationId,
    from: u64,
    commits: &str,
    shared: &Shared,
    mut clock: Clock,
) -> Result<u64> {
    // As the client core does: what it has told, or the server knows by itself, is not told again.
    let (mut number, mut told) = (from, 0);
    let mut out: VecDeque<(u64, Instant)> = VecDeque::new();
    let mut latencies = vec![];
    loop {
        let mut fed = false;
        while !shared.is_over() {
            match ready.front() {
                None => shared.end(),
                Some(Item::Commit(_)) if !out.is_empty() => break,
                Some(Item::Commit(_)) => {
                    let Some(Item::Commit(body)) = ready.pop_front() else { bail!("no commit") };
                    let done: shared::http::Committed = person.http.cbor("POST", commits, Body::Cbor(body)).await?;
                    number = done.number;
                }
                Some(Item::Row { .. }) => {
                    let Some(due) = clock.take(out.len()) else { break };
                    let Some(Item::Row { request, frame }) = ready.pop_front() else { bail!("no row") };
                    socket.feed(frame).await?;
                    out.push_back((request, due));
                    fed = true;
                }
            }
        }
        if fed {
            socket.flush().await?;
        }
        if out.is_empty() && shared.is_over() {
            shared.keep(latencies);
            return Ok(number);
        }
        let frame = tokio::select! {
            frame = socket.next() => frame?,
            () = clock.wait(), if !shared.is_over() => continue,
        };
        match frame {
            ServerFrame::Appended(appended) => {
                let Some((request, due)) = out.pop_front() else { bail!("an answer to nothing") };
                if request != appended.request || appended.number != number + 1 {
                    bail!("out of order: {appended:?} after {number}, for {request}");
                }
                number = appended.number;
                latencies.push(due.elapsed());
                shared.acknowledged(1);
                if told + 1 != number {
                    socket.send(&ClientFrame::Acknowledge(Cursor { conversation, number })).await?;
                }
                told = number;
            }
            ServerFrame::Refused(refused) => bail!("refused: {refused:?}"),
            ServerFrame::Bye(code) => bail!("the server says goodbye: {code}"),
            _ => {}
        }
    }
}

/// No two cursors leave within this time, as in the client core (`client-core/src/told.rs`).
const PAUSE: Duration = Duration::from_millis(limits::ACKNOWLEDGE_PAUSE);

/// Reads until it has the last row; acknowledges what it was given, fetches what it was only told of.
async fn read(
    socket: &mut Socket,
    conversation: ConversationId,
    from: u64,
    last: &Mutex<Option<u64>>,
    stop: &Notify,
) -> Result<()> {
    let (mut number, mut head, mut fetching) = (from, from, false);
    let (mut told, mut next) = (from, Instant::now());
    loop {
        let last = *last.lock().unwrap_or_else(PoisonError::into_inner);
        let all = last.is_some_and(|last| number >= last);
        if told < number && (all || next <= Instant::now()) {
            socket.send(&ClientFrame::Acknowledge(Cursor { conversation, number })).await?;
            (told, next) = (number, Instant::now() + PAUSE);
        }
        if all {
            return Ok(());
        }
        if head > number && !fetching {
            fetching = true;
            let fetch = Fetch { request: 1, conversation, after: number, limit: limits::FETCH };
            socket.send(&ClientFrame::Fetch(fetch)).await?;
        }
        let frame = tokio::select! {
            frame = socket.next() => frame?,
            () = stop.notified() => continue,
            () = tokio::time::sleep_until(next), if told < number => continue,
        };
        match frame {
            ServerFrame::Head(cursor) => head = head.max(cursor.number),
            ServerFrame::Entries(entries) => {
                fetching &= entries.request == 0;
                head = head.max(entries.head);
                for row in &entries.rows {
                    if row.number == number + 1 {
                        number = row.number;
                    }
                }
            }
            ServerFrame::Resync => head = head.max(number + 1),
            ServerFrame::Refused(refused) => bail!("refused: {refused:?}"),
            ServerFrame::Bye(code) => bail!("the server says goodbye: {code}"),
            _ => {}
        }
    }
}
