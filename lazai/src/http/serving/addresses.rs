//! Counts the connections of each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::http::front::unit_of;

/// Connections that one address may have: a quarter of all.
const MOST: usize = 256;

/// The connections of each address.
#[derive(Clone, Default)]
pub(super) struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection of an address, until it is dropped.
pub(super) struct Place {
    addresses: Addresses,
    of: Option<IpAddr>,
}

impl Addresses {
    /// One more connection, unless the address has enough. This machine's own addresses are not limited, since a proxy may run there,
    /// nor are proxies that are trusted.
    pub fn enter(&self, address: IpAddr, is_trusted: bool) -> Option<Place> {
        let of = Some(unit_of(address)).filter(|address| !address.is_loopback() && !is_trusted);
        if let Some(of) = of {
            let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(of).or_default();
            if *count >= MOST {
                return None;
            }
            *count += 1;
        }
        Some(Place { addresses: self.clone(), of })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(of) = self.of else { return };
        let mut counts = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&of) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&of);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_take_all_places() {
        let addresses = Addresses::default();
        let enter = |text: &str| addresses.enter(text.parse().unwrap(), false);
        for one in ["192.0.2.1", "2001:db8::1"] {
            let mut places: Vec<_> = (0..MOST).map(|_| enter(one).unwrap()).collect();
            assert!(enter(one).is_none() && enter("192.0.2.2").is_some());
            // Another address of the same network, and an IPv4 address written as IPv6, are the same.
            assert!(enter("2001:db8::2").is_some() == (one == "192.0.2.1"));
            assert!(enter("::ffff:192.0.2.1").is_some() == (one != "192.0.2.1"));
            places.pop();
            assert!(enter(one).is_some());
        }
        let own: Vec<_> = (0..2 * MOST).map(|_| enter("127.0.0.1").unwrap()).collect();
        let proxy: Vec<_> =
            (0..2 * MOST).map(|_| addresses.enter("192.0.2.7".parse().unwrap(), true).unwrap()).collect();
        assert_eq!((own.len() + proxy.len(), addresses.0.lock().unwrap().len()), (4 * MOST, 0));
    }
}
