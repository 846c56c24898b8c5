//! Who is at the other end: connections are counted, in all and for each customer's addresses, for as long as anybody holds one.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::config::Limits;

/// The peer of a request; keeps its connection counted for as long as somebody holds it.
#[derive(Clone, Debug)]
pub struct Remote(Arc<Counted>);

#[derive(Debug)]
struct Counted {
    address: IpAddr,
    _connection: OwnedSemaphorePermit,
    _of_address: Option<OfAddress>,
    _alive: mpsc::Sender<()>,
}

impl Remote {
    /// The address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.0.address
    }
}

/// IPv4 whole, IPv6 its /64: what one customer usually has.
#[must_use]
pub fn prefix(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().into_iter().take(8).collect(),
    }
}

/// All open connections.
#[derive(Debug)]
pub struct Connections {
    free: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    alive: mpsc::Sender<()>,
}

impl Connections {
    /// As many as these limits let in; `alive` is held by every one of them.
    #[must_use]
    pub fn new(limits: &Limits, alive: mpsc::Sender<()>) -> Self {
        let addresses = Addresses { most: limits.connections_per_address, open: Mutex::default() };
        Self { free: Arc::new(Semaphore::new(limits.connections)), addresses: Arc::new(addresses), alive }
    }

    /// Counts one more. None when there are too many, in all or from this address; the machine's own may have all.
    #[must_use]
    pub fn count(&self, address: IpAddr) -> Option<Remote> {
        let address = address.to_canonical();
        let connection = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let of_address = if address.is_loopback() { None } else { Some(self.addresses.count(prefix(address))?) };
        let alive = self.alive.clone();
        Some(Remote(Arc::new(Counted { address, _connection: connection, _of_address: of_address, _alive: alive })))
    }
}

/// Open connections of each address prefix.
#[derive(Debug)]
struct Addresses {
    most: usize,
    open: Mutex<HashMap<Vec<u8>, usize>>,
}

#[derive(Debug)]
struct OfAddress {
    addresses: Arc<Addresses>,
    prefix: Vec<u8>,
}

impl Addresses {
    fn count(self: &Arc<Self>, prefix: Vec<u8>) -> Option<OfAddress> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(prefix.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        drop(open);
        Some(OfAddress { addresses: Arc::clone(self), prefix })
    }
}

impl Drop for OfAddress {
    fn drop(&mut self) {
        let mut open = self.addresses.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.prefix) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.prefix);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_one_address_are_bounded_and_given_back() {
        let addresses = Arc::new(Addresses { most: 2, open: Mutex::default() });
        let first = addresses.count(vec![1]).unwrap();
        let _second = addresses.count(vec![1]).unwrap();
        assert!(addresses.count(vec![1]).is_none());
        assert!(addresses.count(vec![2]).is_some());
        drop(first);
        assert!(addresses.count(vec![1]).is_some());
    }

    #[test]
    fn one_customer_is_one_prefix() {
        assert_eq!(prefix("::ffff:192.0.2.1".parse().unwrap()), [192, 0, 2, 1]);
        assert_eq!(prefix("2001:db8::1".parse().unwrap()), prefix("2001:db8::ffff:2".parse().unwrap()));
        assert_ne!(prefix("2001:db8::1".parse().unwrap()), prefix("2001:db8:0:1::1".parse().unwrap()));
    }
}
