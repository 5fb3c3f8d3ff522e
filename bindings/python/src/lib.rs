//! The facade for Python: records as they are, handles as classes of one-line methods. Slow calls release the GIL.
#![allow(clippy::needless_pass_by_value, reason = "Python's arguments come as values")]

mod foreign;
mod handles;
mod market;
mod roles;
mod session;

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

/// The compiled part of the package `lazai`.
#[pymodule]
mod _lazai {
    use super::foreign::{PySigner, Told};
    use super::{free, raised};
    use lazai_facade as facade;
    use lazai_facade::native::{data, prove, roles};
    use pollster::block_on;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::LazaiError;
    #[pymodule_export]
    use super::handles::{Blocklist, Character, Chat, LocalKey, NodeClient, TokenCounter};
    #[pymodule_export]
    use super::market::Market;
    #[pymodule_export]
    use super::roles::{BaseModel, ExEx, NodeServer};
    #[pymodule_export]
    use super::session::Session;
    #[pymodule_export]
    use lazai_facade::chat::{ChatTurn, Message, ModelOffer, ReplySettings, TokenCheck};
    #[pymodule_export]
    use lazai_facade::counter::TokenCount;
    #[pymodule_export]
    use lazai_facade::native::Progress;
    #[pymodule_export]
    use lazai_facade::native::dat::{DatFacts, TokenFacts};
    #[pymodule_export]
    use lazai_facade::native::data::{ContributorTerms, DatasetFacts, FileFacts};
    #[pymodule_export]
    use lazai_facade::native::exex::{AccessTerms, MintedModel, ModelTerms};
    #[pymodule_export]
    use lazai_facade::native::market::{Founding, Funds};
    #[pymodule_export]
    use lazai_facade::native::model::{AdapterFacts, TrainedAdapter, TrainingSettings};
    #[pymodule_export]
    use lazai_facade::native::prove::ProofFiles;
    #[pymodule_export]
    use lazai_facade::native::provider::ServedModel;
    #[pymodule_export]
    use lazai_facade::native::roles::{ExExContact, Lineage, SubmissionFacts};
    #[pymodule_export]
    use lazai_facade::safety::CharacterReport;
    #[pymodule_export]
    use lazai_facade::session::{Offer, Receipt, Voucher};
    #[pymodule_export]
    use lazai_facade::sign::{Domain, SigningRequest};
    #[pymodule_export]
    use lazai_facade::transport::{Header, HttpRequest};
    #[pymodule_export]
    use lazai_facade::verify::{ContributorFacts, ProofFacts, Provenance, ProvenanceLink, TrustLevel};
    #[pymodule_export]
    use lazai_facade::wallet::{MarketPlace, WalletCall};
    #[pymodule_export]
    use lazai_facade::{FileNote, RevenueParts};

    /// The version of the library.
    #[pyfunction]
    fn library_version() -> String {
        facade::library_version()
    }

    /// Every code that this library gives an error.
    #[pyfunction]
    fn error_codes() -> Vec<String> {
        facade::error_codes()
    }

    /// Fails with a code, so that an app can test how it handles each.
    #[pyfunction]
    fn fail_with(code: String) -> PyResult<()> {
        facade::fail_with(code).map_err(raised)
    }

    /// Splits an amount of base units as the market does.
    #[pyfunction]
    fn split_revenue(amount: String, creator_bps: u16, node_bps: u16, pool_bps: u16) -> PyResult<RevenueParts> {
        facade::split_revenue(amount, creator_bps, node_bps, pool_bps).map_err(raised)
    }

    /// The most that one reply under an offer can cost, in base units.
    #[pyfunction]
    fn offer_step(offer: Offer) -> PyResult<String> {
        facade::offer_step(offer).map_err(raised)
    }

    /// The id of a session, from the payer's number for it.
    #[pyfunction]
    fn session_id(ledger: String, payer: String, nonce: u64, consumer: String, offer: Offer) -> PyResult<String> {
        facade::session_id(ledger, payer, nonce, consumer, offer).map_err(raised)
    }

    /// Signs an offer, as its node.
    #[pyfunction]
    fn sign_offer(py: Python<'_>, domain: Domain, offer: Offer, signer: Bound<'_, PyAny>) -> PyResult<String> {
        let signer = PySigner::of(&signer)?;
        free(py, || block_on(facade::sign_offer(domain, offer, signer)))
    }

