//! Chat templates: the Jinja text that a model file carries.

use lazai_core::message::Message;
use lazai_core::tokenizer;
use lazai_core::tools::Dialect;

use super::Tokenizer;
use super::segments::Plans;
use crate::error::Result;

/// That of Gemma 3, which folds what the system says into the first turn.
const GEMMA3: &str = "\
{{ bos_token }}{% if messages and messages[0].role == 'system' %}{% set folded = messages[0].content + '\n\n' %}\
{% set turns = messages[1:] %}{% else %}{% set folded = '' %}{% set turns = messages %}{% endif %}\
{% for m in turns %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n\
{{ folded if loop.first else '' }}{{ m.content | trim }}<end_of_turn>\n{% endfor %}\
{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}";

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

    /// The published template of a family, for files of models that were not trained to talk: they have its tokens, but no
    /// template. Conversations of any order are rendered.
    pub(super) fn of_family(family: &str, tokenizer: &Tokenizer) -> Option<Result<Self>> {
        let turns = ["<start_of_turn>", "<end_of_turn>"].into_iter().all(|token| tokenizer.has_control(token));
        (family == "gemma3" && turns).then(|| Self::new(GEMMA3, tokenizer))
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

    /// The text of a conversation up to where the character starts to speak, with its tools as the template has them.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn prompt(&self, messages: &[Message]) -> Result<String> {
        Ok(self.text.prompt(messages)?)
    }

    /// The form that it has for tools; `None` if it has none that is known.
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.text.dialect()
    }
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChatTemplate")
    }
}
