//! Parts of a model's output that are not said: thoughts, calls of tools, marks of sources.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// The marks around a part that is not said. A mark that begins with `<` and a name may have attributes.
struct Mark {
    begin: &'static str,
    end: &'static str,
    what: &'static str,
    /// True if nothing that is said follows where the end is missing.
    is_last: bool,
}

const fn thought(begin: &'static str, end: &'static str) -> Mark {
    Mark { begin, end, what: "thoughts", is_last: false }
}

const fn call(begin: &'static str, end: &'static str) -> Mark {
    Mark { begin, end, what: "calls of tools", is_last: true }
}

/// An end that no text has: the call goes on to the end.
const NEVER: &str = "\0";
const MARKS: [Mark; 24] = [
    thought("<think", "</think>"),
    thought("<thinking", "</thinking>"),
    thought("<thought", "</thought>"),
    thought("<thoughts", "</thoughts>"),
    thought("<reasoning", "</reasoning>"),
    thought("<antThinking", "</antThinking>"),
    thought("<details type=\"reasoning\"", "</details>"),
    thought("<details type=\"tool_calls\"", "</details>"),
    thought("<details type=\"code_interpreter\"", "</details>"),
    thought("[THINK]", "[/THINK]"),
    thought("◁think▷", "◁/think▷"),
    thought("<|begin_of_thought|>", "<|end_of_thought|>"),
    thought("<|START_THINKING|>", "<|END_THINKING|>"),
    thought("<seed:think>", "</seed:think>"),
    thought("<|channel>thought", "<channel|>"),
    call("<tool_call>", "</tool_call>"),
    call("<tool_response>", "</tool_response>"),
    call("<function_calls>", "</function_calls>"),
    call("<function_results>", "</function_results>"),
    call("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
    // What follows is the call, and what some data have of its result.
    call("<functioncall>", NEVER),
    call("<|python_tag|>", NEVER),
    call("[TOOL_CALLS]", NEVER),
    call("<|tool_call|>", NEVER),
];
/// Marks around the words that follow thoughts.
const AROUND: [&str; 6] =
    ["<|begin_of_solution|>", "<|end_of_solution|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>", "<answer>", "</answer>"];
/// The placeholder in Claude's export for content that it leaves out.
const LEFT_BY_EXPORTS: &str = "```\nThis block is not supported on your current device yet.\n```";
/// ChatGPT's marks of sources stand between these; the second ones have a dagger in them, since people write such brackets.
const SOURCES: [(char, char, &str); 2] = [('\u{e200}', '\u{e201}', ""), ('【', '】', "†")];
/// Longest mark of a source.
const MAX_SOURCE_BYTES: usize = 4096;

/// A text without what is not said in it, and what that was.
pub(super) fn said(text: &str) -> (Cow<'_, str>, BTreeSet<&'static str>) {
    let mut found = BTreeSet::new();
    let mut out: Option<String> = None;
    if text.contains(LEFT_BY_EXPORTS) {
        found.insert("what an export left out");
        out = Some(text.replace(LEFT_BY_EXPORTS, ""));
    }
    if text.contains(['<', '[', '◁']) {
        let mut bare = unthought(out.as_deref().unwrap_or(text), &mut found);
        if found.contains("thoughts") {
            for mark in AROUND {
                bare = bare.replace(mark, "");
            }
        }
        if bare.len() < text.len() {
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

/// A text without thoughts and calls; adds what was found.
fn unthought(text: &str, found: &mut BTreeSet<&'static str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Ends that were looked for and are not there; ends that were met.
    let (mut endless, mut met): (BTreeSet<&str>, BTreeSet<&str>) = (BTreeSet::new(), BTreeSet::new());
    let mut is_blank = true;
    while let Some(at) = rest.find(['<', '[', '◁']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        is_blank = is_blank && before.trim().is_empty();
        if let Some(mark) = opened(from) {
            match (!endless.contains(mark.end)).then(|| find(from, mark.end)).flatten() {
                Some(end_at) => {
                    found.insert(mark.what);
                    met.insert(mark.end);
                    rest = &from[end_at + mark.end.len()..];
                    continue;
                }
                // A thought that breaks off takes the rest of the message, where it begins a line.
                None if mark.is_last || is_blank || begins_line(&out) => {
                    found.insert(mark.what);
                    return out;
                }
                None => drop(endless.insert(mark.end)),
            }
        } else if let Some(mark) = MARKS.iter().find(|mark| may_begin_unseen(mark) && begins(from, mark.end)) {
            // Some templates begin the thought themselves: all before its end is one.
            if is_blank || !met.contains(mark.end) {
                found.insert(mark.what);
                met.insert(mark.end);
                out.clear();
                is_blank = true;
                rest = &from[mark.end.len()..];
                continue;
            }
        }
        let first = from.chars().next().map_or(1, char::len_utf8);
        out.push_str(&from[..first]);
        is_blank = false;
        rest = &from[first..];
    }
    out.push_str(rest);
    out
}

/// The white space before a mark that is looked at.
const MAX_INDENT_BYTES: usize = 256;

/// True if what comes next begins a line.
fn begins_line(text: &str) -> bool {
    let end = &text[text.ceil_char_boundary(text.len().saturating_sub(MAX_INDENT_BYTES))..];
    end.trim_end_matches([' ', '\t']).ends_with('\n')
}

/// True if a call follows its mark, which people may also write about.
fn is_call(mark: &Mark, behind: &str) -> bool {
    mark.begin.starts_with("<|") || mark.begin.starts_with("<｜") || behind.trim_start().starts_with(['{', '[', '<'])
}

/// True if a template may have written the beginning of a mark, so that a text has its end alone.
fn may_begin_unseen(mark: &Mark) -> bool {
    !mark.is_last && !mark.begin.starts_with("<details")
}

/// Finds the mark that a text begins with.
fn opened(text: &str) -> Option<&'static Mark> {
    let is_named =
        |begin: &str| begin.starts_with('<') && begin.ends_with(|c: char| c.is_ascii_alphabetic() || c == '"');
    MARKS.iter().find(|mark| {
        let Mark { begin, is_last, .. } = mark;
        begins(text, begin)
            && (!is_last || is_call(mark, &text[begin.len()..]))
            && (!is_named(begin) || text[begin.len()..].starts_with(['>', ' ', '\n', '\t']))
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
            "<Thoughts>\nHm.\n</Thoughts>\nHello.",
            "<|begin_of_thought|>Hm.<|end_of_thought|>\n<|begin_of_solution|>Hello.<|end_of_solution|>",
            "<|START_THINKING|>Hm.<|END_THINKING|><|START_RESPONSE|>Hello.<|END_RESPONSE|>",
            "<seed:think>Hm.</seed:think>Hello.",
            "<|channel>thought\nHm.<channel|>Hello.",
            "<think>Hm.</think><answer>Hello.</answer>",
            "Hello.\n<tool_call>\n{\"name\": \"f\"}\n</tool_call>",
            "Hello. <functioncall> {\"name\": \"f\"}\n\nFUNCTION RESPONSE: {}",
            "Hello.[TOOL_CALLS] [{\"name\": \"f\"}]",
            "Hello.<|python_tag|>f()",
            "Hello.\n```\nThis block is not supported on your current device yet.\n```",
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
            "<answer>Hm</answer>",
            "a --> b",
            "<!-- a note --> in a page",
            "Wrap it in <tool_call> tags, then wait.",
            "Between <tool_call> and </tool_call> stands JSON.",
            "Mistral writes [TOOL_CALLS] before calls.",
            "<toolcall>",
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
