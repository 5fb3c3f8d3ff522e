//! One transformer layer, forward and backward.

use candle_core::{Device, Tensor};

use crate::base::{BaseModel, LayerWeights};
use crate::error::Result;
use crate::kernels::{
    Angles, Heads, LowRank, LowRankGradient, attention, attention_backward, attention_over, linear, linear_backward,
    rms_norm, rms_norm_backward, rotate, swiglu, swiglu_backward,
};

/// Linear groups, in the order of [`GROUPS`](crate::base::GROUPS).
const QKV: usize = 0;
const OUT: usize = 1;
const GATE_UP: usize = 2;
const DOWN: usize = 3;

/// A layer with the updates of an adapter.
pub(super) struct Layer<'a> {
    weights: &'a LayerWeights,
    updates: [Option<LowRank<'a>>; 4],
    heads: Heads,
    epsilon: f64,
    device: &'a Device,
}

/// The values that backward needs beside the layer's input.
pub(super) struct Kept {
    /// Queries, keys and values before their heads are normalised, if they are.
    raw: Option<Tensor>,
    /// Queries, keys and values, rotated.
    joint: Tensor,
    attended: Tensor,
    middle: Tensor,
    gate_up: Tensor,
    narrow: [Option<Tensor>; 4],
}

/// The sequences of a row of tokens.
pub(super) struct Sequences {
    /// By which the heads of each token are rotated.
    pub(super) angles: Angles,
    pub(super) lengths: Vec<usize>,
    /// Tokens of the first sequence, if all others go on from it.
    pub(super) shared: usize,
}

/// Keys and values that are remembered.
pub(super) type Remembered = Option<(Tensor, Tensor)>;

