//! A market's contracts on a chain: their addresses, and their deployment.

use alloy_primitives::{Address as EvmAddress, Bytes, U256};
use alloy_sol_types::SolConstructor;
use lazai_core::{Address, Asset, Domain, LedgerId};
use serde::{Deserialize, Serialize};

use super::abi::{
    DataAnchoringToken, DatasetRegistry, Disputes, GovernanceToken, MarketGovernor, MarketParameters, MarketTimelock,
    Settlement, Tills, ValidatorQuorum, ValidatorSet, from_evm, params, to_evm,
};
use crate::governance::{MAX_WINDOW_S, MIN_TIMELOCK_S, OutOfBounds, Params};
use crate::market::{chain_domain, chain_ledger_id};
use crate::quorum::ValidatorSet as Weights;

/// The contracts of a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contracts {
    /// `MarketParameters`: it names the market.
    pub parameters: Address,
    /// `ValidatorQuorum`.
    pub quorum: Address,
    /// `DatasetRegistry`.
    pub registry: Address,
    /// `DataAnchoringToken`.
    pub token: Address,
    /// `Settlement`.
    pub settlement: Address,
    /// `MarketGovernor`.
    pub governor: Address,
    /// The timelock: governance's account, the pool's too.
    pub timelock: Address,
    /// `Tills`, if it was deployed: a market without them takes no payments at once from plain wallets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tills: Option<Address>,
    /// `Disputes`, if it was deployed: a market without it knows no bonds of nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disputes: Option<Address>,
}

impl Contracts {
    /// The contracts whose logs make up the market's history.
    pub(super) fn watched(&self) -> Vec<EvmAddress> {
        let named = [self.parameters, self.quorum, self.registry, self.token, self.settlement, self.governor];
        named.into_iter().chain(self.disputes).map(to_evm).collect()
    }
}

/// A market on a chain: enough for anyone to read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The block from which on logs are read: that of the first contract, or one before it.
    pub first_block: u64,
    /// Its contracts.
    pub contracts: Contracts,
}

impl Deployment {
    /// The market's id.
    #[must_use]
    pub fn ledger(&self) -> LedgerId {
        chain_ledger_id(self.chain_id, self.contracts.parameters)
    }

    /// The domain of everything signed for it.
    #[must_use]
    pub fn domain(&self) -> Domain {
        chain_domain(self.chain_id, self.contracts.parameters)
    }
}

/// The initial state of a market to be deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founding {
    /// The first parameters.
    pub params: Params,
    /// Assets that prices can be in, beside the chain's own coin.
    pub assets: Vec<Asset>,
    /// Validators and their weights.
    pub validators: Weights,
    /// Initial holders of the governance token and their amounts, in its units; 10^18 are one vote.
    pub voters: Vec<(Address, u128)>,
    /// The account that may pause new business; zero for none.
    pub guardian: Address,
    /// Seconds between a vote and its effect, from [`MIN_TIMELOCK_S`] to [`MAX_WINDOW_S`].
    pub timelock_s: u64,
}

impl Founding {
    /// Checks the bounds that votes also have, and that holders have time to notice a vote's outcome.
    ///
    /// # Errors
    /// [`OutOfBounds`].
    pub fn check(&self) -> Result<(), OutOfBounds> {
        self.params.check()?;
        let (value, least, most) = (self.timelock_s, MIN_TIMELOCK_S, MAX_WINDOW_S);
        let bounds = OutOfBounds { parameter: "timelock", value, least, most };
        if (least..=most).contains(&value) { Ok(()) } else { Err(bounds) }
    }
}

/// The transactions that deploy a market, in order, from consecutive nonces of one account; and the resulting deployment.
///
/// The contracts name each other as immutables, so their addresses follow from `deployer` and `nonce`.
pub(super) fn creations(founding: &Founding, deployer: Address, nonce: u64) -> (Vec<Bytes>, Contracts) {
    let at = |n: u64| to_evm(deployer).create(nonce + n);
    let [votes, timelock, governor, parameters, quorum, registry, token, settlement, tills, disputes] =
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(at);
    let (holders, amounts) = founding.voters.iter().map(|&(v, units)| (to_evm(v), U256::from(units))).unzip();
    let members = founding.validators.iter();
    let members = members.map(|(&v, &weight)| ValidatorSet::Member { member: to_evm(v), weight }).collect();
    let create = |code: &Bytes, constructor: Vec<u8>| Bytes::from([code.as_ref(), &constructor].concat());
    let inits = vec![
        create(&GovernanceToken::BYTECODE, GovernanceToken::constructorCall { holders, amounts }.abi_encode()),
        create(
            &MarketTimelock::BYTECODE,
            MarketTimelock::constructorCall {
                minDelay: U256::from(founding.timelock_s),
                proposers: vec![governor],
                // Anyone may execute a passed vote; nobody administers.
                executors: vec![EvmAddress::ZERO],
            }
            .abi_encode(),
        ),
        create(
            &MarketGovernor::BYTECODE,
            MarketGovernor::constructorCall { token_: votes, timelock_: timelock, parameters_: parameters }
                .abi_encode(),
        ),
        create(
            &MarketParameters::BYTECODE,
            MarketParameters::constructorCall {
                governance_: timelock,
                guardian_: to_evm(founding.guardian),
                first: params(&founding.params),
                assets: founding.assets.iter().map(|a| to_evm(a.0)).collect(),
            }
            .abi_encode(),
        ),
        create(
            &ValidatorQuorum::BYTECODE,
            ValidatorQuorum::constructorCall {
                parameters_: parameters,
                registry_: registry,
                settlement_: settlement,
                members_: members,
            }
            .abi_encode(),
        ),
        create(
            &DatasetRegistry::BYTECODE,
            DatasetRegistry::constructorCall { parameters_: parameters, quorum_: quorum, token_: token }.abi_encode(),
        ),
        create(
            &DataAnchoringToken::BYTECODE,
            DataAnchoringToken::constructorCall {
                parameters_: parameters,
                registry_: registry,
                settlement_: settlement,
            }
            .abi_encode(),
        ),
        create(
            &Settlement::BYTECODE,
            Settlement::constructorCall { parameters_: parameters, token_: token }.abi_encode(),
        ),
        create(&Tills::BYTECODE, Tills::constructorCall { settlement_: settlement }.abi_encode()),
        create(
            &Disputes::BYTECODE,
            Disputes::constructorCall { parameters_: parameters, quorum_: quorum, settlement_: settlement }
                .abi_encode(),
        ),
    ];
    let contracts = Contracts {
        parameters: from_evm(parameters),
        quorum: from_evm(quorum),
        registry: from_evm(registry),
        token: from_evm(token),
        settlement: from_evm(settlement),
        governor: from_evm(governor),
        timelock: from_evm(timelock),
        tills: Some(from_evm(tills)),
        disputes: Some(from_evm(disputes)),
    };
    (inits, contracts)
}
