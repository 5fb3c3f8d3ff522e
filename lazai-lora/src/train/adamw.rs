//! AdamW (I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", 2019), with warm-up, cosine decay
//! and clipping by the global norm.

use candle_core::Tensor;
use candle_core::backprop::GradStore;

use super::TrainConfig;
use crate::adapter::Adapter;
use crate::error::Result;

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

pub(super) struct AdamW {
    /// First and second moments, in the order of [`Adapter::named`].
    pub(super) moments: Vec<(Tensor, Tensor)>,
    pub(super) step: u32,
    peak: f64,
    warmup: u32,
    decay: f64,
    clip: f64,
}

impl AdamW {
    pub(super) fn new(adapter: &Adapter, config: &TrainConfig) -> Result<Self> {
        let moments = adapter.named().map(|(_, var)| Ok((var.zeros_like()?, var.zeros_like()?)));
        Ok(Self {
            moments: moments.collect::<Result<_>>()?,
            step: 0,
            peak: f64::from(config.learning_rate_micro) / 1e6,
            warmup: config.warmup_steps,
            decay: f64::from(config.weight_decay_micro) / 1e6,
            clip: f64::from(config.clip_norm_milli) / 1e3,
        })
    }

    /// A step without anything to learn: the schedule goes on.
    pub(super) fn skip(&mut self) {
        self.step += 1;
    }

    pub(super) fn step(&mut self, adapter: &Adapter, gradients: &GradStore, steps: u32) -> Result<()> {
        let rate = self.rate(steps);
        self.step += 1;
        let mut squares = 0.0;
        for (_, var) in adapter.named() {
            if let Some(gradient) = gradients.get(var) {
                squares += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
            }
        }
        let norm = squares.sqrt();
        let scale = if norm > self.clip { self.clip / norm } else { 1.0 };
        let t = f64::from(self.step);
        let (correction1, correction2) = (1.0 - BETA1.powf(t), 1.0 - BETA2.powf(t));
        for ((_, var), (first, second)) in adapter.named().zip(&mut self.moments) {
            let Some(gradient) = gradients.get(var) else { continue };
            let gradient = (gradient * scale)?;
            *first = ((&*first * BETA1)? + (&gradient * (1.0 - BETA1))?)?;
            *second = ((&*second * BETA2)? + (gradient.sqr()? * (1.0 - BETA2))?)?;
            let denominator = ((&*second / correction2)?.sqrt()? + EPSILON)?;
            let update = ((&*first / correction1)? / denominator)?;
            let kept = (var.as_tensor() * (1.0 - rate * self.decay))?;
            var.set(&(kept - (update * rate)?)?)?;
        }
        Ok(())
    }

    /// Linear warm-up, then a cosine down to a tenth of the peak.
    fn rate(&self, steps: u32) -> f64 {
        if self.step < self.warmup {
            return self.peak * f64::from(self.step + 1) / f64::from(self.warmup);
        }
        let span = f64::from(steps.saturating_sub(self.warmup).max(1));
        let progress = (f64::from(self.step - self.warmup) / span).min(1.0);
        self.peak * (0.1 + 0.9 * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()))
    }
}
