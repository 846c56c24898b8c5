//! The life of one socket: hello, then frames both ways, then goodbye.

use std::{ops::ControlFlow, sync::Arc};

use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket},
};
use futures_util::SinkExt as _;
use server_core::{Caller, Session, conversation, inbox, session};
use shared::{
    Code,
    frame::{ClientFrame, ClientHello, ServerFrame, VERSION},
    limits,
};
use tokio::sync::oneshot;
use tokio::time::{Duration, Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite;

use super::{bucket::Bucket, reader};
use crate::{
    app::{App, stopping},
    hub::{Outlet, Work},
    logs::Sparing,
    remote::Remote,
};

/// Any browser can say it, true or not.
static WENT_BACK: Sparing = Sparing::new();

/// A frame being written to a socket that must close is given this long.
const GRACE: Duration = Duration::from_millis(400);
/// Answers under way when the server stops are waited for this long.
const FINISH: Duration = Duration::from_secs(3);
/// Frames up to about so many bytes leave together.
pub(super) const TOGETHER: usize = 8 * 1024;
/// Hints of waiting devices that a Hello is followed by, at most.
const WANTED: usize = 1_000;

/// Serves one socket until it ends. `remote` keeps the connection counted while it lives.
pub(super) async fn run(app: Arc<App>, session: Session, caller: Caller, socket: WebSocket, remote: Remote) {
    let mut wire = Wire { socket, pace: app.pace };
    let hello = match first(&app, &mut wire).await {
        Ok(hello) => hello,
        Err(code) => return wire.goodbye(code).await,
    };
    let outlet = Outlet::new(caller, &hello.cursors);
    let inbox = hello.inbox;
    app.hub.join(&outlet);
    let code = match greet(&app, &session, &outlet, hello).await {
        Ok(()) => {
            let live = Live { app: &app, session, outlet: &outlet, wire: &mut wire, inbox };
            live.serve().await
        }
        Err(code) => Some(code),
    };
    app.hub.leave(&outlet);
    if let Some(code) = code {
        wire.goodbye(code).await;
    }
    drop(remote);
}

/// The first frame must be Hello, of our version, in time.
async fn first(app: &App, wire: &mut Wire) -> Result<ClientHello, Code> {
    let mut stage = app.stage.clone();
    let received = tokio::select! {
        received = timeout(app.pace.hello, wire.data()) => received.unwrap_or(Err(Some(Code::HelloFirst))),
        () = stopping(&mut stage) => return Err(Code::GoingAway),
    };
    // A peer that is gone hears no code; any will do.
    let bytes = received.map_err(|code| code.unwrap_or(Code::HelloFirst))?;
    match ClientFrame::decode(&bytes) {
        Ok(ClientFrame::Hello(hello)) if hello.version == VERSION => Ok(hello),
        Ok(ClientFrame::Hello(_)) => Err(Code::VersionTooOld),
        Ok(_) => Err(Code::HelloFirst),
        Err(_) => Err(Code::Malformed),
    }
}

/// Stores the run token and answers. The outlet listens already, so nothing falls between this answer and the first hint.
async fn greet(app: &App, session: &Session, outlet: &Arc<Outlet>, hello: ClientHello) -> Result<(), Code> {
    let (asked, caller) = (session.clone(), *outlet.caller());
    let operation = move |sql: &mut dyn server_core::sql::Sql, context: &mut server_core::Context<'_>| {
        session::recheck(sql, context, &asked)?;
        conversation::hello(sql, context, &caller, &hello)
    };
    let (tell, told) = oneshot::channel();
    let (hub, taken) = (Arc::clone(&app.hub), Arc::clone(outlet));
    let settle = move |outcome: server_core::Outcome<_>| {
        let answer = outcome.map(|done| {
            hub.take_over(&taken);
            hub.publish(done.announce);
            done.answer
        });
        // A socket that is gone meanwhile leaves the hub by itself.
        let _ = tell.send(answer);
    };
    let refused = |refusal: server_core::Refusal| {
        crate::http::refusal::log(&refusal);
        if refusal.code == Code::WentBack
            && let Some(left_out) = WENT_BACK.pass()
        {
            tracing::error!(
                left_out,
                "a browser has rows that this database never had: it is an older copy. Stop, delete store.epoch, start"
            );
        }
        if refusal.code == Code::LoginRequired { Code::SessionEnded } else { refusal.code }
    };
    app.store.submit(operation, settle).map_err(refused)?;
    let answer = told.await.map_err(|_| Code::Unavailable)?.map_err(refused)?;
    let wanted = app.store.read(move |sql, _| conversation::wanted(sql, &caller)).await;
    outlet.greet(&ServerFrame::Hello(answer));
    for wanted in wanted.map(|seen| seen.answer).unwrap_or_default().into_iter().take(WANTED) {
        outlet.answer(&ServerFrame::Wanted(wanted));
    }
    Ok(())
}

