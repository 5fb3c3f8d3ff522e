//! The facade for Python: records as they are, handles as classes of one-line methods. Code generated out of the facade is in
//! `generated`; Pythonic handles are in `contexts`.
#![allow(clippy::needless_pass_by_value, reason = "Python's arguments come as values")]

mod contexts;
mod foreign;
mod generated;

use lazai_facade::LazaiError as Error;
use pyo3::prelude::*;

pyo3::create_exception!(
    lazai,
    LazaiError,
    pyo3::exceptions::PyException,
    "Why something did not happen: `code` does not change, `message` may."
);

/// An error of the facade, as Python raises it: with `code` and `message`.
fn raised(error: Error) -> PyErr {
    Python::attach(|py| {
        let exception = LazaiError::new_err(error.to_string());
        let value = exception.value(py);
        let set = value.setattr("code", error.code()).and_then(|()| value.setattr("message", error.detail()));
        set.map_or_else(|failed| failed, |()| exception)
    })
}

/// Runs something without the GIL.
fn free<T: Send>(py: Python<'_>, work: impl FnOnce() -> Result<T, Error> + Send) -> PyResult<T> {
    py.detach(work).map_err(raised)
}

/// Runs a command line; returns the exit code.
#[pyfunction]
fn run_command(py: Python<'_>, arguments: Vec<String>) -> u8 {
    py.detach(|| {
        let stdin = Box::new(std::io::BufReader::new(std::io::stdin()));
        lazai_cli::run(arguments.into_iter().map(Into::into), stdin, &mut std::io::stdout().lock())
    })
}
