//! OpenAI's Responses, without state: the whole conversation comes with each request.
//!
//! Source: OpenAI's API reference, "Responses". What needs a server's memory (`store`, `previous_response_id`, `conversation`,
//! `background`) is refused by name.

mod items;

use lazai_core::reply::ResponseFormat;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::openai::{BadRequest, CompletionRequest, object};
use super::settings::unsupported::{Parameter, is_false, is_nothing};
use super::{messages, settings};

/// A request for a response.
#[derive(Debug)]
pub(crate) struct ResponseRequest {
    pub(crate) asked: CompletionRequest,
    /// The fields of the request that its answer repeats.
    pub(crate) repeated: Map<String, Value>,
}

/// What needs a server's memory or its own tools.
const UNSUPPORTED: &[Parameter] = &[
    ("background", is_false),
    ("conversation", Value::is_null),
    ("context_management", is_nothing),
    ("previous_response_id", Value::is_null),
    ("prompt", Value::is_null),
    ("store", is_false),
    ("truncation", |v| v.is_null() || v == "disabled"),
];

/// What chats call otherwise: passed over, it would make another reply.
const OF_CHATS: &[(&str, &str)] = &[
    ("max_completion_tokens", "max_output_tokens"),
    ("max_tokens", "max_output_tokens"),
    ("messages", "input"),
    ("response_format", "text.format"),
];

/// What may be told beside the words.
const LOGPROBS: &str = "message.output_text.logprobs";

/// Reads a request for a response.
pub(crate) fn read(bytes: &[u8]) -> Result<ResponseRequest, BadRequest> {
    let body = object(bytes)?;
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    for (name, harmless) in UNSUPPORTED {
        if body.get(*name).is_some_and(|value| !harmless(value)) {
            return Err(BadRequest::new(*name, "is not supported: nothing is kept here"));
        }
    }
    for (name, here) in OF_CHATS {
        if given(name).is_some() {
            return Err(BadRequest::new(*name, format!("is {here} here")));
        }
    }
    if given("n").is_some_and(|n| *n != 1) {
        return Err(BadRequest::new("n", "a response is one reply"));
    }
    if given("metadata").is_some_and(|metadata| !metadata.is_object()) {
        return Err(BadRequest::new("metadata", "is not an object"));
    }
    let instructions = match given("instructions") {
        None => None,
        Some(Value::String(text)) => Some(text.as_str()),
        Some(_) => return Err(BadRequest::new("instructions", "is not a text")),
    };

    let chat = as_chat(&body)?;
    let (list, places) = items::read(instructions, body.get("input").unwrap_or(&Value::Null))?;
    let messages = messages::read(&list).map_err(|bad| items::placed(bad, &places))?;
    let here = |bad: BadRequest| match bad.parameter.as_str() {
        "max_tokens" => BadRequest::new("max_output_tokens", bad.reason),
        name => BadRequest::new(name.replace(".function.", "."), bad.reason),
    };
    let mut settings = settings::read(bytes, &chat).map_err(here)?;
    if let Some(format) = format(bytes, &body)? {
        if settings.response_format.is_some() {
            return Err(BadRequest::new("text.format", "stands beside another form"));
        }
        settings.response_format = Some(format);
        settings::check(&settings).map_err(|bad| match bad.parameter.as_str() {
            "response_format" => BadRequest::new("text.format", bad.reason),
            _ => bad,
        })?;
    }
    let asked = CompletionRequest::of(&chat, messages, settings).map_err(here)?;
    Ok(ResponseRequest { asked, repeated: repeated(&body) })
}

/// The fields that chats have too, under their names there.
fn as_chat(body: &Map<String, Value>) -> Result<Map<String, Value>, BadRequest> {
    let mut chat = body.clone();
    if let Some(most) = chat.remove("max_output_tokens") {
        chat.insert("max_tokens".into(), most);
    }
    let include = match body.get("include") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(list)) => list,
        Some(_) => return Err(BadRequest::new("include", "is not a list")),
    };
    // No reply here has hidden reasoning: who asks for it gets all there is.
    if let Some(other) = include.iter().find(|one| *one != LOGPROBS && *one != "reasoning.encrypted_content") {
        return Err(BadRequest::new("include", format!("{:.80} is not supported", other.to_string())));
    }
    if include.iter().any(|one| one == LOGPROBS) {
        chat.insert("logprobs".into(), true.into());
    } else {
        chat.remove("logprobs");
        chat.remove("top_logprobs");
    }
    if let Some(Value::Array(tools)) = chat.get_mut("tools") {
        tools.iter_mut().for_each(nest);
    }
    if let Some(choice) = chat.get_mut("tool_choice").filter(|choice| choice.is_object()) {
        nest(choice);
    }
    Ok(chat)
}

