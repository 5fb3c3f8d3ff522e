//! The speakers: the character's words are learnt, everybody else's are context.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

use super::format::Options;
use super::parsed::Parsed;
use super::{Message, Role, harmony, markup, prefixed, thoughts};
use crate::character::macros;
use crate::report::{Action, excerpt};

/// Somebody in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Role(Role),
    /// A program that was called, not a person.
    Tool,
    /// A named speaker whose role the file does not tell.
    Named(String),
}

/// A speaker's words, and their place.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub place: String,
    pub who: Who,
    pub text: String,
    /// True if the file lets it be learnt, if the character says it.
    pub learnt: bool,
}

/// A message, its place, and whether it is learnt if the character says it.
#[derive(Debug)]
pub(super) struct Said {
    pub place: String,
    pub message: Message,
    pub learnt: bool,
}

/// The messages of a conversation, and the reason why the character never speaks, if so.
#[derive(Debug)]
pub(super) struct Talk {
    pub said: Vec<Said>,
    pub nobody: Option<String>,
}

/// Finds the speaker of a name: the character and the user of the options first, then the names of roles.
pub(super) fn who(name: &str, options: &Options) -> Who {
    let name = name.trim();
    let is = |other: &Option<String>| other.as_deref().is_some_and(|other| same(other, name));
    if is(&options.character) {
        return Who::Role(Role::Assistant);
    }
    if is(&options.user) {
        return Who::Role(Role::User);
    }
    // If the character has a name, these are names of people.
    let is_persons =
        options.character.is_some() && ["claude", "bard", "bing", "ai"].iter().any(|other| same(other, name));
    match Role::from_name(name).filter(|_| !is_persons) {
        Some(role) => Who::Role(role),
        None if is_tool(name) => Who::Tool,
        None => Who::Named(name.to_owned()),
    }
}

/// True if two names are the same, without regard to case, to how accents are encoded, to `_` for a space, and to the `~` that
/// WhatsApp sets before names that are in no address book.
pub(super) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    one.eq_ignore_ascii_case(other) || folded(one) == folded(other)
}

pub(super) fn folded(name: &str) -> String {
    let bare = name.trim_start_matches(['~', ' ', '\u{a0}', '\u{202f}']);
    let name: String = bare.nfc().map(|c| if c == '_' { ' ' } else { c }).collect();
    name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_tool(name: &str) -> bool {
    const TOOLS: [&str; 9] = [
        "tool",
        "tools",
        "function",
        "observation",
        "ipython",
        "function_call",
        "function_response",
        "tool_call",
        "tool_response",
    ];
    let name = name.to_ascii_lowercase().replace('-', "_");
    TOOLS.contains(&name.as_str())
}

/// True if a text may hold macros, a template's marks, thoughts or marks of sources: by the first bytes of all of these.
fn may_be_marked(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'{' | b'<' | b'[' | b'#' | b'`' | 0xe2 | 0xe3 | 0xee))
        || text.contains("\n\nHuman:")
}

/// Most names that a note lists.
const MAX_NAMES: usize = 8;

/// A user whom nobody names.
const USER: &str = "User";

/// The messages of a conversation. Other people than character and user speak in the user's place, by name; where it is not
/// known who the character is, such lines are dropped.
pub(super) fn messages(lines: Vec<Line>, options: &Options, parsed: &mut Parsed) -> Talk {
    let mut said = Vec::with_capacity(lines.len());
    let mut told = BTreeSet::new();
    let (mut stays, mut left) = (false, BTreeSet::new());
    for Line { place, who, mut text, learnt } in prefixed::split(lines, options, parsed) {
        // Most texts hold nothing of what follows, and are looked at once.
        if let Who::Role(role) = who
            && !may_be_marked(&text)
        {
            said.push(Said { place, message: Message::new(role, text), learnt });
            continue;
        }
        if who == Who::Role(Role::Assistant)
            && let Some(said) = harmony::said(&text)
        {
            parsed.note(
                Action::Dropped,
                place.clone(),
                "marks of a chat template, and thoughts in other channels, left out",
            );
            text = said;
        }
        let filled = macros::said(&text, options.character.as_deref(), options.user.as_deref().unwrap_or(USER));
        if filled.lacks_name && !std::mem::replace(&mut stays, true) {
            let reason = "{{char}} stays in the text; say who the character is";
            parsed.note(Action::Repaired, place.clone(), reason);
        }
        let left: Vec<String> = filled.left.into_iter().filter(|name| left.insert(name.clone())).collect();
        if !left.is_empty() {
            let reason = format!("{} stay in the text: what they stand for is not known here", left.join(", "));
            parsed.note(Action::Repaired, place.clone(), reason);
        }
        let (words, marks) = markup::said(&filled.text);
        if let Some(marks) = marks {
            parsed.note(Action::Dropped, place.clone(), format!("{marks} left out"));
        }
        let text = words.to_owned();
        let message = match who {
            Who::Role(Role::Assistant) => {
                let (said, left_out) = thoughts::said(&text);
                for what in left_out {
                    parsed.note(Action::Dropped, place.clone(), format!("{what} among the words"));
                }
                let (said, run_on) = markup::without_run_on(&said);
                if let Some(what) = run_on {
                    parsed.note(Action::Dropped, place.clone(), format!("{what} left out"));
                }
                Message::new(Role::Assistant, said)
            }
            Who::Role(role) => Message::new(role, text),
            Who::Tool => {
                parsed.note(Action::Dropped, place, "a tool's message");
                continue;
            }
            Who::Named(name) if options.character.is_none() => {
                let name = excerpt(&name, 40);
                parsed.note(Action::Dropped, place, format!("unknown role {name:?}; say who the character is"));
                continue;
            }
            Who::Named(_) if text.trim().is_empty() => Message::new(Role::User, text),
            Who::Named(name) => {
                let name = excerpt(&name, 80);
                if told.insert(name.clone()) {
                    parsed.note(Action::Repaired, place.clone(), format!("{name:?} is not the character: context"));
                }
                Message::new(Role::User, format!("{name}: {text}"))
            }
        };
        said.push(Said { place, message, learnt });
    }
    let speaks = said.iter().any(|said| said.message.role == Role::Assistant);
    let character = options.character.as_deref().filter(|_| !speaks && !told.is_empty());
    let nobody = character.map(|character| {
        let names: Vec<String> = told.iter().take(MAX_NAMES).map(|name| format!("{name:?}")).collect();
        let more = told.len().saturating_sub(MAX_NAMES);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("nobody is called {:?}; names: {}{more}", excerpt(character, 80), names.join(", "))
    });
    Talk { said, nobody }
}
