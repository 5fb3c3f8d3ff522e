//! Files at rest: encrypted for one reader, or in clear if the operator says so.
//!
//! A sealed file has its name and `.sealed`. Its data key is drawn afresh each time that it is written, and sealed to the reader; the
//! contents follow in segments, each bound to the file's name, its place and whether it is the last. So a file that was cut, or moved
//! under another name, does not open. Layout: `docs/formats.md`.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::{DataKey, NONCE_BYTES, SealError, SealedKey, SealingKey, TAG_BYTES, UnsealingKey};
use crate::file::write_privately;

/// First bytes of every sealed file: format `LZR`, version 1.
pub const REST_MAGIC: [u8; 4] = *b"LZR1";
const PURPOSE: &[u8] = b"lazai.rest.v1";
const HEAD_BYTES: usize = 4 + 80;
/// Plaintext of a segment: 4 MiB.
const SEGMENT_BYTES: usize = 4 << 20;
/// What encryption adds to a segment.
const OVERHEAD_BYTES: usize = 4 + NONCE_BYTES + TAG_BYTES;

/// How files are kept.
#[derive(Clone, Default)]
pub enum AtRest {
    /// As they are.
    #[default]
    Clear,
    /// Encrypted for the holder of this key.
    Sealed(Arc<UnsealingKey>),
}

impl AtRest {
    /// Encrypts for a key.
    #[must_use]
    pub fn sealed(key: UnsealingKey) -> Self {
        Self::Sealed(Arc::new(key))
    }

    /// Tells whether files are encrypted.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed(_))
    }

    /// Replaces a file, whole or not at all, for its owner alone. If it was kept the other way, it is not any more.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let sealed = sealed_path(path);
        match self {
            Self::Clear => {
                write_privately(path, bytes)?;
                remove(&sealed)
            }
            Self::Sealed(key) => {
                write_privately(&sealed, &seal(&key.public(), name(path)?, bytes).map_err(Error::other)?)?;
                remove(path)
            }
        }
    }

    /// Reads a file of at most `most` bytes. One that was kept in clear is read, too.
    ///
    /// # Errors
    /// The operating system's error; [`ErrorKind::InvalidData`] for a file that is larger, or sealed for somebody else.
    pub fn read(&self, path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>> {
        let sealed = sealed_path(path);
        let Self::Sealed(key) = self else {
            return match bounded(path, most) {
                Err(error) if error.kind() == ErrorKind::NotFound && sealed.is_file() => {
                    Err(Error::new(ErrorKind::InvalidData, "the file is sealed, and no key was given"))
                }
                read => read.map(Zeroizing::new),
            };
        };
        let segments = most.div_ceil(SEGMENT_BYTES as u64).max(1);
        match bounded(&sealed, most.saturating_add(HEAD_BYTES as u64 + segments.saturating_mul(OVERHEAD_BYTES as u64)))
        {
            Ok(bytes) => open(key, name(path)?, &bytes).map_err(|error| Error::new(ErrorKind::InvalidData, error)),
            Err(error) if error.kind() == ErrorKind::NotFound => bounded(path, most).map(Zeroizing::new),
            Err(error) => Err(error),
        }
    }

    /// Tells whether a file is there, kept either way.
    #[must_use]
    pub fn has(&self, path: &Path) -> bool {
        path.is_file() || self.is_sealed() && sealed_path(path).is_file()
    }

    /// Removes a file, kept either way.
    ///
    /// # Errors
    /// The operating system's error.
    pub fn remove(&self, path: &Path) -> Result<()> {
        remove(path)?;
        remove(&sealed_path(path))
    }
}

impl std::fmt::Debug for AtRest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_sealed() { "Sealed([redacted])" } else { "Clear" })
    }
}

/// The name of a file that is sealed.
#[must_use]
pub fn sealed_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".sealed");
    name.into()
}

fn name(path: &Path) -> Result<&str> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.ok_or_else(|| Error::new(ErrorKind::InvalidInput, "a file's name is UTF-8"))
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn bounded(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Error::new(ErrorKind::InvalidData, format!("the file has more than {most} bytes")));
    }
    Ok(bytes)
}

/// A segment's context: the file's name, the segment's place, and whether it is the last.
fn context(name: &str, place: u64, is_last: bool) -> Vec<u8> {
    [PURPOSE, &place.to_le_bytes(), &[u8::from(is_last)], name.as_bytes()].concat()
}

