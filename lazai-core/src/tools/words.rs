//! Tools, calls and results as words of messages, written and read.

use serde_json::{Map, Value};

use super::reply::{Call, blocks};
use super::{CALL, RESULT};
use crate::message::{Message, Role};

const HEAD: &str = "# Tools\n\nYou may call one or more functions to assist with the user query.\n\nYou are provided with function \
                    signatures within <tools></tools> XML tags:\n<tools>\n";
const TAIL: &str = "\n</tools>\n\nFor each function call, return a json object with function name and arguments within \
                    <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": \
                    <args-json-object>}\n</tool_call>";

/// The words that tell of tools, each a JSON object. They stand at the end of the system message, behind an empty line.
#[must_use]
pub fn tool_words(tools: &[Value]) -> String {
    let tools: Vec<String> = tools.iter().map(Value::to_string).collect();
    format!("{HEAD}{}{TAIL}", tools.join("\n"))
}

/// The words of a call. `arguments` is a JSON object as text.
#[must_use]
pub fn call_words(name: &str, arguments: &str) -> String {
    format!("{}\n{{\"name\": {}, \"arguments\": {arguments}}}\n{}", CALL.0, Value::from(name), CALL.1)
}

/// The words of a result. Results stand in one message of the user, in the order of their calls, a line break between two.
#[must_use]
pub fn result_words(text: &str) -> String {
    format!("{}\n{text}\n{}", RESULT.0, RESULT.1)
}

/// Tells whether a text holds the words of tools, calls or results.
#[must_use]
pub fn holds_tools(text: &str) -> bool {
    [HEAD, CALL.0, RESULT.0].into_iter().any(|mark| text.contains(mark))
}

/// A conversation with its tools, as its words say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The tools, as they were given. Empty if none can be called any more.
    pub tools: Vec<Value>,
    /// What was said.
    pub turns: Vec<Turn>,
}

/// A turn of such a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// A message.
    Said(Message),
    /// The assistant's words, perhaps none, and its calls.
    Called(String, Vec<Call>),
    /// The results of the calls before, in their order.
    Results(Vec<String>),
}

/// Reads the words of tools, calls and results in a conversation; `None` if it holds none. Words that are not exactly what
/// [`tool_words`], [`call_words`] and [`result_words`] write stay words. So do results that follow no call.
#[must_use]
pub fn asked(messages: &[Message]) -> Option<Asked> {
    let mut asked = Asked { tools: Vec::new(), turns: Vec::with_capacity(messages.len()) };
    let mut open = 0;
    for message in messages {
        let turn = match message.role {
            Role::System if asked.tools.is_empty() => match told(&message.content) {
                Some((rest, tools)) => {
                    asked.tools = tools;
                    if rest.is_empty() {
                        continue;
                    }
                    Turn::Said(Message::new(Role::System, rest))
                }
                None => Turn::Said(message.clone()),
            },
            Role::Assistant => match called(&message.content) {
                Some((words, calls)) => Turn::Called(words, calls),
                None => Turn::Said(message.clone()),
            },
            Role::User if open > 0 => match results(&message.content) {
                Some((results, words)) if results.len() <= open => {
                    asked.turns.push(Turn::Results(results));
                    open = 0;
                    if words.is_empty() {
                        continue;
                    }
                    // A card may have the last word.
                    Turn::Said(Message::new(Role::User, words))
                }
                _ => Turn::Said(message.clone()),
            },
            _ => Turn::Said(message.clone()),
        };
        open = if let Turn::Called(_, calls) = &turn { calls.len() } else { 0 };
        asked.turns.push(turn);
    }
    let is_plain = asked.tools.is_empty() && asked.turns.iter().all(|turn| matches!(turn, Turn::Said(_)));
    (!is_plain).then_some(asked)
}

/// The system's own words, and the tools behind them.
fn told(text: &str) -> Option<(String, Vec<Value>)> {
    let (before, rest) = text.split_once(HEAD)?;
    let (tools, after) = rest.split_once(TAIL)?;
    let tools: Vec<Value> = tools.split('\n').map(object).collect::<Option<_>>()?;
    let before = before.strip_suffix("\n\n").unwrap_or(before);
    let after = if before.is_empty() { after.strip_prefix("\n\n").unwrap_or(after) } else { after };
    Some((format!("{before}{after}"), tools))
}

