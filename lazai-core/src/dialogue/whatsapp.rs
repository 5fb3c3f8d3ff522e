//! WhatsApp's export: a line for each message, with its time and its sender's name.

use super::format::Options;
use super::parsed::Parsed;
use super::program::{self, Sent};
use super::speaker::{self, Line, Who, who};
use super::stamp::{MARKS, after_time};
use crate::report::{Action, Note};

/// True if a text begins with a time.
pub(super) fn looks_like(text: &str) -> bool {
    text.lines().next().is_some_and(|line| after_time(line).is_some())
}

/// The message that a line without a time continues.
enum Before {
    Words,
    /// A file of somebody's, whose caption it is.
    File(Who),
    Nothing,
}

/// Why a message is left out.
const OWN: &str = "a message of the chat program's";

/// The one dialogue of a file.
pub(super) fn parse(text: &str, notes: Vec<Note>, line: u64, options: &Options) -> Parsed {
    let mut parsed = Parsed::noted(notes);
    let mut said: Vec<Line> = Vec::new();
    let mut before = Before::Nothing;
    for (i, content) in text.lines().enumerate() {
        let place = format!("line {}", line + i as u64);
        let Some(message) = after_time(content) else {
            before = go_on(content, place, before, &mut said, &mut parsed);
            continue;
        };
        let Some((who, words)) = sender(message).map(|(name, words)| (who(name, options), words)) else {
            parsed.note(Action::Dropped, place, OWN);
            before = Before::Nothing;
            continue;
        };
        let words = match program::sent(words) {
            Sent::Words(words) => words,
            Sent::Before(words) => {
                parsed.note(Action::Dropped, place.clone(), "a mark of the chat program's");
                words
            }
            sent => {
                parsed.note(Action::Dropped, place, OWN);
                before = if sent == Sent::File { Before::File(who) } else { Before::Nothing };
                continue;
            }
        };
        said.push(Line { place, who, text: words.to_owned(), learnt: true });
        before = Before::Words;
    }
    for line in &mut said {
        line.text.truncate(line.text.trim_end().len());
    }
    let said = speaker::messages(said, options, &mut parsed);
    parsed.finish(format!("line-{line}"), &options.contributor, line, said)
}

/// Splits a message into sender and words. Returns `None` for the program's own messages.
fn sender(message: &str) -> Option<(&str, &str)> {
    let (name, words) = message.split_once(": ")?;
    let name = name.trim_matches(|c: char| MARKS.contains(&c) || c.is_whitespace());
    // A name in quotation marks that the colon stands in is a group's.
    let is_cut = name.matches('“').count() != name.matches('”').count() || name.matches('"').count() % 2 == 1;
    (!name.is_empty() && !is_cut).then_some((name, words))
}

/// A line without a time.
fn go_on(content: &str, place: String, before: Before, said: &mut Vec<Line>, parsed: &mut Parsed) -> Before {
    if program::is_own_line(content) {
        parsed.note(Action::Dropped, place, "a line of the chat program's");
        return before;
    }
    let words = program::own_end(content);
    if words.is_some() && !matches!(before, Before::Nothing) {
        parsed.note(Action::Dropped, place.clone(), "a mark of the chat program's");
    }
    let words = words.unwrap_or(content);
    match (before, said.last_mut()) {
        (Before::Words, Some(last)) => {
            last.text.push('\n');
            last.text.push_str(words);
            Before::Words
        }
        (before, _) if words.trim().is_empty() => before,
        (Before::File(who), _) => {
            said.push(Line { place, who, text: words.to_owned(), learnt: true });
            Before::Words
        }
        _ => {
            parsed.note(Action::Dropped, place, "goes on with what was dropped");
            Before::Nothing
        }
    }
}
