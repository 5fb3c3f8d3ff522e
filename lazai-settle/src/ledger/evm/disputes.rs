//! Bonds and disputes on a chain: calls of `Disputes`, and what it logs in the market's types.

use alloy_primitives::Bytes;
use lazai_core::{Address, Amount, Digest};

use super::abi::{self, Disputes as Contract, Settlement, digest, to_evm, word};
use super::encode::{Call, Named, call, named};
use crate::dispute::Outcome;
use crate::market::{Market, MarketError, Transaction};
use crate::session::Receipt;

/// The call for a sender's transaction about bonds or disputes. Bonds and stakes are paid with coins of the sender's wallet.
///
/// # Errors
/// [`MarketError::UnknownSession`]; [`MarketError::NotDeployed`] on a market without that contract.
pub(super) fn transaction(
    contract: Option<Address>,
    market: &Market,
    transaction: &Transaction,
) -> Result<Call, MarketError> {
    let none = MarketError::NotDeployed { contract: "Disputes" };
    let to = contract.map(to_evm).ok_or_else(|| none.clone())?;
    Ok(match transaction {
        Transaction::DisputeTraining { submission, state, stake } => {
            let open = Contract::openTrainingCall { submission: word(submission.as_bytes()), state: *state };
            call(to, stake.base_units(), &open)
        }
        Transaction::LapseDispute { dispute } => call(to, 0, &Contract::lapseCall { id: word(dispute.as_bytes()) }),
        Transaction::LeaveBond { amount } => call(to, 0, &Contract::leaveBondCall { amount: amount.base_units() }),
        Transaction::OpenDispute { receipt: r, signature, stake } => {
            let session = session(named(market, r.session)?);
            let signature: Bytes = abi::packed(signature);
            call(to, stake.base_units(), &Contract::openCall { session, receipt: receipt(r), signature })
        }
        Transaction::PostBond { amount } => call(to, amount.base_units(), &Contract::postBondCall {}),
        Transaction::TakeBond => call(to, 0, &Contract::takeBondCall {}),
        Transaction::VoteOnDispute { dispute, same } => {
            call(to, 0, &Contract::voteCall { id: word(dispute.as_bytes()), same: *same })
        }
        _ => return Err(none),
    })
}

fn session(named: Named) -> Contract::Named {
    let Named { payer, nonce, consumer, offer: o } = named;
    Contract::Named { payer, nonce, consumer, offer: offer(&o) }
}

/// An offer, as this contract has it.
#[must_use]
pub fn offer(o: &Settlement::Offer) -> Contract::Offer {
    Contract::Offer {
        node: o.node,
        class: o.class,
        version: o.version,
        asset: o.asset,
        promptPrice: o.promptPrice,
        completionPrice: o.completionPrice,
        promptCeiling: o.promptCeiling,
        completionCeiling: o.completionCeiling,
        sessionSeconds: o.sessionSeconds,
        validUntil: o.validUntil,
        minDeposit: o.minDeposit,
        quotaDeposit: o.quotaDeposit,
        series: o.series,
    }
}

/// A receipt, as the contract has it.
#[must_use]
pub fn receipt(r: &Receipt) -> Contract::Receipt {
    Contract::Receipt {
        session: word(r.session.as_bytes()),
        turn: r.turn,
        requestDigest: word(r.request_digest.as_bytes()),
        replyDigest: word(r.reply_digest.as_bytes()),
        promptTokens: r.prompt_tokens,
        completionTokens: r.completion_tokens,
        tokenizerDigest: word(r.tokenizer_digest.as_bytes()),
        temperatureMilli: r.temperature_milli,
        topPMilli: r.top_p_milli,
        seed: r.seed,
        baseDigest: word(r.base_digest.as_bytes()),
        adapterDigest: word(r.adapter_digest.as_bytes()),
        cumulative: r.cumulative.base_units(),
    }
}

/// A receipt of the contract's.
pub(super) fn receipt_of(r: &Contract::Receipt) -> Receipt {
    Receipt {
        session: lazai_core::SessionId::from_bytes(r.session.0),
        turn: r.turn,
        request_digest: digest(r.requestDigest),
        reply_digest: digest(r.replyDigest),
        prompt_tokens: r.promptTokens,
        completion_tokens: r.completionTokens,
        tokenizer_digest: digest(r.tokenizerDigest),
        temperature_milli: r.temperatureMilli,
        top_p_milli: r.topPMilli,
        seed: r.seed,
        base_digest: digest(r.baseDigest),
        adapter_digest: digest(r.adapterDigest),
        cumulative: Amount::from_base_units(r.cumulative),
    }
}

/// What became of a dispute; `None` while it is open, or unknown.
#[must_use]
pub fn outcome_of(outcome: u8) -> Option<Outcome> {
    match outcome {
        2 => Some(Outcome::Same),
        3 => Some(Outcome::Other),
        4 => Some(Outcome::Undecided),
        _ => None,
    }
}

/// The accounts that are credited when a dispute ends, in the contract's order.
pub(super) fn credits(market: &Market, id: Digest, outcome: Outcome, reward: Amount) -> Vec<(Address, Amount)> {
    let Some(dispute) = market.dispute(id) else { return Vec::new() };
    let (node, challenger, stake) = (dispute.node, dispute.challenger, dispute.stake);
    let rest = (market.pool(), stake.checked_sub(reward).unwrap_or_default());
    match outcome {
        Outcome::Other => vec![(challenger, stake.checked_add(reward).unwrap_or(Amount::MAX)), rest],
        Outcome::Same => vec![(node, reward), rest],
        Outcome::Undecided => vec![(challenger, stake)],
    }
}
