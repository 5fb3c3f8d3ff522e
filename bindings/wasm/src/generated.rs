//! Written by `cargo xtask surface write` out of the facade.

use std::sync::Arc;

use lazai_facade as facade;
use wasm_bindgen::prelude::*;

use crate::foreign::{self, record};
use crate::{object, thrown};

/// A consumer's list of blocked characters, kept by the consumer's app.
#[wasm_bindgen]
pub struct Blocklist(pub(crate) Arc<facade::Blocklist>);

#[wasm_bindgen]
impl Blocklist {
    /// A list from `toJson`; `[]` is an empty one.
    ///
    /// Errors: `json.malformed`.
    #[wasm_bindgen(js_name = fromJson)]
    pub fn from_json(json: String) -> Result<Blocklist, JsValue> {
        facade::Blocklist::from_json(json).map_err(thrown).map(Blocklist)
    }

    /// The list as JSON.
    #[wasm_bindgen(js_name = toJson)]
    pub fn to_json(&self) -> Result<String, JsValue> {
        self.0.to_json().map_err(thrown)
    }

    /// Blocks a character, all versions of it.
    pub fn block(&self, #[wasm_bindgen(js_name = classId)] class_id: u64) {
        self.0.block(class_id);
    }

    /// Unblocks a character.
    pub fn unblock(&self, #[wasm_bindgen(js_name = classId)] class_id: u64) {
        self.0.unblock(class_id);
    }

    /// Tells whether a character is blocked.
    #[wasm_bindgen(js_name = isBlocked)]
    pub fn is_blocked(&self, #[wasm_bindgen(js_name = classId)] class_id: u64) -> bool {
        self.0.is_blocked(class_id)
    }
}

/// A character, out of a card of any format (V1, V2, V3; JSON, PNG, APNG, WebP, CHARX) or an Eliza file.
#[wasm_bindgen]
pub struct Character(pub(crate) Arc<facade::Character>);

