//! A reply as one of OpenAI's Responses: items, and events that have names and numbers.

use axum::response::sse::Event;
use lazai_core::reply::FinishReason;
use serde_json::{Map, Value, json};

use super::form::{Choice, Form, Mark, Usage};
use crate::wire::logprobs;
use crate::wire::openai::ApiError;
use crate::wire::tools::Call;

pub(super) struct Responses {
    mark: Mark,
    model: String,
    /// What is repeated of the request.
    repeated: Map<String, Value>,
    /// The number of the next event.
    number: u64,
    /// The words that were told.
    said: String,
    /// The items that are whole, and how the response ended.
    ended: Option<(Vec<Value>, Ending)>,
}

/// What the end of a reply says of the response.
struct Ending {
    is_whole: bool,
    temperature_milli: u32,
    top_p_milli: u32,
    details: Value,
}

impl Ending {
    fn of(choice: &Choice) -> Self {
        let receipt = &choice.made.details.receipt.receipt;
        Self {
            is_whole: choice.made.notes.finish_reason != FinishReason::Length,
            temperature_milli: receipt.temperature_milli,
            top_p_milli: receipt.top_p_milli,
            details: json!(choice.made.details),
        }
    }
}

impl Responses {
    pub fn new(mark: Mark, model: String, repeated: Map<String, Value>) -> Self {
        Self { mark, model, repeated, number: 0, said: String::new(), ended: None }
    }

    fn event(&mut self, kind: &str, fields: Value) -> Event {
        let mut body = json!({"type": kind, "sequence_number": self.number});
        if let (Value::Object(body), Value::Object(fields)) = (&mut body, fields) {
            body.extend(fields);
        }
        self.number += 1;
        Event::default().event(kind).data(body.to_string())
    }

    fn response(&self, status: &str, output: &[Value]) -> Value {
        let mut body = json!({
            "id": format!("resp_{}", self.mark.id), "object": "response", "created_at": self.mark.created_s, "status": status,
            "error": null, "incomplete_details": null, "model": self.model, "output": output, "usage": null,
        });
        if let Value::Object(fields) = &mut body {
            fields.extend(self.repeated.clone());
        }
        body
    }

    /// The response once it has ended.
    fn over(&self, output: &[Value], ending: &Ending, usage: &Usage) -> Value {
        let mut body = self.response(if ending.is_whole { "completed" } else { "incomplete" }, output);
        if !ending.is_whole {
            body["incomplete_details"] = json!({"reason": "max_output_tokens"});
        }
        // What held where the request said nothing.
        for (name, milli) in [("temperature", ending.temperature_milli), ("top_p", ending.top_p_milli)] {
            body[name] = (f64::from(milli) / 1_000.0).into();
        }
        body["usage"] = json!({
            "input_tokens": usage.prompt, "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage.completion, "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.total(),
        });
        body
    }

    fn message_id(&self) -> String {
        format!("msg_{}", self.mark.id)
    }

    fn message(&self, status: &str, content: &Value) -> Value {
        json!({"id": self.message_id(), "type": "message", "status": status, "role": "assistant", "content": content})
    }

    /// The events that begin a message.
    fn open(&mut self) -> Vec<Event> {
        let item = self.message("in_progress", &json!([]));
        let part = part("", &json!([]));
        let id = self.message_id();
        vec![
            self.event("response.output_item.added", json!({"output_index": 0, "item": item})),
            self.event(
                "response.content_part.added",
                json!({"item_id": id, "output_index": 0, "content_index": 0, "part": part}),
            ),
        ]
    }

    /// The events that end a message.
    fn close(&mut self, item: &Value) -> Vec<Event> {
        let (id, part) = (self.message_id(), item["content"][0].clone());
        let at = |fields: Value| {
            let mut at = json!({"item_id": id, "output_index": 0, "content_index": 0});
            if let (Value::Object(at), Value::Object(fields)) = (&mut at, fields) {
                at.extend(fields);
            }
            at
        };
        let text = at(json!({"text": part["text"], "logprobs": part["logprobs"]}));
        vec![
            self.event("response.output_text.done", text),
            self.event("response.content_part.done", at(json!({"part": part}))),
            self.event("response.output_item.done", json!({"output_index": 0, "item": item})),
        ]
    }

