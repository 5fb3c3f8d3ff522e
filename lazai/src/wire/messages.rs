//! The messages of a request, in OpenAI's form. Calls of tools and their results become words: see `tools`.

use lazai_core::message::{Message, Role};
use lazai_core::tools::{call_words, result_words};
use serde_json::Value;

use super::openai::BadRequest;

/// Reads a list of messages.
pub(super) fn read(list: &[Value]) -> Result<Vec<Message>, BadRequest> {
    let (mut messages, mut called, mut results) = (Vec::new(), Vec::new(), Vec::new());
    for (index, value) in list.iter().enumerate() {
        let at = |field: &str| format!("messages[{index}].{field}");
        let role = match value["role"].as_str() {
            Some("system" | "developer") => Role::System,
            Some("user") => Role::User,
            Some("assistant") => Role::Assistant,
            Some("tool") => {
                // Results stand in the order of their calls: the words have no ids.
                let id = value["tool_call_id"].as_str();
                let place = called.iter().position(|called: &String| Some(called.as_str()) == id);
                let place = place.ok_or_else(|| BadRequest::new(at("tool_call_id"), "is of no call just before"))?;
                results.push((place, result_words(&text(&value["content"], &at)?)));
                continue;
            }
            Some(other) => return Err(BadRequest::new(at("role"), format!("{other:?} is not supported"))),
            None => return Err(BadRequest::new(at("role"), "is not a string")),
        };
        messages.extend(told(&mut results));
        let calls = match (&value["tool_calls"], role) {
            (Value::Null, _) => Vec::new(),
            (Value::Array(calls), Role::Assistant) => calls.clone(),
            _ => return Err(BadRequest::new(at("tool_calls"), "is no list of an assistant's calls")),
        };
        let mut content = match &value["content"] {
            Value::Null if !calls.is_empty() => String::new(),
            content => text(content, &at)?,
        };
        called.clear();
        for (i, call) in calls.iter().enumerate() {
            let (id, words) = written(call).ok_or_else(|| {
                BadRequest::new(
                    at(&format!("tool_calls[{i}]")),
                    "is no call of a function with an id and a JSON object",
                )
            })?;
            if !content.is_empty() {
                content.push('\n');
            }
            content.push_str(&words);
            called.push(id);
        }
        messages.push(Message { role, content });
    }
    messages.extend(told(&mut results));
    Ok(messages)
}

/// The results of the calls of one message, as one message.
fn told(results: &mut Vec<(usize, String)>) -> Option<Message> {
    results.sort_by_key(|(place, _)| *place);
    let texts: Vec<String> = results.drain(..).map(|(_, text)| text).collect();
    (!texts.is_empty()).then(|| Message::new(Role::User, texts.join("\n")))
}

/// The id of a call, and its words.
fn written(call: &Value) -> Option<(String, String)> {
    let function = &call["function"];
    let (id, name) = (call["id"].as_str()?, function["name"].as_str()?);
    let arguments = function["arguments"].as_str()?;
    let arguments = if arguments.trim().is_empty() { "{}" } else { arguments };
    serde_json::from_str::<Value>(arguments).ok()?.as_object()?;
    Some((id.to_owned(), call_words(name, arguments)))
}

fn text(content: &Value, at: &dyn Fn(&str) -> String) -> Result<String, BadRequest> {
    match content {
        Value::String(text) => Ok(text.clone()),
        Value::Array(parts) => {
            let texts = parts.iter().enumerate().map(|(part, value)| match (&value["type"], &value["text"]) {
                (Value::String(kind), Value::String(text)) if kind == "text" => Ok(text.as_str()),
                (kind, _) => Err(BadRequest::new(at(&format!("content[{part}]")), format!("{kind} is not text"))),
            });
            Ok(texts.collect::<Result<Vec<_>, _>>()?.concat())
        }
        _ => Err(BadRequest::new(at("content"), "is neither text nor a list of parts")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calls_and_results_become_words() {
        let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
        let list = [
            json!({"role": "user", "content": "hi"}),
            json!({"role": "assistant", "content": null, "tool_calls": [call("a", "{\"x\":1}"), call("b", "")]}),
            json!({"role": "tool", "tool_call_id": "b", "content": "two"}),
            json!({"role": "tool", "tool_call_id": "a", "content": [{"type": "text", "text": "one"}]}),
            json!({"role": "assistant", "content": "so"}),
        ];
        let messages = read(&list).unwrap();
        let texts: Vec<_> = messages.iter().map(|message| (message.role, message.content.as_str())).collect();
        let calls = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\":1}}\n</tool_call>\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>";
        let results = "<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>";
        assert_eq!(
            texts,
            [(Role::User, "hi"), (Role::Assistant, calls), (Role::User, results), (Role::Assistant, "so")]
        );
        for (place, wrong, parameter) in [
            (2, json!({"role": "tool", "tool_call_id": "c", "content": "x"}), "messages[2].tool_call_id"),
            (1, json!({"role": "assistant", "tool_calls": [call("a", "[]")]}), "messages[1].tool_calls[0]"),
            (0, json!({"role": "user", "content": "x", "tool_calls": [call("a", "{}")]}), "messages[0].tool_calls"),
            (1, json!({"role": "assistant", "content": null}), "messages[1].content"),
        ] {
            let mut list = list.clone();
            list[place] = wrong;
            assert_eq!(read(&list).unwrap_err().parameter, parameter);
        }
    }
}
