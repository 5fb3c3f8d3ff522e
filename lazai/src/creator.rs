//! The creator: turns dialogue and voice into a dataset, proves it whole, submits it.

use std::sync::Arc;

use lazai_core::digest::sha256;
use lazai_core::pov::{Dataset, PovError, PublicPart};
use lazai_core::seal::{DataKey, SealError, SealingKey};
use lazai_core::{Address, BasisPoints, ClassId, Signature, Signer, SignerError, SubmissionId};
use lazai_settle::governance::OutOfBounds;
use lazai_settle::lineage::Lineage;
use lazai_settle::market::{Class, ContributorShare, Submission, Transaction};
use lazai_settle::quorum::ContributorConsent;
use lazai_zk::opening::prompts_root;
use lazai_zk::{Binding, CommitError, Commitment, Proof, Source, Statement};
use thiserror::Error;

use crate::account::{Account, SendError};
use crate::store::{Store, StoreError};

/// Why a dataset was not submitted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreatorError {
    /// More than a version may pass on.
    #[error(transparent)]
    Lineage(#[from] OutOfBounds),
    /// The dataset or its public part breaks the format.
    #[error(transparent)]
    Pov(#[from] PovError),
    /// It could not be encrypted.
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
        /// Who is missing.
        contributor: Address,
    },
    /// A class that nothing can be the next version of.
    #[error("class {class} has no versions")]
    NoVersion {
        /// Which.
        class: ClassId,
    },
}

/// Who may decrypt, train and mint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExExContact {
    /// Its account.
    pub address: Address,
    /// What data keys are sealed to.
    pub sealing_key: SealingKey,
}

/// A creator.
pub struct Creator {
    account: Account,
    store: Arc<dyn Store>,
}

impl Creator {
    /// A creator who keeps her ciphertexts in a store.
    pub fn new(account: Account, store: Arc<dyn Store>) -> Self {
        Self { account, store }
    }

    /// The id of her submission of a number.
    #[must_use]
    pub fn submission_id(&self, nonce: u64) -> SubmissionId {
        SubmissionId::derive(self.account.ledger().market().ledger(), self.account.address(), nonce)
    }

    /// What she and her contributors sign for the next version of a class: that it comes after the last one that the
    /// ledger has confirmed now, which keeps so much of its revenue. It stays that one, whatever is minted before the
    /// new one is; for another, there is [`Lineage::next`].
    ///
    /// # Errors
    /// [`CreatorError::NoVersion`], [`CreatorError::Lineage`].
    pub fn next_version(&self, class: ClassId, keep: BasisPoints) -> Result<Lineage, CreatorError> {
        let last = self.account.ledger().market().class(class).and_then(Class::last_version);
        Ok(Lineage::next(class, last.ok_or(CreatorError::NoVersion { class })?, keep)?)
    }

    /// What is true of a dataset and its public part, bound to her submission of a number.
    ///
    /// # Errors
    /// [`CommitError`]: two records with the same tokens, a licence that is not allowed.
    pub fn statement(
        &self,
        dataset: &dyn Source,
        public: &PublicPart,
        nonce: u64,
    ) -> Result<(Commitment, Statement), CommitError> {
        let ledger = self.account.ledger().market().ledger();
        let binding = Binding { ledger, submitter: self.account.address(), submission: self.submission_id(nonce) };
        let commitment = Commitment::of(dataset)?;
        let statement = commitment.statement(dataset, prompts_root(&public.prompts), binding)?;
        Ok((commitment, statement))
    }

    /// Proves it: a dataset in memory, or a file of any size.
    ///
    /// # Errors
    /// [`lazai_zk::ProveError`].
    #[cfg(feature = "zk")]
    pub fn prove(
        &self,
        prover: &lazai_zk::Prover,
        dataset: &(dyn Source + Sync),
        public: &PublicPart,
        nonce: u64,
    ) -> Result<(Statement, Proof), lazai_zk::ProveError> {
        let (commitment, statement) = self.statement(dataset, public, nonce)?;
        let proof = prover.prove(dataset, &commitment, &statement)?;
        Ok((statement, proof))
    }

    /// Encrypts a dataset, seals its key to an ExEx, has each contributor sign, and submits: for a class of its own, or as
    /// a version of one of the creator's, after the one that the lineage names ([`Creator::next_version`]: the last).
    ///
    /// # Errors
    /// [`CreatorError`].
    #[allow(clippy::too_many_arguments, reason = "a submission has these parts, each once")]
    pub async fn submit(
        &self,
        nonce: u64,
        dataset: &Dataset,
        public: &PublicPart,
        statement: &Statement,
        proof: &Proof,
        exex: ExExContact,
        lineage: Lineage,
        contributors: &[Arc<dyn Signer>],
    ) -> Result<SubmissionId, CreatorError> {
        let id = self.submission_id(nonce);
        let key = DataKey::random()?;
        let ciphertext = key.encrypt(&dataset.to_bytes()?, id.as_bytes())?;
        let sealed_key = exex.sealing_key.seal(&key, id.as_bytes())?;
        let public_part = public.to_bytes()?;
        self.store.put(&statement.to_bytes()).await?;
        self.store.put(&proof.to_bytes()).await?;
        self.store.put(&ciphertext).await?;

        // Proved weights are of at most 2^32 records: their sum has no more than 64 bits.
        let total = statement.proved.shares.iter().fold(0_u64, |sum, share| sum.saturating_add(share.tokens));
        let mut shares = Vec::with_capacity(statement.proved.shares.len());
        for ((address, share), contributor) in statement.shares().zip(&public.contributors) {
            let signer = contributors.iter().find(|s| s.address() == address);
            let signer = signer.ok_or(CreatorError::NoSigner { contributor: address })?;
            let consent = ContributorConsent {
                submission: id,
                root: share.root,
                licence: &contributor.licence,
                consent: &contributor.consent,
                tokens: share.tokens,
                total,
                lineage,
            };
            let consent: Signature = lazai_core::sign::sign(&**signer, &self.account.domain(), &consent).await?;
            shares.push(ContributorShare { contributor: address, tokens: share.tokens, root: share.root, consent });
        }
        let submission = Submission {
            nonce,
            statement: statement.digest(),
            root: statement.proved.root,
            proof: proof.digest(),
            ciphertext: sha256(&ciphertext),
            sealed_key,
            exex: exex.address,
            lineage,
            // Canonical JSON is UTF-8.
            public_part: String::from_utf8_lossy(&public_part).into_owned(),
            shares,
        };
        self.account.send(&format!("submit {nonce}"), Transaction::Submit(submission)).await?;
        Ok(id)
    }
}

impl std::fmt::Debug for Creator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Creator {{ account: {:?} }}", self.account)
    }
}
