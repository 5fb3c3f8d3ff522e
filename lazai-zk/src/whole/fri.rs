//! FRI: that the opened values are those of low-degree polynomials under the committed roots, as Plonky3 0.8 batches and folds.

use super::body::{Body, Opening, Sizes};
use super::merkle;
use super::transcript::Transcript;
use super::{BATCH_WORK, FINAL_LOG, QUERIES, RATE_LOG, SHIFT, WORK, root_of_unity};
use crate::field::{self, Ext};

/// Why FRI rejects.
type Rejection = &'static str;

/// Checks the openings at the points, which each tree has one or both of.
pub(super) fn check(body: &Body, sizes: &Sizes, points: [Ext; 2], mut transcript: Transcript) -> Result<(), Rejection> {
    super::begin_openings(&mut transcript, sizes);
    for values in body.opened.iter().flatten().flatten() {
        transcript.observe_extensions(values);
    }
    if !transcript.worked(BATCH_WORK, body.batch_work) {
        return Err("proof of work before openings");
    }
    let alpha = transcript.extension();
    super::begin_folding(&mut transcript, sizes);
    let mut betas = Vec::with_capacity(body.fold_roots.len());
    for root in &body.fold_roots {
        transcript.observe_bytes(root);
        betas.push(transcript.extension());
    }
    transcript.observe_extensions(&body.last);
    if !transcript.worked(WORK, body.work) {
        return Err("proof of work");
    }
    let places: Vec<usize> = (0..QUERIES).map(|_| transcript.bits(sizes.domain_log)).collect();

    let roots = [&body.mask, &body.trace, &body.quotient, &body.fractions];
    for (opening, root) in body.trees.iter().zip(roots) {
        let leaves = leaves(opening, &places, |values, flat| flat.extend(values));
        if !merkle::holds(root, sizes.domain_log, &leaves, &opening.nodes) {
            return Err("Merkle paths");
        }
    }

    // All values are combined at alpha: `sum((f(z) - f(x)) / (z - x) * alpha^i)`.
    let opened: Vec<Ext> = {
        let mut power = Ext::ONE;
        let sum = |values: &Vec<Ext>| {
            let sum = power * alpha.reduce(values);
            power = values.iter().fold(power, |power, _| power * alpha);
            sum
        };
        body.opened.iter().flatten().flatten().map(sum).collect()
    };
    let root = root_of_unity(sizes.domain_log);
    let mut folded = Vec::with_capacity(QUERIES);
    for (query, &place) in places.iter().enumerate() {
        let x = field::mul(SHIFT, field::pow(root, reverse(place, sizes.domain_log) as u64));
        let distance = |point: Ext| (point - Ext::base(x)).inverse().ok_or("challenge point inside the domain");
        let distances = [distance(points[0])?, distance(points[1])?];
        let (mut sum, mut power) = (Ext::ZERO, Ext::ONE);
        let mut at = opened.iter();
        for ((_, count), opening) in sizes.trees().iter().zip(&body.trees) {
            for values in &opening.values[query] {
                let (reduced, after) = reduce_base(alpha, values);
                for (distance, &opened) in distances[..*count].iter().zip(&mut at) {
                    sum = sum + (opened - power * reduced) * *distance;
                    power = power * after;
                }
            }
        }
        folded.push(sum);
    }
    folds(body, sizes, &betas, places, folded)
}

/// Folds every query's value to the last polynomial's.
fn folds(
    body: &Body,
    sizes: &Sizes,
    betas: &[Ext],
    mut places: Vec<usize>,
    mut folded: Vec<Ext>,
) -> Result<(), Rejection> {
    let mut log = sizes.domain_log;
    for (((&fold, &beta), root), opening) in sizes.folds.iter().zip(betas).zip(&body.fold_roots).zip(&body.folds) {
        log -= fold;
        let mut rows = Vec::with_capacity(QUERIES);
        for ((place, value), siblings) in places.iter_mut().zip(&mut folded).zip(&opening.values) {
            let mut row = siblings.concat();
            row.insert(*place % (1 << fold), *value);
            *place >>= fold;
            *value = interpolate(*place, log, fold, &row, beta).ok_or("folding")?;
            rows.push(vec![row]);
        }
        let salts = opening.salts.clone();
        let whole = Opening { values: rows, salts, nodes: Vec::new() };
        let leaves = leaves(&whole, &places, |values, flat| flat.extend(values.iter().flat_map(|v| [v.0, v.1])));
        if !merkle::holds(root, log, &leaves, &opening.nodes) {
            return Err("Merkle paths of a fold");
        }
    }
    debug_assert_eq!(log, RATE_LOG + FINAL_LOG);
    let root = root_of_unity(sizes.domain_log);
    for (place, value) in places.into_iter().zip(folded) {
        let x = field::pow(root, reverse(place, sizes.domain_log) as u64);
        if Ext::base(x).reduce(&body.last) != value {
            return Err("final polynomial");
        }
    }
    Ok(())
}

/// The leaves of a tree at queries' places: each matrix' row and salt after those of the one before.
fn leaves<T>(
    opening: &Opening<T>,
    places: &[usize],
    flatten: impl Fn(&[T], &mut Vec<u64>),
) -> Vec<(usize, super::body::Node)> {
    let rows = opening.values.iter().zip(&opening.salts).zip(places);
    let leaf = rows.map(|((values, salts), &place)| {
        let mut flat = Vec::new();
        for (values, salt) in values.iter().zip(salts) {
            flatten(values, &mut flat);
            flat.extend(salt);
        }
        (place, merkle::leaf(flat.iter()))
    });
    leaf.collect()
}

/// The polynomial through a row's values, at `beta`: they stand at a coset, in the order of reversed bits.
fn interpolate(place: usize, log: usize, fold: usize, row: &[Ext], beta: Ext) -> Option<Ext> {
    let start = field::pow(root_of_unity(log + fold), reverse(place, log) as u64);
    let root = root_of_unity(fold);
    // Lagrange's formula, scaled to the unit coset; its weights are g^i / size.
    let at = beta.scale(field::inverse(start)?);
    let size = field::inverse(1 << fold)?;
    let (mut value, mut product, mut power) = (Ext::ZERO, Ext::ONE, 1);
    for i in 0..1 << fold {
        let term = at - Ext::base(power);
        value = value * term + row[reverse(i, fold)].scale(field::mul(power, size)) * product;
        product = product * term;
        power = field::mul(power, root);
    }
    Some(value)
}

/// `sum(values[i] * alpha^i)`, and the power after.
fn reduce_base(alpha: Ext, values: &[u64]) -> (Ext, Ext) {
    values.iter().rev().fold((Ext::ZERO, Ext::ONE), |(sum, power), &value| {
        let product = sum * alpha;
        (Ext(field::add(product.0, value), product.1), power * alpha)
    })
}

fn reverse(place: usize, bits: usize) -> usize {
    if bits == 0 { 0 } else { place.reverse_bits() >> (usize::BITS as usize - bits) }
}
