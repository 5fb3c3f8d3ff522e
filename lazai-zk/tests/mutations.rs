//! Ten thousand damaged proofs: none is accepted, none panics, and plonky2's verifier says the same of each.
#![allow(clippy::unwrap_used)]

mod support;

use std::ops::Range;

use lazai_zk::poseidon::ORDER as ORDER_OF;
use lazai_zk::{Plonky2Verifier, Proof, Verifier, VerifyError};
use support::{dataset, prove, proved};

const MUTATIONS: u64 = 10_500;
const HEADER: usize = 37;

/// A generator with a seed: SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

/// The classes of positions in a body, in words of eight bytes where nothing else is said.
fn regions(body: usize) -> Vec<(&'static str, Range<usize>)> {
    let mut at = 0;
    let mut take = |bytes: usize| {
        let range = at..at + bytes;
        at += bytes;
        range
    };
    let cap = 16 * 32;
    let mut regions = vec![("wires cap", take(cap)), ("products cap", take(cap)), ("quotient cap", take(cap))];
    for (name, count) in
        [("constants", 5), ("sigmas", 80), ("wires", 135), ("zs", 2), ("zs next", 2), ("partial", 18), ("quotient", 16)]
    {
        regions.push((name, take(16 * count)));
    }
    for _ in 0..5 {
        regions.push(("step cap", take(cap)));
    }
    for _ in 0..28 {
        for leaf in [85, 139, 24, 20] {
            regions.push(("leaf", take(8 * leaf)));
            regions.push(("path length", take(1)));
            regions.push(("path", take(32 * 12)));
        }
        for path in [10, 8, 6, 4, 2] {
            regions.push(("step", take(16 * 4)));
            regions.push(("path length", take(1)));
            regions.push(("step path", take(32 * path)));
        }
    }
    regions.push(("final polynomial", take(16 * 8)));
    regions.push(("proof of work", take(8)));
    assert_eq!(at, body, "the body is laid out as documented");
    regions
}

/// One damaged body; `None` if the damage changes nothing.
fn damaged(
    good: &[u8],
    other: &[u8],
    regions: &[(&'static str, Range<usize>)],
    seed: u64,
) -> Option<(String, Vec<u8>)> {
    let mut random = Random(seed);
    // Every class as often as any other, though most bytes are paths.
    let classes = [
        "wires cap",
        "products cap",
        "quotient cap",
        "constants",
        "sigmas",
        "wires",
        "zs",
        "zs next",
        "partial",
        "quotient",
        "step cap",
        "leaf",
        "path length",
        "path",
        "step",
        "step path",
        "final polynomial",
        "proof of work",
    ];
    let class = classes[random.below(classes.len())];
    let of_class: Vec<_> = regions.iter().filter(|(name, _)| *name == class).collect();
    let range = of_class[random.below(of_class.len())].1.clone();
    let word = range.start + 8 * random.below((range.len() / 8).max(1));
    let mut body = good.to_vec();
    let kind = random.below(9);
    if range.len() == 1 {
        body[range.start] = random.next() as u8;
        return (body != good).then(|| (format!("{class}: length"), body));
    }
    let value = u64::from_le_bytes(body[word..word + 8].try_into().unwrap());
    let put = |body: &mut Vec<u8>, value: u64| body[word..word + 8].copy_from_slice(&value.to_le_bytes());
    let what = match kind {
        0 => {
            body[word + random.below(8)] ^= 1 << random.below(8);
            "bit flipped"
        }
        1 => {
            put(&mut body, (value + 1) % ORDER_OF);
            "one added"
        }
        2 => {
            put(&mut body, 0);
            "zeroed"
        }
        3 => {
            // The same element under another spelling, where there is one; else a number that is no element.
            put(&mut body, value.checked_add(ORDER_OF).unwrap_or(ORDER_OF + value % (1 << 32)));
            "not canonical"
        }
        4 => {
            body.truncate(random.below(good.len()));
            "cut short"
        }
        5 => {
            let extra = 1 + random.below(64);
            body.extend((0..extra).map(|_| random.next() as u8));
            "extended"
        }
        6 => {
            body[range.clone()].copy_from_slice(&other[range]);
            "taken from another proof"
        }
        7 => {
            let next = range.start + 8 * random.below(range.len() / 8);
            let (a, b) = (body[word..word + 8].to_vec(), body[next..next + 8].to_vec());
            body[word..word + 8].copy_from_slice(&b);
            body[next..next + 8].copy_from_slice(&a);
            "words swapped"
        }
        _ => {
            put(&mut body, random.next());
            "random word"
        }
    };
    (body != good).then(|| (format!("{class}: {what}"), body))
}

#[test]
fn no_damaged_proof_is_accepted() {
    let (statement, proof) = proved();
    let (_, other) = prove(&dataset(7));
    let regions = regions(proof.body().len());
    let header = proof.to_bytes()[..HEADER].to_vec();
    let (ours, theirs) = (Verifier::new(), Plonky2Verifier::new());
    std::panic::set_hook(Box::new(|_| {}));
    let run = |seeds: Range<u64>| -> Result<u64, String> {
        let mut count = 0;
        for seed in seeds {
            let Some((what, body)) = damaged(proof.body(), other.body(), &regions, seed) else { continue };
            let Ok(damaged) = Proof::from_bytes(&[&header[..], &body].concat()) else { continue };
            let (ours, theirs) = (ours.verify(statement, &damaged), theirs.verify(statement, &damaged));
            let agree = match (&ours, &theirs) {
                (Err(VerifyError::Rejected { .. }), Err(VerifyError::Rejected { .. })) => true,
                // plonky2 checks some shapes while it verifies.
                (Err(VerifyError::Malformed { .. }), Err(_)) => true,
                _ => false,
            };
            if !agree {
                return Err(format!("seed {seed}, {what}: {ours:?} against {theirs:?}"));
            }
            count += 1;
        }
        Ok(count)
    };
    let half = MUTATIONS / 2;
    let (a, b) = std::thread::scope(|scope| {
        let first = scope.spawn(|| run(0..half));
        (run(half..MUTATIONS), first.join().unwrap_or_else(|_| Err("panicked".into())))
    });
    let count = a.unwrap() + b.unwrap();
    assert!(count >= 10_000, "{count} proofs were damaged");
}
