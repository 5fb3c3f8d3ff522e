//! Whether a card computes what the processor does, and how fast: a base of SmolLM2-135M's shape, made from a seed, is trained and
//! answers on both. Prints JSON; `benches/peers/card.py` measures PEFT and transformers on the same files.
//!
//! ```sh
//! cargo run -p lazai-lora --features cuda --example card -- target/card        # a folder for the base
//! python3 benches/peers/card.py target/card                                    # with torch, transformers and peft
//! ```
//!
//! Without a card, the processor is compared with one thread of itself: that tries the program, and tells nothing of a card.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::error::Error;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use half::bf16;
use lazai_core::message::{Message, Role};
use lazai_core::record::TrainConfig;
use lazai_lora::evaluate::Example;
use lazai_lora::generate::{Sampler, generate};
use lazai_lora::train::{Checkpoints, Data, train};
use lazai_lora::{BaseModel, Compute, LoraConfig, Targets, WeightFormat};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

/// SmolLM2-135M: `HuggingFaceTB/SmolLM2-135M`, config.json.
const SHAPE: Shape = Shape { hidden: 576, inner: 1_536, layers: 30, heads: 9, kv_heads: 3, vocab: 49_152 };
/// A shape for trying the program (`--small`).
const SMALL: Shape = Shape { hidden: 64, inner: 128, layers: 2, heads: 4, kv_heads: 2, vocab: 512 };
/// Steps that both train; blocks of a step; tokens of a block.
const STEPS: (u32, u32, u32) = (4, 4, 256);
/// Tokens of the reply.
const REPLY: u32 = 64;

struct Shape {
    hidden: usize,
    inner: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    vocab: usize,
}

impl Shape {
    fn config(&self) -> Value {
        json!({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": self.hidden,
            "intermediate_size": self.inner, "num_hidden_layers": self.layers, "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads, "vocab_size": self.vocab, "max_position_embeddings": 2_048,
            "rms_norm_eps": 1e-5, "rope_theta": 100_000.0, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
            "bos_token_id": null, "eos_token_id": 1,
        })
    }

    /// Names and sizes of all tensors, as Hugging Face has them.
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (hidden, inner) = (self.hidden, self.inner);
        let kv = hidden / self.heads * self.kv_heads;
        let mut all = vec![
            ("model.embed_tokens.weight".to_owned(), vec![self.vocab, hidden]),
            ("model.norm.weight".to_owned(), vec![hidden]),
        ];
        for layer in 0..self.layers {
            for (name, size) in [
                ("input_layernorm", vec![hidden]),
                ("post_attention_layernorm", vec![hidden]),
                ("self_attn.q_proj", vec![hidden, hidden]),
                ("self_attn.k_proj", vec![kv, hidden]),
                ("self_attn.v_proj", vec![kv, hidden]),
                ("self_attn.o_proj", vec![hidden, hidden]),
                ("mlp.gate_proj", vec![inner, hidden]),
                ("mlp.up_proj", vec![inner, hidden]),
                ("mlp.down_proj", vec![hidden, inner]),
            ] {
                all.push((format!("model.layers.{layer}.{name}.weight"), size));
            }
        }
        all
    }

    /// Writes a base with random weights: those of norms are one, others uniform with a deviation of 0.04.
    fn write(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        std::fs::create_dir_all(folder)?;
        let tokenizer = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/models/llama3");
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(tokenizer.join(name), folder.join(name))?;
        }
        std::fs::write(folder.join("config.json"), self.config().to_string())?;
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut number = || (rng.next_u32() as f32 / u32::MAX as f32 - 0.5) * 0.14;
        let mut weights: HashMap<String, (Vec<usize>, Vec<u8>)> = HashMap::new();
        for (name, size) in self.tensors() {
            let values =
                (0..size.iter().product()).map(|_| bf16::from_f32(if size.len() == 1 { 1.0 } else { number() }));
            let bytes = values.flat_map(bf16::to_le_bytes).collect();
            weights.insert(name, (size, bytes));
        }
        let views: Result<Vec<_>, _> = weights
            .iter()
            .map(|(name, (size, bytes))| Ok((name, TensorView::new(Dtype::BF16, size.clone(), bytes)?)))
            .collect();
        let views: Vec<(&String, TensorView<'_>)> = views.map_err(|e: safetensors::SafeTensorError| e)?;
        Ok(safetensors::serialize_to_file(views, None, &folder.join("model.safetensors"))?)
    }
}

