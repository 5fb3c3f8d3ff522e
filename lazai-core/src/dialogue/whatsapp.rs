//! WhatsApp's export: a line for each message, with its time and its sender's name.

use super::format::Options;
use super::parsed::Parsed;
use super::speaker::{self, Line, who};
use crate::report::{Action, Note};

/// Longest beginning of a line, up to the sender's name.
const MAX_STAMP_BYTES: usize = 48;
/// What stands before names, times and what the program itself writes, and is not seen.
const MARKS: [char; 5] = ['\u{200e}', '\u{200f}', '\u{202a}', '\u{202c}', '\u{feff}'];
/// What the program writes in the place of what was sent.
const OMITTED: [&str; 2] = ["<Media omitted>", "<attached:"];

/// Whether a text begins with a time.
pub(super) fn looks_like(text: &str) -> bool {
    text.lines().next().is_some_and(|line| after_time(line).is_some())
}

/// What follows the time that a line begins with: `[12/01/24, 10:00:00] ` or `12/01/24, 10:00 - `.
fn after_time(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(MARKS);
    let head = &line[..line.floor_char_boundary(MAX_STAMP_BYTES)];
    let (stamp, length) = match head.strip_prefix('[') {
        Some(inner) => inner.split_once("] ").map(|(stamp, _)| (stamp, stamp.len() + 3)),
        None => head.split_once(" - ").map(|(stamp, _)| (stamp, stamp.len() + 3)),
    }?;
    let (date, time) = stamp.split_once([',', ' '])?;
    let is_date = date.split(['/', '.', '-']).filter(|part| !part.is_empty()).count() == 3
        && date.bytes().all(|b| b.is_ascii_digit() || b"/.-".contains(&b));
    let time = time.trim_start_matches([' ', '\u{202f}']);
    let is_time = time.starts_with(|c: char| c.is_ascii_digit()) && time.contains([':', '.']) && time.len() <= 20;
    (is_date && is_time).then(|| &line[length..])
}

/// The one dialogue of a file.
pub(super) fn parse(text: &str, notes: Vec<Note>, line: u64, options: &Options) -> Parsed {
    let mut parsed = Parsed { dialogue: None, notes };
    let mut said: Vec<Line> = Vec::new();
    let mut is_sent = false;
    for (i, content) in text.lines().enumerate() {
        let place = format!("line {}", line + i as u64);
        let Some(message) = after_time(content) else {
            match said.last_mut().filter(|_| is_sent) {
                Some(last) => {
                    last.text.push('\n');
                    last.text.push_str(content);
                }
                None if content.trim().is_empty() => {}
                None => parsed.note(Action::Dropped, place, "goes on with what was dropped"),
            }
            continue;
        };
        let sent = message.split_once(": ").map(|(name, words)| (name.trim_matches(MARKS), words));
        let own = |words: &str| words.starts_with(MARKS) || OMITTED.iter().any(|omitted| words.starts_with(omitted));
        is_sent = match sent {
            Some((name, words)) if !own(words) && !name.is_empty() => {
                said.push(Line { place, who: who(name, options), text: words.to_owned(), learnt: true });
                true
            }
            _ => {
                parsed.note(Action::Dropped, place, "a message of the chat program's");
                false
            }
        };
    }
    for line in &mut said {
        line.text.truncate(line.text.trim_end().len());
    }
    let said = speaker::messages(said, options, &mut parsed);
    parsed.finish(format!("line-{line}"), &options.contributor, line, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_countries_are_told() {
        for line in [
            "[12/01/24, 10:00:00] Tom: hi",
            "12/01/24, 10:00 - Tom: hi",
            "12.01.24, 10:00 - Tom: hi",
            "[2024-01-12, 10:00:00\u{202f}PM] Tom: hi",
            "\u{200e}[1/12/24, 10:00:00 AM] Tom: hi",
            "12/01/2024 10:00 - Tom: hi",
        ] {
            assert_eq!(after_time(line), Some("Tom: hi"), "{line}");
        }
        for line in [
            "Tom: hi",
            "[1, 2] ",
            "12 - 13 - 14",
            "[{\"a\": \"1/1/1, 1:1\"}] ",
            "1/2/3 - x",
            "12/01/24, noon - Tom: hi",
        ] {
            assert_eq!(after_time(line), None, "{line}");
        }
    }
}
