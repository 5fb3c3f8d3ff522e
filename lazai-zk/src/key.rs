//! The verifier's key: one entry for each depth of the recursion tree.

use std::sync::OnceLock;

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use thiserror::Error;

use crate::poseidon::HashOut;

/// Most levels of joins: 2^10 chunks.
pub const MAX_DEPTH: usize = 10;
/// Hashes in a Merkle cap: height 4.
pub(crate) const CAP: usize = 16;

const MAGIC: [u8; 4] = *b"LZK2";
const ENTRY_BYTES: usize = 32 * (1 + CAP);

/// The keys of this crate's circuits and of those before them, oldest first. A key's file is never changed: proofs name its
/// digest.
static KNOWN: [&[u8]; 2] = [include_bytes!("../keys/outer-v2.vk"), include_bytes!("../keys/outer-v3.vk")];

/// The verifier's data on one outer circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OuterKey {
    /// Digest of the circuit.
    pub(crate) digest: HashOut,
    /// Commitment to its constants and wiring.
    pub(crate) cap: [HashOut; CAP],
}

/// A verifier's key: `LZK2`, the number of entries, and for each depth the circuit's digest and a cap of 16 hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    entries: Vec<OuterKey>,
}

/// Bytes that are no verifier's key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Other first bytes than `LZK2`, or another length than the number of entries says.
    #[error("not a key of format LZK2: {bytes} bytes")]
    NotKey {
        /// The length in bytes.
        bytes: usize,
    },
    /// A field element that is not below the order.
    #[error("key: element {element} of entry {entry} is not below the field's order")]
    NotCanonical {
        /// The entry.
        entry: usize,
        /// The hash within the entry.
        element: usize,
    },
}

impl VerifierKey {
    #[cfg(feature = "plonky2")]
    pub(crate) fn new(entries: Vec<OuterKey>) -> Self {
        Self { entries }
    }

    /// The key of the circuits in this crate: version 3.
    #[must_use]
    pub fn pinned() -> &'static Self {
        let [.., newest] = Self::known();
        newest
    }

    /// Every key whose proofs this crate verifies, oldest first: version 2, of chunks whose lookups have two challenges, and
    /// version 3, of those with three.
    #[must_use]
    pub fn known() -> &'static [Self; 2] {
        static KEYS: OnceLock<[VerifierKey; 2]> = OnceLock::new();
        let read = |bytes| Self::from_bytes(bytes).expect("the keys in this crate were written by the same code");
        KEYS.get_or_init(|| KNOWN.map(read))
    }

    /// Reads a key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let not = KeyError::NotKey { bytes: bytes.len() };
        let Some(([m0, m1, m2, m3, count], rest)) = bytes.split_first_chunk::<5>() else { return Err(not) };
        let count = usize::from(*count);
        if [*m0, *m1, *m2, *m3] != MAGIC || !(1..=MAX_DEPTH + 1).contains(&count) || rest.len() != count * ENTRY_BYTES {
            return Err(not);
        }
        let entry = |(entry, bytes): (usize, &[u8])| {
            let mut hashes = [HashOut::default(); 1 + CAP];
            for (element, (hash, bytes)) in hashes.iter_mut().zip(bytes.as_chunks::<32>().0).enumerate() {
                let found = HashOut::from_digest(Digest::from_bytes(*bytes));
                *hash = found.ok_or(KeyError::NotCanonical { entry, element })?;
            }
            let [digest, cap @ ..] = hashes;
            Ok(OuterKey { digest, cap })
        };
        Ok(Self { entries: rest.chunks(ENTRY_BYTES).enumerate().map(entry).collect::<Result<_, _>>()? })
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        // At most MAX_DEPTH + 1 entries.
        bytes.push(self.entries.len() as u8);
        for entry in &self.entries {
            for hash in std::iter::once(&entry.digest).chain(&entry.cap) {
                bytes.extend(hash.to_digest().as_bytes());
            }
        }
        bytes
    }

    /// Its digest: proofs name it, and a trust anchor pins it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        DomainHasher::new("lazai.zk.key.v2").part(&self.to_bytes()).finish()
    }

    /// The entry for a depth.
    pub(crate) fn at(&self, depth: u8) -> Option<&OuterKey> {
        self.entries.get(usize::from(depth))
    }
}
