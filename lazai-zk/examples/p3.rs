//! What the prover by Plonky3 costs: `p3 TOKENS`.
use std::time::Instant;

use lazai_core::pov::{Contributor, PovFile, Record, Writer};
use lazai_core::{Address, Digest, LedgerId, SubmissionId};
use lazai_zk::statement::Prompts;
use lazai_zk::{Binding, Commitment, Proof, StarkProver, StarkVerifier};

fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let f: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    (f[11].parse::<f64>().unwrap() + f[12].parse::<f64>().unwrap()) / 100.0
}

fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn main() {
    let tokens: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d");
    let contributor = Contributor {
        address: Address::from_bytes([7; 20]),
        name: "bench".into(),
        licence: "MIT".into(),
        consent: "training".into(),
    };
    let mut writer = Writer::create(&path, vec![contributor], Digest::from_bytes([9; 32]), 49_152, 0).unwrap();
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
        writer.record(&Record { contributor: 0, tokens, loss_mask }).unwrap();
    }
    writer.finish().unwrap();
    let source = PovFile::open(&path).unwrap();
    let binding = Binding {
        ledger: LedgerId::from_bytes([1; 32]),
        submitter: Address::from_bytes([2; 20]),
        submission: SubmissionId::from_bytes([3; 32]),
    };
    let (started, cpu) = (Instant::now(), cpu_s());
    let commitment = Commitment::of(&source).unwrap();
    let statement = commitment.statement(&source, Prompts::NONE, binding).unwrap();
    let proof = StarkProver::new().prove(&source, &commitment, &statement).unwrap();
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_s() - cpu);
    let peak = peak_mb();
    let bytes = proof.to_bytes();
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let started = Instant::now();
        StarkVerifier::new().verify(&statement, &Proof::from_bytes(&bytes).unwrap()).unwrap();
        best = best.min(started.elapsed().as_secs_f64() * 1e3);
    }
    println!(
        "tokens {tokens} permutations {} cpu {cpu:.2} wall {wall:.2} bytes {} verify_ms {best:.2} peak_mb {peak:.0}",
        commitment.permutations(),
        bytes.len()
    );
}
