//! A ConvNeXt block (Z. Liu et al., "A ConvNet for the 2020s", 2022) over time: neighbours by channel, then channels by moment.

use super::Weights;
use super::layers::{Depthwise, Linear, Norm, Normed, activate, activate_backward};
use crate::adapter::{Adapter, Gradients};
use crate::error::Result;

#[derive(Clone)]
pub(super) struct Block {
    conv: Depthwise,
    norm: Norm,
    widen: Linear,
    narrow: Linear,
    gamma: Vec<f32>,
    /// The place of `widen` among the modules; `narrow` is the next.
    module: usize,
}

/// The shape of a block.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) channels: usize,
    pub(super) inner: usize,
    pub(super) taps: usize,
    pub(super) dilation: usize,
}

pub(super) struct Tape {
    normed: Normed,
    input: Vec<f32>,
    widened: [Vec<f32>; 2],
    active: Vec<f32>,
    narrowed: Vec<f32>,
}

impl Block {
    pub(super) fn load(from: &Weights<'_>, name: &str, shape: Shape, module: usize) -> Result<Self> {
        let Shape { channels, inner, taps, dilation } = shape;
        let linear = |part: &str, input, output| {
            Linear::load(from, &format!("{name}.{part}.weight"), &format!("{name}.{part}.bias"), input, output)
        };
        Ok(Self {
            conv: Depthwise::load(from, &format!("{name}.dw"), channels, taps, dilation)?,
            norm: Norm::load(from, &format!("{name}.norm"), channels)?,
            widen: linear("pw1", channels, inner)?,
            narrow: linear("pw2", inner, channels)?,
            gamma: from.take(&format!("{name}.gamma"), &[channels])?,
            module,
        })
    }

    pub(super) fn forward(&self, mut x: Vec<f32>, low: Option<&Adapter>) -> (Vec<f32>, Tape) {
        let (input, normed) = self.norm.forward(&self.conv.forward(&x));
        let (wide, widened) = self.widen.forward(&input, low.map(|low| low.factors(self.module)));
        let active = activate(&wide);
        let (out, narrowed) = self.narrow.forward(&active, low.map(|low| low.factors(self.module + 1)));
        for (x, out) in x.chunks_exact_mut(self.gamma.len()).zip(out.chunks_exact(self.gamma.len())) {
            for ((x, out), gamma) in x.iter_mut().zip(out).zip(&self.gamma) {
                *x += gamma * out;
            }
        }
        (x, Tape { normed, input, widened: [wide, widened], active, narrowed })
    }

    pub(super) fn backward(&self, tape: &Tape, mut gradient: Vec<f32>, low: &Adapter, to: &mut Gradients) -> Vec<f32> {
        let mut inner = gradient.clone();
        for row in inner.chunks_exact_mut(self.gamma.len()) {
            for (value, gamma) in row.iter_mut().zip(&self.gamma) {
                *value *= gamma;
            }
        }
        let (module, narrow) = (self.module, self.module + 1);
        let mut inner =
            self.narrow.backward(&tape.active, &tape.narrowed, &inner, low.factors(narrow), low.slot(to, narrow));
        activate_backward(&tape.widened[0], &mut inner);
        let inner =
            self.widen.backward(&tape.input, &tape.widened[1], &inner, low.factors(module), low.slot(to, module));
        self.conv.backward(&self.norm.backward(&tape.normed, &inner), &mut gradient);
        gradient
    }
}
