//! Written by `cargo xtask surface write` out of the facade. Calls of the facade release the GIL.
#![allow(clippy::too_many_arguments, clippy::needless_pass_by_value, reason = "arguments come from Python")]

use std::sync::Arc;

use lazai_facade as facade;
use pollster::block_on;
use pyo3::prelude::*;

use crate::contexts::Market;
use crate::foreign::{Json, PathText, PySigner, Told, Units};
use crate::{free, raised};

/// A base model in memory: as 32-bit floats where it is trained, packed as in its file where nodes serve it.
#[pyclass(frozen, module = "lazai")]
pub struct BaseModel(pub(crate) Arc<facade::native::model::BaseModel>);

#[pymethods]
impl BaseModel {
    /// Reads a GGUF file, or a folder as Hugging Face has them, to compute on the processor: in 32-bit floats, or, where a node
    /// serves it, as the file has it.
    ///
    /// Errors: `file`, `model`.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathText) -> PyResult<Self> {
        free(py, || facade::native::model::BaseModel::open(path.0)).map(BaseModel)
    }

    /// The name in its file.
    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.name()))
    }

    /// SHA-256 of its file.
    #[getter]
    fn digest(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.digest()))
    }

    /// Fine-tunes it on a dataset, but for the records that execution nodes hold out to measure (a twentieth of 20 and more), and writes the adapter in PEFT's files. After it was killed or cancelled, a run
    /// continues from its checkpoints in the folder.
    ///
    /// `on_progress` gets a `Progress` now and then, and cancels by `False`. An error that it raises is raised when the work has ended.
    ///
    /// Errors: `file`, `pov.…`, `zk.commitment`, `model`, `cancelled`.
    #[pyo3(signature = (dataset, settings, folder, on_progress=None))]
    fn train(
        &self,
        py: Python<'_>,
        dataset: PathText,
        settings: facade::native::model::TrainingSettings,
        folder: PathText,
        on_progress: Option<Py<PyAny>>,
    ) -> PyResult<facade::native::model::TrainedAdapter> {
        let on_progress = Told::of(py, on_progress)?;
        on_progress.or_raise(free(py, || self.0.train(dataset.0, settings, folder.0, on_progress.of_progress())))
    }

    /// Answers a conversation, without any market: the bare model, or with an adapter in a folder of PEFT's files. Gives the
    /// reply. The same seed gives the same reply on the same kind of machine; without one, 0 is taken.
    ///
    /// `on_text` gets each piece of the reply until it gives `False`. An error that it raises is raised when the work has ended.
    ///
    /// Errors: `dialogue.empty` without a message, `file`, `model`, `node.setting`.
    #[pyo3(signature = (messages, adapter=None, settings=None, on_text=None))]
    fn generate(
        &self,
        py: Python<'_>,
        messages: Vec<facade::chat::Message>,
        adapter: Option<PathText>,
        settings: Option<facade::settings::ReplySettings>,
        on_text: Option<Py<PyAny>>,
    ) -> PyResult<String> {
        let on_text = Told::of(py, on_text)?;
        on_text.or_raise(free(py, || {
            self.0.generate(
                messages,
                adapter.map(|adapter| adapter.0),
                settings.unwrap_or_default(),
                on_text.of_reply(),
            )
        }))
    }

    /// Describes an adapter in a folder of PEFT's files; it must be for this model.
    ///
    /// Errors: `file`, `model`.
    fn adapter(&self, py: Python<'_>, folder: PathText) -> PyResult<facade::native::model::AdapterFacts> {
        free(py, || self.0.adapter(folder.0))
    }
}

/// A base voice in memory. It reads English texts.
#[pyclass(frozen, module = "lazai")]
pub struct BaseVoice(pub(crate) Arc<facade::native::voice::BaseVoice>);

#[pymethods]
impl BaseVoice {
    /// Opens the assets of the pinned package (`hibari-tts` 0.2.1), in its folder `assets`.
    ///
    /// Errors: `model` for a file that is missing, or another.
    #[staticmethod]
    fn open(py: Python<'_>, package: PathText) -> PyResult<Self> {
        free(py, || facade::native::voice::BaseVoice::open(package.0)).map(BaseVoice)
    }

    /// Speaks a text on this machine, with the voice in a folder (`MintedModel.voice_folder`), or with the
    /// base's own; gives a WAV file. Nobody signs for it. The pace is in thousandths of the voice's own, from 500 to 2,000.
    ///
    /// Errors: `model` for a folder without a voice, or a text of which nothing can be spoken; `request.invalid` for a pace out of range.
    #[pyo3(signature = (text, voice_folder=None, speed_milli=None))]
    fn speak(
        &self,
        py: Python<'_>,
        text: String,
        voice_folder: Option<PathText>,
        speed_milli: Option<u32>,
    ) -> PyResult<Vec<u8>> {
        free(py, || self.0.speak(text, voice_folder.map(|voice_folder| voice_folder.0), speed_milli))
    }
}

/// A consumer's list of blocked characters, kept by the consumer's app.
#[pyclass(frozen, module = "lazai")]
pub struct Blocklist(pub(crate) Arc<facade::safety::Blocklist>);

#[pymethods]
impl Blocklist {
    /// A list from `to_json`; `[]` is an empty one.
    ///
    /// Errors: `json.malformed`.
    #[staticmethod]
    fn from_json(py: Python<'_>, json: String) -> PyResult<Self> {
        free(py, || facade::safety::Blocklist::from_json(json)).map(Blocklist)
    }

    /// The list as JSON.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || self.0.to_json())
    }

    /// Blocks a character, all versions of it.
    fn block(&self, py: Python<'_>, class_id: u64) -> PyResult<()> {
        free(py, || {
            self.0.block(class_id);
            Ok(())
        })
    }

    /// Unblocks a character.
    fn unblock(&self, py: Python<'_>, class_id: u64) -> PyResult<()> {
        free(py, || {
            self.0.unblock(class_id);
            Ok(())
        })
    }

    /// Tells whether a character is blocked.
    fn is_blocked(&self, py: Python<'_>, class_id: u64) -> PyResult<bool> {
        free(py, || Ok(self.0.is_blocked(class_id)))
    }
}

/// A character, out of a card of any format (V1, V2, V3; JSON, PNG, APNG, WebP, CHARX) or an Eliza file.
#[pyclass(frozen, module = "lazai")]
pub struct Character(pub(crate) Arc<facade::character::Character>);

#[pymethods]
impl Character {
    /// Reads a card.
    ///
    /// Errors: `card.…`.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: Vec<u8>) -> PyResult<Self> {
        free(py, || facade::character::Character::from_bytes(bytes)).map(Character)
    }

    /// The character's name.
    #[getter]
    fn name(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.name()))
    }

    /// The author of the card.
    #[getter]
    fn creator(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.creator()))
    }

    /// Search words.
    #[getter]
    fn tags(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        free(py, || Ok(self.0.tags()))
    }

    /// First message `index`: 0 is the card's own, then come the alternate ones. Macros are filled in.
    fn greeting(&self, py: Python<'_>, index: u32, user: String) -> PyResult<Option<String>> {
        free(py, || Ok(self.0.greeting(index, user)))
    }

    /// The messages that a model gets for a conversation with the card before it: as nodes build them for a character that was
    /// published with `prompted`. The card's system prompt, who the character is, examples, lore that the conversation brings up.
    ///
    /// Errors: `card.…` if its lorebook cannot be published.
    fn prompt(&self, py: Python<'_>, messages: Vec<facade::chat::Message>) -> PyResult<Vec<facade::chat::Message>> {
        free(py, || self.0.prompt(messages))
    }

    /// The words before a conversation, as its system message, where a node adds none: the card's system prompt, lore that is
    /// always there, who the character is, examples, and what comes after the conversation.
    fn system_prompt(&self, py: Python<'_>, user: String) -> PyResult<String> {
        free(py, || Ok(self.0.system_prompt(user)))
    }

    /// The part of the system prompt about the character: description, personality and scenario.
    fn persona(&self, py: Python<'_>, user: String) -> PyResult<String> {
        free(py, || Ok(self.0.persona(user)))
    }

    /// The part of the system prompt with examples of the character's speech.
    fn examples(&self, py: Python<'_>, user: String) -> PyResult<String> {
        free(py, || Ok(self.0.examples(user)))
    }

    /// Entries of its lorebook.
    #[getter]
    fn lorebook_entries(&self, py: Python<'_>) -> PyResult<u32> {
        free(py, || Ok(self.0.lorebook_entries()))
    }

    /// Notes on data that was dropped, merged or repaired when the card was read.
    #[getter]
    fn notes(&self, py: Python<'_>) -> PyResult<Vec<facade::character::FileNote>> {
        free(py, || Ok(self.0.notes()))
    }

    /// The card as JSON of version 2; data without a place in V2 is kept under `extensions`.
    fn to_v2_json(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.to_v2_json()))
    }

    /// The card as JSON of version 3.
    fn to_v3_json(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.to_v3_json()))
    }

    /// The card inside a PNG image, for readers of V2 and V3.
    ///
    /// Errors: `card.damaged`, `card.too_large`.
    fn to_png(&self, py: Python<'_>, image: Vec<u8>) -> PyResult<Vec<u8>> {
        free(py, || self.0.to_png(image))
    }
}

/// A conversation in an open session.
#[pyclass(frozen, module = "lazai")]
pub struct Chat(pub(crate) Arc<facade::chat::Chat>);

#[pymethods]
impl Chat {
    /// A conversation, from `to_json` or as the session began; `domain` is the ledger's, the signer the
    /// session's consumer.
    ///
    /// Errors: `json.malformed`, `hex.…`.
    #[new]
    fn new(
        py: Python<'_>,
        conversation: String,
        domain: facade::sign::Domain,
        signer: Bound<'_, PyAny>,
    ) -> PyResult<Self> {
        let signer = PySigner::of(&signer)?;
        free(py, || facade::chat::Chat::new(conversation, domain, signer)).map(Chat)
    }

    /// Recounts every receipt from now on, instead of only holding it to bounds.
    fn recount_with(&self, py: Python<'_>, counter: &TokenCounter) -> PyResult<()> {
        let counter = counter.0.clone();
        free(py, || {
            self.0.recount_with(counter);
            Ok(())
        })
    }

