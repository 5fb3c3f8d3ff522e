//! FRI: that the opened values are those of low-degree polynomials under the committed roots.
//!
//! E. Ben-Sasson, I. Bentov, Y. Horesh, M. Riabzev, "Fast Reed-Solomon Interactive Oracle Proofs of Proximity",
//! ICALP 2018; batched and with grinding as plonky2 does.

use super::body::{Body, Cap, LEAVES, Leaf, Query};
use super::shape::{ARITY, ARITY_LOG, CHALLENGES, DEGREE_LOG, DOMAIN_LOG, POW_BITS, QUERIES, SALT};
use super::transcript::Transcript;
use crate::field::{self, COSET_SHIFT, Ext, root_of_unity};
use crate::poseidon::{HashOut, sponge, two_to_one};

/// Why FRI rejects.
type Rejection = &'static str;

/// Checks the openings at `point` and one step further.
pub(super) fn check(body: &Body, constants_cap: &Cap, point: Ext, mut transcript: Transcript) -> Result<(), Rejection> {
    let o = &body.openings;
    let here: Vec<Ext> = [&o.constants, &o.sigmas, &o.wires, &o.zs, &o.partial_products, &o.quotient]
        .into_iter()
        .flatten()
        .copied()
        .collect();
    transcript.observe_extensions(&here);
    transcript.observe_extensions(&o.zs_next);
    let alpha = transcript.extension_challenge();
    let mut betas = Vec::with_capacity(body.step_caps.len());
    for cap in &body.step_caps {
        transcript.observe_hashes(cap);
        betas.push(transcript.extension_challenge());
    }
    transcript.observe_extensions(&body.final_poly);
    transcript.observe(body.pow_witness);
    if transcript.challenge().leading_zeros() < POW_BITS {
        return Err("proof of work");
    }
    let places: Vec<usize> =
        (0..QUERIES).map(|_| (transcript.challenge() as usize) & ((1 << DOMAIN_LOG) - 1)).collect();

    let points = [point, point.scale(root_of_unity(DEGREE_LOG))];
    let opened = [alpha.reduce(&here), alpha.reduce(&o.zs_next)];
    let caps = [constants_cap, &body.wires_cap, &body.zs_cap, &body.quotient_cap];
    let folding = Folding::new();
    for (place, query) in places.into_iter().zip(&body.queries) {
        let x = field::mul(COSET_SHIFT, field::pow(root_of_unity(DOMAIN_LOG), reverse(place, DOMAIN_LOG) as u64));
        let first = Initial { query, caps, points, opened, alpha }.value(place, x)?;
        folding.check(body, query, (place, x), first, &betas)?;
    }
    Ok(())
}

/// The values that a query opens in the committed trees.
struct Initial<'a> {
    query: &'a Query,
    caps: [&'a Cap; 4],
    points: [Ext; 2],
    opened: [Ext; 2],
    alpha: Ext,
}

impl Initial<'_> {
    /// The combined quotient at `x`, the element of the domain at `place`.
    fn value(&self, place: usize, x: u64) -> Result<Ext, Rejection> {
        for (leaf, cap) in self.query.trees.iter().zip(self.caps) {
            check_path(&hash_leaf(&leaf.values), place, cap, &leaf.path)?;
        }
        // Salts stand at the end of the blinded leaves.
        let unsalted = |(leaf, count): (&Leaf, usize)| leaf.values[..count].to_vec();
        let counts = [LEAVES[0], LEAVES[1] - SALT, LEAVES[2] - SALT, LEAVES[3] - SALT];
        let all: Vec<u64> = self.query.trees.iter().zip(counts).flat_map(unsalted).collect();
        let zs = &self.query.trees[2].values[..CHALLENGES];
        let quotient = |values: &[u64], i: usize| -> Result<Ext, Rejection> {
            let distance = (Ext::base(x) - self.points[i]).inverse().ok_or("challenge point inside the domain")?;
            Ok((reduce_base(self.alpha, values) - self.opened[i]) * distance)
        };
        // Powers of alpha go on from one point to the next.
        let shift = zs.iter().fold(Ext::ONE, |power, _| power * self.alpha);
        Ok(quotient(&all, 0)? * shift + quotient(zs, 1)?)
    }
}

