//! A submission before it is sent: a draft, then a proved one. Neither can hold a proof of something else.

use std::sync::Arc;

use lazai_core::digest::sha256;
use lazai_core::pov::{Dataset, PublicPart};
use lazai_core::seal::DataKey;
use lazai_core::{Signer, SubmissionId};
use lazai_settle::lineage::Lineage;
use lazai_settle::market::{ContributorShare, Submission};
use lazai_settle::quorum::ContributorConsent;
use lazai_zk::opening::prompts_root;
use lazai_zk::{Binding, Commitment, Proof, Statement, VerifyError};

use super::{Creator, CreatorError, ExExContact};

/// A dataset, its public part and a number, to be proved.
pub struct Draft {
    creator: Creator,
    number: u64,
    dataset: Dataset,
    public: PublicPart,
    lineage: Lineage,
    #[cfg_attr(not(any(feature = "stark", feature = "zk")), allow(dead_code, reason = "the provers read it"))]
    commitment: Commitment,
    statement: Statement,
}

impl Draft {
    pub(super) fn new(
        creator: Creator,
        number: u64,
        dataset: Dataset,
        public: PublicPart,
    ) -> Result<Self, CreatorError> {
        let ledger = creator.account.ledger().market().ledger();
        let submission = creator.submission_id(number);
        let binding = Binding { ledger, submitter: creator.account.address(), submission };
        let commitment = Commitment::of(&dataset)?;
        let statement = commitment.statement(&dataset, prompts_root(&public.prompts), binding)?;
        Ok(Self { creator, number, dataset, public, lineage: Lineage::NEW_CLASS, commitment, statement })
    }

    /// Makes it a version of a class: see [`Creator::next_version`].
    #[must_use]
    pub fn as_version(mut self, lineage: Lineage) -> Self {
        self.lineage = lineage;
        self
    }

    /// The id that the submission will have.
    #[must_use]
    pub fn id(&self) -> SubmissionId {
        self.statement.binding.submission
    }

    /// The statement to prove.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// The dataset.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Proves that the dataset is whole and within the rules.
    ///
    /// # Errors
    /// [`lazai_zk::ProveError`].
    #[cfg(feature = "zk")]
    pub fn prove(self, prover: &lazai_zk::Prover) -> Result<Proved, lazai_zk::ProveError> {
        let proof = prover.prove(&self.dataset, &self.commitment, &self.statement)?;
        Ok(Proved { draft: self, proof })
    }

    /// As [`prove`](Self::prove); `on_progress` receives progress, and can stop it.
    ///
    /// # Errors
    /// [`lazai_zk::ProveError`].
    #[cfg(feature = "zk")]
    pub fn prove_with(
        self,
        prover: &lazai_zk::Prover,
        on_progress: &mut (dyn FnMut(lazai_zk::ProveProgress) -> std::ops::ControlFlow<()> + Send),
    ) -> Result<Proved, lazai_zk::ProveError> {
        let proof = prover.prove_with(&self.dataset, &self.commitment, &self.statement, on_progress)?;
        Ok(Proved { draft: self, proof })
    }

    /// As [`prove`](Self::prove), by one STARK: for datasets of up to 1.2 million tokens, without an unstable compiler.
    ///
    /// # Errors
    /// [`lazai_zk::StarkError`].
    #[cfg(feature = "stark")]
    pub fn prove_stark(self, prover: &lazai_zk::StarkProver) -> Result<Proved, lazai_zk::StarkError> {
        let proof = prover.prove(&self.dataset, &self.commitment, &self.statement)?;
        Ok(Proved { draft: self, proof })
    }

    /// Takes an existing proof.
    ///
    /// # Errors
    /// [`VerifyError`] if it is not a proof of this draft: of another dataset, public part, creator, ledger or number; or under an
    /// earlier key, which validators take no more.
    pub fn with_proof(self, proof: Proof) -> Result<Proved, VerifyError> {
        lazai_zk::Verifier::newest().verify(&self.statement, &proof)?;
        Ok(Proved { draft: self, proof })
    }
}

