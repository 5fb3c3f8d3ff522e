//! Bonds of nodes and ExExes, and disputes about replies and trainings.
//!
//! A node posts a bond. A session's consumer, or its payer, may doubt one signed receipt: both put the same amount at risk. The validators repeat
//! the reply and vote; two thirds of all weight decide, and the loser pays. A reply on which they do not agree in time costs nobody anything.
//!
//! An ExEx posts one, too. The submitter, or a contributor, of what it minted may doubt its training at one state: the record that the ExEx signed has a digest of
//! the states along the way, so the doubt is about the steps between two of them, which validators repeat.

use std::collections::BTreeMap;

use lazai_core::sign::Encoder;
use lazai_core::{Address, Amount, Digest, MoneyError, ParamsVersion, SubmissionId, TypedData};
use serde::{Deserialize, Serialize};

use crate::quorum::{ValidatorSet, is_quorum};
use crate::session::Receipt;

/// Seconds after a session's end in which its receipts can be disputed. The end is its deadline; where its payer asked for the end, the time
/// up to which the node redeems. A training can be disputed as long after the last second in which it could be minted.
pub const DISPUTE_WINDOW_S: u64 = 7 * 86_400;
/// Seconds that validators have to decide a dispute.
pub const DISPUTE_VOTE_WINDOW_S: u64 = 7 * 86_400;

/// The bond of a node or an ExEx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bond {
    /// The free part that stays.
    pub bonded: Amount,
    /// The free part that is leaving: until it is taken, disputes can lock it.
    pub leaving: Amount,
    /// The part that open disputes lock.
    pub locked: Amount,
    /// The leaving part stays up to this time, seconds since 1970.
    pub available_at_s: u64,
}

impl Bond {
    /// The part that a dispute can lock.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn free(&self) -> Result<Amount, MoneyError> {
        self.bonded.checked_add(self.leaving)
    }

    /// All of it.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn total(&self) -> Result<Amount, MoneyError> {
        self.free()?.checked_add(self.locked)
    }

    /// The bond after a dispute locked a part of it, and how much of that was leaving; `None` if less is free. The part that stays is locked
    /// first.
    pub(crate) fn lock(self, amount: Amount) -> Option<(Self, Amount)> {
        let staying = amount.min(self.bonded);
        let from_leaving = amount.checked_sub(staying).ok()?;
        let bond = Self {
            bonded: self.bonded.checked_sub(staying).ok()?,
            leaving: self.leaving.checked_sub(from_leaving).ok()?,
            locked: self.locked.checked_add(amount).ok()?,
            ..self
        };
        Some((bond, from_leaving))
    }
}

/// What became of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is not the reply, or the training, that was claimed: who claimed it pays.
    Other,
    /// It was repeated: the challenger pays.
    Same,
    /// Two thirds did not agree: both take back what they put at risk.
    Undecided,
}

/// What a dispute is about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "nearly all are replies")]
pub enum Subject {
    /// A reply: the dispute is named by the receipt's hash, as EIP-712 makes it.
    Reply(Receipt),
    /// The steps of a training up to one of its record's states, from the one before.
    Training(TrainingDoubt),
}

/// A doubt about a training. Its hash, as EIP-712 makes it, names the dispute: each challenger doubts a state once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingDoubt {
    /// The submission that was minted.
    pub submission: SubmissionId,
    /// The place of the state in the training record, from 0: the steps from the one before are doubted, or from the beginning.
    pub state: u32,
    /// The challenger.
    pub challenger: Address,
}

impl TypedData for TrainingDoubt {
    const TYPE: &'static str = "TrainingDoubt(bytes32 submission,uint32 state,address challenger)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.submission.as_bytes()));
        out.uint(self.state.into());
        out.address(self.challenger);
    }
}

/// A doubt about a reply or a training.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The subject.
    pub subject: Subject,
    /// The node that signed the receipt, or the ExEx that minted.
    pub node: Address,
    /// The consumer or payer of the session; the submitter or a contributor.
    pub challenger: Address,
    /// The amount that each of both puts at risk.
    pub stake: Amount,
    /// The part of the node's that was leaving: there it goes back to.
    pub from_leaving: Amount,
    /// The parameters that bind it.
    pub params: ParamsVersion,
    /// The validators with weight when it was opened. Parties do not vote, and count in the total.
    pub validators: ValidatorSet,
    /// Those of them who are a party: the accused and the challenger; the consumer and the payer, or the submitter.
    pub parties: Vec<Address>,
    /// The votes: true for what was repeated.
    pub votes: BTreeMap<Address, bool>,
    /// Votes count up to this time, seconds since 1970.
    pub deadline_s: u64,
    /// What became of it; `None` while it is open.
    pub outcome: Option<Outcome>,
}

/// The weights of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Weight of those who repeated it.
    pub same: u64,
    /// Weight of those who got something else.
    pub other: u64,
    /// Weight of those who may vote and did not.
    pub silent: u64,
    /// All weight, that of parties too.
    pub total: u64,
}

impl Tally {
    /// What the votes come to; `None` while either side can still have two thirds of all.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        let can = |side: u64| is_quorum(side.saturating_add(self.silent), self.total);
        if is_quorum(self.same, self.total) {
            Some(Outcome::Same)
        } else if is_quorum(self.other, self.total) {
            Some(Outcome::Other)
        } else if can(self.same) || can(self.other) {
            None
        } else {
            Some(Outcome::Undecided)
        }
    }
}

impl Dispute {
    /// Its name: the hash of the receipt, or of the doubt.
    #[must_use]
    pub fn id(&self) -> Digest {
        match &self.subject {
            Subject::Reply(receipt) => receipt.hash_struct(),
            Subject::Training(doubt) => doubt.hash_struct(),
        }
    }

    /// The weights.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally { same: 0, other: 0, silent: 0, total: 0 };
        for (validator, &weight) in &self.validators {
            // Weights are bounded, so that their sum is.
            tally.total = tally.total.saturating_add(weight);
            let side = match self.votes.get(validator) {
                Some(true) => &mut tally.same,
                Some(false) => &mut tally.other,
                None if self.parties.contains(validator) => continue,
                None => &mut tally.silent,
            };
            *side = side.saturating_add(weight);
        }
        tally
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_thirds_of_all_weight_decide_and_no_third_does() {
        for total in 1..=40_u64 {
            for same in 0..=total {
                for other in 0..=total - same {
                    for silent in 0..=total - same - other {
                        let outcome = Tally { same, other, silent, total }.outcome();
                        assert_eq!(outcome == Some(Outcome::Same), 3 * same >= 2 * total);
                        assert_eq!(outcome == Some(Outcome::Other), 3 * other >= 2 * total);
                        // Nothing is given up that a later vote could decide.
                        let lost = 3 * (same + silent) < 2 * total && 3 * (other + silent) < 2 * total;
                        assert_eq!(outcome == Some(Outcome::Undecided), lost);
                    }
                }
            }
        }
    }

    #[test]
    fn what_stays_is_locked_first_and_never_more_than_is_free() {
        let units = Amount::from_base_units;
        let bond = Bond { bonded: units(5), leaving: units(3), locked: units(2), available_at_s: 9 };
        let (locked, from_leaving) = bond.lock(units(6)).expect("as much is free");
        assert_eq!(
            (locked.bonded, locked.leaving, locked.locked, from_leaving),
            (units(0), units(2), units(8), units(1))
        );
        assert_eq!(locked.total(), bond.total());
        assert_eq!(bond.lock(units(9)), None);
    }
}