#[wasm_bindgen]
impl Character {
    /// Reads a card.
    ///
    /// Errors: `card.…`.
    #[wasm_bindgen(js_name = fromBytes)]
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Character, JsValue> {
        facade::Character::from_bytes(bytes).map_err(thrown).map(Character)
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

    /// First message `index`: 0 is the card's own, then come the alternate ones. Macros are filled in.
    pub fn greeting(&self, index: u32, user: String) -> Option<String> {
        self.0.greeting(index, user)
    }

    /// The messages that a model gets for a conversation with the card before it: as nodes build them for a character that was
    /// published with `prompted`. The card's system prompt, who the character is, examples, lore that the conversation brings up.
    ///
    /// Errors: `card.…` if its lorebook cannot be published.
    #[wasm_bindgen(unchecked_return_type = "Message[]")]
    pub fn prompt(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Message[]")] messages: JsValue,
    ) -> Result<JsValue, JsValue> {
        object(&self.0.prompt(record(messages)?).map_err(thrown)?)
    }

    /// The words before a conversation, as its system message, where a node adds none: the card's system prompt, lore that is
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

    /// The card as JSON of version 2; data without a place in V2 is kept under `extensions`.
    #[wasm_bindgen(js_name = toV2Json)]
    pub fn to_v2_json(&self) -> String {
        self.0.to_v2_json()
    }

    /// The card as JSON of version 3.
    #[wasm_bindgen(js_name = toV3Json)]
    pub fn to_v3_json(&self) -> String {
        self.0.to_v3_json()
    }

    /// The card inside a PNG image, for readers of V2 and V3.
    ///
    /// Errors: `card.damaged`, `card.too_large`.
    #[wasm_bindgen(js_name = toPng)]
    pub fn to_png(&self, image: Vec<u8>) -> Result<Vec<u8>, JsValue> {
        self.0.to_png(image).map_err(thrown)
    }
}

/// A conversation in an open session.
#[wasm_bindgen]
pub struct Chat(pub(crate) Arc<facade::Chat>);

#[wasm_bindgen]
impl Chat {
    /// A conversation, from `toJson` or as the session began; `domain` is the ledger's, the signer the
    /// session's consumer.
    ///
    /// Errors: `json.malformed`, `hex.…`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        conversation: String,
        #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
        #[wasm_bindgen(unchecked_param_type = "Signer")] signer: JsValue,
    ) -> Result<Chat, JsValue> {
        facade::Chat::new(conversation, record(domain)?, foreign::signer(signer)?).map_err(thrown).map(Chat)
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

    /// The messages so far: a copy, without what was recalled.
    #[wasm_bindgen(unchecked_return_type = "Message[]")]
    pub fn messages(&self) -> Result<JsValue, JsValue> {
        object(&self.0.messages())
    }

    /// The node's receipts, one for each reply: copies.
    #[wasm_bindgen(unchecked_return_type = "SignedReceipt[]")]
    pub fn receipts(&self) -> Result<JsValue, JsValue> {
        object(&self.0.receipts())
    }

    /// The amount owed for the session so far, in base units.
    pub fn owed(&self) -> String {
        self.0.owed()
    }

    /// Signs a request for the next reply; `messages` are the whole conversation.
    ///
    /// Errors: `chat.unpaid` if the last reply must be paid first, `node.setting`, `signer.…`.
    #[wasm_bindgen(unchecked_return_type = "HttpRequest")]
    pub async fn ask(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Message[]")] messages: JsValue,
        #[wasm_bindgen(unchecked_param_type = "ReplySettings")] settings: JsValue,
    ) -> Result<JsValue, JsValue> {
        object(&self.0.ask(record(messages)?, record(settings)?).await.map_err(thrown)?)
    }

    /// Takes bytes of the answer's body as they come; returns the pieces of text that they complete.
    ///
    /// Errors: `chat.no_request`, `node.…`.
    pub fn hear(&self, bytes: Vec<u8>) -> Result<Vec<String>, JsValue> {
        self.0.hear(bytes).map_err(thrown)
    }

    /// The node's error, from an answer without a success status.
    #[wasm_bindgen(unchecked_return_type = "LazaiError")]
    pub fn refusal(&self, status: u16, body: Vec<u8>) -> JsValue {
        thrown(self.0.refusal(status, body))
    }

    /// Checks the received reply against request and offer, and signs its payment. On error nothing is promised, and the
    /// same request can be sent again.
    ///
    /// Errors: `chat.no_request`, `consumer.…`, `node.transport`, `signer.…`.
    #[wasm_bindgen(unchecked_return_type = "ChatTurn")]
    pub async fn finish(&self) -> Result<JsValue, JsValue> {
        object(&self.0.finish().await.map_err(thrown)?)
    }

    /// Notes that the node has the payment.
    pub fn paid(&self) {
        self.0.paid();
    }

    /// Sends a message, receives the reply, checks it and pays for it, over a transport. First sends a payment that did not
    /// get through.
    ///
    /// `on_text` gets each piece of the reply until it gives `false`. An error that it raises is raised when the work has ended.
    ///
    /// Errors: `node.…`, `consumer.…`, `signer.…`.
    #[wasm_bindgen(unchecked_return_type = "ChatTurn")]
    pub async fn say(
        &self,
        text: String,
        #[wasm_bindgen(unchecked_param_type = "ReplySettings")] settings: JsValue,
        #[wasm_bindgen(unchecked_param_type = "Transport")] transport: js_sys::Function,
        #[wasm_bindgen(js_name = onText, unchecked_optional_param_type = "(text: string) => boolean | void")]
        on_text: Option<js_sys::Function>,
    ) -> Result<JsValue, JsValue> {
        object(
            &self
                .0
                .say(text, record(settings)?, foreign::transport(transport), on_text.map(foreign::listener))
                .await
                .map_err(thrown)?,
        )
    }

    /// Recalls what was said before into each message from now on, within so many tokens (each byte is taken for one), and remembers each
    /// turn. With `summaries`, the character sums up when a conversation begins what was said since its last summary, which
    /// `say` pays as any reply.
    #[wasm_bindgen(js_name = rememberWith)]
    pub fn remember_with(
        &self,
        memory: &Memory,
        #[wasm_bindgen(js_name = maxTokens)] max_tokens: u32,
        summaries: bool,
    ) {
        self.0.remember_with(memory.0.clone(), max_tokens, summaries);
    }

    /// What was recalled for the last message; none without a memory.
    #[wasm_bindgen(unchecked_return_type = "MemoryRecall | undefined")]
    pub fn recalled(&self) -> Result<JsValue, JsValue> {
        object(&self.0.recalled())
    }

    /// Signs a request for a text to be spoken with the character's voice, as the next turn, under a node's terms
    /// (`ModelOffer.speechTerms`): at most `most` is paid, in base units; none for what one reply may cost under the
    /// session's offer. The pace is in thousandths of the voice's own, from 500 to 2,000; none for its own.
    ///
    /// Errors: `chat.unpaid` if the last turn must be paid first, `consumer.price` if it costs more, `consumer.receipt` if the terms are not of this
    /// session or do not allow the text, `node.setting`, `json.malformed`, `money.not_decimal`, `signer.…`.
    #[wasm_bindgen(js_name = askSpeech, unchecked_return_type = "HttpRequest")]
    pub async fn ask_speech(
        &self,
        text: String,
        #[wasm_bindgen(js_name = speechTerms)] speech_terms: String,
        #[wasm_bindgen(js_name = speedMilli)] speed_milli: Option<u32>,
        most: Option<String>,
    ) -> Result<JsValue, JsValue> {
        object(&self.0.ask_speech(text, speech_terms, speed_milli, most).await.map_err(thrown)?)
    }

    /// Takes bytes of the answer's body as they come; returns the samples that they complete, not checked yet: one channel, 16 bits,
    /// little-endian.
    ///
    /// Errors: `chat.no_request`, `node.…`.
    #[wasm_bindgen(js_name = hearSpeech)]
    pub fn hear_speech(&self, bytes: Vec<u8>) -> Result<Vec<u8>, JsValue> {
        self.0.hear_speech(bytes).map_err(thrown)
    }

    /// Checks the received speech against request and terms, and signs its payment. On error nothing is promised, and the
    /// same request can be sent again.
    ///
    /// Errors: `chat.no_request`, `consumer.…`, `node.transport`, `signer.…`.
    #[wasm_bindgen(js_name = finishSpeech, unchecked_return_type = "Spoken")]
    pub async fn finish_speech(&self) -> Result<JsValue, JsValue> {
        object(&self.0.finish_speech().await.map_err(thrown)?)
    }

    /// Has a text spoken with the character's voice, checks the sound against its receipt, and pays for it by the character, over a
    /// transport. First sends a payment that did not get through. Terms, pace and limit are those of `askSpeech`.
    ///
    /// `on_sound` gets samples (16 bits, little-endian) and their rate as they come, until it gives `false`. An error that it raises is raised when the work has ended.
    ///
    /// Errors: `consumer.price` if it costs more than `most`, `node.setting` for a pace or a text that it does not speak, other `node.…`,
    /// `consumer.…`, `json.malformed`, `signer.…`; the same can be asked for again.
    #[wasm_bindgen(unchecked_return_type = "Spoken")]
    pub async fn speak(
        &self,
        text: String,
        #[wasm_bindgen(js_name = speechTerms)] speech_terms: String,
        #[wasm_bindgen(unchecked_param_type = "Transport")] transport: js_sys::Function,
        #[wasm_bindgen(js_name = speedMilli)] speed_milli: Option<u32>,
        most: Option<String>,
        #[wasm_bindgen(js_name = onSound, unchecked_optional_param_type = "(samples: Uint8Array, sampleRate: number) => boolean | void")]
        on_sound: Option<js_sys::Function>,
    ) -> Result<JsValue, JsValue> {
        object(
            &self
                .0
                .speak(
                    text,
                    speech_terms,
                    foreign::transport(transport),
                    speed_milli,
                    most,
                    on_sound.map(foreign::hearing),
                )
                .await
                .map_err(thrown)?,
        )
    }
}

/// A key in this process's memory: wiped by `free()`, never printed.
#[wasm_bindgen]
pub struct LocalKey(pub(crate) Arc<facade::LocalKey>);

#[wasm_bindgen]
impl LocalKey {
    /// A fresh key.
    ///
    /// Errors: `signer.no_randomness`.
    pub fn random() -> Result<LocalKey, JsValue> {
        facade::LocalKey::random().map_err(thrown).map(LocalKey)
    }

