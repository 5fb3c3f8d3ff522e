use super::schemas::settings;
use super::*;
use crate::wire::openai::BadRequest;

/// What each API reads at least.
fn least(api: Api) -> Value {
    match api {
        Api::Chat => json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
        Api::Completions => json!({"model": "m", "prompt": "hi"}),
        Api::Responses => json!({"model": "m", "input": "hi"}),
    }
}

fn read(api: Api, name: &str, value: Value) -> Result<(), BadRequest> {
    let mut body = least(api);
    body[name] = value;
    api.read(body.to_string().as_bytes()).map(drop)
}

/// The bounds of a schema, and values just outside.
fn bounds(schema: &Value) -> Vec<(Value, bool)> {
    let step =
        if schema["type"].as_array().is_some_and(|types| types.contains(&json!("integer"))) { 1.0 } else { 0.01 };
    let (least, most) = (schema["minimum"].clone(), schema["maximum"].clone());
    // Beyond 32 bits, a number of tokens is as good as the most.
    let outside = [(least.as_f64().map(|least| least - step), -9e15), (most.as_f64().map(|most| most + step), -4e9)];
    let outside = outside.into_iter().filter_map(|(value, beyond)| Some((value?, beyond)));
    let outside = outside.filter(|(value, beyond)| *value > *beyond && *value < 4e9).map(|(value, _)| value);
    #[allow(clippy::cast_possible_truncation, reason = "small")]
    let written = |value: f64| if step < 1.0 { json!(value) } else { json!(value as i64) };
    [least, most].into_iter().map(|value| (value, true)).chain(outside.map(|value| (written(value), false))).collect()
}

/// The bounds that the document tells are those that are read: the bound itself is taken, the next value is refused by name.
#[test]
fn the_document_tells_the_bounds_that_hold() {
    let document = Server::Proxy.document();
    let mut checked = 0;
    for (api, name) in
        [(Api::Chat, "ChatRequest"), (Api::Completions, "CompletionRequest"), (Api::Responses, "ResponseRequest")]
    {
        let schema = &document["components"]["schemas"][name];
        for field in schema["required"].as_array().unwrap() {
            let mut body = least(api);
            body.as_object_mut().unwrap().remove(field.as_str().unwrap());
            let missing = api.read(body.to_string().as_bytes()).unwrap_err();
            assert_eq!(missing.parameter, field.as_str().unwrap());
        }
        for (field, schema) in schema["properties"].as_object().unwrap() {
            // What tells of probabilities has a condition.
            if schema["minimum"].is_number() && field != "top_logprobs" && !(field == "n" && api == Api::Responses) {
                for (value, is_read) in bounds(schema) {
                    let found = read(api, field, value.clone());
                    assert_eq!(found.is_ok(), is_read, "{field}: {value} by {api:?}: {found:?}");
                    if let Err(refused) = found {
                        assert!(refused.parameter == *field || field.starts_with("max_"), "{field}: {refused}");
                    }
                    checked += 1;
                }
            }
            let may_be_nothing = schema["type"].as_array().is_some_and(|types| types.contains(&json!("null")));
            if may_be_nothing && !schema["anyOf"].is_array() {
                assert!(read(api, field, Value::Null).is_ok(), "{field}: null by {api:?}");
            }
        }
    }
    assert!(checked > 100, "{checked}");
    assert!(settings().contains_key("temperature"));
}

/// All that the document refers to is there, and no name is told twice.
#[test]
fn the_document_is_whole() {
    for server in [Server::Node, Server::Proxy] {
        let document = server.document();
        let text = document.to_string();
        for name in text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        let mut names: Vec<&str> = server.endpoints().into_iter().map(Endpoint::name).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!((names.len(), document["paths"].as_object().unwrap().len()), (all, all));
    }
}