    /// The conversation, to be kept, and shown as evidence.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || self.0.to_json())
    }

    /// The messages so far: a copy, without what was recalled.
    #[getter]
    fn messages(&self, py: Python<'_>) -> PyResult<Vec<facade::chat::Message>> {
        free(py, || Ok(self.0.messages()))
    }

    /// The node's receipts, one for each reply: copies.
    #[getter]
    fn receipts(&self, py: Python<'_>) -> PyResult<Vec<facade::session::SignedReceipt>> {
        free(py, || Ok(self.0.receipts()))
    }

    /// The amount owed for the session so far, in base units.
    #[getter]
    fn owed(&self, py: Python<'_>) -> PyResult<u128> {
        free(py, || Ok(self.0.owed())).and_then(|units| Units(units).whole())
    }

    /// Signs a request for the next reply; `messages` are the whole conversation.
    ///
    /// Errors: `chat.unpaid` if the last reply must be paid first, `node.setting`, `signer.…`.
    #[pyo3(signature = (messages, settings=None))]
    fn ask(
        &self,
        py: Python<'_>,
        messages: Vec<facade::chat::Message>,
        settings: Option<facade::settings::ReplySettings>,
    ) -> PyResult<facade::transport::HttpRequest> {
        free(py, || block_on(self.0.ask(messages, settings.unwrap_or_default())))
    }

    /// Takes bytes of the answer's body as they come; returns the pieces of text that they complete.
    ///
    /// Errors: `chat.no_request`, `node.…`.
    fn hear(&self, py: Python<'_>, bytes: Vec<u8>) -> PyResult<Vec<String>> {
        free(py, || self.0.hear(bytes))
    }

    /// The node's error, from an answer without a success status.
    fn refusal(&self, py: Python<'_>, status: u16, body: Vec<u8>) -> PyResult<PyErr> {
        free(py, || Ok(self.0.refusal(status, body))).map(raised)
    }

    /// Checks the received reply against request and offer, and signs its payment. On error nothing is promised, and the
    /// same request can be sent again.
    ///
    /// Errors: `chat.no_request`, `consumer.…`, `node.transport`, `signer.…`.
    fn finish(&self, py: Python<'_>) -> PyResult<facade::chat::ChatTurn> {
        free(py, || block_on(self.0.finish()))
    }

    /// Notes that the node has the payment.
    fn paid(&self, py: Python<'_>) -> PyResult<()> {
        free(py, || {
            self.0.paid();
            Ok(())
        })
    }

    /// Sends a message, receives the reply, checks it and pays for it, over a transport. First sends a payment that did not
    /// get through.
    ///
    /// `on_text` gets each piece of the reply until it gives `False`. An error that it raises is raised when the work has ended.
    ///
    /// Errors: `node.…`, `consumer.…`, `signer.…`.
    #[pyo3(signature = (text, settings, node, on_text=None))]
    fn say(
        &self,
        py: Python<'_>,
        text: String,
        settings: facade::settings::ReplySettings,
        node: &NodeClient,
        on_text: Option<Py<PyAny>>,
    ) -> PyResult<facade::chat::ChatTurn> {
        let node = node.0.clone();
        let on_text = Told::of(py, on_text)?;
        on_text.or_raise(free(py, || block_on(self.0.say(text, settings, node, on_text.of_reply()))))
    }

    /// Recalls what was said before into each message from now on, within so many tokens (each byte is taken for one), and remembers each
    /// turn. With `summaries`, the character sums up when a conversation begins what was said since its last summary, which
    /// `say` pays as any reply.
    fn remember_with(&self, py: Python<'_>, memory: &Memory, max_tokens: u32, summaries: bool) -> PyResult<()> {
        let memory = memory.0.clone();
        free(py, || {
            self.0.remember_with(memory, max_tokens, summaries);
            Ok(())
        })
    }

    /// What was recalled for the last message; none without a memory.
    #[getter]
    fn recalled(&self, py: Python<'_>) -> PyResult<Option<facade::memory::MemoryRecall>> {
        free(py, || Ok(self.0.recalled()))
    }

    /// Signs a request for a text to be spoken with the character's voice, as the next turn, under a node's terms
    /// (`ModelOffer.speech_terms`): at most `most` is paid, in base units; none for what one reply may cost under the
    /// session's offer. The pace is in thousandths of the voice's own, from 500 to 2,000; none for its own.
    ///
    /// Errors: `chat.unpaid` if the last turn must be paid first, `consumer.price` if it costs more, `consumer.receipt` if the terms are not of this
    /// session or do not allow the text, `node.setting`, `json.malformed`, `money.not_decimal`, `signer.…`.
    #[pyo3(signature = (text, speech_terms, speed_milli=None, most=None))]
    fn ask_speech(
        &self,
        py: Python<'_>,
        text: String,
        speech_terms: String,
        speed_milli: Option<u32>,
        most: Option<Units>,
    ) -> PyResult<facade::transport::HttpRequest> {
        free(py, || block_on(self.0.ask_speech(text, speech_terms, speed_milli, most.map(|most| most.0))))
    }

    /// Takes bytes of the answer's body as they come; returns the samples that they complete, not checked yet: one channel, 16 bits,
    /// little-endian.
    ///
    /// Errors: `chat.no_request`, `node.…`.
    fn hear_speech(&self, py: Python<'_>, bytes: Vec<u8>) -> PyResult<Vec<u8>> {
        free(py, || self.0.hear_speech(bytes))
    }

    /// Checks the received speech against request and terms, and signs its payment. On error nothing is promised, and the
    /// same request can be sent again.
    ///
    /// Errors: `chat.no_request`, `consumer.…`, `node.transport`, `signer.…`.
    fn finish_speech(&self, py: Python<'_>) -> PyResult<facade::speech::Spoken> {
        free(py, || block_on(self.0.finish_speech()))
    }

    /// Has a text spoken with the character's voice, checks the sound against its receipt, and pays for it by the character, over a
    /// transport. First sends a payment that did not get through. Terms, pace and limit are those of `ask_speech`.
    ///
    /// `on_sound` gets samples (16 bits, little-endian) and their rate as they come, until it gives `False`. An error that it raises is raised when the work has ended.
    ///
    /// Errors: `consumer.price` if it costs more than `most`, `node.setting` for a pace or a text that it does not speak, other `node.…`,
    /// `consumer.…`, `json.malformed`, `signer.…`; the same can be asked for again.
    #[pyo3(signature = (text, speech_terms, node, speed_milli=None, most=None, on_sound=None))]
    fn speak(
        &self,
        py: Python<'_>,
        text: String,
        speech_terms: String,
        node: &NodeClient,
        speed_milli: Option<u32>,
        most: Option<Units>,
        on_sound: Option<Py<PyAny>>,
    ) -> PyResult<facade::speech::Spoken> {
        let node = node.0.clone();
        let on_sound = Told::of(py, on_sound)?;
        on_sound.or_raise(free(py, || {
            block_on(self.0.speak(text, speech_terms, node, speed_milli, most.map(|most| most.0), on_sound.of_speech()))
        }))
    }
}

/// An execution node.
#[pyclass(frozen, module = "lazai")]
pub struct ExEx(pub(crate) Arc<facade::native::exex::ExEx>);

#[pymethods]
impl ExEx {
    /// An execution node on a market: its account, the 32 secret bytes (hex) that its unsealing key is derived from, the store
    /// that submissions are in, and a folder for jobs, checkpoints and adapters. These are in clear, and the
    /// training record says so.
    ///
    /// Errors: `hex.…`; `store`, `feature_missing` for a store's URL.
    #[new]
    fn new(
        py: Python<'_>,
        market: &Market,
        signer: Bound<'_, PyAny>,
        unsealing_secret: String,
        store: PathText,
        folder: PathText,
    ) -> PyResult<Self> {
        let market = market.inner()?;
        let signer = PySigner::of(&signer)?;
        free(py, || facade::native::exex::ExEx::new(market, signer, unsealing_secret, store.0, folder.0)).map(ExEx)
    }

    /// As `new`, with checkpoints, adapters and voices encrypted for the unsealing key before they are written: `export` gives them away.
    ///
    /// Errors: As `new`.
    #[staticmethod]
    fn sealing(
        py: Python<'_>,
        market: &Market,
        signer: Bound<'_, PyAny>,
        unsealing_secret: String,
        store: PathText,
        folder: PathText,
    ) -> PyResult<Self> {
        let market = market.inner()?;
        let signer = PySigner::of(&signer)?;
        free(py, || facade::native::exex::ExEx::sealing(market, signer, unsealing_secret, store.0, folder.0)).map(ExEx)
    }

    /// Writes a submission's adapter into a folder as PEFT's files, in clear and signed, and its voice into the folder `voice` of it.
    ///
    /// Errors: `file`, `signer.…`.
    fn export(&self, py: Python<'_>, submission: String, folder: PathText) -> PyResult<()> {
        free(py, || block_on(self.0.export(submission, folder.0)))
    }

    /// Trains voices, too, from now on: of submissions that have recordings whose consent names the voice.
    fn train_voices(&self, py: Python<'_>, voice: &BaseVoice) -> PyResult<()> {
        let voice = voice.0.clone();
        free(py, || {
            self.0.train_voices(voice);
            Ok(())
        })
    }

    /// The contact that creators seal datasets to.
    #[getter]
    fn contact(&self, py: Python<'_>) -> PyResult<facade::native::roles::ExExContact> {
        free(py, || Ok(self.0.contact()))
    }

    /// Follows the ledger from its last position; returns the submissions that were accepted for this node and wait for a
    /// model.
    ///
    /// Errors: `ledger…`, `file`.
    fn follow(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        free(py, || block_on(self.0.follow()))
    }

    /// Decrypts a submission, checks it against what was proved, fine-tunes on it, and mints the model with a signed record
    /// of the training. The same call continues after it was killed, cancelled, or too early to mint.
    ///
    /// `on_progress` gets a `Progress` now and then, and cancels by `False`. An error that it raises is raised when the work has ended.
    ///
    /// Errors: `submission.…`, `model`, `cancelled`, `store`, `file`,
    /// `ledger.too_early` and others of the ledger, `signer.…`.
    #[pyo3(signature = (submission, base, settings, terms, on_progress=None))]
    fn fine_tune(
        &self,
        py: Python<'_>,
        submission: String,
        base: &BaseModel,
        settings: facade::native::model::TrainingSettings,
        terms: facade::native::exex::ModelTerms,
        on_progress: Option<Py<PyAny>>,
    ) -> PyResult<facade::native::exex::MintedModel> {
        let base = base.0.clone();
        let on_progress = Told::of(py, on_progress)?;
        on_progress
            .or_raise(free(py, || self.0.fine_tune(submission, base, settings, terms, on_progress.of_progress())))
    }
}

/// A key in this process's memory: wiped when dropped, never printed.
#[pyclass(frozen, module = "lazai")]
pub struct LocalKey(pub(crate) Arc<facade::sign::LocalKey>);

#[pymethods]
impl LocalKey {
    /// A fresh key.
    ///
    /// Errors: `signer.no_randomness`.
    #[staticmethod]
    fn random(py: Python<'_>) -> PyResult<Self> {
        free(py, facade::sign::LocalKey::random).map(LocalKey)
    }

    /// The key of these 32 bytes, as hex.
    ///
    /// Errors: `hex.…`, `signer.invalid_key`.
    #[staticmethod]
    fn from_hex(py: Python<'_>, secret: String) -> PyResult<Self> {
        free(py, || facade::sign::LocalKey::from_hex(secret)).map(LocalKey)
    }

    /// Its address.
    #[getter]
    fn address(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.address()))
    }

    /// Signs any 32 bytes, as hex (RFC 6979: the same bytes get the same signature).
    ///
    /// Errors: `hex.…`.
    fn sign_digest(&self, py: Python<'_>, digest: String) -> PyResult<String> {
        free(py, || self.0.sign_digest(digest))
    }

    /// The key in a keystore file (Web3 Secret Storage, version 3), as Ethereum wallets write them.
    ///
    /// Errors: `keystore` for a wrong password or another file.
    #[staticmethod]
    fn from_keystore(py: Python<'_>, path: PathText, password: String) -> PyResult<Self> {
        free(py, || facade::sign::LocalKey::from_keystore(path.0, password)).map(LocalKey)
    }

    /// Writes the key to a keystore file in a folder, under a name; a file of that name is replaced.
    ///
    /// Errors: `keystore`.
    fn to_keystore(&self, py: Python<'_>, folder: PathText, name: String, password: String) -> PyResult<()> {
        free(py, || self.0.to_keystore(folder.0, name, password))
    }
}

#[pymethods]
impl Market {
    /// The registration file of a version as an agent, as JSON: `urls` are those of its nodes, or those of its token if there is none;
    /// `x402` says whether they take payments by x402.
    ///
    /// Errors: `dat.unknown`, `hex.…`.
    #[pyo3(signature = (class_id, version, urls, x402, registrations, image=None))]
    fn agent_file(
        &self,
        py: Python<'_>,
        class_id: u64,
        version: u32,
        urls: Vec<String>,
        x402: bool,
        registrations: Vec<facade::native::agent::AgentRegistration>,
        image: Option<String>,
    ) -> PyResult<String> {
        let inner = self.inner()?;
        free(py, || inner.agent_file(class_id, version, urls, x402, registrations, image))
    }

    /// The metadata of a version of a class.
    ///
    /// Errors: `dat.unknown`.
    fn dat(&self, py: Python<'_>, class_id: u64, version: u32) -> PyResult<facade::native::dat::DatFacts> {
        let inner = self.inner()?;
        free(py, || inner.dat(class_id, version))
    }

    /// The tokens of a class, with their shares of its revenue and their quotas.
    fn tokens(&self, py: Python<'_>, class_id: u64) -> PyResult<Vec<facade::native::dat::TokenFacts>> {
        let inner = self.inner()?;
        free(py, || Ok(inner.tokens(class_id)))
    }

