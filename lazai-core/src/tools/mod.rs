//! Tools in conversations: how calls and their results stand in messages, and how models say them.
//!
//! Messages hold a role and a text; these are signed. Tools, calls and results stand in them as *words*, in one wording for all models
//! (that of the chat templates of Hermes). A model whose chat template has a form for tools gets that form: the template is given what
//! the words say ([`asked`]), at the node and at whoever recounts alike.
//!
//! | module | holds |
//! |---|---|
//! | `words` | the words, written and read |
//! | `dialect` | the forms of chat templates and replies |
//! | `reply` | the calls that a reply holds |
//! | `form` | the form of a reply that calls |

mod dialect;
mod form;
mod reply;
mod words;

pub use dialect::{Dialect, opens_a_call};
pub use form::{CallForm, CallFunction};
pub use reply::{Call, begins_a_call, calls};
pub use words::{Asked, Turn, asked, call_words, holds_tools, result_words, tool_words};

/// Around the words of a call.
pub const CALL: (&str, &str) = ("<tool_call>", "</tool_call>");
/// Around the words of its result.
pub const RESULT: (&str, &str) = ("<tool_response>", "</tool_response>");
