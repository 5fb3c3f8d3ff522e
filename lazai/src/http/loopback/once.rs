//! Replies that are made and paid once: those of requests with an `Idempotency-Key`.
//!
//! Source: draft-ietf-httpapi-idempotency-key-header-06. Before a request is sent to a node, its seed and its session are on the disk:
//! after a crash the same request is signed in the same session, and a node gives the same reply to it for nothing more. Once the reply is here it is kept too, before
//! the book counts it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::http::HeaderValue;
use lazai_core::digest::sha256;
use lazai_core::file::write_privately;
use lazai_core::quiet::json_error;
use lazai_core::reply::ReplyNotes;
use lazai_core::{Digest, SessionId};
use lazai_settle::session::Receipt;
use serde::{Deserialize, Serialize};

use super::LoopbackError;
use crate::http::reply::{Made, Mark, Pieces};
use crate::wire::openai::ApiError;
use crate::wire::payment::ReplyDetails;

/// The header.
pub(super) const KEY: &str = "idempotency-key";
/// Its longest value.
const MAX_KEY_BYTES: usize = 255;

/// What is kept, and for how long.
#[derive(Debug, Clone, Copy)]
struct Most {
    age: Duration,
    files: usize,
    bytes: u64,
}

const MOST: Most = Most { age: Duration::from_secs(86_400), files: 1_024, bytes: 64 << 20 };

/// The folder of these replies: a file for each key. The oldest make room.
#[derive(Debug)]
pub(super) struct Once {
    folder: PathBuf,
    most: Most,
    /// Files of requests that are under way.
    busy: Arc<Mutex<BTreeSet<PathBuf>>>,
}

/// What is kept of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    /// The digest of path and body.
    request: Digest,
    mark: Mark,
    /// The seed, for a request that names none.
    seed: u64,
    choices: Vec<Reply>,
    /// The session that the choice after these is asked of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
}

/// A reply that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub text: String,
    pub details: ReplyDetails,
    pub notes: ReplyNotes,
}

/// A request that is under way: no other one with its key begins until this is dropped.
#[derive(Debug)]
pub(super) struct Begun {
    path: PathBuf,
    page: Mutex<Page>,
    busy: Arc<Mutex<BTreeSet<PathBuf>>>,
    is_free: AtomicBool,
}

impl Once {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.join("replies"), most: MOST, busy: Arc::default() }
    }

    /// Begins a request, or goes on with it.
    ///
    /// # Errors
    /// [`ApiError`] with status 400 for a key that is none, 409 if the first request with it is under way, 422 if that one
    /// was another.
    pub fn begin(&self, key: &HeaderValue, path: &str, body: &[u8], seed: u64) -> Result<Begun, ApiError> {
        let refused = |status: u16, code: &str, message: String| ApiError {
            parameter: Some(KEY.into()),
            ..ApiError::new(status, code, message)
        };
        let key = key.as_bytes();
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            let message = format!("{KEY}: {} bytes, from 1 to {MAX_KEY_BYTES} are read", key.len());
            return Err(refused(400, "request.header", message));
        }
        let file = self.folder.join(sha256(key).to_string()).with_extension("json");
        if !lock(&self.busy).insert(file.clone()) {
            let message = "the first request with this idempotency key is under way; ask again later";
            return Err(refused(409, "loopback.in_progress", message.into()));
        }
        // From here on, the key is free again once this is dropped.
        let fresh = Page {
            request: sha256(&[path.as_bytes(), b"\0", body].concat()),
            mark: Mark::new(),
            seed,
            choices: Vec::new(),
            session: None,
        };
        let begun =
            Begun { path: file, page: Mutex::new(fresh), busy: self.busy.clone(), is_free: AtomicBool::new(false) };
        if let Some(found) = self.found(&begun.path)? {
            let mut page = lock(&begun.page);
            if found.request != page.request {
                let message = "this idempotency key was used with another request; keys are for one request each";
                return Err(refused(422, "loopback.idempotency", message.into()));
            }
            *page = found;
            drop(page);
            return Ok(begun);
        }
        self.make_room();
        begun.write()?;
        Ok(begun)
    }

    /// What is kept under a key, unless it is too old.
    fn found(&self, path: &Path) -> Result<Option<Page>, LoopbackError> {
        let failed = |reason: String| LoopbackError::Book { path: path.into(), reason };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(e.to_string())),
        };
        if age(path).is_some_and(|age| age > self.most.age) {
            return Ok(None);
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|e| failed(json_error(&e)))
    }

    /// Removes what is too old, and the oldest of what is too much.
    fn make_room(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        let file = |entry: std::fs::DirEntry| {
            let (path, about) = (entry.path(), entry.metadata().ok()?);
            Some((age(&path)?, about.len(), path))
        };
        let mut files: Vec<_> = entries.flatten().filter_map(file).collect();
        files.sort_by_key(|(age, ..)| *age);
        let busy = lock(&self.busy).clone();
        // The newest come first.
        let (mut count, mut sum) = (0, 0_u64);
        for (age, bytes, path) in files {
            (count, sum) = (count + 1, sum.saturating_add(bytes));
            let is_too_much = age > self.most.age || count >= self.most.files || sum > self.most.bytes;
            if is_too_much
                && !busy.contains(&path)
                && let Err(error) = std::fs::remove_file(&path)
            {
                tracing::warn!(%error, "an old reply stays in the proxy's folder");
            }
        }
    }
}

impl Begun {
    /// Frees its key: before a failure is told, since the client may ask again at once.
    pub fn free(&self) {
        if !self.is_free.swap(true, Ordering::SeqCst) {
            lock(&self.busy).remove(&self.path);
        }
    }