    /// Claims a token's earnings in an asset (zero address: coins), as its owner; returns the amount, in base units.
    /// `label` makes it idempotent: one label is one claim.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`, `hex.…`.
    fn claim(
        &self,
        py: Python<'_>,
        owner: Bound<'_, PyAny>,
        label: String,
        token_id: u64,
        asset: String,
    ) -> PyResult<u128> {
        let owner = PySigner::of(&owner)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.claim(owner, label, token_id, asset))).and_then(|units| Units(units).whole())
    }

    /// Gathers the evidence for the last reply of a conversation from the ledger and a store; `record` is the file of the
    /// signed training record. For `verify_evidence`.
    ///
    /// Errors: `file`, `json.malformed`, `ledger…`, `provenance.unreadable`.
    fn evidence(&self, py: Python<'_>, store: PathText, record: PathText, conversation: String) -> PyResult<String> {
        let inner = self.inner()?;
        free(py, || block_on(inner.evidence(store.0, record.0, conversation)))
    }

    /// The trust anchor that this copy of the ledger gives now, for a base model that its keeper trusts.
    ///
    /// Errors: `hex.…`.
    fn anchor(&self, py: Python<'_>, base_digest: String) -> PyResult<String> {
        let inner = self.inner()?;
        free(py, || inner.anchor(base_digest))
    }

    /// The bond of a node.
    ///
    /// Errors: `hex.…`.
    fn bond(&self, py: Python<'_>, node: String) -> PyResult<facade::native::disputes::NodeBond> {
        let inner = self.inner()?;
        free(py, || inner.bond(node))
    }

    /// Adds to the signer's bond, as a node. The same label again changes nothing.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`, `money.not_decimal`.
    fn post_bond(&self, py: Python<'_>, signer: Bound<'_, PyAny>, label: String, amount: Units) -> PyResult<()> {
        let signer = PySigner::of(&signer)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.post_bond(signer, label, amount.0)))
    }

    /// Begins to take a part of the signer's bond back. The same label again changes nothing.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`, `money.not_decimal`.
    fn leave_bond(&self, py: Python<'_>, signer: Bound<'_, PyAny>, label: String, amount: Units) -> PyResult<()> {
        let signer = PySigner::of(&signer)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.leave_bond(signer, label, amount.0)))
    }

    /// Takes the part of the signer's bond that has left. The same label again changes nothing.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`.
    fn take_bond(&self, py: Python<'_>, signer: Bound<'_, PyAny>, label: String) -> PyResult<()> {
        let signer = PySigner::of(&signer)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.take_bond(signer, label)))
    }

    /// Doubts the reply that some evidence is of (JSON, as a repeat takes it), with a stake in base units of coins; by its session's consumer
    /// or payer. Gives the name of the dispute. Nothing of the words goes to the ledger: show the evidence to validators whom you
    /// trust with the conversation.
    ///
    /// Errors: `consumer.receipt`, `consumer.receipt_signature` for evidence that is false, `json.malformed`, `market`, `ledger…`, `signer.…`,
    /// `money.not_decimal`.
    fn open_dispute(&self, py: Python<'_>, signer: Bound<'_, PyAny>, evidence: Json, stake: Units) -> PyResult<String> {
        let signer = PySigner::of(&signer)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.open_dispute(signer, evidence.0, stake.0)))
    }

    /// Doubts a training at one state of its record, with a stake in base units of coins; by the submitter or a contributor. Gives the name of
    /// the dispute.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`, `hex.…`, `money.not_decimal`.
    fn dispute_training(
        &self,
        py: Python<'_>,
        signer: Bound<'_, PyAny>,
        submission: String,
        training_state: u32,
        stake: Units,
    ) -> PyResult<String> {
        let signer = PySigner::of(&signer)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.dispute_training(signer, submission, training_state, stake.0)))
    }

    /// Votes on a dispute, as a validator who repeated the reply or the steps of training: true for the same.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`, `hex.…`.
    fn vote_on_dispute(&self, py: Python<'_>, signer: Bound<'_, PyAny>, dispute: String, same: bool) -> PyResult<()> {
        let signer = PySigner::of(&signer)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.vote_on_dispute(signer, dispute, same)))
    }

    /// Ends a dispute that was not decided in time; anyone may.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`, `hex.…`.
    fn lapse_dispute(&self, py: Python<'_>, signer: Bound<'_, PyAny>, dispute: String) -> PyResult<()> {
        let signer = PySigner::of(&signer)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.lapse_dispute(signer, dispute)))
    }

    /// A dispute, by its name.
    ///
    /// Errors: `market`, `hex.…`.
    fn dispute(&self, py: Python<'_>, dispute: String) -> PyResult<facade::native::disputes::Dispute> {
        let inner = self.inner()?;
        free(py, || inner.dispute(dispute))
    }

    /// All disputes.
    #[getter]
    fn disputes(&self, py: Python<'_>) -> PyResult<Vec<facade::native::disputes::Dispute>> {
        let inner = self.inner()?;
        free(py, || Ok(inner.disputes()))
    }

    /// What share tokens earned, by token and asset: of an owner or of all, of a class or of all.
    ///
    /// Errors: `hex.…`, `market`.
    #[pyo3(signature = (owner=None, class_id=None))]
    fn share_earnings(
        &self,
        py: Python<'_>,
        owner: Option<String>,
        class_id: Option<u64>,
    ) -> PyResult<Vec<facade::native::earnings::ShareEarnings>> {
        let inner = self.inner()?;
        free(py, || inner.share_earnings(owner, class_id))
    }

    /// What a node earned by each version, by the folder of its book: also while the node runs.
    ///
    /// Errors: `node.book`, `node.money`.
    fn book_earnings(&self, py: Python<'_>, book: PathText) -> PyResult<Vec<facade::native::earnings::NodeEarnings>> {
        let inner = self.inner()?;
        free(py, || inner.book_earnings(book.0))
    }

    /// The market in a folder: an embedded ledger in `ledger/`, begun as `genesis.json` says. Several processes may have it
    /// open, but on Android.
    ///
    /// Errors: `file`, `json.malformed`, `ledger`.
    #[staticmethod]
    fn open_folder(py: Python<'_>, folder: PathText) -> PyResult<Self> {
        free(py, || facade::native::market::Market::open_folder(folder.0)).map(Market::of)
    }

    /// Founds a market in a folder, or opens the one that was founded there with the same founding.
    ///
    /// Errors: `market` if that was another founding (`open_folder` opens it), `hex.…`, `money.not_decimal`, `file`,
    /// `json.malformed`, `ledger`.
    #[staticmethod]
    fn found_folder(py: Python<'_>, folder: PathText, founding: facade::native::market::Founding) -> PyResult<Self> {
        free(py, || facade::native::market::Market::found_folder(folder.0, founding)).map(Market::of)
    }

    /// The market on an EVM chain: the URL of a chain's node, the JSON with the contracts' addresses, a folder that keeps
    /// transactions until they are confirmed and the blocks that were read, and the number of confirmations (12).
    ///
    /// Errors: `json.malformed`, `ledger`.
    #[staticmethod]
    #[pyo3(signature = (url, deployment, outbox=None, depth_blocks=12))]
    fn on_chain(
        py: Python<'_>,
        url: String,
        deployment: String,
        outbox: Option<PathText>,
        depth_blocks: u64,
    ) -> PyResult<Self> {
        free(py, || {
            facade::native::market::Market::on_chain(url, deployment, outbox.map(|outbox| outbox.0), depth_blocks)
        })
        .map(Market::of)
    }

    /// Reads what is new on the ledger.
    ///
    /// Errors: `ledger…`.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        let inner = self.inner()?;
        free(py, || block_on(inner.refresh()))
    }

    /// The market's addresses for wallets; none in a folder.
    #[getter]
    fn place(&self, py: Python<'_>) -> PyResult<Option<facade::wallet::MarketPlace>> {
        let inner = self.inner()?;
        free(py, || Ok(inner.place()))
    }

    /// The ledger's id.
    #[getter]
    fn ledger_id(&self, py: Python<'_>) -> PyResult<String> {
        let inner = self.inner()?;
        free(py, || Ok(inner.ledger_id()))
    }

    /// The domain of everything that is signed for it.
    #[getter]
    fn domain(&self, py: Python<'_>) -> PyResult<facade::sign::Domain> {
        let inner = self.inner()?;
        free(py, || Ok(inner.domain()))
    }

    /// The balance of an account in an asset (zero address: coins), in base units.
    ///
    /// Errors: `hex.…`.
    fn balance(&self, py: Python<'_>, account: String, asset: String) -> PyResult<u128> {
        let inner = self.inner()?;
        free(py, || inner.balance(account, asset)).and_then(|units| Units(units).whole())
    }

    /// The split of revenue that binds sessions opened now, for an amount.
    ///
    /// Errors: `money.not_decimal`.
    fn split(&self, py: Python<'_>, amount: Units) -> PyResult<facade::money::RevenueParts> {
        let inner = self.inner()?;
        free(py, || inner.split(amount.0))
    }

    /// Opens the payer's session number `nonce` with a deposit in base units; `consumer` is the address of the key that
    /// will talk. Returns the conversation, as `Chat` takes it. The same call again returns the same.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`, `hex.…`, `money.not_decimal`.
    fn open_session(
        &self,
        py: Python<'_>,
        payer: Bound<'_, PyAny>,
        consumer: Bound<'_, PyAny>,
        nonce: u64,
        model: facade::chat::ModelOffer,
        deposit: Units,
    ) -> PyResult<String> {
        let payer = PySigner::of(&payer)?;
        let consumer = PySigner::of(&consumer)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.open_session(payer, consumer, nonce, model, deposit.0)))
    }

    /// All proposals, the oldest first.
    fn proposals(&self, py: Python<'_>) -> PyResult<Vec<facade::native::market::Proposal>> {
        let inner = self.inner()?;
        free(py, || inner.proposals())
    }

    /// Votes on a proposal. The same vote again changes nothing; another is refused, and so is one after the execution.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`.
    fn vote(&self, py: Python<'_>, voter: Bound<'_, PyAny>, proposal: u64, in_favour: bool) -> PyResult<()> {
        let voter = PySigner::of(&voter)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.vote(voter, proposal, in_favour)))
    }

    /// Executes a proposal that passed; its changes bind sessions opened after it. Executing again changes nothing.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`.
    fn execute(&self, py: Python<'_>, voter: Bound<'_, PyAny>, proposal: u64) -> PyResult<()> {
        let voter = PySigner::of(&voter)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.execute(voter, proposal)))
    }

    /// Proposes another split, in basis points; returns the proposal's number. `label` is the proposer's own name for it: the
    /// same label again gives the same proposal.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`.
    fn propose_split(
        &self,
        py: Python<'_>,
        voter: Bound<'_, PyAny>,
        label: String,
        creator_bps: u16,
        node_bps: u16,
        pool_bps: u16,
    ) -> PyResult<Option<u64>> {
        let voter = PySigner::of(&voter)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.propose_split(voter, label, creator_bps, node_bps, pool_bps)))
    }

    /// Submits a dataset as its creator: encrypts it, seals its key to an execution node, has each contributor sign, and
    /// keeps ciphertext, statement and proof in a store, a folder. `nonce` and files must be those it was proved with;
    /// otherwise the proof is refused. Without a lineage its model becomes the first version of a new class. Returns the
    /// id.
    ///
    /// Errors: `submission.lineage`, `file`, `pov.…`, `zk.…`, `hex.…`, `creator.no_signer`, `seal`, `store`, `signer.…`, `market`, `ledger…`.
    #[pyo3(signature = (creator, store, nonce, dataset, public_part, proof, exex, contributors, lineage=None))]
    fn submit(
        &self,
        py: Python<'_>,
        creator: Bound<'_, PyAny>,
        store: PathText,
        nonce: u64,
        dataset: PathText,
        public_part: PathText,
        proof: facade::native::prove::ProofFiles,
        exex: facade::native::roles::ExExContact,
        contributors: Vec<Bound<'_, PyAny>>,
        lineage: Option<facade::native::roles::Lineage>,
    ) -> PyResult<String> {
        let creator = PySigner::of(&creator)?;
        let contributors = contributors.iter().map(PySigner::of).collect::<PyResult<Vec<_>>>()?;
        let inner = self.inner()?;
        free(py, || {
            block_on(inner.submit(
                creator,
                store.0,
                nonce,
                dataset.0,
                public_part.0,
                proof,
                exex,
                contributors,
                lineage,
            ))
        })
    }

    /// Submissions that wait for the verdict of a validator, an account.
    ///
    /// Errors: `hex.…`, `ledger…`.
    fn pending(&self, py: Python<'_>, validator: String) -> PyResult<Vec<String>> {
        let inner = self.inner()?;
        free(py, || block_on(inner.pending(validator)))
    }

    /// Verifies a submission as a validator, from the store's data, and attests it: proof, public part, consents and the
    /// ciphertext's digest, never the private data. The signed verdict is kept in the folder `verdicts`, or without one in the
    /// store's folder `signed`, and another verdict on the same submission is refused (`submission.signed_otherwise`): two would cost
    /// stake. A store behind a URL needs that folder.
    ///
    /// Errors: The reason not to attest: `zk.…`, `pov.…`, `submission.…`, `store`, `file`; or `market`, `ledger…`, `signer.…`.
    #[pyo3(signature = (validator, store, submission, verdicts=None))]
    fn attest(
        &self,
        py: Python<'_>,
        validator: Bound<'_, PyAny>,
        store: PathText,
        submission: String,
        verdicts: Option<PathText>,
    ) -> PyResult<facade::native::roles::SubmissionFacts> {
        let validator = PySigner::of(&validator)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.attest(validator, store.0, submission, verdicts.map(|verdicts| verdicts.0))))
    }

    /// The state of a submission, as far as the ledger was read.
    ///
    /// Errors: `hex.…`, `submission.unknown`.
    fn submission(&self, py: Python<'_>, submission: String) -> PyResult<facade::native::roles::SubmissionFacts> {
        let inner = self.inner()?;
        free(py, || inner.submission(submission))
    }

    /// Opens a session at a node, whose URL is given, with the character of this id among its models, or with the first. The
    /// key pays a deposit, in base units, and signs what is said. `system` are words before the conversation, after
    /// the character's card, which a node adds by itself if the version was published with it.
    ///
    /// Errors: `request.model` if the node offers no such character, `node.deposit_exhausted` if the deposit does not cover one reply
    /// (`offer_step`), other `node.…`, `market`, `ledger…`, `signer.…`, `money.not_decimal`.
    #[pyo3(signature = (node, signer, deposit, model=None, system=None))]
    fn talk(
        &self,
        py: Python<'_>,
        node: String,
        signer: Bound<'_, PyAny>,
        deposit: Units,
        model: Option<String>,
        system: Option<String>,
    ) -> PyResult<Session> {
        let signer = PySigner::of(&signer)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.talk(node, signer, deposit.0, model, system))).map(Session)
    }

    /// Continues a session that `Session.to_json` kept.
    ///
    /// Errors: `json.malformed`, `node.transport` if it is no URL of HTTP, `hex.…`.
    fn talk_on(
        &self,
        py: Python<'_>,
        node: String,
        signer: Bound<'_, PyAny>,
        conversation: String,
    ) -> PyResult<Session> {
        let signer = PySigner::of(&signer)?;
        let inner = self.inner()?;
        free(py, || inner.talk_on(node, signer, conversation)).map(Session)
    }

    /// As `sign_model`; the signer's account stands for the key.
    ///
    /// Errors: As `sign_model`; `signer.…`.
    fn sign_model(
        &self,
        py: Python<'_>,
        signer: Bound<'_, PyAny>,
        folder: PathText,
        key: PathText,
    ) -> PyResult<facade::native::signed::SignedModel> {
        let signer = PySigner::of(&signer)?;
        let inner = self.inner()?;
        free(py, || block_on(inner.sign_model(signer, folder.0, key.0)))
    }

    /// Fetches the adapter of a version from a store into a folder, as PEFT's files. The ledger says what it is: anything else is refused.
    ///
    /// Errors: `dat.unknown`, `file`, `store`, `feature_missing`.
    fn fetch_adapter(
        &self,
        py: Python<'_>,
        store: PathText,
        class_id: u64,
        version: u32,
        folder: PathText,
    ) -> PyResult<()> {
        let inner = self.inner()?;
        free(py, || inner.fetch_adapter(store.0, class_id, version, folder.0))
    }

    /// As `fetch_adapter`, with weights that are encrypted before they are written: only this signer's node opens
    /// them. It has to sign the same alike each time.
    ///
    /// Errors: As `fetch_adapter`; `signer.…`.
    fn fetch_sealed_adapter(
        &self,
        py: Python<'_>,
        signer: Bound<'_, PyAny>,
        store: PathText,
        class_id: u64,
        version: u32,
        folder: PathText,
    ) -> PyResult<()> {
        let signer = PySigner::of(&signer)?;
        let inner = self.inner()?;
        free(py, || inner.fetch_sealed_adapter(signer, store.0, class_id, version, folder.0))
    }
}

