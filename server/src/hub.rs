//! Who is connected, and what they are told. Hints only: a socket that missed some is sent `Resync` and asks by cursor.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::body::Bytes;
use server_core::{Announce, Caller};
use shared::{
    AccountId, Code, ConversationId, DeviceId,
    frame::{Cursor, Entries, Row, ServerFrame},
};
use tokio::sync::Notify;

/// Frames that wait for one socket at most …
const FRAMES: usize = 256;
/// … and their bytes.
const BYTES: usize = 1024 * 1024;
/// Above this many bytes that wait, or …
const FULL: usize = 512 * 1024;
/// … this many requests under way, nothing more is read from the socket.
const UNDER_WAY: usize = 64;

/// All living sockets of this process.
#[derive(Debug, Default)]
pub struct Hub(Mutex<Living>);

#[derive(Debug, Default)]
struct Living {
    devices: HashMap<DeviceId, Vec<Arc<Outlet>>>,
    accounts: HashMap<AccountId, Vec<Arc<Outlet>>>,
}

impl Hub {
    /// From now on this socket hears what concerns its device.
    pub fn join(&self, outlet: &Arc<Outlet>) {
        let mut living = lock(&self.0);
        living.devices.entry(outlet.caller.device()).or_default().push(Arc::clone(outlet));
        living.accounts.entry(outlet.caller.account()).or_default().push(Arc::clone(outlet));
    }

    /// This socket's Hello was taken: it is the device's only one, and those taken before it are told that they are
    /// replaced. Called in the order of the commits, so that of two at the same moment the later one stays.
    pub fn take_over(&self, outlet: &Arc<Outlet>) {
        for other in lock(&self.0).devices.get(&outlet.caller.device()).into_iter().flatten() {
            if !Arc::ptr_eq(other, outlet) && lock(&other.queue).taken {
                other.close(Code::Replaced);
            }
        }
        lock(&outlet.queue).taken = true;
    }

    /// This socket hears nothing any more.
    pub fn leave(&self, outlet: &Arc<Outlet>) {
        let mut living = lock(&self.0);
        forget(&mut living.devices, &outlet.caller.device(), outlet);
        forget(&mut living.accounts, &outlet.caller.account(), outlet);
    }

    /// How many sockets live.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.0).devices.values().map(Vec::len).sum()
    }

    /// Tells everybody concerned. Called after the commit.
    pub fn publish(&self, announce: Vec<Announce>) {
        if announce.is_empty() {
            return;
        }
        let living = lock(&self.0);
        for one in announce {
            living.tell(one);
        }
    }

    /// The same for a row just stored: who has all before it gets it at once, others a hint.
    pub fn publish_row(&self, devices: &[DeviceId], conversation: ConversationId, row: Row) {
        let number = row.number;
        let mut row = Some(row);
        let mut encoded: Option<Bytes> = None;
        let living = lock(&self.0);
        for outlet in devices.iter().filter_map(|device| living.devices.get(device)).flatten() {
            outlet.row(conversation, number, || {
                let frame = encoded.get_or_insert_with(|| {
                    let rows = row.take().into_iter().collect();
                    ServerFrame::Entries(Entries { conversation, rows, head: number, floor: 0, request: 0 }).encode().into()
                });
                frame.clone()
            });
        }
    }
}

impl Living {
    fn tell(&self, announce: Announce) {
        match announce {
            Announce::Head { conversation, number, devices } => {
                self.hint(&devices, &ServerFrame::Head(Cursor { conversation, number }));
            }
            Announce::Inbox { device, .. } => self.of(&device).for_each(|outlet| outlet.inbox()),
            Announce::Delivered { delivered, devices } => self.hint(&devices, &ServerFrame::Delivered(delivered)),
            Announce::Wanted { wanted, devices } => self.hint(&devices, &ServerFrame::Wanted(wanted)),
            Announce::SessionEnded { account, session } => {
                self.end(&account, |outlet| outlet.caller.session() == session);
            }
            Announce::SessionsEnded { account, except } => {
                self.end(&account, |outlet| Some(outlet.caller.session()) != except);
            }
            Announce::DeviceGone { account, device } => self.end(&account, |outlet| outlet.caller.device() == device),
        }
    }

