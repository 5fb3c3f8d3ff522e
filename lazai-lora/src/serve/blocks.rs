//! The blocks of GGUF's quantised tensors, told apart into small numbers, scales and offsets.
//!
//! Layouts are those of `ggml-common.h` (ggml, MIT): a block of 32 or 256 weights, with 16-bit or 6-bit scales.

use candle_core::quantized::GgmlDType;
use half::f16;
use serde::{Deserialize, Serialize};

/// How weights of a type are kept: `w = scale (number - zero) + offset`, for each run of some weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kind {
    /// True if numbers have four bits, false for eight.
    pub(super) nibbles: bool,
    /// True if scales and offsets are 16-bit floats, as stored; false for 32-bit ones, where they are products.
    pub(super) short: bool,
    /// True if there are offsets.
    pub(super) offsets: bool,
    /// Weights under one scale: 16 or 32.
    pub(super) run: usize,
    /// The number that stands for zero.
    pub(super) zero: i32,
}

/// The kind of a type; `None` for one that is not kept in blocks here.
pub(super) fn kind_of(dtype: GgmlDType) -> Option<Kind> {
    let kind = |nibbles, short, offsets, run, zero| Some(Kind { nibbles, short, offsets, run, zero });
    match dtype {
        GgmlDType::Q4_0 => kind(true, true, false, 32, 8),
        GgmlDType::Q4_1 => kind(true, true, true, 32, 0),
        GgmlDType::Q5_0 => kind(false, true, false, 32, 16),
        GgmlDType::Q5_1 => kind(false, true, true, 32, 0),
        GgmlDType::Q8_0 => kind(false, true, false, 32, 128),
        GgmlDType::Q4K => kind(true, false, true, 32, 0),
        GgmlDType::Q5K => kind(false, false, true, 32, 0),
        GgmlDType::Q6K => kind(false, false, false, 16, 32),
        _ => None,
    }
}

/// Tells whether a type is kept so.
pub(super) fn is_known(kind: Kind) -> bool {
    use GgmlDType::{Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
    [Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4K, Q5K, Q6K].into_iter().any(|dtype| kind_of(dtype) == Some(kind))
}

/// Weights of one row: a number for each, a scale and an offset for each run.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) numbers: Vec<u8>,
    pub(super) scales: Vec<f32>,
    pub(super) offsets: Vec<f32>,
}

impl Row {
    fn run(&mut self, scale: f32, offset: f32) {
        self.scales.push(scale);
        self.offsets.push(offset);
    }
}

fn short(bytes: &[u8]) -> f32 {
    f16::from_le_bytes([bytes[0], bytes[1]]).to_f32()
}

/// Reads the blocks of one row.
pub(super) fn read(dtype: GgmlDType, bytes: &[u8]) -> Row {
    let mut row = Row::default();
    for block in bytes.chunks_exact(dtype.type_size()) {
        match dtype {
            GgmlDType::Q4_0 => halves(&mut row, &block[2..], None, short(block), 0.0),
            GgmlDType::Q4_1 => halves(&mut row, &block[4..], None, short(block), short(&block[2..])),
            GgmlDType::Q5_0 => halves(&mut row, &block[6..], Some(&block[2..6]), short(block), 0.0),
            GgmlDType::Q5_1 => halves(&mut row, &block[8..], Some(&block[4..8]), short(block), short(&block[2..])),
            GgmlDType::Q8_0 => {
                row.numbers.extend(block[2..34].iter().map(|n| n.wrapping_add(128)));
                row.run(short(block), 0.0);
            }
            GgmlDType::Q4K => four_k(&mut row, block),
            GgmlDType::Q5K => five_k(&mut row, block),
            // `kind_of` knows no other.
            _ => six_k(&mut row, block),
        }
    }
    row
}

/// 32 numbers: low nibbles first, then high ones; a fifth bit may stand apart.
fn halves(row: &mut Row, nibbles: &[u8], fifth: Option<&[u8]>, scale: f32, offset: f32) {
    let bits = fifth.map_or(0, |bits| u32::from_le_bytes([bits[0], bits[1], bits[2], bits[3]]));
    for i in 0..32 {
        let nibble = if i < 16 { nibbles[i] & 15 } else { nibbles[i - 16] >> 4 };
        row.numbers.push(nibble | ((bits >> i & 1) as u8) << 4);
    }
    row.run(scale, offset);
}

/// The scale and the offset of run `i` of eight, six bits each in twelve bytes.
fn six_bits(scales: &[u8], i: usize) -> (f32, f32) {
    let (scale, offset) = if i < 4 {
        (scales[i] & 63, scales[i + 4] & 63)
    } else {
        (scales[i + 4] & 15 | scales[i - 4] >> 6 << 4, scales[i + 4] >> 4 | scales[i] >> 6 << 4)
    };
    (scale.into(), offset.into())
}

fn four_k(row: &mut Row, block: &[u8]) {
    let (d, m) = (short(block), short(&block[2..]));
    let (scales, numbers) = block[4..].split_at(12);
    for (i, numbers) in numbers.chunks_exact(32).enumerate() {
        for (half, shift) in [(0, 0), (1, 4)] {
            row.numbers.extend(numbers.iter().map(|n| n >> shift & 15));
            let (scale, offset) = six_bits(scales, 2 * i + half);
            row.run(d * scale, -(m * offset));
        }
    }
}

fn five_k(row: &mut Row, block: &[u8]) {
    let (d, m) = (short(block), short(&block[2..]));
    let (scales, rest) = block[4..].split_at(12);
    let (fifth, numbers) = rest.split_at(32);
    for (i, numbers) in numbers.chunks_exact(32).enumerate() {
        for (half, shift) in [(0, 0), (1, 4)] {
            let run = 2 * i + half;
            let number = |(n, f): (&u8, &u8)| n >> shift & 15 | (f >> run & 1) << 4;
            row.numbers.extend(numbers.iter().zip(fifth).map(number));
            let (scale, offset) = six_bits(scales, run);
            row.run(d * scale, -(m * offset));
        }
    }
}

fn six_k(row: &mut Row, block: &[u8]) {
    let (low, rest) = block.split_at(128);
    let (high, rest) = rest.split_at(64);
    let (scales, d) = rest.split_at(16);
    let d = short(d);
    for i in 0..256 {
        // Halves of 128, in which quarters of 32 share their bytes.
        let (half, quarter, j) = (i / 128, i % 128 / 32, i % 32);
        let nibble = low[64 * half + 32 * (quarter % 2) + j] >> (4 * (quarter / 2)) & 15;
        row.numbers.push(nibble | (high[32 * half + j] >> (2 * quarter) & 3) << 4);
    }
    for scale in scales {
        row.run(d * f32::from(scale.cast_signed()), 0.0);
    }
}
