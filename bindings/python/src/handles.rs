//! Handles: classes of one-line methods.

use std::sync::Arc;

use lazai_facade as facade;
use lazai_facade::chat::{ChatTurn, Message, ModelOffer, ReplySettings};
use lazai_facade::{Domain, FileNote, HttpRequest, TokenCount};
use pollster::block_on;
use pyo3::prelude::*;

use crate::foreign::{PySigner, Told};
use crate::{free, raised};

/// A character, out of a card of any format.
#[pyclass(frozen)]
pub struct Character(pub(crate) Arc<facade::Character>);

#[pymethods]
impl Character {
    /// Reads a card.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: Vec<u8>) -> PyResult<Self> {
        free(py, || facade::Character::from_bytes(bytes)).map(Self)
    }

    /// The character's name.
    fn name(&self) -> String {
        self.0.name()
    }

    /// The author of the card.
    fn creator(&self) -> String {
        self.0.creator()
    }

    /// Search words.
    fn tags(&self) -> Vec<String> {
        self.0.tags()
    }

    /// First message: 0 is the card's own, then come the alternate ones.
    fn greeting(&self, index: u32, user: String) -> Option<String> {
        self.0.greeting(index, user)
    }

    /// The words before a conversation, as its system message (a node adds none): the card's system prompt, lore that is
    /// always there, who the character is, examples, and what comes after the conversation.
    fn system_prompt(&self, user: String) -> String {
        self.0.system_prompt(user)
    }

    /// The part of the system prompt about the character: description, personality and scenario.
    fn persona(&self, user: String) -> String {
        self.0.persona(user)
    }

    /// The part of the system prompt with examples of the character's speech.
    fn examples(&self, user: String) -> String {
        self.0.examples(user)
    }

    /// Entries of its lorebook.
    fn lorebook_entries(&self) -> u32 {
        self.0.lorebook_entries()
    }

    /// Notes on data that was dropped, merged or repaired when the card was read.
    fn notes(&self) -> Vec<FileNote> {
        self.0.notes()
    }

    /// The card as JSON of version 2.
    fn to_v2_json(&self) -> String {
        self.0.to_v2_json()
    }

    /// The card as JSON of version 3.
    fn to_v3_json(&self) -> String {
        self.0.to_v3_json()
    }

    /// The card inside a PNG image.
    fn to_png(&self, image: Vec<u8>) -> PyResult<Vec<u8>> {
        self.0.to_png(image).map_err(raised)
    }
}

/// A consumer's list of blocked characters.
#[pyclass(frozen)]
pub struct Blocklist(Arc<facade::Blocklist>);

#[pymethods]
impl Blocklist {
    /// A list from `to_json`; `[]` is an empty one.
    #[staticmethod]
    fn from_json(json: String) -> PyResult<Self> {
        facade::Blocklist::from_json(json).map(Self).map_err(raised)
    }

    /// The list as JSON.
    fn to_json(&self) -> PyResult<String> {
        self.0.to_json().map_err(raised)
    }

    /// Blocks a character, all versions of it.
    fn block(&self, class_id: u64) {
        self.0.block(class_id);
    }

    /// Unblocks a character.
    fn unblock(&self, class_id: u64) {
        self.0.unblock(class_id);
    }

    /// Tells whether a character is blocked.
    fn is_blocked(&self, class_id: u64) -> bool {
        self.0.is_blocked(class_id)
    }
}

/// A key in this process's memory: wiped when dropped, never printed.
#[pyclass(frozen)]
pub struct LocalKey(pub(crate) Arc<facade::LocalKey>);

#[pymethods]
impl LocalKey {
    /// A fresh key.
    #[staticmethod]
    fn random() -> PyResult<Self> {
        facade::LocalKey::random().map(Self).map_err(raised)
    }

    /// The key of these 32 bytes, as hex.
    #[staticmethod]
    fn from_hex(secret: String) -> PyResult<Self> {
        facade::LocalKey::from_hex(secret).map(Self).map_err(raised)
    }

    /// The key in a keystore file (version 3).
    #[staticmethod]
    fn from_keystore(py: Python<'_>, path: String, password: String) -> PyResult<Self> {
        free(py, || facade::LocalKey::from_keystore(path, password)).map(Self)
    }

    /// Writes the key to a keystore file in a folder, under a name.
    fn to_keystore(&self, py: Python<'_>, folder: String, name: String, password: String) -> PyResult<()> {
        let key = self.0.clone();
        free(py, || key.to_keystore(folder, name, password))
    }

    /// Its address.
    fn address(&self) -> String {
        self.0.address()
    }

    /// Signs any 32 bytes, as hex.
    fn sign_digest(&self, digest: String) -> PyResult<String> {
        self.0.sign_digest(digest).map_err(raised)
    }
}

