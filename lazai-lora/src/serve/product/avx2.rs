//! The kernels by AVX2 with FMA: two registers hold a column of a panel, or four columns of small numbers. The bits are those
//! of AVX-512.
#![allow(unsafe_code, reason = "instructions of the processor")]

use std::arch::x86_64::*;
use std::ops::Range;

use super::rows::Kernels;
use super::{Input, Runs};
use crate::serve::blocks::Kind;
use crate::serve::weights::{BLOCK, Form, PANEL};

/// Values in a register.
const HALF: usize = PANEL / 2;
/// `VNNI`: with AVX-VNNI.
pub(super) struct Avx2<const VNNI: bool>;

impl<const VNNI: bool> Kernels for Avx2<VNNI> {
    /// Of sixteen registers.
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
                    match (VNNI, kind.nibbles, BLOCK / kind.run) {
                        (false, true, 1) => plain::<ROWS, true, 1>(&runs, blocks, inputs, out),
                        (false, true, _) => plain::<ROWS, true, 2>(&runs, blocks, inputs, out),
                        (false, false, 1) => plain::<ROWS, false, 1>(&runs, blocks, inputs, out),
                        (false, false, _) => plain::<ROWS, false, 2>(&runs, blocks, inputs, out),
                        (true, true, 1) => vnni::<ROWS, true, 1>(&runs, blocks, inputs, out),
                        (true, true, _) => vnni::<ROWS, true, 2>(&runs, blocks, inputs, out),
                        (true, false, 1) => vnni::<ROWS, false, 1>(&runs, blocks, inputs, out),
                        (true, false, _) => vnni::<ROWS, false, 2>(&runs, blocks, inputs, out),
                    }
                }
            }
        }
    }
}

/// Columns ahead of which memory is asked for.
const AHEAD: usize = 1024;

