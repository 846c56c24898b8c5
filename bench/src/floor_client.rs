//! The same load for the floor: rows of the same size, answered in order.

use std::{collections::VecDeque, path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use hyper::body::Bytes as Frame;
use shared::{
    Bytes, ConversationId, MessageId,
    frame::{Append, ClientFrame},
};
use tokio::time::Instant;

use crate::{
    floor::{GROUP, Log},
    person::random,
    place::{Place, address_of},
    socket::Socket,
    traffic::{Clock, Load, Seen, Shared},
};

fn row(conversation: ConversationId, n: u64, sealed: &[u8]) -> Append {
    let message = MessageId(random());
    Append { request: n, conversation, generation: 0, epoch: 1, n, message, sealed: Bytes(sealed.to_vec()) }
}

/// Sockets to the floor's server; what a connection costs is not what a message costs.
pub(crate) async fn connect(place: &Place, senders: usize) -> Result<Vec<Socket>> {
    let mut sockets = Vec::with_capacity(senders);
    for sender in 0..senders {
        sockets.push(Socket::open(place, address_of(sender), None).await?);
    }
    Ok(sockets)
}

/// This load from these senders.
pub(crate) async fn run(sockets: Vec<Socket>, size: usize, load: Load, time: Duration) -> Result<Seen> {
    let (shared, senders) = (Arc::new(Shared::default()), sockets.len());
    let mut tasks = Vec::with_capacity(senders);
    for (sender, socket) in sockets.into_iter().enumerate() {
        let (shared, clock) = (Arc::clone(&shared), Clock::new(load, sender, senders));
        tasks.push(tokio::spawn(async move {
            let done = one(socket, size, &shared, clock).await;
            shared.end();
            done
        }));
    }
    let rate = shared.watch(time).await;
    for task in tasks {
        task.await??;
    }
    Ok(shared.seen(rate))
}

async fn one(mut socket: Socket, size: usize, shared: &Shared, mut clock: Clock) -> Result<()> {
    let conversation = ConversationId(random());
    let sealed: Vec<u8> = (0..size).map(|_| 7).collect();
    let (mut n, mut out, mut latencies) = (0, VecDeque::new(), vec![]);
    loop {
        while !shared.is_over()
            && let Some(due) = clock.take(out.len())
        {
            n += 1;
            socket.feed(Frame::from(ClientFrame::Append(row(conversation, n, &sealed)).encode())).await?;
            out.push_back(due);
        }
        socket.flush().await?;
        if out.is_empty() && shared.is_over() {
            shared.keep(latencies);
            return Ok(());
        }
        tokio::select! {
            answer = socket.next_bytes() => drop(answer?),
            () = clock.wait(), if !shared.is_over() => continue,
        }
        let due: Instant = out.pop_front().context("an answer to nothing")?;
        latencies.push(due.elapsed());
        shared.acknowledged(1);
    }
}

/// Rows a second into SQLite, in groups as large as so many outstanding rows allow.
pub(crate) fn sqlite(folder: &Path, outstanding: usize, size: usize, time: Duration) -> Result<f64> {
    let mut log = Log::open(&folder.join("floor-alone.db"))?;
    let conversation = ConversationId(random());
    let sealed: Vec<u8> = (0..size).map(|_| 7).collect();
    let group = outstanding.min(GROUP);
    let start = std::time::Instant::now();
    let mut stored = 0_u32;
    while start.elapsed() < time {
        let rows: Vec<Append> = (0..group).map(|_| row(conversation, 1, &sealed)).collect();
        log.store(rows.iter())?;
        stored += u32::try_from(group)?;
    }
    Ok(f64::from(stored) / start.elapsed().as_secs_f64())
}
