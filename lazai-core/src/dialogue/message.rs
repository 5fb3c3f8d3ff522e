//! One message of a record: who says it, and what is beside its text.

use serde_json::{Map, Value};

use super::content::{attached, content_of};
use super::format::Options;
use super::parsed::Parsed;
use super::speaker::{Line, Who, same, who};
use super::terms::{flag, hidden, may_be_learnt, unknown_terms};
use super::{Role, owner, program};
use crate::report::Action;
use crate::text::json::{filled, is_filled, kind};

/// Names of a message's speaker and text.
pub(super) const SPEAKERS: [&str; 10] =
    ["role", "from", "user", "speaker", "author", "sender", "sender_name", "handle", "name", "character"];
pub(super) const TEXTS: [&str; 7] = ["content", "value", "text", "message", "msg", "mes", "parts"];
/// Flags by which a message says whether it is the user's.
const FLAGS: [&str; 4] = ["is_human", "is_user", "isCreatedByUser", "isUser"];
/// Fields of a message that are not part of a dataset.
const BESIDE: [&str; 9] =
    ["tool_calls", "function_call", "refusal", "reasoning_content", "reasoning", "audio", "files", "photo", "poll"];

/// Telegram's fields of a message that is passed on.
const FORWARDS: [&str; 3] = ["forwarded_from", "forwarded_from_id", "saved_from"];

/// A message of the commonest shape: a role, a text, and nothing else that had to be looked for.
pub(super) fn plain(value: &Value, options: &Options, place: &str) -> Option<Line> {
    let map = value.as_object().filter(|map| is_bare(map))?;
    let (name, text) = match map.get("role").zip(map.get("content")) {
        Some(fields) => fields,
        None => map.get("from").zip(map.get("value"))?,
    };
    let (name, text) = (name.as_str()?, text.as_str().filter(|text| !text.trim().is_empty())?);
    match who(name, options) {
        who @ Who::Role(_) => Some(Line { place: place.to_owned(), who, text: text.to_owned(), learnt: true }),
        _ => None,
    }
}

/// True if a message has no more fields than a speaker and a text need.
pub(super) fn is_bare(message: &Map<String, Value>) -> bool {
    message.len() <= 2
}

/// One message in the shapes of OpenAI, ShareGPT and chat logs with names.
pub(super) fn message(value: &Value, options: &Options, place: &str, parsed: &mut Parsed) -> Result<Line, String> {
    let Value::Object(map) = value else { return Err(format!("expected a message, found {}", kind(value))) };
    let own = of_the_program(map).map(|kind| format!("{kind:?}: a message of the chat program's"));
    if let Some(reason) = own.or_else(|| program::not_said(map)).or_else(|| hidden(map)) {
        return Err(reason);
    }
    let who = speaker_of(map, options)?;
    if who == Who::Role(Role::Assistant) && options.character.is_none() {
        owner::beside(map).first().into_iter().for_each(|name| parsed.heard(name, place));
    }
    if let (Who::Role(Role::User), Some(name)) = (&who, name_of(map).filter(|name| owner::is_personal(name))) {
        parsed.is_user(name);
    }
    for reason in unknown_terms(map) {
        parsed.note(Action::Repaired, place, reason);
    }
    // HuggingChat's thumb that points down.
    let is_bad = map.get("score").and_then(Value::as_f64) == Some(-1.0);
    let learnt = may_be_learnt(map) && !is_bad;
    if !learnt && who == Who::Role(Role::Assistant) {
        parsed.note(Action::Repaired, place, "the file says that it is not to be learnt: context");
    }
    for name in BESIDE.iter().filter(|name| map.get(**name).is_some_and(is_filled)) {
        parsed.note(Action::Dropped, place, format!("{name}: not part of a dialogue"));
    }
    let attached = attached(map, who == Who::Role(Role::Assistant), place, parsed);
    let text = match filled(map, &TEXTS) {
        Some((_, content)) => content_of(content, place, parsed)?,
        None if attached.is_empty() => return Err("a message without a text".into()),
        None => String::new(),
    };
    let text =
        attached.into_iter().fold(text, |text, attached| format!("{text}\n\n{attached}").trim_start().to_owned());
    Ok(Line { place: place.to_owned(), who, text, learnt })
}

