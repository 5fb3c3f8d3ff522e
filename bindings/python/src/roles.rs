//! Base models, the execution node, and the node that answers.

use std::sync::Arc;

use lazai_facade::chat::{Message, ReplySettings};
use lazai_facade::native::exex::{self, MintedModel, ModelTerms};
use lazai_facade::native::model::{self, AdapterFacts, TrainedAdapter, TrainingSettings};
use lazai_facade::native::provider::{self, ServedModel};
use lazai_facade::native::roles::ExExContact;
use pollster::block_on;
use pyo3::prelude::*;

use crate::foreign::{PySigner, Told};
use crate::market::Market;
use crate::{free, raised};

/// A base model in memory.
#[pyclass(frozen)]
pub struct BaseModel(pub(crate) Arc<model::BaseModel>);

#[pymethods]
impl BaseModel {
    /// Reads a GGUF file, or a folder as Hugging Face has them.
    #[staticmethod]
    fn open(py: Python<'_>, path: String) -> PyResult<Self> {
        free(py, || model::BaseModel::open(path)).map(Self)
    }

    /// The name in its file.
    fn name(&self) -> String {
        self.0.name()
    }

    /// SHA-256 of its file.
    fn digest(&self) -> String {
        self.0.digest()
    }

    /// Fine-tunes it on a dataset, and writes the adapter in PEFT's files. `on_progress(progress)` cancels by `False`; the
    /// same call continues.
    #[pyo3(signature = (dataset, settings, folder, on_progress=None))]
    fn train(
        &self,
        py: Python<'_>,
        dataset: String,
        settings: TrainingSettings,
        folder: String,
        on_progress: Option<Py<PyAny>>,
    ) -> PyResult<TrainedAdapter> {
        let told = Told::of(on_progress);
        let done = free(py, || self.0.train(dataset, settings, folder, told.of_progress()));
        told.or_raise(done)
    }

    /// Answers a conversation, without any market: the bare model, or with an adapter in a folder of PEFT's files. Gives the
    /// reply; `on_text(piece)` stops it by `False`.
    #[pyo3(signature = (messages, adapter=None, settings=None, on_text=None))]
    fn generate(
        &self,
        py: Python<'_>,
        messages: Vec<Message>,
        adapter: Option<String>,
        settings: Option<ReplySettings>,
        on_text: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let told = Told::of(on_text);
        let settings = settings.unwrap_or_default();
        let reply = free(py, || self.0.generate(messages, adapter, settings, told.of_reply()));
        told.or_raise(reply)
    }

    /// The properties of an adapter in a folder of PEFT's files; it must be for this model.
    fn adapter(&self, py: Python<'_>, folder: String) -> PyResult<AdapterFacts> {
        free(py, || self.0.adapter(folder))
    }
}

/// An execution node: follows the ledger, fine-tunes, mints.
#[pyclass(frozen)]
pub struct ExEx(Arc<exex::ExEx>);

#[pymethods]
impl ExEx {
    /// An execution node on a market; its unsealing key is derived from 32 secret bytes, as hex.
    #[new]
    fn new(
        market: &Market,
        signer: Bound<'_, PyAny>,
        unsealing_secret: String,
        store: String,
        folder: String,
    ) -> PyResult<Self> {
        let signer = PySigner::of(&signer)?;
        exex::ExEx::new(market.open()?, signer, unsealing_secret, store, folder).map(Self).map_err(raised)
    }

    /// The contact that creators seal datasets to.
    fn contact(&self) -> ExExContact {
        self.0.contact()
    }

    /// Follows the ledger from its last position; returns the submissions that wait for a model.
    fn follow(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        free(py, || block_on(self.0.follow()))
    }

    /// Decrypts a submission, fine-tunes on it, and mints the model. `on_progress(progress)` cancels by `False`; the same
    /// call continues.
    #[pyo3(signature = (submission, base, settings, terms, on_progress=None))]
    fn fine_tune(
        &self,
        py: Python<'_>,
        submission: String,
        base: &BaseModel,
        settings: TrainingSettings,
        terms: ModelTerms,
        on_progress: Option<Py<PyAny>>,
    ) -> PyResult<MintedModel> {
        let told = Told::of(on_progress);
        let base = base.0.clone();
        let done = free(py, || self.0.fine_tune(submission, base, settings, terms, told.of_progress()));
        told.or_raise(done)
    }
}

/// A node with an HTTP front like OpenAI's. A context manager: it stops listening at its end.
#[pyclass(frozen)]
pub struct NodeServer(Arc<provider::NodeServer>);

#[pymethods]
impl NodeServer {
    /// Serves adapters of a base model at an address such as `127.0.0.1:8028` (port 0: any).
    #[staticmethod]
    #[allow(clippy::too_many_arguments, reason = "a node has these parts, each once")]
    fn start(
        py: Python<'_>,
        market: &Market,
        signer: Bound<'_, PyAny>,
        base: &BaseModel,
        served: Vec<ServedModel>,
        reply_tokens: u32,
        folder: String,
        address: String,
    ) -> PyResult<Self> {
        let (market, signer, base) = (market.open()?, PySigner::of(&signer)?, base.0.clone());
        free(py, || provider::NodeServer::start(market, signer, base, served, reply_tokens, folder, address)).map(Self)
    }

    /// Its URL.
    fn url(&self) -> String {
        self.0.url()
    }

    /// Redeems the last voucher of every session; returns the number of those that could not be redeemed now.
    fn redeem(&self, py: Python<'_>) -> PyResult<u64> {
        free(py, || block_on(self.0.redeem()))
    }

    /// Stops listening; replies in progress are finished.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.0.stop());
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_reason))]
    fn __exit__(&self, py: Python<'_>, _reason: &Bound<'_, pyo3::types::PyTuple>) {
        self.stop(py);
    }
}
