//! Proposals and votes, which are the governor's: OpenZeppelin's life cycle of delay, vote, queue and timelock.

use alloy_primitives::U256;
use alloy_sol_types::SolCall;
use lazai_core::{Digest, ProposalId};

use super::abi::{MarketGovernor, refusal, to_evm};
use super::decode::ChainProposal;
use super::encode::{Call, measure};
use super::rpc::failed;
use super::transport::RpcError;
use super::{Inner, View};
use crate::governance::Proposal;
use crate::ledger::LedgerError;
use crate::market::{MarketError, Transaction};

/// States of OpenZeppelin's governor.
const SUCCEEDED: u8 = 4;
const QUEUED: u8 = 5;
const EXPIRED: u8 = 6;

/// The governor's call for a transaction; nothing for those that are not the governor's.
pub(super) fn call(
    inner: &Inner,
    view: &View,
    transaction: &Transaction,
    key: Digest,
) -> Result<Option<Call>, LedgerError> {
    let governor = to_evm(inner.deployment.contracts.governor);
    let data = match transaction {
        Transaction::Propose(wanted) => {
            let call = measure(&inner.deployment.contracts, wanted);
            let proposal = MarketGovernor::proposeCall {
                targets: vec![call.to],
                values: vec![U256::ZERO],
                calldatas: vec![call.data],
                // Two proposals of the same must differ.
                description: format!("{wanted:?}, proposed as {key}"),
            };
            proposal.abi_encode()
        }
        Transaction::Vote { proposal, in_favour } => {
            let found = known(view, *proposal)?;
            if view.time_s <= found.vote_start_s {
                let (what, at_s) = ("votes count", found.vote_start_s + 1);
                return Err(LedgerError::TooEarly { what, at_s, now_s: view.time_s });
            }
            MarketGovernor::castVoteCall { proposalId: found.id, support: u8::from(*in_favour) }.abi_encode()
        }
        Transaction::Execute { proposal } => execute(inner, view, *proposal)?,
        _ => return Ok(None),
    };
    Ok(Some(Call { to: governor, value: 0, data: data.into() }))
}

fn known(view: &View, proposal: ProposalId) -> Result<&ChainProposal, LedgerError> {
    let place = usize::try_from(proposal.0).ok().and_then(|n| n.checked_sub(1));
    let found = place.and_then(|place| view.head.proposals.get(place));
    Ok(found.ok_or(MarketError::UnknownProposal { proposal })?)
}

/// Queues a proposal that won its vote; executes one whose time in the timelock is over.
fn execute(inner: &Inner, view: &View, id: ProposalId) -> Result<Vec<u8>, LedgerError> {
    let found = known(view, id)?;
    let market = &view.head.market;
    let state = state(inner, found)?;
    let (targets, values) = (vec![found.target], vec![U256::ZERO]);
    let (calldatas, description) = (vec![found.calldata.clone()], found.description);
    let ends_s = market.proposal(id).map_or(0, |p| p.voting_ends_s);
    let early = |what, at_s| Err(LedgerError::TooEarly { what, at_s, now_s: view.time_s });
    match state {
        // Pending or active.
        0 | 1 => early("the vote is counted", ends_s + 1),
        SUCCEEDED => {
            Ok(MarketGovernor::queueCall { targets, values, calldatas, descriptionHash: description }.abi_encode())
        }
        QUEUED => {
            match found.eta_s {
                Some(at_s) if view.time_s < at_s => early("the timelock opens", at_s),
                _ => Ok(MarketGovernor::executeCall { targets, values, calldatas, descriptionHash: description }
                    .abi_encode()),
            }
        }
        EXPIRED => {
            let lapsed_at_s = market.proposal(id).map_or(0, Proposal::lapses_after_s);
            Err(MarketError::ProposalLapsed { proposal: id, lapsed_at_s, now_s: view.time_s }.into())
        }
        7 => Err(MarketError::ProposalExecuted { proposal: id }.into()),
        _ => Err(MarketError::ProposalNotPassed { proposal: id }.into()),
    }
}

fn state(inner: &Inner, proposal: &ChainProposal) -> Result<u8, LedgerError> {
    let governor = to_evm(inner.deployment.contracts.governor);
    let question = MarketGovernor::stateCall { proposalId: proposal.id }.abi_encode().into();
    let answer = inner.node.call(governor, &question).map_err(|error| match error {
        RpcError::Answered { data: Some(data), .. } => LedgerError::Reverted { reason: refusal(&data) },
        other => failed("eth_call", &other),
    })?;
    MarketGovernor::stateCall::abi_decode_returns(&answer).map_err(|e| failed("eth_call", &e))
}
