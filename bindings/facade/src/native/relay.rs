//! An oblivious relay, for programs that run one.

use std::sync::Mutex;

use lazai::http::{Network, NotNetwork, Relay, Serving, TlsFiles};

use super::data::file_error;
use crate::{FilePath, LazaiError};

/// What a relay serves, and where.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// URLs of the nodes.
    pub nodes: Vec<String>,
    /// Certificate authorities (PEM) that the nodes' certificates are held to, instead of public ones.
    pub certificates: Option<String>,
    /// The address to listen at.
    pub address: String,
    /// The certificate and its key, as files, for TLS.
    pub tls: Option<(FilePath, FilePath)>,
    /// Requests in a minute from one address; 0: any number.
    pub address_requests: u32,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
}

/// A relay on threads of its own, until it is stopped.
#[derive(Debug)]
pub struct RelayServer {
    url: String,
    serving: Mutex<Option<Serving>>,
}

impl RelayServer {
    /// Serves.
    ///
    /// # Errors
    /// `node.transport` for what is no URL of HTTP, `config` for what is no network, `io` for an address, `tls` for files that are no
    /// certificate with its key.
    pub fn start(settings: RelaySettings) -> Result<Self, LazaiError> {
        let RelaySettings { nodes, certificates, address, tls, address_requests, trusted_proxies } = settings;
        let relay = match certificates {
            Some(pem) => Relay::trusting(nodes, pem.as_bytes())?,
            None => Relay::new(nodes)?,
        };
        let networks = trusted_proxies.iter().map(|text| text.parse()).collect::<Result<Vec<Network>, NotNetwork>>();
        relay.limit(address_requests, networks.map_err(|e| LazaiError::new("config", e))?);
        let serving = match tls {
            Some((certificates, key)) => {
                let files = TlsFiles { certificates: certificates.into(), key: key.into() };
                files.check().map_err(|e| LazaiError::new("tls", e))?;
                relay.spawn_tls(&*address, &files)
            }
            None => relay.spawn(&*address),
        };
        let serving = serving.map_err(|e| LazaiError::new("io", file_error(&address, e).detail()))?;
        Ok(Self { url: serving.url(), serving: Mutex::new(Some(serving)) })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Takes no new requests, and waits for those under way, at most half a minute.
    pub fn stop(&self) {
        drop(self.serving.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
    }
}
