//! Governance: parameters, proposals and votes.

use std::collections::BTreeMap;

use lazai_core::{Address, Amount, Asset, BasisPoints, ParamsVersion};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::split::RevenueSplit;

/// No vote can lock money up for longer than this, in seconds.
pub const MAX_WINDOW_S: u64 = 60 * 86_400;
/// No vote can be shorter than this, in seconds: holders must be able to notice it.
pub const MIN_VOTING_WINDOW_S: u64 = 3_600;
/// Nor begin sooner than this, in seconds: votes that are borrowed for two blocks decide nothing.
pub const MIN_VOTING_DELAY_S: u64 = 60;
/// No vote can set the quorum of votes to less, in basis points: a hundredth of all.
pub const MIN_QUORUM_BPS: u16 = 100;
/// The time after its vote in which a proposal that passed can be put into force (on a chain: queued), in seconds.
pub const QUEUE_WINDOW_S: u64 = 14 * 86_400;
/// No market is deployed with less between a vote and its effect, in seconds.
pub const MIN_TIMELOCK_S: u64 = 3_600;
/// The least time, in seconds, that any vote must leave nodes to redeem their vouchers.
pub const MIN_DISPUTE_WINDOW_S: u64 = 600;
/// The least time, in seconds, that any vote must leave an ExEx to mint an accepted submission: a day more than the longest
/// pause, in which nobody mints.
pub const MIN_MINT_WINDOW_S: u64 = 8 * 86_400;
/// Nor more: after a year its submitter can name another.
pub const MAX_MINT_WINDOW_S: u64 = 365 * 86_400;
/// Assets that prices can be in, the chain's own coin among them.
pub const MAX_ASSETS: usize = 8;

/// A parameter outside its bounds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{parameter} of {value} is not within {least} to {most}")]
pub struct OutOfBounds {
    /// The parameter.
    pub parameter: &'static str,
    /// The value given.
    pub value: u64,
    /// The least allowed.
    pub least: u64,
    /// The most allowed.
    pub most: u64,
}

/// The market's parameters. A session keeps the version it was opened under, a submission that of its submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The split of revenue.
    pub split: RevenueSplit,
    /// The part of its stake that a validator at fault loses.
    pub slash: BasisPoints,
    /// The part of that for a successful challenger, at most the amount that the challenger risked; the rest goes to the
    /// pool.
    pub challenger: BasisPoints,
    /// Votes, in favour or abstaining, that a proposal on a chain needs of all votes.
    pub quorum: BasisPoints,
    /// Stake below which a validator's weight does not count.
    pub min_stake: Amount,
    /// The bond that a challenger puts at risk.
    pub challenge_bond: Amount,
    /// The most that an offer may ask for one token of text.
    pub max_price: Amount,
    /// Seconds that validators have to attest.
    pub attestation_window_s: u64,
    /// Seconds after acceptance in which a verdict can be challenged: nothing is minted before they are over.
    pub challenge_window_s: u64,
    /// Seconds that all other validators have to decide a challenge.
    pub challenge_vote_window_s: u64,
    /// Seconds until stake that is taken back has left: at least as many as attesting, challenging and voting have
    /// together.
    pub unbonding_window_s: u64,
    /// Seconds between a proposal and its vote, on a chain.
    pub voting_delay_s: u64,
    /// Seconds that a vote lasts.
    pub voting_window_s: u64,
    /// Longest session that may be opened, in seconds.
    pub max_session_s: u64,
    /// Seconds that a node has to redeem once a payer asked for the end of a session.
    pub dispute_window_s: u64,
    /// Seconds that an ExEx has to mint once nothing can be challenged any more.
    pub mint_window_s: u64,
}

