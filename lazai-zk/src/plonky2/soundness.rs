//! The bits that documentation claims, computed from the circuits' own parameters by `p3-security`: words and computation
//! cannot differ.

use p3_security::fri::FriRegime;
use p3_security::grinding::GrindingSites;
use p3_security::logup::{LogUpAir, fingerprint_error};
use p3_security::shape::{InstanceShape, StarkAirParams};
use p3_security::stark::{conjectured_security_report, proven_security_report};
use plonky2::fri::FriConfig;
use plonky2::fri::reduction_strategies::FriReductionStrategy;
use plonky2::plonk::circuit_data::CircuitConfig;
use starky::stark::Stark;

use super::chunk::{ChunkStark, Shape, lookup_terms, stark_config};
use super::circuits::{Common, chunk_config, outer_config};
use super::setup::Setup;

/// Bits of the extension field, and of the field itself.
const EXTENSION: usize = 128;
const FIELD: usize = 64;

/// A low-degree test and what it is over.
struct Tested {
    fri: FriConfig,
    rows_log: usize,
    polynomials: usize,
    constraints: usize,
    degree: usize,
}

impl Tested {
    fn circuit(common: &Common) -> Self {
        let CircuitConfig { num_wires, num_routed_wires, num_challenges, .. } = common.config;
        let products = num_challenges * (1 + common.num_partial_products);
        let quotient = num_challenges * common.quotient_degree_factor;
        Self {
            fri: common.config.fri_config.clone(),
            rows_log: common.degree_bits(),
            polynomials: common.num_constants + num_routed_wires + num_wires + products + quotient,
            constraints: common.num_gate_constraints + products + num_challenges,
            degree: common.quotient_degree_factor,
        }
    }

    /// The widest STARK of the most rows.
    fn stark() -> Self {
        let config = stark_config();
        // The second shape is the large one of four tokens to an element.
        let stark = ChunkStark::<1>;
        let columns = super::chunk::width(Shape::ALL[1]);
        let helpers = stark.num_lookup_helper_columns(&config);
        let quotient = stark.num_quotient_polys(&config);
        Self {
            fri: config.fri_config.clone(),
            rows_log: Shape::ALL[1].rows_log,
            polynomials: columns + helpers + quotient,
            // Each is a rule over one or two of these; a thousand is more than there are.
            constraints: 1_024,
            degree: stark.constraint_degree(),
        }
    }

    /// Whole bits: conjectured with the corrections of 2025 (ePrint 2025/2010), proven up to Johnson's bound, proven up to unique
    /// decoding.
    fn bits(&self) -> [u32; 3] {
        let FriReductionStrategy::ConstantArityBits(arity, last) = self.fri.reduction_strategy else {
            panic!("folding by a constant factor")
        };
        let regime = FriRegime {
            log_blowup: self.fri.rate_bits,
            num_queries: self.fri.num_query_rounds,
            log_final_poly_len: last,
            max_log_arity: arity,
            commit_pow_bits: 0,
            query_pow_bits: self.fri.proof_of_work_bits as usize,
        };
        let air = StarkAirParams {
            num_constraints: self.constraints,
            max_constraint_degree: self.degree,
            num_quotient_chunks: self.degree.next_power_of_two(),
            max_combo: 2,
        };
        // Collisions of the hash are told of apart.
        let shape = InstanceShape {
            log_trace_length: self.rows_log,
            modulus_bits: EXTENSION,
            collision_resistance: EXTENSION,
            num_batched_functions: self.polynomials,
        };
        let none = GrindingSites::NONE;
        let proven = proven_security_report(&regime, &air, &shape, &[], &none);
        let conjectured = conjectured_security_report(&regime, &air, &shape, &[], &none);
        let johnson = proven.ldr.map_or(0.0, |report| report.security_bits());
        [conjectured.security_bits(), johnson, proven.udr.security_bits()].map(|bits| bits as u32)
    }
}

/// That a product over all routed wires is one although wires differ: its degree over the field, for each challenge.
fn copies(common: &Common) -> u32 {
    let factors = (common.config.num_routed_wires as f64).log2() + common.degree_bits() as f64;
    (common.config.num_challenges as f64 * (FIELD as f64 - factors)) as u32
}

/// That a sum of fractions is zero although values are in no table, in the shape with the most of them.
fn lookups(challenges: usize) -> u32 {
    let bits = |shape: Shape| {
        let air = LogUpAir { num_interactions: lookup_terms(shape), max_message_width: 1 };
        let shape = InstanceShape {
            log_trace_length: shape.rows_log,
            modulus_bits: FIELD,
            collision_resistance: EXTENSION,
            num_batched_functions: 1,
        };
        challenges as f64 * fingerprint_error(&air, &shape).bits()
    };
    Shape::ALL.into_iter().map(bits).fold(f64::INFINITY, f64::min) as u32
}

#[test]
fn documentation_claims_what_is_computed() {
    let setup = Setup::pinned();
    for (circuit, config) in [(&setup.chunk, chunk_config()), (&setup.outer, outer_config())] {
        assert_eq!(circuit.config, config, "the keys are of these parameters");
    }
    let tested = |name: &str, what: Tested| {
        let [conjectured, johnson, unique] = what.bits();
        (format!("//! | {name} | {conjectured} | {johnson} | {unique} |"), what.bits())
    };
    let counted = |name: &str, bits: u32| (format!("//! | {name} | {bits} | {bits} | {bits} |"), [bits; 3]);
    let newest = [
        tested("FRI of the outer proof", Tested::circuit(&setup.outer)),
        tested("FRI of joins", Tested::circuit(&setup.join)),
        tested("FRI of chunks' circuits", Tested::circuit(&setup.chunk)),
        tested("FRI of chunks' STARKs", Tested::stark()),
        counted("copies, chunks' circuits", copies(&setup.chunk)),
        counted("copies, joins and the outer proof", copies(&setup.join).min(copies(&setup.outer))),
        counted("lookups, three challenges", lookups(stark_config().num_challenges)),
    ];
    let before = counted("lookups, two challenges: the key of version 2", lookups(2));
    let library = include_str!("../lib.rs");
    let missing: Vec<_> =
        newest.iter().chain([&before]).map(|(line, _)| line).filter(|line| !library.contains(line.as_str())).collect();
    assert!(missing.is_empty(), "lib.rs lacks, of what is computed:\n{missing:#?}");

    let [conjectured, johnson, unique] = [0, 1, 2].map(|i| newest.iter().map(|(_, bits)| bits[i]).min().unwrap_or(0));
    let earlier = before.1[0].min(conjectured);
    let sentence = format!("{conjectured} bits conjectured ({earlier} under the key of version 2), {johnson} proven");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for file in [
        "lazai-zk/src/lib.rs",
        "lazai-zk/README.md",
        "docs/formats.md",
        "docs/book/src/concepts/trust.md",
        "SECURITY.md",
    ] {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        let words = text.replace("//! ", "").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&sentence), "{file} does not say: {sentence} (by unique decoding {unique})");
    }
}
