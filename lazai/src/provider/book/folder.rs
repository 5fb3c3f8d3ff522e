//! A book in a folder: a file for each page.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lazai_core::{Digest, SessionId};

use super::{Book, BookError, BookFuture, Claim, Matter};
use crate::store::write_privately;

/// A book in a folder, for a node of one process: files that its owner alone can read.
#[derive(Debug)]
pub struct FolderBook {
    folder: PathBuf,
    /// Held for as long as a page is compared and replaced, never longer.
    pages: Mutex<()>,
    /// Once it is read or made.
    secret: Mutex<Option<[u8; 32]>>,
}

impl FolderBook {
    /// A book in a folder, which is made with the first page.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), pages: Mutex::new(()), secret: Mutex::default() }
    }

    fn path(&self, session: SessionId) -> PathBuf {
        self.folder.join(session.to_string()).with_extension("json")
    }

    fn ids(&self) -> Result<Vec<SessionId>, BookError> {
        let failed = |e: std::io::Error| BookError::new(self.folder.display(), e);
        let files = match std::fs::read_dir(&self.folder) {
            Ok(files) => files.collect::<Result<Vec<_>, _>>().map_err(failed)?,
            Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(failed(e)),
        };
        let id = |file: std::fs::DirEntry| {
            let path = file.path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            name.filter(|_| path.extension().is_some_and(|e| e == "json"))
        };
        Ok(files.into_iter().filter_map(id).collect())
    }

    fn swap(&self, session: SessionId, before: Option<&[u8]>, after: &[u8]) -> Result<bool, BookError> {
        let path = self.path(session);
        let _pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if read(&path)?.as_deref() != before {
            return Ok(false);
        }
        write_privately(&path, after).map_err(|e| BookError::new(path.display(), e))?;
        Ok(true)
    }

    fn own_secret(&self) -> Result<[u8; 32], BookError> {
        let mut kept = self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(secret) = *kept {
            return Ok(secret);
        }
        let path = self.folder.join("secret");
        let failed = |e: &dyn std::fmt::Display| BookError::new(path.display(), e);
        let secret = match read(&path)? {
            Some(bytes) => bytes.try_into().map_err(|_| failed(&"is not of 32 bytes"))?,
            None => {
                let secret = *Digest::random().map_err(|e| failed(&e))?.as_bytes();
                write_privately(&path, &secret).map_err(|e| failed(&e))?;
                secret
            }
        };
        *kept = Some(secret);
        Ok(secret)
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, BookError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(BookError::new(path.display(), e)),
    }
}

impl Book for FolderBook {
    fn sessions(&self) -> BookFuture<'_, Vec<SessionId>> {
        Box::pin(async move { self.ids() })
    }

    fn page(&self, session: SessionId) -> BookFuture<'_, Option<Vec<u8>>> {
        Box::pin(async move { read(&self.path(session)) })
    }

    fn replace<'a>(&'a self, session: SessionId, before: Option<&'a [u8]>, after: &'a [u8]) -> BookFuture<'a, bool> {
        Box::pin(async move { self.swap(session, before, after) })
    }

    fn secret(&self) -> BookFuture<'_, [u8; 32]> {
        Box::pin(async move { self.own_secret() })
    }

    fn claim(&self, _: Matter, _: Duration) -> BookFuture<'_, Option<Claim>> {
        Box::pin(async { Ok(Some(Claim::sole())) })
    }
}
