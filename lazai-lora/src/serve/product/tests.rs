#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::*;
use crate::base::Weight;
use crate::serve::weights::BLOCK;

struct Rows(Mutex<Vec<Vec<f32>>>);

impl Output for Rows {
    fn put(&self, row: usize, column: usize, values: [f32; PANEL]) {
        let row = &mut self.0.lock().unwrap()[row];
        let end = row.len().min(column + PANEL);
        row[column..end].copy_from_slice(&values[..end - column]);
    }
}

const KINDS: [Option<GgmlDType>; 10] = [
    None,
    Some(GgmlDType::BF16),
    Some(GgmlDType::Q4_0),
    Some(GgmlDType::Q4_1),
    Some(GgmlDType::Q5_0),
    Some(GgmlDType::Q5_1),
    Some(GgmlDType::Q8_0),
    Some(GgmlDType::Q4K),
    Some(GgmlDType::Q5K),
    Some(GgmlDType::Q6K),
];

fn weight(dtype: Option<GgmlDType>, rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Weight {
    let draw = |_| rng.next_u32() as f32 / u32::MAX as f32 - 0.4;
    let values: Vec<f32> = (0..rows * columns).map(draw).collect();
    let tensor = Tensor::from_vec(values, (rows, columns), &Device::Cpu).unwrap();
    match dtype {
        None => Weight::Dense(tensor),
        Some(GgmlDType::BF16) => Weight::Dense(tensor.to_dtype(DType::BF16).unwrap()),
        Some(dtype) => Weight::Quantised(Arc::new(QTensor::quantize(&tensor, dtype).unwrap())),
    }
}

/// Activations that own what they are.
struct Owned {
    values: Vec<f32>,
    numbers: Vec<i8>,
    scales: Vec<f32>,
    sums: Vec<i32>,
    wholes: Vec<f32>,
}

impl Owned {
    fn input(&self) -> Input<'_> {
        let Self { values, numbers, scales, sums, wholes } = self;
        Input { values, numbers, scales, sums, wholes }
    }
}

fn inputs(rows: usize, columns: usize, rng: &mut ChaCha8Rng) -> Vec<Owned> {
    let row = |_| {
        let values: Vec<f32> = (0..columns).map(|_| rng.next_u32() as f32 / u32::MAX as f32 - 0.5).collect();
        let mut numbers = vec![0; columns];
        let blocks = values.chunks(BLOCK).zip(numbers.chunks_mut(BLOCK)).map(|(v, n)| quantise(v, n));
        let (scales, sums): (Vec<f32>, Vec<[i32; 2]>) = blocks.unzip();
        let wholes = scales.iter().zip(&sums).map(|(scale, [low, high])| scale * (low + high) as f32).collect();
        Owned { values, numbers, scales, sums: sums.concat(), wholes }
    };
    (0..rows).map(row).collect()
}

fn multiplied(with: Instructions, packed: &Packed, inputs: &[Owned]) -> Vec<Vec<f32>> {
    let out = Rows(Mutex::new(vec![vec![0.0; packed.rows]; inputs.len()]));
    product(with, packed, 0..packed.panels(), &inputs.iter().map(Owned::input).collect::<Vec<_>>(), 0, &out);
    out.0.into_inner().unwrap()
}

/// Weights are unpacked to what the library makes of them.
#[test]
fn packed_weights_are_the_weights() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for dtype in KINDS {
        let weight = weight(dtype, 40, 512, &mut rng);
        let packed = Packed::new(&[&weight]).unwrap();
        let expected = weight.to_f32(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        for (i, expected) in expected.iter().enumerate() {
            let mut row = vec![0.0; 512];
            packed.row(i, &mut row);
            for (found, expected) in row.iter().zip(expected) {
                assert!((found - expected).abs() <= 1e-6, "{dtype:?}: {found}, expected {expected}");
            }
        }
    }
}

/// Each kernel computes the product, up to what quantising the activations costs, and both kernels the same.
#[test]
fn products_are_products() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for dtype in KINDS {
        let weight = weight(dtype, 40, 512, &mut rng);
        let packed = Packed::new(&[&weight]).unwrap();
        let inputs = inputs(5, 512, &mut rng);
        let exact = weight.to_f32(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        let detected = multiplied(Instructions::detect(), &packed, &inputs);
        let portable = multiplied(Instructions::Portable, &packed, &inputs);
        for (i, input) in inputs.iter().enumerate() {
            for (j, weights) in exact.iter().enumerate() {
                let expected: f64 = weights.iter().zip(&input.values).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                let error = (f64::from(detected[i][j]) - expected).abs();
                let most = if matches!(packed.form, Form::Quantised(_)) { 0.06 } else { 1e-4 };
                assert!(error < most, "{dtype:?}: {} instead of {expected}", detected[i][j]);
                assert!((detected[i][j] - portable[i][j]).abs() < 1e-4, "{dtype:?}: kernels differ");
            }
        }
    }
}

/// A row's bits are the same alone and among others.
#[test]
fn rows_do_not_depend_on_others() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    for dtype in KINDS {
        let packed = Packed::new(&[&weight(dtype, 33, 512, &mut rng)]).unwrap();
        let inputs = inputs(23, 512, &mut rng);
        for with in [Instructions::detect(), Instructions::Portable] {
            let all = multiplied(with, &packed, &inputs);
            for (i, input) in inputs.iter().enumerate() {
                assert_eq!(multiplied(with, &packed, std::slice::from_ref(input))[0], all[i], "{dtype:?}");
            }
        }
    }
}
