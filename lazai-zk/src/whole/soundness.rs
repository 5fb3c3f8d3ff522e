//! The bits that documentation claims, computed from the verifier's own parameters by `p3-security`.

use p3_security::fri::FriRegime;
use p3_security::grinding::GrindingSites;
use p3_security::logup::{LogUpAir, security_term};
use p3_security::shape::{InstanceShape, StarkAirParams};
use p3_security::stark::{conjectured_security_report, proven_security_report};

use super::body::Sizes;
use super::layout::{Layout, ROWS_LOG};
use super::{ARITY_LOG, BATCH_WORK, CUBES, FINAL_LOG, HIDDEN, QUERIES, RATE_LOG, WORK};

/// Bits of the extension field, and of a collision of SHA-256.
const EXTENSION: usize = 128;

/// Whole bits: conjectured with the corrections of 2025 (ePrint 2025/2010), proven up to Johnson's bound, proven up to unique
/// decoding.
fn bits(packed: usize, rows_log: usize) -> [u32; 3] {
    let layout = Layout::new(packed, rows_log, CUBES);
    let sizes = Sizes::new(&layout);
    let regime = FriRegime {
        log_blowup: RATE_LOG,
        num_queries: QUERIES,
        log_final_poly_len: FINAL_LOG,
        max_log_arity: ARITY_LOG,
        commit_pow_bits: 0,
        query_pow_bits: WORK,
    };
    let air = StarkAirParams {
        // Each is a rule over one or two columns; a thousand is more than there are.
        num_constraints: 1_024,
        max_constraint_degree: layout.degree(),
        num_quotient_chunks: sizes.parts,
        max_combo: 2,
    };
    let points = |(columns, points): &(Vec<usize>, usize)| {
        columns.iter().map(|columns| (columns + HIDDEN) * points).sum::<usize>()
    };
    let shape = InstanceShape {
        // Masks double the rows.
        log_trace_length: rows_log + 1,
        modulus_bits: EXTENSION,
        collision_resistance: EXTENSION,
        num_batched_functions: sizes.trees().iter().map(points).sum(),
    };
    let grinding = GrindingSites { batch_combination: BATCH_WORK, ..GrindingSites::NONE };
    let buses = LogUpAir { num_interactions: layout.messages().len(), max_message_width: 1 };
    let buses: Vec<_> = security_term(&buses, &shape, &grinding).into_iter().collect();
    let proven = proven_security_report(&regime, &air, &shape, &buses, &grinding);
    let conjectured = conjectured_security_report(&regime, &air, &shape, &buses, &grinding);
    let johnson = proven.ldr.map_or(0.0, |report| report.security_bits());
    [conjectured.security_bits(), johnson, proven.udr.security_bits()].map(|bits| bits as u32)
}

#[test]
fn documentation_claims_what_is_computed() {
    let all = ROWS_LOG.flat_map(|rows_log| [3, 4].map(|packed| bits(packed, rows_log)));
    let least = all.reduce(|a, b| std::array::from_fn(|i| a[i].min(b[i]))).unwrap_or_default();
    let [conjectured, johnson, unique] = least;
    assert!(conjectured >= 100, "{least:?}");
    let line = format!("//! | a STARK of a whole dataset | {conjectured} | {johnson} | {unique} |");
    assert!(include_str!("../lib.rs").contains(&line), "lib.rs lacks: {line}");
}
