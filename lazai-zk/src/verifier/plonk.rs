//! The identity that the opened values satisfy: gates, copies and quotient, at one random point.
//!
//! A. Gabizon, Z. J. Williamson, O. Ciobotaru, "PLONK", ePrint 2019/953; with plonky2's custom gates and partial
//! products ("Plonky2: Fast Recursive Arguments with PLONK and FRI", Polygon Zero, 2022).

use super::body::Openings;
use super::gates::Row;
use super::shape::{CHALLENGES, DEGREE_LOG, GATE_CONSTRAINTS, GATES, GROUPS, MAX_DEGREE, PARTIAL_PRODUCTS, ROUTED};
use crate::field::{self, COSET_SHIFT, Ext};
use crate::poseidon::HashOut;

/// A selector that no gate of its group has.
const UNUSED: u64 = 0xffff_ffff;

/// Challenges of the identity.
pub(super) struct Challenges {
    pub(super) betas: [u64; CHALLENGES],
    pub(super) gammas: [u64; CHALLENGES],
    pub(super) alphas: [u64; CHALLENGES],
    pub(super) zeta: Ext,
}

/// The two sides of the identity at one challenge.
pub(super) struct Sides {
    pub(super) constraints: Ext,
    pub(super) vanishing: Ext,
    pub(super) quotient: Ext,
}

/// Tells whether the openings satisfy the identity.
pub(super) fn holds(o: &Openings, challenges: &Challenges, public_inputs: HashOut) -> bool {
    let sides = sides(o, challenges, public_inputs);
    sides.is_some_and(|sides| sides.iter().all(|side| side.constraints == side.vanishing * side.quotient))
}

/// The sides for each challenge; `None` where the point is in the domain.
pub(super) fn sides(o: &Openings, challenges: &Challenges, public_inputs: HashOut) -> Option<Vec<Sides>> {
    let zeta = challenges.zeta;
    let power = zeta.pow_two_to(DEGREE_LOG);
    let vanishing = power - Ext::ONE;
    // The Lagrange polynomial of the first row: (x^n - 1) / (n (x - 1)).
    let inverse = (zeta - Ext::ONE).scale(1 << DEGREE_LOG).inverse()?;
    let first = vanishing * inverse;

    let mut terms: Vec<Ext> = o.zs.iter().map(|&z| first * (z - Ext::ONE)).collect();
    for i in 0..CHALLENGES {
        terms.extend(copies(o, challenges, i));
    }
    terms.extend(gates(o, public_inputs));
    let side = |(&alpha, quotient): (&u64, &[Ext])| Sides {
        constraints: Ext::base(alpha).reduce(&terms),
        vanishing,
        quotient: power.reduce(quotient),
    };
    Some(challenges.alphas.iter().zip(o.quotient.chunks(MAX_DEGREE)).map(side).collect())
}

/// The permutation argument: accumulators step by products of eight.
fn copies(o: &Openings, challenges: &Challenges, i: usize) -> Vec<Ext> {
    let (beta, gamma) = (challenges.betas[i], Ext::base(challenges.gammas[i]));
    let mut shift = 1;
    let (mut numerators, mut denominators) = (Vec::with_capacity(ROUTED), Vec::with_capacity(ROUTED));
    for (&wire, &sigma) in o.wires[..ROUTED].iter().zip(&o.sigmas) {
        numerators.push(wire + challenges.zeta.scale(field::mul(shift, beta)) + gamma);
        denominators.push(wire + sigma.scale(beta) + gamma);
        shift = field::mul(shift, COSET_SHIFT);
    }
    let partial = &o.partial_products[i * PARTIAL_PRODUCTS..][..PARTIAL_PRODUCTS];
    let before = std::iter::once(&o.zs[i]).chain(partial);
    let after = partial.iter().chain(std::iter::once(&o.zs_next[i]));
    let product = |factors: &[Ext]| factors.iter().fold(Ext::ONE, |product, &factor| product * factor);
    let sides = numerators.chunks(MAX_DEGREE).zip(denominators.chunks(MAX_DEGREE));
    let steps = before.zip(after).zip(sides);
    steps.map(|((&before, &after), (up, down))| before * product(up) - after * product(down)).collect()
}

/// Every gate's constraints, each filtered by its selector, summed.
fn gates(o: &Openings, public_inputs: HashOut) -> Vec<Ext> {
    let mut sums = vec![Ext::ZERO; GATE_CONSTRAINTS];
    let row = Row { constants: &o.constants[GROUPS.len()..], wires: &o.wires, public_inputs };
    for (&selector, group) in o.constants.iter().zip(GROUPS) {
        for gate in group.clone() {
            let others = group.clone().filter(|&other| other != gate).map(|other| other as u64);
            let filter =
                others.chain([UNUSED]).fold(Ext::ONE, |product, other| product * (Ext::base(other) - selector));
            GATES[gate].add_to(&mut sums, filter, &row);
        }
    }
    sums
}
