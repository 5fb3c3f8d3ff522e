//! Text in `<START>` blocks: lines `{{user}}: …` and `{{char}}: …`, or with names.

use super::Role;
use super::format::Options;
use super::read::Parsed;
use super::speaker::{self, Line, Who, who};
use crate::report::{Action, Note};

/// Tells whether a text has blocks, or begins with a speaker.
pub(super) fn looks_like(head: &str, options: &Options) -> bool {
    let marked = head.lines().any(starts_block);
    let first = head.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let known = |line: &str| speaker(line, options).is_some();
    marked || known(first) || (names_speakers(head) && head.lines().any(known))
}

fn starts_block(line: &str) -> bool {
    line.trim_start().get(..7).is_some_and(|start| start.eq_ignore_ascii_case("<START>"))
}

/// A block's messages: a line without a speaker continues the message before.
pub(super) fn parse(text: &str, notes: Vec<Note>, line: u64, options: &Options) -> Parsed {
    parse_known(text, line, options, Parsed { dialogue: None, notes })
}

/// Two speakers without known roles; the one who spoke first counts as the user, as in examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Two {
    user: String,
    character: String,
}

/// The two speakers of the first block that has two, if no known speaker speaks anywhere.
pub(super) fn two(head: &str, options: &Options) -> Option<Two> {
    if head.lines().any(|line| speaker(line, options).is_some()) {
        return None;
    }
    let lines: Vec<&str> = head.lines().collect();
    lines.split(|line| starts_block(line)).find_map(of_block)
}

/// The name that a line begins with, a colon and a space after it.
fn plain_name(line: &str) -> Option<&str> {
    let (name, words) = line.split_once(':')?;
    let plain =
        (1..=40).contains(&name.chars().count()) && name.chars().all(|c| c.is_alphanumeric() || " '-_.".contains(c));
    (plain && words.starts_with(' ')).then(|| name.trim())
}

/// Tells whether the lines of a text begin with names, some of them again and again, as in a play.
pub(super) fn names_speakers(head: &str) -> bool {
    let names: Vec<&str> = head.lines().filter_map(plain_name).collect();
    names.len() > 2 && names.len() * 2 > head.lines().count() && names.iter().skip(1).any(|name| *name == names[0])
}

fn of_block(lines: &[&str]) -> Option<Two> {
    let name = |line: &&str| plain_name(line).map(str::to_owned);
    let mut lines = lines.iter().filter(|line| !line.trim().is_empty());
    let user = name(lines.next()?)?;
    let mut others = lines.filter_map(name).filter(|name| *name != user);
    let character = others.next()?;
    others.all(|name| name == character).then_some(Two { user, character })
}

impl Two {
    /// As [`parse`], with both known in every block of the file.
    pub(super) fn parse(self, text: &str, notes: Vec<Note>, line: u64, options: &Options) -> Parsed {
        let mut parsed = Parsed { dialogue: None, notes };
        let Self { user, character } = self;
        let reason = format!("speakers {user:?} and {character:?}, taken as user and character");
        parsed.note(Action::Repaired, format!("line {line}"), reason);
        let options = Options { user: Some(user), character: Some(character), ..options.clone() };
        parse_known(text, line, &options, parsed)
    }
}

fn parse_known(text: &str, line: u64, options: &Options, mut parsed: Parsed) -> Parsed {
    let mut said: Vec<Line> = Vec::new();
    for (i, content) in text.lines().enumerate() {
        let place = format!("line {}", line + i as u64);
        let others = other_speaker(content).filter(|_| options.character.is_some());
        match (speaker(content, options), said.last_mut()) {
            (None, _) if others.is_some() => {
                let (name, words) = others.unwrap_or_default();
                let who = Who::Named(name.to_owned());
                said.push(Line { place, who, text: words.trim().to_owned(), learnt: true });
            }
            (Some((role, words)), _) => {
                said.push(Line { place, who: Who::Role(role), text: words.trim().to_owned(), learnt: true });
            }
            (None, Some(last)) => {
                last.text.push('\n');
                last.text.push_str(content);
            }
            (None, None) if content.trim().is_empty() => {}
            (None, None) => parsed.note(Action::Dropped, place, "nobody is named who says this"),
        }
    }
    for line in &mut said {
        line.text.truncate(line.text.trim_end().len());
    }
    let said = speaker::messages(said, options, &mut parsed);
    parsed.finish(format!("line-{line}"), &options.contributor, line, said)
}

/// The speaker that a line seems to begin with: up to three words that begin as names do, a colon and a space.
fn other_speaker(line: &str) -> Option<(&str, &str)> {
    let (name, words) = line.split_once(':')?;
    let mut parts = name.split(' ');
    let is_name = |part: &str| {
        part.starts_with(char::is_uppercase) && part.chars().all(|c| c.is_alphanumeric() || "'-_.".contains(c))
    };
    let plain = name.chars().count() <= 40 && parts.clone().count() <= 3 && parts.all(is_name);
    (plain && words.starts_with(' ') && !words.trim().is_empty()).then_some((name, words))
}

/// The speaker of a line, and the words.
fn speaker<'a>(line: &'a str, options: &Options) -> Option<(Role, &'a str)> {
    let (name, words) = line.split_once(':')?;
    let role = match name.trim().to_ascii_lowercase().as_str() {
        "{{user}}" | "<user>" => Some(Role::User),
        "{{char}}" | "<bot>" | "<char>" => Some(Role::Assistant),
        "user" | "you" | "human" => Some(Role::User),
        "char" | "bot" | "assistant" => Some(Role::Assistant),
        _ => None,
    };
    let named = || role_by_name(name, options);
    Some((role.or_else(named)?, words))
}

fn role_by_name(name: &str, options: &Options) -> Option<Role> {
    let known = options.character.is_some() || options.user.is_some();
    if !known || name.len() >= 200 || Role::from_name(name).is_some() {
        return None;
    }
    match who(name, options) {
        Who::Role(role) => Some(role),
        Who::Tool | Who::Named(_) => None,
    }
}