impl Default for Params {
    fn default() -> Self {
        let bps = |value| BasisPoints::new(value).expect("at most ten thousand");
        Self {
            split: RevenueSplit::standard(),
            slash: bps(5_000),
            challenger: bps(2_500),
            quorum: bps(2_000),
            min_stake: Amount::ZERO,
            challenge_bond: Amount::ZERO,
            max_price: Amount::MAX,
            attestation_window_s: 3_600,
            challenge_window_s: 0,
            challenge_vote_window_s: 3_600,
            unbonding_window_s: 7 * 86_400,
            voting_delay_s: MIN_VOTING_DELAY_S,
            voting_window_s: 3_600,
            max_session_s: 86_400,
            dispute_window_s: 3_600,
            mint_window_s: 14 * 86_400,
        }
    }
}

impl Params {
    /// Checks the bounds that no vote may pass. (The split checks itself.)
    ///
    /// # Errors
    /// [`OutOfBounds`].
    pub fn check(&self) -> Result<(), OutOfBounds> {
        let quorum = self.quorum.get();
        if quorum < MIN_QUORUM_BPS {
            let [value, least, most] = [quorum, MIN_QUORUM_BPS, 10_000].map(u64::from);
            return Err(OutOfBounds { parameter: "quorum", value, least, most });
        }
        // A verdict is disputed at the latest that long after its submission: stake must not be gone before.
        let windows = [self.attestation_window_s, self.challenge_window_s, self.challenge_vote_window_s];
        let dispute_s = windows.iter().fold(0_u64, |sum, window_s| sum.saturating_add(*window_s));
        for (parameter, value, least) in [
            ("attestation window", self.attestation_window_s, 0),
            ("challenge window", self.challenge_window_s, 0),
            ("challenge vote window", self.challenge_vote_window_s, 0),
            ("unbonding window", self.unbonding_window_s, dispute_s),
            ("voting delay", self.voting_delay_s, MIN_VOTING_DELAY_S),
            ("voting window", self.voting_window_s, MIN_VOTING_WINDOW_S),
            ("longest session", self.max_session_s, 0),
            ("dispute window", self.dispute_window_s, MIN_DISPUTE_WINDOW_S),
            ("mint window", self.mint_window_s, MIN_MINT_WINDOW_S),
        ] {
            // A window of training locks nobody's money.
            let most = if parameter == "mint window" { MAX_MINT_WINDOW_S } else { MAX_WINDOW_S };
            if value < least || value > most {
                return Err(OutOfBounds { parameter, value, least, most });
            }
        }
        Ok(())
    }
}

/// A measure of governance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "measure", content = "body", rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named by their types and the verb")]
pub enum Measure {
    /// Accepts an asset for prices. It is never dropped again: earnings in it stay claimable.
    AcceptAsset { asset: Asset },
    /// Puts new parameters into force, for what begins after this.
    ApplyParameters(Params),
    /// Admits a validator, changes its weight, or with weight 0 dismisses it.
    SetValidator { validator: Address, weight: u64 },
    /// Spends from the pool.
    Spend { to: Address, asset: Asset, amount: Amount },
}

/// A measure that is voted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The proposer.
    pub proposer: Address,
    /// The proposed measure.
    pub measure: Measure,
    /// Voters' weights when it was proposed.
    pub weights: BTreeMap<Address, u64>,
    /// The votes: true in favour.
    pub votes: BTreeMap<Address, bool>,
    /// Votes count up to this time, seconds since 1970.
    pub voting_ends_s: u64,
    /// The parameters in force after its execution; `None` before.
    pub executed: Option<ParamsVersion>,
}

impl Proposal {
    /// The last second, since 1970, in which it can be put into force.
    #[must_use]
    pub fn lapses_after_s(&self) -> u64 {
        self.voting_ends_s.saturating_add(QUEUE_WINDOW_S)
    }

    /// Tells whether more than half of all weight is in favour.
    #[must_use]
    pub fn passes(&self) -> bool {
        let weight = |voter: &Address| u128::from(self.weights.get(voter).copied().unwrap_or(0));
        let in_favour: u128 = self.votes.iter().filter(|(_, yes)| **yes).map(|(voter, _)| weight(voter)).sum();
        let total: u128 = self.weights.values().copied().map(u128::from).sum();
        2 * in_favour > total
    }
}
