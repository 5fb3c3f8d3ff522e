//! Causal attention in tiles of queries: no matrix of all scores, and no score above the diagonal's tile.
//!
//! Backward computes the weights again (T. Dao et al., "FlashAttention", 2022), so that a tape keeps queries, keys and
//! values alone.

use rayon::prelude::*;

use super::super::Heads;
use super::math::{dot, exp, max, simd, sum};
use super::product::{Matrix, Target, product};

/// Queries of one tile.
const TILE: usize = 64;

/// Rows of some width inside a wider matrix.
#[derive(Clone, Copy)]
struct Rows<'a> {
    data: &'a [f32],
    stride: usize,
}

impl<'a> Rows<'a> {
    fn new(data: &'a [f32], stride: usize, row: usize, column: usize) -> Self {
        // Nothing at all has no first row.
        Self { data: data.get(row * stride + column..).unwrap_or_default(), stride }
    }

    fn matrix(self, from: usize, rows: usize, columns: usize) -> Matrix<'a> {
        Matrix::strided(&self.data[(from * self.stride).min(self.data.len())..], rows, columns, self.stride)
    }
}

/// Weights of a tile of queries, `[queries, keys]`, of which the last is at the last key.
fn weights(out: &mut [f32], query: Matrix<'_>, key: Matrix<'_>, heads: &Heads) {
    let (queries, keys) = (query.rows, key.rows);
    product(Target { data: out, row_stride: keys, add: false }, query, key.transposed(), heads.scale, false);
    simd(
        #[inline(always)]
        || {
            for (i, row) in out.chunks_exact_mut(keys).enumerate() {
                let position = keys - queries + i;
                let (seen, hidden) = row.split_at_mut(position + 1);
                let (passed, seen) = seen.split_at_mut(heads.first_seen(position));
                passed.fill(0.0);
                let greatest = max(seen);
                for score in seen.iter_mut() {
                    *score = exp(*score - greatest);
                }
                let scale = 1.0 / sum(seen.len(), |i| seen[i]);
                for weight in seen.iter_mut() {
                    *weight *= scale;
                }
                hidden.fill(0.0);
            }
        },
    );
}

/// One head: the last `new` of `all` tokens attend to all before them. Gives `[new, width]`.
fn head(query: Rows<'_>, key: Rows<'_>, value: Rows<'_>, new: usize, all: usize, heads: &Heads) -> Vec<f32> {
    let width = heads.width;
    let mut out = vec![0.0; new * width];
    let mut scores = vec![0.0; TILE.min(new) * all];
    for (tile, out) in out.chunks_mut(TILE * width).enumerate() {
        let (start, queries) = (tile * TILE, out.len() / width);
        let position = all - new + start;
        let first = heads.first_seen(position);
        let keys = position + queries - first;
        let scores = &mut scores[..queries * keys];
        weights(scores, query.matrix(start, queries, width), key.matrix(first, keys, width), heads);
        let target = Target { data: out, row_stride: width, add: false };
        product(target, Matrix::new(scores, queries, keys), value.matrix(first, keys, width), 1.0, false);
    }
    out
}

/// Puts heads side by side: `parts[sequence * heads + head]` is `[length, width]`.
fn gather(parts: &[Vec<f32>], lengths: &[usize], heads: usize, width: usize) -> Vec<f32> {
    let mut out = vec![0.0; lengths.iter().sum::<usize>() * heads * width];
    let mut rest = out.as_mut_slice();
    for (sequence, &length) in lengths.iter().enumerate() {
        let (rows, after) = rest.split_at_mut(length * heads * width);
        rest = after;
        rows.par_chunks_mut(heads * width).enumerate().for_each(|(token, row)| {
            for (head, out) in row.chunks_exact_mut(width).enumerate() {
                out.copy_from_slice(&parts[sequence * heads + head][token * width..][..width]);
            }
        });
    }
    out
}

/// A sequence of a row of tokens.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    length: usize,
    /// Tokens at the beginning of the row that it goes on from.
    before: usize,
}

