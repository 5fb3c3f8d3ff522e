//! The three kinds of circuits: a chunk's STARK verified, two proofs joined, and the outer proof.

use plonky2::field::polynomial::PolynomialValues;
use plonky2::field::types::Field;
use plonky2::fri::reduction_strategies::FriReductionStrategy;
use plonky2::gates::noop::NoopGate;
use plonky2::hash::hash_types::{HashOut, HashOutTarget};
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_builder::CircuitBuilder;
use plonky2::plonk::circuit_data::{
    CircuitConfig, CircuitData, CommonCircuitData, VerifierCircuitTarget, VerifierOnlyCircuitData,
};
use plonky2::plonk::config::Hasher;
use plonky2::plonk::proof::{ProofWithPublicInputs, ProofWithPublicInputsTarget};
use plonky2::util::timing::TimingTree;
use starky::proof::StarkProofWithPublicInputs;
use starky::proof::StarkProofWithPublicInputsTarget;
use starky::recursive_verifier::{
    add_virtual_stark_proof_with_pis, set_stark_proof_with_pis_target, verify_stark_proof_circuit,
};

use super::chunk::{ChunkStark, Shape, State, public, stark_config, state};
use super::{C, D, F};
use crate::commitment::{SORTED_START, TABLE_START};
use crate::statement::{CONTEXT_WORDS, PUBLIC_INPUTS};

/// Public inputs of a chunk's proof and of a join: digests of the states before and after, the challenge, the
/// numbers of [`public`], and tokens per element.
pub(super) mod inner {
    /// Digest of the state before.
    pub(in crate::plonky2) const BEFORE: usize = 0;
    /// Digest of the state after.
    pub(in crate::plonky2) const AFTER: usize = 4;
    /// The inputs that are the same in every chunk: challenge, vocabulary, longest record, licences, tokens per element.
    pub(in crate::plonky2) const SHARED: usize = 8;
    /// Their number.
    pub(in crate::plonky2) const LENGTH: usize = 14;
}

/// Rows of a chunk's verifier: all shapes are padded to it.
const CHUNK_ROWS_LOG: usize = 14;

pub(super) type Circuit = CircuitData<F, C, D>;
pub(super) type InnerProof = ProofWithPublicInputs<F, C, D>;
pub(super) type Common = CommonCircuitData<F, D>;
pub(super) type Key = VerifierOnlyCircuitData<C, D>;

/// Runs an expression for the STARK of a shape.
macro_rules! with_stark {
    ($shape:expr, $stark:ident => $run:expr) => {
        match $shape.index() {
            0 => {
                let $stark = ChunkStark::<0>;
                $run
            }
            1 => {
                let $stark = ChunkStark::<1>;
                $run
            }
            2 => {
                let $stark = ChunkStark::<2>;
                $run
            }
            _ => {
                let $stark = ChunkStark::<3>;
                $run
            }
        }
    };
}

/// plonky2's standard configuration but for three more bits of grinding, one query less and a longer final
/// polynomial: two such proofs are joined in 2^13 rows, not in 2^14.
pub(super) fn chunk_config() -> CircuitConfig {
    let mut config = CircuitConfig::standard_recursion_config();
    config.fri_config.proof_of_work_bits = 19;
    config.fri_config.num_query_rounds = 27;
    config.fri_config.reduction_strategy = FriReductionStrategy::ConstantArityBits(4, 6);
    config
}

/// The targets of the inputs of a chunk's circuit. Targets added to an empty builder are always the same ones, so they need
/// not be stored with a circuit.
fn chunk_targets(builder: &mut CircuitBuilder<F, D>, shape: Shape) -> StarkProofWithPublicInputsTarget<D> {
    let config = stark_config();
    with_stark!(shape, stark => add_virtual_stark_proof_with_pis(builder, &stark, &config, shape.rows_log, 0, 0))
}

/// The circuit that verifies one chunk.
pub(super) fn build_chunk(shape: Shape) -> Circuit {
    let mut builder = CircuitBuilder::<F, D>::new(chunk_config());
    let proof = chunk_targets(&mut builder, shape);
    let rows_log = builder.constant(F::from_canonical_usize(shape.rows_log));
    builder.connect(proof.proof.degree_bits, rows_log);
    let config = stark_config();
    with_stark!(shape, stark => verify_stark_proof_circuit::<F, C, _, D>(&mut builder, stark, proof.clone(), &config, None));
    for from in [public::BEFORE, public::AFTER] {
        let digest = hash(&mut builder, &proof.public_inputs[from..from + state::LENGTH]);
        builder.register_public_inputs(&digest.elements);
    }
    builder.register_public_inputs(&proof.public_inputs[public::CHALLENGE..]);
    let packed = builder.constant(F::from_canonical_usize(shape.packed));
    builder.register_public_input(packed);
    while builder.num_gates() <= 1 << (CHUNK_ROWS_LOG - 1) {
        builder.add_gate(NoopGate, vec![]);
    }
    builder.build()
}

