//! The rules of a chunk that is the whole dataset, as an AIR: they are read three ways, over numbers side by side, over values at a
//! point, and as expressions.

use p3_air::{Air, AirBuilder, BaseAir, DebugConstraintBuilder, SymbolicExpression, WindowAccess};
use p3_batch_stark::folder::{ProverConstraintFolderWithLookups, VerifierConstraintFolderWithLookups};
use p3_field::{PackedValue, PrimeCharacteristicRing, PrimeField64};
use p3_goldilocks::Goldilocks;
use p3_lookup::{Count, InteractionBuilder, InteractionSymbolicBuilder};

use super::config::{Challenge, Config};
use crate::chunk::{Cell, Constraints, whole_rules};
use crate::poseidon::{CIRCULANT, FIRST_DIAGONAL, WIDTH, linear_layer};
use crate::statement::CONTEXT_WORDS;
use crate::whole::{BUSES, Count as How, Layout, Message, PUBLIC_VALUES, Value};

impl Cell for Goldilocks {
    fn of(word: u64) -> Self {
        Self::new(word)
    }

    fn word(self) -> u64 {
        self.as_canonical_u64()
    }
}

/// The AIR of a layout.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunk(pub(super) Layout);

impl Chunk {
    fn rules<AB: AirBuilder>(&self, builder: &mut AB, layer: fn([AB::Expr; WIDTH]) -> [AB::Expr; WIDTH])
    where
        AB::Expr: Copy,
    {
        let main = builder.main();
        let zero = AB::Expr::ZERO;
        let now = self.0.whole(main.current_slice(), &zero);
        let next = self.0.whole(main.next_slice(), &zero);
        let public: Vec<AB::Expr> = builder.public_values()[CONTEXT_WORDS..].iter().map(|&p| p.into()).collect();
        let [first, last, transition] = [builder.is_first_row(), builder.is_last_row(), builder.is_transition()];
        let mut rules = Direct { builder, layer, first, last, transition };
        whole_rules(
            &mut rules,
            &self.0.c,
            &now,
            &next,
            std::array::from_fn(|i| public[i]),
            std::array::from_fn(|i| public[4 + i]),
        );
    }

    /// What goes over buses.
    fn buses<AB: InteractionBuilder<F = Goldilocks>>(&self, builder: &mut AB) {
        let now = self.0.whole::<AB::Expr>(builder.main().current_slice(), &AB::Expr::ZERO);
        for Message { bus, value, count } in self.0.messages() {
            let value = match value {
                Value::Column(column) => now[column].clone(),
                Value::Row { factor, offset } => {
                    now[self.0.c.row].clone() * AB::Expr::from_u64(factor) + AB::Expr::from_u64(offset)
                }
            };
            let count = match count {
                How::One => Count::from(1),
                How::Flag(column) => Count::bounded(now[column].clone(), 1),
                How::Taken(column) => Count::bounded(-now[column].clone(), 1),
                How::Provided(column) => Count::provided(-now[column].clone()),
            };
            builder.push_interaction(BUSES[bus], [value], count);
        }
    }
}

/// Rules over values that can be copied.
struct Direct<'a, AB: AirBuilder> {
    builder: &'a mut AB,
    layer: fn([AB::Expr; WIDTH]) -> [AB::Expr; WIDTH],
    first: AB::Expr,
    last: AB::Expr,
    transition: AB::Expr,
}

impl<AB: AirBuilder> Constraints<AB::Expr> for Direct<'_, AB>
where
    AB::Expr: Copy,
{
    fn constant(&mut self, value: u64) -> AB::Expr {
        AB::Expr::from_u64(value)
    }

    fn add(&mut self, a: AB::Expr, b: AB::Expr) -> AB::Expr {
        a + b
    }

    fn sub(&mut self, a: AB::Expr, b: AB::Expr) -> AB::Expr {
        a - b
    }

    fn mul(&mut self, a: AB::Expr, b: AB::Expr) -> AB::Expr {
        a * b
    }

    fn add_scaled(&mut self, a: AB::Expr, factor: u64, b: AB::Expr) -> AB::Expr {
        a + b * AB::Expr::from_u64(factor)
    }

    fn mds(&mut self, lanes: [AB::Expr; WIDTH]) -> [AB::Expr; WIDTH] {
        (self.layer)(lanes)
    }

    fn always(&mut self, value: AB::Expr) {
        self.builder.assert_zero(value);
    }

    fn transition(&mut self, value: AB::Expr) {
        self.builder.assert_zero(self.transition * value);
    }

    fn at_first(&mut self, value: AB::Expr) {
        self.builder.assert_zero(self.first * value);
    }

    fn at_last(&mut self, value: AB::Expr) {
        self.builder.assert_zero(self.last * value);
    }
}

/// Rules as expressions, which are named by their numbers.
struct Symbolic<'a, AB: AirBuilder> {
    builder: &'a mut AB,
    nodes: Vec<AB::Expr>,
}