/// The speaker of a message: by a role or a name, or by a flag.
fn speaker_of(map: &Map<String, Value>, options: &Options) -> Result<Who, String> {
    let name = name_of(map);
    let known = name.map(|name| by_alias(map, options).unwrap_or_else(|| who(name, options)));
    match (known, is_users(map), said_by(map, options)) {
        (Some(Who::Role(Role::Assistant)), _, Some(other)) => Ok(Who::Named(other.to_owned())),
        (Some(Who::Named(_)) | None, Some(true), _) => Ok(Who::Role(Role::User)),
        // Several characters may speak with one user.
        (Some(Who::Named(name)), Some(false), _) if options.character.is_some() => Ok(Who::Named(name)),
        (Some(Who::Named(_)) | None, Some(false), _) => Ok(Who::Role(Role::Assistant)),
        (Some(who), ..) => Ok(who),
        (None, None, _) => Err("a message without a role".into()),
    }
}

/// Finds the role of an author without one: one of the author's names is the character's or the user's.
fn by_alias(map: &Map<String, Value>, options: &Options) -> Option<Who> {
    let author = SPEAKERS.iter().filter_map(|field| map.get(*field)).find(|value| speaker_name(value).is_some())?;
    if !author.is_object() || author.get("role").is_some_and(is_filled) {
        return None;
    }
    let names = owner::names_of(author);
    let is = |known: &Option<String>| known.as_deref().is_some_and(|known| names.iter().any(|name| same(known, name)));
    let role = is(&options.character).then_some(Role::Assistant);
    role.or_else(|| is(&options.user).then_some(Role::User)).map(Who::Role)
}

/// The role or name in a message.
pub(super) fn name_of(map: &Map<String, Value>) -> Option<&str> {
    SPEAKERS.iter().find_map(|name| map.get(*name).and_then(speaker_name))
}

/// Tells whether a message's flag marks it as the user's; Agnai has the sender's id in one field or another.
pub(super) fn is_users(map: &Map<String, Value>) -> Option<bool> {
    let has = |name: &str| map.get(name).is_some_and(is_filled);
    let by_id = || if has("userId") { Some(true) } else { has("characterId").then_some(false) };
    FLAGS.iter().find_map(|name| flag(map.get(*name)?)).or_else(by_id)
}

/// The kind of a message that a chat program made by itself, such as a join or a pin; `None` for others.
fn of_the_program(map: &Map<String, Value>) -> Option<&str> {
    let is_chat = map.get("author").is_some_and(Value::is_object) || map.contains_key("date_unixtime");
    let kind = map.get("type").and_then(Value::as_str).filter(|_| is_chat)?;
    let said = ["default", "reply", "message", "text", "chatinputcommand", ""];
    (!said.contains(&kind.to_ascii_lowercase().as_str())).then_some(kind)
}

/// Finds the real speaker of words under the character's role: a name beside the role, the author of a forwarded message, or the
/// program that wrote it.
fn said_by<'m>(map: &'m Map<String, Value>, options: &Options) -> Option<&'m str> {
    let text = |name: &str| map.get(name).and_then(Value::as_str).map(str::trim).filter(|name| !name.is_empty());
    let is_own = |first: &str| options.character.as_deref().is_some_and(|character| same(first, character));
    if FORWARDS.iter().any(|field| map.contains_key(*field)) {
        let first = text("forwarded_from").unwrap_or("a deleted account");
        if !is_own(first) {
            return Some(first);
        }
    }
    if let Some(bot) = text("via_bot") {
        return Some(bot);
    }
    // Narration, whoever's role it stands under.
    let is_system = |name: &&str| options.character.is_some() && Role::from_name(name) == Some(Role::System);
    owner::BESIDE
        .iter()
        .find_map(|field| text(field).filter(is_system))
        .or_else(|| owner::another(&owner::beside(map), options))
}

/// A speaker's name: a text, or an author as chat programs export them.
pub(super) fn speaker_name(value: &Value) -> Option<&str> {
    let name = match value {
        Value::Object(author) => filled(author, &["role"]).or_else(|| filled(author, &owner::ALIASES))?.1,
        name => name,
    };
    name.as_str().filter(|name| !name.trim().is_empty())
}
