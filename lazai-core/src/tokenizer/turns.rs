//! Turns with calls and results, as chat templates take them.

use minijinja::Value;
use serde::Deserialize as _;
use serde_json::{Value as Json, json};

use super::python::dumps;
use crate::message::Role;
use crate::tools::{Call, Dialect, Turn};

/// The messages of these turns for a template of a dialect.
pub(super) fn messages(turns: &[Turn], dialect: Dialect, template: &str) -> Vec<Value> {
    let mut list = Messages { dialect, template, made: Vec::with_capacity(turns.len()), ids: Vec::new(), calls: 0 };
    let mut turns = turns.iter().peekable();
    while let Some(turn) = turns.next() {
        match turn {
            Turn::Said(message) => list.say(message.role.as_str(), &message.content),
            // Templates of Llama refuse several calls at once: each is followed by its result.
            Turn::Called(words, calls) if dialect == Dialect::Llama && calls.len() > 1 => {
                let results = turns.next_if(|next| matches!(next, Turn::Results(_)));
                let results = if let Some(Turn::Results(results)) = results { results.as_slice() } else { &[] };
                for (place, call) in calls.iter().enumerate() {
                    list.call(if place == 0 { words } else { "" }, std::slice::from_ref(call));
                    list.results(&results[place.min(results.len())..(place + 1).min(results.len())]);
                }
            }
            Turn::Called(words, calls) => list.call(words, calls),
            Turn::Results(results) => list.results(results),
        }
    }
    values(&list.made)
}

/// JSON as values of a template: keys keep their order.
pub(super) fn values(list: &[Json]) -> Vec<Value> {
    // Any JSON is a value.
    list.iter().map(|json| Value::deserialize(json).unwrap_or_default()).collect()
}

struct Messages<'t> {
    dialect: Dialect,
    template: &'t str,
    made: Vec<Json>,
    /// The calls before, by id and name.
    ids: Vec<(String, String)>,
    /// How many calls there were.
    calls: usize,
}

impl Messages<'_> {
    fn say(&mut self, role: &str, content: &str) {
        self.made.push(json!({"role": role, "content": content}));
    }

    fn call(&mut self, words: &str, calls: &[Call]) {
        self.ids.clear();
        let mut written = Vec::with_capacity(calls.len());
        for Call { name, arguments } in calls {
            let arguments: Json = serde_json::from_str(arguments).unwrap_or_else(|_| json!({}));
            // Mistral's templates want ids of nine letters and digits. Those of the application are not part of the words.
            let id = format!("{:09}", self.calls);
            let function = json!({"name": name, "arguments": arguments});
            written.push(json!({"type": "function", "id": id, "function": function}));
            self.ids.push((id, name.clone()));
            self.calls += 1;
        }
        let has = |word: &str| self.template.contains(word);
        if has("tool_calls") {
            self.made.push(json!({"role": Role::Assistant.as_str(), "content": words, "tool_calls": written}));
            return;
        }
        // The template takes calls as a text.
        let list = dumps(&written.into_iter().map(|mut call| call["function"].take()).collect());
        if has("assistant_tool_call") {
            self.say("assistant_tool_call", &list);
        } else {
            let words = match self.dialect {
                Dialect::Granite => format!("{words}<|tool_call|>{list}"),
                Dialect::Mistral => format!("{words}[TOOL_CALLS]{list}"),
                Dialect::Hermes | Dialect::Llama => format!("{words}{list}"),
            };
            self.say(Role::Assistant.as_str(), &words);
        }
    }

    fn results(&mut self, results: &[String]) {
        let role = if self.template.contains("'tool_response'") { "tool_response" } else { "tool" };
        for (result, (id, name)) in results.iter().zip(&self.ids) {
            self.made.push(json!({"role": role, "content": result, "tool_call_id": id, "name": name}));
        }
    }
}
