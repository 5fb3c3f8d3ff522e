//! JSON records: which fields hold a conversation.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::content::content_of;
use super::format::{Format, Options};
use super::message::{TEXTS, is_bare, is_users, message, name_of, plain, speaker_name};
use super::owner;
use super::parsed::Parsed;
use super::speaker::{self, Line, Who};
use super::terms::{self, is_rejected, may_be_learnt};
use super::{Role, branch, chatgpt, exported, markup, order, wrapped};
use crate::report::{Action, excerpt};
use crate::text::json::{self, filled, is_filled, kind};

/// Names of a prompt's and a response's field. The last ones hold a name where another of them holds words.
pub(super) const PROMPTS: [&str; 7] = ["instruction", "prompt", "question", "query", "input", "user", "human"];
pub(super) const RESPONSES: [&str; 10] =
    ["output", "response", "completion", "answer", "assistant", "target", "reply", "chosen", "bot", "character"];
pub(super) const SYSTEMS: [&str; 6] =
    ["system", "system_prompt", "systemInstruction", "system_instruction", "system_message", "systemPrompt"];
/// Fields with the material of a prompt, where it stands apart.
pub(super) const INPUTS: [&str; 2] = ["input", "context"];
pub(super) const CONTRIBUTORS: [&str; 2] = ["contributor", "author"];
const IDS: [&str; 2] = ["id", "conversation_id"];
/// Names of a field with a list of messages.
pub(super) const LISTS: [&str; 6] =
    ["messages", "conversations", "conversation", "dialogue", "chat_messages", "contents"];

/// The format of a record, and whether the records together are one dialogue.
pub(super) fn format(map: &Map<String, Value>) -> Option<(Format, bool)> {
    if exported::looks_like(map) {
        return Some((Format::Chat, false));
    }
    if let Some((name, messages)) = list(map) {
        let from = messages.iter().any(|m| m.get("from").is_some_and(is_filled));
        return Some((if from || name == "conversations" { Format::ShareGpt } else { Format::Chat }, false));
    }
    if chatgpt::looks_like(map) {
        return Some((Format::ChatGpt, false));
    }
    let has = |key: &str| map.contains_key(key);
    if (has("mes") && (has("is_user") || has("name")))
        || (has("user_name") && has("character_name"))
        || has("chat_metadata")
    {
        return Some((Format::SillyTavern, true));
    }
    // Of any record: one that says nothing is still of this format.
    let could_be_text = |value: &Value| value.is_null() || text_of(value).is_some();
    let field = |names: &[&str]| names.iter().any(|name| map.get(*name).is_some_and(could_be_text));
    if field(&PROMPTS) && field(&RESPONSES) {
        return Some((Format::Alpaca, false));
    }
    if markup::of_record(map).is_some() {
        return Some((Format::Chat, false));
    }
    if has("role") && has("content") {
        return Some((Format::Chat, true));
    }
    (has("from") && has("value")).then_some((Format::ShareGpt, true))
}

/// The first list of messages with something in it.
fn list(map: &Map<String, Value>) -> Option<(&'static str, &Vec<Value>)> {
    let lists = || LISTS.iter().filter_map(|name| Some((*name, map.get(*name)?.as_array()?)));
    lists().find(|(_, list)| !list.is_empty()).or_else(|| lists().next())
}

/// True if a record has a list of messages with something in it.
pub(super) fn is_listed(map: &Map<String, Value>) -> bool {
    list(map).is_some_and(|(_, messages)| !messages.is_empty())
}

/// A text, or a number or truth value as a text.
pub(super) fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(_) | Value::Bool(_) => json::plain(value).map(Cow::Owned),
        _ => None,
    }
}

/// The fields of a record.
struct Record<'a> {
    map: &'a Map<String, Value>,
    place: &'a str,
}

