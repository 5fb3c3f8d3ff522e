//! A market, with all actions on it.

use std::sync::{Arc, Mutex, PoisonError};

use lazai_facade::native::dat::{DatFacts, TokenFacts};
use lazai_facade::native::market::{Founding, Market as Inner};
use lazai_facade::native::prove::ProofFiles;
use lazai_facade::native::roles::{ExExContact, Lineage, SubmissionFacts};
use lazai_facade::{Domain, LazaiError, MarketPlace, ModelOffer, RevenueParts};
use pollster::block_on;
use pyo3::prelude::*;

use crate::foreign::PySigner;
use crate::session::Session;
use crate::{free, raised};

/// A market on a ledger. A context manager: the ledger is closed at its end.
#[pyclass(frozen)]
pub struct Market(Mutex<Option<Arc<Inner>>>);

impl Market {
    fn of(market: Arc<Inner>) -> Self {
        Self(Mutex::new(Some(market)))
    }

    pub(crate) fn open(&self) -> PyResult<Arc<Inner>> {
        let market = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        market.ok_or_else(|| raised(LazaiError::new("ledger", "the market is closed")))
    }
}

#[pymethods]
impl Market {
    /// The market in a folder. Several processes may have it open.
    #[staticmethod]
    fn open_folder(py: Python<'_>, folder: String) -> PyResult<Self> {
        free(py, || Inner::open_folder(folder)).map(Self::of)
    }

    /// Founds a market in a folder, or opens the one that was founded there, whatever its initial state.
    #[staticmethod]
    fn found_folder(py: Python<'_>, folder: String, founding: Founding) -> PyResult<Self> {
        free(py, || Inner::found_folder(folder, founding)).map(Self::of)
    }

    /// The market on an EVM chain.
    #[staticmethod]
    #[pyo3(signature = (url, deployment, outbox=None, depth_blocks=12))]
    fn on_chain(
        py: Python<'_>,
        url: String,
        deployment: String,
        outbox: Option<String>,
        depth_blocks: u64,
    ) -> PyResult<Self> {
        free(py, || Inner::on_chain(url, deployment, outbox, depth_blocks)).map(Self::of)
    }

    /// The market's addresses for wallets; none in a folder.
    fn place(&self) -> PyResult<Option<MarketPlace>> {
        Ok(self.open()?.place())
    }

    /// The ledger's id.
    fn ledger_id(&self) -> PyResult<String> {
        Ok(self.open()?.ledger_id())
    }

    /// The domain of everything that is signed for it.
    fn domain(&self) -> PyResult<Domain> {
        Ok(self.open()?.domain())
    }

    /// The balance of an account in an asset (zero address: coins), in base units.
    fn balance(&self, account: String, asset: String) -> PyResult<String> {
        self.open()?.balance(account, asset).map_err(raised)
    }

    /// The split of revenue that binds sessions opened now, for an amount.
    fn split(&self, amount: String) -> PyResult<RevenueParts> {
        self.open()?.split(amount).map_err(raised)
    }

    /// Opens a session as its payer; returns the conversation, as `Chat` takes it.
    fn open_session(
        &self,
        py: Python<'_>,
        payer: Bound<'_, PyAny>,
        consumer: Bound<'_, PyAny>,
        nonce: u64,
        model: ModelOffer,
        deposit: String,
    ) -> PyResult<String> {
        let (market, payer, consumer) = (self.open()?, PySigner::of(&payer)?, PySigner::of(&consumer)?);
        free(py, || block_on(market.open_session(payer, consumer, nonce, model, deposit)))
    }

    /// Opens a session at a node, whose URL is given, with the character of this id among its models, or with the first. The
    /// key pays a deposit, in base units, and signs what is said; `offer_step` says what one reply may cost. `system` are words
    /// before the conversation, such as `Character.system_prompt`: a node adds none.
    #[pyo3(signature = (node, signer, deposit, model=None, system=None))]
    fn talk(
        &self,
        py: Python<'_>,
        node: String,
        signer: Bound<'_, PyAny>,
        deposit: String,
        model: Option<String>,
        system: Option<String>,
    ) -> PyResult<Session> {
        let (market, signer) = (self.open()?, PySigner::of(&signer)?);
        free(py, || block_on(market.talk(node, signer, deposit, model, system))).map(Session)
    }

    /// Continues a session that `Session.to_json` kept.
    fn talk_on(&self, node: String, signer: Bound<'_, PyAny>, conversation: String) -> PyResult<Session> {
        self.open()?.talk_on(node, PySigner::of(&signer)?, conversation).map(Session).map_err(raised)
    }

