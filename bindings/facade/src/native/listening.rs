//! Where a server listens, for programs that run one: a relay, a facilitator.

use std::io;
use std::sync::{Mutex, PoisonError};

use lazai::http::{Network, NotNetwork, Serving, TlsFiles};

use super::data::file_error;
use crate::{FilePath, LazaiError};

/// Where a server listens, and how much it hears.
#[derive(Debug, Clone)]
pub struct Listening {
    /// The address to listen at.
    pub address: String,
    /// The certificate and its key, as files, for TLS.
    pub tls: Option<(FilePath, FilePath)>,
    /// Requests in a minute from one address; 0: any number.
    pub address_requests: u32,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
}

impl Listening {
    pub(super) fn networks(&self) -> Result<Vec<Network>, LazaiError> {
        let parsed = self.trusted_proxies.iter().map(|text| text.parse()).collect::<Result<_, NotNetwork>>();
        parsed.map_err(|e| LazaiError::new("config", e))
    }

    /// Serves by `spawn`, which gets the address, and the files for TLS if there are some.
    pub(super) fn serve(
        self,
        spawn: impl FnOnce(&str, Option<&TlsFiles>) -> io::Result<Serving>,
    ) -> Result<RunningServer, LazaiError> {
        let files =
            |(certificates, key): (FilePath, FilePath)| TlsFiles { certificates: certificates.into(), key: key.into() };
        let files = self.tls.map(files);
        files.as_ref().map_or(Ok(()), TlsFiles::check).map_err(|e| LazaiError::new("tls", e))?;
        let serving = spawn(&self.address, files.as_ref());
        let serving = serving.map_err(|e| LazaiError::new("io", file_error(&self.address, e).detail()))?;
        Ok(RunningServer { url: serving.url(), serving: Mutex::new(Some(serving)) })
    }
}

/// A server on threads of its own, until it is stopped.
#[derive(Debug)]
pub struct RunningServer {
    url: String,
    serving: Mutex<Option<Serving>>,
}

impl RunningServer {
    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Takes no new requests, and waits for those under way, at most half a minute.
    pub fn stop(&self) {
        drop(self.serving.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