/// The constants of folding, the same for every query.
struct Folding {
    root: u64,
    /// `1 / prod_{j != i} (g^i - g^j)` over the roots of unity of the folding's order: `g^i / ARITY`.
    weights: [u64; ARITY],
    powers: [u64; ARITY],
}

impl Folding {
    fn new() -> Self {
        let root = root_of_unity(ARITY_LOG);
        let mut powers = [1; ARITY];
        for i in 1..ARITY {
            powers[i] = field::mul(powers[i - 1], root);
        }
        let inverse = field::inverse(ARITY as u64).unwrap_or_default();
        Self { root, weights: powers.map(|p| field::mul(p, inverse)), powers }
    }

    fn check(
        &self,
        body: &Body,
        query: &Query,
        (mut place, mut x): (usize, u64),
        first: Ext,
        betas: &[Ext],
    ) -> Result<(), Rejection> {
        let mut expected = first;
        for ((step, cap), &beta) in query.steps.iter().zip(&body.step_caps).zip(betas) {
            let within = place & (ARITY - 1);
            place >>= ARITY_LOG;
            if step.values[within] != expected {
                return Err("folding");
            }
            expected = self.fold(x, within, &step.values, beta);
            let flat: Vec<u64> = step.values.iter().flat_map(|v| [v.0, v.1]).collect();
            check_path(&hash_leaf(&flat), place, cap, &step.path)?;
            x = (0..ARITY_LOG).fold(x, |x, _| field::mul(x, x));
        }
        if Ext::base(x).reduce(&body.final_poly) == expected { Ok(()) } else { Err("final polynomial") }
    }

    /// The polynomial through the values of a coset, at `beta`.
    fn fold(&self, x: u64, within: usize, values: &[Ext], beta: Ext) -> Ext {
        let start = field::mul(x, field::pow(self.root, (ARITY - reverse(within, ARITY_LOG)) as u64));
        // At start * g^i stands values[reverse(i)]; Lagrange's formula, scaled to the unit coset.
        let Some(scale) = field::inverse(start) else { return Ext::ZERO };
        let at = beta.scale(scale);
        let (mut value, mut product) = (Ext::ZERO, Ext::ONE);
        for i in 0..ARITY {
            let term = at - Ext::base(self.powers[i]);
            value = value * term + values[reverse(i, ARITY_LOG)].scale(self.weights[i]) * product;
            product = product * term;
        }
        value
    }
}

/// `sum(values[i] * alpha^i)` of base elements.
fn reduce_base(alpha: Ext, values: &[u64]) -> Ext {
    values.iter().rev().fold(Ext::ZERO, |sum, &value| {
        let product = sum * alpha;
        Ext(field::add(product.0, value), product.1)
    })
}

fn reverse(place: usize, bits: u32) -> usize {
    place.reverse_bits() >> (usize::BITS - bits)
}

/// The hash of a leaf: a sponge without padding (lengths are fixed), or up to four elements as they are.
fn hash_leaf(values: &[u64]) -> HashOut {
    if values.len() <= 4 {
        return HashOut(std::array::from_fn(|i| values.get(i).copied().unwrap_or_default()));
    }
    sponge(values)
}

fn check_path(leaf: &HashOut, place: usize, cap: &Cap, path: &[HashOut]) -> Result<(), Rejection> {
    let mut place = place;
    let mut node = *leaf;
    for &sibling in path {
        node = if place & 1 == 1 { two_to_one(sibling, node) } else { two_to_one(node, sibling) };
        place >>= 1;
    }
    if cap.get(place) == Some(&node) { Ok(()) } else { Err("Merkle path") }
}
