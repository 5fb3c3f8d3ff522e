//! A validator's signed verdicts, on disk before they are signed: two verdicts on one submission cost stake, whoever shows
//! them. The idea is that of EIP-3076, which protects Ethereum's validators from themselves.
//!
//! There is one file per submission. It is created once and never rewritten: neither a crash, nor a second process with the
//! same key, nor a copy of the program on another day signs two verdicts. An unreadable file is an error; it never counts
//! as absent.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use lazai_core::{Address, Digest, SubmissionId, TypedData};
use lazai_settle::quorum::Attestation;
use serde::{Deserialize, Serialize};

use super::ValidationError;

/// A bound on the file's size, in bytes.
const MAX_BYTES: u64 = 1_024;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    submission: SubmissionId,
    attestation: Digest,
}

/// The folder of one validator.
pub(super) struct Signed(PathBuf);

impl Signed {
    pub(super) fn new(folder: &Path, validator: Address) -> Self {
        Self(folder.join(validator.to_string()))
    }

    /// Notes a verdict before it is signed. The same verdict again is no error.
    pub(super) fn note(&self, attestation: &Attestation) -> Result<(), ValidationError> {
        let (submission, digest) = (attestation.submission, attestation.hash_struct());
        let path = self.0.join(format!("{submission}.json"));
        let failed = |source| ValidationError::SignedFile { path: path.clone(), source };
        std::fs::create_dir_all(&self.0).map_err(failed)?;
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                let line = serde_json::to_vec(&Line { submission, attestation: digest });
                file.write_all(&line.map_err(std::io::Error::from).map_err(failed)?).map_err(failed)?;
                file.sync_all().map_err(failed)?;
                // The file's name, too, must outlive a power cut.
                #[cfg(unix)]
                File::open(&self.0).and_then(|folder| folder.sync_all()).map_err(failed)?;
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let line = read(&path).map_err(failed)?;
                if line.submission != submission {
                    return Err(failed(std::io::Error::new(ErrorKind::InvalidData, "it is of another submission")));
                }
                if line.attestation == digest {
                    return Ok(());
                }
                Err(ValidationError::SignedOtherwise { submission, signed: line.attestation, refused: digest })
            }
            Err(error) => Err(failed(error)),
        }
    }
}

fn read(path: &Path) -> std::io::Result<Line> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    serde_json::from_slice(&bytes).map_err(std::io::Error::from)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn attestation(accepted: bool) -> Attestation {
        let [submission, content] = [1, 2].map(|n| Digest::from_bytes([n; 32]));
        Attestation { submission: SubmissionId::from_bytes(*submission.as_bytes()), content, accepted }
    }

    fn signed(folder: &Path) -> Signed {
        Signed::new(folder, Address::from_bytes([7; 20]))
    }

    #[test]
    fn one_verdict_on_a_submission_is_signed_again_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        signed(folder.path()).note(&attestation(true)).unwrap();
        // After a restart too.
        signed(folder.path()).note(&attestation(true)).unwrap();
        let other = signed(folder.path()).note(&attestation(false));
        assert!(matches!(other, Err(ValidationError::SignedOtherwise { .. })), "{other:?}");
        // Another validator is not bound by it.
        Signed::new(folder.path(), Address::from_bytes([8; 20])).note(&attestation(false)).unwrap();
    }

    #[test]
    fn a_damaged_file_is_an_error_and_no_beginning() {
        let folder = tempfile::tempdir().unwrap();
        signed(folder.path()).note(&attestation(true)).unwrap();
        let path = signed(folder.path()).0.join(format!("{}.json", attestation(true).submission));
        let whole = std::fs::read(&path).unwrap();
        let foreign = String::from_utf8(whole.clone()).unwrap().replacen("01", "03", 1).into_bytes();
        for damaged in [&[][..], &whole[..whole.len() - 1], b"{}", &foreign] {
            std::fs::write(&path, damaged).unwrap();
            for accepted in [true, false] {
                let refused = signed(folder.path()).note(&attestation(accepted));
                assert!(matches!(refused, Err(ValidationError::SignedFile { .. })), "{refused:?}");
            }
        }
    }

    #[test]
    fn of_two_at_once_one_is_signed() {
        let folder = tempfile::tempdir().unwrap();
        let results: Vec<_> = std::thread::scope(|scope| {
            let folder = folder.path();
            let note = |accepted| scope.spawn(move || (accepted, signed(folder).note(&attestation(accepted))));
            let all: Vec<_> = [true, false, true, false, true, false].map(note).into();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let done: Vec<bool> = results.iter().filter(|(_, r)| r.is_ok()).map(|(accepted, _)| *accepted).collect();
        assert!(!done.is_empty() && done.iter().all(|accepted| *accepted == done[0]), "{results:?}");
    }
}
