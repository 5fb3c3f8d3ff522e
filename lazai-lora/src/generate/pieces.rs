//! Text out of tokens, piece by piece: only the last few tokens are decoded at a time.

use crate::base::Tokenizer;
use crate::error::Result;

/// The text of a growing row of tokens.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Tokens whose text is known, but that the next one's may depend on: where words are joined, or a character goes on.
    from: usize,
    /// Tokens whose text was given.
    given: usize,
}

impl Pieces {
    /// The text that the last token completes; `None` inside a character.
    pub(super) fn next(&mut self, tokenizer: &Tokenizer, tokens: &[u32]) -> Result<Option<String>> {
        let known = tokenizer.decode(&tokens[self.from..self.given])?;
        let all = tokenizer.decode(&tokens[self.from..])?;
        if all.ends_with('\u{fffd}') || all.len() <= known.len() {
            return Ok(None);
        }
        let piece = all.strip_prefix(&known).map(str::to_owned);
        (self.from, self.given) = (self.given, tokens.len());
        Ok(piece)
    }
}
