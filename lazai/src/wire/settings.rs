//! The settings of a reply, as requests of OpenAI, vLLM and llama.cpp name them.

pub(super) mod unsupported;

use std::collections::BTreeMap;

use lazai_core::reply::ResponseFormat;
use lazai_core::tools::CallForm;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use self::unsupported::{UNSUPPORTED, is_nothing};
use super::openai::BadRequest;
use crate::node::ReplySettings;

/// Reads the settings out of a request, whose bytes keep the order of a schema's properties.
pub(super) fn read(bytes: &[u8], body: &Map<String, Value>) -> Result<ReplySettings, BadRequest> {
    for (parameter, harmless) in UNSUPPORTED {
        if let Some(value) = body.get(*parameter)
            && !harmless(value)
        {
            return Err(BadRequest::new(*parameter, "is not supported"));
        }
    }
    let most = match whole(body, "max_completion_tokens")? {
        None => whole(body, "max_tokens")?,
        some => some,
    };
    if most == Some(0) {
        return Err(BadRequest::new("max_tokens", "is 0"));
    }
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let settings = ReplySettings {
        max_tokens: most.map(small),
        temperature_milli: thousandths(body, "temperature", 2.0)?,
        top_p_milli: thousandths(body, "top_p", 1.0)?,
        seed: seed(body)?,
        top_k: whole(body, "top_k")?.map(small),
        min_p_milli: thousandths(body, "min_p", 1.0)?,
        repetition_penalty_milli: thousandths(body, "repetition_penalty", 10.0)?,
        presence_penalty_milli: penalty(body, "presence_penalty")?,
        frequency_penalty_milli: penalty(body, "frequency_penalty")?,
        typical_p_milli: thousandths(body, "typical_p", 1.0)?.filter(|milli| *milli < 1_000),
        dry_multiplier_milli: thousandths(body, "dry_multiplier", 100.0)?,
        dry_base_milli: thousandths(body, "dry_base", 100.0)?,
        dry_allowed_length: whole(body, "dry_allowed_length")?.map(small),
        dry_sequence_breakers: breakers(body)?,
        logit_bias_milli: biases(body)?,
        stop: texts(body, "stop")?.unwrap_or_default(),
        stop_token_ids: stop_tokens(body)?,
        min_tokens: whole(body, "min_tokens")?.map(small).filter(|least| *least > 0),
        top_logprobs: top_logprobs(body)?,
        response_format: format(bytes, body)?,
    };
    check(&settings)?;
    Ok(settings)
}

/// Most replies to the same words that are asked for at once.
const MOST_CHOICES: u64 = 8;

/// How many replies are asked for.
pub(super) fn choices(body: &Map<String, Value>) -> Result<u32, BadRequest> {
    match whole(body, "n")?.unwrap_or(1) {
        0 => Err(BadRequest::new("n", "is 0")),
        choices if choices > MOST_CHOICES => Err(BadRequest::new("n", format!("at most {MOST_CHOICES} are made"))),
        choices => Ok(u32::try_from(choices).unwrap_or(1)),
    }
}

/// Holds settings to their bounds.
pub(super) fn check(settings: &ReplySettings) -> Result<(), BadRequest> {
    settings.check().map_err(|bad| BadRequest::new(bad.setting, bad.reason))
}

