//! Conversations that a chat template wrote into one text, and template marks that were left among the words.

use serde_json::{Map, Value};

use super::{Role, harmony, names};

/// A family of chat templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// The marks before and behind a role.
    Roles(&'static str, &'static str),
    /// Llama 2 and Mistral: marks that stand for roles.
    Instructions,
}

/// ChatML, Llama 3, Gemma, and Zephyr with Phi: their marks are control tokens, which nobody says.
const CONTROL: [Family; 4] = [
    Family::Roles("<|im_start|>", "\n"),
    Family::Roles("<|start_header_id|>", "<|end_header_id|>"),
    Family::Roles("<start_of_turn>", "\n"),
    Family::Roles("<|", "|>"),
];
/// Llama 2, Alpaca with Guanaco, and Anthropic's: their marks may be words, so a text must begin with one.
const WORDS: [Family; 3] = [Family::Instructions, Family::Roles("### ", ":"), Family::Roles("\n", ":")];
const INSTRUCTIONS: [(&str, &str); 4] =
    [("[INST]", "user"), ("[/INST]", "assistant"), ("<<SYS>>", "system"), ("<</SYS>>", "user")];
/// Marks that begin a text or end a turn.
const BEGINS: [&str; 4] = ["<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>"];
const ENDS: [&str; 10] = [
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<end_of_turn>",
    "<|end|>",
    "<eos>",
    "</s>",
    "<｜end▁of▁sentence｜>",
];
/// Fields that hold a whole conversation as one text. Data of preferences have it in `chosen`.
const FIELDS: [&str; 5] = ["text", "chosen", "conversation", "dialogue", "chat"];
/// Longest name of a role.
const MAX_ROLE_BYTES: usize = 24;

/// Marks that begin a user's turn within a reply.
const RUN_ONS: [&str; 8] =
    ["### Human:", "\n\nHuman:", "\n[INST]", "</s>USER:", "</s>User:", "</s>Human:", "</s><s>", "</s> USER:"];

