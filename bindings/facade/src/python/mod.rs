//! Shared code of Python's records, enums and arguments.

mod records;

use std::path::PathBuf;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes};

/// A path: text, or whatever `os.fspath` takes.
#[derive(Debug)]
pub struct PathText(pub String);

impl<'py> FromPyObject<'_, 'py> for PathText {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let path: PathBuf = object.extract()?;
        path.into_os_string().into_string().map(Self).map_err(|_| PyValueError::new_err("a path that is not Unicode"))
    }
}

/// An amount: an integer that is not negative.
#[derive(Debug)]
pub struct Units(pub String);

impl<'py> FromPyObject<'_, 'py> for Units {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let wanted = "an amount is an integer of base units";
        // `True` is an integer in Python; nobody means a base unit by it.
        let is_whole = !object.is_instance_of::<PyBool>() && object.hasattr("__index__")?;
        if !is_whole {
            return Err(PyTypeError::new_err(wanted));
        }
        let whole = object.call_method0("__index__")?.extract::<u128>();
        let whole = whole.map_err(|_| PyOverflowError::new_err(format!("{wanted}, from 0 to 2**128 - 1")))?;
        Ok(Self(whole.to_string()))
    }
}

impl Units {
    /// The integer.
    ///
    /// # Errors
    /// `ValueError` if it is none.
    pub fn whole(&self) -> PyResult<u128> {
        self.0.parse().map_err(|_| PyValueError::new_err(format!("{:?} is no amount", self.0)))
    }
}

/// JSON: text or bytes.
#[derive(Debug)]
pub struct Json(pub Vec<u8>);

impl<'py> FromPyObject<'_, 'py> for Json {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = object.extract::<String>() {
            return Ok(Self(text.into_bytes()));
        }
        let bytes = object.is_instance_of::<PyBytes>() || object.is_instance_of::<PyByteArray>();
        let json = bytes.then(|| object.extract::<Vec<u8>>());
        json.unwrap_or_else(|| Err(PyTypeError::new_err("JSON is given as str or bytes"))).map(Self)
    }
}

/// A record as Python writes values: `DatasetFacts(records=3, tokens=120)`.
fn repr(record: &Bound<'_, PyAny>, name: &str, fields: &[&str]) -> PyResult<String> {
    let field = |field: &&str| Ok(format!("{field}={}", record.getattr(*field)?.repr()?));
    let fields = fields.iter().map(field).collect::<PyResult<Vec<_>>>()?;
    Ok(format!("{name}({})", fields.join(", ")))
}

/// Makes a flat enum Python's: its cases equal their words.
macro_rules! words {
    ($name:ident) => {
        #[pyo3::pymethods]
        impl $name {
            fn __str__(&self) -> String {
                self.to_string()
            }

            fn __richcmp__(
                &self,
                other: &pyo3::Bound<'_, pyo3::PyAny>,
                compared: pyo3::pyclass::CompareOp,
            ) -> pyo3::PyResult<pyo3::Py<pyo3::PyAny>> {
                use pyo3::IntoPyObject;
                use pyo3::types::PyAnyMethods;
                let same = match other.cast::<Self>() {
                    Ok(other) => Some(other.get() == self),
                    Err(_) => other.extract::<String>().ok().map(|word| word == self.to_string()),
                };
                let equal = match (same, compared) {
                    (Some(same), pyo3::pyclass::CompareOp::Eq) => same,
                    (Some(same), pyo3::pyclass::CompareOp::Ne) => !same,
                    _ => return Ok(other.py().NotImplemented()),
                };
                Ok(equal.into_pyobject(other.py())?.to_owned().into_any().unbind())
            }

            /// The case of a word.
            #[new]
            fn of_word(word: String) -> pyo3::PyResult<Self> {
                let unknown = |e: serde_json::Error| pyo3::exceptions::PyValueError::new_err(e.to_string());
                serde_json::from_value(word.into()).map_err(unknown)
            }

            /// For `pickle` and `copy`.
            fn __reduce__(slf: &pyo3::Bound<'_, Self>) -> (pyo3::Py<pyo3::types::PyType>, (String,)) {
                use pyo3::types::PyAnyMethods;
                (slf.as_any().get_type().unbind(), (slf.get().to_string(),))
            }

            fn __hash__(&self, py: pyo3::Python<'_>) -> pyo3::PyResult<isize> {
                use pyo3::types::PyAnyMethods;
                pyo3::types::PyString::new(py, &self.to_string()).hash()
            }
        }

        impl<'py> pyo3::FromPyObject<'_, 'py> for $name {
            type Error = pyo3::PyErr;

            fn extract(object: pyo3::Borrowed<'_, 'py, pyo3::PyAny>) -> pyo3::PyResult<Self> {
                if let Ok(case) = object.cast::<Self>() {
                    return Ok(*case.get());
                }
                Self::of_word(object.extract()?)
            }
        }
    };
}
pub(crate) use words;
