//! Stores by the text that names one: a folder's path, or a URL.

use std::sync::Arc;

use lazai::store::{FolderStore, Store};

use crate::LazaiError;

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
