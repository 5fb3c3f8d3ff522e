//! Transactions of the market, signed by their senders.

use lazai_core::dat::VersionMetadata;
use lazai_core::digest::canonical_digest;
use lazai_core::pov::PublicPart;
use lazai_core::seal::SealedKey;
use lazai_core::sign::{self, Encoder};
use lazai_core::{
    Address, Amount, Asset, ClassId, Digest, Domain, ProposalId, Signature, Signer, SignerError, SubmissionId, TokenId,
    TypedData, VersionNumber,
};
use serde::{Deserialize, Serialize};

use super::error::MarketError;
use crate::governance::Measure;
use crate::lineage::Lineage;
use crate::quorum::Verdict;
use crate::session::{Offer, Receipt, SessionPayment, Voucher};

/// A dataset, submitted for validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The submitter's number for it; the submission's id follows from it.
    pub nonce: u64,
    /// Digest of the statement that is proved.
    pub statement: Digest,
    /// Root of the dataset.
    pub root: Digest,
    /// Digest of the proof's bytes.
    pub proof: Digest,
    /// SHA-256 of the private part, encrypted.
    pub ciphertext: Digest,
    /// Its key, sealed to the ExEx.
    pub sealed_key: SealedKey,
    /// The execution node that may decrypt, train and mint.
    pub exex: Address,
    /// The class of the model, the version it comes after, and the part of revenue that version keeps.
    pub lineage: Lineage,
    /// The public part: canonical JSON, at most 32 KiB.
    pub public_part: String,
    /// Tokens, root and signed consent of each contributor, in the order of the public part.
    pub shares: Vec<ContributorShare>,
}

impl Submission {
    /// Digest of everything in it but its number and the consents' signatures, as validators attest it. (The number is
    /// in its id.)
    #[must_use]
    pub fn content(&self) -> Digest {
        self.hash_struct()
    }

    /// Tokens of all contributors; `None` beyond 64 bits.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        self.shares.iter().try_fold(0_u64, |sum, share| sum.checked_add(share.tokens))
    }
}

impl TypedData for Submission {
    const TYPE: &'static str = "Submission(bytes32 statement,bytes32 root,bytes32 proof,bytes32 ciphertext,\
                                bytes32 publicPart,bytes sealedKey,address exex,uint64 class,uint32 afterVersion,\
                                uint16 keepBps,Share[] shares)Share(address contributor,uint64 tokens,bytes32 root)";

    fn encode(&self, out: &mut Encoder) {
        let public_part = PublicPart::digest(self.public_part.as_bytes());
        for digest in [self.statement, self.root, self.proof, self.ciphertext, public_part] {
            out.bytes32(digest);
        }
        out.bytes(&self.sealed_key.to_bytes());
        out.address(self.exex);
        let (class, after, keep) = self.lineage.numbers();
        for number in [class.into(), after.into(), keep.into()] {
            out.uint(number);
        }
        out.structs(&self.shares);
    }
}

/// A contributor's part of a submission, and the signature for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContributorShare {
    /// The contributor.
    pub contributor: Address,
    /// Tokens of the contributor's records: the weight in the version's revenue.
    pub tokens: u64,
    /// Merkle root over the contributor's records alone.
    pub root: Digest,
    /// The contributor's signature of a [`ContributorConsent`](crate::quorum::ContributorConsent).
    pub consent: Signature,
}

impl TypedData for &ContributorShare {
    const TYPE: &'static str = "Share(address contributor,uint64 tokens,bytes32 root)";

    fn encode(&self, out: &mut Encoder) {
        out.address(self.contributor);
        out.uint(self.tokens.into());
        out.bytes32(self.root);
    }
}

