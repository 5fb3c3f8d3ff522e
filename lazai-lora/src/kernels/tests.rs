//! Each kernel against the same out of candle's operators, and gradients against differences.
#![allow(clippy::unwrap_used)]

use candle_core::{Device, Tensor};

use super::linear::{portable, portable_backward};
use super::*;

const HEADS: Heads = Heads { query: 6, key: 2, width: 8, scale: 0.37, window: None };
/// The same with windows: one shorter than a tile, one longer, and one that sees nothing but itself.
const WINDOWS: [Heads; 4] = [
    HEADS,
    Heads { window: Some(5), ..HEADS },
    Heads { window: Some(70), ..HEADS },
    Heads { window: Some(1), ..HEADS },
];

fn random(seed: u64, shape: (usize, usize)) -> Tensor {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1 << 24) as f32 - 0.5) * 2.0
    };
    Tensor::from_vec((0..shape.0 * shape.1).map(|_| draw()).collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
}

fn assert_close(a: &Tensor, b: &Tensor, what: &str) {
    assert_eq!(a.dims(), b.dims(), "{what}");
    let difference = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    assert!(difference < 2e-5, "{what}: {difference}");
}

#[test]
fn kernels_are_the_operators() {
    let (x, weight) = (random(1, (13, 40)), random(2, (1, 40)).squeeze(0).unwrap());
    let gradient = random(3, (13, 40));
    assert_close(&rms_norm(&x, &weight, 1e-5).unwrap(), &portable::rms_norm(&x, &weight, 1e-5).unwrap(), "rms norm");
    for carried in [None, Some(&gradient)] {
        let ours = rms_norm_backward(&x, &weight, 1e-5, &gradient, carried).unwrap();
        assert_close(
            &ours,
            &portable::rms_norm_backward(&x, &weight, 1e-5, &gradient, carried).unwrap(),
            "its gradient",
        );
    }
    let half = random(4, (13, 20));
    for activation in [Activation::Silu, Activation::GeluTanh] {
        let ours = gated(&x, activation).unwrap();
        assert_close(&ours, &portable::gated(&x, activation).unwrap(), "gates");
        let ours = gated_backward(&x, &half, activation).unwrap();
        assert_close(&ours, &portable::gated_backward(&x, &half, activation).unwrap(), "their gradient");
    }
    let angles = Angles { cos: random(5, (13, 4)), sin: random(6, (13, 4)) };
    // Five heads of width eight, or two of sixteen of which half turns, and what is behind them.
    for (query, key, width, backward, sign) in
        [(2, 1, 8, false, 1.0), (4, 1, 8, true, -1.0), (1, 1, 16, false, 1.0), (1, 1, 16, true, -1.0)]
    {
        let heads = Heads { query, key, width, ..HEADS };
        let ours = rotate(&x, &angles, &heads, backward).unwrap();
        assert_close(&ours, &portable::rotate(&x, &angles, &heads, sign).unwrap(), "rotation");
    }
    let labels: Vec<u32> = (0..13).map(|i| i * 3).collect();
    let ((a, b), (c, d)) = (cross_entropy(&x, &labels).unwrap(), portable::cross_entropy(&x, &labels).unwrap());
    assert!(a.iter().zip(&c).all(|(a, c)| (a - c).abs() < 1e-5));
    assert_close(&b, &d, "cross entropy");
    // Scores of a hidden state, five rows at a time.
    let hidden = random(9, (13, 24));
    let weight = random(10, (40, 24));
    let (scores, _) = linear(&hidden, &weight, None, None).unwrap();
    let (losses, by_score) = cross_entropy(&scores, &labels).unwrap();
    let (by_hidden, _) = linear_backward(&by_score, &hidden, &weight, None, true).unwrap();
    let ours = scored_loss(&hidden, &weight, &labels, 5, true).unwrap();
    assert!(losses.iter().zip(&ours.0).all(|(a, b)| (a - b).abs() < 1e-5));
    assert_close(&by_hidden.unwrap(), &ours.1.unwrap(), "scored loss");
}

#[test]
fn attention_is_the_operators() {
    for heads in WINDOWS {
        attention_is(&heads);
    }
}

fn attention_is(heads: &Heads) {
    let rows =
        [(&[1][..], 0), (&[5, 1, 7], 0), (&[64, 65], 0), (&[200], 0), (&[130, 3], 0), (&[70, 3, 66], 70), (&[9], 9)];
    for (lengths, shared) in rows {
        let tokens = lengths.iter().sum();
        let joint = random(7, (tokens, heads.joint()));
        let gradient = random(8, (tokens, heads.query * heads.width));
        let (ours, theirs) =
            (attention(&joint, lengths, shared, heads), portable::attention(&joint, lengths, shared, heads));
        assert_close(&ours.unwrap(), &theirs.unwrap(), "attention");
        let ours = attention_backward(&joint, &gradient, lengths, shared, heads).unwrap();
        let theirs = portable::attention_backward(&joint, &gradient, lengths, shared, heads).unwrap();
        assert_close(&ours, &theirs, "its gradient");
    }
    for (new, all) in [(1, 1), (1, 70), (3, 140), (100, 100), (70, 200)] {
        let query = random(9, (new, heads.query * heads.width));
        let (key, value) = (random(10, (all, heads.key * heads.width)), random(11, (all, heads.key * heads.width)));
        let ours = attention_over(&query, &key, &value, heads).unwrap();
        assert_close(&ours, &portable::attention_over(&query, &key, &value, heads).unwrap(), "attention over");
    }
}

