//! The settings of a reply.

use lazai::core::reply::ResponseFormat;

use crate::{LazaiError, choices, record};

record! {
    /// A bias of a token's score.
    pub struct TokenBias {
        /// The token's id.
        pub token: u32,
        /// Added to its score, in thousandths, at most 100000 either way.
        pub bias_milli: i32,
    }
}

choices! {
    /// The settings of a reply; the node chooses what is left out.
    pub struct ReplySettings {
        /// Most tokens of the reply.
        pub max_tokens: Option<u32>,
        /// Temperature in thousandths.
        pub temperature_milli: Option<u32>,
        /// Nucleus in thousandths.
        pub top_p_milli: Option<u32>,
        /// A number that varies the reply.
        pub seed: Option<u64>,
        /// So many of the likeliest tokens at most.
        pub top_k: Option<u32>,
        /// Tokens at least so likely, in thousandths of the likeliest one's probability.
        pub min_p_milli: Option<u32>,
        /// The factor by which scores of tokens that were said before shrink, in thousandths.
        pub repetition_penalty_milli: Option<u32>,
        /// Taken from the scores of tokens that the reply holds, in thousandths.
        pub presence_penalty_milli: Option<i32>,
        /// Taken from them for each time that the reply holds them, in thousandths.
        pub frequency_penalty_milli: Option<i32>,
        /// Locally typical sampling: tokens of about the expected surprise, with this probability together, in thousandths.
        pub typical_p_milli: Option<u32>,
        /// The penalty on a token that goes on with the shortest repetition (DRY), in thousandths; 0 for none.
        pub dry_multiplier_milli: Option<u32>,
        /// The factor of this penalty for each further token that is repeated, in thousandths.
        pub dry_base_milli: Option<u32>,
        /// Tokens of the shortest repetition.
        pub dry_allowed_length: Option<u32>,
        /// Texts that end a repetition.
        pub dry_sequence_breakers: Option<Vec<String>>,
        /// Added to the scores of tokens.
        pub logit_bias: Option<Vec<TokenBias>>,
        /// Texts before which the reply ends.
        pub stop: Option<Vec<String>>,
        /// Tokens before which the reply ends.
        pub stop_token_ids: Option<Vec<u32>>,
        /// Tokens before which the character cannot end the reply.
        pub min_tokens: Option<u32>,
        /// A JSON Schema: the reply is JSON of it. `{"type": "object"}` is any object.
        pub json_schema: Option<String>,
        /// A regular expression: the reply matches it as a whole.
        pub regex: Option<String>,
        /// Texts: the reply is one of them.
        pub choices: Option<Vec<String>>,
        /// A grammar in Lark's notation: the reply is of it.
        pub grammar: Option<String>,
    }
}

impl ReplySettings {
    /// The settings as they are signed.
    ///
    /// # Errors
    /// `node.setting` for what no node heeds.
    pub(crate) fn parse(self) -> Result<lazai::node::ReplySettings, LazaiError> {
        let formats = [
            self.json_schema.map(ResponseFormat::JsonSchema),
            self.regex.map(ResponseFormat::Regex),
            self.choices.map(ResponseFormat::Choice),
            self.grammar.map(ResponseFormat::Grammar),
        ];
        let mut formats = formats.into_iter().flatten();
        let response_format = formats.next();
        if formats.next().is_some() {
            return Err(refused("a reply has one form: a schema, an expression, choices or a grammar"));
        }
        let biases = self.logit_bias.unwrap_or_default();
        let settings = lazai::node::ReplySettings {
            max_tokens: self.max_tokens,
            temperature_milli: self.temperature_milli,
            top_p_milli: self.top_p_milli,
            seed: self.seed,
            top_k: self.top_k,
            min_p_milli: self.min_p_milli,
            repetition_penalty_milli: self.repetition_penalty_milli,
            presence_penalty_milli: self.presence_penalty_milli,
            frequency_penalty_milli: self.frequency_penalty_milli,
            typical_p_milli: self.typical_p_milli,
            dry_multiplier_milli: self.dry_multiplier_milli,
            dry_base_milli: self.dry_base_milli,
            dry_allowed_length: self.dry_allowed_length,
            dry_sequence_breakers: self.dry_sequence_breakers,
            logit_bias_milli: biases.into_iter().map(|bias| (bias.token, bias.bias_milli)).collect(),
            stop: self.stop.unwrap_or_default(),
            stop_token_ids: self.stop_token_ids.unwrap_or_default(),
            min_tokens: self.min_tokens,
            top_logprobs: None,
            response_format,
        };
        settings.check().map_err(refused)?;
        Ok(settings)
    }
}

fn refused(reason: impl ToString) -> LazaiError {
    LazaiError::new("node.setting", reason.to_string())
}
