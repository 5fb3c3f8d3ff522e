//! Tools, as words: what may be called stands in the system message, a call in the reply's text. Requests are signed, counted and
//! paid as any other; only OpenAI's form is put on and taken off here. The form that a model's own template has for tools is put on
//! where the prompt is made: see [`lazai_core::tools`].

#[cfg(all(test, feature = "models"))]
mod dialects;
mod function;

use lazai_core::message::{Message, Role};
use lazai_core::reply::ResponseFormat;
#[cfg(any(test, feature = "node"))]
use lazai_core::tools::begins_a_call;
use lazai_core::tools::{CALL, CallForm, CallFunction, tool_words};
pub use lazai_core::tools::{Call, calls};
use serde_json::{Map, Value};

use super::openai::BadRequest;
use crate::node::ReplySettings;

/// Most tools, and bytes of their JSON.
const TOOLS: (usize, usize) = (128, 64 << 10);

/// The tools of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tools {
    /// As they were given.
    list: Vec<Value>,
    functions: Vec<CallFunction>,
    choice: Choice,
    /// True if a reply may hold more than one call.
    is_many: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Choice {
    Auto,
    Required,
    Named(String),
}

/// Reads `tools` and `tool_choice`; `None` if nothing may be called.
pub(super) fn read(body: &Map<String, Value>) -> Result<Option<Tools>, BadRequest> {
    let empty = Vec::new();
    let list = match body.get("tools") {
        None | Some(Value::Null) => &empty,
        Some(Value::Array(list)) => list,
        Some(_) => return Err(BadRequest::new("tools", "is not a list")),
    };
    let bytes: usize = list.iter().map(|tool| tool.to_string().len()).sum();
    if list.len() > TOOLS.0 || bytes > TOOLS.1 {
        return Err(BadRequest::new(
            "tools",
            format!("{} of {bytes} bytes, at most {} of {}", list.len(), TOOLS.0, TOOLS.1),
        ));
    }
    let functions = list.iter().enumerate().map(|(place, tool)| function::read(place, tool));
    let functions = functions.collect::<Result<Vec<_>, _>>()?;
    let choice = match body.get("tool_choice") {
        None | Some(Value::Null) => Choice::Auto,
        Some(Value::String(word)) if word == "none" => return Ok(None),
        Some(Value::String(word)) if word == "auto" => Choice::Auto,
        Some(Value::String(word)) if word == "required" => Choice::Required,
        Some(choice) => {
            let name = choice["function"]["name"].as_str().filter(|_| choice["type"] == "function");
            let found = functions.iter().find(|function| Some(function.name.as_str()) == name);
            let found = found.ok_or_else(|| {
                BadRequest::new("tool_choice", "is none of none, auto, required and a given function")
            })?;
            Choice::Named(found.name.clone())
        }
    };
    if list.is_empty() {
        let is_auto = choice == Choice::Auto;
        return if is_auto { Ok(None) } else { Err(BadRequest::new("tool_choice", "needs tools")) };
    }
    let is_many = body.get("parallel_tool_calls").and_then(Value::as_bool).unwrap_or(true);
    Ok(Some(Tools { list: list.clone(), functions, choice, is_many }))
}

impl Tools {
    /// The names of what may be called.
    pub(super) fn names(&self) -> Vec<String> {
        self.functions.iter().map(|function| function.name.clone()).collect()
    }

    /// Puts the tools into a request: into its messages, and what must or must not be called into its settings.
    pub(super) fn ask(&self, messages: &mut Vec<Message>, settings: &mut ReplySettings) -> Result<(), BadRequest> {
        self.tell(messages);
        match self.format() {
            // A reply of this form calls nothing, as it may.
            _ if self.choice == Choice::Auto && settings.response_format.is_some() => {}
            Some(_) if settings.response_format.is_some() => {
                return Err(BadRequest::new("tool_choice", "stands beside a form of the reply"));
            }
            Some(format) => settings.response_format = Some(format),
            // A call may be left open: it ends the reply.
            None if !self.is_many => settings.stop.push(CALL.1.to_owned()),
            None => {}
        }
        Ok(())
    }

    /// Puts the tools into the system message.
    fn tell(&self, messages: &mut Vec<Message>) {
        let words = tool_words(&self.list);
        match messages.first_mut() {
            Some(Message { role: Role::System, content }) => *content = format!("{content}\n\n{words}"),
            _ => messages.insert(0, Message::new(Role::System, words)),
        }
    }

    /// The form of a reply that must call, or that calls what is strict if it does; `None` for any other.
    fn format(&self) -> Option<ResponseFormat> {
        let functions = match &self.choice {
            Choice::Auto if !self.functions.iter().any(|function| function.is_strict) => return None,
            Choice::Auto | Choice::Required => self.functions.clone(),
            Choice::Named(name) => self.functions.iter().filter(|function| function.name == *name).cloned().collect(),
        };
        let may_repeat = self.is_many && !matches!(self.choice, Choice::Named(_));
        Some(ResponseFormat::Calls(CallForm { functions, must_call: self.choice != Choice::Auto, may_repeat }))
    }
}

#[cfg(any(test, feature = "node"))]
/// Passes on the words of a reply that comes in pieces, and holds back what may be a call.
#[derive(Debug, Default)]
pub(crate) struct Held {
    held: String,
    passed: usize,
}