/// Writes the settings into a request, so that [`read`] finds the same.
pub(super) fn write(settings: &ReplySettings, body: &mut Value) {
    let fraction = |milli: u32| Value::from(f64::from(milli) / 1_000.0);
    let signed = |milli: i32| Value::from(f64::from(milli) / 1_000.0);
    let biases: Map<String, Value> =
        settings.logit_bias_milli.iter().map(|(token, bias)| (token.to_string(), signed(*bias))).collect();
    let list = |values: &[u32]| (!values.is_empty()).then(|| json!(values));
    for (name, value) in [
        ("max_tokens", settings.max_tokens.map(Value::from)),
        ("temperature", settings.temperature_milli.map(fraction)),
        ("top_p", settings.top_p_milli.map(fraction)),
        ("seed", settings.seed.map(Value::from)),
        ("top_k", settings.top_k.map(Value::from)),
        ("min_p", settings.min_p_milli.map(fraction)),
        ("repetition_penalty", settings.repetition_penalty_milli.map(fraction)),
        ("presence_penalty", settings.presence_penalty_milli.map(signed)),
        ("frequency_penalty", settings.frequency_penalty_milli.map(signed)),
        ("typical_p", settings.typical_p_milli.map(fraction)),
        ("dry_multiplier", settings.dry_multiplier_milli.map(fraction)),
        ("dry_base", settings.dry_base_milli.map(fraction)),
        ("dry_allowed_length", settings.dry_allowed_length.map(Value::from)),
        ("dry_sequence_breakers", settings.dry_sequence_breakers.as_ref().map(|texts| json!(texts))),
        ("logit_bias", (!biases.is_empty()).then_some(Value::Object(biases))),
        ("stop", (!settings.stop.is_empty()).then(|| json!(settings.stop))),
        ("stop_token_ids", list(&settings.stop_token_ids)),
        ("min_tokens", settings.min_tokens.map(Value::from)),
        ("logprobs", settings.top_logprobs.map(|_| true.into())),
        ("top_logprobs", settings.top_logprobs.map(Value::from)),
    ] {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    match &settings.response_format {
        None => {}
        Some(ResponseFormat::JsonObject) => body["response_format"] = json!({"type": "json_object"}),
        // As text: the digest that was signed is of its bytes.
        Some(ResponseFormat::JsonSchema(text)) => body["guided_json"] = json!(text),
        Some(ResponseFormat::Regex(text)) => body["guided_regex"] = json!(text),
        Some(ResponseFormat::Choice(texts)) => body["guided_choice"] = json!(texts),
        Some(ResponseFormat::Grammar(text)) => body["guided_grammar"] = json!(text),
        Some(ResponseFormat::Calls(form)) => body["guided_calls"] = json!(form),
    }
}

/// A parameter that is there.
fn given<'b>(body: &'b Map<String, Value>, name: &str) -> Option<&'b Value> {
    body.get(name).filter(|value| !value.is_null())
}

fn whole(body: &Map<String, Value>, name: &str) -> Result<Option<u64>, BadRequest> {
    let Some(value) = given(body, name) else { return Ok(None) };
    value.as_u64().map(Some).ok_or_else(|| BadRequest::new(name, "is not a whole number"))
}

/// OpenAI's seeds are signed; each is mapped to an unsigned number.
fn seed(body: &Map<String, Value>) -> Result<Option<u64>, BadRequest> {
    let negative = body.get("seed").and_then(Value::as_i64).filter(|seed| *seed < 0);
    match negative {
        Some(seed) => Ok(Some(seed.cast_unsigned())),
        None => whole(body, "seed"),
    }
}

/// A number within bounds, in thousandths.
fn between(name: &str, value: &Value, least: f64, most: f64) -> Result<i32, BadRequest> {
    let number = value.as_f64().filter(|n| (least..=most).contains(n));
    let number = number.ok_or_else(|| BadRequest::new(name, format!("is not between {least} and {most}")))?;
    #[allow(clippy::cast_possible_truncation, reason = "at most 100000")]
    Ok((number * 1_000.0).round() as i32)
}

/// OpenAI's penalties, between -2 and 2.
fn penalty(body: &Map<String, Value>, name: &str) -> Result<Option<i32>, BadRequest> {
    let milli = given(body, name).map(|value| between(name, value, -2.0, 2.0)).transpose()?;
    // Clients send a penalty of nothing with every request: it is what was meant anyway.
    Ok(milli.filter(|milli| *milli != 0))
}

fn thousandths(body: &Map<String, Value>, name: &str, most: f64) -> Result<Option<u32>, BadRequest> {
    let milli = given(body, name).map(|value| between(name, value, 0.0, most)).transpose()?;
    Ok(milli.map(i32::unsigned_abs))
}

