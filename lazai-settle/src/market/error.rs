//! Why a transaction is refused. Nothing has changed then.

use lazai_core::pov::PovError;
use lazai_core::sign::SignatureError;
use lazai_core::{
    Address, Amount, Asset, ClassId, Digest, MoneyError, ProposalId, SessionId, SubmissionId, TokenId, VersionNumber,
};
use thiserror::Error;

use super::submission::SubmissionStatus;
use crate::governance::OutOfBounds;
use crate::split::SplitError;

/// Why a transaction is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are the facts that the message names")]
pub enum MarketError {
    /// The same transaction under the same key is on the ledger.
    #[error("already applied")]
    AlreadyApplied,
    /// The submission's model is minted.
    #[error("submission {submission} was minted before")]
    AlreadyMinted { submission: SubmissionId },
    /// A voter voted twice.
    #[error("{voter} voted on proposal {proposal} before")]
    AlreadyVoted { proposal: ProposalId, voter: Address },
    /// Prices cannot be in this asset.
    #[error("asset {asset} is not accepted")]
    AssetNotAccepted { asset: Asset },
    /// No more verdicts count: it is rejected.
    #[error("submission {submission} takes no more attestations")]
    AttestationsClosed { submission: SubmissionId },
    /// An attestation is of other content than was submitted.
    #[error("attestation names content {found}, the submission has {expected}")]
    AttestationMismatch { expected: Digest, found: Digest },
    /// An attestation came after the deadline.
    #[error("attestation at {now_s}, the deadline was {deadline_s}")]
    AttestationTooLate { now_s: u64, deadline_s: u64 },
    /// A challenge that cannot be, or cannot be decided so now.
    #[error("challenge of {validator} on submission {submission}: {reason}")]
    ChallengeRefused { submission: SubmissionId, validator: Address, reason: &'static str },
    /// Consents and contributors do not go together.
    #[error("{found} contributors with consent, the public part lists {expected}")]
    ContributorsMismatch { expected: usize, found: usize },
    /// More is asked for than was deposited.
    #[error("session {session}: {cumulative} exceeds the deposit of {deposit}")]
    DepositExceeded { session: SessionId, cumulative: Amount, deposit: Amount },
    /// A dispute that cannot be, or cannot be decided so now.
    #[error("dispute {dispute}: {reason}")]
    DisputeRefused { dispute: Digest, reason: &'static str },
    /// An id that was used before.
    #[error("{what} {id} exists")]
    Exists { what: &'static str, id: Digest },
    /// Not enough money.
    #[error("{account} has {available} of {asset}, {needed} are needed")]
    InsufficientFunds { account: Address, asset: Asset, available: Amount, needed: Amount },
    /// Not enough at stake.
    #[error("{account} has {available} at stake, {needed} are needed")]
    InsufficientStake { account: Address, available: Amount, needed: Amount },
    /// Not enough quota.
    #[error("token {token} has a value of {available}, {needed} are needed")]
    InsufficientValue { token: TokenId, available: u64, needed: u64 },
    /// The class's fund for its quota does not cover it.
    #[error("the fund of class {class} has {available} of {asset}, needed are {needed}")]
    InsufficientFund { class: ClassId, asset: Asset, available: Amount, needed: Amount },
    /// Another transaction was applied under this key.
    #[error("another transaction was applied under this key: another number (or label) makes another key")]
    KeyReused,
    /// Metadata that contradicts the submission or the ledger.
    #[error("metadata: {field} does not match the submission")]
    MetadataMismatch { field: &'static str },
    /// Arithmetic that has no result.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The ExEx that the submission names did not mint it in time.
    #[error("submission {submission} could be minted up to {deadline_s}, now is {now_s}")]
    MintTooLate { submission: SubmissionId, deadline_s: u64, now_s: u64 },
    /// A batch without a verdict.
    #[error("no verdicts")]
    NoVerdicts,
    /// The verdicts shown are no equivocation, or were punished before.
    #[error("validator {validator} did not sign two verdicts on submission {submission} that are yet to be punished")]
    NotEquivocation { submission: SubmissionId, validator: Address },
    /// The submission can still be challenged.
    #[error("submission {submission} can still be challenged")]
    NotFinal { submission: SubmissionId },
    /// Only somebody else may do this.
    #[error("{sender} is not {role}")]
    NotAllowed { sender: Address, role: &'static str },
    /// The market on this chain was deployed without a contract that this needs.
    #[error("this market has no {contract}")]
    NotDeployed { contract: &'static str },
    /// An offer is no longer valid.
    #[error("offer ended at {valid_until_s}, now is {now_s}")]
    OfferExpired { valid_until_s: u64, now_s: u64 },
    /// Its node revoked an offer.
    #[error("offer of series {series}, the node's is {current}")]
    OfferRevoked { series: u64, current: u64 },
    /// An offer of a session longer than allowed, or free of length.
    #[error("session of {session_s} s, allowed are 1 to {max_s} s")]
    OfferTooLong { session_s: u64, max_s: u64 },
    /// A parameter that no vote may set so.
    #[error(transparent)]
    Params(#[from] OutOfBounds),
    /// The access policy wants to be paid otherwise.
    #[error("the class is not paid by {payment}")]
    PaymentNotAccepted { payment: &'static str },
    /// The offer takes more for a unit of quota than the class allows.
    #[error("quota worth {worth}, the class allows {most}")]
    QuotaTooDear { worth: Amount, most: Amount },
    /// An offer asks for more than governance allows.
    #[error("price of {price} for a token, at most {most} are allowed")]
    PriceTooHigh { price: Amount, most: Amount },
    /// The proposal has been executed.
    #[error("proposal {proposal} was executed before")]
    ProposalExecuted { proposal: ProposalId },
    /// It passed, and nobody put it into force in time.
    #[error("proposal {proposal} lapsed at {lapsed_at_s}, now is {now_s}")]
    ProposalLapsed { proposal: ProposalId, lapsed_at_s: u64, now_s: u64 },
    /// Not enough votes in favour.
    #[error("proposal {proposal} has no majority")]
    ProposalNotPassed { proposal: ProposalId },
    /// The public part breaks its format.
    #[error("public part: {0}")]
    PublicPart(#[source] PovError),
    /// A deposit that the session does not take.
    #[error("deposit of {amount} for session {session}: {reason}")]
    DepositRefused { session: SessionId, amount: Amount, reason: &'static str },
    /// The session is closed.
    #[error("session {session} is closed")]
    SessionClosed { session: SessionId },
    /// The session's end was asked for; its node may still redeem.
    #[error("session {session} is final after {final_at_s}, now is {now_s}")]
    SessionRunning { session: SessionId, final_at_s: u64, now_s: u64 },
    /// Nobody adds shares to a class whose shares come from submissions.
    #[error("shares of class {class} come from submissions alone")]
    SharesComeFromSubmissions { class: ClassId },
    /// A signature is malformed, or by somebody else.
    #[error("{what}: {source}")]
    Signature {
        what: &'static str,
        #[source]
        source: SignatureError,
    },
    /// Shares that are no split.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// The submission is not in the state that this needs.
    #[error("submission {submission} is {found:?}, expected {expected}")]
    SubmissionStatus { submission: SubmissionId, found: SubmissionStatus, expected: &'static str },
    /// The token cannot be used any more.
    #[error("token {token} expired at {expire_at_s}")]
    TokenExpired { token: TokenId, expire_at_s: u64 },
    /// Two tokens of different classes.
    #[error("token {from} and token {to} are of different classes")]
    TokensOfDifferentClasses { from: TokenId, to: TokenId },
    /// More records or shares than numbers hold.
    #[error("{what} exceed the range")]
    TooMany { what: &'static str },
    /// Stake that has not left yet: it unbonds, or a verdict can still be disputed.
    #[error("stake of {account} leaves after {available_at_s}, now is {now_s}")]
    Unbonding { account: Address, available_at_s: u64, now_s: u64 },
    /// No such class.
    #[error("no class {class}")]
    UnknownClass { class: ClassId },
    /// No such dispute.
    #[error("no dispute {dispute}")]
    UnknownDispute { dispute: Digest },
    /// No such proposal.
    #[error("no proposal {proposal}")]
    UnknownProposal { proposal: ProposalId },
    /// No such session.
    #[error("no session {session}")]
    UnknownSession { session: SessionId },
    /// No such submission.
    #[error("no submission {submission}")]
    UnknownSubmission { submission: SubmissionId },
    /// No such token.
    #[error("no token {token}")]
    UnknownToken { token: TokenId },
    /// No such version of the class.
    #[error("class {class} has no version {version}")]
    UnknownVersion { class: ClassId, version: VersionNumber },
    /// The version takes no new sessions.
    #[error("version {version} of class {class} is withdrawn")]
    VersionWithdrawn { class: ClassId, version: VersionNumber },
    /// The vote is over.
    #[error("voting on proposal {proposal} ended at {voting_ends_s}, now is {now_s}")]
    VotingClosed { proposal: ProposalId, voting_ends_s: u64, now_s: u64 },
    /// A voucher for another node, class or version than the session's.
    #[error("voucher names {field} {found}, the session has {expected}")]
    VoucherMismatch { field: &'static str, expected: String, found: String },
    /// A voucher that does not exceed the amount redeemed: a replay, or an older one.
    #[error("voucher of {offered} does not exceed the {redeemed} redeemed before")]
    VoucherNotIncreasing { redeemed: Amount, offered: Amount },
}
