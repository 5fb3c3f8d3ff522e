//! Effects of a transaction.

use lazai_core::{
    Address, Amount, Asset, ClassId, Digest, ParamsVersion, ProposalId, SessionId, SubmissionId, TokenId, VersionNumber,
};
use serde::{Deserialize, Serialize};

use crate::dispute::Outcome;
use crate::governance::Measure;
use crate::split::{RevenueSplit, Split};

/// An effect of a transaction. Events of tokens are those of ERC-8028, by the same names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named by their types and the transaction")]
pub enum Event {
    /// A class operator was named or dismissed.
    ApprovalForClass { owner: Address, class: ClassId, operator: Address, approved: bool },
    /// An asset is accepted for prices.
    AssetAccepted { asset: Asset },
    /// A validator's verdict was counted.
    Attested { submission: SubmissionId, validator: Address, accepted: bool },
    /// A part of a node's bond is leaving.
    BondLeaving { node: Address, amount: Amount, available_at_s: u64 },
    /// A node added to its bond.
    BondPosted { node: Address, amount: Amount },
    /// A node took the part of its bond that had left.
    BondTaken { node: Address, amount: Amount },
    /// A verdict was challenged.
    Challenged { submission: SubmissionId, validator: Address, challenger: Address, deadline_s: u64 },
    /// A challenge was decided: by vote, or denied because it was not upheld in time.
    ChallengeDecided { submission: SubmissionId, validator: Address, upheld: bool },
    /// A validator other than the accused voted on a challenge.
    ChallengeVoted { submission: SubmissionId, validator: Address, voter: Address, upheld: bool },
    /// A token's revenue was paid to its owner.
    Claimed { token: TokenId, to: Address, asset: Asset, amount: Amount },
    /// A class was created.
    ClassCreated { class: ClassId, owner: Address, anchored: bool },
    /// A dispute ended. The winner has this part of the loser's stake, the pool the rest.
    DisputeDecided { dispute: Digest, outcome: Outcome, reward: Amount },
    /// A receipt was disputed.
    DisputeOpened {
        dispute: Digest,
        session: SessionId,
        node: Address,
        challenger: Address,
        stake: Amount,
        deadline_s: u64,
    },
    /// A validator voted on a dispute: true for what was repeated.
    DisputeVoted { dispute: Digest, validator: Address, same: bool },
    /// A proposal was put into force.
    Executed { proposal: ProposalId },
    /// A share token's expiry was observed: it earns no more.
    Expired { token: TokenId },
    /// A token was minted.
    Minted { token: TokenId, class: ClassId, to: Address, value: u64, shares: u64, expire_at_s: u64 },
    /// A node's offers of before are no longer good.
    OffersRevoked { node: Address, series: u64 },
    /// New parameters are in force.
    ParamsChanged { params: ParamsVersion, split: RevenueSplit },
    /// A node was paid at once, without a session: the amount was split.
    Paid {
        payer: Address,
        node: Address,
        class: ClassId,
        version: VersionNumber,
        asset: Asset,
        amount: Amount,
        split: Split,
        params: ParamsVersion,
    },
    /// A change was proposed.
    Proposed { proposal: ProposalId, measure: Measure, voting_ends_s: u64 },
    /// A version's part of later versions' revenue went to its shares.
    RevenuePassed { class: ClassId, version: VersionNumber, asset: Asset },
    /// Revenue went to a version, or to a class that has none.
    RevenueSettled { class: ClassId, version: Option<VersionNumber>, asset: Asset, amount: Amount },
    /// A session ended; the unredeemed rest went back.
    SessionClosed { session: SessionId, refunded: Amount },
    /// A session's payer asked for its end: the node redeems up to this time.
    SessionClosing { session: SessionId, final_at_s: u64 },
    /// A session began.
    SessionOpened { session: SessionId, payer: Address, params: ParamsVersion, deadline_s: u64 },
    /// A session's deposit grew to this.
    SessionToppedUp { session: SessionId, deposit: Amount },
    /// A validator at fault lost stake.
    Slashed { validator: Address, amount: Amount, reporter: Address, reward: Amount },
    /// A class's owner put money aside for its quota.
    Sponsored { class: ClassId, asset: Asset, amount: Amount, per_unit: Amount },
    /// Somebody put something at stake.
    Staked { account: Address, amount: Amount },
    /// A submission is accepted: the ExEx it names may train.
    SubmissionAccepted { submission: SubmissionId, exex: Address },
    /// Two thirds of the validators cannot accept a submission any more.
    SubmissionRejected { submission: SubmissionId },
    /// The ExEx refused a submission.
    SubmissionRefused { submission: SubmissionId, reason: String },
    /// A dataset was submitted.
    Submitted { submission: SubmissionId, submitter: Address, exex: Address, deadline_s: u64 },
    /// A training was disputed.
    TrainingDisputed {
        dispute: Digest,
        exex: Address,
        challenger: Address,
        submission: SubmissionId,
        state: u32,
        stake: Amount,
        deadline_s: u64,
    },
    /// A token changed hands.
    TransferToken { token: TokenId, from: Address, to: Address },
    /// Money changed hands.
    Transferred { from: Address, to: Address, asset: Asset, amount: Amount },
    /// A class's owner took money out of its fund for quota.
    Unsponsored { class: ClassId, asset: Asset, amount: Amount },
    /// Stake that had unbonded was taken back.
    Unstaked { account: Address, amount: Amount },
    /// Stake began to unbond.
    UnstakeRequested { account: Address, amount: Amount, available_at_s: u64 },
    /// Quota was used.
    UsageRecorded { token: TokenId, metric: Digest, amount: u64, actor: Address },
    /// A validator was admitted, given another weight, or dismissed.
    ValidatorSet { validator: Address, weight: u64 },
    /// Quota moved between tokens.
    ValueTransferred { from: TokenId, to: TokenId, value: u64 },
    /// A version was added to a class.
    VersionMinted { class: ClassId, version: VersionNumber, submission: SubmissionId, metadata: Digest },
    /// A version takes no new sessions.
    VersionWithdrawn { class: ClassId, version: VersionNumber },
    /// A vote was cast.
    Voted { proposal: ProposalId, voter: Address, in_favour: bool, weight: u64 },
    /// A voucher was redeemed: its increment was split.
    VoucherRedeemed { session: SessionId, increment: Amount, split: Split, params: ParamsVersion },
}