/// What was said before, sealed to its owner's key.
#[pyclass(frozen, module = "lazai")]
pub struct Memory(pub(crate) Arc<facade::memory::Memory>);

#[pymethods]
impl Memory {
    /// Adds a note of the user's own, said at a time in seconds since 1970; returns its number.
    ///
    /// Errors: `memory.empty`, `memory.too_large`, `file`, `memory.…`.
    fn note(&self, py: Python<'_>, text: String, at_s: u64) -> PyResult<String> {
        free(py, || self.0.note(text, at_s))
    }

    /// The entries, the oldest first.
    ///
    /// Errors: `file`, `memory.…`.
    fn list(&self, py: Python<'_>) -> PyResult<Vec<facade::memory::MemoryEntry>> {
        free(py, || self.0.list())
    }

    /// What a message would recall, within so many tokens; each byte is taken for one.
    ///
    /// Errors: `file`, `memory.…`.
    fn recall(&self, py: Python<'_>, said: String, max_tokens: u32) -> PyResult<facade::memory::MemoryRecall> {
        free(py, || self.0.recall(said, max_tokens))
    }

    /// Changes an entry's words.
    ///
    /// Errors: `memory.unknown_entry`, `memory.empty`, `memory.too_large`, `file`, `memory.…`.
    fn edit(&self, py: Python<'_>, id: String, text: String) -> PyResult<()> {
        free(py, || self.0.edit(id, text))
    }

    /// Has an entry in every prompt, as far as the budget reaches, or no longer.
    ///
    /// Errors: `memory.unknown_entry`, `file`, `memory.…`.
    fn pin(&self, py: Python<'_>, id: String, pinned: bool) -> PyResult<()> {
        free(py, || self.0.pin(id, pinned))
    }

    /// Forgets entries: all of these, or none. They are gone from the file, too; copies of it still have them.
    ///
    /// Errors: `memory.unknown_entry`, `file`, `memory.…`.
    fn forget(&self, py: Python<'_>, ids: Vec<String>) -> PyResult<()> {
        free(py, || self.0.forget(ids))
    }

    /// Forgets everything.
    ///
    /// Errors: `file`, `memory.…`.
    fn forget_all(&self, py: Python<'_>) -> PyResult<()> {
        free(py, || self.0.forget_all())
    }

    /// The entries in clear, as JSON, one a line.
    ///
    /// Errors: `file`, `memory.…`.
    fn export_lines(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || self.0.export_lines())
    }

    /// Adds the entries of `export_lines` that are not here yet; returns how many. A wrong line adds none.
    ///
    /// Errors: `memory.malformed`, `memory.too_large`, `file`, `memory.…`.
    fn import_lines(&self, py: Python<'_>, lines: String) -> PyResult<u64> {
        free(py, || self.0.import_lines(lines))
    }

    /// The memory, sealed: for a store, a page's storage, or another device of the same key.
    ///
    /// Errors: `seal`, `file`, `memory.…`.
    fn to_bytes(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        free(py, || self.0.to_bytes())
    }

    /// Finds what is recalled by its meaning, too, from now on, with a sentence encoder on this device: a folder as `sentence-transformers`
    /// writes it, of BERT's kind, such as `all-MiniLM-L6-v2`. The vectors of what is remembered are made when something is recalled, and
    /// kept in a file beside the memory's, sealed to the same key.
    ///
    /// Errors: `model`.
    fn find_by_meaning(&self, py: Python<'_>, encoder_folder: PathText) -> PyResult<()> {
        free(py, || self.0.find_by_meaning(encoder_folder.0))
    }
}

/// A node behind a URL, over this library's own HTTP and TLS.
#[pyclass(frozen, module = "lazai")]
pub struct NodeClient(pub(crate) Arc<facade::native::node::NodeClient>);

#[pymethods]
impl NodeClient {
    /// A node at a URL such as `https://node.example`; nothing is asked yet.
    ///
    /// Errors: `node.transport` if it is no URL of HTTP.
    #[new]
    fn new(py: Python<'_>, url: String) -> PyResult<Self> {
        free(py, || facade::native::node::NodeClient::new(url)).map(NodeClient)
    }

    /// A node whose certificate is held to these certificate authorities (PEM) instead of public ones.
    ///
    /// Errors: As `new`; `node.transport` if there is no certificate in the text.
    #[staticmethod]
    fn trusting(py: Python<'_>, url: String, certificates: String) -> PyResult<Self> {
        free(py, || facade::native::node::NodeClient::trusting(url, certificates)).map(NodeClient)
    }

    /// A node by way of an oblivious relay, such as `https://relay.example`: the relay sees who asks and nothing of what, the node sees
    /// the relay. What is said is sealed, or not sent. `Session`s know whose key it has to be; for a
    /// `Chat`, say it first (`hold_to`).
    ///
    /// Errors: `node.transport` if one is no URL of HTTP.
    #[staticmethod]
    fn relayed(py: Python<'_>, url: String, relay: String) -> PyResult<Self> {
        free(py, || facade::native::node::NodeClient::relayed(url, relay)).map(NodeClient)
    }

    /// Holds the node to an address, that of its offer, in the ledger's domain: requests are sealed to keys that it signed. The first
    /// call counts.
    ///
    /// Errors: `hex.…`, `address`.
    fn hold_to(&self, py: Python<'_>, domain: facade::sign::Domain, node: String) -> PyResult<()> {
        free(py, || self.0.hold_to(domain, node))
    }

    /// The characters that the node offers.
    ///
    /// Errors: `node.…`.
    fn models(&self, py: Python<'_>) -> PyResult<Vec<facade::chat::ModelOffer>> {
        free(py, || block_on(self.0.models()))
    }
}

/// A node with an HTTP front like OpenAI's, on threads of its own until it is stopped.
/// A context manager: it stops listening at its end.
#[pyclass(frozen, module = "lazai")]
pub struct NodeServer(pub(crate) Arc<facade::native::provider::NodeServer>);

#[pymethods]
impl NodeServer {
    /// What it earned by each version, by its book and the ledger.
    ///
    /// Errors: `node.book`, `node.money`.
    fn earnings(&self, py: Python<'_>) -> PyResult<Vec<facade::native::earnings::NodeEarnings>> {
        free(py, || self.0.earnings())
    }

    /// Serves adapters of a base model at an address such as `127.0.0.1:8028` (port 0: any). A folder keeps its session
    /// book; replies have at most `reply_tokens` tokens.
    ///
    /// Errors: `model` if an adapter is not the one that the ledger names, `dat.unknown` if the ledger has no such version, `market` for terms
    /// beyond its limits, `money.not_decimal`, `io` for an address that cannot be had.
    #[staticmethod]
    fn start(
        py: Python<'_>,
        market: &Market,
        signer: Bound<'_, PyAny>,
        base: &BaseModel,
        served: Vec<facade::native::provider::ServedModel>,
        reply_tokens: u32,
        folder: PathText,
        address: String,
    ) -> PyResult<Self> {
        let market = market.inner()?;
        let signer = PySigner::of(&signer)?;
        let base = base.0.clone();
        free(py, || {
            facade::native::provider::NodeServer::start(market, signer, base, served, reply_tokens, folder.0, address)
        })
        .map(NodeServer)
    }

