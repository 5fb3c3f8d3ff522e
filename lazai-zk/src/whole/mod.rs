//! A proof of a dataset that is one chunk: one STARK, masked, without recursion. Its verifier is plain Rust, without backend.
//!
//! It follows Plonky3 0.8 (`p3-batch-stark`, `p3-fri`'s hiding commitments, one instance) to the byte of the transcript, over
//! SHA-256; the rules are those of chunks ([`crate::chunk`]), and buses of logarithmic derivatives (U. Haböck, ePrint 2022/1530)
//! stand for look-ups and for the comparison of keys. Masks: U. Haböck, A. Kindi, "A note on adding zero-knowledge to STARKs",
//! ePrint 2024/1037.

mod body;
mod fri;
mod layout;
mod merkle;
mod rules;
#[cfg(test)]
mod soundness;
mod transcript;

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;

use crate::field;
use crate::proof::Proof;
use crate::statement::{CONTEXT_WORDS, PUBLIC_INPUTS, Statement};
use crate::verifier::VerifyError;
use body::{Body, Sizes};
#[cfg(feature = "p3")]
pub(crate) use layout::{BUSES, Count, Message, Value};
pub(crate) use layout::{Layout, PUBLIC_VALUES, ROWS_LOG};
use rules::{At, Selectors};
use transcript::{Part, Transcript};

/// S-boxes are of degree three.
pub(crate) const CUBES: bool = true;
/// Logarithm of the inverse of the rate.
pub(crate) const RATE_LOG: usize = 2;
/// Queries.
pub(crate) const QUERIES: usize = 43;
/// Bits of work before openings are combined.
pub(crate) const BATCH_WORK: usize = 8;
/// Bits of work before the queries.
pub(crate) const WORK: usize = 16;
/// Logarithm of the factor that FRI folds by.
pub(crate) const ARITY_LOG: usize = 3;
/// Logarithm of the number of coefficients at which it ends.
pub(crate) const FINAL_LOG: usize = 5;
/// Random columns beside each matrix.
pub(crate) const HIDDEN: usize = 2;
/// Elements of a leaf's salt, for each matrix.
pub(crate) const SALT: usize = 4;
/// Generator of the multiplicative group: the domain's shift.
const SHIFT: u64 = 7;

/// Digest of the parameters, which proofs name in place of a verifier's key: there is no circuit that one could be of.
pub(crate) fn digest() -> Digest {
    let numbers = [RATE_LOG, QUERIES, BATCH_WORK, WORK, ARITY_LOG, FINAL_LOG, HIDDEN, SALT, usize::from(CUBES)];
    let numbers: Vec<u8> = numbers.iter().flat_map(|&number| (number as u32).to_le_bytes()).collect();
    DomainHasher::new("lazai.zk.stark.v1").part(&numbers).finish()
}

/// Plonky3's root of unity of order 2^`log`.
fn root_of_unity(log: usize) -> u64 {
    field::pow(1_753_635_133_440_165_772, 1 << (32 - log))
}

/// A verifier of dataset proofs that are one STARK. It takes milliseconds, names no backend and trusts no key.
#[derive(Debug, Clone, Copy, Default)]
pub struct StarkVerifier;

impl StarkVerifier {
    /// The verifier.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Digest of the parameters that it takes proofs of: they name it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest()
    }

    /// Checks that a proof proves a statement; any bytes are safe.
    ///
    /// # Errors
    /// [`VerifyError`]: malformed, of another circuit or other parameters, of an impossible statement, or rejected.
    pub fn verify(&self, statement: &Statement, proof: &Proof) -> Result<(), VerifyError> {
        let (expected, found) = (digest(), proof.key_digest());
        if !proof.is_stark() || expected != found {
            return Err(VerifyError::OtherCircuit { expected, found });
        }
        verify(&statement.public_inputs()?, proof.rows_log(), proof.body())
    }
}

