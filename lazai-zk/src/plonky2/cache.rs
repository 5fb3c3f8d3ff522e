//! Circuits kept on disk: built once, loaded in a fraction of the time.
//!
//! A file is named after the digest of its circuit's key, which this crate pins. It is read only if its own hash holds, and
//! used only if the key inside is the pinned one; otherwise the circuit is built again, and the file overwritten. At worst,
//! a loaded circuit gives proofs that no verifier accepts: verifiers never read the cache.

use std::path::Path;

use lazai_core::Digest;
use lazai_core::digest::{DomainHasher, sha256};
use plonky2::util::serialization::{DefaultGateSerializer, DefaultGeneratorSerializer};

use super::circuits::{Circuit, Key};
use super::setup::outer_key;
use super::{C, D};

const MAGIC: [u8; 4] = *b"LZC2";
/// Largest circuit that is read: 1 GiB.
const MAX_BYTES: u64 = 1 << 30;

/// The circuit of a name: from `folder` if it is there and its key is the pinned one, else built and left there.
pub(super) fn load_or_build(
    folder: Option<&Path>,
    name: Digest,
    is_pinned: impl Fn(&Circuit) -> bool,
    build: impl FnOnce() -> Circuit,
) -> std::io::Result<Circuit> {
    let path = folder.map(|folder| folder.join(format!("{name}.circuit")));
    if let Some(circuit) = path.as_deref().and_then(load).filter(is_pinned) {
        return Ok(circuit);
    }
    let circuit = build();
    if let Some(path) = path {
        store(&path, &circuit)?;
    }
    Ok(circuit)
}

/// The name of a circuit: a digest of its verifier's data.
pub(super) fn name(key: &Key) -> Digest {
    let key = outer_key(key);
    let hashes = std::iter::once(&key.digest).chain(&key.cap);
    hashes.fold(DomainHasher::new("lazai.zk.circuit.v2"), |h, hash| h.part(hash.to_digest().as_bytes())).finish()
}

fn load(path: &Path) -> Option<Circuit> {
    if std::fs::metadata(path).ok()?.len() > MAX_BYTES {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    let (head, body) = bytes.split_first_chunk::<36>()?;
    if head[..4] != MAGIC || head[4..] != *sha256(body).as_bytes() {
        tracing::warn!(path = %path.display(), "cached circuit is damaged and will be built again");
        return None;
    }
    // Only bytes that this library wrote have that hash, unless somebody forged them: then reading may panic.
    let circuit = std::panic::catch_unwind(|| {
        Circuit::from_bytes(body, &DefaultGateSerializer, &DefaultGeneratorSerializer::<C, D>::default())
    });
    circuit.ok()?.ok()
}

fn store(path: &Path, circuit: &Circuit) -> std::io::Result<()> {
    let body = circuit.to_bytes(&DefaultGateSerializer, &DefaultGeneratorSerializer::<C, D>::default());
    let body = body.map_err(|_| std::io::Error::other("circuit is not writable"))?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    lazai_core::file::write_atomically(path, &[&MAGIC[..], sha256(&body).as_bytes(), &body].concat())
}
