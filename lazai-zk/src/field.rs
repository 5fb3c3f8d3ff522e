//! The Goldilocks field, p = 2^64 - 2^32 + 1, and its extension F[x]/(x^2 - 7). Every value is canonical: below p.

use std::ops::{Add, Mul, Sub};

/// The Goldilocks prime.
pub const ORDER: u64 = 0xffff_ffff_0000_0001;
/// 2^64 mod p.
const EPSILON: u64 = 0xffff_ffff;

#[inline]
pub(crate) fn add(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    if carry {
        // Both are below p, so the true sum is below 2p and the wrapped part is below p.
        sum.wrapping_add(EPSILON)
    } else if sum >= ORDER {
        sum - ORDER
    } else {
        sum
    }
}

#[inline]
pub(crate) fn sub(a: u64, b: u64) -> u64 {
    let (difference, borrow) = a.overflowing_sub(b);
    if borrow { difference.wrapping_sub(EPSILON) } else { difference }
}

#[inline]
pub(crate) fn mul(a: u64, b: u64) -> u64 {
    reduce(u128::from(a) * u128::from(b))
}

/// `x mod p`, by 2^64 = 2^32 - 1 and 2^96 = -1.
#[inline]
pub(crate) fn reduce(x: u128) -> u64 {
    let (low, high) = (x as u64, (x >> 64) as u64);
    let (top, middle) = (high >> 32, high & EPSILON);
    let (mut result, borrow) = low.overflowing_sub(top);
    if borrow {
        result = result.wrapping_sub(EPSILON);
    }
    // (2^32 - 1)^2 fits into 64 bits.
    let (mut sum, carry) = result.overflowing_add(middle * EPSILON);
    if carry {
        sum = sum.wrapping_add(EPSILON);
    }
    if sum >= ORDER { sum - ORDER } else { sum }
}

/// `base^exponent`.
pub(crate) fn pow(base: u64, exponent: u64) -> u64 {
    let mut result = 1;
    for bit in (0..64).rev() {
        result = mul(result, result);
        if (exponent >> bit) & 1 == 1 {
            result = mul(result, base);
        }
    }
    result
}

/// `1 / x`; `None` for zero.
pub(crate) fn inverse(x: u64) -> Option<u64> {
    (x != 0).then(|| pow(x, ORDER - 2))
}

/// The root of unity of order 2^32 that subgroups are made from.
const TWO_ADIC_GENERATOR: u64 = 7_277_203_076_849_721_926;
/// The generator of the multiplicative group that shifts evaluation domains.
pub(crate) const COSET_SHIFT: u64 = 14_293_326_489_335_486_720;
/// x^2 in the extension.
pub(crate) const NON_RESIDUE: u64 = 7;

/// The root of unity of order 2^`log`; `log` is at most 32.
pub(crate) fn root_of_unity(log: u32) -> u64 {
    pow(TWO_ADIC_GENERATOR, 1 << (32 - log))
}

/// `a + b x` with x^2 = 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Ext(pub(crate) u64, pub(crate) u64);

impl Ext {
    pub(crate) const ZERO: Self = Self(0, 0);
    pub(crate) const ONE: Self = Self(1, 0);

    /// Of a canonical base element.
    pub(crate) const fn base(x: u64) -> Self {
        Self(x, 0)
    }

    pub(crate) fn scale(self, factor: u64) -> Self {
        Self(mul(self.0, factor), mul(self.1, factor))
    }

    pub(crate) fn square(self) -> Self {
        self * self
    }

    /// `self^(2^log)`.
    pub(crate) fn pow_two_to(self, log: u32) -> Self {
        (0..log).fold(self, |x, _| x.square())
    }

    /// `1 / self`; `None` for zero.
    pub(crate) fn inverse(self) -> Option<Self> {
        let norm = sub(mul(self.0, self.0), mul(NON_RESIDUE, mul(self.1, self.1)));
        inverse(norm).map(|i| Self(mul(self.0, i), mul(sub(0, self.1), i)))
    }

    /// `sum(items[i] * self^i)`.
    pub(crate) fn reduce(self, items: &[Self]) -> Self {
        items.iter().rev().fold(Self::ZERO, |sum, &item| sum * self + item)
    }
}

impl Add for Ext {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(add(self.0, other.0), add(self.1, other.1))
    }
}

impl Sub for Ext {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(sub(self.0, other.0), sub(self.1, other.1))
    }
}

impl Mul for Ext {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        // Products of canonical elements leave room for one sum below 2^128 only, so each is reduced.
        let low = add(mul(self.0, other.0), mul(NON_RESIDUE, mul(self.1, other.1)));
        Self(low, add(mul(self.0, other.1), mul(self.1, other.0)))
    }
}

/// `a + b X` with X^2 = 7 over the extension: the value of a pair of wires that holds an extension element, if wires are
/// evaluated outside of the base field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Algebra(pub(crate) Ext, pub(crate) Ext);

impl Algebra {
    pub(crate) const ZERO: Self = Self(Ext::ZERO, Ext::ZERO);
    pub(crate) const ONE: Self = Self(Ext::ONE, Ext::ZERO);

    pub(crate) fn scale(self, factor: Ext) -> Self {
        Self(self.0 * factor, self.1 * factor)
    }
}

impl Add for Algebra {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }
}

impl Sub for Algebra {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0, self.1 - other.1)
    }
}

impl Mul for Algebra {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let low = self.0 * other.0 + (self.1 * other.1).scale(NON_RESIDUE);
        Self(low, self.0 * other.1 + self.1 * other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_division() {
        let order = u128::from(ORDER);
        let edges = [0, 1, order - 1, order, u128::from(u64::MAX), 1 << 96, u128::MAX, u128::MAX - 1];
        let spread = (0..10_000u128).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        for x in edges.into_iter().chain(spread) {
            assert_eq!(u128::from(reduce(x)), x % order, "{x}");
            let (a, b) = (reduce(x), reduce(x.rotate_left(31)));
            assert_eq!(u128::from(add(a, b)), (u128::from(a) + u128::from(b)) % order);
            assert_eq!(u128::from(sub(a, b)), (order + u128::from(a) - u128::from(b)) % order);
            assert_eq!(inverse(a).map(|i| mul(i, a)), (a != 0).then_some(1));
        }
    }

    #[test]
    fn extension_is_a_field() {
        let [a, b, c] = [Ext(3, ORDER - 5), Ext(1 << 63, 77), Ext(ORDER - 1, 1 << 40)];
        assert_eq!((a + b) * c, a * c + b * c);
        assert_eq!(a.inverse().map(|i| i * a), Some(Ext::ONE));
        assert_eq!(Ext::ZERO.inverse(), None);
        assert_eq!(Ext(0, 1).square(), Ext::base(NON_RESIDUE));
        assert_eq!((pow(root_of_unity(5), 32), pow(root_of_unity(5), 16)), (1, ORDER - 1));
    }
}