    /// The key of these 32 bytes, as hex.
    ///
    /// Errors: `hex.…`, `signer.invalid_key`.
    #[wasm_bindgen(js_name = fromHex)]
    pub fn from_hex(secret: String) -> Result<LocalKey, JsValue> {
        facade::LocalKey::from_hex(secret).map_err(thrown).map(LocalKey)
    }

    /// Its address.
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// Signs any 32 bytes, as hex (RFC 6979: the same bytes get the same signature).
    ///
    /// Errors: `hex.…`.
    #[wasm_bindgen(js_name = signDigest)]
    pub fn sign_digest(&self, digest: String) -> Result<String, JsValue> {
        self.0.sign_digest(digest).map_err(thrown)
    }
}

/// What was said before, sealed to its owner's key.
#[wasm_bindgen]
pub struct Memory(pub(crate) Arc<facade::Memory>);

#[wasm_bindgen]
impl Memory {
    /// Adds a note of the user's own, said at a time in seconds since 1970; returns its number.
    ///
    /// Errors: `memory.empty`, `memory.too_large`, `file`, `memory.…`.
    pub fn note(&self, text: String, #[wasm_bindgen(js_name = atS)] at_s: u64) -> Result<String, JsValue> {
        self.0.note(text, at_s).map_err(thrown)
    }

