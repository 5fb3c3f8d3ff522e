//! A session at a node.

use std::sync::Arc;

use lazai_facade::chat::{ChatTurn, ReplySettings};
use lazai_facade::native::session::Session as Inner;
use pollster::block_on;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

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

    /// Its id on the ledger.
    fn id(&self) -> String {
        self.0.id()
    }

    /// Says something, hears the reply, checks it and pays for it. `on_text(piece)` stops listening by `False`; what it raises is
    /// raised when the reply is paid, and the reply stands in `to_json`.
    #[pyo3(signature = (text, on_text=None, settings=None))]
    fn say(
        &self,
        py: Python<'_>,
        text: String,
        on_text: Option<Py<PyAny>>,
        settings: Option<ReplySettings>,
    ) -> PyResult<ChatTurn> {
        if on_text.as_ref().is_some_and(|on_text| !on_text.bind(py).is_callable()) {
            return Err(PyTypeError::new_err("on_text: not callable"));
        }
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

    /// Ends the session together with the node; gives what is left of the deposit, which is the payer's again. It waits for a
    /// reply that is under way; ending again gives the same.
    fn end(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || block_on(self.0.end()))
    }

    /// Takes back what is left of the deposit without the node: the first call asks for the end and gives when that is final,
    /// the next after that time ends the session and gives `None`.
    fn take_back(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        free(py, || block_on(self.0.take_back()))
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// Ends the session, also where something was raised; then a failure to end it is not raised as well: `end` and `take_back`
    /// can be called later.
    #[pyo3(signature = (*reason))]
    fn __exit__(&self, py: Python<'_>, reason: &Bound<'_, PyTuple>) -> PyResult<()> {
        let raised = reason.get_item(0).is_ok_and(|kind| !kind.is_none());
        match self.end(py) {
            Err(error) if !raised => Err(error),
            _ => Ok(()),
        }
    }
}
