//! Handles: classes of one-line methods, freed by `free()` or at the end of a `using`.

use std::sync::Arc;

use lazai_facade as facade;
use wasm_bindgen::prelude::*;

use crate::records::{record, signer};
use crate::{foreign, object, thrown};

/// A character, out of a card of any format.
#[wasm_bindgen]
pub struct Character(Arc<facade::Character>);

#[wasm_bindgen]
impl Character {
    /// Reads a card.
    #[wasm_bindgen(js_name = fromBytes)]
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, JsValue> {
        facade::Character::from_bytes(bytes).map(Self).map_err(thrown)
    }

    /// The character's name.
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// The author of the card.
    pub fn creator(&self) -> String {
        self.0.creator()
    }

    /// Search words.
    pub fn tags(&self) -> Vec<String> {
        self.0.tags()
    }

    /// First message: 0 is the card's own, then come the alternate ones.
    pub fn greeting(&self, index: u32, user: String) -> Option<String> {
        self.0.greeting(index, user)
    }

    /// The words before a conversation, as its system message (a node adds none): the card's system prompt, lore that is
    /// always there, who the character is, examples, and what comes after the conversation.
    #[wasm_bindgen(js_name = systemPrompt)]
    pub fn system_prompt(&self, user: String) -> String {
        self.0.system_prompt(user)
    }

    /// The part of the system prompt about the character: description, personality and scenario.
    pub fn persona(&self, user: String) -> String {
        self.0.persona(user)
    }

    /// The part of the system prompt with examples of the character's speech.
    pub fn examples(&self, user: String) -> String {
        self.0.examples(user)
    }

    /// Entries of its lorebook.
    #[wasm_bindgen(js_name = lorebookEntries)]
    pub fn lorebook_entries(&self) -> u32 {
        self.0.lorebook_entries()
    }

    /// Notes on data that was dropped, merged or repaired when the card was read.
    #[wasm_bindgen(unchecked_return_type = "FileNote[]")]
    pub fn notes(&self) -> Result<JsValue, JsValue> {
        object(&self.0.notes())
    }

    /// The card as JSON of version 2.
    #[wasm_bindgen(js_name = toV2Json)]
    pub fn to_v2_json(&self) -> String {
        self.0.to_v2_json()
    }

    /// The card as JSON of version 3.
    #[wasm_bindgen(js_name = toV3Json)]
    pub fn to_v3_json(&self) -> String {
        self.0.to_v3_json()
    }

    /// The card inside a PNG image.
    #[wasm_bindgen(js_name = toPng)]
    pub fn to_png(&self, image: Vec<u8>) -> Result<Vec<u8>, JsValue> {
        self.0.to_png(image).map_err(thrown)
    }
}

/// A consumer's list of blocked characters.
#[wasm_bindgen]
pub struct Blocklist(Arc<facade::Blocklist>);

#[wasm_bindgen]
impl Blocklist {
    /// A list from `toJson`; `[]` is an empty one.
    #[wasm_bindgen(js_name = fromJson)]
    pub fn from_json(json: String) -> Result<Self, JsValue> {
        facade::Blocklist::from_json(json).map(Self).map_err(thrown)
    }

    /// The list as JSON.
    #[wasm_bindgen(js_name = toJson)]
    pub fn to_json(&self) -> Result<String, JsValue> {
        self.0.to_json().map_err(thrown)
    }

    /// Blocks a character, all versions of it.
    pub fn block(&self, class_id: u64) {
        self.0.block(class_id);
    }

    /// Unblocks a character.
    pub fn unblock(&self, class_id: u64) {
        self.0.unblock(class_id);
    }

    /// Tells whether a character is blocked.
    #[wasm_bindgen(js_name = isBlocked)]
    pub fn is_blocked(&self, class_id: u64) -> bool {
        self.0.is_blocked(class_id)
    }
}

/// A key in this page's memory.
#[wasm_bindgen]
pub struct LocalKey(Arc<facade::LocalKey>);

#[wasm_bindgen]
impl LocalKey {
    /// A fresh key.
    pub fn random() -> Result<Self, JsValue> {
        facade::LocalKey::random().map(Self).map_err(thrown)
    }

    /// The key of these 32 bytes, as hex.
    #[wasm_bindgen(js_name = fromHex)]
    pub fn from_hex(secret: String) -> Result<Self, JsValue> {
        facade::LocalKey::from_hex(secret).map(Self).map_err(thrown)
    }

    /// Its address.
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// Signs any 32 bytes, as hex.
    #[wasm_bindgen(js_name = signDigest)]
    pub fn sign_digest(&self, digest: String) -> Result<String, JsValue> {
        self.0.sign_digest(digest).map_err(thrown)
    }

    /// Signs a request to a signer.
    pub fn sign(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SigningRequest")] request: JsValue,
    ) -> Result<String, JsValue> {
        self.sign_digest(record::<facade::SigningRequest>(request)?.digest)
    }
}

