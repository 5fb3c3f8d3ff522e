//! One definition of rules for every way of reading them: over values, as expressions, inside a circuit.

use crate::poseidon::WIDTH;

/// Addition and multiplication of values of a type `T`, and constraints that a value is zero.
pub(crate) trait Constraints<T: Copy> {
    fn constant(&mut self, value: u64) -> T;
    fn add(&mut self, a: T, b: T) -> T;
    fn sub(&mut self, a: T, b: T) -> T;
    fn mul(&mut self, a: T, b: T) -> T;
    /// `a + factor * b`.
    fn add_scaled(&mut self, a: T, factor: u64, b: T) -> T;
    /// The linear layer of Poseidon.
    fn mds(&mut self, state: [T; WIDTH]) -> [T; WIDTH];

    /// Is zero on every row.
    fn always(&mut self, value: T);
    /// Is zero on every row but the last.
    fn transition(&mut self, value: T);
    /// Is zero on the first row.
    fn at_first(&mut self, value: T);
    /// Is zero on the last row.
    fn at_last(&mut self, value: T);

    /// `sum(items[i] * base^i)`.
    fn weighted_sum(&mut self, items: &[T], base: u64) -> T {
        let zero = self.constant(0);
        items.iter().rev().fold(zero, |sum, &item| self.add_scaled(item, base, sum))
    }

    fn sum(&mut self, items: &[T]) -> T {
        let zero = self.constant(0);
        items.iter().fold(zero, |sum, &item| self.add(sum, item))
    }

    /// `1 - x`.
    fn not(&mut self, x: T) -> T {
        let one = self.constant(1);
        self.sub(one, x)
    }

    /// Is zero on every row where `flag` is not.
    fn when(&mut self, flag: T, value: T) {
        let product = self.mul(flag, value);
        self.always(product);
    }

    /// Is zero on every row but the last where `flag` is not.
    fn transition_when(&mut self, flag: T, value: T) {
        let product = self.mul(flag, value);
        self.transition(product);
    }

    /// Is 0 or 1.
    fn boolean(&mut self, x: T) {
        let other = self.not(x);
        self.when(x, other);
    }
}
