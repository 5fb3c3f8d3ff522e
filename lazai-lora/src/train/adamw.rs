//! AdamW (I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", 2019), with warm-up, a schedule and clipping
//! by the global norm. The arithmetic is that of PyTorch's `AdamW` and `clip_grad_norm_`.

use candle_core::Tensor;
use lazai_core::record::Schedule;

use super::TrainConfig;
use crate::adapter::{Adapter, Gradients};
use crate::error::{Result, TrainError};
use crate::kernels::{AdamStep, adam, square_sum};

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;
/// PyTorch adds it to the norm that it divides by.
const CLIP_EPSILON: f64 = 1e-6;

pub(super) struct AdamW {
    /// First and second moments, one of each for every parameter.
    pub(super) first: Vec<Tensor>,
    pub(super) second: Vec<Tensor>,
    /// Steps that were done.
    pub(super) step: u32,
}

impl AdamW {
    pub(super) fn new(adapter: &Adapter) -> Result<Self> {
        let zeros = || adapter.parameters().iter().map(|p| Ok(p.zeros_like()?)).collect::<Result<Vec<_>>>();
        Ok(Self { first: zeros()?, second: zeros()?, step: 0 })
    }

    /// A step without anything to learn: the schedule goes on.
    pub(super) fn skip(&mut self) {
        self.step += 1;
    }

    /// Changes the adapter by its gradients; nothing, if one of them is not finite.
    pub(super) fn step(
        &mut self,
        adapter: &mut Adapter,
        gradients: &Gradients,
        config: &TrainConfig,
        rate: f64,
    ) -> Result<(), TrainError> {
        let mut squares = 0.0;
        for gradient in gradients.0.iter().flatten() {
            squares += square_sum(gradient)?;
        }
        let norm = squares.sqrt();
        if !norm.is_finite() {
            return Err(TrainError::NotFinite { what: "gradient", step: self.step + 1 });
        }
        let clip = f64::from(config.clip_norm_milli) / 1e3;
        let done = f64::from(self.step + 1);
        let step = AdamStep {
            beta1: BETA1,
            beta2: BETA2,
            epsilon: EPSILON,
            rate,
            decay: f64::from(config.weight_decay_micro) / 1e6,
            scale: (clip / (norm + CLIP_EPSILON)).min(1.0),
            correction1: 1.0 - BETA1.powf(done),
            correction2: 1.0 - BETA2.powf(done),
        };
        self.step += 1;
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, gradient), (first, second)) in
            adapter.parameters_mut().iter_mut().zip(&gradients.0).zip(moments)
        {
            let Some(gradient) = gradient else { continue };
            [*parameter, *first, *second] = adam(&step, [parameter, first, second], gradient)?;
        }
        Ok(())
    }
}

/// The learning rate of a step, counted from 0.
pub(super) fn rate(config: &TrainConfig, step: u32, steps: u32) -> f64 {
    let peak = f64::from(config.learning_rate_micro) / 1e6;
    if step < config.warmup_steps {
        return peak * f64::from(step + 1) / f64::from(config.warmup_steps);
    }
    let span = f64::from(steps.saturating_sub(config.warmup_steps).max(1));
    let progress = (f64::from(step - config.warmup_steps) / span).min(1.0);
    match config.schedule {
        Schedule::Linear => peak * (1.0 - progress),
        Schedule::Constant => peak,
        _ => peak * (0.1 + 0.9 * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_rise_and_fall_as_scheduled() {
        let config =
            |schedule| TrainConfig { learning_rate_micro: 1_000, warmup_steps: 4, schedule, ..Default::default() };
        let rates = |schedule| (0..14).map(|step| rate(&config(schedule), step, 14)).collect::<Vec<_>>();
        for schedule in [Schedule::Cosine, Schedule::Linear, Schedule::Constant] {
            let rates = rates(schedule);
            assert_eq!(rates[..4], [0.25e-3, 0.5e-3, 0.75e-3, 1e-3], "{schedule:?}");
            assert!(rates[4..].windows(2).all(|pair| pair[1] <= pair[0]), "{schedule:?}");
        }
        assert_eq!(rates(Schedule::Constant)[13], 1e-3);
        assert!((rates(Schedule::Linear)[13] - 0.1e-3).abs() < 1e-9);
        let last = rates(Schedule::Cosine)[13];
        assert!(last > 0.1e-3 && last < 0.15e-3);
    }
}