    /// The entries, the oldest first.
    ///
    /// Errors: `file`, `memory.…`.
    #[wasm_bindgen(unchecked_return_type = "MemoryEntry[]")]
    pub fn list(&self) -> Result<JsValue, JsValue> {
        object(&self.0.list().map_err(thrown)?)
    }

    /// What a message would recall, within so many tokens; each byte is taken for one.
    ///
    /// Errors: `file`, `memory.…`.
    #[wasm_bindgen(unchecked_return_type = "MemoryRecall")]
    pub fn recall(
        &self,
        said: String,
        #[wasm_bindgen(js_name = maxTokens)] max_tokens: u32,
    ) -> Result<JsValue, JsValue> {
        object(&self.0.recall(said, max_tokens).map_err(thrown)?)
    }

    /// Changes an entry's words.
    ///
    /// Errors: `memory.unknown_entry`, `memory.empty`, `memory.too_large`, `file`, `memory.…`.
    pub fn edit(&self, id: String, text: String) -> Result<(), JsValue> {
        self.0.edit(id, text).map_err(thrown)
    }

    /// Has an entry in every prompt, as far as the budget reaches, or no longer.
    ///
    /// Errors: `memory.unknown_entry`, `file`, `memory.…`.
    pub fn pin(&self, id: String, pinned: bool) -> Result<(), JsValue> {
        self.0.pin(id, pinned).map_err(thrown)
    }

    /// Forgets entries: all of these, or none. They are gone from the file, too; copies of it still have them.
    ///
    /// Errors: `memory.unknown_entry`, `file`, `memory.…`.
    pub fn forget(&self, ids: Vec<String>) -> Result<(), JsValue> {
        self.0.forget(ids).map_err(thrown)
    }

    /// Forgets everything.
    ///
    /// Errors: `file`, `memory.…`.
    #[wasm_bindgen(js_name = forgetAll)]
    pub fn forget_all(&self) -> Result<(), JsValue> {
        self.0.forget_all().map_err(thrown)
    }

    /// The entries in clear, as JSON, one a line.
    ///
    /// Errors: `file`, `memory.…`.
    #[wasm_bindgen(js_name = exportLines)]
    pub fn export_lines(&self) -> Result<String, JsValue> {
        self.0.export_lines().map_err(thrown)
    }

    /// Adds the entries of `exportLines` that are not here yet; returns how many. A wrong line adds none.
    ///
    /// Errors: `memory.malformed`, `memory.too_large`, `file`, `memory.…`.
    #[wasm_bindgen(js_name = importLines)]
    pub fn import_lines(&self, lines: String) -> Result<u64, JsValue> {
        self.0.import_lines(lines).map_err(thrown)
    }

    /// The memory, sealed: for a store, a page's storage, or another device of the same key.
    ///
    /// Errors: `seal`, `file`, `memory.…`.
    #[wasm_bindgen(js_name = toBytes)]
    pub fn to_bytes(&self) -> Result<Vec<u8>, JsValue> {
        self.0.to_bytes().map_err(thrown)
    }
}

/// A payer of any server that speaks x402, within limits. It has no network: an app sends a request, gives the answer with status 402 to
/// `pay`, sends the request again with the header that it gets, and gives that answer to `answered`.
#[wasm_bindgen]
pub struct Payer(pub(crate) Arc<facade::Payer>);

#[wasm_bindgen]
impl Payer {
    /// A payer; `book` is what `toJson` gave before. Of several prices it pays the one of the first limit that any is
    /// in, and of those the lowest.
    ///
    /// Errors: `payment.unsafe` for a network that is none of EVM's, `hex.…`, `money.not_decimal`, `json.malformed`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "Signer")] signer: JsValue,
        #[wasm_bindgen(unchecked_param_type = "SpendingLimit[]")] limits: JsValue,
        book: Option<String>,
    ) -> Result<Payer, JsValue> {
        facade::Payer::new(foreign::signer(signer)?, record(limits)?, book).map_err(thrown).map(Payer)
    }

    /// What was signed so far, to be kept before a payment is sent: it holds signed payments.
    #[wasm_bindgen(js_name = toJson)]
    pub fn to_json(&self) -> Result<String, JsValue> {
        self.0.to_json().map_err(thrown)
    }

    /// What was signed for of an asset so far, in base units.
    ///
    /// Errors: `payment.unsafe`, `hex.…`.
    pub fn spent(&self, network: String, asset: String) -> Result<String, JsValue> {
        self.0.spent(network, asset).map_err(thrown)
    }

    /// The payment that was signed for a request and may still be taken: the request is sent with it again. `request` names the request,
    /// as for `pay`.
    #[wasm_bindgen(unchecked_return_type = "SignedPayment | undefined")]
    pub fn open(&self, request: String, #[wasm_bindgen(js_name = nowS)] now_s: u64) -> Result<JsValue, JsValue> {
        object(&self.0.open(request, now_s))
    }

