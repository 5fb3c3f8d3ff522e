//! The trace and its rules as a STARK of `starky`.

use plonky2::field::extension::{Extendable, FieldExtension};
use plonky2::field::packed::PackedField;
use plonky2::field::types::Field;
use plonky2::fri::FriConfig;
use plonky2::fri::reduction_strategies::FriReductionStrategy;
use plonky2::iop::ext_target::ExtensionTarget;
use plonky2::plonk::circuit_builder::CircuitBuilder;
use starky::config::StarkConfig;
use starky::constraint_consumer::{ConstraintConsumer, RecursiveConstraintConsumer};
use starky::evaluation_frame::{StarkEvaluationFrame, StarkFrame};
use starky::lookup::{Column, Filter, Lookup};
use starky::stark::Stark;

use crate::chunk::rules;
use crate::chunk::{Columns, LIMBS, Shape, public};
use crate::plonky2::arithmetic::Targets;
use crate::plonky2::{D, F};

/// The STARK of chunks of one shape: a place among [`Shape::ALL`].
#[derive(Debug, Clone, Copy)]
pub(in crate::plonky2) struct ChunkStark<const SHAPE: usize>;

/// Independent challenges of lookups and constraints. With two, lookups of a large chunk would be the weakest part of all.
const CHALLENGES: usize = 3;

/// Rate 1/2, 84 queries, 16 bits of grinding. (starky asks for the bits that it counts itself: those of the rate.)
pub(in crate::plonky2) fn stark_config() -> StarkConfig {
    StarkConfig::new(
        100,
        CHALLENGES,
        FriConfig {
            rate_bits: 1,
            cap_height: 4,
            proof_of_work_bits: 16,
            reduction_strategy: FriReductionStrategy::ConstantArityBits(4, 5),
            num_query_rounds: 84,
        },
    )
}

/// A table wider than one column: entries beyond the first column's are looked up a negative number of times.
fn lookup(looking: std::ops::Range<usize>, table: Vec<Column<F>>, uses: usize) -> Lookup<F> {
    let mut columns: Vec<_> = looking.map(Column::single).collect();
    let mut filters = vec![Filter::new_simple(Column::constant(F::ONE)); columns.len()];
    let mut table = table.into_iter();
    let table_column = table.next().unwrap_or_else(Column::zero);
    for (i, column) in table.enumerate() {
        columns.push(column);
        filters.push(Filter::new_simple(Column::linear_combination([(uses + 1 + i, F::NEG_ONE)])));
    }
    Lookup { columns, table_column, frequencies_column: Column::single(uses), filter_columns: filters }
}

fn lookups(c: &Columns) -> Vec<Lookup<F>> {
    let vocabulary = (0..c.vocabulary_per_row).map(|i| Column::single(c.vocabulary + i)).collect();
    let range = (0..c.range_per_row).map(|i| {
        let scaled = [(c.row, F::from_canonical_usize(c.range_per_row))];
        Column::linear_combination_with_constant(scaled, F::from_canonical_usize(i))
    });
    vec![
        lookup(c.token..c.limb, vocabulary, c.vocabulary_uses),
        lookup(c.limb..c.limb + LIMBS, range.collect(), c.range_uses),
    ]
}

/// Fractions of both sums in a row: those that are looked up, and the tables' own.
#[cfg(test)]
pub(in crate::plonky2) fn lookup_terms(shape: Shape) -> usize {
    lookups(&Columns::new(shape)).iter().map(|lookup| lookup.columns.len() + 1).sum()
}

/// Columns of the trace.
#[cfg(test)]
pub(in crate::plonky2) fn width(shape: Shape) -> usize {
    Columns::new(shape).total
}

macro_rules! impl_stark {
    ($shape:literal) => {
        impl Stark<F, D> for ChunkStark<$shape> {
            type EvaluationFrame<FE, P, const D2: usize>
                = StarkFrame<P, P::Scalar, { Columns::new(Shape::ALL[$shape]).total }, { public::LENGTH }>
            where
                FE: FieldExtension<D2, BaseField = F>,
                P: PackedField<Scalar = FE>;
            type EvaluationFrameTarget = StarkFrame<
                ExtensionTarget<D>,
                ExtensionTarget<D>,
                { Columns::new(Shape::ALL[$shape]).total },
                { public::LENGTH },
            >;

            fn eval_packed_generic<FE, P, const D2: usize>(
                &self,
                vars: &Self::EvaluationFrame<FE, P, D2>,
                consumer: &mut ConstraintConsumer<P>,
            ) where
                FE: FieldExtension<D2, BaseField = F>,
                P: PackedField<Scalar = FE>,
            {
                let c = const { Columns::new(Shape::ALL[$shape]) };
                let public: [P; public::LENGTH] = std::array::from_fn(|i| P::from(vars.get_public_inputs()[i]));
                rules(consumer, &c, vars.get_local_values(), vars.get_next_values(), &public);
            }

            fn eval_ext_circuit(
                &self,
                builder: &mut CircuitBuilder<F, D>,
                vars: &Self::EvaluationFrameTarget,
                consumer: &mut RecursiveConstraintConsumer<F, D>,
            ) {
                let c = const { Columns::new(Shape::ALL[$shape]) };
                let (now, next) = (vars.get_local_values(), vars.get_next_values());
                rules(&mut Targets { builder, consumer }, &c, now, next, vars.get_public_inputs());
            }

            fn constraint_degree(&self) -> usize {
                3
            }

            fn lookups(&self) -> Vec<Lookup<F>> {
                lookups(&const { Columns::new(Shape::ALL[$shape]) })
            }
        }
    };
}

impl_stark!(0);
impl_stark!(1);
impl_stark!(2);
impl_stark!(3);

const _: () = assert!(<F as Extendable<D>>::W.0 == 7);
