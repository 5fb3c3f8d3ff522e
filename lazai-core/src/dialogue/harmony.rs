//! Harmony, the chat template of gpt-oss: each message is in a channel, and only those in `final` are said to people.

use super::markup::Turn;

const START: &str = "<|start|>";
const CHANNEL: &str = "<|channel|>";
const MESSAGE: &str = "<|message|>";
const FINAL: &str = "<|channel|>final<|message|>";
const ENDS: [&str; 3] = ["<|end|>", "<|return|>", "<|call|>"];

/// A message as the template has it.
struct Part<'t> {
    role: &'t str,
    channel: &'t str,
    words: &'t str,
}

/// True if a text is in this template, and not of one of its marks.
fn is_harmony(text: &str) -> bool {
    let text = text.trim_start();
    ([START, CHANNEL].iter().any(|mark| text.starts_with(mark)) && text.contains(MESSAGE)) || text.contains(FINAL)
}

fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    text.split(START).filter_map(|part| {
        let (header, body) = part.split_once(MESSAGE)?;
        let (role, channel) = header.split_once(CHANNEL).unwrap_or((header, ""));
        let end = ENDS.iter().filter_map(|end| body.find(end)).min().unwrap_or(body.len());
        Some(Part { role: first_word(role), channel: first_word(channel), words: body[..end].trim() })
    })
}

/// Returns the first word of a header's field: recipients and constraints may follow.
fn first_word(text: &str) -> &str {
    text.split(|c: char| c.is_whitespace() || c == '<').find(|word| !word.is_empty()).unwrap_or_default()
}

fn is_said(part: &Part<'_>) -> bool {
    part.channel == "final" || (part.channel.is_empty() && part.role == "assistant")
}

/// Returns the words of a reply in this template; `None` for other texts.
pub(super) fn said(text: &str) -> Option<String> {
    let said = || parts(text).filter(is_said).map(|part| part.words).collect::<Vec<_>>().join("\n");
    is_harmony(text).then(said)
}

/// The turns of a whole conversation in this template; none for other texts.
pub(super) fn turns(text: &str) -> Vec<Turn> {
    if !text.trim_start().starts_with(START) || !is_harmony(text) {
        return Vec::new();
    }
    let turn = |part: Part<'_>| {
        let role = match part.role {
            "system" | "developer" => "system",
            "user" => "user",
            "assistant" if is_said(&part) => "assistant",
            "assistant" => return None,
            _ => "tool",
        };
        Some((role, part.words.to_owned()))
    };
    parts(text).filter_map(turn).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_channel_is_said() {
        for text in [
            "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|return|>",
            "<|start|>assistant<|channel|>final<|message|>Yes.",
            "analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.<|end|>",
            "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|><|start|>assistant<|channel|>final<|message|>Yes.",
            "<|start|>assistant<|message|>Yes.<|end|>",
        ] {
            assert_eq!(said(text).as_deref(), Some("Yes."), "{text}");
        }
        assert_eq!(said("<|channel|>analysis<|message|>Hm.").as_deref(), Some(""));
        for text in ["Yes.", "The mark <|channel|> begins one.", "<|start|> is a mark.", ""] {
            assert_eq!(said(text), None, "{text}");
        }
        let whole = "<|start|>system<|message|>S<|end|><|start|>user<|message|>A<|end|><|start|>assistant<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>B<|return|>";
        let roles: Vec<_> = turns(whole).into_iter().map(|(role, said)| format!("{role} {said}")).collect();
        assert_eq!(roles, ["system S", "user A", "assistant B"]);
    }
}
