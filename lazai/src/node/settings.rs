//! A consumer's settings for a reply.

use std::collections::BTreeMap;

use lazai_core::reply::ResponseFormat;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Most stop strings, and bytes of each.
const STOPS: (usize, usize) = (16, 256);
/// Most stop tokens.
const STOP_TOKENS: usize = 64;
/// Most biases, and the greatest, in thousandths: as OpenAI has them.
const BIASES: (usize, i32) = (300, 100_000);
/// Most sequence breakers, and bytes of each.
const BREAKERS: (usize, usize) = (16, 40);
/// Most of the likeliest tokens that are told for each.
const TOP_LOGPROBS: u32 = 20;
/// Most bytes of a response format.
const FORMAT_BYTES: usize = 64 << 10;

/// A consumer's settings for a reply. The node chooses what is left out; receipts name what was used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplySettings {
    /// Most tokens of the reply; the offer's ceiling holds as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Temperature in thousandths; 0 takes the likeliest token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_milli: Option<u32>,
    /// Nucleus in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p_milli: Option<u32>,
    /// A number that varies the reply: for the same words and number, a node gives the same reply. Receipts do not reveal
    /// it, but show that two replies had the same number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// So many of the likeliest tokens at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// Tokens at least so likely, in thousandths of the likeliest one's probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_p_milli: Option<u32>,
    /// The factor by which scores of tokens that were said before shrink, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition_penalty_milli: Option<u32>,
    /// Taken from the scores of tokens that the reply holds, in thousandths: OpenAI's `presence_penalty`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence_penalty_milli: Option<i32>,
    /// Taken from them for each time that the reply holds them, in thousandths: OpenAI's `frequency_penalty`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency_penalty_milli: Option<i32>,
    /// Locally typical sampling (arXiv:2202.00666): tokens of about the expected surprise, with this probability together, in
    /// thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typical_p_milli: Option<u32>,
    /// DRY: the penalty on a token that goes on with the shortest repetition, in thousandths; 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_multiplier_milli: Option<u32>,
    /// The factor of this penalty for each further token that is repeated, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_base_milli: Option<u32>,
    /// Tokens of the shortest repetition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_allowed_length: Option<u32>,
    /// Texts that end a repetition: any token that holds one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_sequence_breakers: Option<Vec<String>>,
    /// Added to the scores of tokens, by their ids, in thousandths: OpenAI's `logit_bias`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub logit_bias_milli: BTreeMap<u32, i32>,
    /// Texts before which the reply ends. Tokens of the stop string are generated, and paid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Tokens before which the reply ends: vLLM's `stop_token_ids`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop_token_ids: Vec<u32>,
    /// Tokens before which the model cannot end the reply; a stop string can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_tokens: Option<u32>,
    /// Tells the probability of each token, and of so many of the likeliest beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<u32>,
    /// The form of the reply: JSON, a schema, a grammar. No token is chosen that leaves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
}

/// A setting that no node heeds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{setting}: {reason}")]
pub struct BadSetting {
    /// The setting, by its name in requests.
    pub setting: &'static str,
    /// The reason.
    pub reason: String,
}

impl ReplySettings {
    /// Tells whether the node chooses everything.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Holds the settings to their bounds: what they cost a node is bounded.
    ///
    /// # Errors
    /// [`BadSetting`].
    pub fn check(&self) -> Result<(), BadSetting> {
        texts("stop", &self.stop, STOPS)?;
        texts("dry_sequence_breakers", self.dry_sequence_breakers.as_deref().unwrap_or_default(), BREAKERS)?;
        within("stop_token_ids", "are allowed", self.stop_token_ids.len(), STOP_TOKENS)?;
        within("logit_bias", "are allowed", self.logit_bias_milli.len(), BIASES.0)?;
        if self.logit_bias_milli.values().any(|bias| bias.unsigned_abs() > BIASES.1.unsigned_abs()) {
            return Err(bad("logit_bias", "a bias is not between -100 and 100"));
        }
        if self.top_logprobs.is_some_and(|top| top > TOP_LOGPROBS) {
            return Err(bad("top_logprobs", format!("at most {TOP_LOGPROBS} are told")));
        }
        let Some(format) = &self.response_format else { return Ok(()) };
        within("response_format", "bytes are read", format.bytes(), FORMAT_BYTES)?;
        match format {
            ResponseFormat::Choice(choices) if choices.is_empty() => Err(bad("guided_choice", "is empty")),
            _ => Ok(()),
        }
    }
}

fn bad(setting: &'static str, reason: impl ToString) -> BadSetting {
    BadSetting { setting, reason: reason.to_string() }
}

fn within(setting: &'static str, what: &str, found: usize, most: usize) -> Result<(), BadSetting> {
    if found <= most { Ok(()) } else { Err(bad(setting, format!("{found}, at most {most} {what}"))) }
}

fn texts(setting: &'static str, texts: &[String], (most, bytes): (usize, usize)) -> Result<(), BadSetting> {
    within(setting, "are allowed", texts.len(), most)?;
    if texts.iter().any(String::is_empty) {
        return Err(bad(setting, "one is empty"));
    }
    texts.iter().try_for_each(|text| within(setting, "bytes of each are read", text.len(), bytes))
}

#[cfg(feature = "models")]
impl ReplySettings {
    /// The settings over a node's own: what is left out is as it is `usually`.
    #[must_use]
    pub fn sampler(&self, usually: &lazai_lora::generate::Sampler) -> lazai_lora::generate::Sampler {
        use lazai_lora::generate::{Dry, Sampler};

        let dry = &usually.dry;
        Sampler {
            temperature_milli: self.temperature_milli.unwrap_or(usually.temperature_milli),
            top_p_milli: self.top_p_milli.unwrap_or(usually.top_p_milli),
            max_tokens: self.max_tokens.unwrap_or(usually.max_tokens),
            top_k: self.top_k.unwrap_or(usually.top_k),
            min_p_milli: self.min_p_milli.unwrap_or(usually.min_p_milli),
            repetition_penalty_milli: self.repetition_penalty_milli.unwrap_or(usually.repetition_penalty_milli),
            presence_penalty_milli: self.presence_penalty_milli.unwrap_or(usually.presence_penalty_milli),
            frequency_penalty_milli: self.frequency_penalty_milli.unwrap_or(usually.frequency_penalty_milli),
            typical_p_milli: self.typical_p_milli.unwrap_or(usually.typical_p_milli),
            dry: Dry {
                multiplier_milli: self.dry_multiplier_milli.unwrap_or(dry.multiplier_milli),
                base_milli: self.dry_base_milli.unwrap_or(dry.base_milli),
                allowed_length: self.dry_allowed_length.unwrap_or(dry.allowed_length),
                sequence_breakers: self.dry_sequence_breakers.as_ref().unwrap_or(&dry.sequence_breakers).clone(),
            },
            logit_bias_milli: self.logit_bias_milli.clone(),
            stop: self.stop.clone(),
            stop_tokens: self.stop_token_ids.clone(),
            min_tokens: self.min_tokens.unwrap_or(usually.min_tokens),
            top_logprobs: self.top_logprobs,
            format: self.response_format.clone(),
        }
    }
}