/// A draft with its proof, to be submitted.
pub struct Proved {
    draft: Draft,
    proof: Proof,
}

impl Proved {
    /// The id that the submission will have.
    #[must_use]
    pub fn id(&self) -> SubmissionId {
        self.draft.id()
    }

    /// The proved statement.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.draft.statement
    }

    /// The proof.
    #[must_use]
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The dataset.
    #[must_use]
    pub fn dataset(&self) -> &Dataset {
        &self.draft.dataset
    }

    /// Its public part.
    #[must_use]
    pub fn public_part(&self) -> &PublicPart {
        &self.draft.public
    }

    /// Encrypts the dataset, seals its key to an ExEx, has each contributor sign, and submits. A second call gives the same
    /// submission.
    ///
    /// # Errors
    /// [`CreatorError`].
    pub async fn submit(
        &self,
        exex: ExExContact,
        contributors: &[Arc<dyn Signer>],
    ) -> Result<SubmissionId, CreatorError> {
        let submission = self.seal(exex, contributors).await?;
        Ok(self.draft.creator.send(submission).await?)
    }

    /// All of [`submit`](Self::submit) except sending: the store has ciphertext, statement and proof, contributors have
    /// signed. For [`Creator::send`].
    ///
    /// # Errors
    /// [`CreatorError`].
    pub async fn seal(&self, exex: ExExContact, contributors: &[Arc<dyn Signer>]) -> Result<Submission, CreatorError> {
        let Draft { creator, number, dataset, public, lineage, statement, .. } = &self.draft;
        let id = self.id();
        let key = DataKey::random()?;
        let ciphertext = key.encrypt(&dataset.to_bytes()?, id.as_bytes())?;
        let sealed_key = exex.sealing_key.seal(&key, id.as_bytes())?;
        let public_part = public.to_bytes()?;
        for object in [&statement.to_bytes(), &self.proof.to_bytes(), &ciphertext] {
            creator.store.put(object).await?;
        }
        Ok(Submission {
            nonce: *number,
            statement: statement.digest(),
            root: statement.proved.root,
            proof: self.proof.digest(),
            ciphertext: sha256(&ciphertext),
            sealed_key,
            exex: exex.address,
            lineage: *lineage,
            // Canonical JSON is UTF-8.
            public_part: String::from_utf8_lossy(&public_part).into_owned(),
            shares: self.consents(contributors).await?,
        })
    }

    /// The contributors' signatures: each signs its root, licence, consent and weight, in this class.
    async fn consents(&self, contributors: &[Arc<dyn Signer>]) -> Result<Vec<ContributorShare>, CreatorError> {
        let Draft { creator, public, lineage, statement, .. } = &self.draft;
        // Proved weights are of at most 2^32 records: their sum has no more than 64 bits.
        let total = statement.proved.shares.iter().fold(0_u64, |sum, share| sum.saturating_add(share.tokens));
        let mut shares = Vec::with_capacity(statement.proved.shares.len());
        for ((address, share), contributor) in statement.shares().zip(&public.contributors) {
            let signer = contributors.iter().find(|s| s.address() == address);
            let signer = signer.ok_or(CreatorError::NoSigner { contributor: address })?;
            let consent = ContributorConsent {
                submission: self.id(),
                root: share.root,
                licence: &contributor.licence,
                consent: &contributor.consent,
                tokens: share.tokens,
                total,
                lineage: *lineage,
            };
            let consent = lazai_core::sign::sign(&**signer, &creator.account.domain(), &consent).await?;
            shares.push(ContributorShare { contributor: address, tokens: share.tokens, root: share.root, consent });
        }
        Ok(shares)
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Draft {{ submission: {}, root: {} }}", self.id(), self.statement.proved.root)
    }
}

impl std::fmt::Debug for Proved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proved {{ submission: {}, proof: {} }}", self.id(), self.proof.digest())
    }
}