impl Record<'_> {
    /// The first field of some names that holds a text, and its name.
    fn text(&self, names: &[&'static str], parsed: &mut Parsed) -> Option<(&'static str, String)> {
        let field = |name: &&'static str| {
            let value = self.map.get(*name).filter(|value| is_filled(value))?;
            Some((*name, value, text_of(value)?.into_owned()))
        };
        let (name, value, text) = names.iter().find_map(field)?;
        if !value.is_string() {
            parsed.note(Action::Repaired, self.place, format!("{name}: {}, taken as text", kind(value)));
        }
        Some((name, text))
    }

    /// The system message: a text, or parts of one.
    fn system(&self, parsed: &mut Parsed) -> Option<String> {
        let (name, value) = filled(self.map, &SYSTEMS)?;
        match content_of(value, self.place, parsed) {
            Ok(text) => Some(text),
            Err(reason) => {
                parsed.note(Action::Dropped, self.place, format!("{name}: {reason}"));
                None
            }
        }
    }

    /// Reads the material of a prompt: a text, a list of texts as lines, or anything else as JSON.
    fn about(&self, name: &str, parsed: &mut Parsed) -> Option<String> {
        let value = self.map.get(name).filter(|value| is_filled(value))?;
        if value.is_string() {
            return value.as_str().map(str::to_owned);
        }
        let lines = value.as_array().and_then(|list| list.iter().map(text_of).collect::<Option<Vec<_>>>());
        let text = lines.map(|lines| lines.join("\n")).or_else(|| text_of(value).map(Cow::into_owned));
        parsed.note(Action::Repaired, self.place, format!("{name}: {}, taken as text", kind(value)));
        Some(text.unwrap_or_else(|| value.to_string()))
    }

    /// Finds the contributor: a name, an author with a name, or the first of several.
    fn contributor(&self) -> Option<String> {
        let (_, value) = filled(self.map, &CONTRIBUTORS)?;
        let first = value.as_array().map_or(value, |several| &several[0]);
        first.as_i64().map(|number| number.to_string()).or_else(|| speaker_name(first).map(str::to_owned))
    }

    fn turn(&self, role: &str, text: String) -> Line {
        let who = Role::from_name(role).map_or(Who::Tool, Who::Role);
        Line { place: self.place.to_owned(), who, text, learnt: true }
    }

    fn line(&self, role: Role, text: String) -> Line {
        Line { place: self.place.to_owned(), who: Who::Role(role), text, learnt: true }
    }
}

