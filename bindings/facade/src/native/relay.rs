//! An oblivious relay, for programs that run one.

use lazai::http::Relay;

use super::listening::{Listening, RunningServer};
use crate::LazaiError;

/// What a relay serves, and where.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// URLs of the nodes.
    pub nodes: Vec<String>,
    /// Certificate authorities (PEM) that the nodes' certificates are held to, instead of public ones.
    pub certificates: Option<String>,
    /// Where it listens.
    pub listening: Listening,
}

/// Serves a relay.
///
/// # Errors
/// `node.transport` for what is no URL of HTTP, `config` for what is no network, `io` for an address, `tls` for files that are no
/// certificate with its key.
pub fn relay(settings: RelaySettings) -> Result<RunningServer, LazaiError> {
    let RelaySettings { nodes, certificates, listening } = settings;
    let relay = match certificates {
        Some(pem) => Relay::trusting(nodes, pem.as_bytes())?,
        None => Relay::new(nodes)?,
    };
    relay.limit(listening.address_requests, listening.networks()?);
    listening.serve(|address, files| match files {
        Some(files) => relay.spawn_tls(address, files),
        None => relay.spawn(address),
    })
}
