//! What governance sets, and how it is voted.

use std::collections::BTreeMap;

use lazai_core::{Address, ParamsVersion};
use serde::{Deserialize, Serialize};

use crate::split::RevenueSplit;

/// The market's parameters. A session keeps the version it was opened under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The split of revenue.
    pub split: RevenueSplit,
    /// Seconds that validators have to attest.
    pub attestation_window_s: u64,
    /// Seconds that a vote lasts.
    pub voting_window_s: u64,
    /// Longest session that may be opened, in seconds.
    pub max_session_s: u64,
    /// Turns of a session that is paid by one unit of quota.
    pub turns_per_quota: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            split: RevenueSplit::standard(),
            attestation_window_s: 3_600,
            voting_window_s: 3_600,
            max_session_s: 86_400,
            turns_per_quota: 16,
        }
    }
}

/// A proposal to change the split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// Who proposed it.
    pub proposer: Address,
    /// The new split.
    pub split: RevenueSplit,
    /// Voters' weights when it was proposed.
    pub weights: BTreeMap<Address, u64>,
    /// Who voted, and how.
    pub votes: BTreeMap<Address, bool>,
    /// Votes count up to this time, seconds since 1970.
    pub voting_ends_s: u64,
    /// The parameters it became, once executed.
    pub executed: Option<ParamsVersion>,
}

impl Proposal {
    /// Whether more than half of all weight is in favour.
    #[must_use]
    pub fn passes(&self) -> bool {
        let weight = |voter: &Address| u128::from(self.weights.get(voter).copied().unwrap_or(0));
        let in_favour: u128 = self.votes.iter().filter(|(_, yes)| **yes).map(|(voter, _)| weight(voter)).sum();
        let total: u128 = self.weights.values().copied().map(u128::from).sum();
        2 * in_favour > total
    }
}