    /// Signs a payment for a request that was answered with status 402, these headers and this body; or gives the one that was signed
    /// for it. `request` is any text that names the request, such as its method, URL and body: the same text gets the same payment until
    /// it is answered.
    ///
    /// Errors: `payment.malformed`, `payment.no_price`, `payment.over_limit`, `payment.changed`, `payment.too_many_open`, `signer.…`; then
    /// nothing was signed.
    #[wasm_bindgen(unchecked_return_type = "SignedPayment")]
    pub async fn pay(
        &self,
        request: String,
        #[wasm_bindgen(unchecked_param_type = "Header[]")] headers: JsValue,
        body: Vec<u8>,
        #[wasm_bindgen(js_name = nowS)] now_s: u64,
    ) -> Result<JsValue, JsValue> {
        object(&self.0.pay(request, record(headers)?, body, now_s).await.map_err(thrown)?)
    }

    /// Takes the answer to a request that was sent with a payment. Once it is served, the same request is another purchase. What the
    /// server says of the payment, if it says something.
    ///
    /// Errors: `payment.changed` and `payment.refused` for status 402; `hex.…`, `money.not_decimal` for a payment that is none.
    #[wasm_bindgen(unchecked_return_type = "PaymentOutcome | undefined")]
    pub fn answered(
        &self,
        #[wasm_bindgen(unchecked_param_type = "SignedPayment")] payment: JsValue,
        status: u16,
        #[wasm_bindgen(unchecked_param_type = "Header[]")] headers: JsValue,
        body: Vec<u8>,
    ) -> Result<JsValue, JsValue> {
        object(&self.0.answered(record(payment)?, status, record(headers)?, body).map_err(thrown)?)
    }
}

/// A request sealed to its node's key, and the opener of the answer. A transport posts `body` instead of the request, gives
/// the bytes of the answer to `open`, and what comes of these to its sink; the status is inside. An answer with another
/// status than 200 is not sealed: the gateway, or somebody on the way, refused the request.
#[wasm_bindgen]
pub struct SealedPost(pub(crate) Arc<facade::SealedPost>);

#[wasm_bindgen]
impl SealedPost {
    /// Seals a request under the terms that a node tells with its models
    /// (`ModelOffer.sealTerms`), held to the node of the session's offer in the ledger's domain.
    ///
    /// Errors: `node.unsealed` if the terms are over, or not signed by that node; `json.malformed`, `hex.…`, `address`, `seal`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_param_type = "HttpRequest")] request: JsValue,
        #[wasm_bindgen(js_name = sealTerms)] seal_terms: String,
        #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
        node: String,
    ) -> Result<SealedPost, JsValue> {
        facade::SealedPost::new(record(request)?, seal_terms, record(domain)?, node).map_err(thrown).map(SealedPost)
    }

    /// Path under the node's URL, or under its place at a relay.
    pub fn path(&self) -> String {
        self.0.path()
    }

    /// The header `content-type`.
    #[wasm_bindgen(js_name = contentType)]
    pub fn content_type(&self) -> String {
        self.0.content_type()
    }

    /// What is posted: a copy.
    pub fn body(&self) -> Vec<u8> {
        self.0.body()
    }

    /// Takes bytes of the answer as they come; returns the bytes of its body that they complete.
    ///
    /// Errors: `node.transport` if somebody changed it, or for anything but an answer to this request.
    pub fn open(&self, bytes: Vec<u8>) -> Result<Vec<u8>, JsValue> {
        self.0.open(bytes).map_err(thrown)
    }

    /// The last bytes of the answer's body, once nothing more comes.
    ///
    /// Errors: `node.transport` if the answer was cut off.
    pub fn finish(&self) -> Result<Vec<u8>, JsValue> {
        self.0.finish().map_err(thrown)
    }

    /// The answer's own status, once it came.
    pub fn status(&self) -> Option<u16> {
        self.0.status()
    }
}

/// Counts tokens as a node does: the tokenizer and the chat template of a model, without its weights.
#[wasm_bindgen]
pub struct TokenCounter(pub(crate) Arc<facade::TokenCounter>);

#[wasm_bindgen]
impl TokenCounter {
    /// A counter from the beginning of a GGUF file, or all of it: its header is enough, some megabytes.
    ///
    /// Errors: `tokenizer.incomplete` if more of the file is needed, `tokenizer.…`.
    #[wasm_bindgen(js_name = fromGguf)]
    pub fn from_gguf(bytes: Vec<u8>) -> Result<TokenCounter, JsValue> {
        facade::TokenCounter::from_gguf(bytes).map_err(thrown).map(TokenCounter)
    }