    /// Checks that an offer is signed by its node.
    #[pyfunction]
    fn check_offer(domain: Domain, offer: Offer, signature: String) -> PyResult<()> {
        facade::check_offer(domain, offer, signature).map_err(raised)
    }

    /// Signs a voucher, as the session's consumer.
    #[pyfunction]
    fn sign_voucher(py: Python<'_>, domain: Domain, voucher: Voucher, signer: Bound<'_, PyAny>) -> PyResult<String> {
        let signer = PySigner::of(&signer)?;
        free(py, || block_on(facade::sign_voucher(domain, voucher, signer)))
    }

    /// Checks that a voucher is signed by an account.
    #[pyfunction]
    fn check_voucher(domain: Domain, voucher: Voucher, signature: String, signer: String) -> PyResult<()> {
        facade::check_voucher(domain, voucher, signature, signer).map_err(raised)
    }

    /// The 32 bytes of a voucher that are signed (EIP-712), as hex.
    #[pyfunction]
    fn voucher_digest(domain: Domain, voucher: Voucher) -> PyResult<String> {
        facade::voucher_digest(domain, voucher).map_err(raised)
    }

    /// A voucher as wallets sign it: the JSON of `eth_signTypedData_v4`.
    #[pyfunction]
    fn voucher_typed_data(domain: Domain, voucher: Voucher) -> PyResult<String> {
        facade::voucher_typed_data(domain, voucher).map_err(raised)
    }

    /// Signs a receipt, as the node.
    #[pyfunction]
    fn sign_receipt(py: Python<'_>, domain: Domain, receipt: Receipt, signer: Bound<'_, PyAny>) -> PyResult<String> {
        let signer = PySigner::of(&signer)?;
        free(py, || block_on(facade::sign_receipt(domain, receipt, signer)))
    }

    /// Checks that a receipt is signed by a node.
    #[pyfunction]
    fn check_receipt(domain: Domain, receipt: Receipt, signature: String, node: String) -> PyResult<()> {
        facade::check_receipt(domain, receipt, signature, node).map_err(raised)
    }

    /// Signs a report, as the session's consumer; returns the request that brings it to the node.
    #[pyfunction]
    fn report_character(
        py: Python<'_>,
        domain: Domain,
        report: CharacterReport,
        signer: Bound<'_, PyAny>,
    ) -> PyResult<HttpRequest> {
        let signer = PySigner::of(&signer)?;
        free(py, || block_on(facade::report_character(domain, report, signer)))
    }

    /// Digest of this library's verifier's key.
    #[pyfunction]
    fn verifier_key() -> String {
        facade::verifier_key()
    }

    /// Verifies a proof of a dataset, and returns the facts that it shows.
    #[pyfunction]
    fn verify_proof(py: Python<'_>, statement: Vec<u8>, proof: Vec<u8>) -> PyResult<ProofFacts> {
        free(py, || facade::verify_proof(statement, proof))
    }

    /// Checks the provenance of a reply: evidence against an anchor that the caller has from elsewhere.
    #[pyfunction]
    fn verify_evidence(py: Python<'_>, evidence: Vec<u8>, anchor: Vec<u8>) -> PyResult<Provenance> {
        free(py, || facade::verify_evidence(evidence, anchor))
    }

    /// Adds the words of a conversation's last reply to its evidence (JSON): everybody who gets the result can read them.
    #[pyfunction]
    fn evidence_with_words(py: Python<'_>, evidence: Vec<u8>, conversation: String) -> PyResult<String> {
        free(py, || facade::evidence_with_words(evidence, conversation))
    }

    /// The models in a node's answer to `GET /v1/models`.
    #[pyfunction]
    fn read_models(body: Vec<u8>) -> PyResult<Vec<ModelOffer>> {
        facade::read_models(body).map_err(raised)
    }

    /// Reads a market's addresses from JSON, which an app ships with, or its publisher serves.
    #[pyfunction]
    fn read_market_place(json: Vec<u8>) -> PyResult<MarketPlace> {
        facade::read_market_place(json).map_err(raised)
    }

