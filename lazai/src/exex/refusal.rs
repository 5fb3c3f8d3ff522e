//! Checks that the decrypted dataset is the one that was proved and signed.

use lazai_core::Digest;
use lazai_core::pov::{Dataset, PovError, PublicPart};
use lazai_core::seal::SealError;
use lazai_settle::market::Submission;
use lazai_zk::source::voice;
use lazai_zk::{CommitError, Commitment, Statement, StatementError};
use thiserror::Error;

use crate::creator::{OtherCard, check_card};

/// Why the ExEx refuses to train on the decrypted data. It goes on the ledger, signed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RefusalReason {
    /// The dataset was packed to go on from another card than the published one.
    #[error("dataset: {0}")]
    Card(#[from] OtherCard),
    /// The ciphertext does not open with the sealed key.
    #[error("ciphertext: {0}")]
    Ciphertext(#[from] SealError),
    /// A contributor's records have another root than the contributor signed.
    #[error("contributor {index} signed root {signed}, the records have {found}")]
    ContributorRoot {
        /// The contributor's index, from 0.
        index: usize,
        /// The signed root.
        signed: Digest,
        /// The root of the contributor's records.
        found: Digest,
    },
    /// A dataset that cannot be proved.
    #[error("dataset: {0}")]
    Commit(#[from] CommitError),
    /// The submitted statement is not one.
    #[error("statement: {0}")]
    Statement(#[from] StatementError),
    /// The recordings differ from the declared ones.
    #[error("dataset has {found} voice frames or others than the {expected} that were declared")]
    Voice {
        /// The number of frames declared.
        expected: u64,
        /// The number of frames found.
        found: u64,
    },
    /// The decrypted bytes are not a dataset.
    #[error("dataset: {0}")]
    Dataset(#[from] PovError),
    /// The dataset is for another tokenizer than the base model's.
    #[error("dataset is of tokenizer {found}, the base model has {expected}")]
    OtherTokenizer {
        /// The base model's.
        expected: Digest,
        /// The dataset's.
        found: Digest,
    },
    /// The dataset is not the one that was proved.
    #[error("dataset has root {found}, the submission has {expected}")]
    Root {
        /// The submitted value.
        expected: Digest,
        /// The value computed from the records.
        found: Digest,
    },
}

/// Checks a dataset against its submission, its statement and the tokenizer of the base model.
pub(super) fn check(
    dataset: &Dataset,
    submission: &Submission,
    statement: &Statement,
    expected: Digest,
) -> Result<(), RefusalReason> {
    let public = PublicPart::from_bytes(submission.public_part.as_bytes())?;
    check_card(dataset, &public)?;
    let commitment = Commitment::with_licences(dataset, &statement.declared.licences)?;
    let found = commitment.digest();
    if found != submission.root {
        return Err(RefusalReason::Root { expected: submission.root, found });
    }
    for (index, (share, own)) in submission.shares.iter().zip(commitment.shares()).enumerate() {
        if own.root != share.root {
            return Err(RefusalReason::ContributorRoot { index, signed: share.root, found: own.root });
        }
    }
    let (declared, spoken) = (statement.declared.voice, voice(dataset)?);
    if declared != spoken {
        return Err(RefusalReason::Voice { expected: declared.frames, found: spoken.frames });
    }
    let found = dataset.manifest().tokenizer_digest;
    if expected == found { Ok(()) } else { Err(RefusalReason::OtherTokenizer { expected, found }) }
}
