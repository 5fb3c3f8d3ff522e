//! Splitting of texts before byte-level merges, by GGUF's names for the ways.

use regex::Regex;

use super::{Result, TokenizerError};

/// The way a text is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Splitting {
    /// GPT-2's expression.
    Gpt2,
    /// Llama 3's expression; whole pieces win over merges.
    Llama3,
    /// That of Qwen2, 2.5 and 3, over texts in composed form (NFC).
    Qwen2,
    /// SmolLM's: digits one by one, then GPT-2's expression.
    SmolLm,
}

/// The expressions that the models' own tokenizers are published with; they differ in how many digits stand together.
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const QWEN2: &str =
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// GPT-2's, without the look-ahead: white space is cut by hand.
const GPT2: &str = r"'(?:[stmd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
/// The look-ahead in the published expressions.
const LOOKS_AHEAD: &str = r"|\s+(?!\S)";

impl Splitting {
    /// All ways that are known.
    pub const ALL: [Self; 4] = [Self::SmolLm, Self::Gpt2, Self::Llama3, Self::Qwen2];
    /// Their names.
    pub const KNOWN: &str = "smollm, gpt-2, llama-bpe, qwen2";

    /// The splitting of a GGUF name (`tokenizer.ggml.pre`).
    ///
    /// # Errors
    /// [`TokenizerError::Unsupported`].
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "llama3" => return Ok(Self::Llama3),
            // Granite's, which has it of Refact's vocabulary.
            "refact" => return Ok(Self::SmolLm),
            _ => {}
        }
        let known = Self::ALL.into_iter().find(|splitting| splitting.name() == name);
        known.ok_or_else(|| TokenizerError::Unsupported {
            what: "tokenizer.ggml.pre",
            found: name.chars().take(80).collect(),
            known: Self::KNOWN,
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt-2",
            Self::Llama3 => "llama-bpe",
            Self::Qwen2 => "qwen2",
            Self::SmolLm => "smollm",
        }
    }

    /// The published expression, if it is not GPT-2's, which libraries have built in.
    #[must_use]
    pub fn published(self) -> Option<&'static str> {
        match self {
            Self::Gpt2 | Self::SmolLm => None,
            Self::Llama3 => Some(LLAMA3),
            Self::Qwen2 => Some(QWEN2),
        }
    }

    /// Tells whether digits stand alone, whatever is beside them.
    pub(super) fn digits_alone(self) -> bool {
        self == Self::SmolLm
    }

    /// Tells whether a piece that is a token is that token, whatever its merges would give.
    pub(super) fn whole_wins(self) -> bool {
        self == Self::Llama3
    }

    /// Tells whether texts are brought into composed form first.
    pub(super) fn composes(self) -> bool {
        self == Self::Qwen2
    }

    /// The splitter into pieces.
    pub(super) fn splitter(self) -> Result<Splitter> {
        let expression = self.published().map_or_else(|| GPT2.to_owned(), |e| e.replacen(LOOKS_AHEAD, "", 1));
        let expression =
            Regex::new(&expression).map_err(|e| TokenizerError::malformed("expression of the pre-tokenizer", e))?;
        Ok(Splitter { expression, keeps_lines: self.published().is_some() })
    }
}

/// Finds pieces by an expression that does not look ahead, as this engine cannot.
pub(super) struct Splitter {
    expression: Regex,
    /// True if line ends have an alternative of their own.
    keeps_lines: bool,
}

impl Splitter {
    /// The end of the piece that begins at a place.
    pub(super) fn end(&self, text: &str, at: usize) -> usize {
        // The alternatives cover every character.
        let Some(found) = self.expression.find_at(text, at) else { return text.len() };
        let piece = found.as_str();
        let Some(last) = piece.chars().next_back() else { return text.len() };
        // White space before a word: the last of it belongs to the word, or stands alone.
        let cuts = last.is_whitespace() && !(self.keeps_lines && matches!(last, '\r' | '\n'));
        if cuts && found.end() < text.len() && piece.len() > last.len_utf8() {
            found.end() - last.len_utf8()
        } else {
            found.end()
        }
    }
}
