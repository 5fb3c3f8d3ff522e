//! One transformer layer, forward and backward.

use candle_core::{Device, Tensor};

use crate::base::{BaseModel, LayerWeights};
use crate::error::Result;
use crate::kernels::{
    Activation, Angles, Heads, LowRank, LowRankGradient, attention, attention_backward, attention_over, gated,
    gated_backward, linear, linear_backward, rms_norm, rms_norm_backward, rotate,
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
    /// Which of the angles turn its heads.
    rope: Option<usize>,
    activation: Activation,
    residual_scale: f64,
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
    /// What attention and the feed-forward layer gave, if it is normalised.
    given: Option<(Tensor, Tensor)>,
}

/// The sequences of a row of tokens.
pub(super) struct Sequences {
    /// By which the heads of each token are rotated, for each rotary embedding of the model.
    pub(super) angles: Vec<Angles>,
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
            heads: base.config.attention_heads(index),
            rope: base.config.attention[index].rope,
            activation: base.config.activation,
            residual_scale: base.config.residual_scale,
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

    /// The residual stream with what attention or the feed-forward layer gave.
    fn added(&self, x: &Tensor, given: &Tensor, after: Option<&Tensor>) -> Result<Tensor> {
        let normed = after.map(|weight| self.norm(given, weight)).transpose()?;
        let given = normed.as_ref().unwrap_or(given);
        if self.residual_scale == 1.0 {
            return Ok((x + given)?);
        }
        Ok((x + (given * self.residual_scale)?)?)
    }

    /// The gradient by what was given of [`Layer::added`]; `given` and `after` where that was normalised.
    fn added_backward(&self, gradient: &Tensor, normed: Option<(&Tensor, &Tensor)>) -> Result<Tensor> {
        let scaled = (self.residual_scale != 1.0).then(|| gradient * self.residual_scale).transpose()?;
        let gradient = scaled.as_ref().unwrap_or(gradient);
        match normed {
            Some((given, after)) => rms_norm_backward(given, after, self.epsilon, gradient, None),
            None => Ok(gradient.clone()),
        }
    }

    /// Norms of what attention and the feed-forward layer give.
    fn after(&self) -> (Option<&Tensor>, Option<&Tensor>) {
        self.weights.after_norms.as_ref().map(|(attention, feed_forward)| (attention, feed_forward)).unzip()
    }

    /// Turns queries and keys to their positions, or back.
    fn turned(&self, joint: &Tensor, angles: &[Angles], back: bool) -> Result<Tensor> {
        match self.rope {
            Some(rope) => rotate(joint, &angles[rope], &self.heads, back),
            None => Ok(joint.clone()),
        }
    }

    /// Queries, keys and values as attention takes them; before that, if heads are normalised.
    fn positioned(&self, projected: Tensor, angles: &[Angles]) -> Result<(Option<Tensor>, Tensor)> {
        let Some(norms) = &self.weights.head_norms else {
            return Ok((None, self.turned(&projected, angles, false)?));
        };
        let normed = self.each_head(&projected, |side, heads| {
            let weight = if side == 0 { &norms.0 } else { &norms.1 };
            self.norm(heads, weight)
        })?;
        let joint = self.turned(&normed, angles, false)?;
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
        let (after_attention, after_feed_forward) = self.after();
        let middle = self.added(x, &out, after_attention)?;
        let (gate_up, narrow_gate_up) = self.linear(GATE_UP, &self.norm(&middle, &self.weights.feed_forward_norm)?)?;
        let (down, narrow_down) = self.linear(DOWN, &gated(&gate_up, self.activation)?)?;
        let last = self.added(&middle, &down, after_feed_forward)?;
        let narrow = [narrow_qkv, narrow_out, narrow_gate_up, narrow_down];
        let given = self.weights.after_norms.is_some().then_some((out, down));
        Ok((last, Kept { raw, joint, attended, middle, gate_up, narrow, given }))
    }

    /// The layer over the next tokens of one sequence.
    pub(super) fn extend(&self, x: &Tensor, angles: &[Angles], remembered: &mut Remembered) -> Result<Tensor> {
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
        let (after_attention, after_feed_forward) = self.after();
        let middle = self.added(x, &self.linear(OUT, &attended)?.0, after_attention)?;
        let (gate_up, _) = self.linear(GATE_UP, &self.norm(&middle, &self.weights.feed_forward_norm)?)?;
        let (down, _) = self.linear(DOWN, &gated(&gate_up, self.activation)?)?;
        self.added(&middle, &down, after_feed_forward)
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
        let given = kept.given.as_ref().zip(weights.after_norms.as_ref());
        let (given_attention, given_feed_forward) = given.map(|((a, f), (by_a, by_f))| ((a, by_a), (f, by_f))).unzip();
        let hidden = gated(&kept.gate_up, self.activation)?;
        let to_down = self.added_backward(&gradient, given_feed_forward)?;
        let to_hidden = self.linear_backward(DOWN, &to_down, &hidden, kept, true, &mut found)?.ok_or_else(missing)?;
        let to_gate_up = gated_backward(&kept.gate_up, &to_hidden, self.activation)?;
        let normed = self.norm(&kept.middle, &weights.feed_forward_norm)?;
        let to_normed =
            self.linear_backward(GATE_UP, &to_gate_up, &normed, kept, true, &mut found)?.ok_or_else(missing)?;
        let to_middle =
            rms_norm_backward(&kept.middle, &weights.feed_forward_norm, epsilon, &to_normed, Some(&gradient))?;
        let needed = by_input || self.updates[QKV].is_some();
        let to_out = self.added_backward(&to_middle, given_attention)?;
        let to_attended = self.linear_backward(OUT, &to_out, &kept.attended, kept, needed, &mut found)?;
        let Some(to_attended) = to_attended else { return Ok(None) };
        let to_joint =
            attention_backward(&kept.joint, &to_attended, &sequences.lengths, sequences.shared, &self.heads)?;
        let mut to_projected = self.turned(&to_joint, &sequences.angles, true)?;
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
