//! Adapters in memory, within a bound of bytes: others are read again when they are asked for.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lazai_core::Digest;

use super::adapter::ServedAdapter;
use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::error::{GenerateError, ModelError};

/// An adapter that the engine knows.
struct Known {
    folder: PathBuf,
    loaded: Option<Arc<ServedAdapter>>,
    uses: u64,
    /// Whoever has the least is forgotten first: uses, on top of what the last forgotten one had. So an adapter that many ask
    /// for outlasts a crowd of those that are asked for once, and yet ages.
    worth: u64,
}

#[derive(Default)]
struct State {
    known: HashMap<Digest, Known>,
    bytes: usize,
    floor: u64,
}

/// The adapters of an engine.
pub(super) struct Adapters {
    state: Mutex<State>,
    most_bytes: usize,
}

impl Adapters {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { state: Mutex::default(), most_bytes }
    }

    /// Reads the adapter in a folder, which stays where it is; gives its digest.
    pub(super) fn load(&self, base: &BaseModel, folder: &Path) -> Result<Digest, ModelError> {
        let adapter = Adapter::load(folder, base)?;
        let digest = adapter.digest()?;
        let served = Arc::new(ServedAdapter::new(&adapter)?);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let known = state.known.entry(digest).or_insert_with(|| Known {
            folder: folder.to_owned(),
            loaded: None,
            uses: 0,
            worth: 0,
        });
        folder.clone_into(&mut known.folder);
        state.hold(digest, served, self.most_bytes);
        Ok(digest)
    }

    /// An adapter, read again if it was forgotten.
    pub(super) fn get(&self, base: &BaseModel, digest: Digest) -> Result<Arc<ServedAdapter>, GenerateError> {
        let folder = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let floor = state.floor;
            let known = state.known.get_mut(&digest).ok_or(GenerateError::UnknownAdapter { digest })?;
            known.uses += 1;
            known.worth = floor + known.uses;
            match &known.loaded {
                Some(loaded) => return Ok(loaded.clone()),
                None => known.folder.clone(),
            }
        };
        let adapter = Adapter::load(&folder, base)?;
        let found = adapter.digest()?;
        if found != digest {
            let reason = format!("{}: adapter {found} is here now, {digest} was", folder.display());
            return Err(ModelError::malformed(crate::adapter::WEIGHTS_FILE, reason).into());
        }
        let served = Arc::new(ServedAdapter::new(&adapter)?);
        self.state.lock().unwrap_or_else(PoisonError::into_inner).hold(digest, served.clone(), self.most_bytes);
        Ok(served)
    }
}

impl State {
    fn hold(&mut self, digest: Digest, served: Arc<ServedAdapter>, most_bytes: usize) {
        let Some(known) = self.known.get_mut(&digest) else { return };
        if known.loaded.is_none() {
            self.bytes += served.bytes;
        }
        known.loaded = Some(served);
        while self.bytes > most_bytes {
            let others = self.known.iter().filter(|(other, known)| **other != digest && known.loaded.is_some());
            let Some((least, worth)) = others.map(|(other, known)| (*other, known.worth)).min_by_key(|(d, w)| (*w, *d))
            else {
                return;
            };
            self.floor = self.floor.max(worth);
            let forgotten = self.known.get_mut(&least).and_then(|known| known.loaded.take());
            self.bytes -= forgotten.map_or(0, |adapter| adapter.bytes);
        }
    }
}