fn seal(key: &SealingKey, name: &str, bytes: &[u8]) -> std::result::Result<Vec<u8>, SealError> {
    let data = DataKey::random()?;
    let mut sealed = [&REST_MAGIC[..], &key.seal(&data, PURPOSE)?.to_bytes()].concat();
    let segments = bytes.len().div_ceil(SEGMENT_BYTES).max(1);
    for place in 0..segments {
        let segment = bytes.chunks(SEGMENT_BYTES).nth(place).unwrap_or_default();
        sealed.extend(data.encrypt(segment, &context(name, place as u64, place + 1 == segments))?);
    }
    Ok(sealed)
}

fn open(key: &UnsealingKey, name: &str, file: &[u8]) -> std::result::Result<Zeroizing<Vec<u8>>, SealError> {
    let foreign = SealError::NotCiphertext { bytes: file.len() };
    let body = file.strip_prefix(&REST_MAGIC).ok_or(foreign.clone())?;
    let (sealed, body) = body.split_at_checked(80).ok_or(foreign.clone())?;
    let data = key.open(&SealedKey::from_bytes(sealed).ok_or(foreign)?, PURPOSE)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(body.len()));
    let segments = body.len().div_ceil(SEGMENT_BYTES + OVERHEAD_BYTES).max(1);
    for place in 0..segments {
        let segment = body.chunks(SEGMENT_BYTES + OVERHEAD_BYTES).nth(place).unwrap_or_default();
        bytes.extend_from_slice(&data.decrypt(segment, &context(name, place as u64, place + 1 == segments))?);
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key() -> AtRest {
        AtRest::sealed(UnsealingKey::random().unwrap())
    }

    #[test]
    fn sealed_files_open_for_their_reader_alone() {
        let home = tempfile::tempdir().unwrap();
        let (path, mine) = (home.path().join("a/weights"), key());
        for bytes in [vec![], vec![7; 1000], vec![1; SEGMENT_BYTES], vec![2; 2 * SEGMENT_BYTES + 3]] {
            mine.write(&path, &bytes).unwrap();
            assert!(!path.exists() && mine.has(&path));
            assert_eq!(*mine.read(&path, bytes.len() as u64).unwrap(), bytes);
            for other in [key(), AtRest::Clear] {
                assert_eq!(other.read(&path, 1 << 30).unwrap_err().kind(), ErrorKind::InvalidData);
            }
        }
        assert_eq!(mine.read(&path, 9).unwrap_err().kind(), ErrorKind::InvalidData);
        // Under another name it does not open.
        std::fs::copy(sealed_path(&path), sealed_path(&path.with_file_name("other"))).unwrap();
        assert_eq!(mine.read(&path.with_file_name("other"), 1 << 30).unwrap_err().kind(), ErrorKind::InvalidData);
        mine.remove(&path).unwrap();
        assert_eq!(mine.read(&path, 1).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn what_was_cut_or_changed_does_not_open() {
        let home = tempfile::tempdir().unwrap();
        let (path, mine) = (home.path().join("weights"), key());
        mine.write(&path, &vec![3; SEGMENT_BYTES + 10]).unwrap();
        let whole = std::fs::read(sealed_path(&path)).unwrap();
        let first = HEAD_BYTES + SEGMENT_BYTES + OVERHEAD_BYTES;
        let read = |bytes: &[u8]| {
            std::fs::write(sealed_path(&path), bytes).unwrap();
            mine.read(&path, 1 << 30)
        };
        // The first segment alone; the second alone; both the other way round; one bit of each part.
        assert!(read(&whole[..first]).is_err());
        assert!(read(&[&whole[..HEAD_BYTES], &whole[first..]].concat()).is_err());
        assert!(read(&[&whole[..HEAD_BYTES], &whole[first..], &whole[HEAD_BYTES..first]].concat()).is_err());
        for at in [0, 10, 70, HEAD_BYTES + 1, first + 20, whole.len() - 1] {
            let mut other = whole.clone();
            other[at] ^= 1;
            assert!(read(&other).is_err(), "flip at {at}");
        }
        assert!(read(&whole).is_ok());
    }

    #[test]
    fn the_policy_may_change() {
        let home = tempfile::tempdir().unwrap();
        let (path, mine) = (home.path().join("weights"), key());
        AtRest::Clear.write(&path, b"one").unwrap();
        assert_eq!(**mine.read(&path, 9).unwrap(), *b"one");
        mine.write(&path, b"two").unwrap();
        assert!(!path.exists());
        AtRest::Clear.write(&path, b"three").unwrap();
        assert!(!sealed_path(&path).exists());
        assert_eq!(**mine.read(&path, 9).unwrap(), *b"three");
    }
}
