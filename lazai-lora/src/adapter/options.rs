//! PEFT's `adapter_config.json`: options that are read, ignored or refused.

use lazai_core::record::{LoraConfig, Targets};
use serde_json::Value;

use super::MAX_RANK;
use super::files::CONFIG_FILE;
use super::targets::ALL_LINEAR;
use crate::base::{FUSED_MODULES, LINEAR_MODULES};
use crate::error::{ModelError, Result};

/// Options that do not change the results of a trained adapter: names, versions, the training's own, and settings of
/// options that are checked themselves.
const HARMLESS: [&str; 15] = [
    "auto_mapping",
    "base_model_name_or_path",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "inference_mode",
    "loftq_config",
    "lora_dropout",
    "lora_ga_config",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "runtime_config",
    "task_type",
];

/// Options that change the results, with advice for each.
const CHANGING: [(&str, &str); 17] = [
    ("alora_invocation_tokens", "null; the adapter works only behind certain tokens: train it without"),
    ("alpha_pattern", "{}; modules have scales of their own: train with one lora_alpha"),
    ("arrow_config", "null; several adapters are mixed by a router: bring one of them"),
    ("exclude_modules", "null; list what is left in target_modules"),
    ("fan_in_fan_out", "false; weights lie the other way round, as in models that this version does not know"),
    ("layer_replication", "null; it is for a base of other layers: merge it with PEFT"),
    ("layers_pattern", "null; list the modules in target_modules"),
    ("layers_to_transform", "null; list the modules of these layers in target_modules"),
    ("lora_bias", "false; a bias is learnt beside the factors: merge it with PEFT"),
    ("megatron_config", "null; layers are split over machines: merge it with PEFT"),
    ("modules_to_save", "null; it carries whole modules beside the factors: merge it with PEFT"),
    ("rank_pattern", "{}; modules have ranks of their own: train with one r"),
    ("target_parameters", "null; it changes parameters of expert layers"),
    ("trainable_token_indices", "null; it carries rows of the embedding: merge it with PEFT"),
    ("use_bdlora", "null; its factors are block-diagonal: merge it with PEFT"),
    ("use_dora", "false; rows are scaled by learnt magnitudes (DoRA): merge it with PEFT"),
    ("use_qalora", "false; inputs are pooled before the factors (QA-LoRA)"),
];

/// Ways to begin that leave the base as it is.
const BEGINNINGS: [&str; 3] = ["eva", "gaussian", "orthogonal"];

/// Reads PEFT's configuration, and refuses options that would change the results: known ones by name, and any other option
/// with a value.
pub(super) fn read_config(config: &Value) -> Result<LoraConfig> {
    let Value::Object(options) = config else { return Err(ModelError::malformed(CONFIG_FILE, "expected an object")) };
    if config["peft_type"] != "LORA" {
        return unsupported("peft_type", &config["peft_type"], "LORA");
    }
    for (name, value) in options {
        let is_empty = match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        match name.as_str() {
            "peft_type" | "r" | "lora_alpha" | "use_rslora" | "target_modules" => {}
            "bias" if *value == "none" => {}
            "bias" => refuse(name, value, is_empty, "none; biases of the base are learnt too: merge it with PEFT")?,
            "init_lora_weights" => beginning(value)?,
            name if HARMLESS.contains(&name) => {}
            name => match CHANGING.iter().find(|(known, _)| *known == name) {
                Some((_, known)) => refuse(name, value, is_empty, known)?,
                None => {
                    let is_zero = value.as_f64() == Some(0.0);
                    let known = "null, false, 0 or empty, for an option that this version does not know";
                    refuse(name, value, is_empty || is_zero, known)?;
                }
            },
        }
    }
    Ok(LoraConfig {
        rank: number(config, "r", MAX_RANK)?,
        alpha: number(config, "lora_alpha", MAX_RANK * 64)?,
        rank_stabilised: match &config["use_rslora"] {
            Value::Null => false,
            Value::Bool(flag) => *flag,
            other => return unsupported("use_rslora", other, "true, false"),
        },
        targets: targets(&config["target_modules"])?,
    })
}

fn unsupported<T>(what: &'static str, found: &Value, known: &'static str) -> Result<T> {
    Err(ModelError::Unsupported { what, found: found.to_string(), known })
}

fn refuse(name: &str, value: &Value, is_empty: bool, known: &'static str) -> Result<()> {
    if is_empty {
        return Ok(());
    }
    unsupported("adapter_config.json option", &serde_json::json!({ name: value }), known)
}

/// Checks the way in which training began. Some ways subtract the adapter's initial values from the base: the adapter is
/// then of another base than its name says.
fn beginning(value: &Value) -> Result<()> {
    let known = match value {
        Value::Null | Value::Bool(_) => return Ok(()),
        Value::String(name) if BEGINNINGS.contains(&name.as_str()) => return Ok(()),
        Value::String(name)
            if ["pissa", "olora", "corda", "loftq", "lora_ga"].iter().any(|changing| name.starts_with(changing)) =>
        {
            "true, false, gaussian, orthogonal, eva; this one changes the base before training, and the adapter is of \
             that base: save it again with PEFT's path_initial_model_for_weight_conversion"
        }
        _ => "true, false, gaussian, orthogonal, eva",
    };
    refuse("init_lora_weights", value, false, known)
}

