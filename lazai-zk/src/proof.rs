//! A proof as bytes. Joined: `LZP2`, the digest of the verifier's key, the depth of the recursion tree, the body. One STARK: `LZP3`,
//! the digest of its parameters, the logarithm of its rows, the body.

use lazai_core::Digest;
use lazai_core::digest::sha256;
use thiserror::Error;

/// Largest proof that is read: 512 KiB.
pub const MAX_PROOF_BYTES: usize = 512 << 10;

const JOINED: [u8; 4] = *b"LZP2";
const STARK: [u8; 4] = *b"LZP3";
const HEADER: usize = 4 + 32 + 1;

/// Bytes that are no proof of any circuit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofFormatError {
    /// Other first bytes than `LZP2` or `LZP3`, or nothing after the header.
    #[error("not a proof of format LZP2 or LZP3: {bytes} bytes")]
    NotProof {
        /// The length in bytes.
        bytes: usize,
    },
    /// More than [`MAX_PROOF_BYTES`].
    #[error("proof of {bytes} bytes exceeds the limit of {MAX_PROOF_BYTES}")]
    TooLarge {
        /// The length in bytes.
        bytes: usize,
    },
}

/// A proof, not yet verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    stark: bool,
    key: Digest,
    depth: u8,
    body: Vec<u8>,
}

impl Proof {
    #[cfg(feature = "plonky2")]
    pub(crate) fn new(key: Digest, depth: u8, body: Vec<u8>) -> Self {
        Self { stark: false, key, depth, body }
    }

    #[cfg(feature = "p3")]
    pub(crate) fn stark(rows_log: u8, body: Vec<u8>) -> Self {
        Self { stark: true, key: crate::whole::digest(), depth: rows_log, body }
    }

    /// Reads the header; the body is read when the proof is verified.
    ///
    /// # Errors
    /// [`ProofFormatError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ProofFormatError> {
        let not_proof = ProofFormatError::NotProof { bytes: bytes.len() };
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(ProofFormatError::TooLarge { bytes: bytes.len() });
        }
        let stark = bytes.starts_with(&STARK);
        if bytes.len() <= HEADER || !stark && !bytes.starts_with(&JOINED) {
            return Err(not_proof);
        }
        let key = bytes[4..36].try_into().map_err(|_| not_proof)?;
        Ok(Self { stark, key: Digest::from_bytes(key), depth: bytes[36], body: bytes[HEADER..].to_vec() })
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [&if self.stark { STARK } else { JOINED }[..], self.key.as_bytes(), &[self.depth], &self.body].concat()
    }

    /// Tells whether it is one STARK, not joined of several.
    #[must_use]
    pub fn is_stark(&self) -> bool {
        self.stark
    }

    /// Digest of the verifier's key it was made for; of one STARK, of its parameters.
    #[must_use]
    pub fn key_digest(&self) -> Digest {
        self.key
    }

    /// Levels of joins between the chunks and the outer proof: the dataset has at most 2^depth chunks, one STARK is one.
    #[must_use]
    pub fn depth(&self) -> u8 {
        if self.stark { 0 } else { self.depth }
    }

    /// Logarithm of the rows of one STARK.
    pub(crate) fn rows_log(&self) -> u8 {
        self.depth
    }

    /// The outer proof, in plonky2's byte format without public inputs; or the STARK.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// SHA-256 of the bytes, as submissions carry it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        sha256(&self.to_bytes())
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Proof {{ key: {}, depth: {}, {} bytes }}", self.key, self.depth, self.body.len())
    }
}
