//! A facilitator of x402, for programs that run one.

use std::sync::Arc;

use lazai::http::{Facilitator, FacilitatorTerms};

use super::listening::{Listening, RunningServer};
use super::market::Market;
use crate::{BaseUnits, LazaiError, Signer};

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
    /// Where it listens.
    pub listening: Listening,
}

/// Serves a facilitator; the signer's account sends the transfers on the market's chain.
///
/// # Errors
/// `ledger` for a market that is on no chain, `hex.…`, `money.not_decimal`, `config` for what is no network, `io` for an address, `tls`
/// for files that are no certificate with its key.
pub fn facilitator(
    market: &Market,
    signer: Arc<dyn Signer>,
    settings: FacilitatorSettings,
) -> Result<RunningServer, LazaiError> {
    let FacilitatorSettings { assets, payees, least, key, listening } = settings;
    let parsed = |all: Vec<String>| all.iter().map(|one| Ok(one.parse()?)).collect::<Result<_, LazaiError>>();
    let terms = FacilitatorTerms { assets: parsed(assets)?, payees: parsed(payees)?, least: least.parse()?, key };
    let facilitator = Facilitator::new(market.account(signer)?, terms);
    let facilitator = facilitator.map_err(|e| LazaiError::new("ledger", e))?;
    facilitator.limit(listening.address_requests, listening.networks()?);
    listening.serve(|address, files| match files {
        Some(files) => facilitator.spawn_tls(address, files),
        None => facilitator.spawn(address),
    })
}
