//! Limits on how often a node is asked: by an address, in a session, by a consumer's key.

mod buckets;
mod network;

use std::net::{IpAddr, SocketAddr};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use lazai_core::{Address, SessionId};

use super::Front;
use crate::wire::openai::ApiError;
use buckets::Buckets;
pub(in crate::http) use network::unit_of;
pub use network::{Network, NotNetwork};

/// The header in which proxies tell from whom a request is, and how many of its entries are looked at.
const FORWARDED: &str = "x-forwarded-for";
const MOST_HOPS: usize = 16;

/// How often a node may be asked in a minute; 0 stands for any number. Each limit is a bucket that holds as many requests, and fills up
/// again evenly: so many may come at once, and then one for each that came back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests of one address (IPv6: one /64), for anything but `/health`.
    pub address_requests: u32,
    /// Requests for replies in one session, which its consumer signed.
    pub session_requests: u32,
    /// Requests for replies that one consumer's key signed, in all its sessions.
    pub consumer_requests: u32,
    /// Counts this machine's own addresses, too: they are exempt by default, since a proxy may run there.
    pub limit_loopback: bool,
    /// Proxies whose `X-Forwarded-For` is believed. Nobody else's is.
    pub trusted_proxies: Vec<Network>,
}

/// What was asked lately, held to limits that may change.
#[derive(Debug)]
pub(in crate::http) struct Limiter {
    limits: RwLock<Limits>,
    began: Instant,
    addresses: Buckets<IpAddr>,
    sessions: Buckets<SessionId>,
    consumers: Buckets<Address>,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            limits: RwLock::default(),
            began: Instant::now(),
            addresses: Buckets::default(),
            sessions: Buckets::default(),
            consumers: Buckets::default(),
        }
    }
}

impl Limiter {
    pub fn set(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    fn limits(&self) -> Limits {
        self.limits.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn trusts(&self, address: IpAddr) -> bool {
        self.limits().trusted_proxies.iter().any(|network| network.contains(address))
    }

    /// Tells whether signed requests are counted.
    pub fn counts_signed(&self) -> bool {
        let limits = self.limits();
        limits.session_requests > 0 || limits.consumer_requests > 0
    }

    /// Takes one of an address's requests, if it is known from where one comes.
    pub fn check_address(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Result<(), Limited> {
        let limits = self.limits();
        let Some(address) = peer.map(|peer| client(&limits.trusted_proxies, peer, headers)) else { return Ok(()) };
        if address.is_loopback() && !limits.limit_loopback {
            return Ok(());
        }
        take(&self.addresses, unit_of(address), limits.address_requests, self.began.elapsed(), "address")
    }

    /// Takes one of the requests of a session and of its consumer, who signed it.
    pub fn signed(&self, session: SessionId, consumer: Address) -> Result<(), Limited> {
        let (limits, now) = (self.limits(), self.began.elapsed());
        take(&self.sessions, session, limits.session_requests, now, "session")?;
        take(&self.consumers, consumer, limits.consumer_requests, now, "consumer")
    }
}

fn take<K: Eq + std::hash::Hash>(
    buckets: &Buckets<K>,
    key: K,
    most: u32,
    now: Duration,
    whose: &'static str,
) -> Result<(), Limited> {
    buckets.take(key, most, now).map_err(|wait| Limited { whose, most, wait })
}

/// A request beyond a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Limited {
    /// What is limited: `address`, `session` or `consumer`.
    pub whose: &'static str,
    most: u32,
    wait: Duration,
}

impl From<Limited> for ApiError {
    fn from(Limited { whose, most, wait }: Limited) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let message =
            format!("this {whose} has {most} requests in a minute, and asked more often; ask again in {seconds} s");
        Self { retry_after_s: Some(seconds), ..Self::new(429, "node.rate_limited", message) }
    }
}

/// The address that a request comes from: of proxies that are trusted, the last one names the next hop, and so on.
fn client(trusted: &[Network], peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let lines = headers.get_all(FORWARDED).iter().filter_map(|line| line.to_str().ok());
    let lines: Vec<&str> = lines.collect();
    for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')).take(MOST_HOPS) {
        let hop = hop.trim();
        // Some proxies tell the port, too.
        let named = hop.parse::<IpAddr>().or_else(|_| hop.parse::<SocketAddr>().map(|address| address.ip()));
        match named {
            Ok(named) if is_trusted(client) => client = named.to_canonical(),
            _ => break,
        }
    }
    client
}

