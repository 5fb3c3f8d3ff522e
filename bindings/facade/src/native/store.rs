//! Stores by the text that names one: a folder's path, or a URL; and the adapters in them.

use std::path::Path;
use std::sync::Arc;

pub use lazai::adapters::is_sealed;
use lazai::core::record::TrainingRecord;
use lazai::core::{ClassId, VersionNumber};
use lazai::store::{FolderStore, Store};
use pollster::block_on;

use super::data::read_file;
use super::market::Market;
use crate::sign::Foreign;
use crate::{FilePath, LazaiError, Signer};

/// The store in a folder, or behind a URL (feature `object-store`).
///
/// # Errors
/// `store` for a URL that is of no store, `feature_missing` in a build without them.
pub(super) fn store_at(text: &str) -> Result<Arc<dyn Store>, LazaiError> {
    if !text.contains("://") {
        return Ok(Arc::new(FolderStore::new(text)));
    }
    #[cfg(feature = "object-store")]
    return Ok(Arc::new(lazai::store::ObjectStore::open(text)?));
    #[cfg(not(feature = "object-store"))]
    Err(LazaiError::new("feature_missing", "stores behind URLs: the feature `object-store`"))
}

/// Keeps the adapter of a minted version in a store, a folder or a URL, with the record of its training: nodes fetch it from there. Whoever
/// can read the store has the adapter. `folder` has PEFT's files, `record` is the file of the training record.
///
/// # Errors
/// `file`, `json.malformed`, `store` (also for another adapter's record), `feature_missing`.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn keep_adapter(store: FilePath, folder: FilePath, record: FilePath) -> Result<(), LazaiError> {
    let record: TrainingRecord = serde_json::from_slice(&read_file(&record)?)?;
    Ok(block_on(lazai::adapters::keep(&*store_at(&store)?, Path::new(&folder), &record))?)
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Market {
    /// Fetches the adapter of a version from a store into a folder, as PEFT's files. The ledger says what it is: anything else is refused.
    ///
    /// # Errors
    /// `dat.unknown`, `file`, `store`, `feature_missing`.
    pub fn fetch_adapter(
        &self,
        store: FilePath,
        class_id: u64,
        version: u32,
        folder: FilePath,
    ) -> Result<(), LazaiError> {
        let about = self.version(ClassId(class_id), VersionNumber(version))?.metadata;
        Ok(block_on(lazai::adapters::fetch(&*store_at(&store)?, &about, Path::new(&folder)))?)
    }

    /// As [`fetch_adapter`](Self::fetch_adapter), with weights that are encrypted before they are written: only this signer's node opens
    /// them. It has to sign the same alike each time.
    ///
    /// # Errors
    /// As [`fetch_adapter`](Self::fetch_adapter); `signer.…`.
    pub fn fetch_sealed_adapter(
        &self,
        signer: Arc<dyn Signer>,
        store: FilePath,
        class_id: u64,
        version: u32,
        folder: FilePath,
    ) -> Result<(), LazaiError> {
        let about = self.version(ClassId(class_id), VersionNumber(version))?.metadata;
        let at_rest = block_on(lazai::adapters::at_rest(&Foreign::new(signer)?))?;
        Ok(block_on(lazai::adapters::fetch_at(&*store_at(&store)?, &about, Path::new(&folder), &at_rest))?)
    }
}
