//! Adapters in memory, within a bound of bytes: others are read again when they are asked for.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai_core::Digest;
use lazai_core::seal::AtRest;

use super::adapter::ServedAdapter;
use crate::adapter::{Adapter, CONFIG_FILE, LoraConfig, WEIGHTS_FILE};
use crate::base::BaseModel;
use crate::error::{GenerateError, ModelError};

/// An adapter that the engine knows.
struct Known {
    folder: PathBuf,
    at_rest: AtRest,
    config: LoraConfig,
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
    pub(super) fn load(&self, base: &BaseModel, folder: &Path, at_rest: &AtRest) -> Result<Digest, ModelError> {
        let adapter = Adapter::load_at(folder, base, at_rest)?;
        let digest = adapter.digest()?;
        let served = Arc::new(ServedAdapter::new(&adapter)?);
        let mut state = self.state();
        let (folder, config) = (folder.to_owned(), adapter.config().clone());
        match state.known.entry(digest) {
            Entry::Vacant(place) => {
                place.insert(Known { folder, at_rest: at_rest.clone(), config, loaded: None, uses: 0, worth: 0 });
            }
            // The digest is of the weights alone.
            Entry::Occupied(known) if known.get().config != config => {
                let reason = format!("{}: the same weights are known with another configuration", folder.display());
                return Err(ModelError::malformed(CONFIG_FILE, reason));
            }
            Entry::Occupied(mut known) => {
                known.get_mut().folder = folder;
                known.get_mut().at_rest = at_rest.clone();
            }
        }
        state.hold(digest, served, self.most_bytes);
        Ok(digest)
    }

    /// An adapter that is in memory; it is used by that.
    pub(super) fn in_memory(&self, digest: Digest) -> Option<Arc<ServedAdapter>> {
        let mut state = self.state();
        let loaded = state.known.get(&digest)?.loaded.clone()?;
        state.used(digest);
        Some(loaded)
    }

    /// Notes that an adapter is used.
    pub(super) fn used(&self, digest: Digest) {
        self.state().used(digest);
    }

    /// Reads an adapter that is known again.
    pub(super) fn read(&self, base: &BaseModel, digest: Digest) -> Result<Arc<ServedAdapter>, GenerateError> {
        let (folder, at_rest, config) = {
            let state = self.state();
            let known = state.known.get(&digest).ok_or(GenerateError::UnknownAdapter { digest })?;
            if let Some(loaded) = &known.loaded {
                return Ok(loaded.clone());
            }
            (known.folder.clone(), known.at_rest.clone(), known.config.clone())
        };
        let adapter = Adapter::load_at(&folder, base, &at_rest)?;
        if adapter.digest()? != digest || *adapter.config() != config {
            let reason = format!("{}: it is another adapter now; {digest} was there", folder.display());
            return Err(ModelError::malformed(WEIGHTS_FILE, reason).into());
        }
        let served = Arc::new(ServedAdapter::new(&adapter)?);
        self.state().hold(digest, served.clone(), self.most_bytes);
        Ok(served)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn used(&mut self, digest: Digest) {
        let floor = self.floor;
        if let Some(known) = self.known.get_mut(&digest) {
            known.uses += 1;
            known.worth = floor + known.uses;
        }
    }

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
