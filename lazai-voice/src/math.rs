//! Functions of single numbers and sums, for loops that the compiler vectorises.
//!
//! Every result is the same on every processor: sums run over sixteen lanes whatever the width of its registers, and nothing is
//! fused that is not written as one operation. Matrix products differ, by the kernel that `gemm` picks, and transforms.

const LANES: usize = 16;

/// Runs a loop with the widest vectors that the processor has.
#[inline(always)]
pub(crate) fn simd<R>(body: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(body)
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

/// The natural logarithm of a positive normal number, within 2e-7 of the greater of its size and 1.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    // x = 2^exponent * m, with m between sqrt(1/2) and sqrt(2).
    const HALF_ROOT: u32 = 0x3f35_04f3;
    let bits = x.to_bits().wrapping_sub(HALF_ROOT);
    let exponent = (bits.cast_signed() >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff) + HALF_ROOT);
    // ln m = 2 artanh((m - 1) / (m + 1)), as a series.
    let s = (m - 1.0) / (m + 1.0);
    let t = s * s;
    exponent * std::f32::consts::LN_2 + 2.0 * s * (1.0 + t * (1.0 / 3.0 + t * (1.0 / 5.0 + t * (1.0 / 7.0 + t / 9.0))))
}

#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * x) + 1.0)
}

/// The cosine and sine of an angle in turns, within 2e-7: whole turns fall away without an error.
#[inline(always)]
pub(crate) fn turn(angle: f32) -> (f32, f32) {
    const ROUND: f32 = 12_582_912.0;
    let angle = angle.clamp(-4e6, 4e6);
    let r = angle - ((angle + ROUND) - ROUND);
    // Both are sines of at most a quarter.
    let folded = (0.25 - (r.abs() - 0.25).abs()).copysign(r);
    (quarter(0.25 - r.abs()), quarter(folded))
}

/// The sine of at most a quarter turn, as a series.
#[inline(always)]
fn quarter(turns: f32) -> f32 {
    let x = turns * std::f32::consts::TAU;
    let t = x * x;
    let p = -2.505_210_8e-8;
    let p = p * t + 2.755_731_9e-6;
    let p = p * t - 1.984_127e-4;
    let p = p * t + 8.333_333e-3;
    let p = p * t - 0.166_666_67;
    x + x * t * p
}

/// `x` times the normal distribution's integral up to `x`, and the slope there.
///
/// The error function is M. Abramowitz and I. Stegun's 7.1.26, within 1.5e-7.
#[inline(always)]
pub(crate) fn gelu(x: f32) -> (f32, f32) {
    let bell = exp(-0.5 * x * x);
    let t = 1.0 / (1.0 + 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2 * x.abs());
    let p = 1.061_405_4;
    let p = p * t - 1.453_152;
    let p = p * t + 1.421_413_7;
    let p = p * t - 0.284_496_74;
    let p = p * t + 0.254_829_6;
    let integral = 0.5 + (0.5 - 0.5 * p * t * bell).copysign(x);
    (x * integral, integral + x * bell * 0.398_942_3)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The greatest distance from a function in double precision.
    fn worst(from: f64, to: f64, ours: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64) -> f64 {
        let at = |i: u32| (from + (to - from) * f64::from(i) / 200_000.0) as f32;
        (0..=200_000).map(|i| (f64::from(ours(at(i))) - exact(f64::from(at(i)))).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_close_everywhere() {
        let turns = |x: f64| (x * std::f64::consts::TAU).sin_cos();
        assert!(worst(-3.0, 3.0, |x| turn(x).1, |x| turns(x).0) < 2.5e-7);
        assert!(worst(-3.0, 3.0, |x| turn(x).0, |x| turns(x).1) < 2.5e-7);
        assert!(worst(-20.0, 20.0, tanh, f64::tanh) < 3e-7);
        assert!(worst(1e-6, 1.0, ln, f64::ln) < 2e-6);
        assert!(worst(1.0, 500.0, ln, f64::ln) < 1e-6);
        let relative = |x: f32| exp(x) / f64::from(x).exp() as f32;
        assert!(worst(-80.0, 80.0, relative, |_| 1.0) < 4e-7);
        assert_eq!(turn(0.0).1, 0.0);
    }

    /// The integral of the bell, by Simpson's rule.
    #[test]
    fn gelu_is_the_normal_distribution_s() {
        let bell = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
        let integral = |x: f64| {
            let step = x / 400.0;
            let parts = (0..400).map(|i| {
                let at = f64::from(i) * step;
                (bell(at) + 4.0 * bell(at + step / 2.0) + bell(at + step)) * step / 6.0
            });
            0.5 + parts.sum::<f64>()
        };
        for i in -600..=600 {
            let x = f64::from(i) / 100.0;
            let (value, slope) = gelu(x as f32);
            assert!((f64::from(value) - x * integral(x)).abs() < 1.5e-6, "{x}: {value}");
            assert!((f64::from(slope) - integral(x) - x * bell(x)).abs() < 1e-6, "{x}: {slope}");
        }
    }

    #[test]
    fn sums_take_every_element() {
        for count in [0, 1, 15, 16, 17, 100] {
            assert_eq!(sum(count, |i| i as f32), (0..count).sum::<usize>() as f32);
        }
    }
}
