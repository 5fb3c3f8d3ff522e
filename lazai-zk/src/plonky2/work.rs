//! Finished parts of a run, kept as files, from which a run continues after it was killed or cancelled.

use std::path::{Path, PathBuf};

use lazai_core::digest::DomainHasher;
use lazai_core::file::{make_private_folder, write_privately};
use plonky2::plonk::circuit_data::VerifierCircuitData;

use super::circuits::InnerProof;
use super::prover::{ProveError, catching, folder_error};
use super::{C, D, F};
use crate::key::VerifierKey;
use crate::statement::Statement;

/// Finished parts of one run.
pub(super) struct Work {
    folder: Option<PathBuf>,
}

/// Largest part that is read: an inner proof has about 130 kB.
const MAX_PART_BYTES: u64 = 1 << 20;

impl Work {
    pub(super) fn open(folder: Option<&Path>, statement: &Statement, large: bool) -> Result<Self, ProveError> {
        let Some(folder) = folder else { return Ok(Self { folder: None }) };
        // The parts do not depend on the statement's binding.
        let run = DomainHasher::new("lazai.zk.run.v2")
            .part(VerifierKey::pinned().digest().as_bytes())
            .part(statement.proved.root.as_bytes())
            .part(&statement.proved.vocab_size.to_le_bytes())
            .part(&(statement.declared.licences.len() as u64).to_le_bytes())
            .part(&[large.into()])
            .finish();
        let folder = folder.join(run.to_string());
        make_private_folder(&folder).map_err(|e| folder_error(Some(&folder), &e))?;
        Ok(Self { folder: Some(folder) })
    }

    /// A part with the public inputs expected of it: as found, if it verifies, else proved and kept.
    pub(super) fn part(
        &self,
        name: &str,
        data: &VerifierCircuitData<F, C, D>,
        expected: &[F],
        prove: impl FnOnce() -> Result<InnerProof, ProveError>,
    ) -> Result<InnerProof, ProveError> {
        let prove = || catching("records", prove);
        let Some(folder) = &self.folder else { return prove() };
        let path = folder.join(name);
        if let Some(proof) = read_part(&path, data, expected) {
            return Ok(proof);
        }
        let proof = prove()?;
        // Unlike the outer proof, a part is not blinded.
        write_privately(&path, &proof.to_bytes()).map_err(|e| folder_error(Some(folder), &e))?;
        Ok(proof)
    }

    /// The parts are of no more use.
    pub(super) fn finish(self) {
        if let Some(folder) = self.folder
            && let Err(e) = std::fs::remove_dir_all(&folder)
        {
            tracing::warn!(folder = %folder.display(), error = %e, "finished parts could not be removed");
        }
    }
}

fn read_part(path: &Path, data: &VerifierCircuitData<F, C, D>, expected: &[F]) -> Option<InnerProof> {
    if std::fs::metadata(path).ok()?.len() > MAX_PART_BYTES {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let sound = || {
        let proof = InnerProof::from_bytes(bytes, &data.common).ok()?;
        (proof.public_inputs == expected && data.verify(proof.clone()).is_ok()).then_some(proof)
    };
    // plonky2 may panic on damaged bytes: such a part is proved again.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(sound)).ok().flatten()
}
