//! AdamW (I. Loshchilov, F. Hutter, "Decoupled Weight Decay Regularization", 2019) over one slice of values, with clipping by the
//! global norm.

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.99;
const EPSILON: f32 = 1e-8;

#[derive(Clone, PartialEq)]
pub(super) struct AdamW {
    pub(super) first: Vec<f32>,
    pub(super) second: Vec<f32>,
    /// Steps that were done.
    pub(super) step: u32,
}

/// The hyper-parameters of a step.
#[derive(Clone, Copy)]
pub(super) struct Rate {
    pub(super) rate: f64,
    pub(super) decay: f64,
    /// The greatest norm of a gradient.
    pub(super) clip: f64,
}

impl AdamW {
    pub(super) fn new(values: usize) -> Self {
        Self { first: vec![0.0; values], second: vec![0.0; values], step: 0 }
    }

    /// Changes the values. False, and no change, if the gradient is not finite.
    pub(super) fn step(&mut self, values: &mut [f32], gradient: &[f32], by: Rate) -> bool {
        let norm = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
        if !norm.is_finite() {
            return false;
        }
        self.step += 1;
        let done = f64::from(self.step);
        let scale = (by.clip / (norm + 1e-6)).min(1.0) as f32;
        let rate = (by.rate / (1.0 - BETA1.powf(done))) as f32;
        let root = (1.0 / (1.0 - BETA2.powf(done)).sqrt()) as f32;
        let keep = (1.0 - by.rate * by.decay) as f32;
        let (beta1, beta2) = (BETA1 as f32, BETA2 as f32);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((value, gradient), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
            let gradient = gradient * scale;
            *first = beta1 * *first + (1.0 - beta1) * gradient;
            *second = beta2 * *second + (1.0 - beta2) * gradient * gradient;
            *value = *value * keep - rate * *first / (second.sqrt() * root + EPSILON);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_bottom_of_a_bowl() {
        let mut values = [3.0, -2.0];
        let mut optimiser = AdamW::new(2);
        let by = Rate { rate: 0.05, decay: 0.0, clip: 1.0 };
        for _ in 0..400 {
            let gradient = [2.0 * (values[0] - 1.0), 20.0 * (values[1] - 0.5)];
            assert!(optimiser.step(&mut values, &gradient, by));
        }
        assert!((values[0] - 1.0f32).abs() < 0.02 && (values[1] - 0.5f32).abs() < 0.02, "{values:?}");
        let before = values;
        assert!(!optimiser.step(&mut values, &[f32::NAN, 0.0], by));
        assert_eq!((values, optimiser.step), (before, 400));
    }
}
