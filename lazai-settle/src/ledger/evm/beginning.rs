//! The beginning of a market on a chain.

use std::collections::BTreeMap;

use alloy_sol_types::SolEvent;
use lazai_core::Asset;

use super::abi::{MarketParameters, ValidatorQuorum, from_evm, params_of, to_evm};
use super::deploy::Deployment;
use super::reader::SPAN;
use super::rpc::{Node, failed};
use crate::governance::Params;
use crate::ledger::LedgerError;
use crate::market::Genesis;
use crate::quorum::ValidatorSet;

/// Finds a market's beginning on the chain: its first parameters, assets and validators.
pub(super) fn genesis(node: &Node, deployment: &Deployment) -> Result<Genesis, LedgerError> {
    let (first, validators) = arguments(node, deployment)?;
    let none = || LedgerError::Deployment { reason: "no parameters were ever applied".into() };
    let (params, assets) = first.ok_or_else(none)?;
    Ok(Genesis {
        domain: deployment.domain(),
        validators,
        voters: BTreeMap::new(),
        balances: Vec::new(),
        params,
        assets,
        pool: Some(deployment.contracts.timelock),
    })
}

type First = (Params, Vec<Asset>);

/// The constructors' arguments: parameters and assets, and the first validators.
fn arguments(node: &Node, deployment: &Deployment) -> Result<(Option<First>, ValidatorSet), LedgerError> {
    let head: u64 = node.latest()?.number.to();
    let (parameters, quorum) = (to_evm(deployment.contracts.parameters), to_evm(deployment.contracts.quorum));
    let (mut first, mut assets, mut members, mut by) = (None, Vec::new(), ValidatorSet::new(), None);
    let mut from = deployment.first_block;
    while from <= head && (first.is_none() || by.is_none()) {
        let to = (from + SPAN - 1).min(head);
        let logged = node.logged(&[parameters, quorum], from, to)?;
        let logged = logged.ok_or_else(|| failed("eth_getLogs", &"the chain changed while it was read"))?;
        for log in logged.into_iter().flat_map(|(_, logs)| logs) {
            let (topics, data) = (log.topics.iter().copied(), &log.data[..]);
            if log.address == quorum {
                let of_first = *by.get_or_insert(log.transaction_hash) == log.transaction_hash;
                if let (true, Ok(e)) = (of_first, ValidatorQuorum::MemberSet::decode_raw_log(topics, data)) {
                    members.insert(from_evm(e.member), e.weight);
                }
            } else if first.is_none() {
                if let Ok(e) = MarketParameters::AssetAccepted::decode_raw_log(topics.clone(), data) {
                    assets.push(Asset(from_evm(e.asset)));
                } else if let Ok(e) = MarketParameters::ParametersApplied::decode_raw_log(topics, data) {
                    first = params_of(&e.params);
                }
            }
        }
        from = to + 1;
    }
    assets.retain(|asset| *asset != Asset::NATIVE);
    Ok((first.map(|params| (params, assets)), members))
}