/// Puts the fields of a function where chats have them.
fn nest(tool: &mut Value) {
    let Value::Object(fields) = tool else { return };
    if fields.get("type").is_some_and(|kind| kind == "function") {
        let mut function = std::mem::take(fields);
        // The order of the others stays: tools stand in the prompt as they came.
        let kind = function.shift_remove("type");
        fields.insert("type".into(), kind.unwrap_or_default());
        fields.insert("function".into(), Value::Object(function));
    }
}

/// The place of a schema: its text is taken as it came.
#[derive(Deserialize)]
struct Places<'b> {
    #[serde(default, borrow)]
    text: Option<TextPlaces<'b>>,
}

#[derive(Deserialize)]
struct TextPlaces<'b> {
    #[serde(default, borrow)]
    format: Option<FormatPlaces<'b>>,
}

#[derive(Deserialize)]
struct FormatPlaces<'b> {
    #[serde(default, borrow)]
    schema: Option<&'b RawValue>,
}

fn format(bytes: &[u8], body: &Map<String, Value>) -> Result<Option<ResponseFormat>, BadRequest> {
    const NAME: &str = "text.format";
    let text = body.get("text").unwrap_or(&Value::Null);
    if !(text.is_null() || text.is_object()) {
        return Err(BadRequest::new("text", "is not an object"));
    }
    let format = &text["format"];
    match format["type"].as_str() {
        None if format.is_null() => Ok(None),
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(ResponseFormat::JsonObject)),
        Some("json_schema") => {
            let places: Places<'_> = serde_json::from_slice(bytes).map_err(|e| BadRequest::new(NAME, e))?;
            let schema = places.text.and_then(|text| text.format?.schema);
            let schema = schema.ok_or_else(|| BadRequest::new(NAME, "has no schema"))?;
            Ok(Some(ResponseFormat::JsonSchema(schema.get().to_owned())))
        }
        _ => Err(BadRequest::new(NAME, "has none of the types text, json_object and json_schema")),
    }
}

