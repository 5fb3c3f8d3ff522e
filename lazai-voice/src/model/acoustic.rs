//! The spectrum of each frame: the second of the two networks.

use super::block::{self, Block, Shape};
use super::layers::{Convolution, Linear, Norm, Normed};
use super::text::{self, Text};
use super::{ACOUSTIC_BLOCKS, ACOUSTIC_REPEATS, ACOUSTIC_TEXT as TEXT, ACOUSTIC_WIDTH as WIDTH, HEAD, Weights};
use crate::adapter::{Adapter, Gradients};
use crate::error::Result;
use crate::math::ln;

/// Channels in front of the first convolution: phonemes, pitch, strength.
const INPUT: usize = TEXT + 2;

#[derive(Clone)]
pub(super) struct Acoustic {
    text: Text,
    into: Convolution,
    blocks: Vec<Block>,
    norm: Norm,
    head: Linear,
    head_module: usize,
}

/// The spectral parts of each frame, `[frames, HEAD]`, with the pass behind them.
pub(crate) struct Spectra {
    text: text::Tape,
    blocks: Vec<block::Tape>,
    normed: Normed,
    input: Vec<f32>,
    hidden: Vec<f32>,
    pub(crate) parts: Vec<f32>,
}

impl Acoustic {
    pub(super) fn load(from: &Weights<'_>, module: usize) -> Result<Self> {
        let first_block = module + 4 + 4 * ACOUSTIC_REPEATS;
        let shape = Shape { channels: WIDTH, inner: 3 * WIDTH, taps: 7, dilation: 1 };
        let block = |i: usize| Block::load(from, &format!("m.dec.{i}"), shape, first_block + 2 * i);
        Ok(Self {
            text: Text::load(from, "m.text", TEXT, ACOUSTIC_REPEATS, module)?,
            into: Convolution::load(from, "m.dec_in", INPUT, WIDTH, 7)?,
            blocks: (0..ACOUSTIC_BLOCKS).map(block).collect::<Result<_>>()?,
            norm: Norm::load(from, "m.dec_norm", WIDTH)?,
            head: Linear::load(from, "m.head.weight", "m.head.bias", WIDTH, HEAD)?,
            head_module: first_block + 2 * ACOUSTIC_BLOCKS,
        })
    }

    /// Phonemes that last so many units of two frames each, with pitch in hertz and strength by frame.
    pub(super) fn forward(
        &self,
        ids: &[u32],
        durations: &[usize],
        (f0, energy): (&[f32], &[f32]),
        low: Option<&Adapter>,
    ) -> Spectra {
        let mut blocks = Vec::new();
        let spectra = self.pass(ids, durations, (f0, energy), low, &mut |tape| blocks.push(tape));
        Spectra { blocks, ..spectra }
    }

    /// The parts alone: what training goes back by is let go on the way, most of a pass's memory.
    pub(super) fn parts(
        &self,
        ids: &[u32],
        durations: &[usize],
        melody: (&[f32], &[f32]),
        low: Option<&Adapter>,
    ) -> Vec<f32> {
        self.pass(ids, durations, melody, low, &mut drop).parts
    }

    /// A pass, which hands out each block's tape.
    fn pass(
        &self,
        ids: &[u32],
        durations: &[usize],
        (f0, energy): (&[f32], &[f32]),
        low: Option<&Adapter>,
        on_tape: &mut dyn FnMut(block::Tape),
    ) -> Spectra {
        let (encoded, text) = self.text.forward(ids, low);
        let mut x = Vec::with_capacity(f0.len() * INPUT);
        let units = super::lasting(&encoded, TEXT, durations);
        for (frame, (&f0, &energy)) in f0.iter().zip(energy).enumerate() {
            x.extend_from_slice(&units[frame / 2 * TEXT..][..TEXT]);
            x.extend([ln(1.0 + f0.max(0.0)) / 5.0, energy]);
        }
        let mut x = self.into.forward(&x);
        for block in &self.blocks {
            let tape;
            (x, tape) = block.forward(x, low);
            on_tape(tape);
        }
        let (input, normed) = self.norm.forward(&x);
        let (parts, hidden) = self.head.forward(&input, low.map(|low| low.factors(self.head_module)));
        Spectra { text, blocks: Vec::new(), normed, input, hidden, parts }
    }

    /// From the gradient by the parts; gives that by strength. Pitch is taken as given.
    pub(super) fn backward(
        &self,
        spectra: &Spectra,
        durations: &[usize],
        gradient: &[f32],
        low: &Adapter,
        to: &mut Gradients,
    ) -> Vec<f32> {
        let (head, slot) = (low.factors(self.head_module), low.slot(to, self.head_module));
        let gradient = self.head.backward(&spectra.input, &spectra.hidden, gradient, head, slot);
        let mut gradient = self.norm.backward(&spectra.normed, &gradient);
        for (block, tape) in self.blocks.iter().zip(&spectra.blocks).rev() {
            gradient = block.backward(tape, gradient, low, to);
        }
        let gradient = self.into.backward(&gradient);
        let mut units = vec![0.0; gradient.len() / INPUT / 2 * TEXT];
        for (frame, row) in gradient.chunks_exact(INPUT).enumerate() {
            for (unit, value) in units[frame / 2 * TEXT..][..TEXT].iter_mut().zip(row) {
                *unit += value;
            }
        }
        self.text.backward(&spectra.text, &super::lasting_backward(&units, TEXT, durations), low, to);
        gradient.chunks_exact(INPUT).map(|row| row[INPUT - 1]).collect()
    }
}
