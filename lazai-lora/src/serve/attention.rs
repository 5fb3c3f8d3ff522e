//! Attention over pages: a few queries that share a key head at a time, so that keys are read once for all.

use std::ops::Range;

use super::forward::Row;
use super::pages::PAGE;
use crate::kernels::{Heads, exp, max, sum};

/// Queries that are computed together.
pub(super) const TILE: usize = 4;
/// With fewer queries in a step, each is computed alone: there are threads enough for all.
const MANY: usize = 64;

/// Queries of one sequence that share a key head.
pub(super) struct Tile {
    pub(super) sequence: usize,
    pub(super) key_head: usize,
    /// Their rows and heads.
    pub(super) queries: Vec<(usize, usize)>,
}

/// Divides the queries of a step. Rows of a sequence stand together.
pub(super) fn tiles(rows: &[Row], heads: &Heads) -> Vec<Tile> {
    let most = if rows.len() * heads.query < MANY { 1 } else { TILE };
    let mut tiles = Vec::new();
    let mut first = 0;
    for same in rows.chunk_by(|one, other| one.sequence == other.sequence) {
        for key_head in 0..heads.key {
            let heads = key_head * heads.group()..(key_head + 1) * heads.group();
            let queries = (first..first + same.len()).flat_map(|row| heads.clone().map(move |head| (row, head)));
            let queries: Vec<_> = queries.collect();
            let sequence = same[0].sequence;
            tiles.extend(queries.chunks(most).map(|q| Tile { sequence, key_head, queries: q.to_vec() }));
        }
        first += same.len();
    }
    tiles
}

/// A query, and the tokens that it sees.
#[derive(Clone, Copy)]
pub(super) struct Query<'a> {
    pub(super) query: &'a [f32],
    /// The first that it sees.
    pub(super) first: usize,
    /// Tokens up to the last that it sees.
    pub(super) tokens: usize,
}

/// Weights of all tokens that each query sees, those of a query `stride` after the one before.
#[inline(always)]
pub(super) fn weigh<'p>(
    queries: &[Query<'_>],
    scale: f32,
    weights: &mut [f32],
    stride: usize,
    page: impl Fn(usize) -> (&'p [f32], &'p [f32]),
) {
    scores(queries, scale, weights, stride, page);
    for (i, query) in queries.iter().enumerate() {
        let weights = &mut weights[i * stride..][query.first..query.tokens];
        let greatest = max(weights);
        for weight in weights.iter_mut() {
            *weight = exp(*weight - greatest);
        }
        let all = 1.0 / sum(weights.len(), |i| weights[i]);
        weights.iter_mut().for_each(|weight| *weight *= all);
    }
}

/// A page's sums for one query.
#[inline(always)]
fn one(query: &[f32], keys: &[[f32; PAGE]]) -> [f32; PAGE] {
    let mut sums = [0.0_f32; PAGE];
    for (x, keys) in query.iter().zip(keys) {
        for (sum, key) in sums.iter_mut().zip(keys) {
            *sum += x * key;
        }
    }
    sums
}

/// The same for four queries: no sum waits for itself.
#[inline(always)]
fn four(queries: [&[f32]; TILE], keys: &[[f32; PAGE]]) -> [[f32; PAGE]; TILE] {
    let [mut a, mut b, mut c, mut d] = [[0.0_f32; PAGE]; TILE];
    let [first, second, third, fourth] = queries;
    for ((((w, x), y), z), keys) in first.iter().zip(second).zip(third).zip(fourth).zip(keys) {
        for i in 0..PAGE {
            a[i] += w * keys[i];
            b[i] += x * keys[i];
            c[i] += y * keys[i];
            d[i] += z * keys[i];
        }
    }
    [a, b, c, d]
}

#[inline(always)]
fn scores<'p>(
    queries: &[Query<'_>],
    scale: f32,
    out: &mut [f32],
    stride: usize,
    page: impl Fn(usize) -> (&'p [f32], &'p [f32]),
) {
    let first = queries.iter().map(|query| query.first).min().unwrap_or(0);
    let tokens = queries.iter().map(|query| query.tokens).max().unwrap_or(0);
    for i in first / PAGE..tokens.div_ceil(PAGE) {
        let (keys, _) = page(i);
        let (keys, _) = keys.as_chunks::<PAGE>();
        let mut put = |n: usize, sums: &[f32; PAGE]| {
            let seen = seen_of(i, queries[n].first, queries[n].tokens);
            for (out, sum) in out[n * stride + i * PAGE..][seen.clone()].iter_mut().zip(&sums[seen]) {
                *out = sum * scale;
            }
        };
        if let [a, b, c, d] = queries {
            let sums = four([a.query, b.query, c.query, d.query], keys);
            sums.iter().enumerate().for_each(|(n, sums)| put(n, sums));
        } else {
            queries.iter().enumerate().for_each(|(n, query)| put(n, &one(query.query, keys)));
        }
    }
}

/// The places of a page that are between the first and the last token of a query.
#[inline(always)]
fn seen_of(page: usize, first: usize, tokens: usize) -> Range<usize> {
    let place = |token: usize| token.saturating_sub(page * PAGE).min(PAGE);
    place(first)..place(tokens)
}

/// The sum of values by their weights, from the first token on that has one.
#[inline(always)]
pub(super) fn gather<'p>(
    weights: &[f32],
    first: usize,
    out: &mut [f32],
    page: impl Fn(usize) -> (&'p [f32], &'p [f32]),
) {
    // Parts of a head that stay in registers.
    const PART: usize = 64;
    let width = out.len();
    for (start, out) in (0..width).step_by(PART).zip(out.chunks_mut(PART)) {
        if let Ok(out) = <&mut [f32; PART]>::try_from(&mut *out) {
            let mut sums = [0.0_f32; PART];
            for (i, weights) in weights.chunks(PAGE).enumerate().skip(first / PAGE) {
                let (_, values) = page(i);
                let passed = first.saturating_sub(i * PAGE);
                for (weight, value) in weights.iter().zip(values.chunks_exact(width)).skip(passed) {
                    for (sum, value) in sums.iter_mut().zip(&value[start..start + PART]) {
                        *sum += weight * value;
                    }
                }
            }
            *out = sums;
        } else {
            out.fill(0.0);
            for (i, weights) in weights.chunks(PAGE).enumerate().skip(first / PAGE) {
                let (_, values) = page(i);
                let passed = first.saturating_sub(i * PAGE);
                for (weight, value) in weights.iter().zip(values.chunks_exact(width)).skip(passed) {
                    for (out, value) in out.iter_mut().zip(&value[start..]) {
                        *out += weight * value;
                    }
                }
            }
        }
    }
}