    pub fn mark(&self) -> Mark {
        lock(&self.page).mark.clone()
    }

    pub fn seed(&self) -> u64 {
        lock(&self.page).seed
    }

    /// Tells whether there is a reply to tell again.
    pub fn is_repeated(&self) -> bool {
        !lock(&self.page).choices.is_empty()
    }

    /// A choice that was made before, told again.
    pub fn again(&self, choice: u32, pieces: &mut Pieces) -> Option<Made> {
        let reply = lock(&self.page).choices.get(choice as usize).cloned()?;
        pieces.text(&reply.text);
        Some(Made { details: reply.details, notes: reply.notes, spoken: None })
    }

    /// The session that the next choice was asked of, if it was: its node may have made the reply, and gives it again there alone.
    pub fn session(&self) -> Option<SessionId> {
        lock(&self.page).session
    }

    /// Notes the session that the next choice is asked of. Called before its node hears of it.
    pub fn ask_of(&self, session: SessionId) -> Result<(), LoopbackError> {
        if lock(&self.page).session.replace(session) == Some(session) {
            return Ok(());
        }
        self.write()
    }

    /// Forgets the choices from the first on whose receipt the book lacks: the proxy died between the two. Nobody heard their end, and
    /// nothing was promised for them; asked of the same session again, they come again and are paid.
    pub fn forget(&self, is_lacking: impl Fn(&Receipt) -> bool) {
        let mut page = lock(&self.page);
        let mut receipts = page.choices.iter().map(|choice| &choice.details.receipt.receipt).enumerate();
        let lacking =
            receipts.find(|(_, receipt)| is_lacking(receipt)).map(|(first, receipt)| (first, receipt.session));
        if let Some((first, session)) = lacking {
            page.session = Some(session);
            page.choices.truncate(first);
        }
    }

    /// Keeps a choice that was made: the one after the last.
    pub fn keep(&self, reply: Reply) -> Result<(), LoopbackError> {
        {
            let mut page = lock(&self.page);
            page.choices.push(reply);
            page.session = None;
        }
        self.write()
    }

    fn write(&self) -> Result<(), LoopbackError> {
        let failed = |e: &dyn std::fmt::Display| LoopbackError::Book { path: self.path.clone(), reason: e.to_string() };
        let bytes = serde_json::to_vec(&*lock(&self.page)).map_err(|e| failed(&e))?;
        write_privately(&self.path, &bytes).map_err(|e| failed(&e))
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.free();
    }
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time since a file was written; none for one of the future.
fn age(path: &Path) -> Option<Duration> {
    let written = std::fs::metadata(path).ok()?.modified().ok()?;
    Some(SystemTime::now().duration_since(written).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn begin(once: &Once, key: &str, body: &str) -> Result<Begun, (u16, String)> {
        let key = HeaderValue::from_str(key).unwrap();
        once.begin(&key, "/v1/responses", body.as_bytes(), 7).map_err(|e| (e.status, e.code))
    }

    fn code(begun: Result<Begun, (u16, String)>) -> (u16, String) {
        begun.unwrap_err()
    }

    #[test]
    fn a_key_is_for_one_request_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let once = Once::new(folder.path());
        let first = begin(&once, "a", "x").unwrap();
        assert_eq!(code(begin(&once, "a", "x")), (409, "loopback.in_progress".into()));
        let mark = first.mark();
        drop(first);
        assert_eq!(code(begin(&once, "a", "y")), (422, "loopback.idempotency".into()));
        let again = begin(&once, "a", "x").unwrap();
        assert_eq!((again.mark(), again.is_repeated()), (mark.clone(), false));
        drop(again);
        // Another start finds it on the disk, seed and all, and by no other path.
        let anew = Once::new(folder.path());
        let other = anew.begin(&HeaderValue::from_static("a"), "/v1/completions", b"x", 8).unwrap_err();
        assert_eq!(other.status, 422);
        let found = anew.begin(&HeaderValue::from_static("a"), "/v1/responses", b"x", 8).unwrap();
        assert_eq!((found.mark(), found.seed()), (mark, 7));
        for key in ["", &"k".repeat(256)] {
            assert_eq!(code(begin(&once, key, "x")), (400, "request.header".into()));
        }
        assert!(begin(&once, &"k".repeat(255), "x").is_ok());
    }

    #[test]
    fn old_replies_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut once = Once { most: Most { files: 3, ..MOST }, ..Once::new(folder.path()) };
        let files = || std::fs::read_dir(folder.path().join("replies")).unwrap().count();
        let old = |key: &str, age: u64| {
            let path = folder.path().join("replies").join(sha256(key.as_bytes()).to_string()).with_extension("json");
            let file = std::fs::File::options().append(true).open(path).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        };
        let held = begin(&once, "0", "x").unwrap();
        old("0", 100);
        for key in 1..6 {
            drop(begin(&once, &key.to_string(), "x").unwrap());
            old(&key.to_string(), 50 - key);
            assert!(files() <= 4);
        }
        assert!(held.path.exists(), "what is under way stays");
        assert_eq!(code(begin(&once, "5", "y")).0, 422);
        assert!(begin(&once, "1", "y").is_ok(), "the oldest made room");
        drop(held);
        once.most.bytes = 1;
        drop(begin(&once, "7", "x").unwrap());
        assert_eq!(files(), 1, "all others were too many bytes");
        // A day later, a key may be used anew.
        once.most = MOST;
        old("7", 86_401);
        assert!(begin(&once, "7", "y").is_ok());
    }
}
