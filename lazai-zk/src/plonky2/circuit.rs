//! The circuit of a dataset: 192 records of 256 tokens, blinded.

use lazai_core::pov::{MAX_CONTRIBUTORS, MAX_RECORDS};
use plonky2::field::types::Field;
use plonky2::hash::hash_types::HashOutTarget;
use plonky2::hash::poseidon::PoseidonHash;
use plonky2::iop::target::{BoolTarget, Target};
use plonky2::iop::witness::{PartialWitness, WitnessWrite};
use plonky2::plonk::circuit_builder::CircuitBuilder;
use plonky2::plonk::circuit_data::{CircuitConfig, CircuitData};

use super::length_gate::LengthGate;
use super::token_gate::{DIGITS, ELEMENTS_PER_ROW, TokenGate};
use super::{C, D, F};
use crate::commitment::{ELEMENTS, LEAVES, LeafData, TOKENS_PER_ELEMENT};
use crate::poseidon::{HashOut, two_to_one};
use crate::statement::PUBLIC_INPUTS;

/// The circuit, and where its inputs go.
pub(super) struct DatasetCircuit {
    pub(super) data: CircuitData<F, C, D>,
    records: Vec<RecordTargets>,
    context: [Target; 8],
}

struct RecordTargets {
    token_rows: Vec<usize>,
    length_row: usize,
    about: [Target; 4],
    salt: [Target; 4],
    owner: [BoolTarget; MAX_CONTRIBUTORS],
}

impl DatasetCircuit {
    pub(super) fn build() -> Self {
        let mut builder = CircuitBuilder::<F, D>::new(CircuitConfig::standard_recursion_zk_config());
        let context = std::array::from_fn(|_| builder.add_virtual_public_input());

        let zero = builder.zero();
        let mut leaves = Vec::with_capacity(LEAVES);
        let mut records = Vec::with_capacity(MAX_RECORDS);
        let mut record_counts = [zero; MAX_CONTRIBUTORS];
        let mut token_counts = [zero; MAX_CONTRIBUTORS];
        let mut before = builder.one();
        for _ in 0..MAX_RECORDS {
            let (record, leaf, length, active) = add_record(&mut builder);
            // Records stand at the front: after an empty one, only empty ones follow.
            let resumed = builder.mul_sub(active, before, active);
            builder.assert_zero(resumed);
            before = active;
            for (k, owner) in record.owner.iter().enumerate() {
                record_counts[k] = builder.add(record_counts[k], owner.target);
                token_counts[k] = builder.mul_add(owner.target, length, token_counts[k]);
            }
            leaves.push(Node::Computed(leaf));
            records.push(record);
        }
        leaves.resize_with(LEAVES, || Node::Fixed(HashOut::default()));

        let root = merkle_root(&mut builder, leaves);
        builder.register_public_inputs(&root.elements);
        let total = builder.add_many(record_counts);
        builder.register_public_input(total);
        builder.register_public_inputs(&record_counts);
        builder.register_public_inputs(&token_counts);
        Self { data: builder.build(), records, context }
    }

    /// The witness for leaves (at most [`MAX_RECORDS`]) and public inputs.
    pub(super) fn witness(
        &self,
        leaves: &[LeafData],
        inputs: &[u64; PUBLIC_INPUTS],
    ) -> Result<PartialWitness<F>, String> {
        let mut witness = PartialWitness::new();
        for (target, &word) in self.context.iter().zip(inputs) {
            set(&mut witness, *target, word)?;
        }
        let empty = LeafData {
            elements: [0; ELEMENTS],
            length: 0,
            contributor: 0,
            about: HashOut::default(),
            salt: HashOut::default(),
        };
        for (i, targets) in self.records.iter().enumerate() {
            targets.fill(leaves.get(i).unwrap_or(&empty), &mut witness)?;
        }
        Ok(witness)
    }
}