#[cfg(any(test, feature = "node"))]
impl Held {
    /// The text that can be passed on.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        let keep = begins_a_call(&self.held, self.passed > 0);
        // White space before a call is no words of the reply.
        let end = self.held[..self.held.len() - keep].trim_end().len();
        let rest = self.held.split_off(end);
        let passed = std::mem::replace(&mut self.held, rest);
        self.passed += passed.len();
        passed
    }

    /// What was not passed on of the words that the reply has.
    pub(crate) fn rest<'t>(&self, words: &'t str) -> &'t str {
        words.get(self.passed..).unwrap_or_default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::wire::openai::CompletionRequest;

    pub(super) fn asked(choice: &str) -> Result<CompletionRequest, BadRequest> {
        let tool = |name: &str| json!({"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}}});
        let body = format!(
            r#"{{"model":"m","messages":[{{"role":"system","content":"You sing."}},{{"role":"user","content":"hi"}}],"tools":{}{choice}}}"#,
            json!([tool("one"), tool("two")])
        );
        CompletionRequest::parse(body.as_bytes())
    }

    #[test]
    fn tools_stand_in_the_system_message() {
        let auto = asked("").unwrap();
        assert_eq!(auto.messages.len(), 2);
        assert!(auto.messages[0].content.starts_with("You sing.\n\n# Tools\n\n"));
        assert!(auto.messages[0].content.contains(r#"{"type":"function","function":{"name":"two","#));
        assert_eq!((auto.tools.len(), auto.settings.response_format), (2, None));
        let none = asked(r#","tool_choice":"none""#).unwrap();
        assert_eq!((none.messages[0].content.as_str(), none.tools.len()), ("You sing.", 0));
        let form = |choice: &str| match asked(choice).unwrap().settings.response_format {
            Some(ResponseFormat::Calls(form)) => {
                let names: Vec<String> = form.functions.into_iter().map(|function| function.name).collect();
                (names.join(" "), form.must_call, form.may_repeat)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(form(r#","tool_choice":"required""#), ("one two".into(), true, true));
        assert_eq!(form(r#","tool_choice":"required","parallel_tool_calls":false"#), ("one two".into(), true, false));
        assert_eq!(
            form(r#","tool_choice":{"type":"function","function":{"name":"two"}}"#),
            ("two".into(), true, false)
        );
        // Beside a form, a reply calls nothing, as it may; a model that may call what is strict calls it as it must.
        let form = asked(r#","guided_regex":"a""#).unwrap().settings;
        assert_eq!((form.response_format, form.stop.len()), (Some(ResponseFormat::Regex("a".into())), 0));
        for (choice, parameter) in [
            (r#","tool_choice":"some""#, "tool_choice"),
            (r#","tool_choice":{"type":"function","function":{"name":"three"}}"#, "tool_choice"),
            (r#","tool_choice":"required","guided_regex":"a""#, "tool_choice"),
        ] {
            assert_eq!(asked(choice).unwrap_err().parameter, parameter, "{choice}");
        }
        let body = r#"{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function"}]}"#;
        assert_eq!(CompletionRequest::parse(body.as_bytes()).unwrap_err().parameter, "tools[0]");
    }

    #[test]
    fn calls_are_found_in_words() {
        let names = vec!["f".to_owned()];
        let one = |arguments: &str| Call { name: "f".into(), arguments: arguments.into() };
        let call = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>";
        for (text, words, found) in [
            (format!("I look.\n{call}\n{call}"), "I look.", vec![one("{\"x\":1}"), one("{\"x\":1}")]),
            ("<tool_call>{\"name\":\"f\",\"arguments\":{}}".into(), "", vec![one("{}")]),
            (" {\"name\":\"f\",\"parameters\":{\"y\":[]}}\n".into(), "", vec![one("{\"y\":[]}")]),
            (format!("{call}\n<tool_call>\n{{\"name\": \"f\", \"argu"), "", vec![one("{\"x\":1}")]),
            (format!("{call}\n<tool_"), "", vec![one("{\"x\":1}")]),
        ] {
            assert_eq!(calls(&text, &names), (words.to_owned(), found.clone()));
            // However it is cut, what is heard is its words.
            for size in 1..9 {
                let (mut held, mut heard) = (Held::default(), String::new());
                let letters: Vec<char> = text.chars().collect();
                letters.chunks(size).for_each(|piece| heard += &held.push(&piece.iter().collect::<String>()));
                assert!(words.starts_with(&heard), "{heard:?} of {words:?}");
                assert_eq!(heard.clone() + held.rest(words), words);
            }
        }
        for text in [
            "plain words <tool",
            "<tool_call>\n{\"name\": \"g\", \"arguments\": {}}\n</tool_call>",
            "<tool_call>\n{\"name\": \"f\", \"arguments\": 7}\n</tool_call>",
            "<tool_call>\n{\"name\": \"f\"\n</tool_call>",
            "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call> and so on",
            "{\"name\": \"f\"}",
        ] {
            assert_eq!(calls(text, &names), (text.to_owned(), vec![]));
            let mut held = Held::default();
            let heard: String = text.chars().map(|letter| held.push(&letter.to_string())).collect();
            assert_eq!(heard.clone() + held.rest(text), text);
        }
    }
}
