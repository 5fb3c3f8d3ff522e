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

/// Who begins a line.
enum Begins<'t> {
    Character(&'t str),
    Other(&'t str, &'t str),
}

/// Those who speak in a conversation.
struct Known<'o> {
    character: &'o str,
    user: Option<&'o str>,
    /// As they are compared.
    others: BTreeSet<String>,
}

impl<'o> Known<'o> {
    fn of(lines: &[Line], character: &'o str, options: &'o Options) -> Self {
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
        Self { character, user: options.user.as_deref(), others }
    }

    /// Who begins a line of a reply. In one that begins with the character's name, any name that is clear is somebody's.
    fn begins<'t>(&self, line: &'t str, is_prefixed: bool) -> Option<Begins<'t>> {
        let (written, words) = names::split(line)?;
        let written = written.trim();
        let begun = names::begun(line);
        let bare = begun.map_or(written, |begun| begun.name);
        let words = begun.map_or(words, |begun| begun.words);
        let is = |other: &str| same(written, other) || same(bare, other);
        if is(self.character) || is("{{char}}") {
            return Some(Begins::Character(words));
        }
        let is_known =
            USERS.iter().any(|name| is(name)) || self.user.is_some_and(is) || self.others.contains(&folded(bare));
        let is_somebody = is_known || (is_prefixed && begun.is_some_and(|begun| begun.is_clear()));
        is_somebody.then_some(Begins::Other(bare, words))
    }

    fn who(&self, name: &str) -> Who {
        let is_user = USERS.iter().any(|user| same(name, user)) || self.user.is_some_and(|user| same(user, name));
        if is_user { Who::Role(Role::User) } else { Who::Named(name.to_owned()) }
    }

    /// The parts of a reply, if others speak in it or the character's name begins it.
    fn parts(&self, line: &Line) -> Option<Vec<(Who, String)>> {
        let is_prefixed = matches!(self.begins(line.text.trim_start(), false), Some(Begins::Character(_)));
        let mut parts = vec![(Who::Role(Role::Assistant), String::new())];
        let mut is_split = false;
        for (i, text) in line.text.trim_start().lines().enumerate() {
            match self.begins(text, is_prefixed) {
                Some(Begins::Character(words)) if is_prefixed || is_split => {
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
    let known = Known::of(&lines, character, options);
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
