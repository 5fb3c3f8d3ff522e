//! The sizes of a model in the metadata of a GGUF file, and what `llama.cpp` knows of a family without the file.

use super::config::{LayerAttention, ModelConfig, default_scale, layers};
use super::gguf::Metadata;
use super::rope::{Rope, RopeScaling, yarn_magnitude};
use crate::error::{ModelError, Result};
use crate::kernels::Activation;

/// Of Gemma 3's layers every sixth sees everything; of SmolLM3's every fourth knows no positions.
const GEMMA3_PATTERN: u64 = 6;
const SMOLLM3_PATTERN: usize = 4;
/// Layers of the one Gemma 3 (27B) whose scores go by the width of the model instead of the head's.
const GEMMA3_27B: usize = 62;

/// Reads the sizes. Whether embeddings are tied is for the tensors to say.
pub(super) fn read(metadata: &Metadata<'_>, family: &'static str, vocab_size: usize) -> Result<ModelConfig> {
    let key = |name: &str| format!("{family}.{name}");
    let number = |name: &str| metadata.number(&key(name));
    let float = |name: &str| metadata.float_if_any(&key(name));
    for what in ["attn_logit_softcapping", "final_logit_softcapping"] {
        if let Some(found) = float(what)?.filter(|cap| *cap != 0.0) {
            return Err(ModelError::Unsupported { what, found: found.to_string(), known: "none" });
        }
    }
    let count = layers(number("block_count")?, "GGUF sizes")?;
    let (hidden, heads) = (number("embedding_length")?, number("attention.head_count")?);
    let head_width = number("attention.key_length").unwrap_or(hidden / heads);
    let gemma = family == "gemma3";
    let context = number("context_length")?;
    let window = number("attention.sliding_window").ok();
    let pattern = metadata.unsigned(&key("attention.sliding_window_pattern")).unwrap_or(GEMMA3_PATTERN).max(1);
    let attention = (1..=count).map(|layer| {
        let local = match family {
            "gemma3" => !(layer as u64).is_multiple_of(pattern),
            "llama" | "mistral" => true,
            _ => false,
        };
        let known = family != "smollm3" || !layer.is_multiple_of(SMOLLM3_PATTERN);
        LayerAttention { window: window.filter(|_| local), rope: known.then_some(usize::from(local && gemma)) }
    });
    let attention: Vec<_> = attention.collect();
    // Which layers slide in other families, no file says: inside the window none does.
    let most = if attention.iter().any(|layer| layer.window.is_some()) { None } else { window };
    let base = float("rope.freq_base")?.unwrap_or(if gemma { 1_000_000.0 } else { 10_000.0 });
    let mut ropes = vec![Rope { base, scaling: scaling(metadata, family, context)?, part: 1.0 }];
    if gemma {
        ropes.push(Rope {
            base: float("rope.freq_base_swa")?.unwrap_or(10_000.0),
            scaling: RopeScaling::None,
            part: 1.0,
        });
    }
    let attention_scale = match float("attention.scale")? {
        Some(scale) => scale,
        None if gemma && count == GEMMA3_27B => default_scale(hidden / heads),
        None => default_scale(head_width),
    };
    let granite = |name: &str| {
        let number = if family == "granite" { float(name)? } else { None };
        Ok::<_, ModelError>(number.unwrap_or(1.0))
    };
    Ok(ModelConfig {
        architecture: family,
        layers: count,
        hidden,
        heads,
        kv_heads: number("attention.head_count_kv").unwrap_or(heads),
        head_width,
        intermediate: number("feed_forward_length")?,
        vocab_size,
        context: ropes[0].context(context).min(most.unwrap_or(usize::MAX)),
        ropes,
        attention,
        attention_scale,
        activation: if gemma { Activation::GeluTanh } else { Activation::Silu },
        norm_epsilon: metadata.float(&key("attention.layer_norm_rms_epsilon"))?,
        tied: true,
        head_norm: matches!(family, "qwen3" | "gemma3"),
        after_norms: gemma,
        fused: false,
        embedding_scale: if gemma { (hidden as f64).sqrt() } else { granite("embedding_scale")? },
        residual_scale: granite("residual_scale")?,
        logit_scale: 1.0 / granite("logit_scale")?,
    })
}

fn scaling(metadata: &Metadata<'_>, family: &str, context: usize) -> Result<RopeScaling> {
    let key = |name: &str| format!("{family}.rope.scaling.{name}");
    match metadata.text(&key("type")).unwrap_or("none") {
        "none" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear { factor: metadata.float(&key("factor"))? }),
        "yarn" => {
            let factor = metadata.float(&key("factor"))?;
            let float = |name: &str| metadata.float_if_any(&key(name));
            let sharper = float("attn_factor")?.or(float("yarn_attn_factor")?).unwrap_or(1.0);
            Ok(RopeScaling::Yarn {
                factor,
                fast: float("yarn_beta_fast")?.unwrap_or(32.0),
                slow: float("yarn_beta_slow")?.unwrap_or(1.0),
                original: metadata.number(&key("original_context_length")).unwrap_or(context) as f64,
                truncate: true,
                magnitude: yarn_magnitude(factor) * sharper,
            })
        }
        other => {
            let known = "none, linear, yarn";
            Err(ModelError::Unsupported { what: "rope.scaling.type", found: other.into(), known })
        }
    }
}
