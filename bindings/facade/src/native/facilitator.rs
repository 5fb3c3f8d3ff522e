//! A facilitator of x402, for programs that run one.

use std::sync::{Arc, Mutex};

use lazai::http::{Facilitator, FacilitatorTerms, Network, NotNetwork, Serving, TlsFiles};

use super::data::file_error;
use super::market::Market;
use crate::{BaseUnits, FilePath, LazaiError, Signer};

/// What a facilitator settles, and where it listens.
#[derive(Clone)]
pub struct FacilitatorSettings {
    /// Addresses of the ERC-20s.
    pub assets: Vec<String>,
    /// Payees; none stands for anybody.
    pub payees: Vec<String>,
    /// The least payment, in base units.
    pub least: BaseUnits,
    /// The key that servers have to show.
    pub key: Option<String>,
    /// The address to listen at.
    pub address: String,
    /// The certificate and its key, as files, for TLS.
    pub tls: Option<(FilePath, FilePath)>,
    /// Requests in a minute from one address; 0: any number.
    pub address_requests: u32,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
}

/// A facilitator on threads of its own, until it is stopped.
#[derive(Debug)]
pub struct FacilitatorServer {
    url: String,
    serving: Mutex<Option<Serving>>,
}

impl FacilitatorServer {
    /// Serves; the signer's account sends the transfers on the market's chain.
    ///
    /// # Errors
    /// `ledger` for a market that is on no chain, `hex.…`, `money.not_decimal`, `config` for what is no network, `io` for an address, `tls`
    /// for files that are no certificate with its key.
    pub fn start(market: &Market, signer: Arc<dyn Signer>, settings: FacilitatorSettings) -> Result<Self, LazaiError> {
        let FacilitatorSettings { assets, payees, least, key, address, tls, address_requests, trusted_proxies } =
            settings;
        let parsed = |all: Vec<String>| all.iter().map(|one| Ok(one.parse()?)).collect::<Result<_, LazaiError>>();
        let terms = FacilitatorTerms { assets: parsed(assets)?, payees: parsed(payees)?, least: least.parse()?, key };
        let facilitator = Facilitator::new(market.account(signer)?, terms);
        let facilitator = facilitator.map_err(|e| LazaiError::new("ledger", e))?;
        let networks = trusted_proxies.iter().map(|text| text.parse()).collect::<Result<Vec<Network>, NotNetwork>>();
        facilitator.limit(address_requests, networks.map_err(|e| LazaiError::new("config", e))?);
        let serving = match tls {
            Some((certificates, key)) => {
                let files = TlsFiles { certificates: certificates.into(), key: key.into() };
                files.check().map_err(|e| LazaiError::new("tls", e))?;
                facilitator.spawn_tls(&*address, &files)
            }
            None => facilitator.spawn(&*address),
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