/// Checks a proof of the public inputs of a statement.
pub(crate) fn verify(inputs: &[u64; PUBLIC_INPUTS], rows_log: u8, bytes: &[u8]) -> Result<(), VerifyError> {
    let rows_log = usize::from(rows_log);
    if !ROWS_LOG.contains(&rows_log) {
        return Err(body::malformed("another number of rows"));
    }
    let layout = Layout::new(inputs[PUBLIC_VALUES] as usize, rows_log, CUBES);
    let sizes = Sizes::new(&layout);
    let body = Body::read(bytes, &sizes)?;
    let public = &inputs[..PUBLIC_VALUES];

    let mut transcript = Transcript::default();
    begin(&mut transcript, &sizes);
    // Rows with their masks, as an element of the extension.
    transcript.observe_extensions(&[field::Ext::base(rows_log as u64 + 1)]);
    transcript.observe_bytes(&body.trace);
    public.iter().for_each(|&value| transcript.observe(value));
    let buses = [transcript.extension(), transcript.extension()];
    transcript.observe_bytes(&body.fractions);
    // The fractions' sum is nothing, and is not in the proof.
    transcript.observe_extensions(&[field::Ext::ZERO]);
    let alpha = transcript.extension();
    transcript.observe_bytes(&body.quotient);
    transcript.observe_bytes(&body.mask);
    let point = transcript.extension();

    let rejected = |reason| VerifyError::Rejected { reason };
    let row = root_of_unity(rows_log);
    let points = [point, point.scale(row)];
    fri::check(&body, &sizes, points, transcript).map_err(rejected)?;

    let vanishing = point.pow_two_to(rows_log as u32) - field::Ext::ONE;
    let in_domain = || rejected("challenge point inside the domain");
    let before = field::inverse(row).ok_or_else(in_domain)?;
    let transition = point - field::Ext::base(before);
    let first = (point - field::Ext::ONE).inverse().ok_or_else(in_domain)? * vanishing;
    let last = transition.inverse().ok_or_else(in_domain)? * vanishing;
    let opened = |tree: usize, columns: usize| [0, 1].map(|at| &body.opened[tree][0][at][..columns]);
    let at = At {
        layout: &layout,
        trace: opened(1, sizes.trace),
        fractions: opened(3, sizes.fractions),
        public: &public[CONTEXT_WORDS..],
        selectors: Selectors { first, last, transition },
    };
    let parts: Vec<_> = body.opened[2].iter().map(|part| &part[0][..2]).collect();
    // The quotient's domain: as many cosets of the rows' as it has parts.
    let root = root_of_unity(rows_log + sizes.parts.ilog2() as usize);
    let shifts: Vec<u64> = (0..sizes.parts).map(|i| field::mul(SHIFT, field::pow(root, i as u64))).collect();
    let quotient = rules::quotient(&parts, rows_log, &shifts, point).ok_or_else(in_domain)?;
    if at.combined(buses, alpha) == quotient * vanishing { Ok(()) } else { Err(rejected("constraints")) }
}

/// Begins the transcript.
fn begin(transcript: &mut Transcript, sizes: &Sizes) {
    let mut part = Part::new("p3-batch-stark");
    part.extension("degree_bits");
    part.commitment("main_commitment");
    part.public("public_values", PUBLIC_VALUES);
    part.work("lookup_pow", 0);
    part.challenge("lookup_alpha");
    part.challenge("lookup_beta");
    part.commitment("permutation_commitment");
    part.extension("lookup_terminal");
    part.challenge("constraint_challenge");
    part.commitment("quotient_commitment");
    part.commitment("randomization_commitment");
    part.work("ood_pow", 0);
    part.challenge("zeta");
    part.within("opening_argument");
    [1, sizes.trace, 0].into_iter().for_each(|number| part.number(number));
    transcript.begin(part);
}

/// Begins the part on openings.
fn begin_openings(transcript: &mut Transcript, sizes: &Sizes) {
    let mut part = Part::new("p3-fri-pcs");
    let trees = sizes.trees();
    for (matrices, points) in &trees {
        for columns in matrices {
            (0..*points).for_each(|_| part.extensions("claimed_evaluations", columns + HIDDEN));
        }
    }
    part.work("batch_pow", BATCH_WORK);
    part.challenge("alpha");
    part.within("low_degree_test");
    part.number(trees.len());
    for (matrices, points) in &trees {
        part.number(matrices.len());
        matrices.iter().for_each(|_| part.number(*points));
    }
    transcript.begin(part);
}

/// Begins the part on folding.
fn begin_folding(transcript: &mut Transcript, sizes: &Sizes) {
    let mut part = Part::new("p3-fri");
    for _ in &sizes.folds {
        part.commitment("commit_phase_commitment");
        part.challenge("fold_challenge");
    }
    part.extensions("final_poly", 1 << FINAL_LOG);
    part.work("query_pow", WORK);
    part.places("query_indices", sizes.domain_log, QUERIES);
    [RATE_LOG, ARITY_LOG].iter().chain(&sizes.folds).for_each(|&number| part.number(number));
    transcript.begin(part);
}
