//! The nodes that sealed once: nothing is sent to them in clear text, also after a restart of the proxy.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use lazai_core::Address;
use lazai_core::file::write_privately;

use super::LoopbackError;

/// Most nodes that are remembered.
const MOST: usize = 4_096;

pub(super) struct Sealed {
    path: PathBuf,
    nodes: Mutex<BTreeSet<Address>>,
}

impl Sealed {
    /// Those that a proxy's folder names.
    pub fn open(folder: &Path) -> Result<Self, LoopbackError> {
        let path = folder.join("sealed.json");
        let failed = |reason: String| LoopbackError::Book { path: path.clone(), reason };
        let nodes = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|e| failed(e.to_string()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => return Err(failed(error.to_string())),
        };
        Ok(Self { path, nodes: Mutex::new(nodes) })
    }

    pub fn has(&self, node: Address) -> bool {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner).contains(&node)
    }

    /// Notes that a node told a key that it signed.
    pub fn note(&self, node: Address) {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if nodes.len() >= MOST || !nodes.insert(node) {
            return;
        }
        let written = serde_json::to_vec(&*nodes).map_err(std::io::Error::other);
        if let Err(error) = written.and_then(|bytes| write_privately(&self.path, &bytes)) {
            tracing::warn!(%error, "that a node seals is not kept over a restart");
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_sealed_is_known_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let node = Address::from_bytes([7; 20]);
        let sealed = Sealed::open(folder.path()).unwrap();
        assert!(!sealed.has(node));
        sealed.note(node);
        assert!(sealed.has(node) && Sealed::open(folder.path()).unwrap().has(node));
        std::fs::write(folder.path().join("sealed.json"), "{").unwrap();
        assert!(Sealed::open(folder.path()).is_err());
    }
}