    /// Its URL.
    #[getter]
    fn url(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.url()))
    }

    /// Redeems the last voucher of every session; returns the number of those that could not be redeemed now.
    ///
    /// Errors: `node.…`.
    fn redeem(&self, py: Python<'_>) -> PyResult<u64> {
        free(py, || block_on(self.0.redeem()))
    }

    /// Stops listening; replies in progress are finished.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        free(py, || {
            self.0.stop();
            Ok(())
        })
    }
}

/// A payer of any server that speaks x402, within limits. It has no network: an app sends a request, gives the answer with status 402 to
/// `pay`, sends the request again with the header that it gets, and gives that answer to `answered`.
#[pyclass(frozen, module = "lazai")]
pub struct Payer(pub(crate) Arc<facade::payer::Payer>);

#[pymethods]
impl Payer {
    /// A payer; `book` is what `to_json` gave before. Of several prices it pays the one of the first limit that any is
    /// in, and of those the lowest.
    ///
    /// Errors: `payment.unsafe` for a network that is none of EVM's, `hex.…`, `money.not_decimal`, `json.malformed`.
    #[new]
    #[pyo3(signature = (signer, limits, book=None))]
    fn new(
        py: Python<'_>,
        signer: Bound<'_, PyAny>,
        limits: Vec<facade::payer::SpendingLimit>,
        book: Option<String>,
    ) -> PyResult<Self> {
        let signer = PySigner::of(&signer)?;
        free(py, || facade::payer::Payer::new(signer, limits, book)).map(Payer)
    }

    /// What was signed so far, to be kept before a payment is sent: it holds signed payments.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || self.0.to_json())
    }

    /// What was signed for of an asset so far, in base units.
    ///
    /// Errors: `payment.unsafe`, `hex.…`.
    fn spent(&self, py: Python<'_>, network: String, asset: String) -> PyResult<u128> {
        free(py, || self.0.spent(network, asset)).and_then(|units| Units(units).whole())
    }

    /// The payment that was signed for a request and may still be taken: the request is sent with it again. `request` names the request,
    /// as for `pay`.
    fn open(&self, py: Python<'_>, request: String, now_s: u64) -> PyResult<Option<facade::payer::SignedPayment>> {
        free(py, || Ok(self.0.open(request, now_s)))
    }

    /// Signs a payment for a request that was answered with status 402, these headers and this body; or gives the one that was signed
    /// for it. `request` is any text that names the request, such as its method, URL and body: the same text gets the same payment until
    /// it is answered.
    ///
    /// Errors: `payment.malformed`, `payment.no_price`, `payment.over_limit`, `payment.changed`, `payment.too_many_open`, `signer.…`; then
    /// nothing was signed.
    fn pay(
        &self,
        py: Python<'_>,
        request: String,
        headers: Vec<facade::transport::Header>,
        body: Vec<u8>,
        now_s: u64,
    ) -> PyResult<facade::payer::SignedPayment> {
        free(py, || block_on(self.0.pay(request, headers, body, now_s)))
    }

    /// Takes the answer to a request that was sent with a payment. Once it is served, the same request is another purchase. What the
    /// server says of the payment, if it says something.
    ///
    /// Errors: `payment.changed` and `payment.refused` for status 402; `hex.…`, `money.not_decimal` for a payment that is none.
    fn answered(
        &self,
        py: Python<'_>,
        payment: facade::payer::SignedPayment,
        status: u16,
        headers: Vec<facade::transport::Header>,
        body: Vec<u8>,
    ) -> PyResult<Option<facade::payer::PaymentOutcome>> {
        free(py, || self.0.answered(payment, status, headers, body))
    }
}

/// A client of any server that speaks x402, over this library's own HTTP and TLS: it pays within limits, and sends a payment again whose
/// answer was lost.
#[pyclass(frozen, module = "lazai")]
pub struct PayingClient(pub(crate) Arc<facade::native::paying::PayingClient>);

#[pymethods]
impl PayingClient {
    /// A client whose book is a file, which is made if it is not there: the limits hold over every start, and a payment whose answer was
    /// lost is sent again by the next one. One process has the file at a time.
    ///
    /// Errors: `file`, `payment.unsafe` for a network that is none of EVM's, `hex.…`, `money.not_decimal`.
    #[staticmethod]
    fn open(
        py: Python<'_>,
        book: PathText,
        signer: Bound<'_, PyAny>,
        limits: Vec<facade::payer::SpendingLimit>,
    ) -> PyResult<Self> {
        let signer = PySigner::of(&signer)?;
        free(py, || facade::native::paying::PayingClient::open(book.0, signer, limits)).map(PayingClient)
    }

    /// Sends a request to an `https` URL, or an `http` one on this machine; pays if the server wants that, at most once, and sends it
    /// again with the payment.
    ///
    /// Errors: `payment.…`, `signer.…`, `file`. After `payment.unanswered` and `payment.refused` the same request goes out with the same payment.
    fn buy(
        &self,
        py: Python<'_>,
        method: String,
        url: String,
        headers: Vec<facade::transport::Header>,
        body: Vec<u8>,
    ) -> PyResult<facade::native::paying::PaidAnswer> {
        free(py, || block_on(self.0.buy(method, url, headers, body)))
    }

    /// The prices of a request that can be paid; none if the server answers without a payment. Nothing is paid.
    ///
    /// Errors: `payment.transport`, `payment.malformed`, `payment.unsafe`.
    fn prices(
        &self,
        py: Python<'_>,
        method: String,
        url: String,
        headers: Vec<facade::transport::Header>,
        body: Vec<u8>,
    ) -> PyResult<Vec<facade::native::paying::ServerPrice>> {
        free(py, || block_on(self.0.prices(method, url, headers, body)))
    }
}

/// A request sealed to its node's key, and the opener of the answer. A transport posts `body` instead of the request, gives
/// the bytes of the answer to `open`, and what comes of these to its sink; the status is inside. An answer with another
/// status than 200 is not sealed: the gateway, or somebody on the way, refused the request.
#[pyclass(frozen, module = "lazai")]
pub struct SealedPost(pub(crate) Arc<facade::sealed::SealedPost>);

#[pymethods]
impl SealedPost {
    /// Seals a request under the terms that a node tells with its models
    /// (`ModelOffer.seal_terms`), held to the node of the session's offer in the ledger's domain.
    ///
    /// Errors: `node.unsealed` if the terms are over, or not signed by that node; `json.malformed`, `hex.…`, `address`, `seal`.
    #[new]
    fn new(
        py: Python<'_>,
        request: facade::transport::HttpRequest,
        seal_terms: String,
        domain: facade::sign::Domain,
        node: String,
    ) -> PyResult<Self> {
        free(py, || facade::sealed::SealedPost::new(request, seal_terms, domain, node)).map(SealedPost)
    }

    /// Path under the node's URL, or under its place at a relay.
    #[getter]
    fn path(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.path()))
    }

    /// The header `content-type`.
    #[getter]
    fn content_type(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.content_type()))
    }

    /// What is posted: a copy.
    #[getter]
    fn body(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        free(py, || Ok(self.0.body()))
    }

    /// Takes bytes of the answer as they come; returns the bytes of its body that they complete.
    ///
    /// Errors: `node.transport` if somebody changed it, or for anything but an answer to this request.
    fn open(&self, py: Python<'_>, bytes: Vec<u8>) -> PyResult<Vec<u8>> {
        free(py, || self.0.open(bytes))
    }

    /// The last bytes of the answer's body, once nothing more comes.
    ///
    /// Errors: `node.transport` if the answer was cut off.
    fn finish(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        free(py, || self.0.finish())
    }

    /// The answer's own status, once it came.
    #[getter]
    fn status(&self, py: Python<'_>) -> PyResult<Option<u16>> {
        free(py, || Ok(self.0.status()))
    }
}

/// A session with a character at a node. Turns wait for one another, and the end waits for them.
/// A context manager: the session is ended at its end, also where something was raised.
#[pyclass(frozen, module = "lazai")]
pub struct Session(pub(crate) Arc<facade::native::session::Session>);

#[pymethods]
impl Session {
    /// Recalls what was said before into each message from now on, within so many tokens, and remembers each turn. `counter` is that of
    /// the base model. With `summaries`, the character sums up when a conversation begins what was said since its last summary: a
    /// reply that is paid as any other. Not while something is said.
    #[pyo3(signature = (memory, max_tokens, summaries, counter=None))]
    fn remember_with(
        &self,
        py: Python<'_>,
        memory: &Memory,
        max_tokens: u32,
        summaries: bool,
        counter: Option<&TokenCounter>,
    ) -> PyResult<()> {
        let memory = memory.0.clone();
        let counter = counter.map(|counter| counter.0.clone());
        free(py, || {
            self.0.remember_with(memory, max_tokens, summaries, counter);
            Ok(())
        })
    }

    /// What was recalled for the last message; none without a memory.
    #[getter]
    fn recalled(&self, py: Python<'_>) -> PyResult<Option<facade::memory::MemoryRecall>> {
        free(py, || Ok(self.0.recalled()))
    }

    /// Its id on the ledger.
    #[getter]
    fn id(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.id()))
    }

    /// Has every receipt from now on recounted, rather than held to bounds. Not while something is said.
    fn recount_with(&self, py: Python<'_>, counter: &TokenCounter) -> PyResult<()> {
        let counter = counter.0.clone();
        free(py, || {
            self.0.recount_with(counter);
            Ok(())
        })
    }

    /// Sends a message, receives the reply, checks it and pays for it. First sends a payment that did not get through.
    ///
    /// `on_text` gets each piece of the reply until it gives `False`. An error that it raises is raised when the work has ended.
    ///
    /// Errors: `node.…`, `consumer.…`, `signer.…`; the same message can be sent again.
    #[pyo3(signature = (text, settings=None, on_text=None))]
    fn say(
        &self,
        py: Python<'_>,
        text: String,
        settings: Option<facade::settings::ReplySettings>,
        on_text: Option<Py<PyAny>>,
    ) -> PyResult<facade::chat::ChatTurn> {
        let on_text = Told::of(py, on_text)?;
        on_text.or_raise(free(py, || block_on(self.0.say(text, settings.unwrap_or_default(), on_text.of_reply()))))
    }

    /// The node's receipts, one for each reply: copies.
    #[getter]
    fn receipts(&self, py: Python<'_>) -> PyResult<Vec<facade::session::SignedReceipt>> {
        free(py, || Ok(self.0.receipts()))
    }

    /// The amount owed for the session so far, in base units.
    #[getter]
    fn owed(&self, py: Python<'_>) -> PyResult<u128> {
        free(py, || Ok(self.0.owed())).and_then(|units| Units(units).whole())
    }

    /// The conversation with its receipts: to continue later (`Market.talk_on`), and as evidence.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || self.0.to_json())
    }

    /// Ends the session together with the node, which redeems what it is owed; gives what is left of the deposit, in base units,
    /// which is the payer's again. Ending again gives the same.
    ///
    /// Errors: `node.…`, `consumer.…`, `market`, `ledger…`, `signer.…`.
    fn end(&self, py: Python<'_>) -> PyResult<u128> {
        free(py, || block_on(self.0.end())).and_then(|units| Units(units).whole())
    }

    /// Takes back what is left of the deposit without the node, in two steps. The first asks the ledger for the session's end and
    /// gives when that is final (seconds since 1970), for the node may redeem until then; called again after that time, it
    /// ends the session, and gives none.
    ///
    /// Errors: `market`, `ledger…`, `signer.…`.
    fn take_back(&self, py: Python<'_>) -> PyResult<Option<u64>> {
        free(py, || block_on(self.0.take_back()))
    }

    /// Has a text spoken with the character's voice, checks the sound against its receipt, and pays for it by the character: at most
    /// `most`, in base units; none for what one reply may cost under the session's offer. The pace is in thousandths of the voice's
    /// own, from 500 to 2,000; none for its own.
    ///
    /// `on_sound` gets samples (16 bits, little-endian) and their rate as they come, until it gives `False`. An error that it raises is raised when the work has ended.
    ///
    /// Errors: `consumer.price` if it costs more, `node.not_served` if the node has no voice for it, `node.setting` for a pace or a text that it does not speak, other
    /// `node.…`, `consumer.…`, `signer.…`; the same can be asked for again.
    #[pyo3(signature = (text, speed_milli=None, most=None, on_sound=None))]
    fn speak(
        &self,
        py: Python<'_>,
        text: String,
        speed_milli: Option<u32>,
        most: Option<Units>,
        on_sound: Option<Py<PyAny>>,
    ) -> PyResult<facade::speech::Spoken> {
        let on_sound = Told::of(py, on_sound)?;
        on_sound.or_raise(free(py, || {
            block_on(self.0.speak(text, speed_milli, most.map(|most| most.0), on_sound.of_speech()))
        }))
    }

    /// The node's signed terms of speech of now, as JSON: `Chat.speak` takes them. They hold for minutes; none if the node does not speak for
    /// this character. A voice that is said to be the character's is held to the ledger.
    ///
    /// Errors: `consumer.receipt` for another voice than the token's, `node.…`.
    fn speech_terms(&self, py: Python<'_>) -> PyResult<Option<String>> {
        free(py, || block_on(self.0.speech_terms()))
    }

    /// What the node asks for speaking a text, in base units.
    ///
    /// Errors: `node.not_served` if it does not speak for this character, other `node.…`, `money.overflow`.
    fn speech_price(&self, py: Python<'_>, text: String) -> PyResult<u128> {
        free(py, || block_on(self.0.speech_price(text))).and_then(|units| Units(units).whole())
    }
}