fn spans(lengths: &[usize], shared: usize) -> Vec<Span> {
    let mut start = 0;
    let span = |&length: &usize| {
        start += length;
        let before = if start > shared { shared } else { 0 };
        Span { start: start - length, length, before }
    };
    lengths.iter().map(span).collect()
}

/// Keys or values of a sequence, with those of the tokens that it goes on from.
struct Side<'a> {
    rows: Rows<'a>,
    /// Both, if they stand apart.
    joined: Option<Vec<f32>>,
    width: usize,
}

impl<'a> Side<'a> {
    fn new(joint: &'a [f32], stride: usize, column: usize, span: Span, width: usize) -> Self {
        let rows = Rows::new(joint, stride, span.start, column);
        let joined = (span.before > 0).then(|| {
            let tokens = (0..span.before).chain(span.start..span.start + span.length);
            tokens.flat_map(|token| &joint[token * stride + column..][..width]).copied().collect()
        });
        Self { rows, joined, width }
    }

    fn rows(&self) -> Rows<'_> {
        self.joined.as_ref().map_or(self.rows, |joined| Rows::new(joined, self.width, 0, 0))
    }
}

/// Attention inside each sequence of a row of tokens: queries, keys and values side by side in, `[tokens, heads]` out. If the
/// first `shared` tokens are a sequence that all others go on from, these see it too.
pub(in crate::kernels) fn within(joint: &[f32], lengths: &[usize], shared: usize, heads: &Heads) -> Vec<f32> {
    let (stride, width) = (heads.joint(), heads.width);
    let tasks: Vec<_> =
        spans(lengths, shared).into_iter().flat_map(|span| (0..heads.query).map(move |head| (span, head))).collect();
    let parts: Vec<Vec<f32>> = tasks
        .into_par_iter()
        .map(|(span, index)| {
            let group = heads.query + index / heads.group();
            let side = |column: usize| Side::new(joint, stride, column * width, span, width);
            let query = Rows::new(joint, stride, span.start, index * width);
            let (key, value) = (side(group), side(group + heads.key));
            head(query, key.rows(), value.rows(), span.length, span.before + span.length, heads)
        })
        .collect();
    gather(&parts, lengths, heads.query, width)
}

/// Attention of new tokens over everything that is remembered, themselves included.
pub(in crate::kernels) fn over(query: &[f32], key: &[f32], value: &[f32], heads: &Heads) -> Vec<f32> {
    let (query_stride, key_stride) = (heads.query * heads.width, heads.key * heads.width);
    let (new, all) = (query.len() / query_stride, key.len() / key_stride);
    let parts: Vec<Vec<f32>> = (0..heads.query)
        .into_par_iter()
        .map(|index| {
            let shared = index / heads.group() * heads.width;
            let query = Rows::new(query, query_stride, 0, index * heads.width);
            let (key, value) = (Rows::new(key, key_stride, 0, shared), Rows::new(value, key_stride, 0, shared));
            head(query, key, value, new, all, heads)
        })
        .collect();
    gather(&parts, &[new], heads.query, heads.width)
}

