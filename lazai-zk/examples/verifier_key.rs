//! Builds the circuit and writes its verifier's key to the file named on the command line.
//!
//! `cargo run -p lazai-zk --features plonky2 --example verifier_key -- lazai-zk/keys/dataset-v1.vk`

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: verifier_key FILE")?;
    std::fs::write(path, lazai_zk::Prover::build_verifier_key()?)?;
    Ok(())
}
