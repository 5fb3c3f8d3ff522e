//! The form of a reply that calls: a grammar in Lark's notation, as llguidance reads it, in the dialect of the model's template.
//!
//! Each function's arguments have a schema of their own, so that what it refers to (`#/$defs/..`) is found in it.

use lazai_core::reply::FORM_WHITE_SPACE;
use lazai_core::tools::{CALL, CallForm, CallFunction, Dialect};
use serde_json::{Map, Value, json};

use super::constraint::refused;
use crate::error::GenerateError;

/// The grammar of a reply of a form. Without a dialect, calls are words in the wording of Hermes.
///
/// # Errors
/// [`GenerateError::Setting`] if there is no function, or a schema is no object.
pub(super) fn grammar(form: &CallForm, dialect: Option<Dialect>) -> Result<String, GenerateError> {
    if form.functions.is_empty() {
        return Err(refused("there is no function to call"));
    }
    let dialect = dialect.unwrap_or(Dialect::Hermes);
    let (mut names, mut rules) = (Vec::new(), String::new());
    for (number, function) in form.functions.iter().enumerate() {
        names.push(format!("call_{number}"));
        rules += &self::rules(function, number, dialect, form.must_call || function.is_strict)?;
    }
    let one = names.join(" | ");
    let text = |text: &str| Value::from(text);
    // What opens calls, what stands before the first and behind the last of them, and how the next one is begun.
    let (mark, before, call, more) = match dialect {
        Dialect::Hermes => {
            let (open, close) = (format!("{}\n", CALL.0), text(&format!("\n{}", CALL.1)));
            let more = format!(r#" ("\n" {} call)*"#, text(&open));
            (Some(open), "", format!("({one}) {close}"), more)
        }
        Dialect::Mistral => (Some("[TOOL_CALLS]".to_owned()), r#"" "? "[" "#, one, r#" (", " call)* "]""#.to_owned()),
        Dialect::Granite => (Some("<|tool_call|>".to_owned()), r#"" "? "[" "#, one, r#" (", " call)* "]""#.to_owned()),
        // One call is all that such a model says.
        _ => (None, "", one, String::new()),
    };
    let more = match (form.may_repeat, more.as_str()) {
        (true, more) => more.to_owned(),
        (false, more) if more.ends_with(r#" "]""#) => r#" "]""#.to_owned(),
        (false, _) => String::new(),
    };
    let start = match (&mark, form.must_call) {
        (Some(mark), true) => format!("start: {} {before}call{more}\n", text(mark)),
        (None, true) => "start: call\n".to_owned(),
        (Some(mark), false) => {
            // Words hold no mark: behind one, calls follow.
            let escaped = regex::escape(mark.trim_end()).replace('/', r"\/");
            format!(
                "start: WORDS | lead {before}call{more}\nlead[suffix={}]: /(?s:.*)/\nWORDS: /(?s:.*)/ & ~/(?s:.*){escaped}(?s:.*)/\n",
                text(mark)
            )
        }
        // What begins as a call's JSON is one.
        (None, false) => "start: WORDS | call\nWORDS: /([^{\\s](?s:.*))?/\n".to_owned(),
    };
    Ok(format!("{start}call: {call}\n{rules}"))
}

/// The rules of a call of a function: the functions of a reply are numbered.
fn rules(function: &CallFunction, number: usize, dialect: Dialect, is_held: bool) -> Result<String, GenerateError> {
    let head = format!("{{\"name\": {}, \"{}\": ", Value::from(function.name.as_str()), dialect.arguments());
    let read = || serde_json::from_str::<Map<String, Value>>(&function.parameters);
    let mut schema = if is_held {
        read().map_err(|e| refused(format!("the schema of {:?} is no object: {e}", function.name)))?
    } else {
        Map::from_iter([("type".into(), json!("object"))])
    };
    schema.insert("x-guidance".into(), json!({"whitespace_pattern": FORM_WHITE_SPACE}));
    let (head, schema) = (Value::from(head), Value::Object(schema));
    Ok(format!("call_{number}: {head} arguments_{number} \"}}\"\narguments_{number}: %json {schema}\n"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use llguidance::api::TopLevelGrammar;
    use llguidance::{Matcher, ParserFactory};

    use super::*;

    const ALL: [Option<Dialect>; 5] =
        [None, Some(Dialect::Hermes), Some(Dialect::Llama), Some(Dialect::Mistral), Some(Dialect::Granite)];

    fn function(name: &str, schema: &Value, is_strict: bool) -> CallFunction {
        CallFunction { name: name.into(), parameters: schema.to_string(), is_strict }
    }

    fn form(functions: &[&CallFunction], must_call: bool, may_repeat: bool) -> CallForm {
        CallForm { functions: functions.iter().copied().cloned().collect(), must_call, may_repeat }
    }

    /// Tells whether a text is a whole reply of a grammar, byte by byte.
    fn is_of(grammar: &str, text: &str) -> bool {
        let factory = ParserFactory::new_simple(&toktrie::ApproximateTokEnv::single_byte_env()).unwrap();
        let mut matcher = Matcher::new(factory.create_parser(TopLevelGrammar::from_lark(grammar.to_owned())));
        assert_eq!(matcher.get_error(), None, "{grammar}");
        let bytes: Vec<u32> = text.bytes().map(u32::from).collect();
        matcher.try_consume_tokens(&bytes).unwrap() == bytes.len() && matcher.is_accepting().unwrap()
    }

    fn call(dialect: Option<Dialect>, name: &str, arguments: &str) -> String {
        let json =
            format!("{{\"name\": \"{name}\", \"{}\": {arguments}}}", dialect.map_or("arguments", Dialect::arguments));
        match dialect {
            None | Some(Dialect::Hermes) => format!("<tool_call>\n{json}\n</tool_call>"),
            Some(Dialect::Mistral) => format!("[TOOL_CALLS][{json}]"),
            Some(Dialect::Granite) => format!("<|tool_call|>[{json}]"),
            _ => json,
        }
    }

    /// Two calls in one reply.
    fn twice(dialect: Option<Dialect>, one: &str, two: &str) -> String {
        let listed = |mark: &str| {
            format!(
                "{}, {}",
                one.strip_suffix(']').unwrap(),
                two.strip_prefix(mark).unwrap().strip_prefix('[').unwrap()
            )
        };
        match dialect {
            Some(Dialect::Mistral) => listed("[TOOL_CALLS]"),
            Some(Dialect::Granite) => listed("<|tool_call|>"),
            _ => format!("{one}\n{two}"),
        }
    }

    #[test]
    fn arguments_are_of_their_schema() {
        let mood = json!({
            "type": "object", "properties": {"mood": {"$ref": "#/$defs/Mood"}}, "required": ["mood"],
            "additionalProperties": false, "$defs": {"Mood": {"enum": ["glad", "sad"]}},
        });
        let one = json!({"type": "object", "properties": {"x": {"type": "integer"}}});
        for (schema, right, wrong) in [
            (mood, r#"{"mood": "sad"}"#, r#"{"mood": "odd"}"#),
            (one, r#"{ "x" :  5}"#, r#"{"x": "5"}"#),
            (json!({"type": "object", "properties": {}, "additionalProperties": false}), "{}", r#"{"x": 5}"#),
            (json!({"type": "object", "additionalProperties": true}), r#"{"x": [5]}"#, "5"),
        ] {
            let function = function("f", &schema, false);
            for (dialect, may_repeat) in ALL.into_iter().flat_map(|dialect| [(dialect, false), (dialect, true)]) {
                let grammar = grammar(&form(&[&function], true, may_repeat), dialect).unwrap();
                let right = call(dialect, "f", right);
                assert!(is_of(&grammar, &right), "{dialect:?} {schema}");
                assert!(!is_of(&grammar, &call(dialect, "f", wrong)), "{dialect:?} {schema}");
                assert!(!is_of(&grammar, "words"));
                // Llama's models call once.
                let repeats = may_repeat && dialect != Some(Dialect::Llama);
                assert_eq!(is_of(&grammar, &twice(dialect, &right, &right)), repeats, "{dialect:?}");
                // What a form admits is what is found in the reply.
                assert_eq!(lazai_core::tools::calls(&right, &["f".into()]).1.len(), 1, "{right}");
            }
        }
        let none = CallForm { functions: vec![], must_call: true, may_repeat: true };
        assert!(matches!(grammar(&none, None), Err(GenerateError::Setting { .. })));
        let wrong = form(&[&function("f", &json!(5), false)], true, true);
        assert!(matches!(grammar(&wrong, None), Err(GenerateError::Setting { .. })));
    }

    #[test]
    fn a_free_reply_is_words_or_calls() {
        let schema = json!({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]});
        let (strict, loose) = (function("f", &schema, true), function("g", &schema, false));
        for dialect in ALL {
            let grammar = |may_repeat| grammar(&form(&[&strict, &loose], false, may_repeat), dialect).unwrap();
            let (many, single) = (grammar(true), grammar(false));
            let (five, g) = (call(dialect, "f", r#"{"x": 5}"#), call(dialect, "g", r#"{"y": 5}"#));
            for right in ["", "I < you,\nand <tool_cal [TOOL", &five, &g] {
                assert!(is_of(&many, right), "{dialect:?} {right:?}");
            }
            let wrong = call(dialect, "f", r#"{"x": "5"}"#);
            assert!(!is_of(&many, &wrong), "{dialect:?}");
            assert!(!is_of(&many, &format!("{five} and so on")), "{dialect:?}");
            let two = twice(dialect, &five, &g);
            if dialect == Some(Dialect::Llama) {
                assert!(!is_of(&many, &two));
                continue;
            }
            assert!(is_of(&many, &format!("I look.\n{two}")), "{dialect:?}");
            assert!(!is_of(&single, &two), "{dialect:?}");
            assert!(!is_of(&many, &format!("I look.\n{wrong}")), "{dialect:?}");
        }
    }
}
