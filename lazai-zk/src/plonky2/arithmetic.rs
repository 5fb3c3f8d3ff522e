//! The rules of a chunk, read two ways: over values (proving, checking) and inside a circuit (recursion).

use plonky2::field::extension::Extendable;
use plonky2::field::packed::PackedField;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::RichField;
use plonky2::hash::poseidon::Poseidon;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::plonk::circuit_builder::CircuitBuilder;
use starky::constraint_consumer::{ConstraintConsumer, RecursiveConstraintConsumer};

use crate::chunk::Constraints;
use crate::poseidon::{CIRCULANT, FIRST_DIAGONAL, WIDTH};

impl<P: PackedField> Constraints<P> for ConstraintConsumer<P> {
    fn constant(&mut self, value: u64) -> P {
        P::from(P::Scalar::from_canonical_u64(value))
    }

    fn add(&mut self, a: P, b: P) -> P {
        a + b
    }

    fn sub(&mut self, a: P, b: P) -> P {
        a - b
    }

    fn mul(&mut self, a: P, b: P) -> P {
        a * b
    }

    fn add_scaled(&mut self, a: P, factor: u64, b: P) -> P {
        a + b * P::Scalar::from_canonical_u64(factor)
    }

    fn mds(&mut self, state: [P; WIDTH]) -> [P; WIDTH] {
        let factors = CIRCULANT.map(P::Scalar::from_canonical_u64);
        std::array::from_fn(|row| {
            let first = if row == 0 { state[0] * P::Scalar::from_canonical_u64(FIRST_DIAGONAL) } else { P::ZEROS };
            factors.iter().enumerate().fold(first, |sum, (i, &factor)| sum + state[(i + row) % WIDTH] * factor)
        })
    }

    fn always(&mut self, value: P) {
        self.constraint(value);
    }

    fn transition(&mut self, value: P) {
        self.constraint_transition(value);
    }

    fn at_first(&mut self, value: P) {
        self.constraint_first_row(value);
    }

    fn at_last(&mut self, value: P) {
        self.constraint_last_row(value);
    }
}

/// Wires of a verifier's circuit.
pub(super) struct Targets<'a, F: RichField + Extendable<D>, const D: usize> {
    pub(super) builder: &'a mut CircuitBuilder<F, D>,
    pub(super) consumer: &'a mut RecursiveConstraintConsumer<F, D>,
}

impl<F: RichField + Extendable<D> + Poseidon, const D: usize> Constraints<ExtensionTarget<D>> for Targets<'_, F, D> {
    fn constant(&mut self, value: u64) -> ExtensionTarget<D> {
        self.builder.constant_extension(F::Extension::from_canonical_u64(value))
    }

    fn add(&mut self, a: ExtensionTarget<D>, b: ExtensionTarget<D>) -> ExtensionTarget<D> {
        self.builder.add_extension(a, b)
    }

    fn sub(&mut self, a: ExtensionTarget<D>, b: ExtensionTarget<D>) -> ExtensionTarget<D> {
        self.builder.sub_extension(a, b)
    }

    fn mul(&mut self, a: ExtensionTarget<D>, b: ExtensionTarget<D>) -> ExtensionTarget<D> {
        self.builder.mul_extension(a, b)
    }

    fn add_scaled(&mut self, a: ExtensionTarget<D>, factor: u64, b: ExtensionTarget<D>) -> ExtensionTarget<D> {
        let one = self.builder.one_extension();
        self.builder.arithmetic_extension(F::from_canonical_u64(factor), F::ONE, b, one, a)
    }

    fn mds(&mut self, state: [ExtensionTarget<D>; WIDTH]) -> [ExtensionTarget<D>; WIDTH] {
        F::mds_layer_circuit(self.builder, &state)
    }

    fn always(&mut self, value: ExtensionTarget<D>) {
        self.consumer.constraint(self.builder, value);
    }

    fn transition(&mut self, value: ExtensionTarget<D>) {
        self.consumer.constraint_transition(self.builder, value);
    }

    fn at_first(&mut self, value: ExtensionTarget<D>) {
        self.consumer.constraint_first_row(self.builder, value);
    }

    fn at_last(&mut self, value: ExtensionTarget<D>) {
        self.consumer.constraint_last_row(self.builder, value);
    }
}
