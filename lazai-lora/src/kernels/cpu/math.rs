//! Loops that the compiler vectorises for the processor at hand.
//!
//! Every result is the same on every processor: sums run over sixteen lanes whatever the width of its registers, and
//! nothing is fused that is not written as one operation. Only matrix products differ, by the kernel that `gemm` picks.

use rayon::prelude::*;

const LANES: usize = 16;
/// Rows that one task takes.
const ROWS: usize = 8;

/// Runs a loop with the widest vectors that the processor has.
#[inline(always)]
pub(crate) fn simd<R>(body: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(body)
}

/// Makes a matrix of `count` values, its rows in parallel: `fill(index, row)` is given zeros.
pub(crate) fn make_rows(count: usize, width: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let mut out = vec![0.0; count];
    out.par_chunks_mut(width * ROWS).enumerate().for_each(|(chunk, rows)| {
        simd(
            #[inline(always)]
            || {
                for (i, row) in rows.chunks_exact_mut(width).enumerate() {
                    fill(chunk * ROWS + i, row);
                }
            },
        );
    });
    out
}

/// `exp(x)`, within two units in the last place; arguments beyond the range of normal numbers are clamped.
///
/// Reduction by `ln 2` in two parts and a polynomial (coefficients as in the Cephes library, S. Moshier, 1992).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // 1.5 * 2^23: what is added to it is rounded to an integer, which stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = rounded - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 0.166_666_66;
    let p = p * r + 0.5;
    let y = p * (r * r) + r + 1.0;
    y * f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23))
}

/// Sums `value(i)` for `i` below `count`.
#[inline(always)]
pub(crate) fn sum(count: usize, value: impl Fn(usize) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let whole = count / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += value(start + lane);
        }
    }
    let mut rest = 0.0;
    for i in whole..count {
        rest += value(i);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0] + rest
}

/// The sum of products.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let count = a.len().min(b.len());
    let (a, b) = (&a[..count], &b[..count]);
    sum(count, |i| a[i] * b[i])
}

/// The greatest value; minus infinity for none.
#[inline(always)]
pub(crate) fn max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if *value > *lane { *value } else { *lane };
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_everywhere() {
        for i in -86_000..=88_000 {
            let x = i as f32 / 1_000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2.5e-7, "exp({x}) is off by {error}");
        }
        assert!(exp(f32::NEG_INFINITY) < 2e-38 && exp(1e9).is_finite());
    }

    #[test]
    fn sums_and_maxima_take_every_element() {
        for count in [0, 1, 15, 16, 17, 100] {
            let values: Vec<f32> = (0..count).map(|i| i as f32).collect();
            assert_eq!(sum(count, |i| values[i]), (0..count).sum::<usize>() as f32);
            assert_eq!(max(&values), count.checked_sub(1).map_or(f32::NEG_INFINITY, |n| n as f32));
        }
    }

    #[test]
    fn nan_is_not_lost() {
        assert!(exp(f32::NAN).is_nan());
        assert!(sum(20, |i| if i == 3 { f32::NAN } else { 0.0 }).is_nan());
    }
}
