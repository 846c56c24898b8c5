//! SQLite on the origin's private file system, every page encrypted.
//!
//! The pool of synchronous access handles is exclusive: while one worker holds it, no other can open the store. That is the
//! fence between tabs, so it is never opened in a mode that shares.

use std::{cell::RefCell, collections::BTreeSet, ffi::CString, fmt::Write as _};

use client_core::StoreKey;
use rsqlite_vfs::VfsFilesManager as _;
use rusqlite::{Connection, OpenFlags};
use sqlite_wasm_rs::WasmOsCallback;
use sqlite_wasm_vfs::sahpool::{OpfsSAHError, OpfsSAHPoolCfgBuilder, OpfsSAHPoolUtil, install};
use wasm_bindgen::JsValue;
use zeroize::Zeroizing;

/// The write-ahead log is copied into the database when it has this many pages (1.6 MB): small enough to be over in a moment.
const LOG_PAGES: u32 = 400;
/// The database, its log, and room for one more.
const FILES: usize = 3;
const DATABASE: &str = "store.db";

thread_local! {
    /// Pools over which the cipher lies already: it stays through pauses.
    static COVERED: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

/// Why the files can't be had.
pub(crate) enum Refused {
    /// Another worker holds them: ask again.
    Held,
    /// Anything else.
    Broken(String),
}

impl From<OpfsSAHError> for Refused {
    fn from(error: OpfsSAHError) -> Self {
        match &error {
            OpfsSAHError::Opfs { value, .. } if is_held(value) => Self::Held,
            OpfsSAHError::Busy => Self::Held,
            _ => Self::Broken(error.to_string()),
        }
    }
}

/// What Chromium and Firefox say while another worker (of a tab that is ending, or paused) has the handles.
fn is_held(error: &JsValue) -> bool {
    let name = js_sys::Reflect::get(error, &"name".into()).ok().and_then(|name| name.as_string());
    matches!(name.as_deref(), Some("NoModificationAllowedError" | "InvalidStateError"))
}

/// The files of one slot, held by this worker.
pub(crate) struct Files {
    name: String,
    pool: OpfsSAHPoolUtil,
}

impl Files {
    /// Takes the files; may be called again and again.
    pub(crate) async fn take(name: &str) -> Result<Self, Refused> {
        let options = OpfsSAHPoolCfgBuilder::new().vfs_name(name).directory(name).initial_capacity(FILES).build();
        let pool = install::<WasmOsCallback>(&options, false).await?;
        if pool.is_paused() {
            pool.resume().await?;
        }
        cover(name)?;
        Ok(Self { name: name.to_owned(), pool })
    }

    /// Opens the database that is there, or with `fresh` drops whatever is there and begins an empty one.
    pub(crate) fn open(&self, key: &StoreKey, fresh: bool) -> Result<Connection, String> {
        let create = if fresh {
            self.erase()?;
            OpenFlags::SQLITE_OPEN_CREATE
        } else {
            OpenFlags::empty()
        };
        let vfs = CString::new(["multipleciphers-", &self.name].concat()).map_err(|error| error.to_string())?;
        let connection =
            Connection::open_with_flags_and_vfs(DATABASE, OpenFlags::SQLITE_OPEN_READ_WRITE | create, vfs.as_c_str())
                .map_err(|error| error.to_string())?;
        unlock(&connection, key).map_err(|error| error.to_string())?;
        Ok(connection)
    }

    /// Drops every file of the slot. No database may be open.
    pub(crate) fn erase(&self) -> Result<(), String> {
        self.pool.clear().map_err(|error| error.to_string())
    }

    /// Lets another worker have them. No database may be open.
    pub(crate) fn release(self) -> Result<(), String> {
        self.pool.pause().map_err(|error| error.to_string())
    }
}

/// The key is used as it is (64 hexadecimal digits after `x`), without a derivation: it is 32 random bytes already.
fn unlock(connection: &Connection, key: &StoreKey) -> rusqlite::Result<()> {
    let mut text = Zeroizing::new(String::with_capacity(67));
    text.push_str("x'");
    for byte in key.0 {
        // Writing to a string can't fail.
        let _: std::fmt::Result = write!(text, "{byte:02x}");
    }
    text.push('\'');
    connection.pragma_update(None, "key", text.as_str())?;
    // A message changes a few rows on as many pages, and each is encrypted and written whole. Of a store made with another size it stays.
    connection.pragma_update(None, "page_size", 4_096)?;
    connection.pragma_update(None, "locking_mode", "exclusive")?;
    // One flush makes a transaction durable; a rollback journal needs four. Without shared memory the log wants the lock above.
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    // What a checkpoint has copied is cut off, so that old states of a ratchet don't stay behind in the log.
    connection.pragma_update(None, "journal_size_limit", 0)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "temp_store", "memory")
}

/// The pool alone can't encrypt: SQLite3MultipleCiphers wants its shim over it, named `multipleciphers-<pool>`.
#[expect(unsafe_code, reason = "the cipher's one C function has no safe binding")]
fn cover(name: &str) -> Result<(), Refused> {
    if COVERED.with_borrow(|covered| covered.contains(name)) {
        return Ok(());
    }
    let text = CString::new(name).map_err(|error| Refused::Broken(error.to_string()))?;
    // SAFETY: the name is a NUL-terminated string that lives over the call, which copies it; the file system of that name
    // was registered by the pool above and is never unregistered for good, so the pointer that the shim keeps stays valid;
    // WebAssembly here has one thread.
    let code = unsafe { sqlite_wasm_rs::sqlite3mc_vfs_create(text.as_ptr(), 0) };
    if code != 0 {
        return Err(Refused::Broken("the cipher can't be laid over the files".to_owned()));
    }
    COVERED.with_borrow_mut(|covered| covered.insert(name.to_owned()));
    Ok(())
}