/// Refuses what an address asks too often.
pub(super) async fn of_address(State(front): State<Front>, request: Request, next: Next) -> Response {
    if request.uri().path() != "/health" {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip());
        if let Err(limited) = front.0.limiter.check_address(peer, request.headers()) {
            front.metrics().limited(limited.whose);
            return ApiError::from(limited).into_response();
        }
    }
    next.run(request).await
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (FORWARDED.parse().unwrap(), line.parse().unwrap())).collect()
    }

    #[test]
    fn only_trusted_proxies_tell_from_whom_a_request_is() {
        let trusted: Vec<Network> = ["10.0.0.0/8", "127.0.0.1"].map(|network| network.parse().unwrap()).into();
        let from =
            |peer: &str, lines: &[&'static str]| client(&trusted, peer.parse().unwrap(), &headers(lines)).to_string();
        assert_eq!(from("192.0.2.1", &["198.51.100.7"]), "192.0.2.1", "a stranger names somebody");
        assert_eq!(from("10.1.2.3", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(from("::ffff:10.1.2.3", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            from("10.1.2.3", &["6.6.6.6, 198.51.100.7, 10.9.9.9"]),
            "198.51.100.7",
            "what the client itself wrote"
        );
        assert_eq!(from("10.1.2.3", &["6.6.6.6", "198.51.100.7:5000"]), "198.51.100.7", "one line for each proxy");
        assert_eq!(from("127.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(from("10.1.2.3", &["6.6.6.6, nonsense"]), "10.1.2.3");
        assert_eq!(from("10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn an_address_is_limited_and_this_machine_is_not() {
        let limiter = Limiter::default();
        let asks = |peer: &str, lines| limiter.check_address(Some(peer.parse().unwrap()), &headers(lines));
        asks("192.0.2.1", &[]).unwrap();
        limiter.set(Limits { address_requests: 2, ..Limits::default() });
        let refused = |limited: Limited| {
            let error = ApiError::from(limited);
            (error.status, error.code, error.retry_after_s)
        };
        for peer in ["192.0.2.1", "2001:db8::1"] {
            asks(peer, &[]).unwrap();
            asks(peer, &["127.0.0.1"]).unwrap();
            assert_eq!(refused(asks(peer, &[]).unwrap_err()), (429, "node.rate_limited".into(), Some(30)));
        }
        assert!(
            asks("2001:db8::ffff", &[]).is_err() && asks("2001:db8:0:1::1", &[]).is_ok(),
            "one network, another one"
        );
        for _ in 0..9 {
            asks("127.0.0.1", &[]).unwrap();
            limiter.check_address(None, &headers(&[])).unwrap();
        }
        let trusted_proxies = vec!["::1".parse().unwrap()];
        limiter.set(Limits { address_requests: 2, limit_loopback: true, trusted_proxies, ..Limits::default() });
        assert!(asks("127.0.0.1", &[]).is_ok() && asks("127.0.0.1", &[]).is_ok() && asks("127.0.0.1", &[]).is_err());
        assert!(asks("::1", &["192.0.2.1"]).is_err() && asks("::1", &["192.0.2.9"]).is_ok());
    }

    #[test]
    fn a_session_and_its_consumer_are_limited() {
        let limiter = Limiter::default();
        assert!(!limiter.counts_signed());
        limiter.set(Limits { session_requests: 1, consumer_requests: 2, ..Limits::default() });
        let asks = |session, consumer| {
            limiter.signed(SessionId::from_bytes([session; 32]), Address::from_bytes([consumer; 20]))
        };
        asks(1, 1).unwrap();
        assert_eq!(asks(1, 1).unwrap_err().whose, "session");
        asks(2, 1).unwrap();
        assert_eq!(asks(3, 1).unwrap_err().whose, "consumer");
        asks(4, 2).unwrap();
    }
}
