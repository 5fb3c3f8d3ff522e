//! A word, or a part of one, on its way to phonemes.

/// A word, a part of one, or a sign.
#[derive(Debug, Clone, Default)]
pub(super) struct Token<'a> {
    /// Its text.
    pub text: String,
    /// Its part of speech (Penn Treebank).
    pub tag: &'a str,
    /// True if white space follows.
    pub space: bool,
    /// True unless it continues a word.
    pub is_head: bool,
    /// A word to say in its place.
    pub alias: Option<&'static str>,
    /// The sign of a sum of money before it, if the sum ends here.
    pub currency: Option<&'a str>,
    /// True if a gap is heard before it, within its word.
    pub gap: bool,
    /// What is heard.
    pub phonemes: Option<String>,
}

impl<'a> Token<'a> {
    /// A token that nothing is known of but its tag.
    pub(super) fn new(text: impl Into<String>, tag: &'a str, space: bool) -> Self {
        Self { text: text.into(), tag, space, is_head: true, ..Self::default() }
    }

    /// True if nothing says yet how it is spoken.
    pub(super) const fn is_open(&self) -> bool {
        self.alias.is_none() && self.phonemes.is_none()
    }
}

/// Parts of a word as one token, without phonemes. Its tag is that of the part with most capitals and letters.
pub(super) fn merged<'a>(parts: &[Token<'a>]) -> Token<'a> {
    let capitals = |c: char| 1 + usize::from(!c.to_lowercase().eq([c]));
    let mut tag: Option<(usize, &str)> = None;
    for part in parts {
        let weight = part.text.chars().map(capitals).sum();
        if tag.is_none_or(|(most, _)| weight > most) {
            tag = Some((weight, part.tag));
        }
    }
    Token {
        text: joined(parts),
        tag: tag.map_or("", |(_, tag)| tag),
        space: parts.last().is_some_and(|part| part.space),
        is_head: parts.first().is_none_or(|part| part.is_head),
        alias: None,
        currency: parts.iter().filter_map(|part| part.currency).max(),
        gap: parts.first().is_some_and(|part| part.gap),
        phonemes: None,
    }
}

/// The text of parts, without the white space behind the last one.
pub(super) fn joined(parts: &[Token<'_>]) -> String {
    let mut text = String::new();
    for (at, part) in parts.iter().enumerate() {
        text.push_str(&part.text);
        if part.space && at + 1 < parts.len() {
            text.push(' ');
        }
    }
    text
}
