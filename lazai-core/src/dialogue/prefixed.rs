//! Replies whose lines begin with names, where a model wrote on for others: `Nim: Yes.`, then `Tom: And I?`.

use std::collections::BTreeSet;

use super::format::Options;
use super::parsed::Parsed;
use super::speaker::{Line, Who, folded, same};
use super::{Role, names};
use crate::report::Action;

/// Most names of one conversation that are looked for.
const MAX_NAMES: usize = 256;

/// Names of users whom nobody names.
const USERS: [&str; 3] = ["{{user}}", "Human", "User"];

/// The way in which the lines of a reply are written.
#[derive(Default)]
struct Manner {
    /// True if the character's name begins the reply: then plain names that are clear are somebody's.
    is_prefixed: bool,
    /// The last line that the character's name begins: names before it are somebody's, also where emphasis or brackets stand around
    /// them as around the character's, or where they begin several lines. Behind it they may be headings.
    last: Option<usize>,
    is_marked: bool,
    /// Names that begin several lines.
    repeated: BTreeSet<String>,
}

/// The speaker whose name begins a line, and the words.
enum Begins<'t> {
    Character(&'t str),
    Other(&'t str, &'t str),
}

/// Those who speak in a conversation.
struct Known<'o> {
    character: &'o str,
    user: Option<&'o str>,
    /// As they are compared; the users' are names of the user.
    others: BTreeSet<String>,
    users: &'o BTreeSet<String>,
}

impl<'o> Known<'o> {
    fn of(lines: &[Line], character: &'o str, options: &'o Options, users: &'o BTreeSet<String>) -> Self {
        let name = |line: &Line| match &line.who {
            Who::Named(name) => Some(name.clone()),
            Who::Role(Role::User) => {
                let begun = names::begun(line.text.lines().next()?)?;
                begun.is_clear().then(|| begun.name.to_owned())
            }
            _ => None,
        };
        let names = lines.iter().filter_map(name).filter(|name| !same(name, character));
        let mut others = BTreeSet::new();
        for name in names.map(|name| folded(&name)) {
            if others.len() == MAX_NAMES {
                break;
            }
            others.insert(name);
        }
        Self { character, user: options.user.as_deref(), others, users }
    }

    /// Finds the speaker whose name begins a line of a reply.
    fn begins<'t>(&self, at: usize, line: &'t str, manner: &Manner) -> Option<Begins<'t>> {
        let (written, words) = names::split(line)?;
        let written = written.trim();
        let begun = names::begun(line);
        let bare = begun.map_or(written, |begun| begun.name);
        let words = begun.map_or(words, |begun| begun.words);
        let is = |other: &str| same(written, other) || same(bare, other);
        if is(self.character) || is("{{char}}") {
            return Some(Begins::Character(words));
        }
        let is_known = USERS.iter().any(|name| is(name))
            || self.user.is_some_and(is)
            || [&self.others, self.users].iter().any(|names| names.contains(&folded(bare)));
        let is_before = manner.last.is_some_and(|last| at < last);
        let looks_like_a_name = |begun: names::Begun<'_>| {
            let within_marks = || manner.is_marked && begun.is_clear_within_marks();
            let repeats = || manner.repeated.contains(&names::key(begun.name));
            (begun.is_clear() && (manner.is_prefixed || is_before)) || (is_before && (within_marks() || repeats()))
        };
        let is_somebody = is_known || begun.is_some_and(looks_like_a_name);
        is_somebody.then_some(Begins::Other(bare, words))
    }

    fn who(&self, name: &str) -> Who {
        let is_user = USERS.iter().any(|user| same(name, user))
            || self.user.is_some_and(|user| same(user, name))
            || self.users.contains(&folded(name));
        if is_user { Who::Role(Role::User) } else { Who::Named(name.to_owned()) }
    }

    /// Finds the way in which a reply is written.
    fn manner(&self, text: &str) -> Manner {
        let is_own = |(at, line): &(usize, &str)| {
            matches!(self.begins(*at, line, &Manner::default()), Some(Begins::Character(_)))
        };
        let own: Vec<(usize, &str)> = text.lines().enumerate().filter(is_own).collect();
        let Some((last, _)) = own.last() else { return Manner::default() };
        let is_marked = own.iter().filter_map(|(_, line)| names::begun(line)).any(|begun| begun.is_marked);
        Manner { is_prefixed: own[0].0 == 0, last: Some(*last), is_marked, repeated: names::repeated(text) }
    }

    /// The parts of a reply, if others speak in it or the character's name begins a line of it.
    fn parts(&self, line: &Line) -> Option<Vec<(Who, String)>> {
        let manner = self.manner(line.text.trim_start());
        let mut parts = vec![(Who::Role(Role::Assistant), String::new())];
        let mut is_split = false;
        for (i, text) in line.text.trim_start().lines().enumerate() {
            match self.begins(i, text, &manner) {
                Some(Begins::Character(words)) => {
                    is_split = true;
                    parts.push((Who::Role(Role::Assistant), words.trim_start().to_owned()));
                }
                Some(Begins::Other(name, words)) => {
                    is_split = true;
                    parts.push((self.who(name), words.trim_start().to_owned()));
                }
                _ => {
                    let (_, said) = parts.last_mut()?;
                    if i > 0 {
                        said.push('\n');
                    }
                    said.push_str(text);
                }
            }
        }
        parts.retain(|(_, said)| !said.trim().is_empty());
        is_split.then_some(parts)
    }
}

/// Splits such replies: the character's words stay a reply, those of others are context.
pub(super) fn split(lines: Vec<Line>, options: &Options, parsed: &mut Parsed) -> Vec<Line> {
    let Some(character) = options.character.as_deref() else { return lines };
    let users = std::mem::take(&mut parsed.users);
    let known = Known::of(&lines, character, options, &users);
    let mut split = Vec::with_capacity(lines.len());
    let mut is_told = false;
    for line in lines {
        let parts = (line.who == Who::Role(Role::Assistant)).then(|| known.parts(&line)).flatten();
        let Some(parts) = parts else {
            split.push(line);
            continue;
        };
        if parts.iter().any(|(who, _)| *who != line.who) {
            parsed.note(Action::Repaired, line.place.clone(), "others speak in the reply: their lines are context");
        } else if !std::mem::replace(&mut is_told, true) {
            parsed.note(Action::Repaired, line.place.clone(), "the character's name before the words, left out");
        }
        let Line { place, learnt, .. } = line;
        split.extend(parts.into_iter().map(|(who, text)| Line { place: place.clone(), who, text, learnt }));
    }
    split
}
