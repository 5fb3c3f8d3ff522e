//! The rules at the challenge point: columns' values there and one row further, combined at a challenge.

use super::layout::{Count, Layout, Message, Value};
use crate::chunk::{Constraints, whole_rules};
use crate::field::{self, Ext};
use crate::poseidon::{CIRCULANT, FIRST_DIAGONAL, WIDTH};

/// Polynomials of rows, at the point.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selectors {
    pub(super) first: Ext,
    pub(super) last: Ext,
    pub(super) transition: Ext,
}

/// The rules so far, as a polynomial at `alpha`.
struct Sum {
    alpha: Ext,
    sum: Ext,
    selectors: Selectors,
}

impl Constraints<Ext> for Sum {
    fn constant(&mut self, value: u64) -> Ext {
        Ext::base(value)
    }

    fn add(&mut self, a: Ext, b: Ext) -> Ext {
        a + b
    }

    fn sub(&mut self, a: Ext, b: Ext) -> Ext {
        a - b
    }

    fn mul(&mut self, a: Ext, b: Ext) -> Ext {
        a * b
    }

    fn add_scaled(&mut self, a: Ext, factor: u64, b: Ext) -> Ext {
        a + b.scale(factor)
    }

    fn mds(&mut self, lanes: [Ext; WIDTH]) -> [Ext; WIDTH] {
        std::array::from_fn(|row| {
            let first = if row == 0 { lanes[0].scale(FIRST_DIAGONAL) } else { Ext::ZERO };
            (0..WIDTH).fold(first, |sum, i| sum + lanes[(i + row) % WIDTH].scale(CIRCULANT[i]))
        })
    }

    fn always(&mut self, value: Ext) {
        self.sum = self.sum * self.alpha + value;
    }

    fn transition(&mut self, value: Ext) {
        self.always(self.selectors.transition * value);
    }

    fn at_first(&mut self, value: Ext) {
        self.always(self.selectors.first * value);
    }

    fn at_last(&mut self, value: Ext) {
        self.always(self.selectors.last * value);
    }
}

/// What rules are about.
pub(super) struct At<'a> {
    pub(super) layout: &'a Layout,
    /// Columns of the trace, here and one row further.
    pub(super) trace: [&'a [Ext]; 2],
    /// The sum of fractions and the fractions, in two columns each.
    pub(super) fractions: [&'a [Ext]; 2],
    /// The root, then vocabulary, longest record, licences.
    pub(super) public: &'a [u64],
    pub(super) selectors: Selectors,
}

impl At<'_> {
    /// The combined rules.
    pub(super) fn combined(&self, [bus, step]: [Ext; 2], alpha: Ext) -> Ext {
        let [now, next] = self.trace.map(|row| self.layout.whole(row, &Ext::ZERO));
        let mut sum = Sum { alpha, sum: Ext::ZERO, selectors: self.selectors };
        let public = |i: usize| Ext::base(self.public[i]);
        let numbers = std::array::from_fn(|i| public(4 + i));
        whole_rules(&mut sum, &self.layout.c, &now, &next, std::array::from_fn(public), numbers);

        let [fractions, fractions_next] = self.fractions.map(pairs);
        let buses: [Ext; 3] = std::array::from_fn(|i| bus + step.scale(i as u64 + 1));
        for (messages, &fraction) in self.layout.fractions().iter().zip(&fractions[1..]) {
            let (numerator, denominator) = self.added(messages, &buses, &now);
            sum.always(denominator * fraction - numerator);
        }
        let row = fractions[1..].iter().fold(Ext::ZERO, |sum, &fraction| sum + fraction);
        sum.at_first(fractions[0]);
        sum.transition(fractions_next[0] - fractions[0] - row);
        // In the end they come to nothing.
        sum.at_last(Ext::ZERO - fractions[0] - row);
        sum.sum
    }

    /// The sum of fractions, over their common denominator.
    fn added(&self, messages: &[Message], buses: &[Ext; 3], now: &[Ext]) -> (Ext, Ext) {
        let (mut numerator, mut denominator) = (Ext::ZERO, Ext::ONE);
        for message in messages {
            let value = match message.value {
                Value::Column(column) => now[column],
                Value::Row { factor, offset } => now[self.layout.c.row].scale(factor) + Ext::base(offset),
            };
            let count = match message.count {
                Count::One => Ext::ONE,
                Count::Flag(column) => now[column],
                Count::Taken(column) | Count::Provided(column) => Ext::ZERO - now[column],
            };
            let below = buses[message.bus] - value;
            numerator = numerator * below + count * denominator;
            denominator = denominator * below;
        }
        (numerator, denominator)
    }
}

/// Pairs of columns as columns of the extension.
pub(super) fn pairs(columns: &[Ext]) -> Vec<Ext> {
    let pair = |pair: &[Ext; 2]| pair[0] + pair[1] * Ext(0, 1);
    columns.as_chunks::<2>().0.iter().map(pair).collect()
}

/// The quotient at the point out of its parts: each is a polynomial that agrees with the quotient on a coset of its own.
pub(super) fn quotient(parts: &[&[Ext]], rows_log: usize, shifts: &[u64], point: Ext) -> Option<Ext> {
    let vanishing: Vec<Ext> = shifts
        .iter()
        .map(|&shift| Some(point.scale(field::inverse(shift)?).pow_two_to(rows_log as u32) - Ext::ONE))
        .collect::<Option<_>>()?;
    let mut sum = Ext::ZERO;
    for (i, part) in parts.iter().enumerate() {
        let mut factor = Ext::ONE;
        for (j, &shift) in shifts.iter().enumerate().filter(|(j, _)| *j != i) {
            let at = field::mul(shifts[i], field::inverse(shift)?);
            let at = field::sub(field::pow(at, 1 << rows_log), 1);
            factor = factor * vanishing[j].scale(field::inverse(at)?);
        }
        sum = sum + factor * pairs(part).first().copied()?;
    }
    Some(sum)
}
