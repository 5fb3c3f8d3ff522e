//! How long each phoneme lasts, and how the voice's pitch and strength move: the first of the two networks.

use super::block::{self, Block, Shape};
use super::layers::{Convolution, activate, activate_backward};
use super::text::{self, Text};
use super::{PROSODY_BLOCKS, PROSODY_REPEATS, PROSODY_WIDTH as WIDTH, Weights};
use crate::adapter::{Adapter, Gradients};
use crate::error::Result;

/// Rows that blocks see far apart.
const DILATIONS: [usize; PROSODY_BLOCKS] = [1, 2, 4, 8, 1, 2];
/// Hertz of one unit of the network's pitch.
const HERTZ: f32 = 100.0;

#[derive(Clone)]
pub(super) struct Prosody {
    text: Text,
    duration: [Convolution; 2],
    into: Convolution,
    blocks: Vec<Block>,
    out: Convolution,
}

/// The network's output up to the durations.
pub(crate) struct Timing {
    encoded: Vec<f32>,
    inner: Vec<f32>,
    text: text::Tape,
    /// For each phoneme, the logarithm of its duration in units of 25 ms plus one.
    pub(crate) log_durations: Vec<f32>,
}

/// Pitch and strength by frames of 12.5 ms.
pub(crate) struct Melody {
    blocks: Vec<block::Tape>,
    /// Hertz; at most 40 where there is no voice.
    pub(crate) f0: Vec<f32>,
    pub(crate) energy: Vec<f32>,
}

impl Prosody {
    pub(super) fn load(from: &Weights<'_>, module: usize) -> Result<Self> {
        let first_block = module + 4 + 4 * PROSODY_REPEATS;
        let block = |(i, &dilation): (usize, &usize)| {
            let shape = Shape { channels: WIDTH, inner: 2 * WIDTH, taps: 7, dilation };
            Block::load(from, &format!("pn.pro.{i}"), shape, first_block + 2 * i)
        };
        Ok(Self {
            text: Text::load(from, "pn.text", WIDTH, PROSODY_REPEATS, module)?,
            duration: [
                Convolution::load(from, "pn.dur.0", WIDTH, WIDTH, 3)?,
                Convolution::load(from, "pn.dur.2", WIDTH, 1, 1)?,
            ],
            into: Convolution::load(from, "pn.pro_in", WIDTH, WIDTH, 1)?,
            blocks: DILATIONS.iter().enumerate().map(block).collect::<Result<_>>()?,
            out: Convolution::load(from, "pn.pro_out", WIDTH, 4, 1)?,
        })
    }

    pub(super) fn timing(&self, ids: &[u32], low: Option<&Adapter>) -> Timing {
        let (encoded, text) = self.text.forward(ids, low);
        let inner = self.duration[0].forward(&encoded);
        let log_durations = self.duration[1].forward(&activate(&inner));
        Timing { encoded, inner, text, log_durations }
    }

    /// Each phoneme lasts so many units of 25 ms.
    pub(super) fn melody(&self, timing: &Timing, durations: &[usize], low: Option<&Adapter>) -> Melody {
        let mut x = self.into.forward(&super::lasting(&timing.encoded, WIDTH, durations));
        let mut blocks = Vec::new();
        for block in &self.blocks {
            let tape;
            (x, tape) = block.forward(x, low);
            blocks.push(tape);
        }
        // Of each unit: pitch of its two frames, strength of its two frames.
        let out = self.out.forward(&x);
        let units = out.as_chunks::<4>().0;
        let f0 = units.iter().flat_map(|unit| [unit[0] * HERTZ, unit[1] * HERTZ]).collect();
        let energy = units.iter().flat_map(|unit| [unit[2], unit[3]]).collect();
        Melody { blocks, f0, energy }
    }

    /// From gradients by logarithms of durations, by pitch in hertz and by strength.
    pub(super) fn backward(
        &self,
        (timing, melody, durations): (&Timing, &Melody, &[usize]),
        (by_duration, by_f0, by_energy): (&[f32], &[f32], &[f32]),
        low: &Adapter,
        to: &mut Gradients,
    ) {
        let frames = by_f0.as_chunks::<2>().0.iter().zip(by_energy.as_chunks::<2>().0);
        let out: Vec<f32> =
            frames.flat_map(|(f0, energy)| [f0[0] * HERTZ, f0[1] * HERTZ, energy[0], energy[1]]).collect();
        let mut gradient = self.out.backward(&out);
        for (block, tape) in self.blocks.iter().zip(&melody.blocks).rev() {
            gradient = block.backward(tape, gradient, low, to);
        }
        let mut encoded = super::lasting_backward(&self.into.backward(&gradient), WIDTH, durations);
        let mut inner = self.duration[1].backward(by_duration);
        activate_backward(&timing.inner, &mut inner);
        for (encoded, by) in encoded.iter_mut().zip(self.duration[0].backward(&inner)) {
            *encoded += by;
        }
        self.text.backward(&timing.text, &encoded, low, to);
    }
}