/// A node behind a URL.
#[pyclass(frozen)]
pub struct NodeClient(Arc<facade::native::node::NodeClient>);

#[pymethods]
impl NodeClient {
    /// A node at a URL; nothing is asked yet.
    #[new]
    fn new(url: String) -> PyResult<Self> {
        facade::native::node::NodeClient::new(url).map(Self).map_err(raised)
    }

    /// The characters that the node offers.
    fn models(&self, py: Python<'_>) -> PyResult<Vec<ModelOffer>> {
        free(py, || block_on(self.0.models()))
    }
}

/// Counts tokens as a node does: the tokenizer and the chat template of a model, without its weights.
#[pyclass(frozen)]
pub struct TokenCounter(pub(crate) Arc<facade::TokenCounter>);

#[pymethods]
impl TokenCounter {
    /// A counter for the model in a GGUF file, of which only the header is read, or in a folder as Hugging Face has them.
    #[staticmethod]
    fn open(py: Python<'_>, path: String) -> PyResult<Self> {
        free(py, || facade::TokenCounter::open(path)).map(Self)
    }

    /// A counter from the beginning of a GGUF file, or all of it.
    #[staticmethod]
    fn from_gguf(py: Python<'_>, bytes: Vec<u8>) -> PyResult<Self> {
        free(py, || facade::TokenCounter::from_gguf(bytes)).map(Self)
    }

    /// A counter from `tokenizer.json` and `tokenizer_config.json`, and `chat_template.jinja` if there is one.
    #[staticmethod]
    #[pyo3(signature = (tokenizer, config, template=None))]
    fn from_json(py: Python<'_>, tokenizer: Vec<u8>, config: Vec<u8>, template: Option<String>) -> PyResult<Self> {
        free(py, || facade::TokenCounter::from_json(tokenizer, config, template)).map(Self)
    }

    /// Digest of the tokenizer, as receipts name it.
    fn digest(&self) -> String {
        self.0.digest()
    }

    /// Counts a conversation as it is before a reply, and returns the token ids of some texts.
    fn count(&self, py: Python<'_>, messages: Vec<Message>, texts: Vec<String>) -> PyResult<TokenCount> {
        free(py, || self.0.count(messages, texts))
    }
}

/// A conversation in an open session.
#[pyclass(frozen)]
pub struct Chat(Arc<facade::Chat>);

#[pymethods]
impl Chat {
    /// A conversation, from `to_json` or as the session began.
    #[new]
    fn new(conversation: String, domain: Domain, signer: Bound<'_, PyAny>) -> PyResult<Self> {
        facade::Chat::new(conversation, domain, PySigner::of(&signer)?).map(Self).map_err(raised)
    }

    /// Recounts every receipt from now on, instead of only holding it to bounds.
    fn recount_with(&self, counter: &TokenCounter) {
        self.0.recount_with(counter.0.clone());
    }

    /// The conversation, to be kept, and shown as evidence.
    fn to_json(&self) -> PyResult<String> {
        self.0.to_json().map_err(raised)
    }

    /// The messages so far.
    fn messages(&self) -> Vec<Message> {
        self.0.messages()
    }

    /// The amount owed for the session so far, in base units.
    fn owed(&self) -> String {
        self.0.owed()
    }

    /// Signs a request for the next reply; `messages` are the whole conversation.
    fn ask(&self, py: Python<'_>, messages: Vec<Message>, settings: ReplySettings) -> PyResult<HttpRequest> {
        free(py, || block_on(self.0.ask(messages, settings)))
    }

    /// Takes bytes of the answer's body as they come; returns the pieces of text that they complete.
    fn hear(&self, bytes: Vec<u8>) -> PyResult<Vec<String>> {
        self.0.hear(bytes).map_err(raised)
    }

    /// The node's error, from an answer without a success status.
    fn refusal(&self, status: u16, body: Vec<u8>) -> PyErr {
        raised(self.0.refusal(status, body))
    }

    /// Checks the received reply against request and offer, and signs its payment.
    fn finish(&self, py: Python<'_>) -> PyResult<ChatTurn> {
        free(py, || block_on(self.0.finish()))
    }

    /// Notes that the node has the payment.
    fn paid(&self) {
        self.0.paid();
    }

    /// Sends a message, receives the reply, checks it and pays for it. `on_text(piece)` stops listening by `False`.
    #[pyo3(signature = (text, settings, node, on_text=None))]
    fn say(
        &self,
        py: Python<'_>,
        text: String,
        settings: ReplySettings,
        node: &NodeClient,
        on_text: Option<Py<PyAny>>,
    ) -> PyResult<ChatTurn> {
        let told = Told::of(on_text);
        let turn = free(py, || block_on(self.0.say(text, settings, node.0.clone(), told.of_reply())));
        told.or_raise(turn)
    }
}
