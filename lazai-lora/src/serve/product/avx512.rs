//! The kernels by AVX-512: a register holds a column of a panel, or four columns of small numbers.
#![allow(unsafe_code, reason = "instructions of the processor")]

use std::arch::x86_64::*;

use super::rows::Kernels;
use super::{Input, Runs, TILE};
use crate::serve::blocks::Kind;
use crate::serve::weights::{BLOCK, Form, PANEL};

pub(super) struct Avx512;

impl Kernels for Avx512 {
    const FLOATS: usize = TILE;

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
                    match (kind.nibbles, kind.short, kind.offsets, kind.run) {
                        (true, true, false, _) => quantised::<ROWS, true, true, false, 1>(&runs, blocks, inputs, out),
                        (true, true, true, _) => quantised::<ROWS, true, true, true, 1>(&runs, blocks, inputs, out),
                        (true, false, ..) => quantised::<ROWS, true, false, true, 1>(&runs, blocks, inputs, out),
                        (false, true, false, _) => quantised::<ROWS, false, true, false, 1>(&runs, blocks, inputs, out),
                        (false, true, true, _) => quantised::<ROWS, false, true, true, 1>(&runs, blocks, inputs, out),
                        (false, false, true, _) => quantised::<ROWS, false, false, true, 1>(&runs, blocks, inputs, out),
                        (false, false, false, _) => {
                            quantised::<ROWS, false, false, false, 2>(&runs, blocks, inputs, out)
                        }
                    }
                }
            }
        }
    }
}

/// Columns ahead of which memory is asked for.
const AHEAD: usize = 1024;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn floats<const ROWS: usize, const SHORT: bool>(
    columns: usize,
    panel: &[u8],
    inputs: &[Input<'_>; ROWS],
    out: &mut [[f32; PANEL]; ROWS],
) {
    let mut sums = [_mm512_setzero_ps(); ROWS];
    let weights = panel.as_ptr();
    for column in 0..columns {
        // SAFETY: the panel has this column, as the caller checked; asking ahead reads nothing.
        let weight = unsafe {
            if SHORT {
                let halves = _mm256_loadu_si256(weights.add(column * PANEL * 2).cast());
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(halves)))
            } else {
                _mm_prefetch::<_MM_HINT_T0>(weights.wrapping_add(column * PANEL * 4 + AHEAD * 4).cast());
                _mm512_loadu_ps(weights.add(column * PANEL * 4).cast())
            }
        };
        for row in 0..ROWS {
            // SAFETY: inputs are as long as there are columns, as the caller checked.
            let x = unsafe { *inputs[row].values.get_unchecked(column) };
            sums[row] = _mm512_fmadd_ps(_mm512_set1_ps(x), weight, sums[row]);
        }
    }
    for row in 0..ROWS {
        // SAFETY: the place is as long as the register.
        unsafe { _mm512_storeu_ps(out[row].as_mut_ptr(), sums[row]) };
    }
}

/// `PARTS` runs are in a block.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn quantised<
    const ROWS: usize,
    const NIBBLES: bool,
    const SHORT: bool,
    const OFFSETS: bool,
    const PARTS: usize,
>(
    runs: &Runs<'_>,
    blocks: usize,
    inputs: &[Input<'_>; ROWS],
    out: &mut [[f32; PANEL]; ROWS],
) {
    let Kind { zero, .. } = runs.kind;
    let (numbers, scales) = (runs.numbers.as_ptr(), runs.scales.as_ptr());
    let mask = _mm512_set1_epi8(15);
    let mut totals = [_mm512_setzero_ps(); ROWS];
    for block in 0..blocks {
        let mut weights = [_mm512_setzero_si512(); 8];
        // SAFETY: the panel has this block, as the caller checked; asking ahead reads nothing.
        unsafe {
            if NIBBLES {
                let at = numbers.add(block * BLOCK * PANEL / 2);
                for i in 0..4 {
                    _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(2048 + i * 64).cast());
                    let both = _mm512_loadu_si512(at.add(i * 64).cast());
                    weights[i] = _mm512_and_si512(both, mask);
                    weights[i + 4] = _mm512_and_si512(_mm512_srli_epi16::<4>(both), mask);
                }
            } else {
                let at = numbers.add(block * BLOCK * PANEL);
                for (i, weights) in weights.iter_mut().enumerate() {
                    _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(2048 + i * 64).cast());
                    *weights = _mm512_loadu_si512(at.add(i * 64).cast());
                }
            }
        }
        for part in 0..PARTS {
            // SAFETY: the panel has the scales of this run, as `Runs` checked.
            let (scale, offset) = unsafe {
                let at = scales.add((block * PARTS + part) * runs.scale_bytes);
                (load::<SHORT>(at), if OFFSETS { load::<SHORT>(at.add(runs.scale_bytes / 2)) } else { scale_zero() })
            };
            for row in 0..ROWS {
                let input = inputs[row];
                // SAFETY: inputs have as many blocks, as the caller checked.
                let (x, x_scale) = unsafe {
                    (
                        input.numbers.as_ptr().add(block * BLOCK).cast::<i32>(),
                        _mm512_set1_ps(*input.scales.get_unchecked(block)),
                    )
                };
                // Two sums, so that neither waits long for itself: whole numbers, whose order does not matter.
                let mut products = [_mm512_setzero_si512(); 2];
                if !OFFSETS {
                    // SAFETY: as above.
                    let sum = unsafe { input.sum::<PARTS>(block, part) };
                    products[0] = _mm512_set1_epi32(-zero * sum);
                }
                for i in part * 8 / PARTS..(part + 1) * 8 / PARTS {
                    // SAFETY: a block has eight fours.
                    let four = _mm512_set1_epi32(unsafe { x.add(i).read_unaligned() });
                    products[i % 2] = _mm512_dpbusd_epi32(products[i % 2], weights[i], four);
                }
                let product = _mm512_cvtepi32_ps(_mm512_add_epi32(products[0], products[1]));
                totals[row] = _mm512_fmadd_ps(product, _mm512_mul_ps(scale, x_scale), totals[row]);
                if OFFSETS {
                    // SAFETY: as above.
                    let whole = unsafe { *input.wholes.get_unchecked(block) };
                    totals[row] = _mm512_fmadd_ps(offset, _mm512_set1_ps(whole), totals[row]);
                }
            }
        }
    }
    for row in 0..ROWS {
        // SAFETY: the place is as long as the register.
        unsafe { _mm512_storeu_ps(out[row].as_mut_ptr(), totals[row]) };
    }
}

#[target_feature(enable = "avx512f")]
fn scale_zero() -> __m512 {
    _mm512_setzero_ps()
}

/// # Safety
/// Sixteen floats are at this place.
#[target_feature(enable = "avx512f")]
unsafe fn load<const SHORT: bool>(at: *const u8) -> __m512 {
    // SAFETY: as the caller says.
    unsafe { if SHORT { _mm512_cvtph_ps(_mm256_loadu_si256(at.cast())) } else { _mm512_loadu_ps(at.cast()) } }
}