    /// Votes on a proposal.
    fn vote(&self, py: Python<'_>, voter: Bound<'_, PyAny>, proposal: u64, in_favour: bool) -> PyResult<()> {
        let (market, voter) = (self.open()?, PySigner::of(&voter)?);
        free(py, || block_on(market.vote(voter, proposal, in_favour)))
    }

    /// Proposes another split, in basis points; returns the proposal's number.
    fn propose_split(
        &self,
        py: Python<'_>,
        voter: Bound<'_, PyAny>,
        label: String,
        creator_bps: u16,
        node_bps: u16,
        pool_bps: u16,
    ) -> PyResult<Option<u64>> {
        let (market, voter) = (self.open()?, PySigner::of(&voter)?);
        free(py, || block_on(market.propose_split(voter, label, creator_bps, node_bps, pool_bps)))
    }

    /// Executes a proposal that passed; its changes bind sessions opened after it.
    fn execute(&self, py: Python<'_>, voter: Bound<'_, PyAny>, proposal: u64) -> PyResult<()> {
        let (market, voter) = (self.open()?, PySigner::of(&voter)?);
        free(py, || block_on(market.execute(voter, proposal)))
    }

    /// Submits a dataset as its creator, with each contributor's consent signed; returns the submission's id. Without a
    /// lineage its model becomes the first version of a new class.
    #[pyo3(signature = (creator, store, nonce, dataset, public_part, proof, exex, contributors, lineage=None))]
    #[allow(clippy::too_many_arguments, reason = "a submission has these parts, each once")]
    fn submit(
        &self,
        py: Python<'_>,
        creator: Bound<'_, PyAny>,
        store: String,
        nonce: u64,
        dataset: String,
        public_part: String,
        proof: ProofFiles,
        exex: ExExContact,
        contributors: Vec<Bound<'_, PyAny>>,
        lineage: Option<Lineage>,
    ) -> PyResult<String> {
        let (market, creator) = (self.open()?, PySigner::of(&creator)?);
        let contributors = contributors.iter().map(PySigner::of).collect::<PyResult<Vec<_>>>()?;
        free(py, || {
            block_on(market.submit(creator, store, nonce, dataset, public_part, proof, exex, contributors, lineage))
        })
    }

    /// Reads what is new on the ledger.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        let market = self.open()?;
        free(py, || block_on(market.refresh()))
    }

    /// Submissions that wait for the verdict of a validator, an account.
    fn pending(&self, py: Python<'_>, validator: String) -> PyResult<Vec<String>> {
        let market = self.open()?;
        free(py, || block_on(market.pending(validator)))
    }

    /// Verifies a submission as a validator, and attests it.
    fn attest(
        &self,
        py: Python<'_>,
        validator: Bound<'_, PyAny>,
        store: String,
        submission: String,
    ) -> PyResult<SubmissionFacts> {
        let (market, validator) = (self.open()?, PySigner::of(&validator)?);
        free(py, || block_on(market.attest(validator, store, submission)))
    }

    /// The state of a submission.
    fn submission(&self, submission: String) -> PyResult<SubmissionFacts> {
        self.open()?.submission(submission).map_err(raised)
    }

    /// The metadata of a version of a class.
    fn dat(&self, class_id: u64, version: u32) -> PyResult<DatFacts> {
        self.open()?.dat(class_id, version).map_err(raised)
    }

    /// The tokens of a class, with their shares of its revenue and their quotas.
    fn tokens(&self, class_id: u64) -> PyResult<Vec<TokenFacts>> {
        Ok(self.open()?.tokens(class_id))
    }

    /// Claims a token's earnings in an asset, as its owner; returns the amount.
    fn claim(
        &self,
        py: Python<'_>,
        owner: Bound<'_, PyAny>,
        label: String,
        token_id: u64,
        asset: String,
    ) -> PyResult<String> {
        let (market, owner) = (self.open()?, PySigner::of(&owner)?);
        free(py, || block_on(market.claim(owner, label, token_id, asset)))
    }

    /// Gathers the evidence for the last reply of a conversation from the ledger and a store, for `verify_evidence`.
    fn evidence(&self, py: Python<'_>, store: String, record: String, conversation: String) -> PyResult<String> {
        let market = self.open()?;
        free(py, || block_on(market.evidence(store, record, conversation)))
    }

    /// The trust anchor that this copy of the ledger gives now.
    fn anchor(&self, base_digest: String) -> PyResult<String> {
        self.open()?.anchor(base_digest).map_err(raised)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_reason))]
    fn __exit__(&self, _reason: &Bound<'_, pyo3::types::PyTuple>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
