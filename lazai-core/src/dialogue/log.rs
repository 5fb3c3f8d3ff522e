//! Chat logs: one dialogue, a message per line.

use serde_json::{Map, Value};

use super::Role;
use super::conversations::conversation;
use super::format::Options;
use super::message::message;
use super::order::{self, Order};
use super::parsed::Parsed;
use super::shape::object;
use super::speaker::{self, Line, Who, same};
use super::terms::{self, hidden, may_be_learnt};
use crate::report::{Action, excerpt};
use crate::text::json::{is_filled, kind};

/// SillyTavern's placeholders for a name, if there is no one name.
const PLACEHOLDERS: [&str; 4] = ["unused", "undefined", "null", "none"];

/// Reads SillyTavern's logs, and lists of bare messages.
pub(super) fn parse(lines: Vec<(u64, Vec<u8>)>, options: &Options) -> Parsed {
    let mut parsed = Parsed::default();
    let first = lines.first().map_or(1, |(line, _)| *line);
    let mut id = None;
    let mut header_name = None;
    let mut read = Vec::with_capacity(lines.len());
    for (line, bytes) in lines {
        let place = format!("line {line}");
        match object(&bytes, &place, &mut parsed) {
            Ok(map) if is_header(&map) => {
                id = map.get("create_date").and_then(Value::as_str).map(str::to_owned).or(id);
                header_name = named(&map, "character_name").map(str::to_owned).or(header_name);
            }
            read_or_not => read.push((place, read_or_not)),
        }
    }
    let good = read.iter().filter_map(|(_, line)| line.as_ref().ok());
    id = id.or_else(|| good.clone().find_map(conversation));
    let character = character_of(good.clone(), header_name.as_deref(), options);
    if let Some(taken) = character.as_deref().filter(|_| options.character.is_none())
        && good.filter(|map| is_somebody(map)).filter_map(|map| named(map, "name")).any(|name| !same(name, taken))
    {
        let reason = format!("of several who speak, {:?} is taken for the character", excerpt(taken, 80));
        parsed.note(Action::Repaired, format!("line {first}"), reason);
    }
    if let Some(name) = character.as_deref().filter(|_| options.character.is_none()) {
        parsed.heard(name, &format!("line {first}"));
    }
    let orders: Vec<Option<Order>> =
        read.iter().map(|(_, map)| map.as_ref().ok().and_then(Order::of_message)).collect();
    let mut read: Vec<_> = read.into_iter().zip(orders).collect();
    if order::put(&mut read, |(_, order)| order.as_ref()) {
        parsed.note(Action::Repaired, format!("line {first}"), order::REASON);
    }
    let mut said = Vec::with_capacity(read.len());
    for ((place, map), _) in read {
        let line = map.and_then(|map| match map.contains_key("mes") {
            true => spoken(&map, character.as_deref(), options, &place, &mut parsed),
            false => message(&Value::Object(map), options, &place, &mut parsed),
        });
        match line {
            Ok(line) => said.push(line),
            Err(reason) => parsed.note(Action::Dropped, place, reason),
        }
    }
    let known = Options { character: character.or_else(|| options.character.clone()), ..options.clone() };
    let said = speaker::messages(said, &known, &mut parsed);
    parsed.finish(id.unwrap_or_else(|| format!("line-{first}")), &options.contributor, first, said)
}

/// Tells whether an object is SillyTavern's header of a chat.
pub(super) fn is_header(map: &Map<String, Value>) -> bool {
    !map.contains_key("mes")
        && ["user_name", "character_name", "chat_metadata"].iter().any(|field| map.contains_key(*field))
}

/// The name in a field, unless it is a placeholder.
fn named<'m>(map: &'m Map<String, Value>, field: &str) -> Option<&'m str> {
    let name = map.get(field)?.as_str()?.trim();
    (!name.is_empty() && !PLACEHOLDERS.contains(&name.to_ascii_lowercase().as_str())).then_some(name)
}

