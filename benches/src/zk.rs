//! What a dataset proof costs, against the number of tokens; beside the same hashing done natively and in Plonky3.
//! Each size runs in a process of its own, so that its peak memory is its own.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use lazai::core::pov::{PovFile, Record, Writer};
use lazai::core::{Address, Digest, LedgerId, SubmissionId};
use lazai::zk::poseidon::{HashOut, two_to_one};
use lazai::zk::statement::Prompts;
use lazai::zk::{
    Binding, Commitment, Plonky2Verifier, Proof, ProveStage, Prover, StarkProver, StarkVerifier, Statement, Verifier,
};
use serde_json::{Value, json};

use crate::data::{contributor, output, peak_mb};
use crate::{Failure, chart, plonky3};

/// The slope is taken from the first of these to the third; the exponent from the third to the last.
const SIZES: [u64; 5] = [100_000, 300_000, 1_000_000, 2_000_000, 4_000_000];
const SMALL: u64 = 131_072;
/// Of one STARK: the small size, and nearly the most that fits.
const STARKS: [u64; 3] = [SMALL, 300_000, 1_000_000];
const PERMUTATIONS: usize = 1 << 15;
const VERIFICATIONS: u32 = 10;
const BATCHES: u32 = 8;

/// Runs everything; a picture goes beside the report.
///
/// # Errors
/// What any part says.
pub fn run(folder: &Path, report: &Path) -> Result<Value, Failure> {
    // Circuits are built once, outside of what is measured, as a node would.
    let circuits = folder.join("circuits");
    let prove = |tokens: u64| from_evm(&["prove".into(), tokens.to_string(), folder.display().to_string()]);
    let cold = prove(SMALL)?;
    // The cheapest of several: what a busy machine adds is not the prover's.
    let best = |tokens: u64, times: usize| -> Result<Value, Failure> {
        let mut best = prove(tokens)?;
        for _ in 1..times {
            let run = prove(tokens)?;
            if run["cpu_s"].as_f64() < best["cpu_s"].as_f64() {
                best = run;
            }
        }
        Ok(best)
    };
    let mut runs = Vec::new();
    for tokens in SIZES {
        runs.push(best(tokens, if tokens > 1_000_000 { 2 } else { 3 })?);
    }
    let small = best(SMALL, 3)?;
    let hashing = from_evm(&["hash".into()])?;
    let module = wasm(folder, "proof.bin")?;
    let mut starks = Vec::new();
    for tokens in STARKS {
        let mut best = stark(tokens, folder)?;
        for _ in 1..3 {
            let run = stark(tokens, folder)?;
            if run["cpu_s"].as_f64() < best["cpu_s"].as_f64() {
                best = run;
            }
        }
        starks.push(best);
    }
    let stark_module = wasm(folder, "stark.bin")?;
    let [stark_small, .., stark_large] = starks.as_slice() else { return Err("no STARK was measured".into()) };

    let number = |value: &Value| value.as_f64().ok_or("a number is missing");
    let (low, high, last) = (&runs[0], &runs[2], &runs[SIZES.len() - 1]);
    let between = |key: &str, a: &Value, b: &Value| Ok::<f64, Failure>(number(&b[key])? - number(&a[key])?);
    let slope = between("tokens", low, high)? / between("cpu_s", low, high)?;
    let long_slope = between("tokens", high, last)? / between("cpu_s", high, last)?;
    let exponent = (number(&last["cpu_s"])? / number(&high["cpu_s"])?).ln()
        / (number(&last["tokens"])? / number(&high["tokens"])?).ln();
    let permutations_per_cpu_s = between("permutations", high, last)? / between("inner_cpu_s", high, last)?;
    // Proofs of all sizes are verified alike: the fastest of all, for either verifier.
    let fastest = |key: &str| runs.iter().filter_map(|r| r[key].as_f64()).fold(f64::INFINITY, f64::min);
    let points = runs.iter().map(|r| Ok((number(&r["tokens"])? / 1e6, number(&r["cpu_s"])?)));
    let points = points.collect::<Result<Vec<_>, Failure>>()?;
    let picture = chart::line("Proving a dataset", "million tokens", "CPU seconds", &points);
    std::fs::write(report.with_extension("svg"), picture)?;
    let _ = std::fs::remove_dir_all(circuits);
    Ok(json!({
        "tokens_per_cpu_s": slope,
        "tokens_per_cpu_s_from_1m_to_4m": long_slope,
        "wrap_cpu_s": high["outer_cpu_s"],
        "prove_cpu_s_131k": small["cpu_s"],
        "prove_wall_s_131k": small["wall_s"],
        "first_proof_cpu_s_131k": cold["cpu_s"],
        "proof_bytes": high["proof_bytes"],
        "verify_ms": fastest("verify_ms"),
        "plonky2_verify_ms": fastest("plonky2_verify_ms"),
        "verify_wasm_ms": module,
        "peak_rss_mb": high["peak_mb"],
        "growth_exponent": exponent,
        "native_hash_ratio": permutations_per_cpu_s / number(&hashing["native_per_cpu_s"])?,
        "plonky3_ratio": permutations_per_cpu_s / number(&hashing["plonky3_per_cpu_s"])?,
        "permutations_per_cpu_s": permutations_per_cpu_s,
        "p3_prove_cpu_s_131k": stark_small["cpu_s"],
        "p3_prove_wall_s_131k": stark_small["wall_s"],
        "p3_proof_bytes": stark_large["proof_bytes"],
        "p3_verify_ms": stark_large["verify_ms"],
        "p3_verify_wasm_ms": stark_module,
        "p3_runs": starks,
        "hashing": hashing,
        "runs": runs,
    }))
}

