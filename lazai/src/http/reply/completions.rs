//! A reply as a legacy completion.

use axum::response::sse::Event;
use lazai_core::reply::{ScoredToken, TokenLogprobs};
use serde_json::{Map, Value, json};

use super::form::{Choice, Form, Mark, Usage, done, event};
use crate::wire::openai::ApiError;

pub(super) struct Completions {
    id: String,
    created: u64,
    model: String,
    choices: u32,
    /// The choice that is told, from 0.
    choice: u32,
    is_counted: bool,
}

impl Completions {
    pub fn new(mark: Mark, model: String, choices: u32, is_counted: bool) -> Self {
        Self { id: format!("cmpl-{}", mark.id), created: mark.created_s, model, choices, choice: 0, is_counted }
    }

    fn body(&self, choices: &Value) -> Value {
        json!({
            "id": self.id, "object": "text_completion", "created": self.created, "model": self.model, "choices": choices,
        })
    }

    fn piece(&self, text: &str, logprobs: Option<Value>, finish: Option<&str>) -> Value {
        self.body(&json!([{"text": text, "index": self.choice, "logprobs": logprobs, "finish_reason": finish}]))
    }
}

/// Probabilities as lists, token by token.
fn lists(logprobs: &[TokenLogprobs]) -> Value {
    #[allow(clippy::cast_precision_loss, reason = "at most 10^10")]
    let logprob = |token: &ScoredToken| token.logprob_micro as f64 / 1e6;
    let top = |token: &TokenLogprobs| -> Map<String, Value> {
        token.top.iter().map(|one| (one.text.clone(), logprob(one).into())).collect()
    };
    let mut end = 0;
    let offsets = logprobs.iter().map(|token| {
        let begin = end;
        end += token.chosen.text.chars().count();
        begin
    });
    let offsets: Vec<usize> = offsets.collect();
    json!({
        "tokens": logprobs.iter().map(|token| &token.chosen.text).collect::<Vec<_>>(),
        "token_logprobs": logprobs.iter().map(|token| logprob(&token.chosen)).collect::<Vec<_>>(),
        "top_logprobs": logprobs.iter().map(top).collect::<Vec<_>>(),
        "text_offset": offsets,
    })
}

impl Form for Completions {
    fn begin(&mut self, choice: u32) -> Vec<Event> {
        self.choice = choice;
        Vec::new()
    }

    fn words(&mut self, words: &str) -> Vec<Event> {
        vec![event(&self.piece(words, None, None))]
    }

    fn end(&mut self, choice: &Choice) -> Vec<Event> {
        let logprobs = choice.made.notes.logprobs.as_deref().map(lists);
        let mut end = self.piece("", logprobs, Some(choice.finish_reason()));
        end["lazai"] = json!(choice.made.details);
        vec![event(&end)]
    }

    fn finish(&mut self, usage: &Usage) -> Vec<Event> {
        let mut events = Vec::new();
        if self.is_counted {
            let mut counted = self.body(&json!([]));
            counted["usage"] = usage.body();
            events.push(event(&counted));
        }
        events.push(done());
        events
    }

    fn fail(&mut self, error: &ApiError) -> Vec<Event> {
        vec![event(&error.body())]
    }

    fn whole(&mut self, choices: &[Choice], usage: &Usage) -> Value {
        let told = choices.iter().map(|choice| {
            let logprobs = choice.made.notes.logprobs.as_deref().map(lists);
            let finish_reason = choice.finish_reason();
            let mut told =
                json!({"text": choice.words, "index": choice.index, "logprobs": logprobs, "finish_reason": finish_reason});
            if self.choices > 1 {
                told["lazai"] = json!(choice.made.details);
            }
            told
        });
        let mut body = self.body(&told.collect());
        body["usage"] = usage.body();
        body
    }
}
