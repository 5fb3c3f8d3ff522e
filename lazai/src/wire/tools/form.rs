//! The form of a reply that calls: a grammar in Lark's notation, as llguidance reads it.
//!
//! Each function's arguments have a schema of their own, so that what it refers to (`#/$defs/..`) is found in it.

use lazai_core::reply::FORM_WHITE_SPACE;
use serde_json::{Map, Value, json};

use super::CALL;
use crate::wire::openai::BadRequest;

/// Words of a schema that only describe it.
const WORDS: [&str; 6] = ["$schema", "additionalProperties", "description", "required", "title", "type"];

/// A function that a reply may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// The schema of its arguments, an object.
    pub(super) parameters: Map<String, Value>,
    /// True if its arguments must follow the schema even where the model is free to call nothing.
    pub(super) is_strict: bool,
}

impl Function {
    /// Reads one of a request's `tools`.
    pub(super) fn read(place: usize, tool: &Value) -> Result<Self, BadRequest> {
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
        Ok(Self { name, parameters, is_strict: function["strict"] == true })
    }

    /// The rules of a call of it: the functions of a reply are numbered.
    fn rules(&self, number: usize, is_free: bool) -> String {
        let head = format!("{{\"name\": {}, \"arguments\": ", Value::from(self.name.as_str()));
        let mut schema =
            if is_free { Map::from_iter([("type".into(), json!("object"))]) } else { self.parameters.clone() };
        schema.insert("x-guidance".into(), json!({"whitespace_pattern": FORM_WHITE_SPACE}));
        let (head, schema) = (Value::from(head), Value::Object(schema));
        format!("call_{number}: {head} arguments_{number} \"}}\"\narguments_{number}: %json {schema}\n")
    }
}

/// The grammar of a reply that must call one of these functions, or several of them, one after another.
pub(super) fn required(functions: &[&Function], is_many: bool) -> String {
    format!("start: {} call{}\n{}", open(), more(is_many), calls(functions, false))
}

/// The grammar of a reply that may call: words, and then calls if there are any. Only functions that are strict are held to their
/// schemas.
pub(super) fn free(functions: &[&Function], is_many: bool) -> String {
    let (mark, open) = (CALL.0, open());
    format!(
        "start: WORDS | lead call{}\nlead[suffix={open}]: /(?s:.*)/\nWORDS: /(?s:.*)/ & ~/(?s:.*){mark}(?s:.*)/\n{}",
        more(is_many),
        calls(functions, true)
    )
}

fn open() -> Value {
    format!("{}\n", CALL.0).into()
}

fn more(is_many: bool) -> String {
    if is_many { format!(r#" ("\n" {} call)*"#, open()) } else { String::new() }
}

fn calls(functions: &[&Function], is_free: bool) -> String {
    let names: Vec<String> = (0..functions.len()).map(|number| format!("call_{number}")).collect();
    let rules =
        functions.iter().enumerate().map(|(number, function)| function.rules(number, is_free && !function.is_strict));
    let close = Value::from(format!("\n{}", CALL.1));
    format!("call: ({}) {close}\n{}", names.join(" | "), rules.collect::<String>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use llguidance::api::TopLevelGrammar;
    use llguidance::{Matcher, ParserFactory};

    use super::*;

    fn function(schema: &Value, strict: bool) -> Result<Function, BadRequest> {
        let function = json!({"name": "f", "parameters": schema, "strict": strict});
        Function::read(0, &json!({"type": "function", "function": function}))
    }

    /// Tells whether a text is a whole reply of a grammar, byte by byte.
    fn is_of(grammar: &str, text: &str) -> bool {
        let factory = ParserFactory::new_simple(&toktrie::ApproximateTokEnv::single_byte_env()).unwrap();
        let mut matcher = Matcher::new(factory.create_parser(TopLevelGrammar::from_lark(grammar.to_owned())));
        assert_eq!(matcher.get_error(), None, "{grammar}");
        let bytes: Vec<u32> = text.bytes().map(u32::from).collect();
        matcher.try_consume_tokens(&bytes).unwrap() == bytes.len() && matcher.is_accepting().unwrap()
    }

    fn call(arguments: &str) -> String {
        format!("<tool_call>\n{{\"name\": \"f\", \"arguments\": {arguments}}}\n</tool_call>")
    }

    #[test]
    fn arguments_are_of_their_schema() {
        let mood = json!({
            "properties": {"mood": {"$ref": "#/$defs/Mood"}}, "required": ["mood"], "additionalProperties": false,
            "$defs": {"Mood": {"enum": ["glad", "sad"]}},
        });
        let one = json!({"type": "object", "properties": {"x": {"type": "integer"}}});
        for (schema, right, wrong) in [
            (mood, r#"{"mood": "sad"}"#, r#"{"mood": "odd"}"#),
            (one, r#"{ "x" :  5}"#, r#"{"x": "5"}"#),
            (Value::Null, "{}", r#"{"x": 5}"#),
            (json!({"type": "object", "properties": {}}), "{}", r#"{"x": 5}"#),
            (json!({"additionalProperties": true}), r#"{"x": [5]}"#, "5"),
        ] {
            let function = function(&schema, false).unwrap();
            for is_many in [false, true] {
                let grammar = required(&[&function], is_many);
                assert!(is_of(&grammar, &call(right)), "{schema}");
                assert!(!is_of(&grammar, &call(wrong)), "{schema}");
                assert!(!is_of(&grammar, "words"));
                assert_eq!(is_of(&grammar, &format!("{0}\n{0}", call(right))), is_many);
            }
        }
        for wrong in [json!(5), json!({"x-guidance": {"lenient": true}})] {
            assert_eq!(function(&wrong, false).unwrap_err().parameter, "tools[0].function.parameters");
        }
    }

    #[test]
    fn a_free_reply_is_words_or_calls() {
        let strict = function(&json!({"properties": {"x": {"type": "integer"}}, "required": ["x"]}), true).unwrap();
        let loose = Function { name: "g".into(), is_strict: false, ..strict.clone() };
        let grammar = free(&[&strict, &loose], true);
        let (five, g) = (call(r#"{"x": 5}"#), call(r#"{"y": 5}"#).replace("\"f\"", "\"g\""));
        for right in ["", "I < you,\nand <tool_cal", &five, &format!("I look.\n{five}\n{g}")] {
            assert!(is_of(&grammar, right), "{right:?}");
        }
        let late = format!("I look.\n{}", call("{}"));
        for wrong in
            ["<tool_call>", "say <tool_call> twice", &call(r#"{"x": "5"}"#), &late, &format!("{five} and so on")]
        {
            assert!(!is_of(&grammar, wrong), "{wrong:?}");
        }
        assert!(!is_of(&free(&[&strict, &loose], false), &format!("{five}\n{g}")));
    }
}
