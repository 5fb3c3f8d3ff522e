//! Hugging Face's `config.json`: what each family calls its sizes, and the defaults that its files leave out.

use serde::Deserialize;
use serde_json::Value;

use super::config::{KNOWN, LayerAttention, ModelConfig, architecture, default_scale, experts, layers};
use super::hub::CONFIG;
use super::rope::Rope;
use crate::error::{ModelError, Result};
use crate::kernels::Activation;

/// Hugging Face's name for the text model of Gemma 3; `gemma3` is the one that sees pictures too.
pub(super) const GEMMA3: &str = "gemma3_text";
/// Gemma 3's base of the rotary embedding, of layers that see everything and of those that do not.
const GEMMA3_BASES: (f64, f64) = (1_000_000.0, 10_000.0);
/// Phi 3 and 4, and Phi-4-mini. Their GGUF files split texts in ways of their own.
const PHI3: &str = "phi3";
pub(super) const SLIDING: &str = "sliding_attention";
pub(super) const FULL: &str = "full_attention";

/// The family that a `config.json` names.
pub(super) fn hub_family(config: &Value) -> Result<&'static str> {
    let family = match config["model_type"].as_str().unwrap_or_default() {
        GEMMA3 => "gemma3",
        "gemma3" => {
            return Err(ModelError::Unsupported { what: "architecture", found: "gemma3".into(), known: KNOWN });
        }
        PHI3 => PHI3,
        other => architecture(other)?,
    };
    experts(family, config["num_local_experts"].as_u64().or(config["num_experts"].as_u64()))?;
    Ok(family)
}

/// What a folder's norms leave out of their weights: files of Gemma 3 keep what is added to one.
pub(super) fn norm_offset(family: &str) -> f64 {
    if family == "gemma3" { 1.0 } else { 0.0 }
}

#[derive(Deserialize)]
struct Sizes {
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: usize,
    max_position_embeddings: usize,
    rms_norm_eps: f64,
    tie_word_embeddings: Option<bool>,
}

/// A file, and the family that it is of.
struct HubConfig {
    family: &'static str,
    value: Value,
    sizes: Sizes,
}

impl ModelConfig {
    /// Reads Hugging Face's `config.json`.
    pub(super) fn from_hub(bytes: &[u8]) -> Result<Self> {
        // The family first: another one's file has other fields.
        let value: Value = serde_json::from_slice(bytes).map_err(|e| ModelError::malformed(CONFIG, e))?;
        let family = hub_family(&value)?;
        let sizes = Sizes::deserialize(&value).map_err(|e| ModelError::malformed(CONFIG, e))?;
        HubConfig { family, value, sizes }.config()?.checked(CONFIG)
    }
}

impl HubConfig {
    fn config(&self) -> Result<ModelConfig> {
        let sizes = &self.sizes;
        self.refuse_what_is_not_computed()?;
        let gemma = self.family == "gemma3";
        let ropes = self.ropes()?;
        let width = sizes.hidden_size / sizes.num_attention_heads.max(1);
        let head_width = sizes.head_dim.unwrap_or(if gemma { 256 } else { width });
        let attention_scale = match self.family {
            "gemma3" => self.number("query_pre_attn_scalar")?.unwrap_or(256.0).powf(-0.5),
            "granite" => self.number("attention_multiplier")?.unwrap_or(1.0),
            _ => default_scale(head_width),
        };
        let granite = |key: &str| {
            let number = if self.family == "granite" { self.number(key)? } else { None };
            Ok::<_, ModelError>(number.unwrap_or(1.0))
        };
        let embedding_scale = if gemma { (sizes.hidden_size as f64).sqrt() } else { granite("embedding_multiplier")? };
        Ok(ModelConfig {
            architecture: self.family,
            layers: layers(sizes.num_hidden_layers, CONFIG)?,
            hidden: sizes.hidden_size,
            heads: sizes.num_attention_heads,
            kv_heads: sizes.num_key_value_heads.unwrap_or(sizes.num_attention_heads),
            head_width,
            intermediate: sizes.intermediate_size,
            vocab_size: sizes.vocab_size,
            context: ropes[0].context(sizes.max_position_embeddings),
            attention: self.attention()?,
            ropes,
            attention_scale,
            activation: self.activation()?,
            norm_epsilon: sizes.rms_norm_eps,
            tied: sizes.tie_word_embeddings.unwrap_or(matches!(self.family, "gemma3" | "smollm3")),
            head_norm: matches!(self.family, "qwen3" | "gemma3"),
            after_norms: gemma,
            fused: self.family == PHI3,
            embedding_scale,
            residual_scale: granite("residual_multiplier")?,
            logit_scale: 1.0 / granite("logits_scaling")?,
        })
    }

