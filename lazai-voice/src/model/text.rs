//! Phonemes as rows of values: an embedding, two blocks, and one transformer layer that is applied several times.

use super::attention::{self, Layer};
use super::block::{self, Block, Shape};
use super::layers::{Norm, Normed};
use super::{VOCABULARY, Weights};
use crate::adapter::{Adapter, Gradients};
use crate::error::Result;

/// Linear modules of the blocks.
const BLOCK_MODULES: usize = 4;

#[derive(Clone)]
pub(super) struct Text {
    embedding: Vec<f32>,
    width: usize,
    blocks: [Block; 2],
    layer: Layer,
    repeats: usize,
    norm: Norm,
    module: usize,
}

pub(super) struct Tape {
    blocks: Vec<block::Tape>,
    layers: Vec<attention::Tape>,
    normed: Normed,
}

impl Text {
    pub(super) fn load(from: &Weights<'_>, name: &str, width: usize, repeats: usize, module: usize) -> Result<Self> {
        let shape = Shape { channels: width, inner: 2 * width, taps: 5, dilation: 1 };
        let block = |i: usize| Block::load(from, &format!("{name}.convs.{i}"), shape, module + 2 * i);
        Ok(Self {
            embedding: from.take(&format!("{name}.emb.weight"), &[VOCABULARY, width])?,
            width,
            blocks: [block(0)?, block(1)?],
            layer: Layer::load(from, &format!("{name}.attn"), width)?,
            repeats,
            norm: Norm::load(from, &format!("{name}.norm"), width)?,
            module,
        })
    }

    /// Ids are below [`VOCABULARY`].
    pub(super) fn forward(&self, ids: &[u32], low: Option<&Adapter>) -> (Vec<f32>, Tape) {
        let rows = ids.iter().flat_map(|&id| &self.embedding[id as usize * self.width..][..self.width]);
        let mut x: Vec<f32> = rows.copied().collect();
        let (mut blocks, mut layers) = (Vec::new(), Vec::new());
        for block in &self.blocks {
            let tape;
            (x, tape) = block.forward(x, low);
            blocks.push(tape);
        }
        for repeat in 0..self.repeats {
            let tape;
            (x, tape) = self.layer.forward(x, self.layer_module(repeat), low);
            layers.push(tape);
        }
        let (x, normed) = self.norm.forward(&x);
        (x, Tape { blocks, layers, normed })
    }

    pub(super) fn backward(&self, tape: &Tape, gradient: &[f32], low: &Adapter, to: &mut Gradients) {
        let mut gradient = self.norm.backward(&tape.normed, gradient);
        for (repeat, tape) in tape.layers.iter().enumerate().rev() {
            gradient = self.layer.backward(tape, gradient, self.layer_module(repeat), low, to);
        }
        for (block, tape) in self.blocks.iter().zip(&tape.blocks).rev() {
            gradient = block.backward(tape, gradient, low, to);
        }
    }

    fn layer_module(&self, repeat: usize) -> usize {
        self.module + BLOCK_MODULES + repeat * attention::MODULES
    }
}
