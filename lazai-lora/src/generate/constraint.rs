//! Replies of a form: which tokens a schema, an expression or a grammar admits next.

use std::sync::{Arc, OnceLock};

use lazai_core::reply::{FORM_WHITE_SPACE, ResponseFormat};
use lazai_core::tools::Dialect;
use llguidance::api::{ParserLimits, TopLevelGrammar};
use llguidance::{JsonCompileOptions, Matcher, ParserFactory};
use serde_json::{Value, json};
use toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};

use super::calls;
use crate::base::{ChatTemplate, Tokenizer};
use crate::error::GenerateError;

/// The name of the setting in errors.
const SETTING: &str = "response_format";
/// Characters of an error that are told.
const TOLD: usize = 400;

pub(super) fn refused(reason: impl std::fmt::Display) -> GenerateError {
    let mut reason = reason.to_string();
    // What follows is the grammar's state, and at a panic the stack.
    let end = reason.find("\n<").unwrap_or(reason.len());
    reason.truncate(end);
    GenerateError::Setting { setting: SETTING.into(), reason: reason.chars().take(TOLD).collect() }
}

/// Makes constraints for one tokenizer: its tokens are laid out when the first is asked for.
#[derive(Default)]
pub(crate) struct Grammars {
    factory: OnceLock<Result<ParserFactory, String>>,
    dialect: Option<Dialect>,
}

impl Grammars {
    /// Grammars for a model with this template.
    pub(crate) fn of(template: &ChatTemplate) -> Self {
        Self { factory: OnceLock::new(), dialect: template.dialect() }
    }

    /// The constraint of a form, before the first token. Takes up to some tenths of a second.
    ///
    /// # Errors
    /// [`GenerateError::Setting`] if the form cannot be read, is not supported as a whole, or is too large.
    pub(crate) fn constraint(
        &self,
        tokenizer: &Tokenizer,
        format: &ResponseFormat,
    ) -> Result<Constraint, GenerateError> {
        let factory = self.factory.get_or_init(|| factory(tokenizer)).as_ref().map_err(refused)?;
        let mut matcher = Matcher::new(factory.create_parser(grammar(format, self.dialect)?));
        if let Some(error) = matcher.get_error() {
            return Err(refused(error));
        }
        // The first step's work is within its bounds, or nothing is begun.
        matcher.compute_mask().map_err(refused)?;
        // Warnings are of words that were passed over.
        match matcher.grammar_warnings().first() {
            Some(warning) => Err(refused(warning)),
            None => Ok(Constraint(Box::new(matcher))),
        }
    }
}

impl std::fmt::Debug for Grammars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Grammars")
    }
}

fn factory(tokenizer: &Tokenizer) -> Result<ParserFactory, String> {
    let failed = |error: &dyn std::fmt::Display| format!("the model's tokenizer has no grammars: {error}");
    let json = tokenizer.to_json().map_err(|e| failed(&e))?;
    let json: Value = serde_json::from_str(&json).map_err(|e| failed(&e))?;
    let mut words = llguidance::token_bytes_from_tokenizer_json(&json).map_err(|e| failed(&e))?;
    words.resize(tokenizer.vocab_size(), Vec::new());
    // What opens a call is part of the form of calls.
    for &opener in tokenizer.openers() {
        if let Some(word) = words.get_mut(opener as usize) {
            *word = tokenizer.token_text(Some(opener)).into_bytes();
        }
    }
    let size = u32::try_from(words.len()).map_err(|e| failed(&e))?;
    let trie = TokTrie::from(&TokRxInfo::new(size, tokenizer.eos()), &words);
    let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
    let slices = llguidance::earley::SlicedBiasComputer::general_slices();
    let mut factory = ParserFactory::new(&env, InferenceCapabilities::default(), &slices).map_err(|e| failed(&e))?;
    factory.quiet();
    // All of them are counts, so that they end a reply at the same place everywhere.
    *factory.limits_mut() = ParserLimits {
        max_lexer_states: 20_000,
        max_grammar_size: 100_000,
        verbose_errors: false,
        ..ParserLimits::default()
    };
    Ok(factory)
}

fn grammar(format: &ResponseFormat, dialect: Option<Dialect>) -> Result<TopLevelGrammar, GenerateError> {
    Ok(match format {
        ResponseFormat::JsonObject => schema(json!({"type": "object"}))?,
        ResponseFormat::JsonSchema(text) => schema(serde_json::from_str(text).map_err(refused)?)?,
        ResponseFormat::Regex(expression) => TopLevelGrammar::from_regex(expression),
        ResponseFormat::Choice(choices) => {
            let quoted: Vec<String> = choices.iter().map(|choice| Value::from(choice.as_str()).to_string()).collect();
            TopLevelGrammar::from_lark(format!("start: {}", quoted.join(" | ")))
        }
        ResponseFormat::Calls(form) => TopLevelGrammar::from_lark(calls::grammar(form, dialect)?),
        ResponseFormat::Grammar(lark) => TopLevelGrammar::from_lark(lark.clone()),
    })
}

fn schema(mut schema: Value) -> Result<TopLevelGrammar, GenerateError> {
    if schema == Value::Bool(true) {
        schema = json!({});
    }
    let Some(fields) = schema.as_object() else { return Err(refused("the schema is no object")) };
    // It could allow words to be passed over.
    if fields.contains_key("x-guidance") {
        return Err(refused("the schema has x-guidance"));
    }
    let options =
        JsonCompileOptions { whitespace_pattern: Some(FORM_WHITE_SPACE.into()), ..JsonCompileOptions::default() };
    options.apply_to(&mut schema);
    Ok(TopLevelGrammar::from_json_schema(schema))
}

/// The form of one reply, at the place that it has come to.
pub(crate) struct Constraint(Box<Matcher>);

impl Constraint {
    /// Gives every token that the form does not admit next a score of minus infinity.
    ///
    /// # Errors
    /// [`GenerateError::Setting`] if a bound on the work of a step is exceeded.
    pub(super) fn mask(&mut self, scores: &mut [f32]) -> Result<(), GenerateError> {
        let mask = self.0.compute_mask_or_eos().map_err(refused)?;
        for (token, score) in scores.iter_mut().enumerate() {
            if token >= mask.len() || !mask.get(token) {
                *score = f32::NEG_INFINITY;
            }
        }
        Ok(())
    }

    /// Takes the next token; tells whether the form is complete, and admits nothing more.
    pub(super) fn push(&mut self, token: u32) -> Result<bool, GenerateError> {
        self.0.consume_token(token).map_err(refused)?;
        Ok(self.0.is_stopped())
    }
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Constraint")
    }
}
