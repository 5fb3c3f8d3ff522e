//! Adapters in a store: the execution node keeps one there, and a node fetches it by nothing but what the ledger says of a version.
//!
//! Two objects make an adapter: its weights, under the digest that the token names, and the training record in its signed form, whose
//! plain SHA-256 is the record's digest of the token. So nobody has to say where they are, and nothing is believed that was not minted.
//!
//! The adapter is the product: whoever can read the store has it. On a node's own disk it may be [sealed](AtRest).

use std::path::Path;

use lazai_core::dat::VersionMetadata;
use lazai_core::digest::{canonical_preimage, json_of_preimage, sha256, sha256_reader};
use lazai_core::file::make_private_folder;
use lazai_core::record::TrainingRecord;
use lazai_core::seal::{AtRest, sealed_path};
use lazai_lora::ModelError;
use lazai_lora::adapter::{MAX_ADAPTER_BYTES, WEIGHTS_FILE, write_config};
use thiserror::Error;
use zeroize::Zeroizing;

pub use crate::secret::at_rest;
use crate::store::{Store, StoreError};

/// The domain of a training record's digest.
const DOMAIN: &str = "lazai.training.v1";
/// Largest training record that is read: 16 MiB. One of a million steps has half of that.
pub const MAX_RECORD_BYTES: u64 = 16 << 20;

/// Why an adapter could not be kept in a store, or fetched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// Its files could not be read or written.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The record is of another adapter, or no training record.
    #[error("training record: {reason}")]
    Record {
        /// The reason.
        reason: String,
    },
    /// The store failed, does not have it, or has something else.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn wrong(reason: impl std::fmt::Display) -> AdapterError {
    AdapterError::Record { reason: reason.to_string() }
}

/// Keeps an adapter's weights, and the record of its training, in a store. Writing them twice is writing them once.
///
/// # Errors
/// [`AdapterError::Record`] if the record is of another adapter.
pub async fn keep(store: &dyn Store, folder: &Path, record: &TrainingRecord) -> Result<(), AdapterError> {
    let weights = folder.join(WEIGHTS_FILE);
    let found = std::fs::File::open(&weights).and_then(sha256_reader);
    let found = found.map_err(|source| ModelError::File { path: weights.clone(), source })?;
    if found != record.adapter_digest {
        return Err(wrong(format!("it is of the adapter {}, the folder has {found}", record.adapter_digest)));
    }
    store.put_file(&weights).await?;
    store.put(&canonical_preimage(DOMAIN, record).map_err(wrong)?).await?;
    Ok(())
}

/// Tells whether the adapter in a folder is encrypted there.
#[must_use]
pub fn is_sealed(folder: &Path) -> bool {
    sealed_path(&folder.join(WEIGHTS_FILE)).is_file()
}

/// As [`keep`], of weights in memory.
///
/// # Errors
/// [`AdapterError::Record`] if the record is of another adapter.
pub async fn keep_weights(store: &dyn Store, weights: &[u8], record: &TrainingRecord) -> Result<(), AdapterError> {
    let found = sha256(weights);
    if found != record.adapter_digest {
        return Err(wrong(format!("it is of the adapter {}, the weights are {found}", record.adapter_digest)));
    }
    store.put(weights).await?;
    store.put(&canonical_preimage(DOMAIN, record).map_err(wrong)?).await?;
    Ok(())
}

/// Fetches the adapter of a version into a folder, as PEFT's files that its owner alone can read. One that is there is not fetched again.
///
/// # Errors
/// [`AdapterError`].
pub async fn fetch(store: &dyn Store, version: &VersionMetadata, folder: &Path) -> Result<(), AdapterError> {
    fetch_at(store, version, folder, &AtRest::Clear).await
}

/// As [`fetch`], with weights kept as told: what is sealed was never on the disk in clear.
///
/// # Errors
/// [`AdapterError`].
pub async fn fetch_at(
    store: &dyn Store,
    version: &VersionMetadata,
    folder: &Path,
    at_rest: &AtRest,
) -> Result<(), AdapterError> {
    let object = store.get(version.record_digest, MAX_RECORD_BYTES).await?;
    let json = json_of_preimage(DOMAIN, &object).ok_or_else(|| wrong("the object is none"))?;
    let record: TrainingRecord = serde_json::from_slice(json).map_err(wrong)?;
    if record.adapter_digest != version.adapter_digest {
        return Err(wrong(format!("it is of {}, the token of {}", record.adapter_digest, version.adapter_digest)));
    }
    make_private_folder(folder).map_err(|source| ModelError::File { path: folder.into(), source })?;
    let weights = folder.join(WEIGHTS_FILE);
    if at_rest.is_sealed() {
        // One that was there in clear is sealed by that.
        let kept = at_rest.read(&weights, MAX_ADAPTER_BYTES).ok().filter(|kept| sha256(kept) == version.adapter_digest);
        let bytes = match kept {
            Some(kept) => kept,
            None => Zeroizing::new(store.get(version.adapter_digest, MAX_ADAPTER_BYTES).await?),
        };
        at_rest.write(&weights, &bytes).map_err(|source| ModelError::File { path: weights.clone(), source })?;
    } else {
        let found = std::fs::File::open(&weights).and_then(sha256_reader);
        if !found.is_ok_and(|found| found == version.adapter_digest) {
            store.get_file(version.adapter_digest, MAX_ADAPTER_BYTES, &weights).await?;
        }
    }
    Ok(write_config(folder, &record.lora, &version.base.name)?)
}