/// The verifier in WebAssembly under Node, in milliseconds; null with the reason printed where it cannot be had.
fn wasm(folder: &Path, proof: &str) -> Result<Value, Failure> {
    let (Some(module), Some(script)) = (std::env::var_os("LAZAI_WASM_MODULE"), std::env::var_os("LAZAI_WASM_SCRIPT"))
    else {
        return Ok(Value::Null);
    };
    let mut node = Command::new("node");
    node.arg(script).arg(module).arg(folder.join("statement.json")).arg(folder.join(proof));
    output(&mut node)
}

/// One STARK of a dataset of so many tokens, in a process of its own.
fn stark(tokens: u64, folder: &Path) -> Result<Value, Failure> {
    from_evm(&["stark".into(), tokens.to_string(), folder.display().to_string()])
}

fn from_evm(args: &[String]) -> Result<Value, Failure> {
    output(Command::new(std::env::current_exe()?).arg("zk-part").args(args))
}

/// One part, in a process of its own.
///
/// # Errors
/// What it says.
pub fn part(args: &[String]) -> Result<Value, Failure> {
    match args {
        [verb, tokens, folder] if verb == "prove" => prove(tokens.parse()?, Path::new(folder)),
        [verb, tokens, folder] if verb == "stark" => prove_stark(tokens.parse()?, Path::new(folder)),
        [verb] if verb == "hash" => hash(),
        _ => Err("zk-part: prove or stark TOKENS FOLDER, or hash".into()),
    }
}

/// Records of 40 to 256 tokens, 148 on average, from a file that is streamed.
fn dataset(tokens: u64, path: &Path) -> Result<PovFile, Failure> {
    let mut writer = Writer::create(path, vec![contributor("bench")], Digest::from_bytes([9; 32]), 49_152, 0)?;
    let mut left = tokens;
    let mut state = 1u64;
    let mut random = |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    while left > 0 {
        let length = (40 + random(217)).min(left);
        left -= length;
        let tokens: Vec<u32> = (0..length).map(|_| random(49_152) as u32).collect();
        let loss_mask = vec![true; tokens.len()];
        writer.record(&Record { contributor: 0, tokens, loss_mask })?;
    }
    writer.finish()?;
    Ok(PovFile::open(path)?)
}

fn binding() -> Binding {
    Binding {
        ledger: LedgerId::from_bytes([1; 32]),
        submitter: Address::from_bytes([2; 20]),
        submission: SubmissionId::from_bytes([3; 32]),
    }
}

fn prove_stark(tokens: u64, folder: &Path) -> Result<Value, Failure> {
    let source = dataset(tokens, &folder.join("dataset.safetensors"))?;
    let (started, cpu) = (Instant::now(), cpu_s()?);
    let commitment = Commitment::of(&source)?;
    let statement = commitment.statement(&source, Prompts::NONE, binding())?;
    let proof = StarkProver::new().prove(&source, &commitment, &statement)?;
    let (wall_s, total, peak_mb) = (started.elapsed().as_secs_f64(), cpu_s()? - cpu, peak_mb());
    let verifier = StarkVerifier::new();
    let verify_ms = timed(&|| Ok(verifier.verify(&statement, &proof)?))?;
    std::fs::write(folder.join("statement.json"), statement.to_bytes())?;
    std::fs::write(folder.join("stark.bin"), proof.to_bytes())?;
    Ok(json!({
        "tokens": statement.tokens(),
        "records": statement.records(),
        "permutations": commitment.permutations(),
        "cpu_s": total,
        "wall_s": wall_s,
        "proof_bytes": proof.to_bytes().len(),
        "verify_ms": verify_ms,
        "peak_mb": peak_mb,
    }))
}

