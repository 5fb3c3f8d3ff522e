//! Macros in what was said long ago: names are filled in, and what is the same whenever it is read; the others stay, and are told.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Macros;
use super::known::{Known, call, known};

/// Longest macro that is looked for in a dialogue.
const MAX_MACRO_BYTES: usize = 512;
/// Placeholders of one kind of brackets, and whether they are the user's.
const TAGS: [(&str, bool); 3] = [("<BOT>", false), ("<CHAR>", false), ("<USER>", true)];
const BRACES: [(&str, bool); 2] = [("{character}", false), ("{user}", true)];

/// A text of a dialogue, filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said<'t> {
    pub text: Cow<'t, str>,
    /// True if the character's name would be in it, and is not known.
    pub lacks_name: bool,
    /// The macros that stay.
    pub left: BTreeSet<String>,
}

/// Fills in a text of a dialogue.
pub(crate) fn said<'t>(text: &'t str, character: Option<&str>, user: &str) -> Said<'t> {
    let mut this = Said { text: text.into(), lacks_name: false, left: BTreeSet::new() };
    if !text.contains(['{', '<']) {
        return this;
    }
    // Each text has a chance of its own, which is the same whenever it is read.
    let seed = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |seed: u64, byte| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '<']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (length, name) = match macro_of(from) {
            Some(inside) => (inside.len() + 4, this.value(inside, seed, character, user)),
            None => match placeholder(from, out.chars().next_back()) {
                Some((length, true)) if from.starts_with('<') || character.is_some() => (length, Some(user.to_owned())),
                Some((length, false)) if character.is_some() => (length, character.map(str::to_owned)),
                Some((length, is_user)) => {
                    match is_user {
                        true => drop(this.left.insert(from[..length].to_owned())),
                        false => this.lacks_name = true,
                    }
                    (length, None)
                }
                // All the braces of one run at once, but the two that may begin a macro.
                None => (from.bytes().take_while(|b| *b == b'{').count().saturating_sub(2).max(1), None),
            },
        };
        out.push_str(name.as_deref().unwrap_or(&from[..length]));
        rest = &from[length..];
    }
    out.push_str(rest);
    this.text = out.into();
    this
}

impl Said<'_> {
    /// Returns the value of a macro; `None` if the macro stays.
    fn value(&mut self, inside: &str, seed: u64, character: Option<&str>, user: &str) -> Option<String> {
        let call = call(inside)?;
        match known(&call) {
            Some(Known::User) => Some(user.to_owned()),
            Some(Known::Char) => {
                self.lacks_name |= character.is_none();
                character.map(str::to_owned)
            }
            Some(
                Known::Random
                | Known::Pick
                | Known::Roll
                | Known::Reverse
                | Known::Lower
                | Known::Upper
                | Known::Newline
                | Known::Space
                | Known::Trim
                | Known::Nothing,
            ) => {
                let inner = said(inside, character, user);
                self.lacks_name |= inner.lacks_name;
                if inner.lacks_name || !inner.left.is_empty() {
                    self.left.insert(format!("{{{{{}}}}}", call.name));
                    return None;
                }
                Some(
                    Macros::new(character.unwrap_or_default(), user).with_seed(seed).fill(&format!("{{{{{inside}}}}}")),
                )
            }
            found => {
                let word = call.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
                if found.is_some() || (word && inside.trim().len() == call.name.len()) {
                    self.left.insert(format!("{{{{{}}}}}", call.name));
                }
                None
            }
        }
    }
}

/// Returns the text within the braces that a text begins with.
fn macro_of(text: &str) -> Option<&str> {
    let inside = text.strip_prefix("{{").filter(|inside| !inside.starts_with('{'))?;
    let (mut depth, mut at) = (1_usize, 0);
    let head = &inside.as_bytes()[..inside.len().min(MAX_MACRO_BYTES)];
    while at + 1 < head.len() {
        match &head[at..at + 2] {
            b"{{" => (depth, at) = (depth + 1, at + 2),
            b"}}" if depth == 1 => return Some(&inside[..at]),
            b"}}" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    None
}

/// The length of the placeholder that a text begins with, and whether it is the user's. A part of a word, an address or a
/// path is none: `<user>@host`, `/home/<user>/`, `${user}`.
fn placeholder(text: &str, before: Option<char>) -> Option<(usize, bool)> {
    let begins =
        |(name, _): &&(&str, bool)| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    let (name, is_user) = TAGS.iter().chain(&BRACES).find(begins)?;
    let beside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || "@/\\=<>{}$#%_".contains(c));
    let is_free = !beside(before) && !beside(text[name.len()..].chars().next());
    is_free.then_some((name.len(), *is_user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_and_the_rest_is_told() {
        for (text, expected) in [
            ("{{ char }}, {{CHAR}}, <bot>, {character}", "Nim, Nim, Nim, Nim"),
            ("{{user}}, {{ user }}: <USER>'s {user}", "Pat, Pat: Pat's Pat"),
            ("{{// note}}a{{newline}}b", "a\nb"),
            ("{{random::x::x}} {{pick:{{char}},{{char}}}} {{roll:1}}", "x Nim 1"),
        ] {
            let said = said(text, Some("Nim"), "Pat");
            assert_eq!((&*said.text, said.left.len(), said.lacks_name), (expected, 0, false), "{text}");
        }
        for (text, left) in [("{{time}}", "{{time}}"), ("{{what}}", "{{what}}"), ("{{persona}}", "{{persona}}")] {
            let said = said(text, Some("Nim"), "Pat");
            assert_eq!((&*said.text, said.left.first().map(String::as_str)), (text, Some(left)));
        }
        let nameless = said("{{char}} {{random::{{char}}::a}} {user}", None, "Pat");
        assert_eq!((&*nameless.text, nameless.lacks_name), ("{{char}} {{random::{{char}}::a}} {user}", true));
        for text in ["<user>@host", "/home/<user>/x", "${user}", "<bot", "{{{char}", "if (a) {{ b; }}", "<b>"] {
            let said = said(text, Some("Nim"), "Pat");
            assert_eq!((&*said.text, said.left.len()), (text, 0));
        }
        let many = "{".repeat(2_000_000);
        assert_eq!(said(&many, Some("Nim"), "Pat").text, many);
    }
}
