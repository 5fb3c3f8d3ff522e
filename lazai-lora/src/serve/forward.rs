//! One step of the engine: the next tokens of several sequences, each with its own adapter, through all layers at once.
//!
//! The threads of a team walk through the parts of a layer together. A value is computed by one thread, in an order that does
//! not depend on what else is in the step.
#![allow(unsafe_code, reason = "threads write different places of shared memory, and wait before they read them")]

use std::ops::Range;
use std::sync::Arc;

use super::adapter::ServedAdapter;
use super::attention::{self, Query, TILE, Tile};
use super::model::{Model, PackedLinear, Turning};
use super::pages::{PAGE, Page};
use super::product::product;
use super::team::{Member, Shared, Team};
use super::weights::{BLOCK, Packed};
use super::workspace::{Results, Workspace};
use crate::kernels::{self, dot, normalise, simd};

const QKV: usize = 0;
const OUT: usize = 1;
const GATE_UP: usize = 2;
const DOWN: usize = 3;

/// A token to be computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) token: u32,
    pub(super) position: usize,
    /// Its sequence, among those of the step.
    pub(super) sequence: usize,
    /// True if the scores of the token after it are wanted.
    pub(super) scored: bool,
}

/// What a step knows of a sequence.
pub(super) struct Seen {
    pub(super) adapter: Option<Arc<ServedAdapter>>,
    pub(super) pages: Vec<Arc<Page>>,
}

/// Computes a step. Keys and values are kept in the sequences' pages; scores of the rows that want them are put one after
/// another into `scores`.
pub(super) fn step(team: &Team, model: &Model, work: &Workspace, rows: &[Row], seen: &[Seen], scores: &Shared<f32>) {
    assert!(rows.len() <= work.rows, "a step has room for {} rows", work.rows);
    let scored: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].scored).collect();
    let tiles = attention::tiles(rows, &model.layers[0].heads);
    let step = Step { model, work, rows, seen, tiles };
    team.run(|member| step.walk(member, &scored, scores));
}

struct Step<'a> {
    model: &'a Model,
    work: &'a Workspace,
    rows: &'a [Row],
    seen: &'a [Seen],
    tiles: Vec<Tile>,
}