/// A turn that begins: the bytes of its marks, and the role, `tool` or `input`.
type Opened = (usize, &'static str);

impl Family {
    /// Finds the turn that a text begins with.
    fn opened(self, text: &str) -> Option<Opened> {
        let Self::Roles(before, behind) = self else {
            return INSTRUCTIONS
                .into_iter()
                .find_map(|(mark, role)| text.starts_with(mark).then_some((mark.len(), role)));
        };
        let rest = text.strip_prefix(before)?;
        let (name, _) = rest[..rest.floor_char_boundary(MAX_ROLE_BYTES + behind.len())].split_once(behind)?;
        let role = match name.trim().to_ascii_lowercase().as_str() {
            "instruction" => "user",
            "response" => "assistant",
            "input" => "input",
            "tool" | "ipython" | "function" => "tool",
            role => Role::from_name(role)?.as_str(),
        };
        Some((before.len() + name.len() + behind.len(), role))
    }

    /// Finds the next turn of a text, and its place.
    fn next(self, text: &str) -> Option<(usize, Opened)> {
        let first: &[char] = match self {
            Self::Instructions => &['[', '<'],
            Self::Roles(before, _) if before.starts_with('#') => &['#'],
            Self::Roles(before, _) if before.starts_with('\n') => &['\n'],
            Self::Roles(..) => &['<'],
        };
        text.match_indices(first).find_map(|(at, _)| Some((at, self.opened(&text[at..])?)))
    }
}

/// A role, or `tool`, and what is said.
pub(super) type Turn = (&'static str, String);

/// The turns of a record that is one text, if somebody is answered in it.
pub(super) fn of_record(map: &Map<String, Value>) -> Option<Vec<Turn>> {
    let texts = FIELDS.into_iter().filter_map(|field| map.get(field)?.as_str());
    let answered = |mut turns: Vec<Turn>| {
        turns.retain(|(_, said)| !said.is_empty());
        (turns.len() > 1 && turns.iter().any(|(role, _)| *role == "assistant")).then_some(turns)
    };
    texts.map(turns).find_map(answered)
}

/// The turns of a prompt that a template wrote, up to the place of its reply.
pub(super) fn of_prompt(text: &str) -> Option<Vec<Turn>> {
    let mut turns = turns(text);
    let is_open = turns.pop_if(|(role, said)| *role == "assistant" && said.is_empty()).is_some();
    turns.retain(|(_, said)| !said.is_empty());
    let is_asked = turns.last().is_some_and(|(role, _)| *role != "assistant");
    (is_asked && (is_open || turns.len() > 1)).then_some(turns)
}

/// The turns of a text that begins with one, empty ones too.
fn turns(text: &str) -> Vec<Turn> {
    let mut bare = text.trim();
    while let Some(rest) = BEGINS.iter().find_map(|mark| bare.strip_prefix(mark)) {
        bare = rest.trim_start();
    }
    let turns = harmony::turns(bare);
    if !turns.is_empty() {
        return turns;
    }
    // Where the mark is a line's start, the first line has one too; the last role may have lost its line's end.
    let start = if bare.starts_with(['<', '[', '#']) { "" } else { "\n" };
    let text = format!("{start}{bare}\n");
    let family = CONTROL.into_iter().chain(WORDS).find(|family| family.opened(&text).is_some());
    let Some(family) = family else { return Vec::new() };
    let (mut turns, mut rest) = (Vec::<Turn>::new(), text.as_str());
    while let Some((at, (bytes, role))) = family.next(rest) {
        let behind = &rest[at + bytes..];
        let end = family.next(behind).map_or(behind.len(), |(at, _)| at);
        let words = without_ends(&behind[..end]).trim();
        match turns.last_mut() {
            // What an instruction is about.
            Some((_, asked)) if role == "input" => asked.extend(["\n\n", words]),
            _ => turns.push((role, words.to_owned())),
        }
        rest = &behind[end..];
    }
    turns
}

/// A text without the marks that end it.
fn without_ends(text: &str) -> &str {
    let mut bare = text;
    while let Some(rest) = ENDS.iter().chain(&BEGINS).find_map(|mark| bare.trim_end().strip_suffix(mark)) {
        bare = rest;
    }
    bare
}

/// A message without a template's marks: one that begins it, those that end it, and all turns that stand behind it; then
/// what was left out.
pub(super) fn said(text: &str) -> (&str, Option<&'static str>) {
    if !text.contains('<') {
        return (text, None);
    }
    let begins = CONTROL.into_iter().find_map(|family| family.opened(text.trim_start()));
    let own = begins.map_or(text, |(bytes, _)| &text.trim_start()[bytes..]);
    let end = CONTROL.into_iter().filter_map(|family| family.next(own)).map(|(at, _)| at).min();
    let bare = without_ends(&own[..end.unwrap_or(own.len())]);
    match end {
        Some(_) => (bare, Some("marks of a chat template, and the turns behind them,")),
        None if bare.len() < text.len() => (bare, Some("marks of a chat template")),
        None => (text, None),
    }
}

/// A reply up to the place where a model wrote on for the user.
pub(super) fn without_run_on(text: &str) -> (&str, Option<&'static str>) {
    let end = RUN_ONS.iter().filter_map(|mark| text.find(mark)).filter(|at| !text[..*at].trim().is_empty()).min();
    // A play has other people in it.
    let is_play = |end: usize| {
        let names = text[end..].lines().filter_map(names::begun).filter(names::Begun::is_clear);
        names.into_iter().any(|begun| Role::from_name(begun.name).is_none())
    };
    end.filter(|end| !is_play(*end))
        .map_or((text, None), |end| (text[..end].trim_end(), Some("a turn of the user's, which a model wrote on,")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<Turn>> {
        of_record(&Map::from_iter([("text".to_owned(), text.into())]))
    }

    #[test]
    fn one_text_is_a_conversation() {
        for text in [
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\nB<|im_end|>\n",
            "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nA<|eot_id|>\
             <|start_header_id|>assistant<|end_header_id|>\n\nB<|eot_id|>",
            "<|system|>\nS</s>\n<|user|>\nA</s>\n<|assistant|>\nB</s>",
            "<s>[INST] <<SYS>>\nS\n<</SYS>>\n\nA [/INST] B </s>",
            "### System:\nS\n\n### Instruction:\nA\n\n### Response:\nB",
            "System: S\n\nHuman: A\n\nAssistant: B",
        ] {
            let expected =
                [("system", "S"), ("user", "A"), ("assistant", "B")].map(|(role, said)| (role, said.to_owned()));
            assert_eq!(read(text).as_deref(), Some(&expected[..]), "{text}");
        }
        let gemma = "<bos><start_of_turn>user\nA<end_of_turn>\n<start_of_turn>model\nB<end_of_turn>";
        assert_eq!(read(gemma).map(|turns| turns.len()), Some(2));
        let asked = read("### Instruction:\nA\n\n### Input:\nof\n\n### Response:\nB").unwrap_or_default();
        assert_eq!(asked[0].1, "A\n\nof");
    }

    #[test]
    fn other_texts_are_none() {
        for text in ["", "Hello.", "<b>user</b>", "### Note: this", "Note: that\nAssistant: B", "User:", "<|im_start|>"]
        {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"\n".repeat(1 << 20)), None);
    }

    #[test]
    fn prompts_end_before_the_reply() {
        for text in
            ["<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\n", "Human: A\n\nAssistant:", "User: A\nBot:"]
        {
            assert_eq!(of_prompt(text), Some(vec![("user", "A".to_owned())]), "{text}");
        }
        assert_eq!(of_prompt("### Human: A### Assistant: B### Human: C").map(|turns| turns.len()), Some(3));
        for text in ["A", "Question: A", "User: A\nBot: B"] {
            assert_eq!(of_prompt(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_model_wrote_on_is_left_out() {
        for text in ["Yes.### Human: And?", "Yes.\n\nHuman: And?", "Yes.\n[INST] And? [/INST]", "Yes.</s>USER: And?"] {
            assert_eq!(without_run_on(text).0, "Yes.", "{text}");
        }
        for text in [
            "Robot: Hi.\n\nHuman: Hello.\n\nRobot: Bye.",
            "Prompts stand in [INST] and [/INST].",
            "Yes.",
            "### Human: is a mark",
            "Human: all too",
            "</s>",
        ] {
            assert_eq!(without_run_on(text), (text, None));
        }
    }

    #[test]
    fn marks_are_not_said() {
        for (text, bare) in [
            ("The sea.<|im_end|>", "The sea."),
            ("The sea.</s> <|endoftext|>\n", "The sea."),
            ("<|im_start|>assistant\nThe sea.<|im_end|>", "The sea."),
            ("The sea.<|im_end|>\n<|im_start|>user\nAnd?", "The sea."),
            ("The sea.<start_of_turn>user\nAnd?", "The sea."),
        ] {
            let (said, left_out) = said(text);
            assert_eq!((said, left_out.is_some()), (bare, true), "{text}");
        }
        for text in ["The sea.", "What does <|im_end|> mean?", "<s>struck</s> out", "a < b", "<|pipe|>"] {
            assert_eq!(said(text), (text, None));
        }
    }
}
