//! Proofs of datasets.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lazai::core::SubmissionId;
use lazai::core::pov::{PovFile, PublicPart};
use lazai::zk::opening::prompts_root;
use lazai::zk::statement::Prompts;
use lazai::zk::{Binding, Commitment, Prover};

use super::data::{read_file, write_into};
use super::{ProgressListener, tell};
use crate::{FilePath, LazaiError, record};

record! {
    /// A proof that was written.
    pub struct ProofFiles {
        /// The file of the statement.
        pub statement: FilePath,
        /// The file of the proof.
        pub proof: FilePath,
        /// Root over all records.
        pub root: String,
        /// The submission that it is bound to.
        pub submission: String,
    }
}

/// Proves in zero knowledge that a dataset is whole and within the rules, bound to a ledger, a submitter and the
/// submitter's `nonce`. Writes `statement.json` and `proof.bin` into a folder; after it was killed or cancelled, a run
/// continues from there.
///
/// `public_part` is the file of the dataset's public part, whose prompts the statement names; none publishes nothing.
///
/// # Errors
/// `hex.…`, `pov.…`, `zk.…`, `file`, `cancelled`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn prove_dataset(
    dataset: FilePath,
    public_part: Option<FilePath>,
    ledger: String,
    submitter: String,
    nonce: u64,
    folder: FilePath,
    listener: Option<Arc<dyn ProgressListener>>,
) -> Result<ProofFiles, LazaiError> {
    let (ledger, submitter) = (ledger.parse()?, submitter.parse()?);
    let file = PovFile::open(Path::new(&dataset))?;
    let prompts = match &public_part {
        None => Prompts::NONE,
        Some(path) => prompts_root(&PublicPart::from_bytes(&read_file(path)?)?.prompts),
    };
    let submission = SubmissionId::derive(ledger, submitter, nonce);
    let commitment = Commitment::of(&file)?;
    let statement = commitment.statement(&file, prompts, Binding { ledger, submitter, submission })?;
    let folder = PathBuf::from(folder);
    let prover = Prover::new().work_in(folder.join("work"));
    let mut on_progress = |progress: lazai::zk::ProveProgress| {
        let stage = format!("{:?}", progress.stage).to_lowercase();
        if tell(listener.as_ref(), &stage, progress.done, progress.total) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    let proof = prover.prove_with(&file, &commitment, &statement, &mut on_progress)?;
    Ok(ProofFiles {
        statement: write_into(&folder, "statement.json", &statement.to_bytes())?,
        proof: write_into(&folder, "proof.bin", &proof.to_bytes())?,
        root: statement.proved.root.to_string(),
        submission: submission.to_string(),
    })
}