#[test]
fn linear_layers_are_the_operators() {
    let (x, weight, bias) = (random(1, (9, 12)), random(2, (20, 12)), random(3, (1, 20)).squeeze(0).unwrap());
    let (a, first, second) = (random(4, (6, 12)), random(5, (8, 3)), random(6, (7, 3)));
    // The second module's outputs come last, and three outputs have no update.
    let low_rank = LowRank { a: &a, b: vec![(0..8, &first), (13..20, &second)], rank: 3, scale: 0.7 };
    let gradient = random(7, (9, 20));
    for (bias, low_rank) in [(None, None), (Some(&bias), Some(&low_rank)), (None, Some(&low_rank))] {
        let ((y, narrow), (z, other)) =
            (linear(&x, &weight, bias, low_rank).unwrap(), portable(&x, &weight, bias, low_rank).unwrap());
        assert_close(&y, &z, "linear");
        assert_eq!(narrow.is_some(), other.is_some());
        for by_input in [true, false] {
            let low_rank = low_rank.zip(narrow.as_ref());
            let ours = linear_backward(&gradient, &x, &weight, low_rank, by_input).unwrap();
            let theirs = portable_backward(&gradient, &x, &weight, low_rank, by_input).unwrap();
            assert_eq!((ours.0.is_some(), ours.1.is_some()), (by_input, low_rank.is_some()));
            if let (Some(ours), Some(theirs)) = (ours.0, theirs.0) {
                assert_close(&ours, &theirs, "by the input");
            }
            if let (Some(ours), Some(theirs)) = (ours.1, theirs.1) {
                assert_close(&ours.a, &theirs.a, "by A");
                ours.b.iter().zip(&theirs.b).for_each(|(ours, theirs)| assert_close(ours, theirs, "by B"));
            }
        }
    }
}

/// `f` is a sum over `weights * kernel(x)`; its difference along a direction is what the gradient says.
fn check_gradient(x: &Tensor, weights: &Tensor, f: impl Fn(&Tensor) -> Tensor, gradient: &Tensor, what: &str) {
    let value = |x: &Tensor| -> f64 {
        let y = (f(x) * weights).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        y.into_iter().map(f64::from).sum()
    };
    for seed in 20..24 {
        let direction = random(seed, x.dims2().unwrap());
        let step = 1e-2;
        let there = value(&(x + (&direction * step).unwrap()).unwrap());
        let back = value(&(x - (&direction * step).unwrap()).unwrap());
        let measured = (there - back) / (2.0 * step);
        let told = (gradient * direction).unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        let told = f64::from(told);
        assert!((measured - told).abs() < 3e-3 * (1.0 + told.abs()), "{what}: {measured}, gradient says {told}");
    }
}

#[test]
fn gradients_are_slopes() {
    let (x, weight, g) = (random(1, (6, 32)), random(2, (1, 32)).squeeze(0).unwrap(), random(3, (6, 32)));
    let slope = rms_norm_backward(&x, &weight, 1e-5, &g, None).unwrap();
    check_gradient(&x, &g, |x| rms_norm(x, &weight, 1e-5).unwrap(), &slope, "rms norm");
    let g = random(4, (6, 16));
    for activation in [Activation::Silu, Activation::GeluTanh] {
        let slope = gated_backward(&x, &g, activation).unwrap();
        check_gradient(&x, &g, |x| gated(x, activation).unwrap(), &slope, "gates");
    }
    let (joint, g) = (random(5, (79, HEADS.joint())), random(6, (79, HEADS.query * HEADS.width)));
    for heads in WINDOWS {
        for (lengths, shared) in [(&[70, 9][..], 0), (&[30, 40, 9], 30)] {
            let slope = attention_backward(&joint, &g, lengths, shared, &heads).unwrap();
            check_gradient(&joint, &g, |x| attention(x, lengths, shared, &heads).unwrap(), &slope, "attention");
        }
    }
}

/// Sequences that go on from a shared one see what they would see each behind a copy of it.
#[test]
fn a_shared_beginning_is_as_a_copy_for_each() {
    let (shared, lengths) = (70, [70, 5, 66]);
    let joint = random(5, (141, HEADS.joint()));
    for heads in WINDOWS {
        let together = attention(&joint, &lengths, shared, &heads).unwrap();
        let beginning = joint.narrow(0, 0, shared).unwrap();
        let mut start = shared;
        for length in &lengths[1..] {
            let copy = Tensor::cat(&[&beginning, &joint.narrow(0, start, *length).unwrap()], 0).unwrap();
            let alone = attention(&copy, &[shared + length], 0, &heads).unwrap();
            assert_close(
                &together.narrow(0, start, *length).unwrap(),
                &alone.narrow(0, shared, *length).unwrap(),
                "a copy",
            );
            start += length;
        }
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let lengths = [130, 61, 9];
    let (joint, g) = (random(5, (200, HEADS.joint())), random(6, (200, HEADS.query * HEADS.width)));
    let (x, weight) = (random(1, (200, 576)), random(2, (960, 576)));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let attention = attention_backward(&joint, &g, &lengths, 130, &WINDOWS[2]).unwrap();
            let (y, _) = linear(&x, &weight, None, None).unwrap();
            let (back, _) = linear_backward(&y, &x, &weight, None, true).unwrap();
            [attention, y, back.unwrap()].map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap())
        })
    };
    let one = with(1);
    for threads in [2, 3, 8] {
        assert!(with(threads) == one, "{threads} threads");
    }
}