/// A transaction of the market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "body", rename_all = "snake_case")]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named by their types and the verb")]
#[allow(clippy::large_enum_variant, reason = "transactions are rare and short-lived")]
pub enum Transaction {
    /// Names or dismisses an operator, who may use quota for the sender in a class.
    ApproveForClass { class: ClassId, operator: Address, approved: bool },
    /// Validators' signed verdicts on one submission; anyone may bring them.
    Attest(Vec<Verdict>),
    /// Doubts an accepting verdict, with a bond.
    Challenge { submission: SubmissionId, validator: Address },
    /// Pays a token's revenue to its owner.
    Claim { token: TokenId, asset: Asset },
    /// Ends a session: by its node at once. By its payer it asks for the end; when the dispute window is over, anyone's
    /// second one ends it.
    CloseSession { session: lazai_core::SessionId },
    /// Ends a session at once, by its payer, with its node's signature over a
    /// [`SessionRelease`](crate::session::SessionRelease) of what was redeemed.
    CloseTogether { session: lazai_core::SessionId, release: Signature },
    /// Creates a class of one's own: without versions, so without sessions.
    CreateClass,
    /// Doubts the training of what was minted at one state of its record, with a stake; by the submitter or a contributor.
    DisputeTraining { submission: SubmissionId, state: u32, stake: Amount },
    /// Puts a proposal with a majority into force.
    Execute { proposal: ProposalId },
    /// Ends a challenge whose vote is over: it was not upheld, so it is denied. Anyone may.
    LapseChallenge { submission: SubmissionId, validator: Address },
    /// Ends a dispute that was not decided in time; by anyone.
    LapseDispute { dispute: Digest },
    /// Begins to take a bond back.
    LeaveBond { amount: Amount },
    /// Mints the model of an accepted submission, as a version of the class that the submission names.
    Mint { metadata: VersionMetadata, record_signature: Signature },
    /// Mints a token; by the owner of the class. In classes whose shares come from submissions, only without shares.
    MintToken { class: ClassId, to: Address, value: u64, shares: u64, expire_at_s: u64 },
    /// Opens a session under a node's signed offer; the sender pays.
    OpenSession { nonce: u64, consumer: Address, offer: Offer, offer_signature: Signature, payment: SessionPayment },
    /// Passes revenue of later versions on: this version's part goes to its shares, and the part of the version that it
    /// comes after goes there. Anyone may.
    PassRevenue { class: ClassId, version: VersionNumber, asset: Asset },
    /// Doubts a receipt of a node, with a stake; by its session's consumer or payer.
    OpenDispute { receipt: Receipt, signature: Signature, stake: Amount },
    /// Pays a node for replies of a version at once, without a session: split as a redeemed increment is.
    Pay { node: Address, class: ClassId, version: VersionNumber, asset: Asset, amount: Amount },
    /// Adds to the sender's bond, which answers for its replies.
    PostBond { amount: Amount },
    /// Proposes a measure.
    Propose(Measure),
    /// Takes quota off a token.
    RecordUsage { token: TokenId, metric: Digest, amount: u64 },
    /// Redeems a voucher; by its node.
    Redeem { voucher: Voucher, signature: Signature },
    /// The ExEx's reason for not training.
    Refuse { submission: SubmissionId, reason: String },
    /// Revokes all offers that the sender signed so far.
    RevokeOffers,
    /// Gives revenue to a version, or to a class that has no versions.
    SettleRevenue { class: ClassId, version: Option<VersionNumber>, asset: Asset, amount: Amount },
    /// Shows two different verdicts that one validator signed on one submission.
    SlashEquivocation { one: Verdict, other: Verdict },
    /// Puts money of a class's owner aside for the class's quota, and sets the most that one unit takes of it.
    Sponsor { class: ClassId, asset: Asset, amount: Amount, per_unit: Amount },
    /// Puts something at stake.
    Stake { amount: Amount },
    /// Submits a dataset.
    Submit(Submission),
    /// Takes the part of a bond that has left.
    TakeBond,
    /// Adds to the deposit of a session; by its payer, until its deadline.
    TopUp { session: lazai_core::SessionId, amount: Amount },
    /// Moves money.
    Transfer { to: Address, asset: Asset, amount: Amount },
    /// Moves a token; its revenue so far goes to the seller.
    TransferToken { token: TokenId, to: Address },
    /// Moves quota between tokens of a class.
    TransferValue { from: TokenId, to: TokenId, value: u64 },
    /// Takes money out of a class's fund for quota; by the class's owner.
    Unsponsor { class: ClassId, asset: Asset, amount: Amount },
    /// Begins to take stake back.
    Unstake { amount: Amount },
    /// Votes on a proposal.
    Vote { proposal: ProposalId, in_favour: bool },
    /// The word of a validator other than the accused on a challenged verdict.
    VoteOnChallenge { submission: SubmissionId, validator: Address, upheld: bool },
    /// The word of a validator on a disputed reply: the same, or another.
    VoteOnDispute { dispute: Digest, same: bool },
    /// Takes stake back that has unbonded.
    WithdrawStake,
    /// Takes a version out of service for new sessions; by the owner of the class.
    WithdrawVersion { class: ClassId, version: VersionNumber },
}

/// A transaction with its sender's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedTransaction {
    /// Chosen by the sender: the same key is never applied twice.
    pub key: Digest,
    /// The sender.
    pub sender: Address,
    /// The transaction.
    pub transaction: Transaction,
    /// The sender's signature over key and transaction.
    pub signature: Signature,
}

struct Envelope {
    key: Digest,
    payload: Digest,
}

impl TypedData for Envelope {
    const TYPE: &'static str = "LedgerTransaction(bytes32 key,bytes32 payload)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(self.key);
        out.bytes32(self.payload);
    }
}

fn payload_digest(transaction: &Transaction) -> Digest {
    canonical_digest("lazai.transaction.v1", transaction)
        .expect("transactions hold integers, strings and lists, which are all canonical")
}

impl SignedTransaction {
    /// Has a transaction signed for a ledger.
    ///
    /// # Errors
    /// The signer's error.
    pub async fn sign(
        signer: &dyn Signer,
        domain: &Domain,
        key: Digest,
        transaction: Transaction,
    ) -> Result<Self, SignerError> {
        let envelope = Envelope { key, payload: payload_digest(&transaction) };
        let signature = sign::sign(signer, domain, &envelope).await?;
        Ok(Self { key, sender: signer.address(), transaction, signature })
    }

    /// Digest of the transaction itself.
    #[must_use]
    pub fn payload_digest(&self) -> Digest {
        payload_digest(&self.transaction)
    }

    /// Checks the sender's signature.
    ///
    /// # Errors
    /// [`MarketError::Signature`].
    pub fn check(&self, domain: &Domain) -> Result<(), MarketError> {
        let envelope = Envelope { key: self.key, payload: self.payload_digest() };
        let checked = self.signature.verify(domain, &envelope, self.sender);
        checked.map_err(|source| MarketError::Signature { what: "transaction", source })
    }
}
