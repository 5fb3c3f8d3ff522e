//! A reply as a chat completion.

use axum::response::sse::Event;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Made;
use super::form::{Choice, Form, Mark, Usage, done, event};
use crate::wire::logprobs;
use crate::wire::openai::ApiError;
use crate::wire::speech;
use crate::wire::tools::Call;

pub(super) struct Chat {
    id: String,
    created: u64,
    model: String,
    choices: u32,
    /// The choice that is told, from 0.
    choice: u32,
    is_counted: bool,
}

impl Chat {
    pub fn new(mark: Mark, model: String, choices: u32, is_counted: bool) -> Self {
        Self { id: format!("chatcmpl-{}", mark.id), created: mark.created_s, model, choices, choice: 0, is_counted }
    }

    fn chunk(&self, delta: &Value, finish: Option<&str>) -> Value {
        let choice = json!({"index": self.choice, "delta": delta, "logprobs": null, "finish_reason": finish});
        json!({
            "id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.model,
            "choices": [choice],
        })
    }

    /// A choice in one piece.
    fn whole_choice(&self, choice: &Choice) -> Value {
        let Choice { index, words, calls, made } = choice;
        let mut message = json!({"role": "assistant", "content": words, "refusal": null});
        if !calls.is_empty() {
            message["content"] = if words.is_empty() { Value::Null } else { words.as_str().into() };
            message["tool_calls"] = calls.iter().map(call).collect();
        }
        if let Some(Ok(spoken)) = &made.spoken {
            message["audio"] = self.sound_of(words);
            message["audio"]["data"] = STANDARD.encode(&spoken.data).into();
        }
        let logprobs = made.notes.logprobs.as_deref().map(logprobs::write);
        let finish_reason = choice.finish_reason();
        let mut told =
            json!({"index": index, "message": message, "logprobs": logprobs, "finish_reason": finish_reason});
        tell_spoken(made, &mut told);
        if self.choices > 1 {
            told["lazai"] = json!(made.details);
        }
        told
    }

    /// What is told of a reply's sound beside it: its words stay in the message, too.
    fn sound_of(&self, words: &str) -> Value {
        json!({
            "id": format!("audio_{}", self.id.trim_start_matches("chatcmpl-")), "transcript": words,
            // Nothing is kept: a message that names it by id is refused.
            "expires_at": self.created,
        })
    }

    /// Each call in two pieces: its function, and its arguments.
    fn call_pieces(&self, calls: &[(String, Call)]) -> Vec<Event> {
        let pieces = calls.iter().map(call).enumerate().flat_map(|(index, mut first)| {
            let mut second = json!({"index": index, "function": {}});
            first["index"] = index.into();
            second["function"]["arguments"] = std::mem::replace(&mut first["function"]["arguments"], "".into());
            [first, second].map(|piece| event(&self.chunk(&json!({"tool_calls": [piece]}), None)))
        });
        pieces.collect()
    }
}

/// Tells the receipt of a reply's sound, or why there is none: the words are told and owed all the same.
fn tell_spoken(made: &Made, told: &mut Value) {
    match &made.spoken {
        Some(Ok(spoken)) => told["lazai_speech"] = json!({"receipt": spoken.receipt}),
        Some(Err(error)) => told["lazai_missing"] = error.body()["error"].take(),
        None => {}
    }
}

fn call((id, Call { name, arguments }): &(String, Call)) -> Value {
    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
}

impl Form for Chat {
    fn begin(&mut self, choice: u32) -> Vec<Event> {
        self.choice = choice;
        vec![event(&self.chunk(&json!({"role": "assistant", "content": ""}), None))]
    }

    fn words(&mut self, words: &str) -> Vec<Event> {
        vec![event(&self.chunk(&json!({"content": words}), None))]
    }

    fn sound(&mut self, samples: &[i16]) -> Vec<Event> {
        let data = STANDARD.encode(speech::bytes(samples));
        vec![event(&self.chunk(&json!({"audio": {"data": data}}), None))]
    }

    fn end(&mut self, choice: &Choice) -> Vec<Event> {
        let mut events = self.call_pieces(&choice.calls);
        // Clients put together what all pieces have: these come in one.
        if let Some(logprobs) = &choice.made.notes.logprobs {
            let mut piece = self.chunk(&json!({"content": ""}), None);
            piece["choices"][0]["logprobs"] = logprobs::write(logprobs);
            events.push(event(&piece));
        }
        if let Some(Ok(_)) = &choice.made.spoken {
            let sound = self.sound_of(&choice.words);
            events.push(event(&self.chunk(&json!({"audio": sound}), None)));
        }
        let mut end = self.chunk(&json!({}), Some(choice.finish_reason()));
        end["lazai"] = json!(choice.made.details);
        tell_spoken(&choice.made, &mut end);
        events.push(event(&end));
        events
    }

    fn finish(&mut self, usage: &Usage) -> Vec<Event> {
        let mut events = Vec::new();
        if self.is_counted {
            let mut counted = self.chunk(&json!({}), None);
            counted["choices"] = json!([]);
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
        let choices: Vec<Value> = choices.iter().map(|choice| self.whole_choice(choice)).collect();
        json!({
            "id": self.id, "object": "chat.completion", "created": self.created, "model": self.model,
            "choices": choices, "usage": usage.body(),
        })
    }
}
