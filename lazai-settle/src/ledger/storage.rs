//! Storage for an embedded ledger that is not a file in a folder.

use std::io;

/// A disk, as the embedded ledger sees it: bytes at offsets, durable after [`Storage::sync`].
///
/// For embedders with storage of their own, and for tests that cut its power. The ledger survives a storage that loses any
/// part of the writes since the last sync.
pub trait Storage: std::fmt::Debug + Send + Sync + 'static {
    /// The length in bytes.
    ///
    /// # Errors
    /// The storage's error.
    fn len(&self) -> io::Result<u64>;

    /// Tells whether it is empty.
    ///
    /// # Errors
    /// The storage's error.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `out` with the bytes at an offset.
    ///
    /// # Errors
    /// The storage's error; also if there are fewer bytes.
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;

    /// Changes the length. New bytes are zero.
    ///
    /// # Errors
    /// The storage's error.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Returns when everything written before is durable.
    ///
    /// # Errors
    /// The storage's error.
    fn sync(&self) -> io::Result<()>;

    /// Writes bytes at an offset.
    ///
    /// # Errors
    /// The storage's error.
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
}

/// A [`Storage`], as the database wants it.
#[derive(Debug)]
pub(super) struct Backend<S>(pub S);

impl<S: Storage> redb::StorageBackend for Backend<S> {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write(offset, bytes)
    }
}
