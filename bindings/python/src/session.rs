//! A session at a node.

use std::sync::Arc;

use lazai_facade::chat::{ChatTurn, ReplySettings};
use lazai_facade::native::session::Session as Inner;
use pollster::block_on;
use pyo3::prelude::*;

use crate::foreign::Told;
use crate::free;
use crate::handles::TokenCounter;

/// A session with a character at a node. A context manager: the session is ended at its end.
#[pyclass(frozen)]
pub struct Session(pub(crate) Arc<Inner>);

#[pymethods]
impl Session {
    /// Recounts every receipt from now on, instead of only holding it to bounds.
    fn recount_with(&self, counter: &TokenCounter) {
        self.0.recount_with(counter.0.clone());
    }

    /// Sends a message, receives the reply, checks it and pays for it. `on_text(piece)` stops listening by `False`.
    #[pyo3(signature = (text, on_text=None, settings=None))]
    fn say(
        &self,
        py: Python<'_>,
        text: String,
        on_text: Option<Py<PyAny>>,
        settings: Option<ReplySettings>,
    ) -> PyResult<ChatTurn> {
        let told = Told::of(on_text);
        let turn = free(py, || block_on(self.0.say(text, settings.unwrap_or_default(), told.of_reply())));
        told.or_raise(turn)
    }

    /// The amount owed for the session so far, in base units.
    fn owed(&self) -> String {
        self.0.owed()
    }

    /// The conversation with its receipts: for `Market.talk_on`, and as evidence.
    fn to_json(&self) -> PyResult<String> {
        self.0.to_json().map_err(crate::raised)
    }

    /// Ends the session together with the node; returns the rest of the deposit, which is the payer's again.
    fn end(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || block_on(self.0.end()))
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// Ends the session, unless an exception was raised: then it can be continued, or taken back.
    #[pyo3(signature = (kind, _value, _traceback))]
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: Option<Py<PyAny>>,
        _value: Option<Py<PyAny>>,
        _traceback: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        if kind.is_none() { self.end(py).map(|_| ()) } else { Ok(()) }
    }
}
