//! Bonds of nodes and ExExes, and disputes about replies and trainings.

use std::sync::Arc;

use lazai::core::{Amount, Digest, SubmissionId};
use lazai::dispute::Disputes;
use lazai::recheck::ReplyEvidence;
use lazai::settle;
use lazai::settle::dispute::{Outcome, Subject};
use lazai::settle::ledger::LedgerError;
use lazai::settle::market::MarketError;

use super::market::Market;
use crate::{BaseUnits, JsonBytes, LazaiError, Signer, record, words};

record! {
    /// The bond of a node, in base units of coins.
    pub struct NodeBond {
        /// The node.
        pub node: String,
        /// The free part that stays.
        pub bonded: BaseUnits,
        /// The free part that is leaving: until it is taken, disputes can lock it.
        pub leaving: BaseUnits,
        /// The part that open disputes lock.
        pub locked: BaseUnits,
        /// The leaving part can be taken after this time, seconds since 1970.
        pub available_at_s: u64,
    }
}

words! {
    /// How far a dispute is.
    pub enum DisputeState {
        /// Validators may vote.
        Open,
        /// It was repeated: the challenger paid.
        Same,
        /// It is another than was claimed: the node, or the ExEx, paid.
        Other,
        /// Two thirds did not agree: nobody paid.
        Undecided,
    }
}

record! {
    /// A doubt about a reply, or about a training.
    pub struct Dispute {
        /// Its name: the hash of the receipt, or of the doubt.
        pub dispute: String,
        /// The session, of a reply.
        pub session: Option<String>,
        /// The reply's turn in it.
        pub turn: Option<u32>,
        /// The submission that was minted, of a training.
        pub submission: Option<String>,
        /// The place of the state in the training record, from 0.
        pub training_state: Option<u32>,
        /// The node that signed the reply, or the ExEx that minted.
        pub node: String,
        /// The consumer or payer who doubts a reply; the submitter or contributor who doubts a training.
        pub challenger: String,
        /// The amount that each of both puts at risk, in base units of coins.
        pub stake: BaseUnits,
        /// Votes count up to this time, seconds since 1970.
        pub deadline_s: u64,
        /// How far it is.
        pub state: DisputeState,
        /// Weight of the validators who repeated it.
        pub same: u64,
        /// Weight of those who got something else.
        pub other: u64,
        /// Weight of those who may still vote.
        pub silent: u64,
        /// All weight, that of parties too: two thirds of it decide.
        pub total: u64,
        /// The validators who repeated it.
        pub same_by: Vec<String>,
        /// The validators who got something else.
        pub other_by: Vec<String>,
    }
}

fn told(id: Digest, dispute: &settle::dispute::Dispute) -> Dispute {
    let tally = dispute.tally();
    let by = |word: bool| {
        let voted = dispute.votes.iter().filter(|(_, same)| **same == word);
        voted.map(|(validator, _)| validator.to_string()).collect()
    };
    let (receipt, doubt) = match &dispute.subject {
        Subject::Reply(receipt) => (Some(receipt), None),
        Subject::Training(doubt) => (None, Some(doubt)),
        _ => (None, None),
    };
    Dispute {
        dispute: id.to_string(),
        session: receipt.map(|receipt| receipt.session.to_string()),
        turn: receipt.map(|receipt| receipt.turn),
        submission: doubt.map(|doubt| doubt.submission.to_string()),
        training_state: doubt.map(|doubt| doubt.state),
        node: dispute.node.to_string(),
        challenger: dispute.challenger.to_string(),
        stake: dispute.stake.to_string(),
        deadline_s: dispute.deadline_s,
        state: match dispute.outcome {
            None => DisputeState::Open,
            Some(Outcome::Same) => DisputeState::Same,
            Some(Outcome::Other) => DisputeState::Other,
            Some(Outcome::Undecided) => DisputeState::Undecided,
        },
        same: tally.same,
        other: tally.other,
        silent: tally.silent,
        total: tally.total,
        same_by: by(true),
        other_by: by(false),
    }
}

