//! Writing Hugging Face's `config.json`, in words that `transformers` 4 and 5 read; those of LongRoPE are 5's.

use serde_json::{Map, Value, json};

use super::config::ModelConfig;
use super::hub_config::{FULL, GEMMA3, SLIDING};
use super::rope::RopeScaling;
use crate::error::Result;
use crate::kernels::Activation;

/// The fields of a model's `config.json` that say what it computes.
pub(super) fn fields(config: &ModelConfig, biased: bool) -> Result<Value> {
    let window = config.attention.iter().find_map(|layer| layer.window);
    let types = || -> Vec<_> {
        config.attention.iter().map(|layer| if layer.window.is_some() { SLIDING } else { FULL }).collect()
    };
    let sliding =
        || json!({ "sliding_window": window, "use_sliding_window": window.is_some(), "layer_types": types() });
    let bias = json!({ "attention_bias": biased, "mlp_bias": false });
    let (class, extra) = match config.architecture {
        "mistral" => ("MistralForCausalLM", vec![json!({ "sliding_window": window })]),
        "qwen2" => ("Qwen2ForCausalLM", vec![sliding()]),
        "qwen3" => ("Qwen3ForCausalLM", vec![sliding(), json!({ "attention_bias": biased })]),
        "gemma3" => ("Gemma3ForCausalLM", vec![gemma3(config, biased), json!({ "layer_types": types() })]),
        "smollm3" => {
            let positions: Vec<_> = config.attention.iter().map(|layer| u8::from(layer.rope.is_some())).collect();
            ("SmolLM3ForCausalLM", vec![sliding(), bias, json!({ "no_rope_layers": positions, "pad_token_id": null })])
        }
        "phi3" => ("Phi3ForCausalLM", vec![phi3(config, window)]),
        "granite" => ("GraniteForCausalLM", vec![bias, granite(config)]),
        _ => ("LlamaForCausalLM", vec![bias]),
    };
    let mut all = json!({
        "architectures": [class],
        "model_type": if config.architecture == "gemma3" { GEMMA3 } else { config.architecture },
        "hidden_size": config.hidden,
        "intermediate_size": config.intermediate,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head_width,
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context,
        "rms_norm_eps": config.norm_epsilon,
        "rope_theta": config.ropes[0].base,
        "tie_word_embeddings": config.tied,
    });
    if config.activation == Activation::Silu {
        all["hidden_act"] = json!("silu");
    }
    if let Some(scaling) = config.ropes[0].scaling_to_hub()? {
        all["rope_scaling"] = scaling;
    }
    for more in extra {
        if let (Value::Object(all), Value::Object(more)) = (&mut all, more) {
            all.extend(more);
        }
    }
    Ok(all)
}

fn gemma3(config: &ModelConfig, biased: bool) -> Value {
    let mut fields = Map::new();
    fields.insert("hidden_activation".into(), json!("gelu_pytorch_tanh"));
    fields.insert("attention_bias".into(), json!(biased));
    fields.insert("query_pre_attn_scalar".into(), json!(config.attention_scale.powi(-2).round() as u64));
    fields.insert("sliding_window".into(), json!(config.attention.iter().find_map(|layer| layer.window)));
    fields.insert("rope_local_base_freq".into(), json!(config.ropes[1].base));
    Value::Object(fields)
}

fn phi3(config: &ModelConfig, window: Option<usize>) -> Value {
    let original = match config.ropes[0].scaling {
        RopeScaling::Long { original, .. } => original as usize,
        _ => config.context,
    };
    json!({
        "sliding_window": window,
        "partial_rotary_factor": config.ropes[0].part,
        "original_max_position_embeddings": original,
        "pad_token_id": null,
    })
}

fn granite(config: &ModelConfig) -> Value {
    json!({
        "attention_multiplier": config.attention_scale,
        "embedding_multiplier": config.embedding_scale,
        "residual_multiplier": config.residual_scale,
        "logits_scaling": 1.0 / config.logit_scale,
    })
}
