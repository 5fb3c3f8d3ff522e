//! The items of a response's input, as the messages of a chat.

use serde_json::{Value, json};

use crate::wire::openai::BadRequest;

/// Messages in the form of chats, and the place in the request that each is from.
pub(super) fn read(instructions: Option<&str>, input: &Value) -> Result<(Vec<Value>, Vec<String>), BadRequest> {
    let (mut messages, mut places) = (Vec::new(), Vec::new());
    let mut add = |message: Value, place: String| {
        messages.push(message);
        places.push(place);
    };
    if let Some(text) = instructions {
        add(json!({"role": "system", "content": text}), "instructions".into());
    }
    let items = match input {
        Value::String(text) => {
            add(json!({"role": "user", "content": text}), "input".into());
            return Ok((messages, places));
        }
        Value::Array(items) if !items.is_empty() => items,
        Value::Array(_) => return Err(BadRequest::new("input", "is empty")),
        _ => return Err(BadRequest::new("input", "is neither a text nor a list of items")),
    };
    for (number, item) in items.iter().enumerate() {
        let place = format!("input[{number}]");
        match item["type"].as_str() {
            None | Some("message") if item.is_object() => {
                let message = json!({"role": item["role"], "content": content(&item["content"])});
                messages.push(message);
                places.push(place);
            }
            Some("function_call") => {
                let call = call(item).ok_or_else(|| {
                    BadRequest::new(&place, "is no call with a call_id, a name, and the JSON of an object as arguments")
                })?;
                // Words and calls of one reply are one message, however many items they are.
                match messages.last_mut().filter(|last| last["role"] == "assistant") {
                    Some(Value::Object(last)) => {
                        let calls = last.entry("tool_calls").or_insert_with(|| json!([]));
                        calls.as_array_mut().into_iter().for_each(|calls| calls.push(call.clone()));
                    }
                    _ => {
                        messages.push(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
                        places.push(place);
                    }
                }
            }
            Some("function_call_output") => {
                let message =
                    json!({"role": "tool", "tool_call_id": item["call_id"], "content": content(&item["output"])});
                messages.push(message);
                places.push(place);
            }
            // Thoughts of another model, which clients send back with its words: nobody said them.
            Some("reasoning") => {}
            Some(other) => return Err(BadRequest::new(place, format!("{other:?} is not supported"))),
            None => return Err(BadRequest::new(place, "is no item")),
        }
    }
    if messages.is_empty() {
        return Err(BadRequest::new("input", "says nothing"));
    }
    Ok((messages, places))
}

/// Texts under the names that chats have for them; what is no text stays, and is refused there.
fn content(content: &Value) -> Value {
    let part = |part: &Value| match part["type"].as_str() {
        Some("input_text" | "output_text") => json!({"type": "text", "text": part["text"]}),
        Some("refusal") => json!({"type": "text", "text": part["refusal"]}),
        _ => part.clone(),
    };
    match content {
        Value::Array(parts) => parts.iter().map(part).collect(),
        other => other.clone(),
    }
}

fn call(item: &Value) -> Option<Value> {
    let (id, name, arguments) = (item["call_id"].as_str()?, item["name"].as_str()?, item["arguments"].as_str()?);
    let is_object = serde_json::from_str::<Value>(arguments).is_ok_and(|value| value.is_object());
    (is_object || arguments.trim().is_empty())
        .then(|| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}))
}

/// A complaint about a message, at the place in the request that it is from.
pub(super) fn placed(bad: BadRequest, places: &[String]) -> BadRequest {
    let found = bad.parameter.strip_prefix("messages[").and_then(|rest| rest.split_once(']'));
    let found = found.and_then(|(number, field)| Some((places.get(number.parse::<usize>().ok()?)?, field)));
    match found {
        Some((place, field)) => {
            BadRequest::new(place.clone() + &field.replace(".tool_call_id", ".call_id"), bad.reason)
        }
        None => bad,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::message::{Message, Role};

    use super::*;
    use crate::wire::messages;

    fn messages_of(input: &Value) -> Result<Vec<Message>, BadRequest> {
        let (list, places) = read(None, input)?;
        messages::read(&list).map_err(|bad| placed(bad, &places))
    }

    #[test]
    fn a_conversation_comes_back_item_by_item() {
        let items = json!([
            {"role": "developer", "content": "You sing."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [{"type": "output_text", "text": "I look.", "annotations": []}]},
            {"type": "function_call", "id": "fc_1", "call_id": "x", "name": "f", "arguments": "{\"a\":1}"},
            {"type": "function_call", "call_id": "y", "name": "f", "arguments": ""},
            {"type": "function_call_output", "call_id": "y", "output": [{"type": "input_text", "text": "two"}]},
            {"type": "function_call_output", "call_id": "x", "output": "one"},
            {"role": "user", "content": "so"},
        ]);
        let chat = json!([
            {"role": "system", "content": "You sing."}, {"role": "user", "content": "ab"},
            {"role": "assistant", "content": "I look.", "tool_calls": [
                {"id": "x", "function": {"name": "f", "arguments": "{\"a\":1}"}}, {"id": "y", "function": {"name": "f", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "x", "content": "one"}, {"role": "tool", "tool_call_id": "y", "content": "two"},
            {"role": "user", "content": "so"},
        ]);
        assert_eq!(messages_of(&items).unwrap(), messages::read(chat.as_array().unwrap()).unwrap());
        assert_eq!(messages_of(&json!("hi")).unwrap(), [Message::new(Role::User, "hi")]);
    }

    #[test]
    fn wrong_items_are_named_by_their_place() {
        let picture = json!([{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]);
        for (input, parameter) in [
            (json!(null), "input"),
            (json!([]), "input"),
            (json!([5]), "input[0]"),
            (json!([{"type": "reasoning"}]), "input"),
            (json!([{"type": "item_reference", "id": "x"}]), "input[0]"),
            (json!([{"type": "reasoning"}, {"role": "user", "content": 5}]), "input[1].content"),
            (json!([{"role": "cook", "content": "x"}]), "input[0].role"),
            (picture, "input[0].content[0]"),
            (json!([{"type": "function_call", "call_id": "x", "name": "f", "arguments": "5"}]), "input[0]"),
            (
                json!([{"role": "user", "content": "x"}, {"type": "function_call_output", "call_id": "x", "output": "y"}]),
                "input[1].call_id",
            ),
        ] {
            assert_eq!(messages_of(&input).unwrap_err().parameter, parameter, "{input}");
        }
    }
}
