//! Chat templates: the Jinja text that a model file carries.

use std::io::Write;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, Value, context};

use super::{Result, TokenizerError, python, turns};
use crate::message::Message;
use crate::tools::{Dialect, asked};

/// Longest template that is taken.
const MAX_TEMPLATE_BYTES: usize = 1 << 20;
/// Longest text that a template may make of a conversation.
const MAX_RENDERED_BYTES: usize = 64 << 20;

/// The template that turns a conversation into the model's text.
pub struct ChatTemplate {
    plain: Environment<'static>,
    /// The dialect of its tools, and the environment that conversations with tools are rendered in.
    tools: Option<(Dialect, Environment<'static>)>,
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
        let tools = match Dialect::of(source) {
            None => None,
            Some(dialect) => {
                let mut environment = Environment::new();
                // As `transformers` renders templates.
                let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
                environment.set_syntax(syntax.map_err(|e| TokenizerError::malformed("chat template", e))?);
                environment.add_filter("tojson", python::tojson);
                Some((dialect, prepared(environment, source)?))
            }
        };
        Ok(Self { plain: prepared(Environment::new(), source)?, tools, source: source.to_owned(), bos, eos })
    }

    /// The Jinja text itself.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The form that it has for tools; `None` if it has none that is known here.
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.tools.as_ref().map(|(dialect, _)| *dialect)
    }

    /// The text of a conversation; with `for_reply`, up to where the character starts to speak. Tools in it are words.
    ///
    /// # Errors
    /// [`TokenizerError::Malformed`] if the template refuses the conversation, or makes too much of it.
    pub fn render(&self, messages: &[Message], for_reply: bool) -> Result<String> {
        let list: Vec<Value> =
            messages.iter().map(|m| context! { role => m.role.as_str(), content => m.content.as_str() }).collect();
        let context = context! {
            messages => list,
            add_generation_prompt => for_reply,
            bos_token => self.bos.as_str(),
            eos_token => self.eos.as_str(),
        };
        rendered(&self.plain, context)
    }

    /// The text of a conversation up to where the character starts to speak, with its tools, calls and results as the template has
    /// them. Where the template has no form for them, or refuses them, they stay words.
    ///
    /// # Errors
    /// As [`render`](Self::render).
    pub fn prompt(&self, messages: &[Message]) -> Result<String> {
        if let Some((dialect, environment)) = &self.tools
            && let Some(asked) = asked(messages)
        {
            let list = turns::messages(&asked.turns, *dialect, &self.source);
            let context = context! {
                messages => list,
                tools => (!asked.tools.is_empty()).then(|| turns::values(&asked.tools)),
                documents => (),
                add_generation_prompt => true,
                bos_token => self.bos.as_str(),
                eos_token => self.eos.as_str(),
            };
            // A template may know tools by another variable: then it is silent about these.
            let names = asked.tools.iter().filter_map(|tool| tool["function"]["name"].as_str());
            match rendered(environment, context) {
                Ok(text) if names.into_iter().all(|name| text.contains(name)) => return Ok(text),
                _ => {}
            }
        }
        self.render(messages, true)
    }
}

/// An environment with a template of a stranger: it gets a budget, and what templates in Python's Jinja rely on.
fn prepared(mut environment: Environment<'static>, source: &str) -> Result<Environment<'static>> {
    environment.set_fuel(Some(10_000_000));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |reason: String| -> std::result::Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, reason))
    });
    environment
        .add_template_owned(NAME, source.to_owned())
        .map_err(|e| TokenizerError::malformed("chat template", e))?;
    Ok(environment)
}

fn rendered(environment: &Environment<'static>, context: Value) -> Result<String> {
    let refused = |e: Error| TokenizerError::malformed("chat template", e);
    let template = environment.get_template(NAME).map_err(refused)?;
    let mut text = Bounded(Vec::new());
    template.render_captured_to(context, &mut text).map_err(refused)?;
    String::from_utf8(text.0).map_err(|e| TokenizerError::malformed("chat template", e))
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
    use crate::tools::tool_words;

    fn template(source: &str) -> ChatTemplate {
        ChatTemplate::new(source, String::new(), "</s>".into()).unwrap()
    }

    #[test]
    fn a_template_has_a_budget_of_steps_and_of_text() {
        let said = [Message::new(Role::User, "hi")];
        let made = |source: &str| template(source).render(&said, true);
        assert_eq!(
            made("{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token }}{% endfor %}").unwrap(),
            "user: hi</s>"
        );
        let long = format!("{{% for i in range(1000) %}}{}{{% endfor %}}", "x".repeat(100_000));
        assert!(matches!(made(&long), Err(TokenizerError::Malformed { .. })));
        let slow = "{% for i in range(9999) %}{% for j in range(9999) %}{{ j }}{% endfor %}{% endfor %}";
        assert!(matches!(made(slow), Err(TokenizerError::Malformed { .. })));
    }

    #[test]
    fn methods_of_python_are_known() {
        let said = [Message::new(Role::User, " hi ")];
        let source =
            "{% for m in messages %}{{ m.content.strip() }}{% if m.content.startswith(' ') %}!{% endif %}{% endfor %}";
        assert_eq!(template(source).render(&said, true).unwrap(), "hi!");
        let raised = template("{{ raise_exception('no system') }}").render(&said, true).unwrap_err();
        assert!(raised.to_string().contains("no system"), "{raised}");
    }

    #[test]
    fn tools_that_a_template_refuses_or_passes_over_stay_words() {
        let tools = tool_words(&[serde_json::json!({"type": "function", "function": {"name": "sing"}})]);
        let messages = [Message::new(Role::System, tools), Message::new(Role::User, "hi")];
        let said = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
        for before in [
            "",
            "{# tools #}",
            "{# tools <tool_call> #}",
            "{% if xml_tools %}{{ xml_tools }}<tool_call>{% endif %}",
            "{% if tools %}<tool_call>{{ raise_exception('not these') }}{% endif %}",
        ] {
            let template = template(&format!("{before}{said}"));
            assert_eq!(template.prompt(&messages).unwrap(), template.render(&messages, true).unwrap(), "{before}");
        }
        let known = template(&format!("{{% if tools %}}<tool_call>{{{{ tools | tojson }}}}\n{{% endif %}}{said}"));
        let text = r#"<tool_call>[{"type": "function", "function": {"name": "sing"}}]"#;
        assert_eq!(known.prompt(&messages).unwrap(), format!("{text}\nuser: hi\n"));
        // What is learnt is what was said.
        assert!(known.render(&messages, true).unwrap().contains("# Tools"));
    }
}