    /// A number that may be missing or null.
    fn number(&self, key: &str) -> Result<Option<f64>> {
        match &self.value[key] {
            Value::Null => Ok(None),
            value => {
                let number = value.as_f64().filter(|n| *n > 0.0).map(Some);
                number.ok_or_else(|| ModelError::malformed(CONFIG, format!("field {key:?} is {value}")))
            }
        }
    }

    fn whole(&self, key: &str) -> Result<Option<usize>> {
        Ok(self.number(key)?.map(|n| n as usize))
    }

    /// Refuses by name what would be computed otherwise.
    fn refuse_what_is_not_computed(&self) -> Result<()> {
        let refused = [
            ("attn_logit_softcapping", "null"),
            ("final_logit_softcapping", "null"),
            ("use_bidirectional_attention", "false"),
        ];
        for (what, known) in refused {
            let value = &self.value[what];
            if !(value.is_null() || *value == false) {
                return Err(ModelError::Unsupported { what, found: value.to_string(), known });
            }
        }
        let places = [&self.value, &self.value["rope_parameters"], &self.value["rope_scaling"]];
        let mut parts = places.into_iter().map(|place| &place["partial_rotary_factor"]);
        match parts.find(|part| !part.is_null() && part.as_f64() != Some(1.0)) {
            Some(part) if self.family != PHI3 => {
                Err(ModelError::Unsupported { what: "partial_rotary_factor", found: part.to_string(), known: "1" })
            }
            _ => Ok(()),
        }
    }

    fn activation(&self) -> Result<Activation> {
        // Older files of Gemma have both fields, of which the first counts.
        let (what, expected, activation) = match self.family {
            "gemma3" => ("hidden_activation", "gelu_pytorch_tanh", Activation::GeluTanh),
            _ => ("hidden_act", "silu", Activation::Silu),
        };
        match self.value[what].as_str() {
            Some(found) if found != expected => {
                Err(ModelError::Unsupported { what, found: found.into(), known: expected })
            }
            _ => Ok(activation),
        }
    }

    /// The rotary embedding; for Gemma 3 that of all layers that see everything, then that of those that do not.
    fn ropes(&self) -> Result<Vec<Rope>> {
        let (value, context) = (&self.value, self.sizes.max_position_embeddings);
        let context = (context, self.whole("original_max_position_embeddings")?.unwrap_or(context));
        let parameters = &value["rope_parameters"];
        let scaling = if parameters.is_null() { &value["rope_scaling"] } else { parameters };
        let base = self.number("rope_theta")?;
        if self.family != "gemma3" {
            let mut rope = Rope::from_hub(scaling, base.unwrap_or(10_000.0), context)?;
            if let Some(part) = self.number("partial_rotary_factor")? {
                rope.part = part;
            }
            return Ok(vec![rope]);
        }
        let (full, local) = GEMMA3_BASES;
        let (full, local) = (base.unwrap_or(full), self.number("rope_local_base_freq")?.unwrap_or(local));
        // Files before version 5 of `transformers` scale the layers that see everything, and no others.
        let (scaling, local_scaling) =
            if parameters.is_null() { (scaling, &Value::Null) } else { (&parameters[FULL], &parameters[SLIDING]) };
        Ok(vec![Rope::from_hub(scaling, full, context)?, Rope::from_hub(local_scaling, local, context)?])
    }

