//! The kernels by NEON: four registers hold a column of a panel, or four columns of small numbers. The bits are those of
//! AVX-512.
#![allow(unsafe_code, reason = "instructions of the processor")]

use std::arch::aarch64::*;
use std::ops::Range;

use super::rows::Kernels;
use super::{Input, Runs};
use crate::serve::blocks::Kind;
use crate::serve::weights::{BLOCK, Form, PANEL};

/// Registers of a column.
const QUARTERS: usize = 4;
/// Values in a register.
const LANES: usize = PANEL / QUARTERS;
pub(super) struct Neon;

impl Kernels for Neon {
    const FLOATS: usize = 4;

    unsafe fn rows<const ROWS: usize>(
        form: Form,
        columns: usize,
        panel: &[u8],
        inputs: &[Input<'_>; ROWS],
        out: &mut [[f32; PANEL]; ROWS],
    ) {
        // SAFETY: as the caller says.
        unsafe {
            match form {
                Form::F32 => floats::<ROWS, false>(columns, panel, inputs, out),
                Form::Bf16 => floats::<ROWS, true>(columns, panel, inputs, out),
                Form::Quantised(kind) => {
                    let runs = Runs::new(kind, columns, panel);
                    let blocks = columns / BLOCK;
                    match (kind.nibbles, BLOCK / kind.run) {
                        (true, 1) => quantised::<ROWS, true, 1>(&runs, blocks, inputs, out),
                        (true, _) => quantised::<ROWS, true, 2>(&runs, blocks, inputs, out),
                        (false, 1) => quantised::<ROWS, false, 1>(&runs, blocks, inputs, out),
                        (false, _) => quantised::<ROWS, false, 2>(&runs, blocks, inputs, out),
                    }
                }
            }
        }
    }
}

#[target_feature(enable = "neon")]
unsafe fn floats<const ROWS: usize, const SHORT: bool>(
    columns: usize,
    panel: &[u8],
    inputs: &[Input<'_>; ROWS],
    out: &mut [[f32; PANEL]; ROWS],
) {
    let mut sums = [[vdupq_n_f32(0.0); QUARTERS]; ROWS];
    for column in 0..columns {
        let mut weight = [vdupq_n_f32(0.0); QUARTERS];
        for (quarter, weight) in weight.iter_mut().enumerate() {
            let place = column * PANEL + quarter * LANES;
            // SAFETY: the panel has this column, as the caller checked.
            *weight = unsafe {
                if SHORT {
                    let halves = vld1_u16(panel.as_ptr().add(place * 2).cast());
                    vreinterpretq_f32_u32(vshll_n_u16::<16>(halves))
                } else {
                    vld1q_f32(panel.as_ptr().add(place * 4).cast())
                }
            };
        }
        for row in 0..ROWS {
            // SAFETY: inputs are as long as there are columns, as the caller checked.
            let x = vdupq_n_f32(unsafe { *inputs[row].values.get_unchecked(column) });
            for (sum, weight) in sums[row].iter_mut().zip(weight) {
                *sum = vfmaq_f32(*sum, x, weight);
            }
        }
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        put(out, sums);
    }
}

/// `PARTS` runs are in a block.
#[target_feature(enable = "neon")]
unsafe fn quantised<const ROWS: usize, const NIBBLES: bool, const PARTS: usize>(
    runs: &Runs<'_>,
    blocks: usize,
    inputs: &[Input<'_>; ROWS],
    out: &mut [[f32; PANEL]; ROWS],
) {
    let Kind { short, offsets, zero, .. } = runs.kind;
    // Bytes are multiplied as signed numbers.
    let zero = if NIBBLES { zero } else { zero - 128 };
    let mut totals = [[vdupq_n_f32(0.0); QUARTERS]; ROWS];
    for place in 0..QUARTERS * blocks {
        let (block, quarter) = (place / QUARTERS, place % QUARTERS);
        // SAFETY: the panel has all blocks and the scales of all runs, and the inputs have as many blocks, as was checked.
        unsafe {
            let weights = weights::<NIBBLES>(runs, block, quarter);
            for part in 0..PARTS {
                let at = runs.scales.as_ptr().add((block * PARTS + part) * runs.scale_bytes);
                let scale = load(at, short, quarter);
                let offset = if offsets { load(at, short, QUARTERS + quarter) } else { vdupq_n_f32(0.0) };
                for row in 0..ROWS {
                    let input = inputs[row];
                    let x = input.numbers.as_ptr().add(block * BLOCK).cast::<i32>();
                    let sum = input.sum::<PARTS>(block, part);
                    let fours = part * 8 / PARTS..(part + 1) * 8 / PARTS;
                    let products = if NIBBLES { small(&weights, x, fours) } else { bytes(&weights, x, fours) };
                    let products = vcvtq_f32_s32(vaddq_s32(products, vdupq_n_s32(-zero * sum)));
                    let scale = vmulq_n_f32(scale, *input.scales.get_unchecked(block));
                    let total = &mut totals[row][quarter];
                    *total = vfmaq_f32(*total, products, scale);
                    if offsets {
                        *total = vfmaq_n_f32(*total, offset, *input.wholes.get_unchecked(block));
                    }
                }
            }
        }
    }
    for (out, totals) in out.iter_mut().zip(totals) {
        put(out, totals);
    }
}

/// Four columns in each register, of a quarter of the rows: nibbles, or bytes less 128.
#[inline(always)]
unsafe fn weights<const NIBBLES: bool>(runs: &Runs<'_>, block: usize, quarter: usize) -> [int8x16_t; 8] {
    // SAFETY: as the caller says.
    unsafe {
        let mut weights = [vdupq_n_s8(0); 8];
        let lines = if NIBBLES { 4 } else { 8 };
        let at = runs.numbers.as_ptr().add(block * lines * 64 + quarter * 16);
        for i in 0..lines {
            let read = vld1q_u8(at.add(i * 64));
            if NIBBLES {
                weights[i] = vreinterpretq_s8_u8(vandq_u8(read, vdupq_n_u8(15)));
                weights[i + 4] = vreinterpretq_s8_u8(vshrq_n_u8::<4>(read));
            } else {
                weights[i] = vreinterpretq_s8_u8(veorq_u8(read, vdupq_n_u8(128)));
            }
        }
        weights
    }
}

/// Four numbers of a row, beside each four weights.
#[inline(always)]
unsafe fn four(x: *const i32, i: usize) -> int8x16_t {
    // SAFETY: as the caller says: a block has eight fours.
    unsafe { vreinterpretq_s8_s32(vdupq_n_s32(x.add(i).read_unaligned())) }
}

/// Sums products of nibbles, exactly: eight of them are at most 8 * 15 * 128, which 16 bits hold.
#[inline(always)]
unsafe fn small(w: &[int8x16_t; 8], x: *const i32, fours: Range<usize>) -> int32x4_t {
    // SAFETY: as the caller says.
    unsafe {
        let mut sums = [vdupq_n_s16(0); 2];
        for i in fours {
            let x = four(x, i);
            sums[0] = vmlal_s8(sums[0], vget_low_s8(w[i]), vget_low_s8(x));
            sums[1] = vmlal_high_s8(sums[1], w[i], x);
        }
        vpaddq_s32(vpaddlq_s16(sums[0]), vpaddlq_s16(sums[1]))
    }
}

/// Sums products of signed bytes, exactly: a row's numbers are at least -127, and two products at most 2 * 128 * 127, which
/// 16 bits hold.
#[inline(always)]
unsafe fn bytes(w: &[int8x16_t; 8], x: *const i32, fours: Range<usize>) -> int32x4_t {
    // SAFETY: as the caller says.
    unsafe {
        let mut sums = [vdupq_n_s32(0); 2];
        for i in fours.step_by(2) {
            let [x, y] = [four(x, i), four(x, i + 1)];
            let low = vmull_s8(vget_low_s8(w[i]), vget_low_s8(x));
            let high = vmull_high_s8(w[i], x);
            sums[0] = vpadalq_s16(sums[0], vmlal_s8(low, vget_low_s8(w[i + 1]), vget_low_s8(y)));
            sums[1] = vpadalq_s16(sums[1], vmlal_high_s8(high, w[i + 1], y));
        }
        vpaddq_s32(sums[0], sums[1])
    }
}

/// Reads four floats, those of a number of fours.
#[inline(always)]
unsafe fn load(at: *const u8, short: bool, fours: usize) -> float32x4_t {
    // SAFETY: as the caller says.
    unsafe {
        if short {
            vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(at.add(fours * LANES * 2).cast())))
        } else {
            vld1q_f32(at.add(fours * LANES * 4).cast())
        }
    }
}

#[inline(always)]
fn put(out: &mut [f32; PANEL], sums: [float32x4_t; QUARTERS]) {
    for (out, sum) in out.as_chunks_mut::<LANES>().0.iter_mut().zip(sums) {
        // SAFETY: the place is as long as the register.
        unsafe { vst1q_f32(out.as_mut_ptr(), sum) };
    }
}