/// Counts tokens as a node does: the tokenizer and the chat template of a model, without its weights.
#[pyclass(frozen, module = "lazai")]
pub struct TokenCounter(pub(crate) Arc<facade::counter::TokenCounter>);

#[pymethods]
impl TokenCounter {
    /// A counter from the beginning of a GGUF file, or all of it: its header is enough, some megabytes.
    ///
    /// Errors: `tokenizer.incomplete` if more of the file is needed, `tokenizer.…`.
    #[staticmethod]
    fn from_gguf(py: Python<'_>, bytes: Vec<u8>) -> PyResult<Self> {
        free(py, || facade::counter::TokenCounter::from_gguf(bytes)).map(TokenCounter)
    }

    /// A counter from `tokenizer.json` and `tokenizer_config.json`, and `chat_template.jinja` if there is one.
    ///
    /// Errors: `tokenizer.…`.
    #[staticmethod]
    #[pyo3(signature = (tokenizer, config, template=None))]
    fn from_json(py: Python<'_>, tokenizer: Vec<u8>, config: Vec<u8>, template: Option<String>) -> PyResult<Self> {
        free(py, || facade::counter::TokenCounter::from_json(tokenizer, config, template)).map(TokenCounter)
    }

    /// Digest of the tokenizer, as receipts name it.
    #[getter]
    fn digest(&self, py: Python<'_>) -> PyResult<String> {
        free(py, || Ok(self.0.digest()))
    }

    /// Counts a conversation as it is before a reply, and returns the token ids of some texts.
    ///
    /// Errors: `tokenizer.malformed` if the template refuses the conversation.
    fn count(
        &self,
        py: Python<'_>,
        messages: Vec<facade::chat::Message>,
        texts: Vec<String>,
    ) -> PyResult<facade::counter::TokenCount> {
        free(py, || self.0.count(messages, texts))
    }

    /// A counter for the model in a GGUF file, of which only the header is read, or in a folder as Hugging Face has them.
    ///
    /// Errors: `file`, `tokenizer.…`.
    #[staticmethod]
    fn open(py: Python<'_>, path: PathText) -> PyResult<Self> {
        free(py, || facade::counter::TokenCounter::open(path.0)).map(TokenCounter)
    }
}

/// A registration file as a URI that holds it, for a registry where nobody hosts the file.
///
/// Errors: `json.malformed`.
#[pyfunction]
fn agent_data_uri(py: Python<'_>, file: Json) -> PyResult<String> {
    free(py, || facade::native::agent::agent_data_uri(file.0))
}

/// The conversation in a session that the wallet `payer` opened with that call, as `Chat` takes it. The node
/// answers once the chain shows it the session.
///
/// Errors: As `open_session_call`.
#[pyfunction]
fn begin_conversation(
    py: Python<'_>,
    place: facade::wallet::MarketPlace,
    payer: String,
    nonce: u64,
    consumer: String,
    model: facade::chat::ModelOffer,
    deposit: Units,
) -> PyResult<String> {
    free(py, || facade::wallet::begin_conversation(place, payer, nonce, consumer, model, deposit.0))
}

/// Names the contract that binds an agent to a token (ERC-8217).
///
/// Errors: `hex.…`.
#[pyfunction]
fn bind_agent_call(
    py: Python<'_>,
    registry: String,
    agent: u64,
    binding: String,
) -> PyResult<facade::wallet::WalletCall> {
    free(py, || facade::native::agent::bind_agent_call(registry, agent, binding))
}

/// Holds the files of a folder to the signature beside them.
///
/// Errors: `signed.broken` for files that are not what was signed, `signed.malformed` for a signature or a key that is none, `file`.
#[pyfunction]
fn check_model(py: Python<'_>, folder: PathText) -> PyResult<facade::native::signed::SignedModel> {
    free(py, || facade::native::signed::check_model(folder.0))
}

/// Checks that an offer is signed by its node.
///
/// Errors: `signature.…`, `hex.…`, `money.not_decimal`.
#[pyfunction]
fn check_offer(
    py: Python<'_>,
    domain: facade::sign::Domain,
    offer: facade::session::Offer,
    signature: String,
) -> PyResult<()> {
    free(py, || facade::session::check_offer(domain, offer, signature))
}

/// Checks that a receipt is signed by a node.
///
/// Errors: `signature.…`, `hex.…`, `money.not_decimal`.
#[pyfunction]
fn check_receipt(
    py: Python<'_>,
    domain: facade::sign::Domain,
    receipt: facade::session::Receipt,
    signature: String,
    node: String,
) -> PyResult<()> {
    free(py, || facade::session::check_receipt(domain, receipt, signature, node))
}

/// Checks that a voucher is signed by an account.
///
/// Errors: `signature.…`, `hex.…`, `money.not_decimal`.
#[pyfunction]
fn check_voucher(
    py: Python<'_>,
    domain: facade::sign::Domain,
    voucher: facade::session::Voucher,
    signature: String,
    signer: String,
) -> PyResult<()> {
    free(py, || facade::session::check_voucher(domain, voucher, signature, signer))
}

/// The call that requests the end of the wallet's session and, sent again after the market's dispute window, ends it: the
/// unredeemed rest becomes the payer's balance in the market. (The session's node can end it at once.)
///
/// Errors: `market.place`, `signature.…`, `hex.…`, `money.not_decimal`.
#[pyfunction]
fn close_session_call(
    py: Python<'_>,
    place: facade::wallet::MarketPlace,
    payer: String,
    nonce: u64,
    consumer: String,
    model: facade::chat::ModelOffer,
) -> PyResult<facade::wallet::WalletCall> {
    free(py, || facade::wallet::close_session_call(place, payer, nonce, consumer, model))
}

/// Every code of this library's errors, sorted. Codes of nodes (`node.…`, `request.…`, `http.…` if there is only a status)
/// are passed on unchanged.
#[pyfunction]
fn error_codes(py: Python<'_>) -> PyResult<Vec<String>> {
    free(py, || Ok(facade::error::error_codes()))
}

/// Adds the words of a conversation's last reply to its evidence (JSON): everybody who gets the result can read them.
///
/// Errors: `provenance.words` if the evidence is of other words, `provenance.unreadable` also if the conversation holds none,
/// `json.malformed`.
#[pyfunction]
fn evidence_with_words(py: Python<'_>, evidence: Json, conversation: String) -> PyResult<String> {
    free(py, || facade::verify::evidence_with_words(evidence.0, conversation))
}

/// Fails with a code, so that an app can test how it handles each.
///
/// Errors: The requested code, always.
#[pyfunction]
fn fail_with(py: Python<'_>, code: String) -> PyResult<()> {
    free(py, || facade::error::fail_with(code))
}

/// Identifies a file by its content: a card, dialogues, a recording, a dataset. `character` and `user` are their names in
/// logs that name people.
///
/// Errors: `card.…`, `dialogue.…`, `pov.…`, `voice.…`, `io`.
#[pyfunction]
#[pyo3(signature = (path, character=None, user=None))]
fn inspect_file(
    py: Python<'_>,
    path: PathText,
    character: Option<String>,
    user: Option<String>,
) -> PyResult<facade::native::data::FileFacts> {
    free(py, || facade::native::data::inspect_file(path.0, character, user))
}

/// Keeps the adapter of a minted version in a store, a folder or a URL, with the record of its training: nodes fetch it from there. Whoever
/// can read the store has the adapter. `folder` has PEFT's files, `record` is the file of the training record.
///
/// Errors: `file`, `json.malformed`, `store` (also for another adapter's record), `feature_missing`.
#[pyfunction]
fn keep_adapter(py: Python<'_>, store: PathText, folder: PathText, record: PathText) -> PyResult<()> {
    free(py, || facade::native::store::keep_adapter(store.0, folder.0, record.0))
}

/// The version of the library.
#[pyfunction]
fn library_version(py: Python<'_>) -> PyResult<String> {
    free(py, || Ok(facade::library_version()))
}

/// Puts an agent's file at another URI: the one that names its own number.
///
/// Errors: `hex.…`.
#[pyfunction]
fn move_agent_call(py: Python<'_>, registry: String, agent: u64, uri: String) -> PyResult<facade::wallet::WalletCall> {
    free(py, || facade::native::agent::move_agent_call(registry, agent, uri))
}

/// The most that one reply under an offer can cost, in base units: the least deposit that gets one.
///
/// Errors: `hex.…`, `money.…`.
#[pyfunction]
fn offer_step(py: Python<'_>, offer: facade::session::Offer) -> PyResult<u128> {
    free(py, || facade::session::offer_step(offer)).and_then(|units| Units(units).whole())
}

/// The memory in a file, which its first entry makes; the signer's key opens it. Processes may share the file. A wallet is asked for two
/// signatures, which are sent to nobody.
///
/// Errors: `file`, `memory.other_key`, `memory.not_memory`, `memory.damaged`, `memory.too_large`, `signer.…`.
#[pyfunction]
fn open_memory(py: Python<'_>, path: PathText, signer: Bound<'_, PyAny>) -> PyResult<Memory> {
    let signer = PySigner::of(&signer)?;
    free(py, || block_on(facade::native::memory::open_memory(path.0, signer))).map(Memory)
}

/// The call that opens the wallet's session number `nonce`, with a deposit in base units. `consumer` is the address of the
/// key that will talk: the wallet itself, or a key of the app, which then signs the vouchers. For an offer in coins, the
/// whole deposit goes with the call.
///
/// Errors: `market.place`, `market` for a deposit beyond 96 bits, `signature.…`, `hex.…`, `money.not_decimal`.
#[pyfunction]
fn open_session_call(
    py: Python<'_>,
    place: facade::wallet::MarketPlace,
    nonce: u64,
    consumer: String,
    model: facade::chat::ModelOffer,
    deposit: Units,
) -> PyResult<facade::wallet::WalletCall> {
    free(py, || facade::wallet::open_session_call(place, nonce, consumer, model, deposit.0))
}

