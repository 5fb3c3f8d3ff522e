//! Chat templates: the Jinja text that a model file carries.

use std::io::Write;

use minijinja::{Environment, context};

use super::{Result, TokenizerError};
use crate::message::Message;

/// Longest template that is taken.
const MAX_TEMPLATE_BYTES: usize = 1 << 20;
/// Longest text that a template may make of a conversation.
const MAX_RENDERED_BYTES: usize = 64 << 20;

/// The template that turns a conversation into the model's text.
pub struct ChatTemplate {
    environment: Environment<'static>,
    source: String,
    bos: String,
    eos: String,
}

const NAME: &str = "chat";

impl ChatTemplate {
    /// A template, and the texts of the tokens that begin a text and end a reply.
    ///
    /// # Errors
    /// [`TokenizerError::Malformed`] if it is no Jinja, [`TokenizerError::TooLarge`].
    pub fn new(source: &str, bos: String, eos: String) -> Result<Self> {
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(TokenizerError::too_large("chat template", MAX_TEMPLATE_BYTES));
        }
        let mut environment = Environment::new();
        // A template from a file is a program from a stranger: it gets a budget.
        environment.set_fuel(Some(10_000_000));
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|e| TokenizerError::malformed("chat template", e))?;
        Ok(Self { environment, source: source.to_owned(), bos, eos })
    }

    /// The Jinja text itself.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text of a conversation; with `for_reply`, up to where the character starts to speak.
    ///
    /// # Errors
    /// [`TokenizerError::Malformed`] if the template refuses the conversation, or makes too much of it.
    pub fn render(&self, messages: &[Message], for_reply: bool) -> Result<String> {
        let refused = |e: minijinja::Error| TokenizerError::malformed("chat template", e);
        let template = self.environment.get_template(NAME).map_err(refused)?;
        let list: Vec<minijinja::Value> =
            messages.iter().map(|m| context! { role => m.role.as_str(), content => m.content.as_str() }).collect();
        let context = context! {
            messages => list,
            add_generation_prompt => for_reply,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
        };
        let mut text = Bounded(Vec::new());
        template.render_captured_to(context, &mut text).map_err(refused)?;
        String::from_utf8(text.0).map_err(|e| TokenizerError::malformed("chat template", e))
    }
}

/// Text up to a size.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_RENDERED_BYTES {
            return Err(std::io::Error::other(format!("makes more than {MAX_RENDERED_BYTES} bytes of a conversation")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChatTemplate")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::message::Role;

    #[test]
    fn a_template_has_a_budget_of_steps_and_of_text() {
        let said = [Message::new(Role::User, "hi")];
        let made = |source: &str| ChatTemplate::new(source, String::new(), "</s>".into()).unwrap().render(&said, true);
        assert_eq!(
            made("{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}").unwrap(),
            "user: hi</s>"
        );
        let long = format!("{{% for i in range(1000) %}}{}{{% endfor %}}", "x".repeat(100_000));
        assert!(matches!(made(&long), Err(TokenizerError::Malformed { .. })));
        let slow = "{% for i in range(9999) %}{% for j in range(9999) %}{{ j }}{% endfor %}{% endfor %}";
        assert!(matches!(made(slow), Err(TokenizerError::Malformed { .. })));
    }
}
