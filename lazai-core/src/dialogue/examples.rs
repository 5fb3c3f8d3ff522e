//! Text in `<START>` blocks: lines `{{user}}: …` and `{{char}}: …`, or with names.

use std::collections::BTreeSet;

use super::format::Options;
use super::parsed::Parsed;
use super::speaker::{self, Line, Who, who};
use super::{Role, names};
use crate::report::{Action, Note};

/// Tells whether a text has blocks, or begins with a speaker.
pub(super) fn looks_like(head: &str, options: &Options) -> bool {
    let marked = head.lines().any(starts_block);
    let first = head.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let known = |line: &str| speaker(line, options).is_some();
    marked || known(first) || (is_play(head) && head.lines().any(known))
}

fn starts_block(line: &str) -> bool {
    line.trim_start().get(..7).is_some_and(|start| start.eq_ignore_ascii_case("<START>"))
}

/// Two speakers of whom nothing is known but that one of them spoke first, as users do in examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Two {
    user: String,
    character: String,
}

/// The speakers of all blocks, as the beginning of a file shows them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cast {
    two: Option<Two>,
    /// Names that open lines more than once.
    names: BTreeSet<String>,
}

impl Cast {
    pub(super) fn of(head: &str, options: &Options) -> Self {
        Self { two: two(head, options), names: names::repeated(head) }
    }
}

/// The two who speak in the first block that has two speakers, where nobody known speaks anywhere.
fn two(head: &str, options: &Options) -> Option<Two> {
    if head.lines().any(|line| speaker(line, options).is_some()) {
        return None;
    }
    let lines: Vec<&str> = head.lines().collect();
    lines.split(|line| starts_block(line)).find_map(of_block)
}

/// The name that a line begins with.
fn plain_name(line: &str) -> Option<&str> {
    names::begun(line).map(|begun| begun.name)
}

/// Tells whether the lines of a text begin with names, some of them again and again, as in a play.
pub(super) fn names_speakers(head: &str) -> bool {
    let names: Vec<&str> = head.lines().filter_map(plain_name).collect();
    names.len() > 2 && names.len() * 2 > head.lines().count() && names.iter().skip(1).any(|name| *name == names[0])
}

/// Tells whether most lines of a text begin with a name.
fn is_play(head: &str) -> bool {
    let lines = || head.lines().filter(|line| !line.trim().is_empty());
    let named = lines().filter_map(plain_name).count();
    named > 1 && named * 2 > lines().count()
}

fn of_block(lines: &[&str]) -> Option<Two> {
    let name = |line: &&str| plain_name(line).map(str::to_owned);
    let mut lines = lines.iter().filter(|line| !line.trim().is_empty());
    let user = name(lines.next()?)?;
    let mut others = lines.filter_map(name).filter(|name| *name != user);
    let character = others.next()?;
    others.all(|name| name == character).then_some(Two { user, character })
}

/// A block's messages: a line without a speaker goes on with the message before.
pub(super) fn parse(cast: &Cast, text: &str, notes: Vec<Note>, line: u64, options: &Options) -> Parsed {
    let mut parsed = Parsed::noted(notes);
    let Some(Two { user, character }) = &cast.two else { return parse_known(cast, text, line, options, parsed) };
    let reason = format!("speakers {user:?} and {character:?}, taken as user and character");
    parsed.note(Action::Repaired, format!("line {line}"), reason);
    let options = Options { user: Some(user.clone()), character: Some(character.clone()), ..options.clone() };
    parse_known(cast, text, line, &options, parsed)
}

fn parse_known(cast: &Cast, text: &str, line: u64, options: &Options, mut parsed: Parsed) -> Parsed {
    let mut said: Vec<Line> = Vec::new();
    let others = Others::of(cast, text, options);
    let mut doubts = BTreeSet::new();
    for (i, content) in text.lines().enumerate() {
        let place = format!("line {}", line + i as u64);
        if let Some((role, words)) = speaker(content, options) {
            said.push(Line { place, who: Who::Role(role), text: words.trim().to_owned(), learnt: true });
            continue;
        }
        if let Some((name, words)) = placeholder(content) {
            said.push(Line { place, who: Who::Named(name.to_owned()), text: words.trim().to_owned(), learnt: true });
            continue;
        }
        match (names::begun(content), said.last_mut()) {
            (Some(begun), _) if others.speaks(&begun) => {
                let who = Who::Named(begun.name.to_owned());
                said.push(Line { place, who, text: begun.words.trim().to_owned(), learnt: true });
            }
            (begun, Some(last)) => {
                last.text.push('\n');
                last.text.push_str(content);
                let doubt = begun.filter(|begun| begun.name.split(' ').count() == 1 && options.character.is_some());
                if let Some(name) = doubt.map(|begun| begun.name).filter(|name| doubts.insert(names::key(name))) {
                    let reason = format!("{name:?} opens one line: taken as words, not as somebody who speaks");
                    parsed.note(Action::Repaired, place, reason);
                }
            }
            (_, None) if content.trim().is_empty() => {}
            (_, None) => parsed.note(Action::Dropped, place, "line has no speaker"),
        }
    }
    for line in &mut said {
        line.text.truncate(line.text.trim_end().len());
    }
    let said = speaker::messages(said, options, &mut parsed);
    parsed.finish(format!("line-{line}"), &options.contributor, line, said)
}

/// The other speakers of a block, whom neither options nor placeholders name.
struct Others<'c> {
    cast: &'c Cast,
    /// Names that open lines of this block more than once.
    names: BTreeSet<String>,
    /// True if a name that stands once counts: where the character has one, or where all others are placeholders.
    once: bool,
}

impl<'c> Others<'c> {
    fn of(cast: &'c Cast, text: &str, options: &Options) -> Self {
        let is_placeholder = |line: &str| ["{{char}}", "{{user}}"].iter().any(|name| starts_with(line, name));
        let once = options.character.is_some() || text.lines().any(is_placeholder);
        Self { cast, names: names::repeated(text), once }
    }

    fn speaks(&self, begun: &names::Begun<'_>) -> bool {
        let key = names::key(begun.name);
        (self.once && begun.is_clear()) || self.names.contains(&key) || self.cast.names.contains(&key)
    }
}

fn starts_with(line: &str, name: &str) -> bool {
    line.trim_start().get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

/// The speaker of a line, and the words.
fn speaker<'a>(line: &'a str, options: &Options) -> Option<(Role, &'a str)> {
    let (written, words) = names::split(names::without_time(line))?;
    let role = |name: &str| match name.trim().to_ascii_lowercase().as_str() {
        "{{user}}" | "<user>" => Some(Role::User),
        "{{char}}" | "<bot>" | "<char>" => Some(Role::Assistant),
        "user" | "you" | "human" => Some(Role::User),
        "char" | "bot" | "assistant" => Some(Role::Assistant),
        _ => role_by_name(name, options),
    };
    if let Some(role) = role(written).or_else(|| role(names::without_direction(written))) {
        return Some((role, words));
    }
    // The name with emphasis.
    let begun = names::begun(line)?;
    let role = role_by_name(begun.written, options).or_else(|| role_by_name(begun.name, options))?;
    Some((role, begun.words))
}

/// The placeholder of somebody else that a line begins with, and the words: `{{narrator}}: …`.
fn placeholder(line: &str) -> Option<(&str, &str)> {
    let (written, words) = names::split(names::without_time(line))?;
    let name = names::without_direction(written).trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_- ".contains(c));
    is_name.then_some((name, words))
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
