//! Files from strangers, damaged at random from fixed seeds: an error or a model, never a panic.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use lazai_lora::{Adapter, BaseModel, Compute, LoraConfig, WeightFormat};

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models")
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// Some bytes changed, cut out or repeated, most of them near the beginning, where headers are.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let reach = if self.below(4) > 0 { out.len().min(4_000) } else { out.len() };
            let at = self.below(reach);
            match self.below(6) {
                0 => out[at] ^= 1 << self.below(8),
                1 => out[at] = 0xff,
                2 => out.truncate(at.max(1)),
                3 => drop(out.drain(at..(at + 1 + self.below(16)).min(out.len()))),
                4 => {
                    let end = (at + 8).min(out.len());
                    out[at..end].fill(self.below(256) as u8);
                }
                _ => {
                    let end = (at + 1 + self.below(16)).min(out.len());
                    let again = out[at..end].to_vec();
                    out.splice(at..at, again);
                }
            }
            if out.is_empty() {
                out.push(0);
            }
        }
        out
    }
}

fn try_model(path: &Path) -> bool {
    BaseModel::open(path, &Compute::cpu(), WeightFormat::AsStored).is_ok()
}

#[test]
fn damaged_gguf_files() {
    let mut random = Random(1);
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut taken = 0;
    for name in ["llama-q8_0", "qwen2-q4_0", "qwen3-q5_1", "llama3-f32"] {
        let bytes = std::fs::read(vectors().join("gguf").join(format!("{name}.gguf"))).unwrap();
        for _ in 0..150 {
            std::fs::write(file.path(), random.damage(&bytes)).unwrap();
            taken += usize::from(try_model(file.path()));
        }
    }
    assert!(taken < 600, "nothing was damaged");
}

#[test]
fn damaged_folders() {
    let mut random = Random(2);
    let folder = tempfile::tempdir().unwrap();
    let whole = vectors().join("mistral");
    let names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json"];
    let shards = (1..=4).map(|i| format!("model-0000{i}-of-00004.safetensors"));
    let names: Vec<String> = names.into_iter().map(str::to_owned).chain(shards).collect();
    for name in &names {
        std::fs::copy(whole.join(name), folder.path().join(name)).unwrap();
    }
    for name in &names {
        let bytes = std::fs::read(whole.join(name)).unwrap();
        for _ in 0..60 {
            std::fs::write(folder.path().join(name), random.damage(&bytes)).unwrap();
            try_model(folder.path());
        }
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    assert!(try_model(folder.path()));
}

#[test]
fn damaged_adapters() {
    let mut random = Random(3);
    let base = BaseModel::open(&vectors().join("llama3"), &Compute::cpu(), WeightFormat::F32).unwrap();
    let adapter = Adapter::new(&base, LoraConfig { rank: 2, ..LoraConfig::default() }, 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    adapter.save(folder.path(), "tiny").unwrap();
    for name in ["adapter_config.json", "adapter_model.safetensors"] {
        let path = folder.path().join(name);
        let bytes = std::fs::read(&path).unwrap();
        for _ in 0..1_500 {
            std::fs::write(&path, random.damage(&bytes)).unwrap();
            let _ = Adapter::load(folder.path(), &base);
        }
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(Adapter::load(folder.path(), &base).unwrap().digest().unwrap(), adapter.digest().unwrap());
}