/// The character's name: the caller's; else the header's, if that one speaks; else that of the first speaker who is neither
/// the user nor a narrator.
fn character_of<'a>(
    lines: impl Iterator<Item = &'a Map<String, Value>> + Clone,
    header: Option<&str>,
    options: &Options,
) -> Option<String> {
    if options.character.is_some() {
        return options.character.clone();
    }
    let mut speakers = lines.filter(|map| is_somebody(map)).filter_map(|map| named(map, "name"));
    match header {
        Some(header) if speakers.clone().any(|name| same(name, header)) => Some(header.to_owned()),
        header => speakers.next().or(header).map(str::to_owned),
    }
}

/// The names under which programs speak.
const PROGRAMS: [&str; 4] = ["sillytavern system", "system", "narrator", "note"];

/// Tells whether a line is of somebody who is neither the user nor the program.
fn is_somebody(map: &Map<String, Value>) -> bool {
    let is_program = || named(map, "name").is_some_and(|name| PROGRAMS.iter().any(|program| same(name, program)));
    !is_program() && !flag(map, "is_user") && !flag(map, "is_system") && !is_narrated(map)
}

fn flag(map: &Map<String, Value>, name: &str) -> bool {
    map.get(name).and_then(terms::flag) == Some(true)
}

/// Tells whether the `/sys` command wrote a line, which nobody says; `/comment` is for readers of the log alone.
fn is_narrated(map: &Map<String, Value>) -> bool {
    extra_type(map).is_some()
}

/// Tells whether a message is what SillyTavern writes for a picture that it drew: its prompt, in brackets.
fn is_picture(map: &Map<String, Value>, text: &str) -> bool {
    let has = |field: &&str| map.get("extra").and_then(|extra| extra.get(*field)).is_some_and(is_filled);
    let in_brackets = text.trim().strip_prefix('[').is_some_and(|text| text.ends_with(']'));
    has(&"generationType") || (in_brackets && ["image", "media", "inline_image"].iter().any(has))
}

fn extra_type(map: &Map<String, Value>) -> Option<&str> {
    map.get("extra")?.get("type")?.as_str().filter(|kind| !kind.is_empty())
}

/// The name of a log's character, as far as its beginning tells.
pub(super) fn character(map: &Map<String, Value>) -> Option<String> {
    let said = || named(map, "name").filter(|_| map.contains_key("mes") && is_somebody(map));
    named(map, "character_name").or_else(said).map(|name| excerpt(name, 200))
}

fn spoken(
    map: &Map<String, Value>,
    character: Option<&str>,
    options: &Options,
    place: &str,
    parsed: &mut Parsed,
) -> Result<Line, String> {
    if flag(map, "is_system") {
        return Err("hidden from the model (is_system)".into());
    }
    if let Some(reason) = hidden(map) {
        return Err(reason);
    }
    let text = match map.get("mes") {
        Some(Value::String(text)) => text.clone(),
        Some(number @ Value::Number(_)) => {
            parsed.note(Action::Repaired, place, "mes: a number, taken as text");
            number.to_string()
        }
        Some(other) if is_filled(other) => return Err(format!("field `mes`: expected a text, found {}", kind(other))),
        _ => return Err("field `mes`: expected a text".into()),
    };
    if is_picture(map, &text) {
        return Err("a picture's description, by the program that drew it".into());
    }
    let who = match (extra_type(map), named(map, "name")) {
        (Some("comment"), _) => return Err("a comment, hidden from the model".into()),
        (Some(_), _) => {
            parsed.note(Action::Repaired, place, "narration, taken as system text");
            Who::Role(Role::System)
        }
        (None, name) if flag(map, "is_user") => {
            name.into_iter().for_each(|name| parsed.is_user(name));
            Who::Role(Role::User)
        }
        (None, Some(name)) if character.is_some_and(|character| !same(character, name)) => {
            match options.user.as_deref() {
                Some(user) if same(user, name) => Who::Role(Role::User),
                _ => Who::Named(name.to_owned()),
            }
        }
        (None, _) => Who::Role(Role::Assistant),
    };
    Ok(Line { place: place.to_owned(), who, text, learnt: may_be_learnt(map) })
}
