//! Eliza's placeholders, and their counterparts in a card.
//!
//! `{{user1}}`, `{{name1}}` and their like are the people of the examples, who get random names there; `{{name}}` and
//! `{{agentName}}` are the character. Eliza's templates fill others with parts of a prompt of its own: in a character's
//! texts they have no value. Sources: `messageExamples`, `composeContext` and the templates of versions 0 and 1.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::{Action, Report};

/// Longest placeholder, with its braces.
const MAX_NAME_BYTES: usize = 48;

/// The person that a placeholder means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    User,
    Character,
}

/// The names that Eliza's templates fill in, in lower case and in order.
const TEMPLATE: [&str; 31] = [
    "actionexamples",
    "actionnames",
    "actions",
    "actors",
    "adjective",
    "attachments",
    "bio",
    "characterpostexamples",
    "charactermessageexamples",
    "currentpost",
    "evaluators",
    "formattedconversation",
    "goals",
    "knowledge",
    "lore",
    "messagedirections",
    "postdirections",
    "providers",
    "recentinteractions",
    "recentmessages",
    "recentmessageinteractions",
    "recentpostinteractions",
    "recentposts",
    "roomid",
    "style",
    "system",
    "timeline",
    "topic",
    "topics",
    "twitterusername",
    "userid",
];

/// Finds the person that a text means, if it is a name in braces and nothing else.
pub(super) fn who(text: &str) -> Option<Who> {
    by_name(text.trim().strip_prefix("{{")?.strip_suffix("}}")?)
}

/// Tells whether a text is a placeholder and nothing else, of any maker.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    text.starts_with('{') && text.ends_with('}') && text.len() > 1
}

fn by_name(name: &str) -> Option<Who> {
    let name = name.trim().to_ascii_lowercase();
    match name.as_str() {
        "char" | "name" | "agent" | "agentname" | "agent_name" | "charactername" | "character" | "bot" => {
            Some(Who::Character)
        }
        "user" | "username" | "sendername" => Some(Who::User),
        _ => {
            let number = name.strip_prefix("user").or_else(|| name.strip_prefix("name"))?;
            number.bytes().all(|b| b.is_ascii_digit()).then_some(Who::User)
        }
    }
}

/// Puts placeholders into those of cards, and remembers which became nothing.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    emptied: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Placeholders {
    /// A text with a card's placeholders; `field` is its place.
    pub(super) fn replace(&mut self, text: &str, field: &'static str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let head = &from[2..from.floor_char_boundary(MAX_NAME_BYTES)];
            let name = head.split_once("}}").map(|(name, _)| name);
            match name.map(|name| (name, by_name(name), name.trim().to_ascii_lowercase())) {
                Some((name, Some(who), _)) => {
                    out.push_str(if who == Who::User { "{{user}}" } else { "{{char}}" });
                    rest = &from[name.len() + 4..];
                }
                Some((name, None, lower)) if TEMPLATE.contains(&lower.as_str()) => {
                    self.emptied.entry(field).or_default().insert(name.trim().to_owned());
                    rest = &from[name.len() + 4..];
                }
                _ => {
                    out.push('{');
                    rest = &from[1..];
                }
            }
        }
        out.push_str(rest);
        out
    }

    /// Notes the placeholders that became nothing, once for each field.
    pub(super) fn note(self, report: &mut Report) {
        for (field, names) in self.emptied {
            let names: Vec<String> = names.iter().map(|name| format!("{{{{{name}}}}}")).collect();
            let reason = format!("not heeded: {} mean nothing here and become empty", names.join(", "));
            report.note(Action::Repaired, field, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_those_of_cards() {
        let mut placeholders = Placeholders::default();
        let text = "{{name}} greets {{ Name2 }} and {{user}}; {{recentMessages}}{{{agentName}}} {{}} {{what}} {{";
        let expected = "{{char}} greets {{user}} and {{user}}; {{{char}}} {{}} {{what}} {{";
        assert_eq!(placeholders.replace(text, "system"), expected);
        let mut report = Report::default();
        placeholders.note(&mut report);
        assert_eq!(report.notes.len(), 1);
        assert_eq!(report.notes[0].place, "system");
    }

    #[test]
    fn a_speaker_is_told_from_a_name() {
        assert_eq!(who("{{name1}}"), Some(Who::User));
        assert_eq!(who(" {{agentName}} "), Some(Who::Character));
        assert_eq!(who("name1"), None);
        assert!(is_placeholder("{{whoever}}") && is_placeholder("{user}") && !is_placeholder("{"));
    }
}
