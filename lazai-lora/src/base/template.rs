//! Chat templates: the Jinja text that a model file carries.

use lazai_core::dialogue::Message;
use minijinja::{Environment, context};

use super::Tokenizer;
use super::segments::Plans;
use crate::error::{LoraError, Result};

/// How a conversation is written for the model.
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    bos: String,
    eos: String,
    /// How conversations of some sequences of roles are written; see `segments`.
    pub(super) plans: Plans,
}

const NAME: &str = "chat";

impl ChatTemplate {
    pub(super) fn new(source: &str, tokenizer: &Tokenizer) -> Result<Self> {
        let mut environment = Environment::new();
        // A template from a file is a program from a stranger: it gets a budget.
        environment.set_fuel(Some(10_000_000));
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|e| LoraError::malformed("chat template", e))?;
        let bos = tokenizer.token_text(tokenizer.bos());
        let eos = tokenizer.token_text(Some(tokenizer.eos()));
        Ok(Self { environment, source: source.to_owned(), bos, eos, plans: Plans::default() })
    }

    /// The Jinja text itself.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text of a conversation; with `for_reply`, up to where the character starts to speak.
    ///
    /// # Errors
    /// [`LoraError::Malformed`] if the template refuses the conversation.
    pub fn render(&self, messages: &[Message], for_reply: bool) -> Result<String> {
        let refused = |e: minijinja::Error| LoraError::malformed("chat template", e);
        let template = self.environment.get_template(NAME).map_err(refused)?;
        let list: Vec<minijinja::Value> =
            messages.iter().map(|m| context! { role => m.role.as_str(), content => m.content.as_str() }).collect();
        template
            .render(context! {
                messages => list,
                add_generation_prompt => for_reply,
                bos_token => self.bos.as_str(),
                eos_token => self.eos.as_str(),
            })
            .map_err(refused)
    }
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChatTemplate")
    }
}
