//! Networks of addresses.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A network, as `10.0.0.0/8`, `2001:db8::/32`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// The error for a text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no network; one is written 10.0.0.0/8, 2001:db8::/32, or as one address")]
pub struct NotNetwork {
    /// The text.
    pub text: String,
}

impl Network {
    /// Tells whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let first_bits = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()).checked_shr(32 - u32::from(self.prefix)).unwrap_or(0),
            IpAddr::V6(v6) => v6.to_bits().checked_shr(128 - u32::from(self.prefix)).unwrap_or(0),
        };
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && first_bits(address) == first_bits(self.address)
    }
}

impl FromStr for Network {
    type Err = NotNetwork;

    fn from_str(text: &str) -> Result<Self, NotNetwork> {
        let not = || NotNetwork { text: text.chars().take(80).collect() };
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().map_err(|_| not())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), str::parse).map_err(|_| not())?;
        if prefix > most { Err(not()) } else { Ok(Self { address, prefix }) }
    }
}

/// The counting unit: an IPv4 address, or one household's IPv6 network (RFC 4291: 64 bits name the network).
pub(in crate::http) fn unit_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        other => other,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_hold_their_addresses() {
        let has = |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(
            has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1") && has("10.0.0.0/8", "::ffff:10.0.0.1")
        );
        assert!(has("0.0.0.0/0", "192.0.2.1") && !has("0.0.0.0/0", "2001:db8::1") && has("::/0", "2001:db8::1"));
        assert!(has("192.0.2.1", "192.0.2.1") && !has("192.0.2.1", "192.0.2.2"));
        assert!(has("2001:db8::/32", "2001:db8:ffff::1") && !has("2001:db8::/32", "2001:db9::1"));
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "localhost"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