/// A greeted socket.
struct Live<'a> {
    app: &'a Arc<App>,
    session: Session,
    outlet: &'a Arc<Outlet>,
    wire: &'a mut Wire,
    /// The last inbox item this socket was sent.
    inbox: u64,
}

impl Live<'_> {
    /// Until it ends; says with which code, or nothing when the peer is gone.
    async fn serve(mut self) -> Option<Code> {
        let pace = self.app.pace;
        let mut stage = self.app.stage.clone();
        let mut reader = reader::Reader::new(Arc::clone(self.app), Arc::clone(self.outlet), &pace);
        // Messages of any kind, pings too: far above what a client needs.
        let mut messages = Bucket::new(pace.rows_at_once.saturating_mul(4), pace.rows_per_second.saturating_mul(4));
        let start = Instant::now();
        let (mut heard, mut ping_at, mut recheck_at) = (start, start + pace.ping, start + pace.recheck);
        loop {
            let alarm = ping_at.min(recheck_at).min(heard + pace.silence);
            tokio::select! {
                work = self.outlet.next() => match self.work(work).await {
                    ControlFlow::Continue(()) => {}
                    ControlFlow::Break(code) => return code,
                },
                received = self.wire.message(), if self.outlet.may_read() => {
                    heard = Instant::now();
                    match received {
                        Ok(_) if messages.take(heard).is_err() => return Some(Code::RateLimited),
                        Ok(Some(bytes)) => match reader.frame(&bytes).await {
                            ControlFlow::Continue(()) => {}
                            ControlFlow::Break(code) => return Some(code),
                        },
                        Ok(None) => {}
                        Err(code) => return code,
                    }
                }
                () = sleep_until(alarm) => {
                    let now = Instant::now();
                    if now >= heard + pace.silence {
                        return None;
                    }
                    if now >= ping_at {
                        ping_at = now + pace.ping;
                        if !self.wire.send(Message::Ping(Bytes::new()), self.outlet).await {
                            return Some(Code::TooSlow);
                        }
                    }
                    if now >= recheck_at {
                        recheck_at = now + pace.recheck;
                        recheck(self.app, &self.session, self.outlet).await;
                    }
                }
                () = stopping(&mut stage) => return self.finish().await,
            }
            if self.outlet.is_closing()
                && let Some(Work::Close(code)) = self.outlet.take()
            {
                return Some(code);
            }
        }
    }

    async fn work(&mut self, work: Work) -> ControlFlow<Option<Code>> {
        match work {
            Work::Frame(bytes) => self.write(bytes).await,
            Work::Inbox => self.push_inbox().await,
            Work::Close(code) => ControlFlow::Break(Some(code)),
        }
    }

    /// Everything in the inbox above what was sent. An item too big for a frame is only hinted at, by an empty list: it
    /// is read by HTTP.
    async fn push_inbox(&mut self) -> ControlFlow<Option<Code>> {
        loop {
            let (caller, after) = (*self.outlet.caller(), self.inbox);
            let read = move |sql: &mut dyn server_core::sql::Sql, _: &mut server_core::Context<'_>| {
                inbox::read(sql, &caller, after, limits::FETCH, limits::ENTRIES)
            };
            let items = match self.app.store.read(read).await {
                Ok(seen) => seen.answer,
                // It stays in the inbox; the next hint or the next Hello asks again.
                Err(_) => return ControlFlow::Continue(()),
            };
            let Some(last) = items.last() else { return ControlFlow::Continue(()) };
            self.inbox = last.number;
            let mut bytes = ServerFrame::Inbox(items).encode();
            if bytes.len() > limits::SERVER_FRAME {
                bytes = ServerFrame::Inbox(vec![]).encode();
            }
            self.write(bytes.into()).await?;
        }
    }

    async fn write(&mut self, bytes: Bytes) -> ControlFlow<Option<Code>> {
        if self.wire.send(Message::Binary(bytes), self.outlet).await {
            return ControlFlow::Continue(());
        }
        // Either the reader is too slow or gone, or the socket must close and the grace is over.
        ControlFlow::Break(match self.outlet.take() {
            Some(Work::Close(code)) => Some(code),
            _ => Some(Code::TooSlow),
        })
    }

    /// The server stops: what is under way is answered first.
    async fn finish(mut self) -> Option<Code> {
        let end = Instant::now() + FINISH;
        while !self.outlet.is_idle() && Instant::now() < end {
            let Ok(work) = timeout(Duration::from_millis(100), self.outlet.next()).await else { continue };
            if let ControlFlow::Break(code) = self.work(work).await {
                return code;
            }
        }
        Some(Code::GoingAway)
    }
}

