//! Rotary embeddings: by how much each pair of a head turns from one token to the next.

use serde_json::{Value, json};

use crate::error::{ModelError, Result};

/// The scaling of positions beyond those of the first training.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RopeScaling {
    /// No scaling.
    None,
    /// Positions divided by a factor.
    Linear {
        /// The factor.
        factor: f64,
    },
    /// Each rotation slowed down by a factor of its own, as GGUF files of Llama 3.1 have it.
    Factors(Vec<f64>),
    /// Slow rotations stretched, fast ones left, as Llama 3.1 does.
    Llama3 {
        /// The factor by which slow rotations are stretched.
        factor: f64,
        /// Turns in the original context below which a rotation is slow.
        low: f64,
        /// Turns in the original context above which a rotation is fast.
        high: f64,
        /// Tokens of the original context.
        original: f64,
    },
    /// Slow rotations stretched, fast ones left, and all scores sharpened (B. Peng et al., "YaRN", 2023).
    Yarn {
        /// The factor by which slow rotations are stretched.
        factor: f64,
        /// Turns in the original context above which a rotation is fast.
        fast: f64,
        /// Turns in the original context below which a rotation is slow.
        slow: f64,
        /// Tokens of the original context.
        original: f64,
        /// True if the bounds between fast and slow are whole pairs.
        truncate: bool,
        /// The factor of sines and cosines.
        magnitude: f64,
    },
    /// Each rotation slowed down by a factor of its own within the original context (Y. Ding et al., "LongRoPE", 2024).
    /// Beyond it all tokens would turn otherwise, so that contexts end there.
    Long {
        /// The factors within the original context.
        short: Vec<f64>,
        /// Those beyond it, which are kept for files alone.
        long: Vec<f64>,
        /// Tokens of the original context.
        original: f64,
        /// The factor of sines and cosines.
        magnitude: f64,
    },
}

/// A rotary embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct Rope {
    /// Its base.
    pub base: f64,
    /// Its scaling.
    pub scaling: RopeScaling,
    /// The part of each head that turns, from its front on: all of it in most families.
    pub part: f64,
}

/// YaRN's factor of sines and cosines, where a file names none.
pub(super) fn yarn_magnitude(factor: f64) -> f64 {
    if factor > 1.0 { 0.1 * factor.ln() + 1.0 } else { 1.0 }
}

impl Rope {
    /// Rotations per token, in radians, of each pair of a head.
    pub(crate) fn rates(&self, head_width: usize) -> Vec<f64> {
        let width = (head_width as f64 * self.part) as usize;
        let half = width / 2;
        let rates = (0..half).map(|i| self.base.powf(-(i as f64) / half as f64));
        match &self.scaling {
            RopeScaling::None => rates.collect(),
            RopeScaling::Linear { factor } => rates.map(|rate| rate / factor).collect(),
            RopeScaling::Factors(factors) | RopeScaling::Long { short: factors, .. } => {
                rates.zip(factors).map(|(rate, factor)| rate / factor).collect()
            }
            RopeScaling::Llama3 { factor, low, high, original } => rates
                .map(|rate| {
                    let turns = original * rate / std::f64::consts::TAU;
                    let fast = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    (1.0 - fast) * rate / factor + fast * rate
                })
                .collect(),
            RopeScaling::Yarn { factor, fast, slow, original, truncate, .. } => {
                // The pair that makes so many turns in the original context.
                let pair =
                    |turns: f64| half as f64 * (original / (turns * std::f64::consts::TAU)).ln() / self.base.ln();
                let (mut first, mut last) = (pair(*fast), pair(*slow));
                if *truncate {
                    (first, last) = (first.floor(), last.ceil());
                }
                (first, last) = (first.max(0.0), last.min(width as f64 - 1.0));
                let ramp = if first == last { 0.001 } else { last - first };
                rates
                    .enumerate()
                    .map(|(i, rate)| {
                        let slow = ((i as f64 - first) / ramp).clamp(0.0, 1.0);
                        slow * rate / factor + (1.0 - slow) * rate
                    })
                    .collect()
            }
        }
    }

    /// The factor of sines and cosines.
    pub(crate) fn magnitude(&self) -> f64 {
        match self.scaling {
            RopeScaling::Yarn { magnitude, .. } | RopeScaling::Long { magnitude, .. } => magnitude,
            _ => 1.0,
        }
    }