fn biases(body: &Map<String, Value>) -> Result<BTreeMap<u32, i32>, BadRequest> {
    const NAME: &str = "logit_bias";
    let Some(value) = given(body, NAME) else { return Ok(BTreeMap::new()) };
    let biases = value.as_object().ok_or_else(|| BadRequest::new(NAME, "is not an object"))?;
    let mut read = BTreeMap::new();
    for (token, bias) in biases {
        let id = token.parse().map_err(|_| BadRequest::new(NAME, format!("{:.20} is no token id", token)))?;
        let milli = between(NAME, bias, -100.0, 100.0)?;
        if milli != 0 {
            read.insert(id, milli);
        }
    }
    Ok(read)
}

/// A text, or a list of them.
fn texts(body: &Map<String, Value>, name: &str) -> Result<Option<Vec<String>>, BadRequest> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match given(body, name) {
        None => Ok(None),
        Some(Value::Array(values)) => {
            let texts: Option<Vec<_>> = values.iter().map(text).collect();
            texts.map(Some).ok_or_else(|| BadRequest::new(name, "is not a list of texts"))
        }
        Some(value) => {
            let text = text(value).ok_or_else(|| BadRequest::new(name, "is neither a text nor a list of texts"))?;
            Ok((!text.is_empty()).then(|| vec![text]))
        }
    }
}

/// A list, or the JSON of one as a text, as text-generation-webui has it.
fn breakers(body: &Map<String, Value>) -> Result<Option<Vec<String>>, BadRequest> {
    const NAME: &str = "dry_sequence_breakers";
    match given(body, NAME).and_then(Value::as_str) {
        Some(text) => serde_json::from_str(text).map(Some).map_err(|_| BadRequest::new(NAME, "is not a list of texts")),
        None => texts(body, NAME),
    }
}

fn stop_tokens(body: &Map<String, Value>) -> Result<Vec<u32>, BadRequest> {
    const NAME: &str = "stop_token_ids";
    let Some(value) = given(body, NAME) else { return Ok(Vec::new()) };
    Vec::deserialize(value).map_err(|_| BadRequest::new(NAME, "is not a list of token ids"))
}

fn top_logprobs(body: &Map<String, Value>) -> Result<Option<u32>, BadRequest> {
    let top = whole(body, "top_logprobs")?;
    match body.get("logprobs") {
        None | Some(Value::Null | Value::Bool(false)) if top.unwrap_or_default() == 0 => Ok(None),
        None | Some(Value::Null | Value::Bool(false)) => Err(BadRequest::new("top_logprobs", "needs logprobs")),
        Some(Value::Bool(true)) => Ok(Some(u32::try_from(top.unwrap_or_default()).unwrap_or(u32::MAX))),
        Some(_) => Err(BadRequest::new("logprobs", "is neither true nor false")),
    }
}

/// The places of a schema: its text is taken as it came.
#[derive(Deserialize)]
struct Places<'b> {
    #[serde(default, borrow)]
    response_format: Option<FormatPlaces<'b>>,
    #[serde(default, borrow)]
    guided_json: Option<&'b RawValue>,
}

#[derive(Deserialize)]
struct FormatPlaces<'b> {
    #[serde(default, borrow)]
    json_schema: Option<SchemaPlace<'b>>,
    /// llama.cpp has it here.
    #[serde(default, borrow)]
    schema: Option<&'b RawValue>,
}

#[derive(Deserialize)]
struct SchemaPlace<'b> {
    #[serde(default, borrow)]
    schema: Option<&'b RawValue>,
}

