//! Damage that keeps a proof's structure: each word in turn, parts exchanged between queries and trees, classes of values turned
//! alike, openings forged so that the identity holds, the proof of work found anew, other inputs, other keys.
//!
//! A test takes every so many of the cases; `cargo xtask soak proofs` takes all.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::ops::Range;

use lazai_core::{Address, Digest};

use super::body::{Body, LEAVES, Openings};
use super::shape::{
    ARITY, CHALLENGES, CONSTANTS, DEGREE_LOG, FINAL_POLY, MAX_DEGREE, PARTIAL_PRODUCTS, PATH, POW_BITS, QUERIES,
    QUOTIENT, ROUTED, STEP_PATHS, STEPS, WIRES,
};
use super::{Challenges, Transcript, Verifier, VerifyError, draw, plonk, verify_body};
use crate::Proof;
use crate::commitment::dataset_root;
use crate::field::{self, COSET_SHIFT, Ext, ORDER};
use crate::key::{CAP, OuterKey, VerifierKey};
use crate::poseidon::{HashOut, sponge};
use crate::statement::{PUBLIC_INPUTS, Share, Statement};

const STATEMENT: &[u8] = include_bytes!("../../../vectors/zk/statement.json");
const PROOF: &[u8] = include_bytes!("../../../vectors/zk/proof.bin");
/// Of so many cases, a test takes one.
const STRIDE: u64 = 16;

/// SplitMix64.
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

    fn element(&mut self) -> u64 {
        self.next() % ORDER
    }

    fn ext(&mut self) -> Ext {
        Ext(self.element(), self.element())
    }
}

/// Where everything is in a body.
struct Layout {
    caps: Vec<Range<usize>>,
    openings: Vec<(&'static str, Range<usize>)>,
    queries: Vec<QueryLayout>,
    final_poly: Range<usize>,
    pow: usize,
    /// The beginning of every word.
    words: Vec<usize>,
}

struct QueryLayout {
    all: Range<usize>,
    /// A leaf and its path, of each tree and of each step.
    trees: Vec<[Range<usize>; 2]>,
    steps: Vec<[Range<usize>; 2]>,
}

impl Layout {
    fn new() -> Self {
        let (mut at, mut words) = (0, Vec::new());
        let mut take = |bytes: usize| {
            let range = at..at + bytes;
            at += bytes;
            if bytes > 1 {
                words.extend(range.clone().step_by(8));
            }
            range
        };
        let mut caps: Vec<_> = (0..3).map(|_| take(32 * CAP)).collect();
        let counts = [
            ("constants", CONSTANTS),
            ("sigmas", ROUTED),
            ("wires", WIRES),
            ("zs", CHALLENGES),
            ("zs next", CHALLENGES),
            ("partial products", CHALLENGES * PARTIAL_PRODUCTS),
            ("quotient", QUOTIENT),
        ];
        let openings = counts.map(|(name, count)| (name, take(16 * count))).to_vec();
        caps.extend((0..STEPS).map(|_| take(32 * CAP)));
        let queries = (0..QUERIES).map(|_| {
            let mut opened = |values: usize, path: usize| {
                let leaf = take(values);
                take(1);
                [leaf, take(32 * path)]
            };
            let trees = LEAVES.map(|leaf| opened(8 * leaf, PATH)).to_vec();
            let steps = STEP_PATHS.map(|path| opened(16 * ARITY, path)).to_vec();
            let all = trees[0][0].start..steps[STEPS - 1][1].end;
            QueryLayout { all, trees, steps }
        });
        let queries = queries.collect();
        let (final_poly, pow) = (take(16 * FINAL_POLY), take(8).start);
        Self { caps, openings, queries, final_poly, pow, words }
    }

