//! The output layer and the loss, in pieces: neither the matrix of all scores nor that of all output weights as floats is
//! ever whole.

use candle_core::{DType, Tensor};

use crate::base::{BaseModel, Weight};
use crate::error::Result;
use crate::kernels::{self, linear, linear_backward};

/// Rows of scores at a time.
const ROWS: usize = 256;
/// Output weights that are turned into floats at a time.
const TOKENS: usize = 1 << 14;

/// The output weights in pieces of 32-bit floats: all at once, if they are such.
struct Output<'a> {
    base: &'a BaseModel,
    weight: &'a Weight,
}

impl<'a> Output<'a> {
    fn new(base: &'a BaseModel) -> Self {
        Self { base, weight: base.weights.output.as_ref().unwrap_or(&base.weights.embedding) }
    }

    /// All weights, if they are kept as 32-bit floats.
    fn whole(&self) -> Option<&'a Tensor> {
        match self.weight {
            Weight::Dense(tensor) if tensor.dtype() == DType::F32 => Some(tensor),
            _ => None,
        }
    }

    /// First token and weights of each piece.
    fn pieces(&self) -> impl Iterator<Item = Result<(usize, Tensor)>> {
        let tokens = self.base.config.vocab_size;
        let most = if self.whole().is_some() { tokens } else { TOKENS };
        (0..tokens).step_by(most).map(move |start| {
            let count = most.min(tokens - start);
            let piece = match self.weight {
                Weight::Dense(tensor) => tensor.narrow(0, start, count)?.to_dtype(DType::F32)?,
                Weight::Quantised(_) => {
                    let ids: Vec<u32> = (start as u32..(start + count) as u32).collect();
                    self.weight.select(&ids, &self.base.device)?
                }
            };
            Ok((start, piece))
        })
    }

    fn scores(&self, hidden: &Tensor) -> Result<Tensor> {
        let parts = self.pieces().map(|piece| Ok(linear(hidden, &piece?.1, None, None)?.0));
        let mut parts = parts.collect::<Result<Vec<_>>>()?;
        Ok(match parts.len() {
            1 => parts.remove(0),
            _ => Tensor::cat(&parts, 1)?,
        })
    }
}

/// Scores of every token of the vocabulary: `[rows, vocab]`.
pub(crate) fn logits(base: &BaseModel, hidden: &Tensor) -> Result<Tensor> {
    base.compute().install(|| Output::new(base).scores(hidden))
}

/// Negative log-likelihood of each label, and if asked for its gradient by the hidden state. `hidden: [rows, hidden]`;
/// one label per row.
pub(crate) fn cross_entropy(
    base: &BaseModel,
    hidden: &Tensor,
    labels: &[u32],
    with_gradient: bool,
) -> Result<(Vec<f32>, Option<Tensor>)> {
    let output = Output::new(base);
    base.compute().install(|| {
        if let Some(weight) = output.whole().filter(|_| base.device.is_cpu()) {
            return kernels::scored_loss(hidden, weight, labels, ROWS, with_gradient);
        }
        let mut losses = Vec::with_capacity(labels.len());
        let mut gradients = Vec::new();
        for (chunk, labels) in labels.chunks(ROWS).enumerate() {
            let rows = hidden.narrow(0, chunk * ROWS, labels.len())?;
            let (found, by_score) = kernels::cross_entropy(&output.scores(&rows)?, labels)?;
            losses.extend(found);
            if !with_gradient {
                continue;
            }
            let mut gradient: Option<Tensor> = None;
            for piece in output.pieces() {
                let (start, weight) = piece?;
                let by_score = by_score.narrow(1, start, weight.dim(0)?)?.contiguous()?;
                let (part, _) = linear_backward(&by_score, &rows, &weight, None, true)?;
                gradient = match (gradient, part) {
                    (Some(sum), Some(part)) => Some((sum + part)?),
                    (sum, part) => sum.or(part),
                };
            }
            gradients.extend(gradient);
        }
        let gradient = if with_gradient { Some(Tensor::cat(&gradients, 0)?) } else { None };
        Ok((losses, gradient))
    })
}