#[target_feature(enable = "avx2,fma")]
unsafe fn floats<const ROWS: usize, const SHORT: bool>(
    columns: usize,
    panel: &[u8],
    inputs: &[Input<'_>; ROWS],
    out: &mut [[f32; PANEL]; ROWS],
) {
    let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
    let weights = panel.as_ptr();
    for column in 0..columns {
        let mut weight = [_mm256_setzero_ps(); 2];
        for (half, weight) in weight.iter_mut().enumerate() {
            let place = column * PANEL + half * HALF;
            // SAFETY: the panel has this column, as the caller checked; asking ahead reads nothing.
            *weight = unsafe {
                if SHORT {
                    let halves = _mm_loadu_si128(weights.add(place * 2).cast());
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(halves)))
                } else {
                    if half == 0 {
                        _mm_prefetch::<_MM_HINT_T0>(weights.wrapping_add((column + AHEAD) * PANEL * 4).cast());
                    }
                    _mm256_loadu_ps(weights.add(place * 4).cast())
                }
            };
        }
        for row in 0..ROWS {
            // SAFETY: inputs are as long as there are columns, as the caller checked.
            let x = _mm256_set1_ps(unsafe { *inputs[row].values.get_unchecked(column) });
            for half in 0..2 {
                sums[row][half] = _mm256_fmadd_ps(x, weight[half], sums[row][half]);
            }
        }
    }
    for (out, sums) in out.iter_mut().zip(sums) {
        put(out, sums);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn plain<const ROWS: usize, const NIBBLES: bool, const PARTS: usize>(
    runs: &Runs<'_>,
    blocks: usize,
    inputs: &[Input<'_>; ROWS],
    out: &mut [[f32; PANEL]; ROWS],
) {
    // SAFETY: as the caller says.
    unsafe { quantised::<ROWS, NIBBLES, PARTS, false>(runs, blocks, inputs, out) }
}

#[target_feature(enable = "avx2,fma,f16c,avxvnni")]
unsafe fn vnni<const ROWS: usize, const NIBBLES: bool, const PARTS: usize>(
    runs: &Runs<'_>,
    blocks: usize,
    inputs: &[Input<'_>; ROWS],
    out: &mut [[f32; PANEL]; ROWS],
) {
    // SAFETY: as the caller says.
    unsafe { quantised::<ROWS, NIBBLES, PARTS, true>(runs, blocks, inputs, out) }
}

/// `PARTS` runs are in a block. It becomes part of a function that has the instructions.
#[inline(always)]
unsafe fn quantised<const ROWS: usize, const NIBBLES: bool, const PARTS: usize, const VNNI: bool>(
    runs: &Runs<'_>,
    blocks: usize,
    inputs: &[Input<'_>; ROWS],
    out: &mut [[f32; PANEL]; ROWS],
) {
    let Kind { short, offsets, zero, .. } = runs.kind;
    // Bytes are multiplied as signed numbers where pairs of products are kept in 16 bits.
    let signed = !NIBBLES && !VNNI;
    let zero = if signed { zero - 128 } else { zero };
    // SAFETY: the caller has the instructions. The panel has all blocks and the scales of all runs, and the inputs have as many
    // blocks, as was checked; asking ahead reads nothing.
    unsafe {
        let mut totals = [[_mm256_setzero_ps(); 2]; ROWS];
        for place in 0..2 * blocks {
            let (block, half) = (place / 2, place % 2);
            let weights = weights::<NIBBLES>(runs, block, half);
            for part in 0..PARTS {
                let at = runs.scales.as_ptr().add((block * PARTS + part) * runs.scale_bytes);
                let scale = load(at, short, half);
                let offset = if offsets { load(at, short, half + 2) } else { _mm256_setzero_ps() };
                for row in 0..ROWS {
                    let input = inputs[row];
                    let x = input.numbers.as_ptr().add(block * BLOCK).cast::<i32>();
                    let mut products = _mm256_setzero_si256();
                    if zero != 0 {
                        let sum = input.sum::<PARTS>(block, part);
                        products = _mm256_set1_epi32(-zero * sum);
                    }
                    let fours = part * 8 / PARTS..(part + 1) * 8 / PARTS;
                    products = if VNNI {
                        whole(&weights, x, fours, products)
                    } else if NIBBLES {
                        small(&weights, x, fours, products)
                    } else {
                        bytes(&weights, x, fours, products)
                    };
                    let scale = _mm256_mul_ps(scale, _mm256_set1_ps(*input.scales.get_unchecked(block)));
                    let total = &mut totals[row][half];
                    *total = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products), scale, *total);
                    if offsets {
                        let whole = _mm256_set1_ps(*input.wholes.get_unchecked(block));
                        *total = _mm256_fmadd_ps(offset, whole, *total);
                    }
                }
            }
        }
        for (out, totals) in out.iter_mut().zip(totals) {
            put(out, totals);
        }
    }
}

/// Four columns in each register, of half the rows.
#[inline(always)]
unsafe fn weights<const NIBBLES: bool>(runs: &Runs<'_>, block: usize, half: usize) -> [__m256i; 8] {
    // SAFETY: as the caller says.
    unsafe {
        let mut weights = [_mm256_setzero_si256(); 8];
        let lines = if NIBBLES { 4 } else { 8 };
        let at = runs.numbers.as_ptr().add(block * lines * 64 + half * 32);
        for i in 0..lines {
            if half == 0 {
                _mm_prefetch::<_MM_HINT_T0>(at.wrapping_add(2048 + i * 64).cast());
            }
            weights[i] = _mm256_loadu_si256(at.add(i * 64).cast());
            if NIBBLES {
                let mask = _mm256_set1_epi8(15);
                weights[i + 4] = _mm256_and_si256(_mm256_srli_epi16::<4>(weights[i]), mask);
                weights[i] = _mm256_and_si256(weights[i], mask);
            }
        }
        weights
    }
}

/// Four numbers of a row, beside each four weights.
#[inline(always)]
unsafe fn four(x: *const i32, i: usize) -> __m256i {
    // SAFETY: as the caller says: a block has eight fours.
    unsafe { _mm256_set1_epi32(x.add(i).read_unaligned()) }
}

/// Adds products, exactly: the instruction sums in 32 bits.
#[inline(always)]
unsafe fn whole(w: &[__m256i; 8], x: *const i32, fours: Range<usize>, to: __m256i) -> __m256i {
    // SAFETY: as the caller says.
    unsafe {
        let mut sums = [to, _mm256_setzero_si256()];
        for i in fours {
            sums[i % 2] = _mm256_dpbusd_avx_epi32(sums[i % 2], w[i], four(x, i));
        }
        _mm256_add_epi32(sums[0], sums[1])
    }
}

/// Adds products of nibbles, exactly: sixteen of them are at most 16 * 15 * 128, which 16 bits hold.
#[inline(always)]
unsafe fn small(w: &[__m256i; 8], x: *const i32, fours: Range<usize>, to: __m256i) -> __m256i {
    // SAFETY: as the caller says.
    unsafe {
        let mut sums = [_mm256_setzero_si256(); 2];
        for i in fours {
            sums[i % 2] = _mm256_add_epi16(sums[i % 2], _mm256_maddubs_epi16(w[i], four(x, i)));
        }
        let sum = _mm256_add_epi16(sums[0], sums[1]);
        _mm256_add_epi32(to, _mm256_madd_epi16(sum, _mm256_set1_epi16(1)))
    }
}

/// Adds products of bytes less 128, exactly: the sign goes over to the row's numbers, which are at least -127, and a pair of
/// products is at most 2 * 128 * 127, which 16 bits hold.
#[inline(always)]
unsafe fn bytes(w: &[__m256i; 8], x: *const i32, fours: Range<usize>, to: __m256i) -> __m256i {
    // SAFETY: as the caller says.
    unsafe {
        let mut sums = [to, _mm256_setzero_si256()];
        for i in fours {
            let signed = _mm256_xor_si256(w[i], _mm256_set1_epi8(-128));
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(signed), _mm256_sign_epi8(four(x, i), signed));
            sums[i % 2] = _mm256_add_epi32(sums[i % 2], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
        }
        _mm256_add_epi32(sums[0], sums[1])
    }
}

/// Reads eight floats, those of a number of eights.
#[inline(always)]
unsafe fn load(at: *const u8, short: bool, eights: usize) -> __m256 {
    // SAFETY: as the caller says.
    unsafe {
        if short {
            _mm256_cvtph_ps(_mm_loadu_si128(at.add(eights * HALF * 2).cast()))
        } else {
            _mm256_loadu_ps(at.add(eights * HALF * 4).cast())
        }
    }
}

#[inline(always)]
fn put(out: &mut [f32; PANEL], sums: [__m256; 2]) {
    // SAFETY: the place is as long as both registers, which only exist where the instructions do.
    unsafe {
        _mm256_storeu_ps(out.as_mut_ptr(), sums[0]);
        _mm256_storeu_ps(out.as_mut_ptr().add(HALF), sums[1]);
    }
}