/// Proves that a chunk's STARK proof was verified.
pub(super) fn prove_chunk(
    circuit: &Circuit,
    shape: Shape,
    proof: &StarkProofWithPublicInputs<F, C, D>,
) -> anyhow::Result<InnerProof> {
    let mut builder = CircuitBuilder::<F, D>::new(chunk_config());
    let targets = chunk_targets(&mut builder, shape);
    let zero = builder.zero();
    let mut witness = PartialWitness::new();
    set_stark_proof_with_pis_target(&mut witness, &targets, proof, shape.rows_log, zero)?;
    circuit.prove(witness)
}

struct JoinTargets {
    children: [ProofWithPublicInputsTarget<D>; 2],
    /// The right child is only the left one again.
    single: BoolTarget,
    keys: [KeyTargets; 2],
}

/// plonky2's standard blinded configuration but for folding by four instead of sixteen: fewer opened values need
/// less blinding, and the circuit fits into 2^13 rows instead of 2^14, with a smaller proof.
pub(super) fn outer_config() -> CircuitConfig {
    let mut config = CircuitConfig::standard_recursion_zk_config();
    config.fri_config.reduction_strategy = FriReductionStrategy::ConstantArityBits(2, 4);
    config
}

fn join_targets(builder: &mut CircuitBuilder<F, D>, child: &Common, keys: usize) -> JoinTargets {
    let children = [0, 1].map(|_| builder.add_virtual_proof_with_pis(child));
    let single = builder.add_virtual_bool_target_unsafe();
    let keys = [0, 1].map(|_| KeyTargets::add(builder, child, keys));
    JoinTargets { children, single, keys }
}

/// One of several allowed keys, given by the prover.
struct KeyTargets {
    key: VerifierCircuitTarget,
    /// The key's index, in binary, lowest bit first; empty for one key.
    bits: Vec<BoolTarget>,
}

impl KeyTargets {
    fn add(builder: &mut CircuitBuilder<F, D>, child: &Common, keys: usize) -> Self {
        let key = builder.add_virtual_verifier_data(child.config.fri_config.cap_height);
        let bits = (0..keys.ilog2()).map(|_| builder.add_virtual_bool_target_unsafe()).collect();
        Self { key, bits }
    }

    /// The key's digest is that of the one that the bits name.
    fn check(&self, builder: &mut CircuitBuilder<F, D>, keys: &[Key]) {
        for &bit in &self.bits {
            builder.assert_bool(bit);
        }
        let mut digests: Vec<_> = keys.iter().map(|key| builder.constant_hash(key_digest(key))).collect();
        for &bit in &self.bits {
            let pick = |pair: &[HashOutTarget]| HashOutTarget {
                elements: std::array::from_fn(|i| builder.select(bit, pair[1].elements[i], pair[0].elements[i])),
            };
            digests = digests.chunks(2).map(pick).collect();
        }
        let cap = self.key.constants_sigmas_cap.0.iter().flat_map(|h| h.elements);
        let parts: Vec<_> = self.key.circuit_digest.elements.into_iter().chain(cap).collect();
        let found = hash(builder, &parts);
        builder.connect_hashes(found, digests[0]);
    }

    fn set(&self, witness: &mut PartialWitness<F>, keys: &[Key], chosen: usize) -> anyhow::Result<()> {
        for (i, &bit) in self.bits.iter().enumerate() {
            witness.set_bool_target(bit, (chosen >> i) & 1 == 1)?;
        }
        witness.set_verifier_data_target(&self.key, &keys[chosen])
    }
}

fn key_digest(key: &Key) -> HashOut<F> {
    let cap = key.constants_sigmas_cap.0.iter().flat_map(|h| h.elements);
    PoseidonHash::hash_no_pad(&key.circuit_digest.elements.into_iter().chain(cap).collect::<Vec<_>>())
}

/// The circuit that joins two proofs, each under one of `keys` (a power of two).
pub(super) fn build_join(child: &Common, keys: &[Key]) -> Circuit {
    let mut builder = CircuitBuilder::<F, D>::new(CircuitConfig::standard_recursion_config());
    let targets = join_targets(&mut builder, child, keys.len());
    builder.assert_bool(targets.single);
    for (proof, key) in targets.children.iter().zip(&targets.keys) {
        key.check(&mut builder, keys);
        builder.verify_proof::<C>(proof, &key.key, child);
    }
    let [left, right] = targets.children.map(|c| c.public_inputs);
    let joined = builder.not(targets.single);
    let mut after = Vec::with_capacity(4);
    for i in 0..4 {
        let gap = builder.sub(left[inner::AFTER + i], right[inner::BEFORE + i]);
        let gap = builder.mul(joined.target, gap);
        builder.assert_zero(gap);
        after.push(builder.select(targets.single, left[inner::AFTER + i], right[inner::AFTER + i]));
    }
    for i in inner::SHARED..inner::LENGTH {
        builder.connect(left[i], right[i]);
    }
    builder.register_public_inputs(&left[..inner::AFTER]);
    builder.register_public_inputs(&after);
    builder.register_public_inputs(&left[inner::SHARED..]);
    builder.build()
}

