//! Actions of a creator and of the validators of an iDAO on a market.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai::core::pov::{Contributor, Dataset, PublicPart};
use lazai::core::seal::SealingKey;
use lazai::core::{BasisPoints, ClassId, SubmissionId, VersionNumber};
use lazai::creator::Creator;
use lazai::settle::market;
use lazai::validator::Validator;
use lazai::zk::Proof;

use super::data::{ContributorTerms, keep_file, read_file};
use super::market::Market;
use super::prove::ProofFiles;
use super::store::store_at;
use crate::sign::Foreign;
use crate::{Character, FilePath, LazaiError, Signer, record, words};

record! {
    /// An execution node that may open a dataset, and the key that data is sealed to.
    pub struct ExExContact {
        /// Its account.
        pub address: String,
        /// Its public key (X25519).
        pub sealing_key: String,
    }
}

record! {
    /// The class that a model becomes a version of, and the version it comes after. Signatures and attestations name both:
    /// nobody can choose others, nor put a version in between.
    pub struct Lineage {
        /// The class, which is the submitter's.
        pub class_id: u64,
        /// The version that it comes after; none: the last one when it is submitted.
        pub after: Option<u32>,
        /// The part of its revenue that the version before keeps, in basis points: at most 5,000.
        pub keep_bps: u16,
    }
}

impl Lineage {
    fn parse(self, creator: &Creator) -> Result<lazai::settle::Lineage, LazaiError> {
        let keep = BasisPoints::new(self.keep_bps).map_err(|e| LazaiError::new("submission.lineage", e))?;
        let class = ClassId(self.class_id);
        let Some(after) = self.after else { return Ok(creator.next_version(class, keep)?) };
        let next = lazai::settle::Lineage::next(class, VersionNumber(after), keep);
        Ok(next.map_err(lazai::creator::CreatorError::from)?)
    }
}

words! {
    /// The state of a submission.
    pub enum SubmissionStatus {
        /// Validators may attest until the deadline.
        Pending,
        /// Two thirds attested.
        Accepted,
        /// So many attested the contrary, or were overruled, that two thirds cannot be.
        Rejected,
        /// The execution node refused it.
        Refused,
        /// Its model is minted.
        Minted,
    }
}

record! {
    /// A submission and its state.
    pub struct SubmissionFacts {
        /// Its id.
        pub submission: String,
        /// The submitter.
        pub submitter: String,
        /// Its state.
        pub status: SubmissionStatus,
        /// Root over all records.
        pub root: String,
        /// Tokens of all records, as proved.
        pub tokens: u64,
    }
}