/// What a device made, and how fast.
struct Made {
    losses: Vec<u64>,
    train_tokens_per_s: f64,
    reply: Vec<u32>,
    decode_tokens_per_s: f64,
}

fn make(folder: &Path, compute: &Compute, examples: &[Example]) -> Result<Made, Box<dyn Error>> {
    let base = BaseModel::open(folder, compute, WeightFormat::F32)?;
    let (steps, blocks, tokens) = STEPS;
    let config = TrainConfig {
        max_steps: Some(steps),
        block_tokens: tokens,
        blocks_per_step: blocks,
        checkpoint_steps: steps,
        ..TrainConfig::default()
    };
    let lora = LoraConfig { rank: 8, alpha: 16, rank_stabilised: false, targets: Targets::AllLinear };
    let checkpoints = tempfile::tempdir()?;
    let data = Data::new(base.tokenizer().digest(), examples);
    // The first step warms a card up.
    let (mut begun, mut seconds) = (None, 0.0);
    let trained = train(&base, &lora, &config, &data, &Checkpoints::last(checkpoints.path()), |_| {
        seconds = begun.get_or_insert_with(Instant::now).elapsed().as_secs_f64();
        true
    })?;
    let train_tokens_per_s = f64::from((steps - 1) * blocks * tokens) / seconds;
    let messages = [Message::new(Role::User, "Who are you?")];
    let sampler = Sampler { max_tokens: REPLY, min_tokens: REPLY, temperature_milli: 0, ..Sampler::default() };
    let answer = || generate(&base, Some(&trained.adapter), &messages, &sampler, 0, |_| true);
    answer()?;
    let begun = Instant::now();
    let reply = answer()?.tokens;
    let decode_tokens_per_s = reply.len() as f64 / begun.elapsed().as_secs_f64();
    Ok(Made { losses: trained.loss_micronats, train_tokens_per_s, reply, decode_tokens_per_s })
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_small = args.iter().any(|arg| arg == "--small");
    let folder: PathBuf = args.iter().find(|arg| !arg.starts_with("--")).ok_or("usage: card FOLDER [--small]")?.into();
    let shape = if is_small { SMALL } else { SHAPE };
    if !folder.join("model.safetensors").exists() {
        shape.write(&folder)?;
    }
    // Tokens that the small tokenizer knows too.
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (steps, blocks, tokens) = STEPS;
    let examples: Vec<Example> = (0..steps * blocks)
        .map(|_| Example {
            tokens: (0..tokens).map(|_| 10 + rng.next_u32() % 300).collect(),
            mask: vec![true; tokens as usize],
        })
        .collect();
    let one = NonZeroUsize::MIN;
    let card = Compute::present().into_iter().nth(1).map_or_else(|| Compute::cpu_threads(one), Ok)?;
    let (here, there) = (make(&folder, &Compute::cpu(), &examples)?, make(&folder, &card, &examples)?);
    let apart = here.losses.iter().zip(&there.losses).map(|(here, there)| here.abs_diff(*there) as f64 / *here as f64);
    let same = here.reply.iter().zip(&there.reply).take_while(|(here, there)| here == there).count();
    let told = json!({
        "device": card.name(), "loss_difference": apart.fold(0.0, f64::max), "same_tokens": same, "reply_tokens": REPLY,
        "train_tokens_per_s": there.train_tokens_per_s, "decode_tokens_per_s": there.decode_tokens_per_s,
        "cpu_train_tokens_per_s": here.train_tokens_per_s, "cpu_decode_tokens_per_s": here.decode_tokens_per_s,
    });
    println!("{told:#}");
    // Floats are added up in another order: what is more than that is an error.
    if told["loss_difference"].as_f64().is_none_or(|apart| apart > 1e-3) {
        return Err("the card computes something else than the processor".into());
    }
    Ok(())
}
