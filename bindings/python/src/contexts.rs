//! Pythonic handles: context managers, and a key that signs like any other signer.

use std::sync::{Arc, Mutex, PoisonError};

use lazai_facade::native::market::Market as Inner;
use lazai_facade::{LazaiError, SigningRequest};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::generated::{LocalKey, NodeServer, Session};
use crate::{free, raised};

/// A market on a ledger. A context manager: the ledger is closed at its end.
#[pyclass(frozen, module = "lazai")]
pub struct Market(Mutex<Option<Arc<Inner>>>);

impl Market {
    pub(crate) fn of(market: Arc<Inner>) -> Self {
        Self(Mutex::new(Some(market)))
    }

    pub(crate) fn inner(&self) -> PyResult<Arc<Inner>> {
        let market = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        market.ok_or_else(|| raised(LazaiError::new("ledger", "the market is closed")))
    }
}

#[pymethods]
impl Market {
    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_reason))]
    fn __exit__(&self, _reason: &Bound<'_, PyTuple>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[pymethods]
impl NodeServer {
    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_reason))]
    fn __exit__(&self, py: Python<'_>, _reason: &Bound<'_, PyTuple>) {
        py.detach(|| self.0.stop());
    }
}

#[pymethods]
impl Session {
    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    /// Ends the session, also where something was raised; then a failure to end it is not raised as well: `end` and `take_back`
    /// can be called later.
    #[pyo3(signature = (*reason))]
    fn __exit__(&self, py: Python<'_>, reason: &Bound<'_, PyTuple>) -> PyResult<()> {
        let raised = reason.get_item(0).is_ok_and(|kind| !kind.is_none());
        match free(py, || pollster::block_on(self.0.end())) {
            Err(error) if !raised => Err(error),
            _ => Ok(()),
        }
    }
}

#[pymethods]
impl LocalKey {
    /// Signs a request to a signer.
    fn sign(&self, request: SigningRequest) -> PyResult<String> {
        self.0.sign_digest(request.digest).map_err(raised)
    }
}
