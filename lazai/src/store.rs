//! Storage for data that is too large for a ledger: addressed by its SHA-256, checked when read.

#[cfg(feature = "object-store-http")]
mod line;
#[cfg(feature = "object-store")]
mod object;

use std::future::Future;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use lazai_core::Digest;
use lazai_core::digest::sha256;
pub use lazai_core::file::{write_atomically, write_privately};
use lazai_core::pov::MAX_PRIVATE_BYTES;
#[cfg(feature = "object-store")]
pub use object::ObjectStore;
use thiserror::Error;

/// Largest statement that is read: 128 KiB. One with 64 contributors and licences takes a quarter of that.
pub const MAX_STATEMENT_BYTES: u64 = 128 << 10;
/// Largest encrypted dataset that is read: the largest private part, plus the overhead of encryption.
pub const MAX_CIPHERTEXT_BYTES: u64 = MAX_PRIVATE_BYTES as u64 + (4 << 10);

/// Why an object could not be stored or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The storage failed.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The store does not have the object.
    #[error("{url} has no object {digest}")]
    Missing {
        /// The store's URL.
        url: String,
        /// The object.
        digest: Digest,
    },
    /// A store behind a URL did not answer, or refused.
    #[error("{url}: {reason}")]
    Remote {
        /// The store's URL.
        url: String,
        /// The reason.
        reason: String,
    },
    /// The object is larger than the caller's limit.
    #[error("object {digest} has {bytes} bytes or more, at most {most} are read")]
    TooLarge {
        /// The object.
        digest: Digest,
        /// The object's size, or a lower bound of it.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// No store can be opened at a URL.
    #[error("{url}: {reason}")]
    Url {
        /// The URL.
        url: String,
        /// The reason.
        reason: String,
    },
    /// The store holds something else under this name.
    #[error("object has digest {found}, expected {expected}")]
    WrongDigest {
        /// The requested digest.
        expected: Digest,
        /// The digest of the object found.
        found: Digest,
    },
}

/// The future that a [`Store`] returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store of objects by digest.
pub trait Store: Send + Sync {
    /// Stores an object and returns its SHA-256.
    fn put<'a>(&'a self, bytes: &'a [u8]) -> StoreFuture<'a, Digest>;

    /// Fetches an object of at most `most` bytes; it has the requested digest. Implementations must not read further: the
    /// party that named the object may have put anything there.
    fn get(&self, digest: Digest, most: u64) -> StoreFuture<'_, Vec<u8>>;

    /// Stores a file and returns its SHA-256. Implementations should read it piece by piece; by default it is read whole.
    fn put_file<'a>(&'a self, file: &'a Path) -> StoreFuture<'a, Digest> {
        Box::pin(async move {
            let bytes = std::fs::read(file).map_err(|source| StoreError::File { path: file.into(), source })?;
            self.put(&bytes).await
        })
    }

    /// Fetches an object of at most `most` bytes into a file that its owner alone can read; one that was there is replaced once the
    /// digest holds. Implementations should write it piece by piece; by default it is in memory first.
    fn get_file<'a>(&'a self, digest: Digest, most: u64, file: &'a Path) -> StoreFuture<'a, ()> {
        Box::pin(async move {
            let bytes = self.get(digest, most).await?;
            write_privately(file, &bytes).map_err(|source| StoreError::File { path: file.into(), source })
        })
    }
}

/// A store in a local folder: one file per object.
#[derive(Debug, Clone)]
pub struct FolderStore(PathBuf);

impl FolderStore {
    /// A store in a folder, which is created with the first object.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The file of an object.
    #[must_use]
    pub fn path(&self, digest: Digest) -> PathBuf {
        self.0.join(digest.to_string().trim_start_matches("0x"))
    }
}

impl Store for FolderStore {
    fn put<'a>(&'a self, bytes: &'a [u8]) -> StoreFuture<'a, Digest> {
        Box::pin(async move {
            let digest = sha256(bytes);
            let path = self.path(digest);
            write_atomically(&path, bytes).map_err(|source| StoreError::File { path, source })?;
            Ok(digest)
        })
    }

    fn get(&self, digest: Digest, most: u64) -> StoreFuture<'_, Vec<u8>> {
        Box::pin(async move {
            let path = self.path(digest);
            let failed = |source| StoreError::File { path: path.clone(), source };
            let file = std::fs::File::open(&path).map_err(failed)?;
            let mut bytes = file.metadata().map_err(failed)?.len();
            let mut object = Vec::new();
            if bytes <= most {
                // It may be growing.
                let read = file.take(most.saturating_add(1)).read_to_end(&mut object).map_err(failed)?;
                bytes = bytes.max(read as u64);
            }
            if bytes > most {
                return Err(StoreError::TooLarge { digest, bytes, most });
            }
            let found = sha256(&object);
            if found == digest { Ok(object) } else { Err(StoreError::WrongDigest { expected: digest, found }) }
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new(folder.path());
        let digest = pollster::block_on(store.put(&[7; 100])).unwrap();
        let get = |most| pollster::block_on(store.get(digest, most));
        assert_eq!(get(100).unwrap(), [7; 100]);
        assert!(matches!(get(99), Err(StoreError::TooLarge { bytes: 100, most: 99, .. })));
        // A hole of a terabyte is not read either.
        std::fs::File::create(store.path(digest)).unwrap().set_len(1 << 40).unwrap();
        assert!(matches!(get(MAX_STATEMENT_BYTES), Err(StoreError::TooLarge { .. })));
    }
}