impl RecordTargets {
    fn fill(&self, leaf: &LeafData, witness: &mut PartialWitness<F>) -> Result<(), String> {
        for (row, elements) in self.token_rows.iter().zip(leaf.elements.chunks(ELEMENTS_PER_ROW)) {
            for (i, &element) in elements.iter().enumerate() {
                set(witness, Target::wire(*row, TokenGate::element(i)), element)?;
                for d in 0..DIGITS {
                    set(witness, Target::wire(*row, TokenGate::digit(i, d)), (element >> (2 * d)) & 3)?;
                }
            }
        }
        let active = leaf.length.div_ceil(TOKENS_PER_ELEMENT as u64);
        let spare = active * TOKENS_PER_ELEMENT as u64 - leaf.length;
        for (bit, wire) in LengthGate::SPARE.into_iter().enumerate() {
            set(witness, Target::wire(self.length_row, wire), (spare >> bit) & 1)?;
        }
        for i in 0..ELEMENTS {
            set(witness, Target::wire(self.length_row, LengthGate::active(i)), u64::from((i as u64) < active))?;
        }
        let last = active.checked_sub(1).map_or(0, |i| leaf.elements[i as usize]);
        set(witness, Target::wire(self.length_row, LengthGate::LAST), last)?;
        set(witness, Target::wire(self.length_row, LengthGate::LENGTH), leaf.length)?;
        for (targets, values) in [(&self.about, &leaf.about), (&self.salt, &leaf.salt)] {
            for (target, &value) in targets.iter().zip(&values.0) {
                set(witness, *target, value)?;
            }
        }
        for (k, owner) in self.owner.iter().enumerate() {
            let owns = leaf.length > 0 && leaf.contributor == k as u64;
            set(witness, owner.target, owns.into())?;
        }
        Ok(())
    }
}

fn set(witness: &mut PartialWitness<F>, target: Target, value: u64) -> Result<(), String> {
    witness.set_target(target, F::from_noncanonical_u64(value)).map_err(|e| e.to_string())
}

/// One record: its targets, its leaf (zeros if it is empty), its length, and whether it is there.
fn add_record(builder: &mut CircuitBuilder<F, D>) -> (RecordTargets, HashOutTarget, Target, Target) {
    let elements: Vec<Target> = builder.add_virtual_targets(ELEMENTS);
    let token_rows = elements
        .chunks(ELEMENTS_PER_ROW)
        .map(|chunk| {
            let row = builder.add_gate(TokenGate, vec![]);
            for (i, &element) in chunk.iter().enumerate() {
                builder.connect(element, Target::wire(row, TokenGate::element(i)));
            }
            row
        })
        .collect();

    let length_row = builder.add_gate(LengthGate, vec![]);
    for (i, &element) in elements.iter().enumerate() {
        builder.connect(element, Target::wire(length_row, LengthGate::element(i)));
    }
    let length = Target::wire(length_row, LengthGate::LENGTH);
    let active = Target::wire(length_row, LengthGate::active(0));
    let spare = LengthGate::SPARE.map(|wire| Target::wire(length_row, wire));
    assert_spare_tokens_are_zero(builder, Target::wire(length_row, LengthGate::LAST), spare);

    // Exactly one contributor owns a record, none an empty one.
    let owner: [BoolTarget; MAX_CONTRIBUTORS] = std::array::from_fn(|_| builder.add_virtual_bool_target_safe());
    let owners = builder.add_many(owner.map(|o| o.target));
    builder.connect(owners, active);
    let zero = builder.zero();
    let contributor = owner
        .iter()
        .enumerate()
        .fold(zero, |sum, (k, o)| builder.mul_const_add(F::from_canonical_usize(k), o.target, sum));

    let content = builder.hash_n_to_hash_no_pad::<PoseidonHash>(elements);
    let about = builder.add_virtual_target_arr::<4>();
    let salt = builder.add_virtual_target_arr::<4>();
    let parts = [&content.elements[..], &about, &salt, &[contributor, length]].concat();
    let leaf = builder.hash_n_to_hash_no_pad::<PoseidonHash>(parts);
    let leaf = HashOutTarget { elements: leaf.elements.map(|e| builder.mul(e, active)) };
    (RecordTargets { token_rows, length_row, about, salt, owner }, leaf, length, active)
}

