//! The functions of a request, as OpenAI has them.

use lazai_core::tools::CallFunction;
use serde_json::{Map, Value, json};

use crate::wire::openai::BadRequest;

/// Words of a schema that only describe it.
const WORDS: [&str; 6] = ["$schema", "additionalProperties", "description", "required", "title", "type"];

/// Reads one of a request's `tools`.
pub(super) fn read(place: usize, tool: &Value) -> Result<CallFunction, BadRequest> {
    let (at, function) = (format!("tools[{place}]"), &tool["function"]);
    let name = function["name"].as_str().filter(|name| tool["type"] == "function" && !name.is_empty());
    let name = name.ok_or_else(|| BadRequest::new(&at, "is no function with a name"))?.to_owned();
    let mut parameters = match &function["parameters"] {
        Value::Null => Map::new(),
        Value::Object(fields) => fields.clone(),
        _ => return Err(BadRequest::new(format!("{at}.function.parameters"), "is no schema of an object")),
    };
    // It could allow words to be passed over.
    if parameters.contains_key("x-guidance") {
        return Err(BadRequest::new(format!("{at}.function.parameters"), "has x-guidance"));
    }
    // Without parameters, a function has none (OpenAI's reference, "Function calling"): nothing is to be made up.
    let is_empty = parameters.get("properties").is_none_or(|fields| fields.as_object().is_some_and(Map::is_empty));
    if is_empty && parameters.keys().all(|key| key == "properties" || WORDS.contains(&key.as_str())) {
        parameters.entry("properties").or_insert_with(|| json!({}));
        parameters.entry("additionalProperties").or_insert(false.into());
    }
    parameters.entry("type").or_insert_with(|| "object".into());
    let parameters = Value::Object(parameters).to_string();
    Ok(CallFunction { name, parameters, is_strict: function["strict"] == true })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn function(schema: &Value) -> Result<CallFunction, BadRequest> {
        read(0, &json!({"type": "function", "function": {"name": "f", "parameters": schema}}))
    }

    #[test]
    fn a_function_without_parameters_has_none() {
        for (schema, expected) in [
            (Value::Null, r#"{"properties":{},"additionalProperties":false,"type":"object"}"#),
            (
                json!({"type": "object", "properties": {}}),
                r#"{"type":"object","properties":{},"additionalProperties":false}"#,
            ),
            (json!({"additionalProperties": true}), r#"{"additionalProperties":true,"properties":{},"type":"object"}"#),
            (json!({"properties": {"z": {}, "a": {}}}), r#"{"properties":{"z":{},"a":{}},"type":"object"}"#),
        ] {
            assert_eq!(function(&schema).unwrap().parameters, expected);
        }
        for wrong in [json!(5), json!({"x-guidance": {"lenient": true}})] {
            assert_eq!(function(&wrong).unwrap_err().parameter, "tools[0].function.parameters");
        }
    }
}
