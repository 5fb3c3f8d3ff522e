//! The forms in which models are told of tools, and call them.

/// Control tokens that open a call. In a reply they have a text, since what is called begins with them.
const MARKS: [&str; 3] = ["[TOOL_CALLS]", "<|tool_call|>", "<|python_tag|>"];

/// Tells whether a control token opens a call: then it has a text in replies, as no other control token has.
#[must_use]
pub fn opens_a_call(token: &str) -> bool {
    MARKS.contains(&token)
}

/// Marks behind which a reply holds calls, of whatever dialect.
pub(super) fn marks() -> impl Iterator<Item = &'static str> {
    MARKS.into_iter().chain([super::CALL.0])
}

/// The form that a chat template has for tools, and its model for calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Dialect {
    /// `<|tool_call|>` and a list: IBM's Granite 3.
    Granite,
    /// `<tool_call>`, `{"name": ..., "arguments": ...}`, `</tool_call>`: Hermes, Qwen 2.5 and 3, `SmolLM3`, Granite 4.
    Hermes,
    /// `{"name": ..., "parameters": ...}` and nothing else, one call a reply: Llama 3.1 and later. Results are of the role `ipython`.
    Llama,
    /// `[TOOL_CALLS]` and a list: Mistral, up to version 7 of its tokenizer.
    Mistral,
}

impl Dialect {
    /// The dialect of a chat template; `None` if it has no form for tools, or one that is not known here.
    ///
    /// ```
    /// use lazai_core::tools::Dialect;
    /// let qwen = "{% if tools %}{{ tools | tojson }} Call within <tool_call></tool_call>.{% endif %}";
    /// assert_eq!(Dialect::of(qwen), Some(Dialect::Hermes));
    /// assert_eq!(Dialect::of("{% for m in messages %}{{ m.content }}{% endfor %}"), None);
    /// ```
    #[must_use]
    pub fn of(template: &str) -> Option<Self> {
        let has = |word: &str| template.contains(word);
        if !has("tools") {
            return None;
        }
        // Later forms of Mistral name arguments apart; those of Qwen's coder and GLM have tags for them.
        if has("[ARGS]") || has("<function=") || has("<arg_key>") {
            return None;
        }
        [
            (Self::Mistral, has("[TOOL_CALLS]") && has("[AVAILABLE_TOOLS]")),
            (Self::Hermes, has(super::CALL.0)),
            (Self::Granite, has("<|tool_call|>")),
            (Self::Llama, has("ipython") && has("\"parameters\"")),
        ]
        .into_iter()
        .find_map(|(dialect, is_it)| is_it.then_some(dialect))
    }

    /// The name of a call's arguments.
    #[must_use]
    pub const fn arguments(self) -> &'static str {
        if matches!(self, Self::Llama) { "parameters" } else { "arguments" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_without_a_known_form_has_none() {
        for template in [
            "{% for m in messages %}<tool_call>{{ m.content }}{% endfor %}",
            "{% if tools %}{{ tools }}{% endif %}",
            "{% if tools %}<tool_call>\n<function=f>{% endif %}",
            "{% if tools %}[AVAILABLE_TOOLS][TOOL_CALLS]f[ARGS]{% endif %}",
            "{% if tools %}<|start_header_id|>ipython{% endif %}",
        ] {
            assert_eq!(Dialect::of(template), None, "{template}");
        }
    }
}
