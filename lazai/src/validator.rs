//! The validator: verifies proof, public part and ciphertext digest, never the private data, and attests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lazai_core::digest::sha256;
use lazai_core::pov::{PovError, PublicPart};
use lazai_core::{Address, Digest, SignerError, SubmissionId};
use lazai_settle::Ledger;
use lazai_settle::market::{Submission, SubmissionState, SubmissionStatus, Transaction};
use lazai_settle::notice::Entry;
use lazai_settle::quorum::{Attestation, ContributorConsent, Verdict};
use lazai_zk::opening::prompts_root;
use lazai_zk::proof::{MAX_PROOF_BYTES, ProofFormatError};
use lazai_zk::source::record_bound;
use lazai_zk::statement::LICENCES;
use lazai_zk::{Proof, Statement, Verifier, VerifyError};
use thiserror::Error;

use self::signed::Signed;
use crate::account::{Account, SendError};
use crate::store::{MAX_CIPHERTEXT_BYTES, MAX_STATEMENT_BYTES, Store, StoreError};

mod signed;

/// Why a validator does not attest.
///
/// Two of them keep the validator from losing stake: [`SignedFile`](Self::SignedFile) and
/// [`SignedOtherwise`](Self::SignedOtherwise).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ValidationError {
    /// The bytes are no proof.
    #[error(transparent)]
    ProofFormat(#[from] ProofFormatError),
    /// The proof does not hold.
    #[error(transparent)]
    Proof(#[from] VerifyError),
    /// The public part breaks the format.
    #[error(transparent)]
    Public(#[from] PovError),
    /// The statement and the submission differ.
    #[error("statement and submission differ in {field}")]
    StatementMismatch {
        /// The field.
        field: &'static str,
    },
    /// The ledger refused.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The file with the validator's earlier verdict cannot be read or written: nothing is signed then.
    #[error("{path}: {source}")]
    SignedFile {
        /// The file.
        path: PathBuf,
        /// The error.
        source: std::io::Error,
    },
    /// The validator signed another verdict on this submission before: both together would cost its stake.
    #[error("submission {submission}: attestation {signed} was signed before, {refused} is refused")]
    SignedOtherwise {
        /// The submission.
        submission: SubmissionId,
        /// The signed verdict.
        signed: Digest,
        /// The refused verdict.
        refused: Digest,
    },
    /// The signer refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The store failed, or its data differs from the submission.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such submission.
    #[error("no submission {submission}")]
    UnknownSubmission {
        /// The submission.
        submission: SubmissionId,
    },
}

/// Submissions that wait for the verdict of a validator, as far as the ledger was read.
#[must_use]
pub fn pending(ledger: &dyn Ledger, validator: Address) -> Vec<SubmissionId> {
    let (market, now_s) = (ledger.market(), ledger.now_s());
    let waits = |state: &SubmissionState| {
        let is_asked = state.validators.contains_key(&validator) && !state.verdicts.contains_key(&validator);
        is_asked && state.status == SubmissionStatus::Pending && !state.has_lapsed(now_s)
    };
    market.submissions().filter(|(_, state)| waits(state)).map(|(id, _)| id).collect()
}

/// A validator of an iDAO.
pub struct Validator {
    account: Account,
    verifier: Verifier,
    licences: Vec<String>,
    tokenizers: Option<BTreeMap<Digest, u32>>,
    signed: Signed,
}

impl Validator {
    /// A validator, and the folder that keeps the verdicts it signed, one per submission, so that it never signs two. The
    /// folder must outlive the program, and go with the key to another machine.
    #[must_use]
    pub fn new(account: Account, folder: &Path) -> Self {
        let signed = Signed::new(folder, account.address());
        let licences = LICENCES.map(String::from).to_vec();
        // What is submitted now is proved with the newest circuits; earlier keys are for what was attested under them.
        Self { account, verifier: Verifier::newest(), licences, tokenizers: None, signed }
    }

    /// Accepts datasets under these licences (SPDX identifiers) instead of the usual ones.
    #[must_use]
    pub fn licences(mut self, licences: Vec<String>) -> Self {
        self.licences = licences;
        self
    }

    /// Accepts datasets of these tokenizers alone, by digest with the size of each vocabulary. Without them any is accepted: a
    /// validator that knows no base model cannot tell which tokens one has.
    #[must_use]
    pub fn tokenizers(mut self, tokenizers: impl IntoIterator<Item = (Digest, u32)>) -> Self {
        self.tokenizers = Some(tokenizers.into_iter().collect());
        self
    }

    /// As [`pending`], for this validator.
    #[must_use]
    pub fn pending(&self) -> Vec<SubmissionId> {
        pending(self.account.ledger(), self.account.address())
    }

    /// Verifies a submission from a store's data.
    ///
    /// # Errors
    /// [`ValidationError`]: the reason to refuse.
    pub async fn verify(&self, submission: SubmissionId, store: &dyn Store) -> Result<Attestation, ValidationError> {
        self.account.ledger().refresh().await.map_err(SendError::from)?;
        let market = self.account.ledger().market();
        let state = market.submission(submission).ok_or(ValidationError::UnknownSubmission { submission })?;
        let submitted = &state.submission;
        self.check_consents(submission, submitted)?;
        let proof = Proof::from_bytes(&store.get(submitted.proof, MAX_PROOF_BYTES as u64).await?)?;
        let statement = Statement::from_bytes(&store.get(submitted.statement, MAX_STATEMENT_BYTES).await?)
            .map_err(|_| ValidationError::StatementMismatch { field: "format" })?;
        let binding = &statement.binding;
        if binding.ledger != market.ledger() || binding.submission != submission {
            return Err(ValidationError::StatementMismatch { field: "ledger or submission" });
        }
        self.matches(&statement, state)?;
        self.verifier.verify(&statement, &proof)?;
        let ciphertext = store.get(submitted.ciphertext, MAX_CIPHERTEXT_BYTES).await?;
        for (field, expected, found) in [
            ("statement", submitted.statement, statement.digest()),
            ("proof", submitted.proof, proof.digest()),
            ("ciphertext", submitted.ciphertext, sha256(&ciphertext)),
        ] {
            if expected != found {
                return Err(ValidationError::StatementMismatch { field });
            }
        }
        Ok(Attestation { submission, content: submitted.content(), accepted: true })
    }

    /// The verdict against a submission that [`Validator::verify`] finds wrong: more than a third of the weight
    /// rejects it.
    ///
    /// # Errors
    /// [`ValidationError::UnknownSubmission`].
    pub fn rejection(&self, submission: SubmissionId) -> Result<Attestation, ValidationError> {
        let market = self.account.ledger().market();
        let state = market.submission(submission).ok_or(ValidationError::UnknownSubmission { submission })?;
        Ok(Attestation { submission, content: state.submission.content(), accepted: false })
    }

    /// Signs a verdict. Two different ones on one submission cost stake, whoever shows them: the verdict is on disk before
    /// it is signed, and another one is refused. The same one is signed again.
    ///
    /// # Errors
    /// [`ValidationError::SignedOtherwise`], [`ValidationError::SignedFile`], [`ValidationError::Signer`].
    pub async fn sign(&self, attestation: Attestation) -> Result<Verdict, ValidationError> {
        self.signed.note(&attestation)?;
        let signature = self.account.sign(&attestation).await?;
        Ok(Verdict { validator: self.account.address(), attestation, signature })
    }

    /// Signs a verdict and sends it to the ledger. (Several validators' verdicts can be sent together: see
    /// [`Transaction::Attest`].)
    ///
    /// # Errors
    /// As [`Validator::sign`]; [`ValidationError::Send`].
    pub async fn attest(&self, attestation: Attestation) -> Result<Entry, ValidationError> {
        let verdict = self.sign(attestation).await?;
        let label = format!("attest {}", attestation.submission);
        Ok(self.account.send(&label, Transaction::Attest(vec![verdict])).await?)
    }

    /// Votes on a challenge of another validator's verdict, by the finding of [`Validator::verify`]. A missing vote denies.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn vote(&self, submission: SubmissionId, accused: Address, upheld: bool) -> Result<Entry, SendError> {
        let market = self.account.ledger().market();
        let challenge = market.submission(submission).and_then(|s| s.challenges.get(&accused));
        // Another challenge of the same verdict is another vote.
        let label = format!("vote {submission} {accused} {}", challenge.map_or(0, |c| c.deadline_s));
        let vote = Transaction::VoteOnChallenge { submission, validator: accused, upheld };
        self.account.send(&label, vote).await
    }

    /// Shows two verdicts that a validator signed on one submission: this costs the validator's stake. Anyone may do so;
    /// there is no reward, since the fastest party, or the culprit, could take it.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn show_equivocation(&self, one: Verdict, other: Verdict) -> Result<Entry, SendError> {
        let label = format!("show {} {}", one.attestation.submission, one.validator);
        self.account.send(&label, Transaction::SlashEquivocation { one, other }).await
    }

    /// Checks that all contributors signed the public part's words about them. A ledger on a chain sees only hashes of the
    /// words; consents of contract accounts (ERC-1271) are not accepted.
    fn check_consents(&self, id: SubmissionId, submitted: &Submission) -> Result<(), ValidationError> {
        let public = PublicPart::from_bytes(submitted.public_part.as_bytes())?;
        let wrong = || ValidationError::StatementMismatch { field: "consents of contributors" };
        if public.contributors.len() != submitted.shares.len() {
            return Err(wrong());
        }
        let total = submitted.tokens().ok_or_else(wrong)?;
        for (contributor, share) in public.contributors.iter().zip(&submitted.shares) {
            let (licence, consent) = (&contributor.licence, &contributor.consent);
            let (root, tokens, lineage) = (share.root, share.tokens, submitted.lineage);
            let signed = ContributorConsent { submission: id, root, licence, consent, tokens, total, lineage };
            let checked = share.consent.verify(&self.account.domain(), &signed, share.contributor);
            if contributor.address != share.contributor || checked.is_err() {
                return Err(wrong());
            }
        }
        Ok(())
    }

    /// Checks that a statement belongs to the submission, and says of records what a dataset's file can hold.
    fn matches(&self, statement: &Statement, state: &SubmissionState) -> Result<(), ValidationError> {
        let submitted = &state.submission;
        let public = PublicPart::from_bytes(submitted.public_part.as_bytes())?;
        let licences = statement.proved.shares.iter().map(|s| statement.declared.licences.get(usize::from(s.licence)));
        let same_licences = licences.eq(public.contributors.iter().map(|c| Some(&c.licence)));
        let shares = statement.shares().map(|(contributor, s)| (contributor, s.tokens, s.root));
        let same_shares = shares.eq(submitted.shares.iter().map(|s| (s.contributor, s.tokens, s.root)));
        let proved = &statement.proved;
        let known = self.tokenizers.as_ref();
        let tokenizer = known.map(|known| known.get(&statement.declared.tokenizer).copied());
        for (field, same) in [
            ("submitter", statement.binding.submitter == state.submitter),
            ("longest record", proved.max_record_tokens == record_bound(proved.max_record_tokens as usize)),
            ("tokenizer", tokenizer != Some(None)),
            ("vocabulary", tokenizer.flatten().is_none_or(|size| size == proved.vocab_size)),
            ("root", statement.proved.root == submitted.root),
            ("shares", same_shares),
            ("prompts", statement.declared.prompts == prompts_root(&public.prompts)),
            ("licences", statement.declared.licences.iter().all(|l| self.licences.contains(l))),
            ("licences of contributors", same_licences),
        ] {
            if !same {
                return Err(ValidationError::StatementMismatch { field });
            }
        }
        Ok(())
    }

    /// Digest of the verifier's key in use.
    #[must_use]
    pub fn verifier_key(&self) -> Digest {
        self.verifier.key_digest()
    }
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Validator {{ account: {:?} }}", self.account)
    }
}
