//! The creator: turns dialogue and voice into a dataset, proves it whole, submits it.

mod draft;
mod earnings;

use std::sync::Arc;

use lazai_core::character::{CardError, CardPrompt};
use lazai_core::pov::{Dataset, PovError, PublicPart};
use lazai_core::seal::{SealError, SealingKey};
use lazai_core::{Address, BasisPoints, ClassId, SignerError, SubmissionId};
use lazai_settle::governance::OutOfBounds;
use lazai_settle::lineage::Lineage;
use lazai_settle::market::{Class, Submission, Transaction};
use lazai_zk::CommitError;
use thiserror::Error;

use crate::account::{Account, SendError};
use crate::store::{Store, StoreError};

pub use draft::{Draft, Proved};
pub use earnings::{ShareEarnings, share_earnings};

/// Why a dataset was not submitted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreatorError {
    /// The dataset cannot be committed to: two records with the same tokens, a licence that is not allowed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Dataset and public part name different cards.
    #[error(transparent)]
    Card(#[from] OtherCard),
    /// The part of revenue for the version before is above its limit.
    #[error(transparent)]
    Lineage(#[from] OutOfBounds),
    /// The dataset or its public part breaks the format.
    #[error(transparent)]
    Pov(#[from] PovError),
    /// The dataset could not be encrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The ledger refused.
    #[error(transparent)]
    Send(#[from] SendError),
    /// A contributor's signer refused.
    #[error("contributor's consent: {0}")]
    Signer(#[from] SignerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A contributor of the dataset is not among the signers.
    #[error("no signer for contributor {contributor}")]
    NoSigner {
        /// The contributor without a signer.
        contributor: Address,
    },
    /// The class has no version that another could follow.
    #[error("class {class} has no versions")]
    NoVersion {
        /// The class.
        class: ClassId,
    },
}

/// Why a dataset does not go on from the card that its public part has prompts built by.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OtherCard {
    /// The card cannot be read.
    #[error("the published card: {0}")]
    Unreadable(#[from] CardError),
    /// The records go on from another system message than the published card makes, or from none, or the other way round.
    #[error(
        "the dataset's records go on from a system message of {packed} bytes, the published card makes another of {published}: prepare it \
         behind this card"
    )]
    Differs {
        /// Bytes of the dataset's system message; 0 if it has none.
        packed: usize,
        /// Bytes of the card's; 0 if it makes none, or is not asked for.
        published: usize,
    },
}

/// Checks that a dataset's records go on from the system message that nodes will put before conversations.
pub(crate) fn check_card(dataset: &Dataset, public: &PublicPart) -> Result<(), OtherCard> {
    let card = CardPrompt::of(public)?;
    let published = card.as_ref().map(CardPrompt::system).filter(|system| !system.is_empty());
    let packed = dataset.manifest().system.as_deref();
    if packed == published {
        return Ok(());
    }
    // Sizes alone: a refusal is published, and what the dataset holds is private.
    let size = |system: Option<&str>| system.map_or(0, str::len);
    Err(OtherCard::Differs { packed: size(packed), published: size(published) })
}

/// An execution node's contact: it may decrypt, train and mint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExExContact {
    /// The node's account.
    pub address: Address,
    /// The key that data keys are sealed to.
    pub sealing_key: SealingKey,
}

/// A creator.
///
/// A dataset goes through states, and each is a type: a [`Draft`] has its number and its public part; a [`Proved`] draft
/// also has the proof of exactly that, and can be submitted.
///
/// # Example
/// ```no_run
/// # use std::sync::Arc;
/// # use lazai::creator::{Creator, CreatorError, ExExContact};
/// # use lazai::core::{Signer, SubmissionId, pov::{Dataset, PublicPart}};
/// # use lazai::zk::Proof;
/// # async fn submit(creator: Creator, dataset: Dataset, public: PublicPart, proof: Proof, exex: ExExContact,
/// #     contributors: &[Arc<dyn Signer>]) -> Result<SubmissionId, Box<dyn std::error::Error>> {
/// let draft = creator.draft(1, dataset, public)?;
/// let proved = draft.with_proof(proof)?; // or, with the feature `zk`: `draft.prove(&Prover::new())?`
/// let submission = proved.submit(exex, contributors).await?;
/// # Ok(submission)
/// # }
/// ```
#[derive(Clone)]
pub struct Creator {
    account: Account,
    store: Arc<dyn Store>,
}

impl Creator {
    /// A creator, and the store for ciphertexts.
    pub fn new(account: Account, store: Arc<dyn Store>) -> Self {
        Self { account, store }
    }

    /// The id of this creator's submission with a number.
    #[must_use]
    pub fn submission_id(&self, number: u64) -> SubmissionId {
        SubmissionId::derive(self.account.ledger().market().ledger(), self.account.address(), number)
    }

    /// The lineage that creator and contributors sign for the next version of a class: it follows the version that the
    /// ledger has confirmed last by now, which keeps `keep` of its revenue. The predecessor stays the same, also if other
    /// versions are minted first; to name another one, use [`Lineage::next`].
    ///
    /// # Errors
    /// [`CreatorError::NoVersion`], [`CreatorError::Lineage`].
    pub fn next_version(&self, class: ClassId, keep: BasisPoints) -> Result<Lineage, CreatorError> {
        let last = self.account.ledger().market().class(class).and_then(Class::last_version);
        Ok(Lineage::next(class, last.ok_or(CreatorError::NoVersion { class })?, keep)?)
    }

    /// Begins submission `number` of this creator: a dataset and its public part, for a class of its own.
    /// [`Draft::as_version`] makes it a version of another class.
    ///
    /// # Errors
    /// [`CreatorError::Commit`], [`CreatorError::Card`].
    pub fn draft(&self, number: u64, dataset: Dataset, public: PublicPart) -> Result<Draft, CreatorError> {
        check_card(&dataset, &public)?;
        Draft::new(self.clone(), number, dataset, public)
    }

    /// Sends a submission from [`Proved::seal`], or from a program of one's own. Sending it again changes nothing.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, submission: Submission) -> Result<SubmissionId, SendError> {
        let id = self.submission_id(submission.nonce);
        self.account.send(&format!("submit {}", submission.nonce), Transaction::Submit(submission)).await?;
        Ok(id)
    }
}

impl std::fmt::Debug for Creator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Creator {{ account: {:?} }}", self.account)
    }
}
