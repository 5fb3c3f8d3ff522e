//! The settings by which tokens are chosen.

use std::collections::BTreeMap;

use lazai_core::reply::ResponseFormat;
use serde::{Deserialize, Serialize};

/// Sampling parameters. Integers, so that receipts can hold them exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampler {
    /// Temperature in thousandths; 0 takes the likeliest token.
    pub temperature_milli: u32,
    /// Nucleus: the likeliest tokens that together have this probability, in thousandths.
    pub top_p_milli: u32,
    /// Most tokens of a reply.
    pub max_tokens: u32,
    /// So many of the likeliest tokens at most; 0 for all.
    #[serde(default)]
    pub top_k: u32,
    /// Tokens at least so likely, in thousandths of the likeliest one's probability.
    #[serde(default)]
    pub min_p_milli: u32,
    /// Scores of tokens that conversation or reply hold are divided by it where they are positive, multiplied where they are not, in
    /// thousandths; 1000 changes nothing.
    #[serde(default = "one")]
    pub repetition_penalty_milli: u32,
    /// Taken from the scores of tokens that the reply holds, in thousandths.
    #[serde(default)]
    pub presence_penalty_milli: i32,
    /// Taken from them for each time that the reply holds them, in thousandths.
    #[serde(default)]
    pub frequency_penalty_milli: i32,
    /// Locally typical sampling (arXiv:2202.00666): the tokens whose surprise is nearest to the expected one and that together have
    /// this probability, in thousandths; 1000 for all.
    #[serde(default = "one")]
    pub typical_p_milli: u32,
    /// Penalty for going on as the text went on before.
    #[serde(default)]
    pub dry: Dry,
    /// Added to the scores of tokens, in thousandths.
    #[serde(default)]
    pub logit_bias_milli: BTreeMap<u32, i32>,
    /// Texts before which the reply ends.
    #[serde(default)]
    pub stop: Vec<String>,
    /// Tokens before which the reply ends. Such a token counts among the reply's, and has no text.
    #[serde(default)]
    pub stop_tokens: Vec<u32>,
    /// Tokens before which the model cannot end the reply: no control token and no stop token is chosen, unless nothing else can be.
    /// A stop string ends it all the same.
    #[serde(default)]
    pub min_tokens: u32,
    /// Notes the probability of each token, and so many of the likeliest beside it.
    #[serde(default)]
    pub top_logprobs: Option<u32>,
    /// The form of the reply.
    #[serde(default)]
    pub format: Option<ResponseFormat>,
}

/// DRY: a penalty that grows with the length of what the next token would repeat
/// (<https://github.com/oobabooga/text-generation-webui/pull/5677>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dry {
    /// The penalty of the shortest repetition, in thousandths; 0 for none at all.
    pub multiplier_milli: u32,
    /// The factor for each further token, in thousandths.
    pub base_milli: u32,
    /// Tokens of the shortest repetition that is penalised.
    pub allowed_length: u32,
    /// A repetition does not reach beyond a token whose text holds one of these.
    pub sequence_breakers: Vec<String>,
}

impl Default for Dry {
    fn default() -> Self {
        let sequence_breakers = ["\n", ":", "\"", "*"].map(str::to_owned).to_vec();
        Self { multiplier_milli: 0, base_milli: 1_750, allowed_length: 2, sequence_breakers }
    }
}

pub(super) fn one() -> u32 {
    1_000
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            temperature_milli: 600,
            top_p_milli: 900,
            max_tokens: 64,
            top_k: 0,
            min_p_milli: 0,
            repetition_penalty_milli: one(),
            presence_penalty_milli: 0,
            frequency_penalty_milli: 0,
            typical_p_milli: one(),
            dry: Dry::default(),
            logit_bias_milli: BTreeMap::new(),
            stop: Vec::new(),
            stop_tokens: Vec::new(),
            min_tokens: 0,
            top_logprobs: None,
            format: None,
        }
    }
}