pub(super) fn parse(bytes: &[u8], line: u64, options: &Options) -> Parsed {
    let mut parsed = Parsed::default();
    let place = format!("line {line}");
    let map = match object(bytes, &place, &mut parsed) {
        Ok(map) => map,
        Err(reason) => {
            parsed.note(Action::Dropped, place, reason);
            return parsed;
        }
    };
    let map = &*exported::unfolded(&map);
    let record = Record { map, place: &place };
    let id = match filled(map, &IDS) {
        Some((_, Value::String(id))) => excerpt(id, 200),
        Some((_, Value::Number(id))) => id.to_string(),
        _ => format!("line-{line}"),
    };
    let contributor = record.contributor().unwrap_or_else(|| options.contributor.clone());
    let mut lines = Vec::new();
    if let Some(system) = record.system(&mut parsed) {
        lines.push(record.line(Role::System, system));
    }
    let mut known = Cow::Borrowed(options);
    let is_listed = is_listed(map);
    let names = owner::of_record(map, !is_listed && filled(map, &PROMPTS).is_some());
    let another = owner::another(&names, options);
    if let Some(name) = names.first().filter(|_| options.character.is_none()) {
        known.to_mut().character = Some((*name).to_owned());
        parsed.heard(name, &place);
    }
    if let Some((_, messages)) = list(map).filter(|(_, messages)| !messages.is_empty()) {
        let branch = branch::last(map, messages);
        if let Some(others) = branch.as_ref().map(|(_, others)| *others).filter(|others| *others > 0) {
            parsed.note(Action::Dropped, place.clone(), format!("{others} messages of other branches"));
        }
        let messages = branch.as_ref().map_or(messages.as_slice(), |(branch, _)| branch);
        let ordered = order::newest_first(messages);
        if ordered.is_some() {
            parsed.note(Action::Repaired, place.clone(), order::REASON);
        }
        let messages = ordered.as_deref().unwrap_or(messages);
        if known.character.is_none()
            && let Some(character) = only_bot(messages)
        {
            known.to_mut().character = Some(character);
        }
        let listed = terms::listed(map, messages.len(), ordered.is_some());
        if terms::is_listed(map) && listed.is_none() {
            parsed.note(Action::Repaired, place.clone(), "weights: not one for each message, and not heeded");
        }
        for (i, value) in messages.iter().enumerate() {
            let place = format!("line {line}, message {}", i + 1);
            let before = lines.len();
            if let Some(message) = plain(value, &known, &place) {
                lines.push(message);
            } else if let Some(turn) = value.as_object().filter(|turn| is_pair(turn)) {
                let record = Record { map: turn, place: &place };
                record.system(&mut parsed).into_iter().for_each(|text| lines.push(record.line(Role::System, text)));
                pair(&record, &known, &mut lines, &mut parsed)
                    .unwrap_or_else(|reason| parsed.note(Action::Dropped, place.clone(), reason));
                if !may_be_learnt(turn) {
                    parsed.note(Action::Repaired, place, "the file says that it is not to be learnt: context");
                    lines[before..].iter_mut().for_each(|line| line.learnt = false);
                }
            } else {
                match message(value, &known, &place, &mut parsed) {
                    Ok(message) => lines.push(message),
                    Err(reason) => parsed.note(Action::Dropped, place, reason),
                }
            }
            if let Some(false) = listed.as_ref().map(|listed| listed[i]) {
                lines[before..].iter_mut().for_each(|line| line.learnt = false);
            }
            let other = another.filter(|_| !owner::is_own(value, options));
            other.into_iter().for_each(|name| set_apart(&mut lines[before..], name));
        }
    } else if chatgpt::looks_like(map) {
        lines.extend(chatgpt::lines(map, line, &mut parsed));
    } else if let Some(turns) = markup::of_record(map).filter(|_| filled(map, &PROMPTS).is_none()) {
        lines.extend(turns.into_iter().map(|(role, text)| record.turn(role, text)));
    } else if let Err(reason) = pair(&record, &known, &mut lines, &mut parsed) {
        parsed.note(Action::Dropped, place, reason);
        return parsed;
    }
    if let Some(name) = another.filter(|_| !is_listed) {
        set_apart(&mut lines, name);
    }
    if !may_be_learnt(map) || is_rejected(map) {
        lines.iter_mut().for_each(|line| line.learnt = false);
    }
    let said = speaker::messages(lines, &known, &mut parsed);
    parsed.finish(id, &contributor, line, said)
}

/// Gives replies to somebody else than the character.
fn set_apart(lines: &mut [Line], name: &str) {
    let replies = lines.iter_mut().filter(|line| line.who == Who::Role(Role::Assistant));
    replies.for_each(|line| line.who = Who::Named(name.to_owned()));
}