/// Counts tokens as a node does: the tokenizer and the chat template of a model, without its weights.
#[wasm_bindgen]
pub struct TokenCounter(Arc<facade::TokenCounter>);

#[wasm_bindgen]
impl TokenCounter {
    /// A counter from the beginning of a GGUF file, or all of it.
    #[wasm_bindgen(js_name = fromGguf)]
    pub fn from_gguf(bytes: Vec<u8>) -> Result<Self, JsValue> {
        facade::TokenCounter::from_gguf(bytes).map(Self).map_err(thrown)
    }

    /// A counter from `tokenizer.json` and `tokenizer_config.json`, and `chat_template.jinja` if there is one.
    #[wasm_bindgen(js_name = fromJson)]
    pub fn from_json(tokenizer: Vec<u8>, config: Vec<u8>, template: Option<String>) -> Result<Self, JsValue> {
        facade::TokenCounter::from_json(tokenizer, config, template).map(Self).map_err(thrown)
    }

    /// Digest of the tokenizer, as receipts name it.
    pub fn digest(&self) -> String {
        self.0.digest()
    }

    /// Counts a conversation as it is before a reply, and returns the token ids of some texts.
    #[wasm_bindgen(unchecked_return_type = "TokenCount")]
    pub fn count(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Message[]")] messages: JsValue,
        texts: Vec<String>,
    ) -> Result<JsValue, JsValue> {
        object(&self.0.count(record(messages)?, texts).map_err(thrown)?)
    }
}

/// A conversation in an open session.
#[wasm_bindgen]
pub struct Chat(Arc<facade::Chat>);

#[wasm_bindgen]
impl Chat {
    /// A conversation, from `toJson` or as the session began.
    #[wasm_bindgen(constructor)]
    pub fn new(
        conversation: String,
        #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
        #[wasm_bindgen(unchecked_param_type = "Signer")] key: JsValue,
    ) -> Result<Self, JsValue> {
        facade::Chat::new(conversation, record(domain)?, signer(key)?).map(Self).map_err(thrown)
    }

    /// Recounts every receipt from now on, instead of only holding it to bounds.
    #[wasm_bindgen(js_name = recountWith)]
    pub fn recount_with(&self, counter: &TokenCounter) {
        self.0.recount_with(counter.0.clone());
    }

    /// The conversation, to be kept, and shown as evidence.
    #[wasm_bindgen(js_name = toJson)]
    pub fn to_json(&self) -> Result<String, JsValue> {
        self.0.to_json().map_err(thrown)
    }

    /// The messages so far.
    #[wasm_bindgen(unchecked_return_type = "Message[]")]
    pub fn messages(&self) -> Result<JsValue, JsValue> {
        object(&self.0.messages())
    }

    /// The amount owed for the session so far, in base units.
    pub fn owed(&self) -> String {
        self.0.owed()
    }

    /// Signs a request for the next reply; `messages` are the whole conversation.
    #[wasm_bindgen(unchecked_return_type = "HttpRequest")]
    pub async fn ask(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Message[]")] messages: JsValue,
        #[wasm_bindgen(unchecked_param_type = "ReplySettings")] settings: JsValue,
    ) -> Result<JsValue, JsValue> {
        object(&self.0.ask(record(messages)?, record(settings)?).await.map_err(thrown)?)
    }

    /// Takes bytes of the answer's body as they come; returns the pieces of text that they complete.
    pub fn hear(&self, bytes: Vec<u8>) -> Result<Vec<String>, JsValue> {
        self.0.hear(bytes).map_err(thrown)
    }

    /// The node's error, from an answer without a success status.
    #[wasm_bindgen(unchecked_return_type = "LazaiError")]
    pub fn refusal(&self, status: u16, body: Vec<u8>) -> JsValue {
        thrown(self.0.refusal(status, body))
    }

    /// Checks the received reply against request and offer, and signs its payment.
    #[wasm_bindgen(unchecked_return_type = "ChatTurn")]
    pub async fn finish(&self) -> Result<JsValue, JsValue> {
        object(&self.0.finish().await.map_err(thrown)?)
    }

    /// Notes that the node has the payment.
    pub fn paid(&self) {
        self.0.paid();
    }

    /// Sends a message, receives the reply, checks it and pays for it, over a transport; `onText` gets each piece of the
    /// reply, and stops listening by `false`.
    #[wasm_bindgen(unchecked_return_type = "ChatTurn")]
    pub async fn say(
        &self,
        text: String,
        #[wasm_bindgen(unchecked_param_type = "ReplySettings")] settings: JsValue,
        #[wasm_bindgen(unchecked_param_type = "Transport")] transport: js_sys::Function,
        #[wasm_bindgen(js_name = onText, unchecked_optional_param_type = "(text: string) => boolean | void")]
        on_text: Option<js_sys::Function>,
    ) -> Result<JsValue, JsValue> {
        let saying = self.0.say(text, record(settings)?, foreign::transport(transport), on_text.map(foreign::listener));
        object(&saying.await.map_err(thrown)?)
    }
}