fn object(line: &str) -> Option<Value> {
    serde_json::from_str::<Map<String, Value>>(line).ok().map(Value::Object)
}

fn called(text: &str) -> Option<(String, Vec<Call>)> {
    let (words, calls) = text.split_at(text.find(CALL.0)?);
    Some((words.trim_end().to_owned(), blocks(calls, &|_| true)?))
}

/// The results that a text begins with, and the words behind them.
fn results(text: &str) -> Option<(Vec<String>, &str)> {
    let (open, close) = (format!("{}\n", RESULT.0), format!("\n{}", RESULT.1));
    let (mut rest, words) = text.strip_prefix(&open)?.rsplit_once(&close)?;
    let (mut results, between) = (Vec::new(), format!("{close}\n{open}"));
    while let Some((result, after)) = rest.split_once(&between) {
        results.push(result.to_owned());
        rest = after;
    }
    results.push(rest.to_owned());
    Some((results, words.trim_start()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(name: &str, arguments: &str) -> Call {
        Call { name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn words_are_read_as_they_were_written() {
        let tools = vec![json!({"type": "function", "function": {"name": "f", "parameters": {"z": 1, "a": 2}}})];
        for (own, system) in [("You sing.", format!("You sing.\n\n{}", tool_words(&tools))), ("", tool_words(&tools))] {
            let calls = [call_words("f", "{\"x\":1}"), call_words("g", "{}")].join("\n");
            let messages = [
                Message::new(Role::System, system),
                Message::new(Role::User, "hi"),
                Message::new(Role::Assistant, format!("I look.\n{calls}")),
                Message::new(Role::User, [result_words("one\ntwo"), result_words("")].join("\n")),
                Message::new(Role::Assistant, "so"),
            ];
            assert!(messages.iter().filter(|message| holds_tools(&message.content)).count() == 3);
            let asked = asked(&messages).unwrap();
            assert_eq!(asked.tools, tools);
            let own = (!own.is_empty()).then(|| Turn::Said(Message::new(Role::System, own)));
            let turns = [
                Turn::Said(messages[1].clone()),
                Turn::Called("I look.".into(), vec![call("f", "{\"x\":1}"), call("g", "{}")]),
                Turn::Results(vec!["one\ntwo".into(), String::new()]),
                Turn::Said(messages[4].clone()),
            ];
            assert_eq!(asked.turns, own.into_iter().chain(turns).collect::<Vec<_>>());
        }
    }

    #[test]
    fn other_words_stay_words() {
        let tools = tool_words(&[json!({"type": "function"})]);
        for (role, text) in [
            (Role::System, "You sing.".to_owned()),
            (Role::System, tools.replace("</tools>\n\nFor", "</tools>\n\nfor")),
            (Role::System, tools.replace("{\"type\"", "{type")),
            (Role::User, tools),
            (Role::User, result_words("of no call")),
            (Role::Assistant, "Say <tool_call> twice.".to_owned()),
            (Role::Assistant, format!("{} and so on", call_words("f", "{}"))),
        ] {
            assert_eq!(asked(&[Message::new(role, text.clone())]), None, "{text}");
        }
        let behind = [call_words("f", "{}"), format!("{}\n\nStay calm.", result_words("a"))];
        let messages = [Message::new(Role::Assistant, &*behind[0]), Message::new(Role::User, &*behind[1])];
        let turns = asked(&messages).unwrap().turns;
        let said = Turn::Said(Message::new(Role::User, "Stay calm."));
        assert_eq!(turns[1..], [Turn::Results(vec!["a".into()]), said]);
        let more = [call_words("f", "{}"), [result_words("a"), result_words("b")].join("\n")];
        let messages = [Message::new(Role::Assistant, &*more[0]), Message::new(Role::User, &*more[1])];
        let turns = asked(&messages).unwrap().turns;
        assert_eq!(turns[1], Turn::Said(messages[1].clone()), "more results than calls");
    }
}
