//! Where data lives that is too large for a ledger: addressed by its SHA-256, checked when read.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use lazai_core::Digest;
use lazai_core::digest::sha256;
pub use lazai_core::file::{write_atomically, write_privately};
use thiserror::Error;

/// Largest object that is read: 1 GiB.
pub const MAX_OBJECT_BYTES: u64 = 1 << 30;

/// Why an object could not be stored or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The storage failed.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// More than [`MAX_OBJECT_BYTES`].
    #[error("object {digest} of {bytes} bytes exceeds the limit of {MAX_OBJECT_BYTES}")]
    TooLarge {
        /// The object.
        digest: Digest,
        /// Its size.
        bytes: u64,
    },
    /// The store holds something else under this name.
    #[error("object has digest {found}, expected {expected}")]
    WrongDigest {
        /// What was asked for.
        expected: Digest,
        /// What came.
        found: Digest,
    },
}

/// The future that a [`Store`] returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store of objects by digest.
pub trait Store: Send + Sync {
    /// Keeps an object, and gives its SHA-256.
    fn put<'a>(&'a self, bytes: &'a [u8]) -> StoreFuture<'a, Digest>;

    /// Fetches an object; what comes has the digest that was asked for.
    fn get(&self, digest: Digest) -> StoreFuture<'_, Vec<u8>>;
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

    fn get(&self, digest: Digest) -> StoreFuture<'_, Vec<u8>> {
        Box::pin(async move {
            let path = self.path(digest);
            let failed = |source| StoreError::File { path: path.clone(), source };
            let bytes = std::fs::metadata(&path).map_err(failed)?.len();
            if bytes > MAX_OBJECT_BYTES {
                return Err(StoreError::TooLarge { digest, bytes });
            }
            let object = std::fs::read(&path).map_err(failed)?;
            let found = sha256(&object);
            if found == digest { Ok(object) } else { Err(StoreError::WrongDigest { expected: digest, found }) }
        })
    }
}
