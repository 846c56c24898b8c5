//! Tickets for the socket: got by POST, good for 30 seconds and one connection, kept in memory only.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use server_core::Session;
use shared::{Bytes, Millis, time::SECOND};

const LIFE: u64 = 30 * SECOND;
/// More than this many living tickets are not kept; the oldest of a flood would expire unused anyway.
const MOST: usize = 100_000;

/// The living tickets.
#[derive(Debug, Default)]
pub struct Tickets(Mutex<HashMap<[u8; 32], (Session, Millis)>>);

impl Tickets {
    /// A ticket for this session; nothing when too many are alive.
    #[must_use]
    pub fn issue(&self, session: Session, now: Millis) -> Option<Bytes> {
        let ticket: [u8; 32] = crate::clock::random();
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tickets.retain(|_, (_, made)| now.since(*made) < LIFE);
        if tickets.len() >= MOST {
            return None;
        }
        tickets.insert(ticket, (session, now));
        Some(ticket.into())
    }

    /// The session a ticket was issued for; the ticket is used up.
    #[must_use]
    pub fn take(&self, ticket: &[u8], now: Millis) -> Option<Session> {
        let ticket: [u8; 32] = ticket.try_into().ok()?;
        let (session, made) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&ticket)?;
        (now.since(made) < LIFE).then_some(session)
    }
}