fn prove(tokens: u64, folder: &Path) -> Result<Value, Failure> {
    let source = dataset(tokens, &folder.join("dataset.safetensors"))?;
    let binding = binding();
    let prover = Prover::new().circuits_in(folder.join("circuits"));
    let (started, cpu) = (Instant::now(), cpu_s()?);
    let commitment = Commitment::of(&source)?;
    let statement = commitment.statement(&source, Prompts::NONE, binding)?;
    let commit_cpu_s = cpu_s()? - cpu;
    let mut marks = Vec::new();
    let proof = prover.prove_with(&source, &commitment, &statement, &mut |progress| {
        marks.push((progress.stage, cpu_s().unwrap_or(f64::NAN)));
        ControlFlow::Continue(())
    })?;
    let (wall_s, total) = (started.elapsed().as_secs_f64(), cpu_s()? - cpu);
    // A stage ends where the next begins.
    let first = |stage: ProveStage| marks.iter().find(|(s, _)| *s == stage).map_or(f64::NAN, |(_, at)| at - cpu);
    let joins = first(ProveStage::Joins);
    let outer = first(ProveStage::Outer);
    let (verify_ms, plonky2_verify_ms) = verify(&statement, &proof)?;
    std::fs::write(folder.join("statement.json"), statement.to_bytes())?;
    std::fs::write(folder.join("proof.bin"), proof.to_bytes())?;
    let chunks = marks.iter().filter(|(stage, _)| *stage == ProveStage::Chunks).count() - 1;
    Ok(json!({
        "tokens": statement.tokens(),
        "records": statement.records(),
        "permutations": commitment.permutations(),
        "chunks": chunks,
        "depth": proof.depth(),
        "cpu_s": total,
        "wall_s": wall_s,
        "commit_cpu_s": commit_cpu_s,
        "chunks_cpu_s": joins - commit_cpu_s,
        "joins_cpu_s": outer - joins,
        "inner_cpu_s": outer,
        "outer_cpu_s": total - outer,
        "proof_bytes": proof.to_bytes().len(),
        "verify_ms": verify_ms,
        "plonky2_verify_ms": plonky2_verify_ms,
        "peak_mb": peak_mb(),
    }))
}

/// Milliseconds that it takes: the best of several batches.
fn timed(run: &dyn Fn() -> Result<(), Failure>) -> Result<f64, Failure> {
    let mut best = f64::INFINITY;
    for _ in 0..BATCHES {
        let started = Instant::now();
        for _ in 0..VERIFICATIONS {
            run()?;
        }
        best = best.min(started.elapsed().as_secs_f64() * 1e3 / f64::from(VERIFICATIONS));
    }
    Ok(best)
}

fn verify(statement: &Statement, proof: &Proof) -> Result<(f64, f64), Failure> {
    let (ours, theirs) = (Verifier::new(), Plonky2Verifier::new());
    let ours = timed(&|| Ok(ours.verify(statement, proof)?))?;
    Ok((ours, timed(&|| Ok(theirs.verify(statement, proof)?))?))
}

/// Permutations per CPU-second: done natively, and proved by Plonky3.
fn hash() -> Result<Value, Failure> {
    const NATIVE: u32 = 1_000_000;
    let (mut native, mut plonky3) = (0f64, 0f64);
    for _ in 0..4 {
        let cpu = cpu_s()?;
        let mut node = HashOut::default();
        for _ in 0..NATIVE {
            node = two_to_one(node, node);
        }
        std::hint::black_box(node);
        native = native.max(f64::from(NATIVE) / (cpu_s()? - cpu));
        plonky3 = plonky3.max(PERMUTATIONS as f64 / plonky3::prove_permutations(PERMUTATIONS)?);
    }
    Ok(json!({ "native_per_cpu_s": native, "plonky3_per_cpu_s": plonky3, "plonky3_permutations": PERMUTATIONS }))
}

/// CPU seconds of this process, all threads.
pub(crate) fn cpu_s() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The second field, the program's name, may hold spaces; user and system time are the 14th and 15th.
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("/proc/self/stat")?.1.split_whitespace().collect();
    let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}