    /// The attention of each layer.
    fn attention(&self) -> Result<Vec<LayerAttention>> {
        let count = layers(self.sizes.num_hidden_layers, CONFIG)?;
        let positions = self.positions(count)?;
        let mut window = self.whole("sliding_window")?;
        if self.family == "mistral" && self.value.get("sliding_window").is_none() {
            // A file that leaves it out has that of the first Mistral; one without a window says null.
            window = Some(4096);
        }
        let slides = self.value["use_sliding_window"] == true;
        let named = self.layer_types(count)?;
        let (later, pattern) = (self.whole("max_window_layers")?.unwrap_or(28), self.pattern()?);
        let windowed = |layer: usize| match (self.family, &named) {
            ("mistral" | PHI3, _) => true,
            ("qwen2" | "qwen3" | "smollm3", _) if !slides => false,
            ("qwen2" | "qwen3" | "smollm3" | "gemma3", Some(types)) => types[layer],
            ("qwen2" | "qwen3", None) => layer >= later,
            ("smollm3", None) => !positions[layer],
            ("gemma3", None) => !(layer + 1).is_multiple_of(pattern),
            _ => false,
        };
        let attention = (0..count).map(|layer| {
            let local = windowed(layer);
            let rope = usize::from(local && self.family == "gemma3");
            LayerAttention { window: window.filter(|_| local), rope: positions[layer].then_some(rope) }
        });
        Ok(attention.collect())
    }

    /// The interval of Gemma 3's layers that see everything.
    fn pattern(&self) -> Result<usize> {
        let named = self.whole("sliding_window_pattern")?.or(self.whole("_sliding_window_pattern")?);
        Ok(named.unwrap_or(6).max(1))
    }

    /// Tells for each layer whether it knows positions.
    fn positions(&self, count: usize) -> Result<Vec<bool>> {
        if self.family != "smollm3" {
            return Ok(vec![true; count]);
        }
        let interval = self.whole("no_rope_layer_interval")?.unwrap_or(4).max(1);
        let Some(list) = self.value["no_rope_layers"].as_array() else {
            return Ok((1..=count).map(|layer| !layer.is_multiple_of(interval)).collect());
        };
        // The name notwithstanding, 1 is a layer with a rotary embedding.
        let list: Option<Vec<bool>> = list.iter().map(|n| n.as_u64().map(|n| n != 0)).collect();
        let list = list.filter(|list| list.len() == count);
        list.ok_or_else(|| ModelError::malformed(CONFIG, "field \"no_rope_layers\", expected a number for each layer"))
    }

