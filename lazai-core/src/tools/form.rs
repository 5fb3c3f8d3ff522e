//! The form of a reply that calls, whatever the model's dialect.

use serde::{Deserialize, Serialize};

/// A form of replies: calls of these functions, in the dialect of the model that replies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallForm {
    /// The functions.
    pub functions: Vec<CallFunction>,
    /// True if the reply must call; false if it may be words too, and only calls have a form.
    pub must_call: bool,
    /// True if the reply may hold more than one call.
    pub may_repeat: bool,
}

/// A function of such a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallFunction {
    /// Its name.
    pub name: String,
    /// The JSON Schema of its arguments, an object, as text.
    pub parameters: String,
    /// True if its arguments follow the schema even where nothing must be called.
    pub is_strict: bool,
}

impl CallForm {
    /// Bytes of names and schemas.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.functions.iter().map(|function| function.name.len() + function.parameters.len()).sum()
    }
}
