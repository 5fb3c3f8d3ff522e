//! Signed folders of a model's files, as the OpenSSF's Model Signing specification has them.

use std::path::Path;
use std::sync::Arc;

pub use lazai::core::oms::SIGNATURE_FILE;
use lazai::core::oms::{AccountNote, FileKey, SignedFolder, check_folder, sign_folder};

use super::market::Market;
use crate::sign::Foreign;
use crate::{FilePath, LazaiError, Signer, record};

record! {
    /// A folder whose files are those that were signed.
    pub struct SignedModel {
        /// The key that signed: SHA-256 of its PEM, as hex.
        pub key: String,
        /// The account that stands for the key; without one, the signature tells nothing of who made the files.
        pub account: Option<String>,
        /// The files that were signed.
        pub files: Vec<String>,
    }
}

impl From<SignedFolder> for SignedModel {
    fn from(SignedFolder { key, account, files }: SignedFolder) -> Self {
        let account = account.map(|(account, _)| account.to_string());
        Self { key: key.hint(), account, files: files.into_keys().collect() }
    }
}

/// Signs the files of a folder with a key (ECDSA over P-256) in a file, which is made if it is not there: `model_signing verify key` checks
/// them with `model.pub`. No account stands for the key.
///
/// # Errors
/// `file`, `signed.malformed` for a file that is no key, `signer.no_randomness`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn sign_model(folder: FilePath, key: FilePath) -> Result<SignedModel, LazaiError> {
    let key = FileKey::open_or_create(Path::new(&key))?;
    Ok(sign_folder(Path::new(&folder), &key, None)?.into())
}

/// Holds the files of a folder to the signature beside them.
///
/// # Errors
/// `signed.broken` for files that are not what was signed, `signed.malformed` for a signature or a key that is none, `file`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn check_model(folder: FilePath) -> Result<SignedModel, LazaiError> {
    Ok(check_folder(Path::new(&folder))?.into())
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Market {
    /// As [`sign_model`]; the signer's account stands for the key.
    ///
    /// # Errors
    /// As [`sign_model`]; `signer.…`.
    pub async fn sign_model(
        &self,
        signer: Arc<dyn Signer>,
        folder: FilePath,
        key: FilePath,
    ) -> Result<SignedModel, LazaiError> {
        let key = FileKey::open_or_create(Path::new(&key))?;
        let domain = self.ledger().market().domain().clone();
        let note = AccountNote::sign(&Foreign::new(signer)?, domain, &key.public()).await?;
        Ok(sign_folder(Path::new(&folder), &key, Some(&note))?.into())
    }
}