    /// Tells for each layer whether it slides, if the file has a list.
    fn layer_types(&self, count: usize) -> Result<Option<Vec<bool>>> {
        let Some(list) = self.value["layer_types"].as_array() else { return Ok(None) };
        let of = |kind: &Value| match kind.as_str() {
            Some(SLIDING) => Ok(true),
            Some(FULL) => Ok(false),
            _ => {
                let known = "sliding_attention, full_attention";
                Err(ModelError::Unsupported { what: "layer_types", found: kind.to_string(), known })
            }
        };
        let list = list.iter().map(of).collect::<Result<Vec<_>>>()?;
        let error = || ModelError::malformed(CONFIG, format!("{} layer types of {count} layers", list.len()));
        if list.len() == count { Ok(Some(list)) } else { Err(error()) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A small model's file with some fields more.
    fn read(fields: Value) -> Result<ModelConfig> {
        let mut config = json!({
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 8, "num_attention_heads": 4,
            "vocab_size": 300, "max_position_embeddings": 32_768, "rms_norm_eps": 1e-6,
        });
        config.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        ModelConfig::from_hub(config.to_string().as_bytes())
    }

    fn windows(config: &ModelConfig) -> Vec<Option<usize>> {
        config.attention.iter().map(|layer| layer.window).collect()
    }

    /// As Gemma 3 was published, and as `transformers` 5 writes it.
    #[test]
    fn both_ages_of_gemma_say_the_same() {
        let old = json!({
            "model_type": "gemma3_text", "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "sliding_window": 512,
            "rope_theta": 1_000_000, "rope_local_base_freq": 10_000, "query_pre_attn_scalar": 256,
            "sliding_window_pattern": 6, "rope_scaling": { "rope_type": "linear", "factor": 8.0 },
            "attn_logit_softcapping": null, "final_logit_softcapping": null,
        });
        let types: Vec<_> = (0..8).map(|layer| if layer == 5 { FULL } else { SLIDING }).collect();
        let new = json!({
            "model_type": "gemma3_text", "sliding_window": 512, "layer_types": types, "use_bidirectional_attention": false,
            "rope_parameters": {
                FULL: { "rope_type": "linear", "factor": 8.0, "rope_theta": 1e6 },
                SLIDING: { "rope_type": "default", "rope_theta": 1e4 },
            },
        });
        let (old, new) = (read(old).unwrap(), read(new).unwrap());
        assert_eq!(old, new);
        assert!(old.tied && old.after_norms && old.activation == Activation::GeluTanh);
        assert_eq!(windows(&old)[4..7], [Some(512), None, Some(512)]);
        assert_eq!(old.attention.iter().map(|layer| layer.rope.unwrap()).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 0, 1, 1]);
        assert_eq!(old.ropes[1], Rope::from_hub(&Value::Null, 10_000.0, (1, 1)).unwrap());
    }

    #[test]
    fn windows_are_where_the_family_has_them() {
        let qwen =
            json!({"model_type": "qwen2", "sliding_window": 9, "max_window_layers": 6, "use_sliding_window": true});
        assert_eq!(windows(&read(qwen.clone()).unwrap())[5..], [None, Some(9), Some(9)]);
        let mut off = qwen;
        off["use_sliding_window"] = json!(false);
        assert_eq!(windows(&read(off).unwrap()), [None; 8]);
        let mistral = |window: Value| {
            let mut config = json!({"model_type": "mistral"});
            if window != "missing" {
                config["sliding_window"] = window;
            }
            windows(&read(config).unwrap())[0]
        };
        let windows = [json!("missing"), json!(null), json!(100)].map(mistral);
        assert_eq!(windows, [Some(4096), None, Some(100)]);
        let smollm = read(json!({"model_type": "smollm3", "no_rope_layer_interval": 3})).unwrap();
        let known: Vec<_> = smollm.attention.iter().map(|layer| layer.rope.is_some()).collect();
        assert_eq!(known, [true, true, false, true, true, false, true, true]);
    }

    #[test]
    fn yarn_is_for_the_context_that_it_makes() {
        let scaling = json!({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32_768});
        let config = read(json!({"model_type": "qwen2", "rope_scaling": scaling})).unwrap();
        assert_eq!(config.context, 131_072);
        assert!((config.ropes[0].magnitude() - 1.138_629_436).abs() < 1e-8);
    }

    /// A published file of Phi-4-mini: the context ends where its tokens would turn otherwise.
    #[test]
    fn phi_ends_with_its_original_context() {
        let factors = |n: f64| vec![n; 3];
        let phi = json!({
            "model_type": "phi3", "partial_rotary_factor": 0.75, "original_max_position_embeddings": 4_096,
            "rope_scaling": { "type": "longrope", "short_factor": factors(1.0), "long_factor": factors(2.0) },
            "sliding_window": 262_144,
        });
        let config = read(phi.clone()).unwrap();
        assert!(config.fused && config.context == 4_096 && config.ropes[0].part == 0.75);
        // `sqrt(1 + ln 8 / ln 4096)`, as 32,768 are eight times as many.
        assert!((config.ropes[0].magnitude() - 1.25_f64.sqrt()).abs() < 1e-12);
        let mut short = phi;
        short["rope_scaling"]["short_factor"] = json!([1.0]);
        assert!(matches!(read(short), Err(ModelError::Malformed { .. })));
    }

    #[test]
    fn what_is_not_computed_is_refused_by_name() {
        for (family, key, value) in [
            ("gemma3_text", "final_logit_softcapping", json!(30.0)),
            ("gemma3_text", "attn_logit_softcapping", json!(50.0)),
            ("gemma3_text", "use_bidirectional_attention", json!(true)),
            ("gemma3_text", "hidden_activation", json!("gelu")),
            ("granite", "hidden_act", json!("gelu")),
            ("qwen3", "layer_types", json!(["chunked_attention"])),
            ("llama", "partial_rotary_factor", json!(0.75)),
        ] {
            let error = read(json!({ "model_type": family, key: value })).unwrap_err();
            assert!(matches!(error, ModelError::Unsupported { what, .. } if what == key), "{key}: {error}");
        }
        for (family, key, value) in [
            ("granite", "residual_multiplier", json!(0)),
            ("granite", "logits_scaling", json!("eight")),
            ("smollm3", "no_rope_layers", json!([1, 0])),
            ("mistral", "sliding_window", json!(-1)),
            ("llama", "num_hidden_layers", json!(1 << 20)),
        ] {
            let error = read(json!({ "model_type": family, key: value })).unwrap_err();
            assert!(matches!(error, ModelError::Malformed { .. }), "{key}: {error}");
        }
    }
}