/// Tells whether an element of a list of messages is a prompt with its response.
fn is_pair(turn: &Map<String, Value>) -> bool {
    let has = |names: &[&'static str]| names.iter().any(|name| turn.get(*name).is_some_and(Value::is_string));
    has(&PROMPTS) && has(&RESPONSES) && !TEXTS.iter().any(|name| turn.contains_key(*name))
}

/// The first name in a list of messages beside a flag that says it is not the user.
fn only_bot(messages: &[Value]) -> Option<String> {
    let messages = messages.iter().filter_map(Value::as_object).filter(|message| !is_bare(message));
    let bots = messages.filter(|message| is_users(message) == Some(false));
    bots.filter_map(name_of).find(|name| Role::from_name(name).is_none()).map(str::to_owned)
}

/// A prompt and its response, with what was said before.
fn pair(record: &Record<'_>, known: &Options, lines: &mut Vec<Line>, parsed: &mut Parsed) -> Result<(), String> {
    let prompt = record.text(&PROMPTS, parsed);
    let response = record.text(&RESPONSES, parsed);
    let fields: Vec<&str> = record.map.keys().take(8).map(String::as_str).collect();
    let ((asked, prompt), (_, response)) = match (prompt, response) {
        (Some(prompt), Some(response)) => (prompt, response),
        (Some(_), None) => return Err(format!("no response is filled in the fields {fields:?}")),
        (None, Some(_)) => return Err(format!("no prompt is filled in the fields {fields:?}")),
        (None, None) => return Err(format!("no conversation in the fields {fields:?}")),
    };
    for (i, turn) in record.map.get("history").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let place = format!("{}, history {}", record.place, i + 1);
        if turn.is_object() {
            match message(turn, known, &place, parsed) {
                Ok(message) => lines.push(message),
                Err(reason) => parsed.note(Action::Dropped, place, reason),
            }
            continue;
        }
        match (turn.get(0).and_then(text_of), turn.get(1).and_then(text_of)) {
            (Some(user), Some(reply)) => {
                lines.push(record.line(Role::User, user.into_owned()));
                lines.push(record.line(Role::Assistant, reply.into_owned()));
            }
            _ => parsed.note(Action::Dropped, place, "expected two texts"),
        }
    }
    let names = if asked == "instruction" { &INPUTS[..] } else { &INPUTS[1..] };
    let about = names.iter().filter_map(|name| record.about(name, parsed));
    let prompt = about.fold(prompt, |prompt, input| format!("{prompt}\n\n{input}"));
    let besides = PROMPTS[..5].iter().filter(|name| **name != asked && !names.contains(*name));
    for name in besides.filter(|name| record.map.get(**name).is_some_and(is_filled)) {
        parsed.note(Action::Dropped, record.place, format!("{name}: not taken, for {asked} is the prompt"));
    }
    match markup::of_prompt(&prompt) {
        Some(turns) => lines.extend(turns.into_iter().map(|(role, text)| record.turn(role, text))),
        None => lines.push(record.line(Role::User, prompt)),
    }
    lines.push(record.line(Role::Assistant, response));
    Ok(())
}

/// A bare list of messages, as an object.
fn of_list(list: Value) -> Map<String, Value> {
    Map::from_iter([("messages".to_owned(), list)])
}

/// A JSON object, mended where its meaning is clear.
pub(super) fn object(bytes: &[u8], place: &str, parsed: &mut Parsed) -> Result<Map<String, Value>, String> {
    let (text, note) = crate::text::decode_part(bytes);
    if let Some(reason) = note {
        parsed.note(Action::Repaired, place, reason);
    }
    let text = text.trim_matches(['\0', '\u{feff}']).trim_end();
    // As of a list whose brackets were cut off.
    let bare = text.strip_suffix(',').filter(|bare| bare.ends_with(['}', ']']));
    if bare.is_some() {
        parsed.note(Action::Repaired, place, "a comma after the record, left out");
    }
    match json::parse(bare.unwrap_or(text)) {
        Ok((value, mended)) => {
            mended.into_iter().for_each(|reason| parsed.note(Action::Repaired, place, reason));
            match value {
                Value::Object(map) => {
                    let (map, note) = wrapped::unwrapped(map);
                    note.into_iter().for_each(|reason| parsed.note(Action::Repaired, place, reason));
                    Ok(map)
                }
                list @ Value::Array(_) => Ok(of_list(list)),
                _ => Err("expected a JSON object".into()),
            }
        }
        Err(error) => Err(format!("not JSON, column {}: {}", error.column(), json::reason(&error))),
    }
}
