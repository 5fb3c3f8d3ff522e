//! Counts the connections of each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

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
    /// One more connection, unless the address has enough. This machine's own addresses are not limited: a proxy may run
    /// there.
    pub fn enter(&self, address: IpAddr) -> Option<Place> {
        let of = Some(network(address)).filter(|address| !address.is_loopback());
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

/// The counting unit: an IPv4 address, or one household's IPv6 network (RFC 4291: 64 bits name the network).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        other => other,
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
        let enter = |text: &str| addresses.enter(text.parse().unwrap());
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
        assert_eq!((own.len(), addresses.0.lock().unwrap().len()), (2 * MOST, 0));
    }
}