    /// The call that opens a wallet's session number `nonce`.
    #[pyfunction]
    fn open_session_call(
        place: MarketPlace,
        nonce: u64,
        consumer: String,
        model: ModelOffer,
        deposit: String,
    ) -> PyResult<WalletCall> {
        facade::open_session_call(place, nonce, consumer, model, deposit).map_err(raised)
    }

    /// The conversation in a session that a wallet opened with that call, as `Chat` takes it.
    #[pyfunction]
    fn begin_conversation(
        place: MarketPlace,
        payer: String,
        nonce: u64,
        consumer: String,
        model: ModelOffer,
        deposit: String,
    ) -> PyResult<String> {
        facade::begin_conversation(place, payer, nonce, consumer, model, deposit).map_err(raised)
    }

    /// The call that requests the end of a wallet's session and, sent again after the market's dispute window, ends it.
    #[pyfunction]
    fn close_session_call(
        place: MarketPlace,
        payer: String,
        nonce: u64,
        consumer: String,
        model: ModelOffer,
    ) -> PyResult<WalletCall> {
        facade::close_session_call(place, payer, nonce, consumer, model).map_err(raised)
    }

    /// The call that withdraws an amount of a wallet's balance from the market.
    #[pyfunction]
    fn withdraw_call(place: MarketPlace, asset: String, to: String, amount: String) -> PyResult<WalletCall> {
        facade::withdraw_call(place, asset, to, amount).map_err(raised)
    }

    /// Identifies a file by its content. `character` and `user` are their names in logs that name people.
    #[pyfunction]
    #[pyo3(signature = (path, character=None, user=None))]
    fn inspect_file(
        py: Python<'_>,
        path: String,
        character: Option<String>,
        user: Option<String>,
    ) -> PyResult<FileFacts> {
        free(py, || data::inspect_file(path, character, user))
    }

    /// Makes a dataset of dialogues in files of any known format. `on_progress(progress)` cancels by `False`. If files name
    /// people, `character` names the one whose words are learnt, and `user` the one who talks with it; everybody else's
    /// words are context.
    #[pyfunction]
    #[allow(clippy::too_many_arguments, reason = "the last are named")]
    #[pyo3(signature = (files, contributor, base_model, out, on_progress=None, character=None, user=None))]
    fn prepare_dataset(
        py: Python<'_>,
        files: Vec<String>,
        contributor: ContributorTerms,
        base_model: String,
        out: String,
        on_progress: Option<Py<PyAny>>,
        character: Option<String>,
        user: Option<String>,
    ) -> PyResult<DatasetFacts> {
        let told = Told::of(on_progress);
        let done = free(py, || {
            data::prepare_dataset(files, contributor, base_model, out, told.of_progress(), character, user)
        });
        told.or_raise(done)
    }

    /// Writes the public part of a dataset, at most 32 KiB.
    #[pyfunction]
    fn write_public_part(
        character: &Character,
        prompts: Vec<String>,
        contributors: Vec<ContributorTerms>,
        voice_source: String,
        out: String,
    ) -> PyResult<()> {
        roles::write_public_part(character.0.clone(), prompts, contributors, voice_source, out).map_err(raised)
    }

    /// Proves a dataset in zero knowledge. `on_progress(progress)` cancels by `False`; the same call continues.
    #[pyfunction]
    #[pyo3(signature = (dataset, public_part, ledger, submitter, nonce, folder, on_progress=None))]
    #[allow(clippy::too_many_arguments, reason = "a proof is bound to these, each once")]
    fn prove_dataset(
        py: Python<'_>,
        dataset: String,
        public_part: Option<String>,
        ledger: String,
        submitter: String,
        nonce: u64,
        folder: String,
        on_progress: Option<Py<PyAny>>,
    ) -> PyResult<ProofFiles> {
        let told = Told::of(on_progress);
        let done = free(py, || {
            prove::prove_dataset(dataset, public_part, ledger, submitter, nonce, folder, told.of_progress())
        });
        told.or_raise(done)
    }

    /// Runs a command line; returns the exit code.
    #[pyfunction]
    fn run_command(py: Python<'_>, arguments: Vec<String>) -> u8 {
        py.detach(|| {
            let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
            lazai_cli::run(arguments.into_iter().map(Into::into), &mut stdin.lock(), &mut stdout.lock())
        })
    }
}
