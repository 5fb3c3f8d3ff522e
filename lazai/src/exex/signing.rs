//! Signing the files of what was trained.

use lazai_core::SubmissionId;
use lazai_core::oms::{AccountNote, FileKey, sign_folder};

use super::{ExEx, ExExError};

/// The file of the key that signs files.
const KEY: &str = "model-key.pem";

impl ExEx {
    /// Signs the files of a submission's adapter and voice, with a key of the node's that its account stands for. Trainers of others may
    /// keep no files here.
    pub(super) async fn sign_files(&self, id: SubmissionId) -> Result<(), ExExError> {
        let folders = [self.adapter_folder(id), self.voice_folder(id)];
        let folders: Vec<_> = folders.iter().filter(|folder| folder.is_dir()).collect();
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