    /// A counter from `tokenizer.json` and `tokenizer_config.json`, and `chat_template.jinja` if there is one.
    ///
    /// Errors: `tokenizer.…`.
    #[wasm_bindgen(js_name = fromJson)]
    pub fn from_json(tokenizer: Vec<u8>, config: Vec<u8>, template: Option<String>) -> Result<TokenCounter, JsValue> {
        facade::TokenCounter::from_json(tokenizer, config, template).map_err(thrown).map(TokenCounter)
    }

    /// Digest of the tokenizer, as receipts name it.
    pub fn digest(&self) -> String {
        self.0.digest()
    }

    /// Counts a conversation as it is before a reply, and returns the token ids of some texts.
    ///
    /// Errors: `tokenizer.malformed` if the template refuses the conversation.
    #[wasm_bindgen(unchecked_return_type = "TokenCount")]
    pub fn count(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Message[]")] messages: JsValue,
        texts: Vec<String>,
    ) -> Result<JsValue, JsValue> {
        object(&self.0.count(record(messages)?, texts).map_err(thrown)?)
    }
}

/// The conversation in a session that the wallet `payer` opened with that call, as `Chat` takes it. The node
/// answers once the chain shows it the session.
///
/// Errors: As `openSessionCall`.
#[wasm_bindgen(js_name = beginConversation)]
pub fn begin_conversation(
    #[wasm_bindgen(unchecked_param_type = "MarketPlace")] place: JsValue,
    payer: String,
    nonce: u64,
    consumer: String,
    #[wasm_bindgen(unchecked_param_type = "ModelOffer")] model: JsValue,
    deposit: String,
) -> Result<String, JsValue> {
    facade::begin_conversation(record(place)?, payer, nonce, consumer, record(model)?, deposit).map_err(thrown)
}

/// Checks that an offer is signed by its node.
///
/// Errors: `signature.…`, `hex.…`, `money.not_decimal`.
#[wasm_bindgen(js_name = checkOffer)]
pub fn check_offer(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Offer")] offer: JsValue,
    signature: String,
) -> Result<(), JsValue> {
    facade::check_offer(record(domain)?, record(offer)?, signature).map_err(thrown)
}

/// Checks that a receipt is signed by a node.
///
/// Errors: `signature.…`, `hex.…`, `money.not_decimal`.
#[wasm_bindgen(js_name = checkReceipt)]
pub fn check_receipt(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Receipt")] receipt: JsValue,
    signature: String,
    node: String,
) -> Result<(), JsValue> {
    facade::check_receipt(record(domain)?, record(receipt)?, signature, node).map_err(thrown)
}

/// Checks that a voucher is signed by an account.
///
/// Errors: `signature.…`, `hex.…`, `money.not_decimal`.
#[wasm_bindgen(js_name = checkVoucher)]
pub fn check_voucher(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Voucher")] voucher: JsValue,
    signature: String,
    signer: String,
) -> Result<(), JsValue> {
    facade::check_voucher(record(domain)?, record(voucher)?, signature, signer).map_err(thrown)
}

/// The call that requests the end of the wallet's session and, sent again after the market's dispute window, ends it: the
/// unredeemed rest becomes the payer's balance in the market. (The session's node can end it at once.)
///
/// Errors: `market.place`, `signature.…`, `hex.…`, `money.not_decimal`.
#[wasm_bindgen(js_name = closeSessionCall, unchecked_return_type = "WalletCall")]
pub fn close_session_call(
    #[wasm_bindgen(unchecked_param_type = "MarketPlace")] place: JsValue,
    payer: String,
    nonce: u64,
    consumer: String,
    #[wasm_bindgen(unchecked_param_type = "ModelOffer")] model: JsValue,
) -> Result<JsValue, JsValue> {
    object(&facade::close_session_call(record(place)?, payer, nonce, consumer, record(model)?).map_err(thrown)?)
}

/// Every code of this library's errors, sorted. Codes of nodes (`node.…`, `request.…`, `http.…` if there is only a status)
/// are passed on unchanged.
#[wasm_bindgen(js_name = errorCodes)]
pub fn error_codes() -> Vec<String> {
    facade::error_codes()
}

/// Adds the words of a conversation's last reply to its evidence (JSON): everybody who gets the result can read them.
///
/// Errors: `provenance.words` if the evidence is of other words, `provenance.unreadable` also if the conversation holds none,
/// `json.malformed`.
#[wasm_bindgen(js_name = evidenceWithWords)]
pub fn evidence_with_words(evidence: Vec<u8>, conversation: String) -> Result<String, JsValue> {
    facade::evidence_with_words(evidence, conversation).map_err(thrown)
}