impl<AB: AirBuilder> Symbolic<'_, AB> {
    fn node(&mut self, node: AB::Expr) -> u32 {
        self.nodes.push(node);
        self.nodes.len() as u32 - 1
    }

    fn at(&self, node: u32) -> AB::Expr {
        self.nodes[node as usize].clone()
    }
}

impl<AB: AirBuilder> Constraints<u32> for Symbolic<'_, AB> {
    fn constant(&mut self, value: u64) -> u32 {
        self.node(AB::Expr::from_u64(value))
    }

    fn add(&mut self, a: u32, b: u32) -> u32 {
        self.node(self.at(a) + self.at(b))
    }

    fn sub(&mut self, a: u32, b: u32) -> u32 {
        self.node(self.at(a) - self.at(b))
    }

    fn mul(&mut self, a: u32, b: u32) -> u32 {
        self.node(self.at(a) * self.at(b))
    }

    fn add_scaled(&mut self, a: u32, factor: u64, b: u32) -> u32 {
        self.node(self.at(a) + self.at(b) * AB::Expr::from_u64(factor))
    }

    fn mds(&mut self, lanes: [u32; WIDTH]) -> [u32; WIDTH] {
        plain_layer(lanes.map(|lane| self.at(lane))).map(|lane| self.node(lane))
    }

    fn always(&mut self, value: u32) {
        let value = self.at(value);
        self.builder.assert_zero(value);
    }

    fn transition(&mut self, value: u32) {
        let value = self.builder.is_transition() * self.at(value);
        self.builder.assert_zero(value);
    }

    fn at_first(&mut self, value: u32) {
        let value = self.builder.is_first_row() * self.at(value);
        self.builder.assert_zero(value);
    }

    fn at_last(&mut self, value: u32) {
        let value = self.builder.is_last_row() * self.at(value);
        self.builder.assert_zero(value);
    }
}

/// The linear layer of Poseidon, of anything.
fn plain_layer<E: PrimeCharacteristicRing>(lanes: [E; WIDTH]) -> [E; WIDTH] {
    let factors = CIRCULANT.map(E::from_u64);
    std::array::from_fn(|row| {
        let first = if row == 0 { lanes[0].clone() * E::from_u64(FIRST_DIAGONAL) } else { E::ZERO };
        factors
            .iter()
            .enumerate()
            .fold(first, |sum, (i, factor)| sum + lanes[(i + row) % WIDTH].clone() * factor.clone())
    })
}

/// The same, of numbers side by side.
fn packed_layer<P: PackedValue<Value = Goldilocks>>(mut lanes: [P; WIDTH]) -> [P; WIDTH] {
    for i in 0..P::WIDTH {
        let words = lanes.map(|lane| lane.as_slice()[i].word());
        for (lane, word) in lanes.iter_mut().zip(linear_layer(&words)) {
            lane.as_slice_mut()[i] = Goldilocks::new(word);
        }
    }
    lanes
}

impl BaseAir<Goldilocks> for Chunk {
    fn width(&self) -> usize {
        self.0.width()
    }

    fn num_public_values(&self) -> usize {
        PUBLIC_VALUES
    }
}

impl Air<InteractionSymbolicBuilder<Goldilocks, Challenge>> for Chunk {
    fn eval(&self, builder: &mut InteractionSymbolicBuilder<Goldilocks, Challenge>) {
        let main = builder.main();
        let zero = SymbolicExpression::<Goldilocks>::ZERO;
        let mut nodes = self.0.whole(main.current_slice(), &zero);
        nodes.extend(self.0.whole(main.next_slice(), &zero));
        let width = self.0.c.total as u32;
        nodes.extend(builder.public_values()[CONTEXT_WORDS..].iter().map(|&p| p.into()));
        let rows: Vec<u32> = (0..2 * width).collect();
        let (now, next) = rows.split_at(self.0.c.total);
        let public = |i: usize| 2 * width + i as u32;
        let mut rules = Symbolic { builder: &mut *builder, nodes };
        whole_rules(
            &mut rules,
            &self.0.c,
            now,
            next,
            std::array::from_fn(public),
            std::array::from_fn(|i| public(4 + i)),
        );
        self.buses(builder);
    }
}

impl<'a> Air<ProverConstraintFolderWithLookups<'a, Config>> for Chunk {
    fn eval(&self, builder: &mut ProverConstraintFolderWithLookups<'a, Config>) {
        self.rules(builder, packed_layer);
    }
}

impl<'a> Air<VerifierConstraintFolderWithLookups<'a, Config>> for Chunk {
    fn eval(&self, builder: &mut VerifierConstraintFolderWithLookups<'a, Config>) {
        self.rules(builder, plain_layer);
    }
}

impl<'a> Air<DebugConstraintBuilder<'a, Goldilocks, Challenge>> for Chunk {
    fn eval(&self, builder: &mut DebugConstraintBuilder<'a, Goldilocks, Challenge>) {
        self.rules(builder, plain_layer);
    }
}
