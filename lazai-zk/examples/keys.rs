//! Builds every circuit and writes what is pinned of them: `cargo run -p lazai-zk --features plonky2 --example keys`.
#![allow(clippy::print_stdout, reason = "it tells what it wrote")]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys = lazai_zk::build_keys()?;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("keys");
    for (name, bytes) in [("inner-v3.bin", &keys.inner), ("outer-v3.vk", &keys.outer)] {
        std::fs::write(folder.join(name), bytes)?;
        println!("{name}: {} bytes", bytes.len());
    }
    let key = lazai_zk::VerifierKey::from_bytes(&keys.outer)?;
    println!("digest of the verifier's key: {}", key.digest());
    Ok(())
}
