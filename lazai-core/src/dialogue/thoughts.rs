//! What stands among the words of a model and is not said: its thoughts, calls of tools, marks of sources.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// How makers begin and end what is not said; what begins with `<` may have attributes.
const PAIRS: [(&str, &str); 10] = [
    ("<think", "</think>"),
    ("<thinking", "</thinking>"),
    ("<thought", "</thought>"),
    ("<reasoning", "</reasoning>"),
    ("<antThinking", "</antThinking>"),
    ("<details type=\"reasoning\"", "</details>"),
    ("<details type=\"tool_calls\"", "</details>"),
    ("<details type=\"code_interpreter\"", "</details>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
];
/// ChatGPT's marks of sources stand between these; the second ones have a dagger in them, since people write such brackets.
const SOURCES: [(char, char, &str); 2] = [('\u{e200}', '\u{e201}', ""), ('【', '】', "†")];
/// Longest mark of a source.
const MAX_SOURCE_BYTES: usize = 4096;

/// A text without what is not said in it, and what that was.
pub(super) fn said(text: &str) -> (Cow<'_, str>, BTreeSet<&'static str>) {
    let mut found = BTreeSet::new();
    let mut out: Option<String> = None;
    if text.contains(['<', '[', '◁']) {
        let bare = without_thoughts(text);
        if bare.len() < text.len() {
            found.insert("thoughts");
            out = Some(bare);
        }
    }
    for source in SOURCES {
        let rest = out.as_deref().unwrap_or(text);
        if rest.contains(source.0) {
            let bare = without_sources(rest, source);
            if bare.len() < rest.len() {
                found.insert("marks of sources");
                out = Some(bare);
            }
        }
    }
    match out {
        Some(out) => (out.trim().to_owned().into(), found),
        None => (text.into(), found),
    }
}

fn without_thoughts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Ends that were looked for and are not there.
    let mut endless: BTreeSet<&str> = BTreeSet::new();
    while let Some(at) = rest.find(['<', '[', '◁']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if let Some((_, end)) = opened(from) {
            match (!endless.contains(end)).then(|| find(from, end)).flatten() {
                Some(end_at) => {
                    rest = &from[end_at + end.len()..];
                    continue;
                }
                // A thought that breaks off takes the rest of the message, where it begins a line.
                None if out.trim_end_matches([' ', '\t']).ends_with('\n') || out.trim().is_empty() => return out,
                None => drop(endless.insert(end)),
            }
        } else if let Some((_, end)) =
            PAIRS.iter().find(|(begin, end)| !begin.starts_with("<details") && begins(from, end))
        {
            // Some templates begin the thought themselves: all before its end is one.
            if out.trim().is_empty() || find(&text[..text.len() - from.len()], end).is_none() {
                out.clear();
                rest = &from[end.len()..];
                continue;
            }
        }
        let first = from.chars().next().map_or(1, char::len_utf8);
        out.push_str(&from[..first]);
        rest = &from[first..];
    }
    out.push_str(rest);
    out
}

/// What a text begins with of these.
fn opened(text: &str) -> Option<(&'static str, &'static str)> {
    PAIRS.into_iter().find(|(begin, _)| {
        begins(text, begin) && (!begin.starts_with('<') || text[begin.len()..].starts_with(['>', ' ', '\n', '\t']))
    })
}

fn begins(text: &str, with: &str) -> bool {
    text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with))
}

fn find(text: &str, needle: &str) -> Option<usize> {
    let first = needle.chars().next()?;
    text.match_indices(first).map(|(at, _)| at).find(|at| begins(&text[*at..], needle))
}

fn without_sources(text: &str, (begin, end, has): (char, char, &str)) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(begin) {
        out.push_str(before);
        // At the next one that begins, no end is looked for any more.
        let head = &after[..after.floor_char_boundary(MAX_SOURCE_BYTES)];
        let at = head.find([begin, end]).filter(|at| head[*at..].starts_with(end));
        let inside = at.map(|at| &head[..at]);
        rest = match inside.filter(|inside| inside.contains(has)) {
            Some(inside) => &after[inside.len() + end.len_utf8()..],
            // The private sign means nothing by itself.
            None if has.is_empty() => after,
            None => {
                out.push(begin);
                after
            }
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_not_said() {
        for text in [
            "<think>Hm.</think>Hello.",
            "<THINK>\nHm. <b>\n</THINK>\n\nHello.",
            "<thinking>Hm.</thinking>\nHello.",
            "<antThinking>Hm.</antThinking>Hello.",
            "<reasoning effort=\"1\">Hm.</reasoning>Hello.",
            "<details type=\"reasoning\" done=\"true\">\n<summary>Thought</summary>\n> Hm.\n</details>\nHello.",
            "Hm.</think>Hello.",
            "Hello.\n<think>Hm.",
            "[THINK]Hm.[/THINK]Hello.",
            "Hello.\u{e200}cite\u{e202}turn0\u{e201}",
            "Hello.【4†source】",
            "Hello.【12:0†a.pdf】",
        ] {
            let (said, found) = said(text);
            assert_eq!((&*said, found.len()), ("Hello.", 1), "{text}");
        }
        assert_eq!(said("He<think>1</think>llo<think>2</think>.").0, "Hello.");
    }

    #[test]
    fn what_is_said_stays() {
        for text in [
            "<thinks> hard",
            "a <b> c",
            "Use the <think> tag.",
            "<details>\nHm\n</details>",
            "[think about it]",
            "【a】 b",
            "【†",
            " x ",
        ] {
            assert_eq!(said(text), (text.into(), BTreeSet::new()));
        }
        let many = "【".repeat(1 << 20);
        assert_eq!(said(&many).0, many);
        let many = "<think>".repeat(100_000) + "x";
        assert_eq!(said(&many).0, "");
        let many = "a <think>".repeat(100_000);
        assert_eq!(said(&many).0, many);
    }
}
