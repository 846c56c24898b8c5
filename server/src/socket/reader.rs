//! What a greeted socket sends: each frame is one operation, authorised again, answered after its commit.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use server_core::{
    Announce, Caller, Done, Outcome, Refusal,
    conversation::{self, Range},
    inbox,
};
use shared::{
    Code, ConversationId,
    frame::{Append, ClientFrame, Cursor, Entries, Fetch, Refused, ServerFrame},
    limits,
};
use tokio::time::Instant;

use super::bucket::Bucket;
use crate::{
    app::{App, Pace},
    http::refusal::log,
    hub::Outlet,
};

/// A socket that sends so many frames nobody can read is closed.
const MALFORMED: u32 = 8;

/// Carries out frames.
pub(super) struct Reader {
    app: Arc<App>,
    outlet: Arc<Outlet>,
    rows: Bucket,
    malformed: u32,
    acknowledged: Acknowledged,
}

/// Cursors that wait for the writer. They only rise, so one that comes while another waits takes its place.
#[derive(Clone, Default)]
struct Acknowledged(Arc<Mutex<HashMap<ConversationId, u64>>>);

impl Acknowledged {
    /// Keeps a cursor; true when the writer has to be asked, false when it will find this one.
    fn put(&self, cursor: Cursor) -> bool {
        let mut waiting = self.waiting();
        let before = waiting.get(&cursor.conversation).copied();
        waiting.insert(cursor.conversation, before.unwrap_or_default().max(cursor.number));
        before.is_none()
    }