/// Makes a dataset of dialogues in files of any known format, and of the recordings that lists among the files name: normalised, without
/// near duplicates, a part held out, cut into records by the tokenizer of a base model (GGUF). Dialogues come first: recordings alone are no
/// dataset. Memory does not grow with the dialogues, but with the recordings. If files name people, `character`
/// names the one whose words are learnt, and `user` the one who talks with it; everybody else's words are context. With a `card`,
/// dialogues go on from it, as they do where nodes put it before conversations: see `write_public_part`.
/// Dialogues that are longer than `record_tokens` (256 unless it is named, and never more than the base reads) are cut between turns.
///
/// `on_progress` gets a `Progress` now and then, and cancels by `False`. An error that it raises is raised when the work has ended.
///
/// Errors: `dialogue.…`, `pov.…`, `hex.…`, `model`, `file`, `cancelled`; no file is left behind.
#[pyfunction]
#[pyo3(signature = (files, contributor, base_model, out, on_progress=None, character=None, user=None, card=None, record_tokens=None))]
fn prepare_dataset(
    py: Python<'_>,
    files: Vec<PathText>,
    contributor: facade::native::data::ContributorTerms,
    base_model: PathText,
    out: PathText,
    on_progress: Option<Py<PyAny>>,
    character: Option<String>,
    user: Option<String>,
    card: Option<&Character>,
    record_tokens: Option<u32>,
) -> PyResult<facade::native::data::DatasetFacts> {
    let on_progress = Told::of(py, on_progress)?;
    let card = card.map(|card| card.0.clone());
    on_progress.or_raise(free(py, || {
        facade::native::data::prepare_dataset(
            files.into_iter().map(|files| files.0).collect(),
            contributor,
            base_model.0,
            out.0,
            on_progress.of_progress(),
            character,
            user,
            card,
            record_tokens,
        )
    }))
}

/// Proves in zero knowledge that a dataset is whole and within the rules, bound to a ledger, a submitter and the
/// submitter's `nonce`. Writes `statement.json` and `proof.bin` into a folder; after it was killed or cancelled, a run
/// continues from there.
///
/// `public_part` is the file of the dataset's public part, whose prompts the statement names; none publishes nothing.
///
/// `on_progress` gets a `Progress` now and then, and cancels by `False`. An error that it raises is raised when the work has ended.
///
/// Errors: `hex.…`, `pov.…`, `zk.…`, `file`, `cancelled`.
#[pyfunction]
#[pyo3(signature = (dataset, public_part, ledger, submitter, nonce, folder, on_progress=None))]
fn prove_dataset(
    py: Python<'_>,
    dataset: PathText,
    public_part: Option<PathText>,
    ledger: String,
    submitter: String,
    nonce: u64,
    folder: PathText,
    on_progress: Option<Py<PyAny>>,
) -> PyResult<facade::native::prove::ProofFiles> {
    let on_progress = Told::of(py, on_progress)?;
    on_progress.or_raise(free(py, || {
        facade::native::prove::prove_dataset(
            dataset.0,
            public_part.map(|public_part| public_part.0),
            ledger,
            submitter,
            nonce,
            folder.0,
            on_progress.of_progress(),
        )
    }))
}

/// The first dialogues of a file, `most` of them, before duplicates are dropped: which words training learns, and which are context.
///
/// Errors: `dialogue.…`, `file`.
#[pyfunction]
#[pyo3(signature = (path, most, character=None, user=None))]
fn read_dialogues(
    py: Python<'_>,
    path: PathText,
    most: u32,
    character: Option<String>,
    user: Option<String>,
) -> PyResult<Vec<facade::native::data::ReadDialogue>> {
    free(py, || facade::native::data::read_dialogues(path.0, most, character, user))
}

/// Reads a market's addresses from this record's JSON, which an app ships with, or its publisher serves.
///
/// Errors: `json.malformed`, `hex.…`, `market.place` if ledger and domain are not of one market.
#[pyfunction]
fn read_market_place(py: Python<'_>, json: Json) -> PyResult<facade::wallet::MarketPlace> {
    free(py, || facade::wallet::read_market_place(json.0))
}

/// A memory out of the bytes that `Memory.to_bytes` sealed, or an empty one; the signer's key opens it, on every device. A wallet
/// is asked for two signatures, which are sent to nobody.
///
/// Errors: `memory.other_key`, `memory.not_memory`, `memory.damaged`, `memory.too_large`, `signer.…`.
#[pyfunction]
fn read_memory(py: Python<'_>, sealed: Option<Vec<u8>>, signer: Bound<'_, PyAny>) -> PyResult<Memory> {
    let signer = PySigner::of(&signer)?;
    free(py, || block_on(facade::memory::read_memory(sealed, signer))).map(Memory)
}

/// The models in a node's answer to `GET /v1/models`, or to `GET /v1/models/ID`, which is one model with its card.
///
/// Errors: `node.transport` if it is no such answer.
#[pyfunction]
fn read_models(py: Python<'_>, body: Vec<u8>) -> PyResult<Vec<facade::chat::ModelOffer>> {
    free(py, || facade::chat::read_models(body))
}

/// Repeats a reply out of its evidence, on the base model and the adapter that its receipt names, and tells whether it was made as it was
/// signed. Signatures and digests are checked first; if a domain is given, it must be the evidence's.
///
/// Errors: `consumer.receipt`, `consumer.receipt_signature` for evidence that is false, `json.malformed`, `file`, `model`.
#[pyfunction]
#[pyo3(signature = (evidence, base, adapter, settings=None, domain=None))]
fn recheck_reply(
    py: Python<'_>,
    evidence: Json,
    base: PathText,
    adapter: PathText,
    settings: Option<facade::native::recheck::RecheckSettings>,
    domain: Option<facade::sign::Domain>,
) -> PyResult<facade::native::recheck::RecheckedReply> {
    free(py, || {
        facade::native::recheck::recheck_reply(evidence.0, base.0, adapter.0, settings.unwrap_or_default(), domain)
    })
}

/// Repeats a training as its record says, on the dataset that it was made of, which its readers have: measures base and adapter on the records
/// that were held out, and makes the first `steps` steps again (0 for none; more than there are for all, which takes as long as the training).
/// It computes on all cores.
///
/// Errors: `consumer.receipt` if the record is of another dataset or adapter, `json.malformed`, `file`, `pov.…`, `model`.
#[pyfunction]
fn recheck_training(
    py: Python<'_>,
    record: PathText,
    dataset: PathText,
    base: PathText,
    adapter: PathText,
    steps: u32,
) -> PyResult<facade::native::retraining::RecheckedTraining> {
    free(py, || facade::native::retraining::recheck_training(record.0, dataset.0, base.0, adapter.0, steps))
}

/// Registers an agent whose file is at a URI: the sender owns it.
///
/// Errors: `hex.…`.
#[pyfunction]
fn register_agent_call(py: Python<'_>, registry: String, uri: String) -> PyResult<facade::wallet::WalletCall> {
    free(py, || facade::native::agent::register_agent_call(registry, uri))
}

/// Signs a report, as the session's consumer; returns the request that brings it to the node.
///
/// Errors: `report.too_long`, `hex.…`, `signer.…`.
#[pyfunction]
fn report_character(
    py: Python<'_>,
    domain: facade::sign::Domain,
    report: facade::safety::CharacterReport,
    signer: Bound<'_, PyAny>,
) -> PyResult<facade::transport::HttpRequest> {
    let signer = PySigner::of(&signer)?;
    free(py, || block_on(facade::safety::report_character(domain, report, signer)))
}

/// The id of a session, from the payer's number for it: it binds everything that was agreed.
///
/// Errors: `hex.…`, `money.not_decimal`.
#[pyfunction]
fn session_id(
    py: Python<'_>,
    ledger: String,
    payer: String,
    nonce: u64,
    consumer: String,
    offer: facade::session::Offer,
) -> PyResult<String> {
    free(py, || facade::session::session_id(ledger, payer, nonce, consumer, offer))
}

/// Signs the files of a folder with a key (ECDSA over P-256) in a file, which is made if it is not there: `model_signing verify key` checks
/// them with `model.pub`. No account stands for the key.
///
/// Errors: `file`, `signed.malformed` for a file that is no key, `signer.no_randomness`.
#[pyfunction]
fn sign_model(py: Python<'_>, folder: PathText, key: PathText) -> PyResult<facade::native::signed::SignedModel> {
    free(py, || facade::native::signed::sign_model(folder.0, key.0))
}

/// Signs an offer, as its node.
///
/// Errors: `hex.…`, `money.not_decimal`, `signer.…`.
#[pyfunction]
fn sign_offer(
    py: Python<'_>,
    domain: facade::sign::Domain,
    offer: facade::session::Offer,
    signer: Bound<'_, PyAny>,
) -> PyResult<String> {
    let signer = PySigner::of(&signer)?;
    free(py, || block_on(facade::session::sign_offer(domain, offer, signer)))
}

/// Signs a receipt, as the node.
///
/// Errors: `hex.…`, `money.not_decimal`, `signer.…`.
#[pyfunction]
fn sign_receipt(
    py: Python<'_>,
    domain: facade::sign::Domain,
    receipt: facade::session::Receipt,
    signer: Bound<'_, PyAny>,
) -> PyResult<String> {
    let signer = PySigner::of(&signer)?;
    free(py, || block_on(facade::session::sign_receipt(domain, receipt, signer)))
}

/// Signs a voucher, as the session's consumer.
///
/// Errors: `hex.…`, `money.not_decimal`, `signer.…`.
#[pyfunction]
fn sign_voucher(
    py: Python<'_>,
    domain: facade::sign::Domain,
    voucher: facade::session::Voucher,
    signer: Bound<'_, PyAny>,
) -> PyResult<String> {
    let signer = PySigner::of(&signer)?;
    free(py, || block_on(facade::session::sign_voucher(domain, voucher, signer)))
}

/// What a WAV file (and, where files are at hand, a FLAC file) says of its sound. Its signatures and digests hold; that the node serves the version that it names, a ledger
/// says.
///
/// Errors: `speech.unmarked` for a file that does not say that it is synthetic, `speech.format` for one that is no such file of one channel
/// and 16 bits, `speech.malformed` for a note that cannot be read, `speech.broken` for one that does not hold.
#[pyfunction]
fn speech_note(py: Python<'_>, file: Vec<u8>) -> PyResult<facade::speech::SpeechNote> {
    free(py, || facade::speech::speech_note(file))
}

/// Splits an amount of base units as the market does: node and pool are rounded down, the creator gets the rest.
///
/// Errors: `money.not_decimal`, `money.basis_points_too_many`, `split.sum`, `split.creator_below_minimum`.
#[pyfunction]
fn split_revenue(
    py: Python<'_>,
    amount: Units,
    creator_bps: u16,
    node_bps: u16,
    pool_bps: u16,
) -> PyResult<facade::money::RevenueParts> {
    free(py, || facade::money::split_revenue(amount.0, creator_bps, node_bps, pool_bps))
}

/// Digest of this library's verifier's key: part of every trust anchor.
#[pyfunction]
fn verifier_key(py: Python<'_>) -> PyResult<String> {
    free(py, || Ok(facade::verify::verifier_key()))
}

/// Checks the provenance of a reply: evidence (JSON, at most 4 MiB) against an anchor (JSON) that the caller has from
/// elsewhere, never from the evidence's source. A check that does not hold is a broken link, not an error; but words that
/// do not match the receipt are an error. Without words, the link `receipt` says that they are missing.
///
/// Errors: `provenance.unreadable`, `provenance.words`, `json.malformed`.
#[pyfunction]
fn verify_evidence(py: Python<'_>, evidence: Json, anchor: Json) -> PyResult<facade::verify::Provenance> {
    free(py, || facade::verify::verify_evidence(evidence.0, anchor.0))
}

/// Verifies a proof of a dataset, and returns the facts that it shows.
///
/// Errors: `zk.…`.
#[pyfunction]
fn verify_proof(py: Python<'_>, statement: Vec<u8>, proof: Vec<u8>) -> PyResult<facade::verify::ProofFacts> {
    free(py, || facade::verify::verify_proof(statement, proof))
}

/// Checks the provenance of a reply, as `verify_evidence` does, and repeats the reply out of its own evidence: where it is
/// the same, the link of adapter and base is `repeated`, by you.
///
/// Errors: As `verify_evidence` and `recheck_reply`; `consumer.receipt` also where the one evidence is not of the other's reply.
#[pyfunction]
#[pyo3(signature = (evidence, anchor, reply, base, adapter, settings=None))]
fn verify_repeated(
    py: Python<'_>,
    evidence: Json,
    anchor: Json,
    reply: Json,
    base: PathText,
    adapter: PathText,
    settings: Option<facade::native::recheck::RecheckSettings>,
) -> PyResult<facade::verify::Provenance> {
    free(py, || {
        facade::native::recheck::verify_repeated(
            evidence.0,
            anchor.0,
            reply.0,
            base.0,
            adapter.0,
            settings.unwrap_or_default(),
        )
    })
}

