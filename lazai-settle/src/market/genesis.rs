//! The beginning of a ledger.

use std::collections::BTreeMap;

use lazai_core::digest::{CanonicalError, DomainHasher, canonical_digest};
use lazai_core::{Address, Amount, Asset, Domain, LedgerId};
use serde::{Deserialize, Serialize};

use crate::governance::Params;
use crate::quorum::ValidatorSet;

/// The account of the governance pool. Nobody holds its key.
pub const POOL: Address = Address::from_bytes(*b"lazai.governancepool");

/// The initial state of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The EIP-712 domain: on a chain, that of the market's contracts; on an embedded ledger, one with a random salt.
    pub domain: Domain,
    /// Validators of the iDAO and their weights.
    pub validators: ValidatorSet,
    /// Voters and their weights.
    pub voters: BTreeMap<Address, u64>,
    /// Initial balances.
    pub balances: Vec<(Address, Asset, Amount)>,
    /// The first parameters.
    pub params: Params,
    /// Assets that prices can be in, beside the chain's own coin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<Asset>,
    /// The account of the governance pool, if it is not [`POOL`]: on a chain, the timelock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Address>,
}

/// The id of the market behind a `MarketParameters` contract, as the contracts derive it.
#[must_use]
pub fn chain_ledger_id(chain_id: u64, parameters: Address) -> LedgerId {
    let hasher = DomainHasher::new("lazai.ledger.evm.v1").part(&chain_id.to_le_bytes());
    LedgerId::from_bytes(*hasher.part(parameters.as_bytes()).finish().as_bytes())
}

/// The domain of everything signed for the market behind a `MarketParameters` contract, as the contracts have it
/// (`Signed.sol`).
#[must_use]
pub fn chain_domain(chain_id: u64, parameters: Address) -> Domain {
    let (name, version) = ("LazAI Market".into(), "1".into());
    Domain { name, version, chain_id, verifying_contract: parameters, salt: None }
}

impl Genesis {
    /// Tells whether the market is on a chain: only there, the domain has no salt.
    #[must_use]
    pub fn is_on_chain(&self) -> bool {
        self.domain.salt.is_none()
    }

    /// The ledger's id: the digest of all of it; on a chain, of the chain's id and the address of the parameters'
    /// contract.
    ///
    /// # Errors
    /// Never for values built in Rust; [`CanonicalError`] is the type of canonical JSON.
    pub fn ledger_id(&self) -> Result<LedgerId, CanonicalError> {
        if self.is_on_chain() {
            return Ok(chain_ledger_id(self.domain.chain_id, self.domain.verifying_contract));
        }
        Ok(LedgerId::from_bytes(*canonical_digest("lazai.genesis.v1", self)?.as_bytes()))
    }
}