/// Slides the session while its socket lives; closes the socket of one that has ended, should nobody have announced it.
async fn recheck(app: &App, session: &Session, outlet: &Outlet) {
    let asked = session.clone();
    let seen = app.store.read(move |sql, context| session::recheck(sql, context, &asked)).await;
    let ended = match seen {
        Ok(seen) if seen.wrote => {
            let asked = session.clone();
            app.store.write(move |sql, context| session::recheck(sql, context, &asked)).await.err()
        }
        Ok(_) => None,
        Err(refusal) => Some(refusal),
    };
    if ended.is_some_and(|refusal| refusal.code == Code::LoginRequired) {
        outlet.close(Code::SessionEnded);
    }
}

/// The WebSocket with its deadlines.
struct Wire {
    socket: WebSocket,
    pace: crate::app::Pace,
}

impl Wire {
    /// The next message: a binary one's bytes, nothing for control messages; or why the socket ends.
    async fn message(&mut self) -> Result<Option<Bytes>, Option<Code>> {
        match self.socket.recv().await {
            Some(Ok(Message::Binary(bytes))) => Ok(Some(bytes)),
            // Frames are binary; an empty one is malformed CBOR and is answered as such.
            Some(Ok(Message::Text(_))) => Ok(Some(Bytes::new())),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
            Some(Ok(Message::Close(_))) => {
                // RFC 6455 §5.5.1: a close is answered with one. It waits in the socket and leaves with the next read.
                let _ = timeout(GRACE, self.socket.recv()).await;
                Err(None)
            }
            None => Err(None),
            Some(Err(error)) => Err(code_of(error)),
        }
    }

    async fn data(&mut self) -> Result<Bytes, Option<Code>> {
        loop {
            if let Some(bytes) = self.message().await? {
                return Ok(bytes);
            }
        }
    }

    /// Writes one message, and the frames that wait behind it in the same piece: an answer and the row it belongs to are
    /// one TLS record and one call of the system. False when the reader is too slow, gone, or the socket must close.
    async fn send(&mut self, message: Message, outlet: &Outlet) -> bool {
        let must_close = async {
            outlet.closed().await;
            sleep(GRACE).await;
        };
        let socket = &mut self.socket;
        let write = async {
            let mut bytes = length(&message);
            socket.feed(message).await?;
            while bytes < TOGETHER
                && let Some(frame) = outlet.take_frame()
            {
                bytes += frame.len();
                socket.feed(Message::Binary(frame)).await?;
            }
            socket.flush().await
        };
        tokio::select! {
            sent = timeout(self.pace.write, write) => matches!(sent, Ok(Ok(()))),
            () = must_close => false,
        }
    }

    /// Bye, a close frame, and a moment for the peer to read them.
    async fn goodbye(mut self, code: Code) {
        let bye = ServerFrame::Bye(code.as_str().to_owned()).encode();
        let last = async {
            self.socket.send(Message::Binary(bye.into())).await.ok()?;
            let frame = CloseFrame { code: close_code(code), reason: code.as_str().into() };
            self.socket.send(Message::Close(Some(frame))).await.ok()?;
            while let Some(Ok(_)) = self.socket.recv().await {}
            Some(())
        };
        let _ = timeout(GRACE * 2, last).await;
    }
}

fn length(message: &Message) -> usize {
    if let Message::Binary(bytes) = message { bytes.len() } else { 0 }
}

fn code_of(error: axum::Error) -> Option<Code> {
    let error = error.into_inner().downcast::<tungstenite::Error>().ok()?;
    match *error {
        tungstenite::Error::Capacity(_) => Some(Code::TooLarge),
        tungstenite::Error::Protocol(_) | tungstenite::Error::Utf8(_) => Some(Code::Malformed),
        _ => None,
    }
}

/// RFC 6455 §7.4.1.
const fn close_code(code: Code) -> u16 {
    match code {
        Code::GoingAway => 1001,
        Code::Malformed | Code::HelloFirst => 1002,
        Code::TooLarge => 1009,
        Code::Internal | Code::Unavailable => 1011,
        Code::Replaced => 1000,
        _ => 1008,
    }
}