/// Fails with a code, so that an app can test how it handles each.
///
/// Errors: The requested code, always.
#[wasm_bindgen(js_name = failWith)]
pub fn fail_with(code: String) -> Result<(), JsValue> {
    facade::fail_with(code).map_err(thrown)
}

/// The most that one reply under an offer can cost, in base units: the least deposit that gets one.
///
/// Errors: `hex.…`, `money.…`.
#[wasm_bindgen(js_name = offerStep)]
pub fn offer_step(#[wasm_bindgen(unchecked_param_type = "Offer")] offer: JsValue) -> Result<String, JsValue> {
    facade::offer_step(record(offer)?).map_err(thrown)
}

/// The call that opens the wallet's session number `nonce`, with a deposit in base units. `consumer` is the address of the
/// key that will talk: the wallet itself, or a key of the app, which then signs the vouchers. For an offer in coins, the
/// whole deposit goes with the call.
///
/// Errors: `market.place`, `market` for a deposit beyond 96 bits, `signature.…`, `hex.…`, `money.not_decimal`.
#[wasm_bindgen(js_name = openSessionCall, unchecked_return_type = "WalletCall")]
pub fn open_session_call(
    #[wasm_bindgen(unchecked_param_type = "MarketPlace")] place: JsValue,
    nonce: u64,
    consumer: String,
    #[wasm_bindgen(unchecked_param_type = "ModelOffer")] model: JsValue,
    deposit: String,
) -> Result<JsValue, JsValue> {
    object(&facade::open_session_call(record(place)?, nonce, consumer, record(model)?, deposit).map_err(thrown)?)
}

/// Reads a market's addresses from this record's JSON, which an app ships with, or its publisher serves.
///
/// Errors: `json.malformed`, `hex.…`, `market.place` if ledger and domain are not of one market.
#[wasm_bindgen(js_name = readMarketPlace, unchecked_return_type = "MarketPlace")]
pub fn read_market_place(json: Vec<u8>) -> Result<JsValue, JsValue> {
    object(&facade::read_market_place(json).map_err(thrown)?)
}

/// A memory out of the bytes that `Memory.toBytes` sealed, or an empty one; the signer's key opens it, on every device. A wallet
/// is asked for two signatures, which are sent to nobody.
///
/// Errors: `memory.other_key`, `memory.not_memory`, `memory.damaged`, `memory.too_large`, `signer.…`.
#[wasm_bindgen(js_name = readMemory)]
pub async fn read_memory(
    sealed: Option<Vec<u8>>,
    #[wasm_bindgen(unchecked_param_type = "Signer")] signer: JsValue,
) -> Result<Memory, JsValue> {
    facade::read_memory(sealed, foreign::signer(signer)?).await.map_err(thrown).map(Memory)
}

/// The models in a node's answer to `GET /v1/models`, or to `GET /v1/models/ID`, which is one model with its card.
///
/// Errors: `node.transport` if it is no such answer.
#[wasm_bindgen(js_name = readModels, unchecked_return_type = "ModelOffer[]")]
pub fn read_models(body: Vec<u8>) -> Result<JsValue, JsValue> {
    object(&facade::read_models(body).map_err(thrown)?)
}

/// Signs a report, as the session's consumer; returns the request that brings it to the node.
///
/// Errors: `report.too_long`, `hex.…`, `signer.…`.
#[wasm_bindgen(js_name = reportCharacter, unchecked_return_type = "HttpRequest")]
pub async fn report_character(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "CharacterReport")] report: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Signer")] signer: JsValue,
) -> Result<JsValue, JsValue> {
    object(&facade::report_character(record(domain)?, record(report)?, foreign::signer(signer)?).await.map_err(thrown)?)
}

/// The id of a session, from the payer's number for it: it binds everything that was agreed.
///
/// Errors: `hex.…`, `money.not_decimal`.
#[wasm_bindgen(js_name = sessionId)]
pub fn session_id(
    ledger: String,
    payer: String,
    nonce: u64,
    consumer: String,
    #[wasm_bindgen(unchecked_param_type = "Offer")] offer: JsValue,
) -> Result<String, JsValue> {
    facade::session_id(ledger, payer, nonce, consumer, record(offer)?).map_err(thrown)
}

/// Signs an offer, as its node.
///
/// Errors: `hex.…`, `money.not_decimal`, `signer.…`.
#[wasm_bindgen(js_name = signOffer)]
pub async fn sign_offer(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Offer")] offer: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Signer")] signer: JsValue,
) -> Result<String, JsValue> {
    facade::sign_offer(record(domain)?, record(offer)?, foreign::signer(signer)?).await.map_err(thrown)
}