/// The 32 bytes of a voucher that are signed (EIP-712), as hex.
///
/// Errors: `hex.…`, `money.not_decimal`.
#[pyfunction]
fn voucher_digest(py: Python<'_>, domain: facade::sign::Domain, voucher: facade::session::Voucher) -> PyResult<String> {
    free(py, || facade::session::voucher_digest(domain, voucher))
}

/// A voucher as wallets sign it: the JSON of `eth_signTypedData_v4`.
///
/// Errors: `hex.…`, `money.not_decimal`.
#[pyfunction]
fn voucher_typed_data(
    py: Python<'_>,
    domain: facade::sign::Domain,
    voucher: facade::session::Voucher,
) -> PyResult<String> {
    free(py, || facade::session::voucher_typed_data(domain, voucher))
}

/// The call that withdraws an amount, in base units, of the wallet's balance from the market.
///
/// Errors: `market.place`, `hex.…`, `money.not_decimal`.
#[pyfunction]
fn withdraw_call(
    py: Python<'_>,
    place: facade::wallet::MarketPlace,
    asset: String,
    to: String,
    amount: Units,
) -> PyResult<facade::wallet::WalletCall> {
    free(py, || facade::wallet::withdraw_call(place, asset, to, amount.0))
}

/// Writes the public part of a dataset, at most 32 KiB: the public description of the character, prompts that show how to
/// talk with it, and the contributors. `voice_source` names the origin of recordings; empty without recordings. `prompted` has
/// nodes put the character's card before every conversation: the dataset must be prepared with this `card`.
///
/// Errors: `pov.…`, `hex.…`, `file`.
#[pyfunction]
#[pyo3(signature = (character, prompts, contributors, voice_source, out, prompted=false))]
fn write_public_part(
    py: Python<'_>,
    character: &Character,
    prompts: Vec<String>,
    contributors: Vec<facade::native::data::ContributorTerms>,
    voice_source: String,
    out: PathText,
    prompted: bool,
) -> PyResult<()> {
    let character = character.0.clone();
    free(py, || {
        facade::native::roles::write_public_part(character, prompts, contributors, voice_source, out.0, prompted)
    })
}

/// The compiled part of the package `lazai`.
#[pymodule]
pub(crate) mod _lazai {
    #[pymodule_export]
    use super::BaseModel;
    #[pymodule_export]
    use super::BaseVoice;
    #[pymodule_export]
    use super::Blocklist;
    #[pymodule_export]
    use super::Character;
    #[pymodule_export]
    use super::Chat;
    #[pymodule_export]
    use super::ExEx;
    #[pymodule_export]
    use super::LocalKey;
    #[pymodule_export]
    use super::Market;
    #[pymodule_export]
    use super::Memory;
    #[pymodule_export]
    use super::NodeClient;
    #[pymodule_export]
    use super::NodeServer;
    #[pymodule_export]
    use super::Payer;
    #[pymodule_export]
    use super::PayingClient;
    #[pymodule_export]
    use super::SealedPost;
    #[pymodule_export]
    use super::Session;
    #[pymodule_export]
    use super::TokenCounter;
    #[pymodule_export]
    use super::agent_data_uri;
    #[pymodule_export]
    use super::begin_conversation;
    #[pymodule_export]
    use super::bind_agent_call;
    #[pymodule_export]
    use super::check_model;
    #[pymodule_export]
    use super::check_offer;
    #[pymodule_export]
    use super::check_receipt;
    #[pymodule_export]
    use super::check_voucher;
    #[pymodule_export]
    use super::close_session_call;
    #[pymodule_export]
    use super::error_codes;
    #[pymodule_export]
    use super::evidence_with_words;
    #[pymodule_export]
    use super::fail_with;
    #[pymodule_export]
    use super::inspect_file;
    #[pymodule_export]
    use super::keep_adapter;
    #[pymodule_export]
    use super::library_version;
    #[pymodule_export]
    use super::move_agent_call;
    #[pymodule_export]
    use super::offer_step;
    #[pymodule_export]
    use super::open_memory;
    #[pymodule_export]
    use super::open_session_call;
    #[pymodule_export]
    use super::prepare_dataset;
    #[pymodule_export]
    use super::prove_dataset;
    #[pymodule_export]
    use super::read_dialogues;
    #[pymodule_export]
    use super::read_market_place;
    #[pymodule_export]
    use super::read_memory;
    #[pymodule_export]
    use super::read_models;
    #[pymodule_export]
    use super::recheck_reply;
    #[pymodule_export]
    use super::recheck_training;
    #[pymodule_export]
    use super::register_agent_call;
    #[pymodule_export]
    use super::report_character;
    #[pymodule_export]
    use super::session_id;
    #[pymodule_export]
    use super::sign_model;
    #[pymodule_export]
    use super::sign_offer;
    #[pymodule_export]
    use super::sign_receipt;
    #[pymodule_export]
    use super::sign_voucher;
    #[pymodule_export]
    use super::speech_note;
    #[pymodule_export]
    use super::split_revenue;
    #[pymodule_export]
    use super::verifier_key;
    #[pymodule_export]
    use super::verify_evidence;
    #[pymodule_export]
    use super::verify_proof;
    #[pymodule_export]
    use super::verify_repeated;
    #[pymodule_export]
    use super::voucher_digest;
    #[pymodule_export]
    use super::voucher_typed_data;
    #[pymodule_export]
    use super::withdraw_call;
    #[pymodule_export]
    use super::write_public_part;
    #[pymodule_export]
    use crate::LazaiError;
    #[pymodule_export]
    use crate::run_command;
    #[pymodule_export]
    use lazai_facade::character::FileAction;
    #[pymodule_export]
    use lazai_facade::character::FileNote;
    #[pymodule_export]
    use lazai_facade::chat::ChatTurn;
    #[pymodule_export]
    use lazai_facade::chat::FinishReason;
    #[pymodule_export]
    use lazai_facade::chat::Message;
    #[pymodule_export]
    use lazai_facade::chat::ModelOffer;
    #[pymodule_export]
    use lazai_facade::chat::Role;
    #[pymodule_export]
    use lazai_facade::chat::TokenCheck;
    #[pymodule_export]
    use lazai_facade::counter::TokenCount;
    #[pymodule_export]
    use lazai_facade::memory::MemoryAuthor;
    #[pymodule_export]
    use lazai_facade::memory::MemoryEntry;
    #[pymodule_export]
    use lazai_facade::memory::MemoryRecall;
    #[pymodule_export]
    use lazai_facade::memory::RecalledLine;
    #[pymodule_export]
    use lazai_facade::money::RevenueParts;
    #[pymodule_export]
    use lazai_facade::native::Progress;
    #[pymodule_export]
    use lazai_facade::native::agent::AgentRegistration;
    #[pymodule_export]
    use lazai_facade::native::dat::DatFacts;
    #[pymodule_export]
    use lazai_facade::native::dat::TokenFacts;
    #[pymodule_export]
    use lazai_facade::native::data::ContributorTerms;
    #[pymodule_export]
    use lazai_facade::native::data::DatasetFacts;
    #[pymodule_export]
    use lazai_facade::native::data::DialogueMessage;
    #[pymodule_export]
    use lazai_facade::native::data::FileFacts;
    #[pymodule_export]
    use lazai_facade::native::data::FileKind;
    #[pymodule_export]
    use lazai_facade::native::data::ReadDialogue;
    #[pymodule_export]
    use lazai_facade::native::disputes::Dispute;
    #[pymodule_export]
    use lazai_facade::native::disputes::DisputeState;
    #[pymodule_export]
    use lazai_facade::native::disputes::NodeBond;
    #[pymodule_export]
    use lazai_facade::native::earnings::NodeEarnings;
    #[pymodule_export]
    use lazai_facade::native::earnings::ShareEarnings;
    #[pymodule_export]
    use lazai_facade::native::exex::AccessTerms;
    #[pymodule_export]
    use lazai_facade::native::exex::MintedModel;
    #[pymodule_export]
    use lazai_facade::native::exex::ModelTerms;
    #[pymodule_export]
    use lazai_facade::native::exex::PaymentMeans;
    #[pymodule_export]
    use lazai_facade::native::exex::Rating;
    #[pymodule_export]
    use lazai_facade::native::market::Founding;
    #[pymodule_export]
    use lazai_facade::native::market::Funds;
    #[pymodule_export]
    use lazai_facade::native::market::Proposal;
    #[pymodule_export]
    use lazai_facade::native::model::AdapterFacts;
    #[pymodule_export]
    use lazai_facade::native::model::TrainedAdapter;
    #[pymodule_export]
    use lazai_facade::native::model::TrainingSettings;
    #[pymodule_export]
    use lazai_facade::native::paying::PaidAnswer;
    #[pymodule_export]
    use lazai_facade::native::paying::PaymentMade;
    #[pymodule_export]
    use lazai_facade::native::paying::ServerPrice;
    #[pymodule_export]
    use lazai_facade::native::prove::ProofFiles;
    #[pymodule_export]
    use lazai_facade::native::provider::ServedModel;
    #[pymodule_export]
    use lazai_facade::native::recheck::RecheckSettings;
    #[pymodule_export]
    use lazai_facade::native::recheck::RecheckedReply;
    #[pymodule_export]
    use lazai_facade::native::recheck::RepeatOutcome;
    #[pymodule_export]
    use lazai_facade::native::retraining::QualityFacts;
    #[pymodule_export]
    use lazai_facade::native::retraining::RecheckedTraining;
    #[pymodule_export]
    use lazai_facade::native::roles::ExExContact;
    #[pymodule_export]
    use lazai_facade::native::roles::Lineage;
    #[pymodule_export]
    use lazai_facade::native::roles::SubmissionFacts;
    #[pymodule_export]
    use lazai_facade::native::roles::SubmissionStatus;
    #[pymodule_export]
    use lazai_facade::native::signed::SignedModel;
    #[pymodule_export]
    use lazai_facade::native::voice::ServedVoice;
    #[pymodule_export]
    use lazai_facade::payer::PaymentOutcome;
    #[pymodule_export]
    use lazai_facade::payer::SignedPayment;
    #[pymodule_export]
    use lazai_facade::payer::SpendingLimit;
    #[pymodule_export]
    use lazai_facade::safety::CharacterReport;
    #[pymodule_export]
    use lazai_facade::safety::Concern;
    #[pymodule_export]
    use lazai_facade::session::Offer;
    #[pymodule_export]
    use lazai_facade::session::Receipt;
    #[pymodule_export]
    use lazai_facade::session::SignedReceipt;
    #[pymodule_export]
    use lazai_facade::session::Voucher;
    #[pymodule_export]
    use lazai_facade::settings::ReplySettings;
    #[pymodule_export]
    use lazai_facade::settings::TokenBias;
    #[pymodule_export]
    use lazai_facade::sign::Domain;
    #[pymodule_export]
    use lazai_facade::sign::SigningRequest;
    #[pymodule_export]
    use lazai_facade::speech::SpeechNote;
    #[pymodule_export]
    use lazai_facade::speech::Spoken;
    #[pymodule_export]
    use lazai_facade::speech::SpokenVoice;
    #[pymodule_export]
    use lazai_facade::transport::Header;
    #[pymodule_export]
    use lazai_facade::transport::HttpRequest;
    #[pymodule_export]
    use lazai_facade::verify::ContributorFacts;
    #[pymodule_export]
    use lazai_facade::verify::ProofFacts;
    #[pymodule_export]
    use lazai_facade::verify::Provenance;
    #[pymodule_export]
    use lazai_facade::verify::ProvenanceLink;
    #[pymodule_export]
    use lazai_facade::verify::TrustLevel;
    #[pymodule_export]
    use lazai_facade::wallet::MarketPlace;
    #[pymodule_export]
    use lazai_facade::wallet::WalletCall;
}
