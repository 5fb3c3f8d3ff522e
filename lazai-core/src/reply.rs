//! A reply's shape, and what is told of it beside its words.
//!
//! Requests, generators and checks share these: whoever recounts a reply cuts its text as the generator did.

use serde::{Deserialize, Serialize};

use crate::tools::CallForm;

/// What may stand between the parts of JSON in a form, as an expression: a model that says nothing else must not go on with it.
pub const FORM_WHITE_SPACE: &str = r"[\x20\x0A\x0D\x09]{1,16}";

/// The form that a reply must have; the generator admits no token that leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseFormat {
    /// A JSON object.
    JsonObject,
    /// JSON of a schema (JSON Schema 2020-12, as text; the order of properties is the schema's).
    JsonSchema(String),
    /// A text that a regular expression matches as a whole.
    Regex(String),
    /// One of these texts.
    Choice(Vec<String>),
    /// A text of a context-free grammar, in Lark's notation as llguidance reads it.
    Grammar(String),
    /// Calls of functions, as the model's chat template has them.
    Calls(CallForm),
}

impl ResponseFormat {
    /// Bytes of schema, expression, choices or grammar.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::JsonObject => 0,
            Self::JsonSchema(text) | Self::Regex(text) | Self::Grammar(text) => text.len(),
            Self::Calls(form) => form.bytes(),
            Self::Choice(choices) => choices.iter().map(|choice| choice.len() + 1).sum(),
        }
    }
}

/// The reason for the end of a reply, in OpenAI's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended it, or a stop string or token did, or the form that was asked for is complete.
    #[default]
    Stop,
    /// The most tokens were generated.
    Length,
}

impl FinishReason {
    /// OpenAI's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// A token and its logarithmic probability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoredToken {
    /// The token.
    pub token: u32,
    /// Its text; bytes of an incomplete character show as U+FFFD.
    pub text: String,
    /// Natural logarithm of its probability, in millionths, before temperature and all other settings.
    pub logprob_micro: i64,
}

/// A token of a reply with its probability, and the likeliest tokens at its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenLogprobs {
    /// The token that was chosen.
    pub chosen: ScoredToken,
    /// The likeliest tokens, the likeliest first.
    pub top: Vec<ScoredToken>,
}

/// Facts of a reply beside its words. The generator claims them: no receipt names them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyNotes {
    /// The reason for its end.
    #[serde(default)]
    pub finish_reason: FinishReason,
    /// Probabilities of its tokens, but for a closing control token, if they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<TokenLogprobs>>,
}

impl ReplyNotes {
    /// Tells whether there is nothing to say: the reply ended by itself.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The text before the first occurrence of a stop string; the whole text if there is none. Of several that occur, the one that
/// begins first counts.
///
/// ```
/// use lazai_core::reply::before_stop;
/// assert_eq!(before_stop("one, two.", &[".".into(), ", t".into()]), "one");
/// assert_eq!(before_stop("one", &[]), "one");
/// ```
#[must_use]
pub fn before_stop<'t>(text: &'t str, stops: &[String]) -> &'t str {
    let ends = stops.iter().filter(|stop| !stop.is_empty()).filter_map(|stop| text.find(stop.as_str()));
    &text[..ends.min().unwrap_or(text.len())]
}

/// The tokens of a reply that have text: all but a stop token that closes it.
#[must_use]
pub fn before_stop_token<'t>(tokens: &'t [u32], stops: &[u32]) -> &'t [u32] {
    match tokens.split_last() {
        Some((last, before)) if stops.contains(last) => before,
        _ => tokens,
    }
}

/// Bytes at the end of a text that may be the beginning of a mark whose rest is still to come.
///
/// ```
/// use lazai_core::reply::begun;
/// assert_eq!(begun("I call <to", "<tool_call>"), 3);
/// assert_eq!(begun("I call <tool_call>", "<tool_call>"), 0);
/// ```
#[must_use]
pub fn begun(text: &str, mark: &str) -> usize {
    let starts = mark.char_indices().map(|(start, _)| start).filter(|start| *start > 0);
    starts.rev().find(|len| text.ends_with(&mark[..*len])).unwrap_or(0)
}