impl Market {
    fn disputes_of(&self, signer: Arc<dyn Signer>) -> Result<Disputes, LazaiError> {
        Ok(Disputes::new(self.account(signer)?))
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Market {
    /// The bond of a node.
    ///
    /// # Errors
    /// `hex.…`.
    pub fn bond(&self, node: String) -> Result<NodeBond, LazaiError> {
        let bond = self.ledger().market().bond_of(node.parse()?);
        Ok(NodeBond {
            node,
            bonded: bond.bonded.to_string(),
            leaving: bond.leaving.to_string(),
            locked: bond.locked.to_string(),
            available_at_s: bond.available_at_s,
        })
    }

    /// Adds to the signer's bond, as a node. The same label again changes nothing.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`, `money.not_decimal`.
    pub async fn post_bond(&self, signer: Arc<dyn Signer>, label: String, amount: BaseUnits) -> Result<(), LazaiError> {
        self.disputes_of(signer)?.post_bond(&label, amount.parse()?).await?;
        Ok(())
    }

    /// Begins to take a part of the signer's bond back. The same label again changes nothing.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`, `money.not_decimal`.
    pub async fn leave_bond(
        &self,
        signer: Arc<dyn Signer>,
        label: String,
        amount: BaseUnits,
    ) -> Result<(), LazaiError> {
        self.disputes_of(signer)?.leave_bond(&label, amount.parse()?).await?;
        Ok(())
    }

    /// Takes the part of the signer's bond that has left. The same label again changes nothing.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`.
    pub async fn take_bond(&self, signer: Arc<dyn Signer>, label: String) -> Result<(), LazaiError> {
        self.disputes_of(signer)?.take_bond(&label).await?;
        Ok(())
    }

    /// Doubts the reply that some evidence is of (JSON, as a repeat takes it), with a stake in base units of coins; by its session's consumer
    /// or payer. Gives the name of the dispute. Nothing of the words goes to the ledger: show the evidence to validators whom you
    /// trust with the conversation.
    ///
    /// # Errors
    /// `consumer.receipt`, `consumer.receipt_signature` for evidence that is false, `json.malformed`, `market`, `ledger…`, `signer.…`,
    /// `money.not_decimal`.
    pub async fn open_dispute(
        &self,
        signer: Arc<dyn Signer>,
        evidence: JsonBytes,
        stake: BaseUnits,
    ) -> Result<String, LazaiError> {
        let evidence = ReplyEvidence::from_bytes(&evidence)?;
        if evidence.domain != *self.ledger().market().domain() {
            return Err(LazaiError::new("consumer.receipt", "the evidence is of another ledger"));
        }
        let stake: Amount = stake.parse()?;
        Ok(self.disputes_of(signer)?.open(&evidence.reply.receipt, stake).await?.to_string())
    }

    /// Doubts a training at one state of its record, with a stake in base units of coins; by the submitter or a contributor. Gives the name of
    /// the dispute.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`, `hex.…`, `money.not_decimal`.
    pub async fn dispute_training(
        &self,
        signer: Arc<dyn Signer>,
        submission: String,
        training_state: u32,
        stake: BaseUnits,
    ) -> Result<String, LazaiError> {
        let (submission, stake): (SubmissionId, Amount) = (submission.parse()?, stake.parse()?);
        Ok(self.disputes_of(signer)?.open_training(submission, training_state, stake).await?.to_string())
    }

    /// Votes on a dispute, as a validator who repeated the reply or the steps of training: true for the same.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`, `hex.…`.
    pub async fn vote_on_dispute(
        &self,
        signer: Arc<dyn Signer>,
        dispute: String,
        same: bool,
    ) -> Result<(), LazaiError> {
        self.disputes_of(signer)?.vote(dispute.parse()?, same).await?;
        Ok(())
    }

    /// Ends a dispute that was not decided in time; anyone may.
    ///
    /// # Errors
    /// `market`, `ledger…`, `signer.…`, `hex.…`.
    pub async fn lapse_dispute(&self, signer: Arc<dyn Signer>, dispute: String) -> Result<(), LazaiError> {
        self.disputes_of(signer)?.lapse(dispute.parse()?).await?;
        Ok(())
    }

    /// A dispute, by its name.
    ///
    /// # Errors
    /// `market`, `hex.…`.
    pub fn dispute(&self, dispute: String) -> Result<Dispute, LazaiError> {
        let id: Digest = dispute.parse()?;
        let market = self.ledger().market();
        let unknown = LedgerError::from(MarketError::UnknownDispute { dispute: id });
        Ok(told(id, market.dispute(id).ok_or(unknown)?))
    }

    /// All disputes.
    pub fn disputes(&self) -> Vec<Dispute> {
        self.ledger().market().disputes().map(|(id, dispute)| told(id, dispute)).collect()
    }
}
