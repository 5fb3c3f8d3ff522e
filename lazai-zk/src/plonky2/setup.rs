//! Every circuit's verifier data, built once and pinned in `keys/`.

use plonky2::plonk::circuit_data::VerifierOnlyCircuitData;
use plonky2::util::serialization::{Buffer, DefaultGateSerializer, IoResult, Read, Write};

use super::chunk::Shape;
use super::circuits::{Common, Key, build_chunk, build_join, build_outer};
use crate::key::{MAX_DEPTH, OuterKey, VerifierKey};
use crate::poseidon::HashOut;

/// The verifier data of the lower circuits that circuits are built on.
#[derive(Debug, PartialEq)]
pub(super) struct Setup {
    /// Common data of a chunk's circuit, of any shape.
    pub(super) chunk: Common,
    /// Keys of the chunks' circuits, in the order of [`Shape::ALL`].
    pub(super) chunks: Vec<Key>,
    /// Common data of the first level of joins.
    pub(super) first_join: Common,
    /// Common data of all levels above it.
    pub(super) join: Common,
    /// Keys of the levels of joins, from the first.
    pub(super) joins: Vec<Key>,
    /// Common data of the outer circuit, at any depth.
    pub(super) outer: Common,
}

/// `keys/inner-v3.bin`.
static INNER: &[u8] = include_bytes!("../../keys/inner-v3.bin");

impl Setup {
    /// The setup that this crate carries.
    pub(super) fn pinned() -> Self {
        Self::from_bytes(INNER).expect("the setup in this crate was written by the same code")
    }

    /// The data of the circuits that an outer circuit over `depth` levels of joins, or a join of that level plus one,
    /// verifies.
    pub(super) fn below(&self, depth: usize) -> (&Common, &[Key]) {
        match depth {
            0 => (&self.chunk, &self.chunks),
            1 => (&self.first_join, &self.joins[..1]),
            _ => (&self.join, &self.joins[depth - 1..depth]),
        }
    }

    fn to_bytes(&self) -> IoResult<Vec<u8>> {
        let mut bytes = Vec::new();
        for common in [&self.chunk, &self.first_join, &self.join, &self.outer] {
            bytes.write_common_circuit_data(common, &DefaultGateSerializer)?;
        }
        for key in self.chunks.iter().chain(&self.joins) {
            bytes.write_verifier_only_circuit_data(key)?;
        }
        Ok(bytes)
    }

    fn from_bytes(bytes: &[u8]) -> IoResult<Self> {
        let mut bytes = Buffer::new(bytes);
        let mut common = || bytes.read_common_circuit_data(&DefaultGateSerializer);
        let [chunk, first_join, join, outer] = [common()?, common()?, common()?, common()?];
        let mut keys =
            |count| (0..count).map(|_| bytes.read_verifier_only_circuit_data()).collect::<IoResult<Vec<_>>>();
        Ok(Self { chunk, first_join, join, outer, chunks: keys(Shape::ALL.len())?, joins: keys(MAX_DEPTH)? })
    }
}

/// The files in `keys/`, built from the circuits: minutes.
#[derive(Debug)]
pub struct Keys {
    /// `keys/inner-v3.bin`, for the prover.
    pub inner: Vec<u8>,
    /// `keys/outer-v3.vk`, for verifiers.
    pub outer: Vec<u8>,
}

/// Builds every circuit and returns the pinned keys.
///
/// # Errors
/// In words, if circuits that must have a common shape do not: a fault of this library.
pub fn build_keys() -> Result<Keys, String> {
    let same =
        |a: &Common, b: &Common, what: &str| if a == b { Ok(()) } else { Err(format!("{what} differ in shape")) };
    let mut chunks = Vec::new();
    let mut chunk: Option<Common> = None;
    for shape in Shape::ALL {
        let circuit = build_chunk(shape);
        tracing::info!(?shape, degree = circuit.common.degree_bits(), "chunk");
        if let Some(first) = &chunk {
            same(first, &circuit.common, "chunks")?;
        }
        chunk = Some(circuit.common);
        chunks.push(circuit.verifier_only);
    }
    let chunk = chunk.ok_or("no shapes")?;
    let first = build_join(&chunk, &chunks);
    let mut joins = vec![first.verifier_only];
    let mut join: Option<Common> = None;
    while joins.len() < MAX_DEPTH {
        let level = joins.len();
        let child = join.as_ref().unwrap_or(&first.common);
        let circuit = build_join(child, &joins[level - 1..]);
        tracing::info!(level, degree = circuit.common.degree_bits(), "join");
        if let Some(join) = &join {
            same(join, &circuit.common, "joins")?;
        }
        join = Some(circuit.common);
        joins.push(circuit.verifier_only);
    }
    let join = join.ok_or("no joins")?;
    let mut setup = Setup { outer: chunk.clone(), chunk, chunks, first_join: first.common, join, joins };
    let mut outers = Vec::new();
    for depth in 0..=MAX_DEPTH {
        let (common, keys) = setup.below(depth);
        let circuit = build_outer(common, keys);
        tracing::info!(depth, degree = circuit.common.degree_bits(), "outer");
        if depth > 0 {
            same(&setup.outer, &circuit.common, "outer circuits")?;
        }
        setup.outer = circuit.common;
        outers.push(outer_key(&circuit.verifier_only));
    }
    let failed = |_| "keys are not writable".to_owned();
    Ok(Keys { inner: setup.to_bytes().map_err(failed)?, outer: VerifierKey::new(outers).to_bytes() })
}

/// A key in the form of our own verifier.
pub(super) fn outer_key(key: &VerifierOnlyCircuitData<super::C, { super::D }>) -> OuterKey {
    use plonky2::field::types::PrimeField64;
    let hash = |h: &plonky2::hash::hash_types::HashOut<super::F>| HashOut(h.elements.map(|e| e.to_canonical_u64()));
    let cap = key.constants_sigmas_cap.0.iter().map(hash).collect::<Vec<_>>();
    OuterKey { digest: hash(&key.circuit_digest), cap: std::array::from_fn(|i| cap[i]) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;

    /// One circuit of each kind, none of which other tests build, upon what is pinned of those below: its key is the pinned one.
    /// All of them where `LAZAI_KEYS_ALL` says so (`cargo xtask soak keys`).
    #[test]
    fn the_pinned_keys_are_of_these_circuits() {
        if std::env::var_os("LAZAI_KEYS_ALL").is_some() {
            let keys = build_keys().unwrap();
            assert!(keys.inner == INNER, "inner-v3.bin");
            assert!(keys.outer == VerifierKey::pinned().to_bytes(), "outer-v3.vk");
            println!("keys: {} circuits", Shape::ALL.len() + MAX_DEPTH + MAX_DEPTH + 1);
            return;
        }
        let setup = Setup::pinned();
        assert!(build_chunk(Shape::ALL[3]).verifier_only == setup.chunks[3]);
        let (common, keys) = setup.below(4);
        assert!(build_join(common, keys).verifier_only == setup.joins[4]);
        let (common, keys) = setup.below(7);
        let outer = build_outer(common, keys);
        assert!(outer.common == setup.outer);
        assert_eq!(Some(&outer_key(&outer.verifier_only)), VerifierKey::pinned().at(7));
    }
}
