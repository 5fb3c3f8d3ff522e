//! The owner of replies: the names that records, rows and messages have for their character.

use serde_json::{Map, Value};

use super::format::Options;
use super::shape::{RESPONSES, text_of};
use super::speaker::{Who, same, who};
use crate::text::json::is_filled;

/// Fields in which a record or a message names its character.
pub(super) const CHARACTERS: [&str; 6] = ["bot_name", "character_name", "char_name", "role_name", "character", "char"];
/// Fields that name the character of a prompt and its response; in a message they are the role's.
pub(super) const OF_PAIRS: [&str; 2] = ["role", "speaker"];
/// Fields of a message that have a name beside its role.
pub(super) const BESIDE: [&str; 2] = ["name", "speaker"];
/// Fields that may hold an author with a role and names.
const AUTHORS: [&str; 3] = ["author", "sender", "user"];
/// Names of an author; any of them is theirs.
pub(super) const ALIASES: [&str; 5] = ["nickname", "name", "username", "global_name", "display_name"];
/// Longest name: longer texts describe a character.
const MAX_NAME_CHARS: usize = 80;

/// All names of somebody: a text, or an author as chat programs export them.
pub(super) fn names_of(value: &Value) -> Vec<&str> {
    let names: Vec<&str> = match value {
        Value::Object(author) => ALIASES.iter().filter_map(|field| author.get(*field)?.as_str()).collect(),
        name => name.as_str().into_iter().collect(),
    };
    names.into_iter().map(str::trim).filter(|name| !name.is_empty()).collect()
}

/// True if a text may be somebody's name, and neither a role's, a tool's nor a description.
pub(super) fn is_personal(name: &str) -> bool {
    name.chars().take(MAX_NAME_CHARS + 1).count() <= MAX_NAME_CHARS
        && !name.contains('\n')
        && matches!(who(name, &Options::default()), Who::Named(_))
}

/// The names of a record's character. The field that holds the response of a pair is none of them.
pub(super) fn of_record(map: &Map<String, Value>, is_pair: bool) -> Vec<&str> {
    let holds = |name: &&&str| map.get(**name).is_some_and(|value| is_filled(value) && text_of(value).is_some());
    let taken = RESPONSES.iter().find(holds).filter(|_| is_pair);
    let besides = if is_pair { &OF_PAIRS[..] } else { &[] };
    let fields = CHARACTERS.iter().filter(|field| Some(*field) != taken).chain(besides);
    let mut names = fields.filter_map(|field| map.get(*field)).map(personal);
    names.find(|names| !names.is_empty()).unwrap_or_default()
}

/// The names beside a message's role.
pub(super) fn beside(map: &Map<String, Value>) -> Vec<&str> {
    let authors = AUTHORS.iter().filter_map(|field| map.get(*field)).filter(|author| author.is_object());
    BESIDE.iter().chain(&CHARACTERS).filter_map(|field| map.get(*field)).chain(authors).flat_map(personal).collect()
}

fn personal(value: &Value) -> Vec<&str> {
    names_of(value).into_iter().filter(|name| is_personal(name)).collect()
}

/// Returns the first of these names, unless one of them is the character of the options.
pub(super) fn another<'n>(names: &[&'n str], options: &Options) -> Option<&'n str> {
    let character = options.character.as_deref()?;
    names.first().copied().filter(|_| !names.iter().any(|name| same(name, character)))
}

/// True if a message itself names the character of the options.
pub(super) fn is_own(message: &Value, options: &Options) -> bool {
    let Some((map, character)) = message.as_object().zip(options.character.as_deref()) else { return false };
    let fields = super::message::SPEAKERS.iter().chain(&CHARACTERS).filter_map(|field| map.get(*field));
    fields.flat_map(names_of).any(|name| same(name, character))
}