/// Joins two proofs, or passes one on.
pub(super) fn prove_join(
    circuit: &Circuit,
    child: &Common,
    keys: &[Key],
    left: (&InnerProof, usize),
    right: Option<(&InnerProof, usize)>,
) -> anyhow::Result<InnerProof> {
    let mut builder = CircuitBuilder::<F, D>::new(CircuitConfig::standard_recursion_config());
    let targets = join_targets(&mut builder, child, keys.len());
    let mut witness = PartialWitness::new();
    witness.set_bool_target(targets.single, right.is_none())?;
    for (i, (proof, key)) in [left, right.unwrap_or(left)].into_iter().enumerate() {
        witness.set_proof_with_pis_target(&targets.children[i], proof)?;
        targets.keys[i].set(&mut witness, keys, key)?;
    }
    circuit.prove(witness)
}

struct OuterTargets {
    proof: ProofWithPublicInputsTarget<D>,
    key: KeyTargets,
    context: [Target; CONTEXT_WORDS],
    last: Vec<Target>,
    first: [Target; 2],
}

fn outer_targets(builder: &mut CircuitBuilder<F, D>, child: &Common, keys: usize) -> OuterTargets {
    OuterTargets {
        proof: builder.add_virtual_proof_with_pis(child),
        key: KeyTargets::add(builder, child, keys),
        context: builder.add_virtual_target_arr(),
        last: builder.add_virtual_targets(state::LENGTH),
        first: builder.add_virtual_target_arr(),
    }
}

/// The outer circuit, with blinding: the inner proof stays hidden.
pub(super) fn build_outer(child: &Common, keys: &[Key]) -> Circuit {
    let mut builder = CircuitBuilder::<F, D>::new(outer_config());
    let targets = outer_targets(&mut builder, child, keys.len());
    targets.key.check(&mut builder, keys);
    builder.verify_proof::<C>(&targets.proof, &targets.key.key, child);
    let inputs = &targets.proof.public_inputs;

    // The chain begins at the start, with any first contributor.
    let start = State::start(0, 0).0.map(|f| builder.constant(f));
    let mut start = start.to_vec();
    start[state::CONTRIBUTOR] = targets.first[0];
    start[state::LICENCE] = targets.first[1];
    // It ended with every contributor entered, and the keys compared.
    let last = &targets.last;
    let zero = builder.zero();
    let one = builder.one();
    builder.connect(last[state::SIZE], zero);
    builder.connect(last[state::RATIO], one);
    builder.connect(last[state::RATIO + 1], zero);
    for (at, ends) in [(inner::BEFORE, &start), (inner::AFTER, last)] {
        let digest = hash(&mut builder, ends);
        for (i, &element) in digest.elements.iter().enumerate() {
            builder.connect(element, inputs[at + i]);
        }
    }
    // The challenge was drawn after the records and the sorted keys were fixed.
    let fixed = [&last[state::TABLE..state::TABLE + 4], &last[state::SORTED..state::SORTED + 4]].concat();
    let challenge = hash(&mut builder, &fixed);
    for i in 0..2 {
        builder.connect(challenge.elements[i], inputs[inner::SHARED + i]);
    }

    builder.register_public_inputs(&targets.context);
    builder.register_public_inputs(&last[state::TABLE..state::TABLE + 4]);
    builder.register_public_inputs(&inputs[inner::SHARED + 2..]);
    builder.build()
}

/// The outer proof.
pub(super) fn prove_outer(
    circuit: &Circuit,
    child: &Common,
    keys: &[Key],
    (proof, key): (&InnerProof, usize),
    context: &[u64],
    first: [u64; 2],
    last: &State,
) -> anyhow::Result<InnerProof> {
    let mut builder = CircuitBuilder::<F, D>::new(outer_config());
    let targets = outer_targets(&mut builder, child, keys.len());
    let mut witness = PartialWitness::new();
    witness.set_proof_with_pis_target(&targets.proof, proof)?;
    targets.key.set(&mut witness, keys, key)?;
    for (&target, &word) in targets.context.iter().zip(context).chain(targets.first.iter().zip(&first)) {
        witness.set_target(target, F::from_canonical_u64(word))?;
    }
    for (&target, &value) in targets.last.iter().zip(&last.0) {
        witness.set_target(target, value)?;
    }
    circuit.prove(witness)
}

fn hash(builder: &mut CircuitBuilder<F, D>, elements: &[Target]) -> HashOutTarget {
    builder.hash_n_to_hash_no_pad::<PoseidonHash>(elements.to_vec())
}

const _: () = assert!(PUBLIC_INPUTS == CONTEXT_WORDS + 4 + 4);
const _: () = assert!(TABLE_START.0[0] != SORTED_START.0[0]);

/// Proves a chunk as a STARK.
pub(super) fn prove_stark(
    shape: Shape,
    columns: Vec<PolynomialValues<F>>,
    inputs: &[F],
) -> anyhow::Result<StarkProofWithPublicInputs<F, C, D>> {
    let (config, mut timing) = (stark_config(), TimingTree::default());
    with_stark!(shape, stark => starky::prover::prove::<F, C, _, D>(stark, &config, columns, inputs, None, &mut timing))
}
