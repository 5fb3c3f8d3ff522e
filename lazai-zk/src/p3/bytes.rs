//! A proof as Plonky3 holds it, in the bytes that the verifier reads.

use p3_batch_stark::BatchProof;
use p3_field::{BasedVectorSpace, PrimeField64};
use p3_goldilocks::Goldilocks;
use p3_merkle_tree::{MerkleCap, PrunedMerklePaths};

use super::config::{Challenge, Config};

/// What queries open of a tree: salts for each query and matrix, and the nodes that all need together.
type Paths = (Vec<Vec<Vec<Goldilocks>>>, PrunedMerklePaths<u8, 32>);

/// The bytes; `None` of a proof of another shape.
pub(super) fn write(proof: &BatchProof<Config>) -> Option<Vec<u8>> {
    let mut writer = Writer(Vec::new());
    let commitments = &proof.commitments;
    let (fractions, mask) = (commitments.permutation.as_ref()?, commitments.random.as_ref()?);
    for cap in [&commitments.main, fractions, &commitments.quotient_chunks, mask] {
        writer.root(cap)?;
    }
    let [instance] = proof.opened_values.instances.as_slice() else { return None };
    let base = &instance.base_opened_values;
    let opened = [
        vec![vec![base.random.as_ref()?]],
        vec![vec![&base.trace_local, base.trace_next.as_ref()?]],
        base.quotient_chunks.iter().map(|part| vec![part]).collect(),
        vec![vec![&instance.permutation_local, &instance.permutation_next]],
    ];
    let (hidden, fri) = &proof.opening_proof;
    for (opened, hidden) in opened.iter().flatten().flatten().zip(hidden.iter().flatten().flatten()) {
        opened.iter().chain(hidden).for_each(|value| writer.extension(value));
    }
    writer.element(fri.batch_pow_witness);
    for cap in &fri.commit_phase_commits {
        writer.root(cap)?;
    }
    fri.final_poly.iter().for_each(|value| writer.extension(value));
    writer.element(fri.query_pow_witness);
    for tree in &fri.input_openings {
        writer.opening(&tree.opened_values, &tree.opening_proof, Writer::elements)?;
    }
    for fold in &fri.commit_phase_openings {
        let values: Vec<_> = fold.sibling_values.iter().map(|siblings| vec![siblings.clone()]).collect();
        let write = |writer: &mut Writer, values: &[Challenge]| values.iter().for_each(|value| writer.extension(value));
        writer.opening(&values, &fold.opening_proof, write)?;
    }
    Some(writer.0)
}

struct Writer(Vec<u8>);

impl Writer {
    fn element(&mut self, element: Goldilocks) {
        self.0.extend(element.as_canonical_u64().to_le_bytes());
    }

    fn elements(&mut self, elements: &[Goldilocks]) {
        elements.iter().for_each(|&element| self.element(element));
    }

    fn extension(&mut self, value: &Challenge) {
        self.elements(value.as_basis_coefficients_slice());
    }

    fn root(&mut self, cap: &MerkleCap<Goldilocks, [u8; 32]>) -> Option<()> {
        let [root] = cap.roots() else { return None };
        self.0.extend(root);
        Some(())
    }

    fn opening<T>(
        &mut self,
        values: &[Vec<Vec<T>>],
        (salts, nodes): &Paths,
        write: impl Fn(&mut Self, &[T]),
    ) -> Option<()> {
        for (values, salts) in values.iter().zip(salts) {
            values.iter().for_each(|values| write(self, values));
            salts.iter().for_each(|salts| self.elements(salts));
        }
        self.0.extend(u16::try_from(nodes.sibling_hashes.len()).ok()?.to_le_bytes());
        nodes.sibling_hashes.iter().for_each(|node| self.0.extend(node));
        Some(())
    }
}
