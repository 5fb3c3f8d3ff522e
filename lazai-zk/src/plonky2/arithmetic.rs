//! One definition of a gate's constraints, read three ways: over the base field (proving), over its extension
//! (verifying) and inside a circuit (recursion).

use plonky2::field::extension::Extendable;
use plonky2::field::types::Field;
use plonky2::hash::hash_types::RichField;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::plonk::circuit_builder::CircuitBuilder;

/// Addition and multiplication of whatever `T` stands for.
pub(super) trait Arithmetic<T: Copy> {
    fn constant(&mut self, value: u64) -> T;
    fn add(&mut self, a: T, b: T) -> T;
    fn sub(&mut self, a: T, b: T) -> T;
    fn mul(&mut self, a: T, b: T) -> T;

    /// `sum(items[i] * base^i)`.
    fn weighted_sum(&mut self, items: &[T], base: u64) -> T {
        let base = self.constant(base);
        let zero = self.constant(0);
        items.iter().rev().fold(zero, |sum, &item| {
            let shifted = self.mul(sum, base);
            self.add(shifted, item)
        })
    }

    /// `x (x - 1) … (x - count + 1)`: zero exactly if x is one of `0..count`.
    fn vanishing(&mut self, x: T, count: u64) -> T {
        (1..count).fold(x, |product, value| {
            let value = self.constant(value);
            let factor = self.sub(x, value);
            self.mul(product, factor)
        })
    }
}

/// Plain field elements.
pub(super) struct Elements;

impl<T: Field> Arithmetic<T> for Elements {
    fn constant(&mut self, value: u64) -> T {
        T::from_canonical_u64(value)
    }

    fn add(&mut self, a: T, b: T) -> T {
        a + b
    }

    fn sub(&mut self, a: T, b: T) -> T {
        a - b
    }

    fn mul(&mut self, a: T, b: T) -> T {
        a * b
    }
}

/// Wires of a verifier's circuit.
pub(super) struct Targets<'a, F: RichField + Extendable<D>, const D: usize>(pub &'a mut CircuitBuilder<F, D>);

impl<F: RichField + Extendable<D>, const D: usize> Arithmetic<ExtensionTarget<D>> for Targets<'_, F, D> {
    fn constant(&mut self, value: u64) -> ExtensionTarget<D> {
        self.0.constant_extension(F::Extension::from_canonical_u64(value))
    }

    fn add(&mut self, a: ExtensionTarget<D>, b: ExtensionTarget<D>) -> ExtensionTarget<D> {
        self.0.add_extension(a, b)
    }

    fn sub(&mut self, a: ExtensionTarget<D>, b: ExtensionTarget<D>) -> ExtensionTarget<D> {
        self.0.sub_extension(a, b)
    }

    fn mul(&mut self, a: ExtensionTarget<D>, b: ExtensionTarget<D>) -> ExtensionTarget<D> {
        self.0.mul_extension(a, b)
    }
}

/// Implements plonky2's `Gate` for a stateless gate whose constraints are written once, in
/// `fn constraints<T, A: Arithmetic<T>>(arithmetic: &mut A, wires: &[T], emit: &mut dyn FnMut(T))`.
/// Its witness is set by the prover, so it has no generators.
macro_rules! impl_gate {
    ($gate:ident, wires: $wires:expr, constraints: $constraints:expr, degree: $degree:expr) => {
        impl<F: RichField + Extendable<D>, const D: usize> Gate<F, D> for $gate {
            fn id(&self) -> String {
                concat!("lazai::", stringify!($gate), "::v1").into()
            }

            fn serialize(&self, _: &mut Vec<u8>, _: &CommonCircuitData<F, D>) -> IoResult<()> {
                Ok(())
            }

            fn deserialize(_: &mut Buffer<'_>, _: &CommonCircuitData<F, D>) -> IoResult<Self> {
                Ok(Self)
            }

            fn eval_unfiltered(&self, vars: EvaluationVars<'_, F, D>) -> Vec<F::Extension> {
                let mut out = Vec::with_capacity($constraints);
                constraints(&mut Elements, vars.local_wires, &mut |c| out.push(c));
                out
            }

            fn eval_unfiltered_base_one(
                &self,
                vars: EvaluationVarsBase<'_, F>,
                mut out: StridedConstraintConsumer<'_, F>,
            ) {
                let mut wires = [F::ZERO; $wires];
                for (i, wire) in wires.iter_mut().enumerate() {
                    *wire = vars.local_wires[i];
                }
                constraints(&mut Elements, &wires, &mut |c| out.one(c));
            }

            fn eval_unfiltered_circuit(
                &self,
                builder: &mut CircuitBuilder<F, D>,
                vars: EvaluationTargets<'_, D>,
            ) -> Vec<ExtensionTarget<D>> {
                let mut out = Vec::with_capacity($constraints);
                constraints(&mut Targets(builder), vars.local_wires, &mut |c| out.push(c));
                out
            }

            fn generators(&self, _: usize, _: &[F]) -> Vec<WitnessGeneratorRef<F, D>> {
                Vec::new()
            }

            fn num_wires(&self) -> usize {
                $wires
            }

            fn num_constants(&self) -> usize {
                0
            }

            fn degree(&self) -> usize {
                $degree
            }

            fn num_constraints(&self) -> usize {
                $constraints
            }
        }
    };
}
pub(super) use impl_gate;

/// What [`impl_gate`] needs in scope.
pub(super) mod prelude {
    pub(in crate::plonky2) use super::{Arithmetic, Elements, Targets, impl_gate};
    pub(in crate::plonky2) use plonky2::field::extension::Extendable;
    pub(in crate::plonky2) use plonky2::gates::gate::Gate;
    pub(in crate::plonky2) use plonky2::gates::util::StridedConstraintConsumer;
    pub(in crate::plonky2) use plonky2::hash::hash_types::RichField;
    pub(in crate::plonky2) use plonky2::iop::ext_target::ExtensionTarget;
    pub(in crate::plonky2) use plonky2::iop::generator::WitnessGeneratorRef;
    pub(in crate::plonky2) use plonky2::plonk::circuit_builder::CircuitBuilder;
    pub(in crate::plonky2) use plonky2::plonk::circuit_data::CommonCircuitData;
    pub(in crate::plonky2) use plonky2::plonk::vars::{EvaluationTargets, EvaluationVars, EvaluationVarsBase};
    pub(in crate::plonky2) use plonky2::util::serialization::{Buffer, IoResult};
}