    /// The highest that came; none when it was taken already.
    fn take(&self, conversation: ConversationId) -> Option<Cursor> {
        self.waiting().remove(&conversation).map(|number| Cursor { conversation, number })
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<ConversationId, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    pub(super) fn new(app: Arc<App>, outlet: Arc<Outlet>, pace: &Pace) -> Self {
        Self {
            app,
            outlet,
            rows: Bucket::new(pace.rows_at_once, pace.rows_per_second),
            malformed: 0,
            acknowledged: Acknowledged::default(),
        }
    }

    /// Carries out one frame; a break closes the socket.
    pub(super) async fn frame(&mut self, bytes: &[u8]) -> ControlFlow<Code> {
        if bytes.len() > limits::FRAME {
            self.refuse(0, Code::TooLarge.into());
            return ControlFlow::Continue(());
        }
        let Ok(frame) = ClientFrame::decode(bytes) else {
            self.malformed += 1;
            self.refuse(0, Code::Malformed.into());
            return if self.malformed < MALFORMED { ControlFlow::Continue(()) } else { ControlFlow::Break(Code::Malformed) };
        };
        match frame {
            ClientFrame::Hello(_) => self.refuse(0, Code::HelloFirst.into()),
            ClientFrame::Append(append) => self.append(append),
            ClientFrame::Fetch(fetch) => self.fetch(fetch).await,
            ClientFrame::Acknowledge(cursor) => self.acknowledge(cursor),
            ClientFrame::InboxAcknowledge(number) => {
                self.quietly(move |sql, caller| inbox::acknowledge(sql, caller, number));
            }
            ClientFrame::Ping(number) => self.outlet.answer(&ServerFrame::Pong(number)),
        }
        ControlFlow::Continue(())
    }

    fn append(&mut self, append: Append) {
        let request = append.request;
        if append.sealed.0.len() > limits::ROW {
            return self.refuse(request, Code::TooLarge.into());
        }
        if let Err(wait) = self.rows.take(Instant::now()) {
            let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
            return self.refuse(request, Refusal::new(Code::RateLimited).after(millis));
        }
        let append = Arc::new(append);
        let (asked, caller) = (Arc::clone(&append), *self.outlet.caller());
        let (outlet, hub) = (Arc::clone(&self.outlet), Arc::clone(&self.app.hub));
        self.outlet.begin();
        let queued = self.app.store.submit_decided(
            move |sql, context| conversation::append(sql, context, &caller, &asked),
            move |outcome| match outcome {
                Err(refusal) => outlet.finish(Some(&refused(request, &refusal))),
                Ok(Done { answer, announce }) => {
                    outlet.finish(Some(&ServerFrame::Appended(answer)));
                    let mut rest = vec![];
                    for one in announce {
                        match one {
                            Announce::Head { conversation, number, devices }
                                if conversation == append.conversation && number == answer.number =>
                            {
                                hub.publish_row(&devices, conversation, conversation::message_row(&append, &caller, &answer));
                            }
                            other => rest.push(other),
                        }
                    }
                    hub.publish(rest);
                }
            },
        );
        if let Err(refusal) = queued {
            self.outlet.finish(Some(&refused(request, &refusal)));
        }
    }

    fn acknowledge(&self, cursor: Cursor) {
        if !self.acknowledged.put(cursor) {
            return;
        }
        let acknowledged = self.acknowledged.clone();
        let queued = self.quietly(move |sql, caller| {
            let Some(cursor) = acknowledged.take(cursor.conversation) else { return Ok(Done::quiet(())) };
            conversation::acknowledge(sql, caller, &cursor)
        });
        if !queued {
            // The writer will not come for it.
            self.acknowledged.take(cursor.conversation);
        }
    }

    async fn fetch(&self, Fetch { request, conversation, after, limit }: Fetch) {
        let (caller, range) = (*self.outlet.caller(), Range::frame(after, limit));
        match self.app.store.read(move |sql, _| conversation::fetch(sql, &caller, conversation, range)).await {
            Ok(seen) => {
                let rows = seen.answer;
                self.outlet.entries(Entries { conversation, rows: rows.rows, head: rows.head, floor: rows.floor, request });
            }
            Err(refusal) => self.refuse(request, refusal),
        }
    }

    /// An operation without an answer; only its refusal is told. Says whether it was queued.
    fn quietly(&self, operation: impl FnOnce(&mut dyn server_core::sql::Sql, &Caller) -> Outcome<()> + Send + 'static) -> bool {
        let caller = *self.outlet.caller();
        let (outlet, hub) = (Arc::clone(&self.outlet), Arc::clone(&self.app.hub));
        self.outlet.begin();
        let queued = self.app.store.submit_later(
            move |sql, _| operation(sql, &caller),
            move |outcome| match outcome {
                Ok(done) => {
                    outlet.finish(None);
                    hub.publish(done.announce);
                }
                Err(refusal) => outlet.finish(Some(&refused(0, &refusal))),
            },
        );
        match queued {
            Ok(()) => true,
            Err(refusal) => {
                self.outlet.finish(Some(&refused(0, &refusal)));
                false
            }
        }
    }

    fn refuse(&self, request: u64, refusal: Refusal) {
        self.outlet.answer(&refused(request, &refusal));
    }
}

fn refused(request: u64, refusal: &Refusal) -> ServerFrame {
    log(refusal);
    let number = match refusal.detail {
        Some(server_core::Detail::Number(number)) => Some(number),
        _ => refusal.retry_after,
    };
    ServerFrame::Refused(Refused::new(request, refusal.code, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_that_wait_become_one_and_never_fall() {
        let acknowledged = Acknowledged::default();
        let cursor = |of, number| Cursor { conversation: ConversationId([of; 16]), number };
        assert!(acknowledged.put(cursor(1, 5)), "the writer is asked");
        assert!(!acknowledged.put(cursor(1, 7)), "it will find this one");
        assert!(!acknowledged.put(cursor(1, 6)));
        assert!(acknowledged.put(cursor(2, 1)), "another conversation");
        assert_eq!(acknowledged.take(ConversationId([1; 16])), Some(cursor(1, 7)));
        assert_eq!(acknowledged.take(ConversationId([1; 16])), None);
        assert!(acknowledged.put(cursor(1, 8)), "asked again");
    }
}
