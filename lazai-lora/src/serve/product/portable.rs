//! The kernels as loops that the compiler vectorises for the processor at hand.

use half::bf16;

use super::{Input, Runs};
use crate::kernels::simd;
use crate::serve::blocks::Kind;
use crate::serve::weights::{BLOCK, Form, PANEL, get};

pub(super) fn tile(form: Form, columns: usize, panel: &[u8], inputs: &[Input<'_>], out: &mut [[f32; PANEL]]) {
    for (input, out) in inputs.iter().zip(out) {
        match form {
            Form::F32 => floats::<4>(columns, panel, input, out, f32::from_le_bytes),
            Form::Bf16 => floats::<2>(columns, panel, input, out, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            Form::Quantised(kind) => quantised(kind, columns, panel, input, out),
        }
    }
}

fn floats<const SIZE: usize>(
    columns: usize,
    panel: &[u8],
    input: &Input<'_>,
    out: &mut [f32; PANEL],
    read: impl Fn([u8; SIZE]) -> f32,
) {
    let (numbers, _) = panel[..columns * PANEL * SIZE].as_chunks::<SIZE>();
    simd(
        #[inline(always)]
        || {
            let mut sums = [0.0_f32; PANEL];
            for (weights, x) in numbers.chunks_exact(PANEL).zip(input.values) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += read(*weight) * x;
                }
            }
            *out = sums;
        },
    );
}

fn quantised(kind: Kind, columns: usize, panel: &[u8], input: &Input<'_>, out: &mut [f32; PANEL]) {
    let runs = Runs::new(kind, columns, panel);
    let per_block = BLOCK / kind.run;
    simd(
        #[inline(always)]
        || {
            let mut totals = [0.0_f32; PANEL];
            for block in 0..columns / BLOCK {
                let numbers = &input.numbers[block * BLOCK..][..BLOCK];
                for part in 0..per_block {
                    let run = block * per_block + part;
                    let halves = &input.sums[2 * block..][..2];
                    let sum = if per_block == 2 { halves[part] } else { halves[0] + halves[1] };
                    let mut products = [-kind.zero * sum; PANEL];
                    for four in part * kind.run / 4..(part + 1) * kind.run / 4 {
                        add_four(&runs, block, four, &numbers[4 * four..][..4], &mut products);
                    }
                    let scales = &runs.scales[run * runs.scale_bytes..][..runs.scale_bytes];
                    for (lane, total) in totals.iter_mut().enumerate() {
                        *total += products[lane] as f32 * (get(scales, kind.short, lane) * input.scales[block]);
                        if kind.offsets {
                            *total += get(scales, kind.short, PANEL + lane) * input.wholes[block];
                        }
                    }
                }
            }
            *out = totals;
        },
    );
}

/// Adds the products of four columns.
#[inline(always)]
fn add_four(runs: &Runs<'_>, block: usize, four: usize, numbers: &[i8], products: &mut [i32; PANEL]) {
    let (place, shift) = if runs.kind.nibbles {
        (block * BLOCK * PANEL / 2 + four % 4 * PANEL * 4, four / 4 * 4)
    } else {
        (block * BLOCK * PANEL + four * PANEL * 4, 0)
    };
    let mask = if runs.kind.nibbles { 15 } else { 255 };
    let weights = &runs.numbers[place..][..PANEL * 4];
    for (product, weights) in products.iter_mut().zip(weights.as_chunks::<4>().0) {
        for (weight, number) in weights.iter().zip(numbers) {
            *product += i32::from(weight >> shift & mask) * i32::from(*number);
        }
    }
}