/// The fields that an answer repeats; what was left out has the value that held.
fn repeated(body: &Map<String, Value>) -> Map<String, Value> {
    let fields = [
        ("instructions", Value::Null),
        ("max_output_tokens", Value::Null),
        ("max_tool_calls", Value::Null),
        ("metadata", json!({})),
        ("parallel_tool_calls", true.into()),
        ("prompt_cache_key", Value::Null),
        ("reasoning", json!({"effort": null, "summary": null})),
        ("safety_identifier", Value::Null),
        ("temperature", Value::Null),
        ("text", json!({"format": {"type": "text"}})),
        ("tool_choice", "auto".into()),
        ("tools", json!([])),
        ("top_logprobs", 0.into()),
        ("top_p", Value::Null),
        ("user", Value::Null),
    ];
    let field = |(name, usual): (&str, Value)| {
        let given = body.get(name).filter(|value| !value.is_null()).cloned();
        (name.to_owned(), given.unwrap_or(usual))
    };
    let mut repeated: Map<String, Value> = fields.into_iter().map(field).collect();
    if repeated["text"]["format"].is_null() {
        repeated["text"]["format"] = json!({"type": "text"});
    }
    for (name, value) in [
        ("background", Value::from(false)),
        ("previous_response_id", Value::Null),
        ("service_tier", "default".into()),
        ("store", false.into()),
        ("truncation", "disabled".into()),
    ] {
        repeated.insert(name.into(), value);
    }
    repeated
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::message::{Message, Role};

    use super::*;

    fn asked(extra: &str) -> Result<ResponseRequest, BadRequest> {
        read(format!(r#"{{"model":"m",{extra}}}"#).as_bytes())
    }

    #[test]
    fn a_response_is_asked_for_as_a_chat() {
        let read = asked(
            r#""input":"hi","instructions":"You sing.","max_output_tokens":7,"temperature":0.5,"top_p":0.9,"stream":true,
            "include":["message.output_text.logprobs"],"top_logprobs":2,"metadata":{"a":"b"},"store":false,
            "text":{"format":{"type":"json_schema","name":"x","schema":{"z":1, "a":{}}},"verbosity":"medium"}"#,
        );
        let ResponseRequest { asked: chat, repeated } = read.unwrap();
        assert_eq!(chat.messages, [Message::new(Role::System, "You sing."), Message::new(Role::User, "hi")]);
        let settings = &chat.settings;
        assert_eq!(
            (settings.max_tokens, settings.temperature_milli, settings.top_p_milli),
            (Some(7), Some(500), Some(900))
        );
        assert_eq!((settings.top_logprobs, chat.stream), (Some(2), true));
        // The bytes of a schema are those that are signed.
        assert_eq!(settings.response_format, Some(ResponseFormat::JsonSchema(r#"{"z":1, "a":{}}"#.into())));
        assert_eq!(
            (&repeated["metadata"], &repeated["store"], &repeated["user"]),
            (&json!({"a": "b"}), &json!(false), &Value::Null)
        );

        let tools = r#""input":"hi","tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"x":{"type":"integer"}}},"strict":false}]"#;
        let flat = asked(&format!(r#"{tools},"tool_choice":{{"type":"function","name":"f"}}"#)).unwrap();
        let nested = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"x":{"type":"integer"}}},"strict":false}}],"tool_choice":{"type":"function","function":{"name":"f"}}}"#;
        assert_eq!(flat.asked, CompletionRequest::parse(nested.as_bytes()).unwrap());
        assert_eq!(flat.repeated["tools"][0]["name"], "f", "what is repeated stays flat");
    }

    #[test]
    fn what_needs_a_memory_is_refused_by_name() {
        for (extra, parameter) in [
            (r#""store":true"#, "store"),
            (r#""previous_response_id":"resp_1""#, "previous_response_id"),
            (r#""background":true"#, "background"),
            (r#""conversation":"c""#, "conversation"),
            (r#""prompt":{"id":"p"}"#, "prompt"),
            (r#""truncation":"auto""#, "truncation"),
            (r#""n":2"#, "n"),
            (r#""max_tokens":5"#, "max_tokens"),
            (r#""max_output_tokens":0"#, "max_output_tokens"),
            (r#""response_format":{"type":"json_object"}"#, "response_format"),
            (r#""text":{"format":{"type":"xml"}}"#, "text.format"),
            (r#""text":{"format":{"type":"json_schema"}}"#, "text.format"),
            (r#""text":{"format":{"type":"json_object"}},"guided_regex":"a""#, "text.format"),
            (r#""text":"plain""#, "text"),
            (r#""include":["file_search_call.results"]"#, "include"),
            (r#""instructions":[]"#, "instructions"),
            (r#""metadata":"x""#, "metadata"),
            (r#""tools":[{"type":"web_search"}]"#, "tools[0]"),
            (r#""tools":[{"type":"function","name":"f","parameters":5}]"#, "tools[0].parameters"),
            (r#""tool_choice":"required""#, "tool_choice"),
            (r#""temperature":3"#, "temperature"),
        ] {
            assert_eq!(asked(&format!(r#""input":"hi",{extra}"#)).unwrap_err().parameter, parameter, "{extra}");
        }
        for harmless in [
            r#""store":null,"background":false,"truncation":"disabled","previous_response_id":null"#,
            r#""service_tier":"auto","safety_identifier":"x","prompt_cache_key":"y","user":"me","stream_options":{"include_obfuscation":false}"#,
            r#""reasoning":{"effort":"low"},"include":["reasoning.encrypted_content"],"text":{"format":{"type":"text"}},"top_logprobs":3"#,
        ] {
            assert!(asked(&format!(r#""input":"hi",{harmless}"#)).unwrap().asked.settings.is_default(), "{harmless}");
        }
    }
}
