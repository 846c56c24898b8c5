//! Where the local store lives: in encrypted files, in a log of sealed batches, or in memory alone.

use client_core::{Batch, Snapshot, StoreKey, view::Message};
use client_store::Store;
use rusqlite::Connection;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::{
    host::Host,
    log,
    opfs::{Files, Refused},
};

/// How long to wait before asking again for files that another worker holds.
const AGAIN: u32 = 40;
/// A log of more batches is written anew when it is opened.
const LONG: usize = 1_000;

/// What this browser gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// Encrypted files.
    Disk,
    /// Memory, and every batch sealed and added to a log.
    Log,
    /// Memory: gone when the worker ends.
    Memory,
}

impl Home {
    /// From the word of `AppState.store`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "disk" => Some(Self::Disk),
            "sealed-log" => Some(Self::Log),
            "memory" => Some(Self::Memory),
            _ => None,
        }
    }
}

/// An open store in its home.
pub struct Local {
    store: Store,
    files: Option<Files>,
    logged: bool,
}

impl Local {
    /// Opens the store that is there. Waits for as long as another worker holds its files.
    ///
    /// # Errors
    /// A sentence for the log: no store, another key, damage.
    pub async fn open(home: Home, host: &Host, name: &str, key: &StoreKey) -> Result<Self, String> {
        match home {
            Home::Disk => {
                let files = take(host, name).await?;
                Self::on_disk(files, key, false, None)
            }
            Home::Log => {
                let sealed = host.log_open(key.0.to_vec()).await.map_err(said)?;
                let batches: Vec<JsValue> = sealed.dyn_into::<js_sys::Array>().map_err(said)?.to_vec();
                if batches.is_empty() {
                    return Err("there is no log".to_owned());
                }
                let mut store = in_memory()?;
                for batch in &batches {
                    let bytes = js_sys::Uint8Array::new(batch).to_vec();
                    let batch = log::decode(&bytes).ok_or("a batch of the log can't be read")?;
                    store.apply(&batch).map_err(|error| error.to_string())?;
                }
                if batches.len() > LONG {
                    shorten(host, &store).await?;
                }
                Ok(Self { store, files: None, logged: true })
            }
            Home::Memory => Err("a store in memory does not outlive its worker".to_owned()),
        }
    }

    /// Drops what is there and begins with this batch.
    ///
    /// # Errors
    /// A sentence for the log.
    pub async fn fresh(home: Home, host: &Host, name: &str, key: &StoreKey, batch: &Batch) -> Result<Self, String> {
        if home == Home::Disk {
            let files = take(host, name).await?;
            return Self::on_disk(files, key, true, Some(batch));
        }
        let mut store = in_memory()?;
        store.apply(batch).map_err(|error| error.to_string())?;
        if home == Home::Log {
            host.log_open(key.0.to_vec()).await.map_err(said)?;
            let bytes = log::encode(batch).ok_or("the batch can't be written")?;
            host.log_replace(js_sys::Array::of1(&js_sys::Uint8Array::from(bytes.as_slice()))).await.map_err(said)?;
        }
        Ok(Self { store, files: None, logged: home == Home::Log })
    }

    fn on_disk(files: Files, key: &StoreKey, fresh: bool, batch: Option<&Batch>) -> Result<Self, String> {
        let opened = files.open(key, fresh).and_then(|connection| {
            let mut store = Store::open(connection).map_err(|error| error.to_string())?;
            if let Some(batch) = batch {
                store.apply(batch).map_err(|error| error.to_string())?;
            }
            Ok(store)
        });
        match opened {
            Ok(store) => Ok(Self { store, files: Some(files), logged: false }),
            Err(why) => {
                files.release()?;
                Err(why)
            }
        }
    }

    /// All state rows.
    ///
    /// # Errors
    /// A sentence for the log.
    pub fn load(&self) -> Result<Snapshot, String> {
        self.store.load().map_err(|error| error.to_string())
    }

    /// Makes a batch durable; returns the messages that it delivered.
    ///
    /// # Errors
    /// A sentence for the log. The store may then hold in memory what is not durable: open it anew.
    pub async fn apply(&mut self, host: &Host, batch: &Batch) -> Result<Vec<Message>, String> {
        let delivered = self.store.apply(batch).map_err(|error| error.to_string())?;
        if self.logged {
            let bytes = log::encode(batch).ok_or("the batch can't be written")?;
            host.log_append(bytes).await.map_err(said)?;
        }
        Ok(delivered)
    }

    /// For queries of the screens.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Closes the store and gives its files away.
    ///
    /// # Errors
    /// A sentence for the log.
    pub fn close(self) -> Result<(), String> {
        self.store.close().map_err(|error| error.to_string())?;
        self.files.map_or(Ok(()), Files::release)
    }
}

/// Erases the store of this slot, which must be closed.
///
/// # Errors
/// A sentence for the log.
pub async fn wipe(home: Home, host: &Host, name: &str) -> Result<(), String> {
    match home {
        Home::Disk => {
            let files = take(host, name).await?;
            files.erase()?;
            files.release()
        }
        Home::Log => host.log_clear().await.map_err(said),
        Home::Memory => Ok(()),
    }
}

async fn take(host: &Host, name: &str) -> Result<Files, String> {
    loop {
        match Files::take(name).await {
            Ok(files) => return Ok(files),
            Err(Refused::Held) => host.sleep(AGAIN).await.map_err(said)?,
            Err(Refused::Broken(why)) => return Err(why),
        }
    }
}

fn in_memory() -> Result<Store, String> {
    let connection = Connection::open_in_memory().map_err(|error| error.to_string())?;
    Store::open(connection).map_err(|error| error.to_string())
}

/// Replaces the log by as few batches as hold the same.
async fn shorten(host: &Host, store: &Store) -> Result<(), String> {
    let batches = store.export().map_err(|error| error.to_string())?;
    let list = js_sys::Array::new();
    for batch in &batches {
        let bytes = log::encode(batch).ok_or("the batch can't be written")?;
        list.push(&js_sys::Uint8Array::from(bytes.as_slice()));
    }
    host.log_replace(list).await.map_err(said)
}

fn said(error: JsValue) -> String {
    let text = |name: &str| js_sys::Reflect::get(&error, &name.into()).ok().and_then(|text| text.as_string());
    match (text("name"), text("message")) {
        (Some(name), Some(message)) => format!("{name}: {message}"),
        _ => error.as_string().unwrap_or_else(|| "the worker refused".to_owned()),
    }
}