/// A whole number, written with or without a point.
fn number(config: &Value, key: &str, max: usize) -> Result<usize> {
    let value = &config[key];
    let whole = value.as_f64().filter(|n| n.fract() == 0.0 && (1.0..=max as f64).contains(n));
    whole.map(|n| n as usize).ok_or_else(|| {
        ModelError::malformed(CONFIG_FILE, format!("field {key:?} is {value}, expected a whole number of 1 to {max}"))
    })
}

fn targets(value: &Value) -> Result<Targets> {
    Ok(match value {
        Value::String(word) if word == ALL_LINEAR => Targets::AllLinear,
        Value::String(pattern) => Targets::Pattern(pattern.clone()),
        Value::Array(names) => {
            let names = names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
            let mut names = names.ok_or_else(|| ModelError::malformed(CONFIG_FILE, "names of target modules"))?;
            // PEFT writes a set, in any order.
            names.sort();
            let are = |modules: &[&'static str]| {
                let mut all: Vec<_> = modules.iter().filter_map(|m| m.rsplit('.').next()).collect();
                all.sort_unstable();
                names == all
            };
            if are(&LINEAR_MODULES) || are(&FUSED_MODULES) { Targets::AllLinear } else { Targets::Modules(names) }
        }
        _ => return Err(ModelError::malformed(CONFIG_FILE, "field \"target_modules\"")),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(options: Value) -> Result<LoraConfig> {
        let mut config = json!({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["q_proj"]});
        for (name, value) in options.as_object().unwrap() {
            config[name] = value.clone();
        }
        read_config(&config)
    }

    #[test]
    fn harmless_options_pass() {
        let plain = read(json!({})).unwrap();
        for options in [
            json!({"lora_dropout": 0.1, "revision": "main", "peft_version": "0.21.2", "megatron_core": "megatron.core"}),
            json!({"init_lora_weights": "gaussian", "task_type": "CAUSAL_LM", "auto_mapping": {"a": "b"}}),
            json!({"init_lora_weights": "eva", "eva_config": {"rho": 2.0}, "qalora_group_size": 16, "use_qalora": false}),
            json!({"an_option_of_2030": null, "another": [], "third": {}, "fourth": 0, "fifth": 0.0, "sixth": ""}),
            json!({"modules_to_save": null, "rank_pattern": {}, "bias": "none", "init_lora_weights": false}),
        ] {
            assert_eq!(read(options.clone()).unwrap(), plain, "{options}");
        }
    }

    #[test]
    fn what_changes_the_result_is_refused_by_name() {
        for (name, value) in [
            ("init_lora_weights", json!("pissa")),
            ("init_lora_weights", json!("pissa_niter_16")),
            ("init_lora_weights", json!("olora")),
            ("init_lora_weights", json!("corda")),
            ("init_lora_weights", json!("loftq")),
            ("init_lora_weights", json!("mica")),
            ("layer_replication", json!([[0, 4], [2, 5]])),
            ("layers_to_transform", json!(0)),
            ("layers_pattern", json!("layers")),
            ("use_qalora", json!(true)),
            ("target_parameters", json!(["experts.down_proj"])),
            ("arrow_config", json!({"top_k": 3})),
            ("alora_invocation_tokens", json!([1])),
            ("trainable_token_indices", json!([7])),
            ("megatron_config", json!({"a": 1})),
            ("lora_bias", json!(true)),
            ("use_dora", json!(true)),
            ("bias", json!("all")),
            ("use_rslora", json!("yes")),
            ("kasa_config", json!({"beta": 1e-4})),
            ("an_option_of_2030", json!("on")),
            ("an_option_of_2030", json!(1)),
        ] {
            let error = read(json!({ name: value })).unwrap_err();
            assert!(matches!(error, ModelError::Unsupported { .. }), "{name}");
            assert!(error.to_string().contains(name), "{error}");
        }
        let error = read(json!({"init_lora_weights": "pissa"})).unwrap_err().to_string();
        assert!(error.contains("path_initial_model_for_weight_conversion"), "{error}");
        let error = read(json!({"init_lora_weights": "mica"})).unwrap_err().to_string();
        assert!(!error.contains("path_initial_model_for_weight_conversion"), "{error}");
    }

    #[test]
    fn numbers_are_whole_however_written() {
        let config = read(json!({"lora_alpha": 16.0, "r": 8.0})).unwrap();
        assert_eq!((config.alpha, config.rank), (16, 8));
        for (key, value) in
            [("lora_alpha", json!(12.5)), ("lora_alpha", json!(0)), ("r", json!("8")), ("r", json!(1e9))]
        {
            let error = read(json!({ key: value })).unwrap_err().to_string();
            assert!(error.contains(&format!("{key:?} is {value}, expected a whole number")), "{error}");
        }
    }
}