    /// All events of a call, which comes whole.
    fn call(&mut self, place: usize, item: &Value) -> Vec<Event> {
        let mut begun = item.clone();
        begun["status"] = "in_progress".into();
        begun["arguments"] = "".into();
        let (id, arguments, name) = (&item["id"], &item["arguments"], &item["name"]);
        vec![
            self.event("response.output_item.added", json!({"output_index": place, "item": begun})),
            self.event(
                "response.function_call_arguments.delta",
                json!({"item_id": id, "output_index": place, "delta": arguments}),
            ),
            self.event(
                "response.function_call_arguments.done",
                json!({"item_id": id, "output_index": place, "name": name, "arguments": arguments}),
            ),
            self.event("response.output_item.done", json!({"output_index": place, "item": item})),
        ]
    }

    /// The items of a reply: its words, unless it only calls; its calls.
    fn items(&self, choice: &Choice) -> Vec<Value> {
        let status = if Ending::of(choice).is_whole { "completed" } else { "incomplete" };
        let logprobs = choice.made.notes.logprobs.as_deref().map(logprobs::write);
        let logprobs = logprobs.map_or_else(|| json!([]), |mut logprobs| logprobs["content"].take());
        let has_words = !choice.words.is_empty() || choice.calls.is_empty() || !self.said.is_empty();
        let message = has_words.then(|| self.message(status, &json!([part(&choice.words, &logprobs)])));
        let call = |(id, Call { name, arguments }): &(String, Call)| {
            json!({
                "id": id.replacen("call_", "fc_", 1), "type": "function_call", "status": "completed", "call_id": id,
                "name": name, "arguments": arguments,
            })
        };
        message.into_iter().chain(choice.calls.iter().map(call)).collect()
    }
}

fn part(text: &str, logprobs: &Value) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs})
}

impl Form for Responses {
    fn begin(&mut self, _: u32) -> Vec<Event> {
        let response = self.response("in_progress", &[]);
        ["response.created", "response.in_progress"].map(|kind| self.event(kind, json!({"response": response}))).into()
    }

    fn words(&mut self, words: &str) -> Vec<Event> {
        let mut events = if self.said.is_empty() { self.open() } else { Vec::new() };
        self.said.push_str(words);
        let id = self.message_id();
        let delta = json!({"item_id": id, "output_index": 0, "content_index": 0, "delta": words, "logprobs": []});
        events.push(self.event("response.output_text.delta", delta));
        events
    }

    fn end(&mut self, choice: &Choice) -> Vec<Event> {
        let items = self.items(choice);
        let mut events = Vec::new();
        for (place, item) in items.iter().enumerate() {
            if item["type"] == "message" {
                if self.said.is_empty() {
                    events.extend(self.open());
                }
                events.extend(self.close(item));
            } else {
                events.extend(self.call(place, item));
            }
        }
        self.ended = Some((items, Ending::of(choice)));
        events
    }

    fn finish(&mut self, usage: &Usage) -> Vec<Event> {
        let Some((items, ending)) = self.ended.take() else { return Vec::new() };
        let mut response = self.over(&items, &ending, usage);
        response["lazai"] = ending.details;
        let kind = if ending.is_whole { "response.completed" } else { "response.incomplete" };
        vec![self.event(kind, json!({"response": response}))]
    }

    fn fail(&mut self, error: &ApiError) -> Vec<Event> {
        let mut response = self.response("failed", &[]);
        response["error"] = json!({"code": error.code, "message": error.message});
        vec![self.event("response.failed", json!({"response": response}))]
    }

    fn whole(&mut self, choices: &[Choice], usage: &Usage) -> Value {
        let Some(choice) = choices.last() else { return Value::Null };
        self.over(&self.items(choice), &Ending::of(choice), usage)
    }
}