fn format(bytes: &[u8], body: &Map<String, Value>) -> Result<Option<ResponseFormat>, BadRequest> {
    const NAMES: [&str; 6] =
        ["response_format", "guided_json", "guided_regex", "guided_choice", "guided_grammar", "guided_calls"];
    let given_names: Vec<&str> = NAMES.into_iter().filter(|name| !body.get(*name).is_none_or(is_nothing)).collect();
    let name = match given_names.as_slice() {
        [] => return Ok(None),
        [name] => *name,
        [first, second, ..] => return Err(BadRequest::new(*second, format!("stands beside {first}"))),
    };
    let value = &body[name];
    let text = || value.as_str().map(str::to_owned).ok_or_else(|| BadRequest::new(name, "is not a text"));
    let places = || serde_json::from_slice::<Places<'_>>(bytes).map_err(|e| BadRequest::new(name, e));
    match name {
        "guided_regex" => Ok(Some(ResponseFormat::Regex(text()?))),
        "guided_grammar" => Ok(Some(ResponseFormat::Grammar(text()?))),
        "guided_calls" => {
            let form = CallForm::deserialize(value).map_err(|e| BadRequest::new(name, e))?;
            Ok(Some(ResponseFormat::Calls(form)))
        }
        "guided_choice" => Ok(texts(body, name)?.map(ResponseFormat::Choice)),
        "guided_json" if value.is_string() => Ok(Some(ResponseFormat::JsonSchema(text()?))),
        "guided_json" => {
            let schema = places()?.guided_json.ok_or_else(|| BadRequest::new(name, "is not a schema"))?;
            Ok(Some(ResponseFormat::JsonSchema(schema.get().to_owned())))
        }
        _ => {
            let kind = value["type"].as_str();
            if kind == Some("text") {
                return Ok(None);
            }
            let places = places()?.response_format;
            let schema = match kind {
                Some("json_object") => places.and_then(|places| places.schema),
                Some("json_schema") => {
                    let schema = places.and_then(|places| places.json_schema?.schema);
                    Some(schema.ok_or_else(|| BadRequest::new(name, "has no json_schema.schema"))?)
                }
                _ => return Err(BadRequest::new(name, "has none of the types text, json_object and json_schema")),
            };
            let schema = schema.map(|schema| ResponseFormat::JsonSchema(schema.get().to_owned()));
            Ok(Some(schema.unwrap_or(ResponseFormat::JsonObject)))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::tools::CallFunction;

    use super::*;
    use crate::wire::openai::CompletionRequest;

    fn asked(extra: &str) -> Result<CompletionRequest, BadRequest> {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"hi"}}],{extra}}}"#);
        CompletionRequest::parse(body.as_bytes())
    }

    #[test]
    fn what_is_asked_comes_back_from_its_own_body() {
        let usual = r#""temperature":0.333,"top_p":1,"seed":18446744073709551615,"max_tokens":7,"stream":true,"top_k":40,"min_p":0.05,"repetition_penalty":1.1,"presence_penalty":-0.5,"frequency_penalty":1.25,"typical_p":0.9,"dry_multiplier":0.8,"dry_base":1.75,"dry_allowed_length":3,"dry_sequence_breakers":"[\"\\n\", \":\"]","logit_bias":{"50256":-100,"7":1.5,"8":0},"stop":["a","b"],"stop_token_ids":[1,2],"min_tokens":3,"logprobs":true,"top_logprobs":5"#;
        let read = asked(usual).unwrap();
        assert_eq!(read.settings.temperature_milli, Some(333));
        let ReplySettings { min_p_milli, presence_penalty_milli, frequency_penalty_milli, .. } = read.settings;
        assert_eq!((min_p_milli, presence_penalty_milli, frequency_penalty_milli), (Some(50), Some(-500), Some(1_250)));
        assert_eq!(read.settings.logit_bias_milli, [(7, 1_500), (50_256, -100_000)].into());
        assert_eq!(read.settings.dry_sequence_breakers.as_deref().unwrap(), ["\n", ":"]);
        assert_eq!(CompletionRequest::parse(read.body().to_string().as_bytes()).unwrap(), read);
        let schema = r#"{"z":1, "a":{"type" : "object"}}"#;
        let function = CallFunction { name: "f".into(), parameters: "{}".into(), is_strict: true };
        let calls = ResponseFormat::Calls(CallForm { functions: vec![function], must_call: true, may_repeat: false });
        for (format, expected) in [
            (r#""response_format":{"type":"json_object"}"#.to_owned(), ResponseFormat::JsonObject),
            (
                format!(r#""response_format":{{"type":"json_schema","json_schema":{{"name":"x","schema":{schema}}}}}"#),
                ResponseFormat::JsonSchema(schema.into()),
            ),
            (format!(r#""guided_json":{schema}"#), ResponseFormat::JsonSchema(schema.into())),
            (format!(r#""guided_json":{}"#, json!(schema)), ResponseFormat::JsonSchema(schema.into())),
            (r#""guided_regex":"[a-z]+""#.into(), ResponseFormat::Regex("[a-z]+".into())),
            (r#""guided_choice":["yes","no"]"#.into(), ResponseFormat::Choice(vec!["yes".into(), "no".into()])),
            (r#""guided_grammar":"start: \"a\"""#.into(), ResponseFormat::Grammar("start: \"a\"".into())),
            (r#""guided_calls":{"functions":[{"name":"f","parameters":"{}","is_strict":true}],"must_call":true,"may_repeat":false}"#.into(), calls),
        ] {
            let read = asked(&format).unwrap();
            assert_eq!(read.settings.response_format.as_ref(), Some(&expected), "{format}");
            assert_eq!(CompletionRequest::parse(read.body().to_string().as_bytes()).unwrap(), read);
        }
    }

    #[test]
    fn what_a_character_cannot_do_is_refused_by_name() {
        let (many, long) = (json!((0..17).map(|i| i.to_string()).collect::<Vec<_>>()), "x".repeat(300));
        let biases: Map<String, Value> = (0..301).map(|i| (i.to_string(), 1.into())).collect();
        for (extra, parameter) in [
            (r#""n":0"#.to_owned(), "n"),
            (r#""n":9"#.to_owned(), "n"),
            (format!(r#""stop":{many}"#), "stop"),
            (format!(r#""stop":"{long}""#), "stop"),
            (r#""stop":["",""]"#.into(), "stop"),
            (r#""stop":[5]"#.into(), "stop"),
            (r#""temperature":-1"#.into(), "temperature"),
            (r#""temperature":2.1"#.into(), "temperature"),
            (r#""max_tokens":0"#.into(), "max_tokens"),
            (r#""max_tokens":1.5"#.into(), "max_tokens"),
            (r#""seed":"x""#.into(), "seed"),
            (r#""presence_penalty":2.5"#.into(), "presence_penalty"),
            (r#""min_p":-0.1"#.into(), "min_p"),
            (r#""top_k":1.5"#.into(), "top_k"),
            (r#""logit_bias":{"5":-101}"#.into(), "logit_bias"),
            (r#""logit_bias":{"five":1}"#.into(), "logit_bias"),
            (format!(r#""logit_bias":{}"#, Value::Object(biases)), "logit_bias"),
            (r#""stop_token_ids":[-1]"#.into(), "stop_token_ids"),
            (r#""grammar":"root ::= [a-z]""#.into(), "grammar"),
            (r#""top_logprobs":3"#.into(), "top_logprobs"),
            (r#""logprobs":true,"top_logprobs":21"#.into(), "top_logprobs"),
            (r#""response_format":{"type":"json_schema"}"#.into(), "response_format"),
            (r#""response_format":{"type":"structural_tag"}"#.into(), "response_format"),
            (r#""response_format":{"type":"json_object"},"guided_regex":"a""#.into(), "guided_regex"),
            (format!(r#""guided_regex":"{}""#, "x".repeat(70_000)), "response_format"),
            (r#""guided_choice":[]"#.into(), ""),
            (r#""xtc_probability":0.5"#.into(), "xtc_probability"),
        ] {
            match asked(&extra) {
                Err(refused) => assert_eq!(refused.parameter, parameter, "{extra}"),
                Ok(_) => assert_eq!(parameter, "", "{extra}"),
            }
        }
        for harmless in [
            r#""n":1"#,
            r#""stop":null,"stop_token_ids":null"#,
            r#""tools":[]"#,
            r#""presence_penalty":0,"logit_bias":{},"user":"me""#,
            r#""response_format":{"type":"text"},"typical_p":1,"logprobs":false,"min_tokens":0"#,
        ] {
            assert!(asked(harmless).unwrap().settings.is_default(), "{harmless}");
        }
    }
}