/// Signs a receipt, as the node.
///
/// Errors: `hex.…`, `money.not_decimal`, `signer.…`.
#[wasm_bindgen(js_name = signReceipt)]
pub async fn sign_receipt(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Receipt")] receipt: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Signer")] signer: JsValue,
) -> Result<String, JsValue> {
    facade::sign_receipt(record(domain)?, record(receipt)?, foreign::signer(signer)?).await.map_err(thrown)
}

/// Signs a voucher, as the session's consumer.
///
/// Errors: `hex.…`, `money.not_decimal`, `signer.…`.
#[wasm_bindgen(js_name = signVoucher)]
pub async fn sign_voucher(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Voucher")] voucher: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Signer")] signer: JsValue,
) -> Result<String, JsValue> {
    facade::sign_voucher(record(domain)?, record(voucher)?, foreign::signer(signer)?).await.map_err(thrown)
}

/// What a WAV file (and, where files are at hand, a FLAC file) says of its sound. Its signatures and digests hold; that the node serves the version that it names, a ledger
/// says.
///
/// Errors: `speech.unmarked` for a file that does not say that it is synthetic, `speech.format` for one that is no such file of one channel
/// and 16 bits, `speech.malformed` for a note that cannot be read, `speech.broken` for one that does not hold.
#[wasm_bindgen(js_name = speechNote, unchecked_return_type = "SpeechNote")]
pub fn speech_note(file: Vec<u8>) -> Result<JsValue, JsValue> {
    object(&facade::speech_note(file).map_err(thrown)?)
}

/// Splits an amount of base units as the market does: node and pool are rounded down, the creator gets the rest.
///
/// Errors: `money.not_decimal`, `money.basis_points_too_many`, `split.sum`, `split.creator_below_minimum`.
#[wasm_bindgen(js_name = splitRevenue, unchecked_return_type = "RevenueParts")]
pub fn split_revenue(
    amount: String,
    #[wasm_bindgen(js_name = creatorBps)] creator_bps: u16,
    #[wasm_bindgen(js_name = nodeBps)] node_bps: u16,
    #[wasm_bindgen(js_name = poolBps)] pool_bps: u16,
) -> Result<JsValue, JsValue> {
    object(&facade::split_revenue(amount, creator_bps, node_bps, pool_bps).map_err(thrown)?)
}

/// Checks the provenance of a reply: evidence (JSON, at most 4 MiB) against an anchor (JSON) that the caller has from
/// elsewhere, never from the evidence's source. A check that does not hold is a broken link, not an error; but words that
/// do not match the receipt are an error. Without words, the link `receipt` says that they are missing.
///
/// Errors: `provenance.unreadable`, `provenance.words`, `json.malformed`.
#[wasm_bindgen(js_name = verifyEvidence, unchecked_return_type = "Provenance")]
pub fn verify_evidence(evidence: Vec<u8>, anchor: Vec<u8>) -> Result<JsValue, JsValue> {
    object(&facade::verify_evidence(evidence, anchor).map_err(thrown)?)
}

/// The 32 bytes of a voucher that are signed (EIP-712), as hex.
///
/// Errors: `hex.…`, `money.not_decimal`.
#[wasm_bindgen(js_name = voucherDigest)]
pub fn voucher_digest(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Voucher")] voucher: JsValue,
) -> Result<String, JsValue> {
    facade::voucher_digest(record(domain)?, record(voucher)?).map_err(thrown)
}

/// A voucher as wallets sign it: the JSON of `eth_signTypedData_v4`.
///
/// Errors: `hex.…`, `money.not_decimal`.
#[wasm_bindgen(js_name = voucherTypedData)]
pub fn voucher_typed_data(
    #[wasm_bindgen(unchecked_param_type = "Domain")] domain: JsValue,
    #[wasm_bindgen(unchecked_param_type = "Voucher")] voucher: JsValue,
) -> Result<String, JsValue> {
    facade::voucher_typed_data(record(domain)?, record(voucher)?).map_err(thrown)
}

/// The call that withdraws an amount, in base units, of the wallet's balance from the market.
///
/// Errors: `market.place`, `hex.…`, `money.not_decimal`.
#[wasm_bindgen(js_name = withdrawCall, unchecked_return_type = "WalletCall")]
pub fn withdraw_call(
    #[wasm_bindgen(unchecked_param_type = "MarketPlace")] place: JsValue,
    asset: String,
    to: String,
    amount: String,
) -> Result<JsValue, JsValue> {
    object(&facade::withdraw_call(record(place)?, asset, to, amount).map_err(thrown)?)
}