/// The last element's tokens beyond the length are zero: the top `spare` of its four.
fn assert_spare_tokens_are_zero(builder: &mut CircuitBuilder<F, D>, last: Target, spare: [Target; 2]) {
    // Digits of a token are small and not negative, so they are all zero exactly if their sum is.
    let digits = builder.split_le_base::<4>(last, DIGITS);
    let digits_per_token = DIGITS / TOKENS_PER_ELEMENT;
    let sums: Vec<Target> = digits.chunks(digits_per_token).map(|d| builder.add_many(d)).collect();
    let [low, high] = spare;
    let both = builder.mul(low, high);
    let sum = builder.add(low, high);
    let any = builder.sub(sum, both);
    for (token, spared) in [(3, any), (2, high), (1, both)] {
        let product = builder.mul(sums[token], spared);
        builder.assert_zero(product);
    }
}

/// A node of the tree: computed in the circuit, or known when it is built.
enum Node {
    Computed(HashOutTarget),
    Fixed(HashOut),
}

fn merkle_root(builder: &mut CircuitBuilder<F, D>, mut level: Vec<Node>) -> HashOutTarget {
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [Node::Fixed(left), Node::Fixed(right)] => Node::Fixed(two_to_one(*left, *right)),
                pair => {
                    let inputs = pair.iter().flat_map(|node| to_target(builder, node).elements).collect();
                    Node::Computed(builder.hash_n_to_hash_no_pad::<PoseidonHash>(inputs))
                }
            })
            .collect();
    }
    to_target(builder, &level[0])
}

fn to_target(builder: &mut CircuitBuilder<F, D>, node: &Node) -> HashOutTarget {
    match node {
        Node::Computed(target) => *target,
        Node::Fixed(hash) => HashOutTarget { elements: hash.0.map(|e| builder.constant(F::from_canonical_u64(e))) },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::commitment::merkle_root;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn leaf(tokens: &[u64], length: u64) -> LeafData {
        let mut elements = [0; ELEMENTS];
        for (element, chunk) in elements.iter_mut().zip(tokens.chunks(TOKENS_PER_ELEMENT)) {
            *element = chunk.iter().rev().fold(0, |sum, token| (sum << 16) | token);
        }
        LeafData { elements, length, contributor: 0, about: HashOut::default(), salt: HashOut([1, 2, 3, 4]) }
    }

    /// The public inputs that the leaves themselves would have.
    fn inputs(leaves: &[LeafData]) -> [u64; PUBLIC_INPUTS] {
        let hashes: Vec<_> = leaves.iter().map(|l| if l.length == 0 { HashOut::default() } else { l.leaf() }).collect();
        let mut inputs = [0; PUBLIC_INPUTS];
        inputs[8..12].copy_from_slice(&merkle_root(&hashes).0);
        inputs[12] = leaves.iter().filter(|l| l.length > 0).count() as u64;
        inputs[13] = inputs[12];
        inputs[13 + MAX_CONTRIBUTORS] = leaves.iter().map(|l| l.length).sum();
        inputs
    }

    fn proves(circuit: &DatasetCircuit, leaves: &[LeafData]) -> bool {
        let inputs = inputs(leaves);
        // A witness that breaks a constraint makes the prover fail, or its proof be rejected.
        let proved = catch_unwind(AssertUnwindSafe(|| {
            circuit.witness(leaves, &inputs).ok().and_then(|witness| circuit.data.prove(witness).ok())
        }));
        let Ok(Some(proof)) = proved else { return false };
        let same = proof.public_inputs.iter().map(|f| f.0 % crate::poseidon::ORDER).eq(inputs);
        same && circuit.data.verify(proof).is_ok()
    }

    #[test]
    fn a_cheating_prover_convinces_nobody() {
        std::panic::set_hook(Box::new(|_| {}));
        let circuit = DatasetCircuit::build();
        let honest = [leaf(&[5, 6, 7, 8, 9], 5), leaf(&[1], 1)];
        assert!(proves(&circuit, &honest));
        let cheats = [
            ("a token beyond the length, in the last element", vec![leaf(&[5, 6, 7, 8, 9, 1], 5)]),
            ("a token beyond the length, in a later element", vec![leaf(&[5, 6, 7, 8, 9, 0, 0, 0, 1], 5)]),
            ("a gap between records", vec![leaf(&[5], 1), leaf(&[], 0), leaf(&[6], 1)]),
            ("a token outside the vocabulary", vec![leaf(&[49_152], 1)]),
        ];
        for (what, leaves) in cheats {
            assert!(!proves(&circuit, &leaves), "{what}");
        }
    }
}
