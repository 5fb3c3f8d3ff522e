//! What Python's records, enums and arguments have in common.

mod records;

use std::path::PathBuf;

use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;

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
        let whole: Bound<'_, pyo3::types::PyInt> =
            object.to_owned().cast_into().map_err(|_| PyTypeError::new_err(wanted))?;
        let whole = whole.extract::<u128>();
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
        object.extract::<Vec<u8>>().map(Self).map_err(|_| PyTypeError::new_err("JSON is given as str or bytes"))
    }
}

/// A record as Python writes values: `DatasetFacts(records=3, tokens=120)`.
fn repr(record: &Bound<'_, PyAny>, name: &str, fields: &[&str]) -> PyResult<String> {
    let field = |field: &&str| Ok(format!("{field}={}", record.getattr(*field)?.repr()?));
    let fields = fields.iter().map(field).collect::<PyResult<Vec<_>>>()?;
    Ok(format!("{name}({})", fields.join(", ")))
}

/// What makes a flat enum Python's: its cases equal their words.
macro_rules! words {
    ($name:ident) => {
        #[pyo3::pymethods]
        impl $name {
            fn __str__(&self) -> String {
                self.to_string()
            }

            fn __eq__(&self, other: &pyo3::Bound<'_, pyo3::PyAny>) -> bool {
                use pyo3::types::PyAnyMethods;
                let word = other.extract::<String>().ok();
                other
                    .cast::<Self>()
                    .map_or_else(|_| word.is_some_and(|word| word == self.to_string()), |o| o.get() == self)
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
                let word: String = object.extract()?;
                let unknown = |e: serde_json::Error| pyo3::exceptions::PyValueError::new_err(e.to_string());
                serde_json::from_value(word.into()).map_err(unknown)
            }
        }
    };
}
pub(crate) use words;