/// The gradient of [`within`] by queries, keys and values, side by side.
pub(in crate::kernels) fn within_backward(
    joint: &[f32],
    gradient: &[f32],
    lengths: &[usize],
    shared: usize,
    heads: &Heads,
) -> Vec<f32> {
    let (stride, width, group) = (heads.joint(), heads.width, heads.group());
    let spans = spans(lengths, shared);
    let tasks: Vec<_> = spans.iter().flat_map(|&span| (0..heads.key).map(move |head| (span, head))).collect();
    // One task per group of heads that share keys, so that each gradient has one owner.
    let mut parts: Vec<[Vec<f32>; 3]> = tasks
        .into_par_iter()
        .map(|(span, pair)| {
            let Span { start, length, before } = span;
            let side = |column: usize| Side::new(joint, stride, column * width, span, width);
            let (key, value) = (side(heads.query + pair), side(heads.query + heads.key + pair));
            let mut to_query = vec![0.0; group * length * width];
            let none = vec![0.0; (before + length) * width];
            let (mut to_key, mut to_value) = (none.clone(), none);
            for (i, to_query) in to_query.chunks_exact_mut(length * width).enumerate() {
                let index = pair * group + i;
                let query = Rows::new(joint, stride, start, index * width);
                let gradient = Rows::new(gradient, heads.query * width, start, index * width);
                let sides = [query, key.rows(), value.rows(), gradient];
                head_backward(sides, length, before + length, heads, to_query, &mut to_key, &mut to_value);
            }
            [to_query, to_key, to_value]
        })
        .collect();
    // What all go on from has a gradient from each, added in their order.
    let (first, others) = parts.split_at_mut(heads.key.min(lengths.len() * heads.key));
    for (i, part) in others.iter().enumerate() {
        for side in [1, 2] {
            let sum = &mut first[i % heads.key][side][..shared * width];
            sum.iter_mut().zip(&part[side]).for_each(|(sum, more)| *sum += more);
        }
    }
    let mut out = vec![0.0; joint.len()];
    let mut rest = out.as_mut_slice();
    for (sequence, &Span { length, before, .. }) in spans.iter().enumerate() {
        let (rows, after) = rest.split_at_mut(length * stride);
        rest = after;
        let parts = &parts[sequence * heads.key..][..heads.key];
        rows.par_chunks_mut(stride).enumerate().for_each(|(token, row)| {
            for (head, out) in row.chunks_exact_mut(width).enumerate() {
                let (part, row) = match head.checked_sub(heads.query) {
                    None => (&parts[head / group][0], head % group * length + token),
                    Some(pair) if pair < heads.key => (&parts[pair][1], before + token),
                    Some(pair) => (&parts[pair - heads.key][2], before + token),
                };
                out.copy_from_slice(&part[row * width..][..width]);
            }
        });
    }
    out
}

/// `[query, key, value, gradient]` of one head, of which the last `new` of `all` tokens ask; adds to the gradients of key and
/// value.
fn head_backward(
    [query, key, value, gradient]: [Rows<'_>; 4],
    new: usize,
    all: usize,
    heads: &Heads,
    to_query: &mut [f32],
    to_key: &mut [f32],
    to_value: &mut [f32],
) {
    let (width, scale) = (heads.width, heads.scale);
    let (mut probable, mut scores) = (vec![0.0; TILE.min(new) * all], vec![0.0; TILE.min(new) * all]);
    for (tile, to_query) in to_query.chunks_mut(TILE * width).enumerate() {
        let (start, queries) = (tile * TILE, to_query.len() / width);
        let position = all - new + start;
        let first = heads.first_seen(position);
        let keys = position + queries - first;
        let (probable, scores) = (&mut probable[..queries * keys], &mut scores[..queries * keys]);
        let (query, gradient) = (query.matrix(start, queries, width), gradient.matrix(start, queries, width));
        let (key, value) = (key.matrix(first, keys, width), value.matrix(first, keys, width));
        weights(probable, query, key, heads);
        // By the values, then by the weights, then through the softmax.
        let (to_key, to_value) = (&mut to_key[first * width..], &mut to_value[first * width..]);
        let add = |data| Target { data, row_stride: width, add: true };
        product(add(to_value), Matrix::new(probable, queries, keys).transposed(), gradient, 1.0, false);
        product(Target { data: scores, row_stride: keys, add: false }, gradient, value.transposed(), 1.0, false);
        simd(
            #[inline(always)]
            || {
                for (weights, scores) in probable.chunks_exact(keys).zip(scores.chunks_exact_mut(keys)) {
                    let mean = dot(weights, scores);
                    for (score, weight) in scores.iter_mut().zip(weights) {
                        *score = weight * (*score - mean) * scale;
                    }
                }
            },
        );
        let scores = Matrix::new(scores, queries, keys);
        product(Target { data: to_query, row_stride: width, add: false }, scores, key, 1.0, false);
        product(add(to_key), scores.transposed(), query, 1.0, false);
    }
}