    /// The longest context, where a file names one.
    pub(super) fn context(&self, named: usize) -> usize {
        match self.scaling {
            RopeScaling::Yarn { factor, original, .. } => named.max((factor * original) as usize),
            RopeScaling::Long { original, .. } => named.min(original as usize),
            _ => named,
        }
    }

    /// Reads `rope_parameters`, or `rope_scaling` of older files, which keep the base elsewhere.
    pub(super) fn from_hub(value: &Value, base: f64, (context, original): (usize, usize)) -> Result<Self> {
        let base = value["rope_theta"].as_f64().unwrap_or(base);
        let kind = value["rope_type"].as_str().or(value["type"].as_str()).unwrap_or("default");
        let malformed =
            |key: &str| ModelError::malformed("config.json", format!("field {key:?} of the rotary embedding"));
        let optional = |key: &str| match &value[key] {
            Value::Null => Ok(None),
            number => number.as_f64().filter(|n| *n > 0.0).map(Some).ok_or_else(|| malformed(key)),
        };
        let number = |key: &str| optional(key)?.ok_or_else(|| malformed(key));
        let list = |key: &str| {
            let list = value[key].as_array().map(|list| list.iter().map(Value::as_f64).collect::<Option<Vec<_>>>());
            list.flatten().ok_or_else(|| malformed(key))
        };
        let scaling = match kind {
            "default" => RopeScaling::None,
            "linear" => RopeScaling::Linear { factor: number("factor")? },
            "llama3" => RopeScaling::Llama3 {
                factor: number("factor")?,
                low: number("low_freq_factor")?,
                high: number("high_freq_factor")?,
                original: number("original_max_position_embeddings")?,
            },
            "yarn" => {
                let factor = number("factor")?;
                let magnitude = match (optional("attention_factor")?, optional("mscale")?, optional("mscale_all_dim")?)
                {
                    (Some(magnitude), ..) => magnitude,
                    (None, Some(mscale), Some(all)) if factor > 1.0 => {
                        (0.1 * mscale * factor.ln() + 1.0) / (0.1 * all * factor.ln() + 1.0)
                    }
                    _ => yarn_magnitude(factor),
                };
                RopeScaling::Yarn {
                    factor,
                    fast: optional("beta_fast")?.unwrap_or(32.0),
                    slow: optional("beta_slow")?.unwrap_or(1.0),
                    original: optional("original_max_position_embeddings")?.unwrap_or(context as f64),
                    truncate: value["truncate"].as_bool().unwrap_or(true),
                    magnitude,
                }
            }
            "longrope" => {
                let original = optional("original_max_position_embeddings")?.unwrap_or(original as f64);
                let factor = optional("factor")?.unwrap_or(context as f64 / original);
                let longer = if factor > 1.0 { (1.0 + factor.ln() / original.ln()).sqrt() } else { 1.0 };
                let magnitude = optional("attention_factor")?.unwrap_or(longer);
                RopeScaling::Long { short: list("short_factor")?, long: list("long_factor")?, original, magnitude }
            }
            _ => {
                let known = "default, linear, llama3, yarn, longrope";
                return Err(ModelError::Unsupported { what: "rope_type", found: kind.into(), known });
            }
        };
        Ok(Self { base, scaling, part: optional("partial_rotary_factor")?.unwrap_or(1.0) })
    }

    /// The scaling as `config.json` has it.
    pub(super) fn scaling_to_hub(&self) -> Result<Option<Value>> {
        Ok(match &self.scaling {
            RopeScaling::None => None,
            RopeScaling::Linear { factor } => Some(json!({ "rope_type": "linear", "factor": factor })),
            RopeScaling::Llama3 { factor, low, high, original } => Some(json!({
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": low,
                "high_freq_factor": high,
                "original_max_position_embeddings": original,
            })),
            RopeScaling::Yarn { factor, fast, slow, original, truncate, magnitude } => Some(json!({
                "rope_type": "yarn",
                "factor": factor,
                "beta_fast": fast,
                "beta_slow": slow,
                "original_max_position_embeddings": original,
                "truncate": truncate,
                "attention_factor": magnitude,
            })),
            RopeScaling::Long { short, long, original, magnitude } => Some(json!({
                "rope_type": "longrope",
                "short_factor": short,
                "long_factor": long,
                "original_max_position_embeddings": original,
                "attention_factor": magnitude,
            })),
            RopeScaling::Factors(_) => {
                let (found, known) = ("factors of a GGUF file".to_owned(), "linear, llama3, yarn, longrope");
                return Err(ModelError::Unsupported { what: "rope scaling to be written", found, known });
            }
        })
    }
}
