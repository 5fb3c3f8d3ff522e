#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::*;
use crate::base::Weight;
use crate::serve::blocks;
use crate::serve::weights::{BLOCK, place_of};

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

/// Each kernel computes the product, up to what quantising the activations costs, and all the same: those with fused
/// instructions to the bit.
#[test]
fn products_are_products() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for dtype in KINDS {
        let weight = weight(dtype, 40, 512, &mut rng);
        let packed = Packed::new(&[&weight]).unwrap();
        let inputs = inputs(5, 512, &mut rng);
        let exact = weight.to_f32(&Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        let detected = multiplied(Instructions::detect(), &packed, &inputs);
        for with in Instructions::available() {
            let found = multiplied(with, &packed, &inputs);
            for (i, input) in inputs.iter().enumerate() {
                for (j, weights) in exact.iter().enumerate() {
                    let terms = weights.iter().zip(&input.values).map(|(w, x)| f64::from(*w) * f64::from(*x));
                    let (expected, found) = (terms.sum::<f64>(), found[i][j]);
                    let most = if matches!(packed.form, Form::Quantised(_)) { 0.06 } else { 1e-4 };
                    assert!((f64::from(found) - expected).abs() < most, "{with:?}, {dtype:?}: {found}, not {expected}");
                    assert!((found - detected[i][j]).abs() < 1e-4, "{with:?}, {dtype:?}: kernels differ");
                }
            }
            assert!(with == Instructions::Portable || found == detected, "{with:?}, {dtype:?}: kernels differ in bits");
        }
    }
}

/// One block's sums, scaled by powers of two, are what integers give: for all bytes that weights can be, and the greatest
/// numbers.
#[test]
fn sums_of_blocks_are_exact() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let greatest = [(0, 127), (0, -127), (255, 127), (255, -127), (128, -127), (127, 127)];
    for round in 0..200 {
        for kind in KINDS.into_iter().flatten().filter_map(blocks::kind_of) {
            let form = Form::Quantised(kind);
            let (byte, number) = greatest.get(round).copied().unzip();
            let mut panel: Vec<u8> = (0..form.numbers(BLOCK)).map(|_| byte.unwrap_or(rng.next_u32() as u8)).collect();
            let runs = BLOCK / kind.run;
            // Each run and each lane has a scale of its own; offsets are other ones.
            let scale = |run: usize, lane: usize| f32::from(1_u8 << (run + lane % 3));
            for lane in
                (0..runs).flat_map(|run| (0..PANEL * if kind.offsets { 2 } else { 1 }).map(move |i| scale(run, i)))
            {
                match kind.short {
                    true => panel.extend(half::f16::from_f32(lane).to_le_bytes()),
                    false => panel.extend(lane.to_le_bytes()),
                }
            }
            let draw = |_| number.unwrap_or((rng.next_u32() % 255) as i16 - 127) as i8;
            let numbers: Vec<i8> = (0..BLOCK).map(draw).collect();
            let sum = |numbers: &[i8]| numbers.iter().map(|number| i32::from(*number)).sum::<i32>();
            let sums = vec![sum(&numbers[..16]), sum(&numbers[16..])];
            let whole = sum(&numbers) as f32;
            let owned = Owned { values: vec![0.0; BLOCK], numbers, scales: vec![1.0], sums, wholes: vec![whole] };
            let expected: [f32; PANEL] = std::array::from_fn(|lane| {
                let term = |column: usize| {
                    let (place, shift) = place_of(kind, column, lane);
                    let weight = i32::from(panel[place] >> shift & if kind.nibbles { 15 } else { 255 }) - kind.zero;
                    scale(column / kind.run, lane) * (weight * i32::from(owned.numbers[column])) as f32
                };
                let offset = if kind.offsets { scale(0, PANEL + lane) * whole } else { 0.0 };
                (0..BLOCK).map(term).sum::<f32>() + offset
            });
            for with in Instructions::available() {
                let mut out = [[0.0; PANEL]];
                tile_of(with, form, BLOCK, &panel, &[owned.input()], &mut out);
                assert_eq!(out[0], expected, "{with:?}, {kind:?}");
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
        for with in Instructions::available() {
            let alone: Vec<_> =
                inputs.iter().flat_map(|x| multiplied(with, &packed, std::slice::from_ref(x))).collect();
            for rows in (1..=8).chain([23]) {
                assert_eq!(
                    multiplied(with, &packed, &inputs[..rows]),
                    alone[..rows],
                    "{with:?}, {dtype:?}, {rows} rows"
                );
            }
        }
    }
}

/// How fast each set of instructions is, on one thread: bytes of weights and operations a second, the best of some rounds.
#[test]
#[ignore = "measures, and holds nothing"]
#[allow(clippy::print_stdout, reason = "what it measures")]
fn speeds() {
    const ROUNDS: usize = 40;
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for dtype in [None, Some(GgmlDType::BF16), Some(GgmlDType::Q4_1), Some(GgmlDType::Q8_0), Some(GgmlDType::Q6K)] {
        let packed = Packed::new(&[&weight(dtype, 1024, 2048, &mut rng)]).unwrap();
        for rows in [1, 8] {
            let inputs = inputs(rows, 2048, &mut rng);
            let mut best = vec![f64::INFINITY; Instructions::ALL.len()];
            for _ in 0..ROUNDS {
                // In turns, so that all meet the same machine.
                for (best, with) in best.iter_mut().zip(Instructions::available()) {
                    let start = std::time::Instant::now();
                    std::hint::black_box(multiplied(with, &packed, &inputs));
                    *best = best.min(start.elapsed().as_secs_f64());
                }
            }
            for (seconds, with) in best.into_iter().zip(Instructions::available()) {
                let bytes = packed.bytes() as f64 / seconds / 1e9;
                let operations = 2.0 * (rows * 1024 * 2048) as f64 / seconds / 1e9;
                let dtype = dtype.map_or("F32".to_owned(), |dtype| format!("{dtype:?}"));
                println!("{dtype:>5} x{rows}: {:>12} {bytes:6.1} GB/s {operations:7.1} GFLOP/s", with.name());
            }
        }
    }
}
