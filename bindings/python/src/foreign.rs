//! Python objects as signers and listeners of the facade.

use std::sync::{Arc, Mutex, PoisonError};

use lazai_facade::native::{Progress, ProgressListener};
use lazai_facade::{LazaiError, ReplyListener, Signer, SigningRequest, SpeechListener};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes};

pub(crate) use lazai_facade::python::{Json, PathText, Units};

use crate::generated::LocalKey;

/// Any object with an `address` and a method `sign(request)` that returns 65 bytes as hex.
pub(crate) struct PySigner {
    object: Py<PyAny>,
    address: String,
}

impl PySigner {
    /// A signer: one of ours, or any object that signs.
    pub fn of(object: &Bound<'_, PyAny>) -> PyResult<Arc<dyn Signer>> {
        if let Ok(key) = object.cast::<LocalKey>() {
            return Ok(key.get().0.clone());
        }
        let address = object.getattr("address")?;
        let address = if address.is_callable() { address.call0()? } else { address };
        Ok(Arc::new(Self { object: object.clone().unbind(), address: address.extract()? }))
    }
}

#[async_trait::async_trait]
impl Signer for PySigner {
    fn address(&self) -> String {
        self.address.clone()
    }

    async fn sign(&self, request: SigningRequest) -> Result<String, LazaiError> {
        Python::attach(|py| self.object.call_method1(py, "sign", (request,))?.extract(py))
            .map_err(|e: PyErr| LazaiError::new("signer.refused", e))
    }
}

/// An exception of a callback, to be raised again by the caller.
type Raised = Arc<Mutex<Option<PyErr>>>;

fn go_on(raised: &Raised, called: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>>) -> bool {
    Python::attach(|py| match called(py) {
        // Only `False` stops: a callback may well give the number of bytes that it wrote.
        Ok(answer) => !answer.bind(py).is(&*PyBool::new(py, false)),
        Err(error) => {
            *raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            false
        }
    })
}

/// A Python callback for progress, for the pieces of a reply, or for the sound of speech.
pub(crate) struct Told(Option<Arc<Callback>>);

struct Callback {
    callable: Py<PyAny>,
    raised: Raised,
}

impl Told {
    /// A callback, if one is given.
    pub fn of(py: Python<'_>, callable: Option<Py<PyAny>>) -> PyResult<Self> {
        if callable.as_ref().is_some_and(|callable| !callable.bind(py).is_callable()) {
            return Err(PyTypeError::new_err("on_text, on_sound and on_progress take something that can be called"));
        }
        Ok(Self(callable.map(|callable| Arc::new(Callback { callable, raised: Raised::default() }))))
    }

    pub fn of_progress(&self) -> Option<Arc<dyn ProgressListener>> {
        self.0.clone().map(|callback| callback as Arc<dyn ProgressListener>)
    }

    pub fn of_reply(&self) -> Option<Arc<dyn ReplyListener>> {
        self.0.clone().map(|callback| callback as Arc<dyn ReplyListener>)
    }

    pub fn of_speech(&self) -> Option<Arc<dyn SpeechListener>> {
        self.0.clone().map(|callback| callback as Arc<dyn SpeechListener>)
    }

    /// An exception of the callback goes before the result.
    pub fn or_raise<T>(&self, done: PyResult<T>) -> PyResult<T> {
        let raised = self.0.as_ref().and_then(|c| c.raised.lock().unwrap_or_else(PoisonError::into_inner).take());
        raised.map_or(done, Err)
    }
}

impl ProgressListener for Callback {
    fn on_progress(&self, progress: Progress) -> bool {
        go_on(&self.raised, |py| self.callable.call1(py, (progress,)))
    }
}

impl ReplyListener for Callback {
    fn on_text(&self, text: String) -> bool {
        go_on(&self.raised, |py| self.callable.call1(py, (text,)))
    }
}

impl SpeechListener for Callback {
    fn on_sound(&self, samples: Vec<u8>, sample_rate: u32) -> bool {
        go_on(&self.raised, |py| self.callable.call1(py, (PyBytes::new(py, &samples), sample_rate)))
    }
}