    fn of(&self, device: &DeviceId) -> impl Iterator<Item = &Arc<Outlet>> {
        self.devices.get(device).into_iter().flatten()
    }

    fn hint(&self, devices: &[DeviceId], frame: &ServerFrame) {
        let mut encoded: Option<Bytes> = None;
        for outlet in devices.iter().flat_map(|device| self.of(device)) {
            outlet.hint(encoded.get_or_insert_with(|| frame.encode().into()).clone());
        }
    }

    fn end(&self, account: &AccountId, which: impl Fn(&Outlet) -> bool) {
        let outlets = self.accounts.get(account).into_iter().flatten();
        outlets.filter(|outlet| which(outlet)).for_each(|outlet| outlet.close(Code::SessionEnded));
    }
}

fn forget<K: std::hash::Hash + Eq>(map: &mut HashMap<K, Vec<Arc<Outlet>>>, key: &K, outlet: &Arc<Outlet>) {
    if let Some(outlets) = map.get_mut(key) {
        outlets.retain(|other| !Arc::ptr_eq(other, outlet));
        if outlets.is_empty() {
            map.remove(key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What waits to be written to one socket. Answers are bounded by the requests under way and never dropped; hints are
/// dropped all at once when there are too many, and `Resync` takes their place.
#[derive(Debug)]
pub struct Outlet {
    caller: Caller,
    queue: Mutex<Queue>,
    wake: Notify,
    closing: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Waiting>,
    bytes: usize,
    /// Last row number this socket was sent, a conversation.
    sent: HashMap<ConversationId, u64>,
    under_way: usize,
    /// Its Hello was taken.
    taken: bool,
    inbox: bool,
    resync: bool,
    close: Option<Code>,
}

#[derive(Debug)]
struct Waiting {
    bytes: Bytes,
    sort: Sort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Answer,
    Hint,
    Resync,
}

/// What the socket's task does next.
#[derive(Debug)]
pub enum Work {
    /// Write this frame.
    Frame(Bytes),
    /// Read the inbox and push it.
    Inbox,
    /// Say goodbye.
    Close(Code),
}

impl Outlet {
    /// For a device whose rows up to these cursors are stored.
    #[must_use]
    pub fn new(caller: Caller, cursors: &[Cursor]) -> Arc<Self> {
        let sent = cursors.iter().map(|cursor| (cursor.conversation, cursor.number)).collect();
        let queue = Mutex::new(Queue { sent, ..Queue::default() });
        Arc::new(Self { caller, queue, wake: Notify::new(), closing: Notify::new() })
    }

    /// Whose socket.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The answer to Hello goes before all that was announced meanwhile.
    pub fn greet(&self, frame: &ServerFrame) {
        let bytes: Bytes = frame.encode().into();
        let mut queue = lock(&self.queue);
        queue.bytes += bytes.len();
        queue.frames.push_front(Waiting { bytes, sort: Sort::Answer });
        queue.inbox = true;
    }

    /// A request begins; its answer will be given by [`Outlet::finish`].
    pub fn begin(&self) {
        lock(&self.queue).under_way += 1;
    }

    /// The answer of a request under way, if it has one.
    pub fn finish(&self, frame: Option<&ServerFrame>) {
        let mut queue = lock(&self.queue);
        queue.under_way = queue.under_way.saturating_sub(1);
        if let Some(frame) = frame {
            queue.push(frame.encode().into(), Sort::Answer);
        }
        drop(queue);
        self.wake.notify_one();
    }

    /// An answer given at once.
    pub fn answer(&self, frame: &ServerFrame) {
        lock(&self.queue).push(frame.encode().into(), Sort::Answer);
        self.wake.notify_one();
    }

    /// Rows the device asked for: what follows them can be pushed.
    pub fn entries(&self, entries: Entries) {
        let mut queue = lock(&self.queue);
        if let Some(last) = entries.rows.last() {
            queue.sent.insert(entries.conversation, last.number);
        }
        queue.push(ServerFrame::Entries(entries).encode().into(), Sort::Answer);
        drop(queue);
        self.wake.notify_one();
    }

    /// The socket closes with this code once the frame being written is through.
    pub fn close(&self, code: Code) {
        lock(&self.queue).close.get_or_insert(code);
        self.wake.notify_one();
        self.closing.notify_one();
    }

    /// Was [`Outlet::close`] called?
    #[must_use]
    pub fn is_closing(&self) -> bool {
        lock(&self.queue).close.is_some()
    }

    /// Waits until [`Outlet::close`] is called.
    pub async fn closed(&self) {
        while !self.is_closing() {
            self.closing.notified().await;
        }
    }

    /// May another frame be read from the socket?
    #[must_use]
    pub fn may_read(&self) -> bool {
        let queue = lock(&self.queue);
        queue.under_way < UNDER_WAY && queue.bytes < FULL && queue.frames.len() < FRAMES
    }

    /// No request is under way and nothing waits.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let queue = lock(&self.queue);
        queue.under_way == 0 && queue.frames.is_empty()
    }

    /// Waits for something to do. Cancelling loses nothing.
    pub async fn next(&self) -> Work {
        loop {
            if let Some(work) = self.take() {
                return work;
            }
            self.wake.notified().await;
        }
    }

    /// What waits already.
    #[must_use]
    pub fn take(&self) -> Option<Work> {
        let mut queue = lock(&self.queue);
        if let Some(code) = queue.close {
            return Some(Work::Close(code));
        }
        if let Some(bytes) = queue.pop() {
            return Some(Work::Frame(bytes));
        }
        std::mem::take(&mut queue.inbox).then_some(Work::Inbox)
    }

    /// The next frame that waits, unless the socket closes.
    #[must_use]
    pub fn take_frame(&self) -> Option<Bytes> {
        let mut queue = lock(&self.queue);
        if queue.close.is_some() { None } else { queue.pop() }
    }

    fn inbox(&self) {
        lock(&self.queue).inbox = true;
        self.wake.notify_one();
    }

    fn hint(&self, bytes: Bytes) {
        lock(&self.queue).hint(bytes);
        self.wake.notify_one();
    }

    fn row(&self, conversation: ConversationId, number: u64, entries: impl FnOnce() -> Bytes) {
        let mut queue = lock(&self.queue);
        if queue.sent.get(&conversation).is_some_and(|sent| *sent + 1 == number) {
            queue.sent.insert(conversation, number);
            queue.hint(entries());
        } else {
            queue.hint(ServerFrame::Head(Cursor { conversation, number }).encode().into());
        }
        drop(queue);
        self.wake.notify_one();
    }
}

impl Queue {
    fn push(&mut self, bytes: Bytes, sort: Sort) {
        self.bytes += bytes.len();
        self.frames.push_back(Waiting { bytes, sort });
    }

    fn pop(&mut self) -> Option<Bytes> {
        let waiting = self.frames.pop_front()?;
        self.bytes -= waiting.bytes.len();
        if waiting.sort == Sort::Resync {
            self.resync = false;
        }
        Some(waiting.bytes)
    }

    fn hint(&mut self, bytes: Bytes) {
        if self.close.is_some() || self.resync {
            return;
        }
        if self.frames.len() < FRAMES && self.bytes + bytes.len() <= BYTES {
            self.push(bytes, Sort::Hint);
            return;
        }
        self.frames.retain(|waiting| waiting.sort != Sort::Hint);
        self.bytes = self.frames.iter().map(|waiting| waiting.bytes.len()).sum();
        // What was taken back was not sent: rows are pushed again once the device has fetched.
        self.sent.clear();
        self.resync = true;
        self.push(ServerFrame::Resync.encode().into(), Sort::Resync);
    }
}