// In all of these, `unsafe` is sound for one reason: rows, panels and heads are dealt out among the threads, each writes those
// that are its own, and a wait stands between writing and reading.
impl Step<'_> {
    fn walk(&self, member: &Member<'_>, scored: &[usize], scores: &Shared<f32>) {
        let (model, work) = (self.model, self.work);
        let (hidden, queries) = (model.config.hidden, model.config.heads * model.config.head_width);
        for (i, row) in self.rows.iter().enumerate().filter(|(i, _)| member.has(*i)) {
            // SAFETY: rows are dealt out.
            let (x, angles) = unsafe {
                let width = model.config.head_width * model.ropes.len();
                (work.x.part_mut(i * hidden, hidden), work.angles.part_mut(i * width, width))
            };
            model.embedding.row(row.token as usize, x);
            let scale = model.config.embedding_scale as f32;
            x.iter_mut().for_each(|x| *x *= scale);
            for (Turning { rates, magnitude }, angles) in
                model.ropes.iter().zip(angles.chunks_exact_mut(model.config.head_width))
            {
                let (cos, sin) = angles.split_at_mut(rates.len());
                for ((cos, sin), rate) in cos.iter_mut().zip(sin).zip(rates) {
                    let angle = row.position as f64 * rate;
                    (*cos, *sin) = ((angle.cos() * magnitude) as f32, (angle.sin() * magnitude) as f32);
                }
            }
        }
        for (layer, weights) in model.layers.iter().enumerate() {
            self.normed(member, &weights.attention_norm, layer.checked_sub(1).map(|before| (before, DOWN)));
            member.wait();
            self.linear(member, layer, QKV, hidden);
            member.wait();
            self.positioned(member, layer);
            member.wait();
            self.attended(member, layer);
            member.wait();
            self.quantised(member, queries);
            member.wait();
            self.linear(member, layer, OUT, queries);
            member.wait();
            self.normed(member, &weights.feed_forward_norm, Some((layer, OUT)));
            member.wait();
            self.linear(member, layer, GATE_UP, hidden);
            member.wait();
            self.gated(member, layer);
            member.wait();
            self.linear(member, layer, DOWN, model.config.intermediate);
            member.wait();
        }
        self.normed(member, &model.output_norm, Some((model.layers.len() - 1, DOWN)));
        member.wait();
        let output = model.output.as_ref().unwrap_or(&model.embedding);
        // SAFETY: rows were written before the wait.
        let inputs: Vec<_> = scored.iter().map(|row| unsafe { work.inputs.row(*row, hidden) }).collect();
        let out = Results { values: scores, stride: output.rows, width: output.rows };
        product(model.with, output, member.share(output.panels()), &inputs, 0, &out);
    }

    fn adapter(&self, row: usize) -> Option<&ServedAdapter> {
        self.seen[self.rows[row].sequence].adapter.as_deref()
    }

    /// Adds what a linear layer gave to the residual stream, and normalises that for the next.
    fn normed(&self, member: &Member<'_>, weight: &[f32], after: Option<(usize, usize)>) {
        let (work, hidden) = (self.work, self.model.config.hidden);
        let (epsilon, scale) = (self.model.config.norm_epsilon, self.model.config.residual_scale as f32);
        for row in (0..self.rows.len()).filter(|row| member.has(*row)) {
            // SAFETY: rows are dealt out.
            let (x, out, values) = unsafe {
                (
                    work.x.part_mut(row * hidden, hidden),
                    work.joint.part_mut(row * work.wide, hidden),
                    work.inputs.values.part_mut(row * work.inputs.wide, hidden),
                )
            };
            if let Some((layer, group)) = after {
                self.finish(row, layer, group, 0..hidden, out);
                let after = self.model.layers[layer].after_norms.as_ref();
                let given = match after.map(|(attention, down)| if group == OUT { attention } else { down }) {
                    Some(weight) => {
                        simd(
                            #[inline(always)]
                            || normalise(out, weight, epsilon, values),
                        );
                        &*values
                    }
                    None => &*out,
                };
                x.iter_mut().zip(given).for_each(|(x, given)| *x += given * scale);
            }
            simd(
                #[inline(always)]
                || normalise(x, weight, epsilon, values),
            );
            // SAFETY: as above.
            unsafe { work.inputs.quantise(row, 0..hidden) };
        }
    }

    fn quantised(&self, member: &Member<'_>, columns: usize) {
        for row in (0..self.rows.len()).filter(|row| member.has(*row)) {
            // SAFETY: rows are dealt out.
            unsafe { self.work.inputs.quantise(row, 0..columns) };
        }
    }

    /// The products of a linear layer, and of the narrow factors of each row's adapter.
    fn linear(&self, member: &Member<'_>, layer: usize, group: usize, columns: usize) {
        let (model, work) = (self.model, self.work);
        // SAFETY: rows were written before the last wait.
        let inputs: Vec<_> = (0..self.rows.len()).map(|row| unsafe { work.inputs.row(row, columns) }).collect();
        let PackedLinear { parts, rows, .. } = &model.layers[layer].linear[group];
        let out = Results { values: &work.joint, stride: work.wide, width: *rows };
        let panels: usize = parts.iter().map(Packed::panels).sum();
        let share = member.share(panels);
        let (mut first, mut before) = (0, 0);
        for part in parts {
            let (from, to) = (share.start.max(before), share.end.min(before + part.panels()));
            if from < to {
                let out = Results { width: first + part.rows, ..out };
                product(model.with, part, from - before..to - before, &inputs, first, &out);
            }
            before += part.panels();
            first += part.rows;
        }
        let mut item = 0;
        for (row, input) in inputs.iter().enumerate() {
            let Some(adapter) = self.adapter(row) else { continue };
            let Some(factors) = &adapter.layers[layer][group] else { continue };
            for (i, a) in factors.a.chunks_exact(columns).enumerate() {
                item += 1;
                if member.has(item) {
                    let value = simd(
                        #[inline(always)]
                        || dot(a, input.values),
                    );
                    // SAFETY: narrow values are dealt out.
                    unsafe { work.small.part_mut(row * work.narrow + i, 1)[0] = value * adapter.scale };
                }
            }
        }
    }

    /// Adds bias and adapter to some outputs of a linear layer.
    fn finish(&self, row: usize, layer: usize, group: usize, outputs: Range<usize>, out: &mut [f32]) {
        if let Some(bias) = &self.model.layers[layer].linear[group].bias {
            out.iter_mut().zip(&bias[outputs.clone()]).for_each(|(out, bias)| *out += bias);
        }
        let Some(adapter) = self.adapter(row) else { return };
        if let Some(factors) = &adapter.layers[layer][group] {
            // SAFETY: narrow values were written before the last wait.
            let narrow = unsafe { self.work.small.part(row * self.work.narrow, factors.narrow) };
            simd(
                #[inline(always)]
                || factors.add(adapter.rank, narrow, outputs, out),
            );
        }
    }

    /// Finishes each head, turns queries and keys to their positions, and keeps keys and values.
    fn positioned(&self, member: &Member<'_>, layer: usize) {
        let (work, weights) = (self.work, &self.model.layers[layer]);
        let heads = weights.heads;
        let (width, all) = (heads.width, heads.query + 2 * heads.key);
        let mut scratch = vec![0.0; width];
        for item in member.share(self.rows.len() * all) {
            let (row, head) = (item / all, item % all);
            let start = head * width;
            // SAFETY: heads are dealt out.
            let out = unsafe { work.joint.part_mut(row * work.wide + start, width) };
            self.finish(row, layer, QKV, start..start + width, out);
            let is_value = head >= heads.query + heads.key;
            if let (Some((query, key)), false) = (&weights.head_norms, is_value) {
                let weight = if head < heads.query { query } else { key };
                scratch.copy_from_slice(out);
                normalise(&scratch, weight, self.model.config.norm_epsilon, out);
            }
            if let (Some(rope), false) = (weights.rope, is_value) {
                // SAFETY: angles were written before the last wait.
                let angles = unsafe { work.angles.part((row * self.model.ropes.len() + rope) * width, width) };
                let half = self.model.ropes[rope].rates.len();
                let (cos, sin) = angles.split_at(half);
                let (low, high) = out.split_at_mut(half);
                for i in 0..half {
                    (low[i], high[i]) = (low[i] * cos[i] - high[i] * sin[i], high[i] * cos[i] + low[i] * sin[i]);
                }
            }
            if head >= heads.query {
                let Row { position, sequence, .. } = self.rows[row];
                let page = &self.seen[sequence].pages[position / PAGE];
                let of = (head - heads.query) % heads.key;
                // SAFETY: positions of a sequence, and heads, are dealt out; the page is not full, so nobody shares it.
                unsafe { page.write(layer, of, is_value, position % PAGE, out) };
            }
        }
    }

    /// Attention of each query head of each row over all tokens before it, itself included.
    fn attended(&self, member: &Member<'_>, layer: usize) {
        let (work, heads, context) = (self.work, self.model.layers[layer].heads, self.model.config.context);
        let width = heads.width;
        for (_, tile) in self.tiles.iter().enumerate().filter(|(i, _)| member.has(*i)) {
            let Tile { sequence, key_head, ref queries } = *tile;
            let pages = &self.seen[sequence].pages;
            // SAFETY: tiles are dealt out, and each thread has scratch of its own; keys and values were written before the last
            // wait.
            let (scratch, pages) = unsafe {
                let scratch = work.weights.part_mut(member.index() * TILE * context, TILE * context);
                (scratch, |i: usize| pages[i].read(layer, key_head))
            };
            let mut asked = [Query { query: &[], first: 0, tokens: 0 }; TILE];
            for (asked, (row, head)) in asked.iter_mut().zip(queries) {
                // SAFETY: as above.
                let query = unsafe { work.joint.part(row * work.wide + head * width, width) };
                let position = self.rows[*row].position;
                *asked = Query { query, first: heads.first_seen(position), tokens: position + 1 };
            }
            simd(
                #[inline(always)]
                || {
                    attention::weigh(&asked[..queries.len()], heads.scale, scratch, context, pages);
                    for (i, (row, head)) in queries.iter().enumerate() {
                        // SAFETY: as above.
                        let out = unsafe { work.inputs.values.part_mut(row * work.inputs.wide + head * width, width) };
                        let weights = &scratch[i * context..][..asked[i].tokens];
                        attention::gather(weights, asked[i].first, out, pages);
                    }
                },
            );
        }
    }

    /// The gated activation.
    fn gated(&self, member: &Member<'_>, layer: usize) {
        let (work, width, activation) = (self.work, self.model.config.intermediate, self.model.config.activation);
        // Whole blocks, so that each is quantised by whom it was computed by.
        let blocks = width.div_ceil(BLOCK);
        for row in 0..self.rows.len() {
            let share = member.share(blocks);
            let columns = share.start * BLOCK..(share.end * BLOCK).min(width);
            if columns.is_empty() {
                continue;
            }
            let (start, len) = (row * work.wide + columns.start, columns.len());
            // SAFETY: columns are dealt out.
            let (gate, up, out) = unsafe {
                (
                    work.joint.part_mut(start, len),
                    work.joint.part_mut(start + width, len),
                    work.inputs.values.part_mut(row * work.inputs.wide + columns.start, len),
                )
            };
            self.finish(row, layer, GATE_UP, columns.clone(), gate);
            self.finish(row, layer, GATE_UP, width + columns.start..width + columns.end, up);
            simd(
                #[inline(always)]
                || kernels::gate(gate, up, activation, out),
            );
            // SAFETY: as above.
            unsafe { work.inputs.quantise(row, columns) };
        }
    }
}