/// Writes the public part of a dataset, at most 32 KiB: the public description of the character, prompts that show how to
/// talk with it, and the contributors. `voice_source` names the origin of recordings; empty without recordings. `prompted` has
/// nodes put the character's card before every conversation: the dataset must be prepared with this `card`.
///
/// # Errors
/// `pov.…`, `hex.…`, `file`.
#[cfg_attr(feature = "uniffi", uniffi::export(default(prompted = false)))]
pub fn write_public_part(
    character: Arc<Character>,
    prompts: Vec<String>,
    contributors: Vec<ContributorTerms>,
    voice_source: String,
    out: FilePath,
    prompted: bool,
) -> Result<(), LazaiError> {
    let contributors =
        contributors.into_iter().map(ContributorTerms::parse).collect::<Result<Vec<Contributor>, _>>()?;
    let mut public = PublicPart::new(character.profile(), prompts, contributors, voice_source);
    if prompted {
        public = public.with_prompt(character.prompt_card());
    }
    keep_file(&out, &public.to_bytes()?)
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Market {
    /// Submits a dataset as its creator: encrypts it, seals its key to an execution node, has each contributor sign, and
    /// keeps ciphertext, statement and proof in a store, a folder. `nonce` and files must be those it was proved with;
    /// otherwise the proof is refused. Without a lineage its model becomes the first version of a new class. Returns the
    /// id.
    ///
    /// # Errors
    /// `submission.lineage`, `file`, `pov.…`, `zk.…`, `hex.…`, `creator.no_signer`, `seal`, `store`, `signer.…`, `market`, `ledger…`.
    #[allow(clippy::too_many_arguments, reason = "a submission has these parts, each once")]
    pub async fn submit(
        &self,
        creator: Arc<dyn Signer>,
        store: FilePath,
        nonce: u64,
        dataset: FilePath,
        public_part: FilePath,
        proof: ProofFiles,
        exex: ExExContact,
        contributors: Vec<Arc<dyn Signer>>,
        lineage: Option<Lineage>,
    ) -> Result<String, LazaiError> {
        let dataset = Dataset::from_bytes(&read_file(&dataset)?)?;
        let public = PublicPart::from_bytes(&read_file(&public_part)?)?;
        let proof = Proof::from_bytes(&read_file(&proof.proof)?)?;
        let exex = lazai::creator::ExExContact {
            address: exex.address.parse()?,
            sealing_key: SealingKey(exex.sealing_key.parse()?),
        };
        let signer = |signer| Ok::<_, LazaiError>(Arc::new(Foreign::new(signer)?) as Arc<dyn lazai::core::Signer>);
        let contributors = contributors.into_iter().map(signer).collect::<Result<Vec<_>, _>>()?;
        let creator = Creator::new(self.account(creator)?, store_at(&store)?);
        let mut draft = creator.draft(nonce, dataset, public)?;
        if let Some(lineage) = lineage {
            draft = draft.as_version(lineage.parse(&creator)?);
        }
        Ok(draft.with_proof(proof)?.submit(exex, &contributors).await?.to_string())
    }

    /// Submissions that wait for the verdict of a validator, an account.
    ///
    /// # Errors
    /// `hex.…`, `ledger…`.
    pub async fn pending(&self, validator: String) -> Result<Vec<String>, LazaiError> {
        self.refresh().await?;
        let validator = validator.parse()?;
        let pending = lazai::validator::pending(&**self.ledger(), validator);
        Ok(pending.iter().map(ToString::to_string).collect())
    }

    /// Verifies a submission as a validator, from the store's data, and attests it: proof, public part, consents and the
    /// ciphertext's digest, never the private data. The signed verdict is kept in the folder `verdicts`, or without one in the
    /// store's folder `signed`, and another verdict on the same submission is refused (`submission.signed_otherwise`): two would cost
    /// stake. A store behind a URL needs that folder.
    ///
    /// # Errors
    /// The reason not to attest: `zk.…`, `pov.…`, `submission.…`, `store`, `file`; or `market`, `ledger…`, `signer.…`.
    #[cfg_attr(feature = "uniffi", uniffi::method(default(verdicts = None)))]
    pub async fn attest(
        &self,
        validator: Arc<dyn Signer>,
        store: FilePath,
        submission: String,
        verdicts: Option<FilePath>,
    ) -> Result<SubmissionFacts, LazaiError> {
        let signed = match verdicts {
            Some(folder) => PathBuf::from(folder),
            None if !store.contains("://") => Path::new(&store).join("signed"),
            None => {
                return Err(LazaiError::new(
                    "store",
                    format!("{store}: verdicts are signed once: name a folder for them"),
                ));
            }
        };
        let validator = Validator::new(self.account(validator)?, &signed);
        let id: SubmissionId = submission.parse()?;
        let attestation = validator.verify(id, &*store_at(&store)?).await?;
        validator.attest(attestation).await?;
        self.submission(submission)
    }

    /// The state of a submission, as far as the ledger was read.
    ///
    /// # Errors
    /// `hex.…`, `submission.unknown`.
    pub fn submission(&self, submission: String) -> Result<SubmissionFacts, LazaiError> {
        let market = self.ledger().market();
        let state = market.submission(submission.parse()?);
        let unknown = || LazaiError::new("submission.unknown", format!("no submission {submission}"));
        let state = state.ok_or_else(unknown)?;
        let status = match &state.status {
            market::SubmissionStatus::Pending => SubmissionStatus::Pending,
            market::SubmissionStatus::Accepted => SubmissionStatus::Accepted,
            market::SubmissionStatus::Rejected => SubmissionStatus::Rejected,
            market::SubmissionStatus::Minted { .. } => SubmissionStatus::Minted,
            // A state that a later version may add.
            _ => SubmissionStatus::Refused,
        };
        Ok(SubmissionFacts {
            submission,
            submitter: state.submitter.to_string(),
            status,
            root: state.submission.root.to_string(),
            tokens: state.submission.shares.iter().map(|share| share.tokens).sum(),
        })
    }
}
