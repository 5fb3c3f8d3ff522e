//! The gradient of every family against differences of its loss.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use candle_core::Tensor;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::*;
use crate::adapter::{LoraConfig, Targets};
use crate::base::WeightFormat;
use crate::device::Compute;

/// Values from -1 to 1, shaped as an adapter's parameters.
fn random(adapter: &Adapter, seed: u64, most: f32) -> Vec<Tensor> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let tensors = adapter.parameters().iter().map(|parameter| {
        let values = (0..parameter.elem_count()).map(|_| (rng.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0) * most);
        Tensor::from_vec(values.collect::<Vec<_>>(), parameter.shape(), parameter.device()).unwrap()
    });
    tensors.collect()
}

fn moved(adapter: &Adapter, direction: &[Tensor], step: f64) -> Adapter {
    let mut adapter = adapter.clone();
    for (parameter, direction) in adapter.parameters_mut().iter_mut().zip(direction) {
        *parameter = (&*parameter + (direction * step).unwrap()).unwrap();
    }
    adapter
}

/// The mean loss over two sequences, and the gradients if they are wanted.
fn loss(base: &BaseModel, adapter: &Adapter, recompute: Option<bool>) -> (f64, Gradients) {
    let tokens: Vec<u32> = (0..31).map(|i| (i * i * 5 + i * 11 + 40) % 300).collect();
    let sequences = [&tokens[..20], &tokens[20..]];
    let labels: Vec<u32> = (0..31).map(|i| (i * 13 + 7) % 300).collect();
    let (hidden, tape) = forward(base, adapter, &[], &sequences, recompute == Some(true)).unwrap();
    let (losses, gradient) = cross_entropy(base, &hidden, &labels, recompute.is_some()).unwrap();
    let mut gradients = Gradients::new(adapter);
    if let Some(gradient) = gradient {
        backward(base, adapter, tape, &gradient, &mut gradients).unwrap();
    }
    (losses.into_iter().map(f64::from).sum(), gradients)
}

#[test]
fn the_gradient_of_every_family_is_its_slope() {
    let names = ["llama3", "qwen2", "qwen3", "gemma3", "smollm3", "granite", "phi3", "qwen2-yarn", "mistral-window"];
    for name in names.into_iter().chain(["gguf/gemma3-f16.gguf"]) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models").join(name);
        let base = BaseModel::open(&path, &Compute::cpu(), WeightFormat::F32).unwrap();
        let config = LoraConfig { rank: 3, alpha: 6, rank_stabilised: false, targets: Targets::AllLinear };
        let mut adapter = Adapter::new(&base, config, 1).unwrap();
        let start = random(&adapter, 2, 0.1);
        adapter.parameters_mut().clone_from_slice(&start);
        let (_, gradients) = loss(&base, &adapter, Some(false));
        let (_, again) = loss(&base, &adapter, Some(true));
        for seed in 3..7 {
            let direction = random(&adapter, seed, 1.0);
            let along = |gradients: &Gradients| -> f64 {
                let parts = gradients.0.iter().zip(&direction).map(|(gradient, direction)| {
                    let gradient = gradient.as_ref().expect("every parameter has a gradient");
                    f64::from((gradient * direction).unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap())
                });
                parts.sum()
            };
            let (told, recomputed) = (along(&gradients), along(&again));
            assert!((told - recomputed).abs() < 1e-4 * (1.0 + told.abs()), "{name}: {told}, recomputed {recomputed}");
            let step = 1e-3;
            let [there, back] = [step, -step].map(|step| loss(&base, &moved(&adapter, &direction, step), None).0);
            let measured = (there - back) / (2.0 * step);
            assert!((measured - told).abs() < 0.02 * (1.0 + told.abs()), "{name}: {measured}, gradient says {told}");
        }
    }
}