impl<'a> Layer<'a> {
    pub(super) fn new(base: &'a BaseModel, index: usize, updates: [Option<LowRank<'a>>; 4]) -> Self {
        Self {
            weights: &base.weights.layers[index],
            updates,
            heads: base.config.attention_heads(),
            epsilon: base.config.norm_epsilon,
            device: &base.device,
        }
    }

    fn linear(&self, group: usize, x: &Tensor) -> Result<(Tensor, Option<Tensor>)> {
        let layer = &self.weights.linear[group];
        linear(x, &layer.weight(self.device)?, layer.bias.as_ref(), self.updates[group].as_ref())
    }

    fn norm(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        rms_norm(x, weight, self.epsilon)
    }

    /// Queries, keys and values as attention takes them; before that, if heads are normalised.
    fn positioned(&self, projected: Tensor, angles: &Angles) -> Result<(Option<Tensor>, Tensor)> {
        let turned = self.heads.query + self.heads.key;
        let Some(norms) = &self.weights.head_norms else {
            return Ok((None, rotate(&projected, angles, turned, false)?));
        };
        let normed = self.each_head(&projected, |side, heads| {
            let weight = if side == 0 { &norms.0 } else { &norms.1 };
            self.norm(heads, weight)
        })?;
        let joint = rotate(&normed, angles, turned, false)?;
        Ok((Some(projected), joint))
    }

    /// Does something with the heads of the queries (0) and of the keys (1), each head a row; values stay.
    fn each_head(&self, joint: &Tensor, change: impl Fn(usize, &Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let (tokens, width) = (joint.dim(0)?, self.heads.width);
        let mut start = 0;
        let mut sides = Vec::with_capacity(3);
        for (side, count) in [self.heads.query, self.heads.key].into_iter().enumerate() {
            let heads =
                joint.narrow(1, start * width, count * width)?.contiguous()?.reshape((tokens * count, width))?;
            sides.push(change(side, &heads)?.reshape((tokens, count * width))?);
            start += count;
        }
        sides.push(joint.narrow(1, start * width, self.heads.key * width)?);
        Ok(Tensor::cat(&sides, 1)?)
    }

    /// The layer over several sequences. `x: [tokens, hidden]`.
    pub(super) fn forward(&self, x: &Tensor, sequences: &Sequences) -> Result<(Tensor, Kept)> {
        let (projected, narrow_qkv) = self.linear(QKV, &self.norm(x, &self.weights.attention_norm)?)?;
        let (raw, joint) = self.positioned(projected, &sequences.angles)?;
        let attended = attention(&joint, &sequences.lengths, sequences.shared, &self.heads)?;
        let (out, narrow_out) = self.linear(OUT, &attended)?;
        let middle = (x + out)?;
        let (gate_up, narrow_gate_up) = self.linear(GATE_UP, &self.norm(&middle, &self.weights.feed_forward_norm)?)?;
        let (down, narrow_down) = self.linear(DOWN, &swiglu(&gate_up)?)?;
        let out = (&middle + down)?;
        let narrow = [narrow_qkv, narrow_out, narrow_gate_up, narrow_down];
        Ok((out, Kept { raw, joint, attended, middle, gate_up, narrow }))
    }

    /// The layer over the next tokens of one sequence.
    pub(super) fn extend(&self, x: &Tensor, angles: &Angles, remembered: &mut Remembered) -> Result<Tensor> {
        let (projected, _) = self.linear(QKV, &self.norm(x, &self.weights.attention_norm)?)?;
        let (_, joint) = self.positioned(projected, angles)?;
        let side = |from: usize, count: usize| -> Result<Tensor> {
            Ok(joint.narrow(1, from * self.heads.width, count * self.heads.width)?.contiguous()?)
        };
        let (queries, keys) = (self.heads.query, self.heads.key);
        let (mut key, mut value) = (side(queries, keys)?, side(queries + keys, keys)?);
        if let Some((k, v)) = remembered.take() {
            (key, value) = (Tensor::cat(&[k, key], 0)?, Tensor::cat(&[v, value], 0)?);
        }
        let attended = attention_over(&side(0, queries)?, &key, &value, &self.heads)?;
        *remembered = Some((key, value));
        let middle = (x + self.linear(OUT, &attended)?.0)?;
        let (gate_up, _) = self.linear(GATE_UP, &self.norm(&middle, &self.weights.feed_forward_norm)?)?;
        Ok((&middle + self.linear(DOWN, &swiglu(&gate_up)?)?.0)?)
    }

    fn linear_backward(
        &self,
        group: usize,
        gradient: &Tensor,
        x: &Tensor,
        kept: &Kept,
        by_input: bool,
        found: &mut impl FnMut(usize, LowRankGradient) -> Result<()>,
    ) -> Result<Option<Tensor>> {
        let weight = self.weights.linear[group].weight(self.device)?;
        let low_rank = self.updates[group].as_ref().zip(kept.narrow[group].as_ref());
        let (to_input, factors) = linear_backward(gradient, x, &weight, low_rank, by_input)?;
        if let Some(factors) = factors {
            found(group, factors)?;
        }
        Ok(to_input)
    }

    /// The gradient by the layer's input, if it is wanted; those of the updates are given to `found`, by group.
    pub(super) fn backward(
        &self,
        x: &Tensor,
        kept: &Kept,
        sequences: &Sequences,
        gradient: Tensor,
        by_input: bool,
        mut found: impl FnMut(usize, LowRankGradient) -> Result<()>,
    ) -> Result<Option<Tensor>> {
        let (weights, epsilon) = (self.weights, self.epsilon);
        // Both are asked for.
        let missing = || crate::error::ModelError::malformed("layer", "no gradient by its input");
        let hidden = swiglu(&kept.gate_up)?;
        let to_hidden = self.linear_backward(DOWN, &gradient, &hidden, kept, true, &mut found)?.ok_or_else(missing)?;
        let to_gate_up = swiglu_backward(&kept.gate_up, &to_hidden)?;
        let normed = self.norm(&kept.middle, &weights.feed_forward_norm)?;
        let to_normed =
            self.linear_backward(GATE_UP, &to_gate_up, &normed, kept, true, &mut found)?.ok_or_else(missing)?;
        let to_middle =
            rms_norm_backward(&kept.middle, &weights.feed_forward_norm, epsilon, &to_normed, Some(&gradient))?;
        let needed = by_input || self.updates[QKV].is_some();
        let to_attended = self.linear_backward(OUT, &to_middle, &kept.attended, kept, needed, &mut found)?;
        let Some(to_attended) = to_attended else { return Ok(None) };
        let to_joint =
            attention_backward(&kept.joint, &to_attended, &sequences.lengths, sequences.shared, &self.heads)?;
        let mut to_projected = rotate(&to_joint, &sequences.angles, self.heads.query + self.heads.key, true)?;
        if let (Some(raw), Some(norms)) = (&kept.raw, &weights.head_norms) {
            let width = self.heads.width;
            to_projected = self.each_head(&to_projected, |side, gradient| {
                let (weight, from, count) = if side == 0 {
                    (&norms.0, 0, self.heads.query)
                } else {
                    (&norms.1, self.heads.query, self.heads.key)
                };
                let raw = raw.narrow(1, from * width, count * width)?.contiguous()?.reshape(gradient.shape())?;
                rms_norm_backward(&raw, weight, epsilon, gradient, None)
            })?;
        }
        let normed = self.norm(x, &weights.attention_norm)?;
        let to_normed = self.linear_backward(QKV, &to_projected, &normed, kept, by_input, &mut found)?;
        let Some(to_normed) = to_normed else { return Ok(None) };
        Ok(Some(rms_norm_backward(x, &weights.attention_norm, epsilon, &to_normed, Some(&to_middle))?))
    }
}
