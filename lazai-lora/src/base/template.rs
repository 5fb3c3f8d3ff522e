//! Chat templates: the Jinja text that a model file carries.

use lazai_core::message::Message;
use lazai_core::tokenizer;

use super::Tokenizer;
use super::segments::Plans;
use crate::error::Result;

/// The template that turns a conversation into the model's text.
pub struct ChatTemplate {
    text: tokenizer::ChatTemplate,
    /// Plans for some sequences of roles; see `segments`.
    pub(super) plans: Plans,
}

impl ChatTemplate {
    pub(super) fn new(source: &str, tokenizer: &Tokenizer) -> Result<Self> {
        let (bos, eos) = (tokenizer.token_text(tokenizer.bos()), tokenizer.token_text(Some(tokenizer.eos())));
        Ok(Self { text: tokenizer::ChatTemplate::new(source, bos, eos)?, plans: Plans::default() })
    }

    /// The Jinja text itself.
    #[must_use]
    pub fn source(&self) -> &str {
        self.text.source()
    }

    /// The text of a conversation; with `for_reply`, up to where the character starts to speak.
    ///
    /// # Errors
    /// [`ModelError::Malformed`](crate::ModelError::Malformed) if the template refuses the conversation.
    pub fn render(&self, messages: &[Message], for_reply: bool) -> Result<String> {
        Ok(self.text.render(messages, for_reply)?)
    }
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChatTemplate")
    }
}
