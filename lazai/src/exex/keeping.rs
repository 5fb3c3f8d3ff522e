//! How an execution node keeps what it learnt, and how it gives it away.

use std::path::{Path, PathBuf};

use lazai_core::file::write_privately;
use lazai_core::oms::{AccountNote, FileKey, sign_folder};
use lazai_core::record::Kept;
use lazai_core::seal::AtRest;
use lazai_core::{Digest, SubmissionId};
use lazai_lora::adapter::{CONFIG_FILE, MAX_ADAPTER_BYTES, WEIGHTS_FILE};
use zeroize::Zeroizing;

use super::{ExEx, ExExError};

/// The file of the key that signs files.
const KEY: &str = "model-key.pem";
/// The file of a voice that is pitch and pace alone.
const MANNER_FILE: &str = "voice_manner.json";

impl ExEx {
    /// Keeps checkpoints, adapters and voices in clear: the operator's policy, which the training record names. Without it they are
    /// encrypted for the key that submissions are sealed to, and [`ExEx::export`] writes those that are given away.
    #[must_use]
    pub fn keep_in_clear(mut self) -> Self {
        self.at_rest = AtRest::Clear;
        self
    }

    /// How files are kept.
    #[must_use]
    pub fn at_rest(&self) -> &AtRest {
        &self.at_rest
    }

    /// The weights of a submission's adapter.
    ///
    /// # Errors
    /// [`ExExError::File`].
    pub fn weights(&self, submission: SubmissionId) -> Result<Zeroizing<Vec<u8>>, ExExError> {
        self.read(&self.adapter_folder(submission).join(WEIGHTS_FILE))
    }

    /// Writes a submission's adapter into a folder as PEFT's files, in clear, and its voice into the folder `voice` of it; each with a
    /// signature beside. A folder that is there keeps its other files.
    ///
    /// # Errors
    /// [`ExExError::File`], [`ExExError::Files`], [`ExExError::Signer`].
    pub async fn export(&self, submission: SubmissionId, folder: &Path) -> Result<(), ExExError> {
        let mut written = vec![folder.to_owned()];
        self.copy(&self.adapter_folder(submission), folder, &[CONFIG_FILE, WEIGHTS_FILE])?;
        let (voice, to) = (self.voice_folder(submission), folder.join("voice"));
        for files in [&[CONFIG_FILE, WEIGHTS_FILE][..], &[MANNER_FILE]] {
            if files.iter().all(|name| self.at_rest.has(&voice.join(name))) {
                self.copy(&voice, &to, files)?;
                // The inner folder first: the outer signature covers its files.
                written.insert(0, to.clone());
            }
        }
        self.sign(&written).await
    }

    fn copy(&self, from: &Path, to: &Path, names: &[&str]) -> Result<(), ExExError> {
        for name in names {
            let (bytes, path) = (self.read(&from.join(name))?, to.join(name));
            write_privately(&path, &bytes).map_err(|source| ExExError::File { path, source })?;
        }
        Ok(())
    }

    fn read(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, ExExError> {
        let read = self.at_rest.read(path, MAX_ADAPTER_BYTES);
        read.map_err(|source| ExExError::File { path: path.into(), source })
    }

    /// Writes a file the way that this node keeps its files.
    #[cfg(feature = "voice")]
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), ExExError> {
        self.at_rest.write(path, bytes).map_err(|source| ExExError::File { path: path.into(), source })
    }

    /// Seals the weights that a trainer of others left in clear, and tells how they were kept.
    pub(super) fn kept(&self, submission: SubmissionId, adapter: Digest) -> Result<Kept, ExExError> {
        if !self.at_rest.is_sealed() {
            return Ok(Kept::InClear);
        }
        let weights = self.adapter_folder(submission).join(WEIGHTS_FILE);
        if !weights.is_file() {
            return Ok(Kept::Sealed);
        }
        tracing::warn!(%adapter, "the trainer left weights in clear: they are sealed now, and the record says so");
        let file = |source| ExExError::File { path: weights.clone(), source };
        let bytes = Zeroizing::new(std::fs::read(&weights).map_err(file)?);
        self.at_rest.write(&weights, &bytes).map_err(file)?;
        Ok(Kept::InClear)
    }

    /// Signs the files that are kept in clear, with a key of the node's that its account stands for. Those that are sealed are signed
    /// when they are given away.
    pub(super) async fn sign_files(&self, id: SubmissionId) -> Result<(), ExExError> {
        if self.at_rest.is_sealed() {
            return Ok(());
        }
        // Trainers of others may keep no files here.
        let folders = [self.adapter_folder(id), self.voice_folder(id)];
        self.sign(&folders.into_iter().filter(|folder| folder.is_dir()).collect::<Vec<_>>()).await
    }

    async fn sign(&self, folders: &[PathBuf]) -> Result<(), ExExError> {
        if folders.is_empty() {
            return Ok(());
        }
        let key = FileKey::open_or_create(&self.folder.join(KEY))?;
        let signer = self.account.signer();
        let note = AccountNote::sign(&*signer, self.account.domain(), &key.public()).await?;
        for folder in folders {
            sign_folder(folder, &key, Some(&note))?;
        }
        Ok(())
    }
}