    fn class(&self, name: &str) -> Range<usize> {
        self.openings.iter().find(|(class, _)| *class == name).unwrap().1.clone()
    }
}

/// A body that is changed.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn word(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().unwrap())
    }

    fn put(&mut self, at: usize, value: u64) {
        self.0[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn ext(&self, at: usize) -> Ext {
        Ext(self.word(at), self.word(at + 8))
    }

    fn put_ext(&mut self, at: usize, value: Ext) {
        self.put(at, value.0);
        self.put(at + 8, value.1);
    }

    fn swap(&mut self, one: &Range<usize>, other: &Range<usize>) {
        let (first, second) = (self.0[one.clone()].to_vec(), self.0[other.clone()].to_vec());
        self.0[one.clone()].copy_from_slice(&second);
        self.0[other.clone()].copy_from_slice(&first);
    }

    fn swap_both(&mut self, one: &[Range<usize>; 2], other: &[Range<usize>; 2]) {
        one.iter().zip(other).for_each(|(one, other)| self.swap(one, other));
    }

    fn each(&mut self, range: &Range<usize>, change: impl Fn(Ext) -> Ext) {
        for at in range.clone().step_by(16) {
            self.put_ext(at, change(self.ext(at)));
        }
    }

    fn body(&self) -> Body {
        Body::read(&self.0).unwrap()
    }
}

/// The honest proof, and the cases that are taken.
struct Trial {
    key: OuterKey,
    inputs: [u64; PUBLIC_INPUTS],
    good: Bytes,
    at: u64,
    taken: Box<dyn Fn(u64) -> bool>,
    refused: u64,
}

impl Trial {
    /// The next case, if it is taken: another body.
    fn body(&mut self, what: &str, damage: impl FnOnce(&mut Bytes, &mut Random)) {
        self.case(what, |key, inputs, good, random| {
            let mut damaged = good.clone();
            damage(&mut damaged, random);
            (key.clone(), *inputs, damaged)
        });
    }

    fn case(
        &mut self,
        what: &str,
        make: impl FnOnce(&OuterKey, &[u64; PUBLIC_INPUTS], &Bytes, &mut Random) -> (OuterKey, [u64; PUBLIC_INPUTS], Bytes),
    ) {
        let number = self.at;
        self.at += 1;
        if !(self.taken)(number) {
            return;
        }
        let (key, inputs, body) = make(&self.key, &self.inputs, &self.good, &mut Random(number));
        if key == self.key && inputs == self.inputs && body.0 == self.good.0 {
            return;
        }
        let found = verify_body(&key, &inputs, &body.0);
        assert!(found.is_err(), "case {number}: {what} is accepted");
        if what == "proof of work found anew" {
            assert_ne!(found, Err(VerifyError::Rejected { reason: "proof of work" }), "case {number}");
        }
        self.refused += 1;
    }
}

/// The cases to take: of a slice that a soak names, all; else one of so many.
fn taken() -> Box<dyn Fn(u64) -> bool> {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    match (number("LAZAI_PROOFS_FIRST"), number("LAZAI_PROOFS_SEEDS")) {
        (Some(first), Some(count)) => Box::new(move |case| (first..first + count).contains(&case)),
        _ => Box::new(|case| case % STRIDE == 0),
    }
}

#[test]
fn no_structured_damage_is_accepted() {
    let statement = Statement::from_bytes(STATEMENT).unwrap();
    let proof = Proof::from_bytes(PROOF).unwrap();
    Verifier::new().verify(&statement, &proof).unwrap();
    let key = VerifierKey::pinned().at(proof.depth()).unwrap().clone();
    let inputs = statement.public_inputs().unwrap();
    let good = Bytes(proof.body().to_vec());
    let layout = Layout::new();
    assert_eq!(layout.pow + 8, good.0.len());
    let mut trial = Trial { key, inputs, good, at: 0, taken: taken(), refused: 0 };
    for &word in &layout.words {
        trial.body("one added to a word", |b, _| b.put(word, field::add(b.word(word), 1)));
    }
    exchanges(&mut trial, &layout);
    turned(&mut trial, &layout);
    forged(&mut trial, &layout);
    worked(&mut trial, &layout);
    others(&mut trial);
    // As many as the soak goes through.
    assert!((30_000..=31_000).contains(&trial.at), "{} cases", trial.at);
    println!("proofs: {} refused of {} cases", trial.refused, trial.at);
}

/// Parts exchanged between queries, trees and steps, caps among each other and within.
fn exchanges(trial: &mut Trial, layout: &Layout) {
    let queries = &layout.queries;
    for (i, one) in queries.iter().enumerate() {
        for (j, other) in queries.iter().enumerate().filter(|(j, _)| *j != i) {
            if i < j {
                trial.body("queries exchanged", |b, _| b.swap(&one.all, &other.all));
            }
            trial.body("query twice", |b, _| b.0.copy_within(one.all.clone(), other.all.start));
            trial.body("a tree's leaf and path exchanged", |b, random| {
                let tree = random.below(LEAVES.len());
                b.swap_both(&one.trees[tree], &other.trees[tree]);
            });
            trial.body("a step exchanged", |b, random| {
                let step = random.below(STEPS);
                b.swap_both(&one.steps[step], &other.steps[step]);
            });
            trial.body("all later steps exchanged", |b, random| {
                for step in random.below(STEPS)..STEPS {
                    b.swap_both(&one.steps[step], &other.steps[step]);
                }
            });
        }
    }
    for (i, cap) in layout.caps.iter().enumerate() {
        for other in &layout.caps[..i] {
            trial.body("caps exchanged", |b, _| b.swap(cap, other));
        }
        let hash = |place: usize| cap.start + 32 * place..cap.start + 32 * (place + 1);
        for place in 0..CAP {
            for other in 0..place {
                trial.body("hashes of a cap exchanged", |b, _| b.swap(&hash(place), &hash(other)));
            }
        }
    }
}

/// All values of a class changed alike.
fn turned(trial: &mut Trial, layout: &Layout) {
    let conjugate = |x: Ext| Ext(x.0, field::sub(0, x.1));
    let steps = layout.queries.iter().flat_map(|query| query.steps.iter().map(|[values, _]| values));
    let classes: Vec<_> =
        layout.openings.iter().map(|(_, class)| class).chain([&layout.final_poly]).chain(steps).collect();
    for &class in &classes {
        trial.body("a class conjugated", |b, _| b.each(class, conjugate));
        for factor in [ORDER - 1, 2, 7, COSET_SHIFT] {
            trial.body("a class scaled", |b, _| b.each(class, |x| x.scale(factor)));
        }
        trial.body("a class reversed", |b, _| {
            let values: Vec<_> = class.clone().step_by(16).map(|at| b.ext(at)).collect();
            class.clone().step_by(16).zip(values.into_iter().rev()).for_each(|(at, value)| b.put_ext(at, value));
        });
        if class.len().is_multiple_of(32) {
            let middle = class.start + class.len() / 2;
            trial.body("halves exchanged", |b, _| b.swap(&(class.start..middle), &(middle..class.end)));
        }
    }
    trial.body("everything conjugated", |b, _| classes.iter().for_each(|class| b.each(class, conjugate)));
    // The steps of the permutation argument hold then, its start does not.
    for factor in [2, 3, ORDER - 1, 1 << 32, 12_345] {
        trial.body("accumulators scaled alike", |b, _| {
            for name in ["zs", "zs next", "partial products"] {
                b.each(&layout.class(name), |x| x.scale(factor));
            }
        });
    }
}

/// Openings that satisfy the identity, though they are of no committed polynomial.
fn forged(trial: &mut Trial, layout: &Layout) {
    let hashed = sponge(&trial.inputs);
    let (challenges, _) = draw(&trial.key, hashed, &trial.good.body());
    let power = challenges.zeta.pow_two_to(DEGREE_LOG);
    let quotient = layout.class("quotient").start;
    for _ in 0..3_000 {
        trial.body("openings forged, the quotient solved for", |b, random| {
            for _ in 0..=random.below(3) {
                let classes = ["wires", "sigmas", "constants", "zs", "zs next", "partial products"];
                let class = layout.class(classes[random.below(classes.len())]);
                b.put_ext(class.start + 16 * random.below(class.len() / 16), random.ext());
            }
            let sides = plonk::sides(&b.body().openings, &challenges, hashed).unwrap();
            for (challenge, side) in sides.iter().enumerate() {
                let at = quotient + 16 * challenge * MAX_DEGREE;
                let wanted = side.constraints * side.vanishing.inverse().unwrap();
                b.put_ext(at, b.ext(at) + (wanted - side.quotient));
            }
            assert!(plonk::holds(&b.body().openings, &challenges, hashed));
        });
    }
    for _ in 0..1_500 {
        trial.body("parts of the quotient moved", |b, random| {
            let part = random.below(CHALLENGES) * MAX_DEGREE + random.below(MAX_DEGREE - 1);
            move_quotient(b, quotient + 16 * part, power, random.ext());
            assert!(plonk::holds(&b.body().openings, &challenges, hashed));
        });
    }
}

/// A part of the quotient less, and the one before it more by as much.
fn move_quotient(b: &mut Bytes, at: usize, power: Ext, by: Ext) {
    b.put_ext(at, b.ext(at) + by * power);
    b.put_ext(at + 16, b.ext(at + 16) - by);
}

/// The transcript before the proof of work, as FRI has it.
fn before_work(key: &OuterKey, hashed: HashOut, body: &Body) -> (Challenges, Transcript) {
    let (challenges, mut transcript) = draw(key, hashed, body);
    let Openings { constants, sigmas, wires, zs, zs_next, partial_products, quotient } = &body.openings;
    for values in [constants, sigmas, wires, zs, partial_products, quotient, zs_next] {
        transcript.observe_extensions(values);
    }
    transcript.extension_challenge();
    for cap in &body.step_caps {
        transcript.observe_hashes(cap);
        transcript.extension_challenge();
    }
    transcript.observe_extensions(&body.final_poly);
    (challenges, transcript)
}

/// Another proof of work over the same or changed openings: the paths do not fit the queries that it gives.
fn worked(trial: &mut Trial, layout: &Layout) {
    let (key, hashed, pow) = (trial.key.clone(), sponge(&trial.inputs), layout.pow);
    for kind in 0..48 {
        trial.body("proof of work found anew", |b, random| {
            if kind % 3 > 0 {
                b.put_ext(layout.final_poly.start + 16 * random.below(FINAL_POLY), random.ext());
            }
            if kind % 3 == 2 {
                let (challenges, _) = draw(&key, hashed, &b.body());
                let power = challenges.zeta.pow_two_to(DEGREE_LOG);
                move_quotient(b, layout.class("quotient").start, power, random.ext());
            }
            let (_, before) = before_work(&key, hashed, &b.body());
            let works = |&nonce: &u64| {
                let mut transcript = before.clone();
                transcript.observe(nonce);
                nonce != b.word(pow) && transcript.challenge().leading_zeros() >= POW_BITS
            };
            let start = random.next() % (ORDER >> 1);
            let found = (start..).find(works).unwrap();
            b.put(pow, found);
        });
    }
}

/// Other public inputs, and keys put together out of several.
fn others(trial: &mut Trial) {
    for i in 0..PUBLIC_INPUTS {
        let mut inputs = |what: &str, change: &dyn Fn(&mut [u64; PUBLIC_INPUTS], &mut Random)| {
            trial.case(what, |key, inputs, good, random| {
                let mut changed = *inputs;
                change(&mut changed, random);
                (key.clone(), changed, good.clone())
            });
        };
        for _ in 0..60 {
            inputs("a random input", &|inputs, random| inputs[i] = random.element());
        }
        for by in [1, ORDER - 1, 1 << 32, 1 << 16] {
            inputs("an input moved", &|inputs, _| inputs[i] = field::add(inputs[i], by));
        }
        for j in 0..i {
            inputs("inputs exchanged", &|inputs, _| inputs.swap(i, j));
        }
        inputs("inputs rotated", &|inputs, _| inputs.rotate_left(i));
    }
    let entries: Vec<_> =
        VerifierKey::known().iter().flat_map(|key| (0..=u8::MAX).map_while(|depth| key.at(depth))).collect();
    for one in &entries {
        for other in &entries {
            trial.case("the digest of one circuit, the cap of another", |_, inputs, good, _| {
                (OuterKey { digest: one.digest, cap: other.cap }, *inputs, good.clone())
            });
        }
    }
    // All of them: two that no query leads to could be exchanged, in a key that nobody pinned.
    for by in 1..CAP {
        trial.case("the key's cap rotated", |key, inputs, good, _| {
            let mut key = key.clone();
            key.cap.rotate_left(by);
            (key, *inputs, good.clone())
        });
    }
}

/// Statements whose sums, roots or parts stay the same.
#[test]
fn no_other_statement_is_accepted() {
    let (statement, proof) = (Statement::from_bytes(STATEMENT).unwrap(), Proof::from_bytes(PROOF).unwrap());
    let (verifier, mut random) = (Verifier::new(), Random(7));
    let refuses = |other: &Statement, what: &str| assert!(verifier.verify(other, &proof).is_err(), "{what}");
    let with_root = |mut other: Statement| {
        other.proved.root = dataset_root(&other.entries().unwrap()).to_digest();
        other
    };
    for place in 0..=statement.declared.contributors.len() {
        let mut other = statement.clone();
        other.declared.contributors.insert(place, Address::from_bytes([99; 20]));
        other.proved.shares.insert(place, Share { records: 0, tokens: 0, root: Digest::ZERO, licence: 0 });
        refuses(&other, "a contributor without records");
    }
    let licences = statement.declared.licences.len() as u8;
    for _ in 0..100 {
        let (from, to, by) = (random.below(2), random.below(2), 1 + random.next() % 50);
        let mut other = statement.clone();
        other.proved.shares[from].licence = (statement.proved.shares[from].licence + 1) % licences;
        refuses(&with_root(other), "another licence, the root recomputed");
        if from != to {
            let mut other = statement.clone();
            other.proved.shares[from].tokens -= by;
            other.proved.shares[to].tokens += by;
            refuses(&with_root(other), "tokens moved, the root recomputed");
            let mut other = statement.clone();
            other.proved.shares.swap(from, to);
            other.declared.contributors.swap(from, to);
            refuses(&with_root(other), "contributors exchanged with their shares");
        }
    }
    for licence in 0..statement.declared.licences.len() {
        let mut other = statement.clone();
        other.declared.licences[licence].push('x');
        refuses(&other, "a licence renamed");
    }
}
