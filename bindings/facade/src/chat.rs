//! A paid conversation over any transport: sans I/O, with the loop on top for languages that bring their own network.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai::consumer::Conversation;
use lazai::core::dialogue::{self, Role};
use lazai::http::talk::{self, ReplyReader};
use lazai::node::{ChatRequest, SignedOffer, SignedVoucher};

use crate::sign::{Foreign, parse_signature};
use crate::{Domain, LazaiError, Signer, record};

record! {
    /// A message of a conversation.
    pub struct Message {
        /// `system`, `user` or `assistant`.
        pub role: String,
        /// What is said.
        pub content: String,
    }
}

record! {
    /// How a reply is wanted; what is left out is the node's choice.
    #[derive(Default)]
    pub struct ReplySettings {
        /// Most tokens of the reply.
        pub max_tokens: Option<u32>,
        /// Temperature in thousandths.
        pub temperature_milli: Option<u32>,
        /// Nucleus in thousandths.
        pub top_p_milli: Option<u32>,
        /// A number that varies the reply.
        pub seed: Option<u64>,
    }
}

record! {
    /// A header of a request.
    pub struct Header {
        /// Its name.
        pub name: String,
        /// Its value.
        pub value: String,
    }
}

record! {
    /// A request to a node: `POST`, to be sent as it is.
    pub struct HttpRequest {
        /// Path under the node's URL.
        pub path: String,
        /// Headers.
        pub headers: Vec<Header>,
        /// The body, JSON.
        pub body: String,
    }
}

record! {
    /// A reply that was checked.
    pub struct ChatTurn {
        /// What is said.
        pub text: String,
        /// Tokens of the conversation before it.
        pub prompt_tokens: u64,
        /// Tokens of the reply.
        pub completion_tokens: u64,
        /// What is owed for the session by now, in base units.
        pub owed: String,
        /// Promises to pay for it: to be sent to the node, which redeems it later. None where nothing is owed.
        pub payment: Option<HttpRequest>,
    }
}

/// Hears a reply as it comes.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
pub trait ReplyListener: Send + Sync {
    /// A piece of text; `false` stops listening (the reply is promised all the same, for the node has made it).
    fn on_text(&self, text: String) -> bool;
}

/// Where the body of an answer goes, as it comes.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct BodySink {
    state: Mutex<SinkState>,
    listener: Option<Arc<dyn ReplyListener>>,
}

#[derive(Default)]
struct SinkState {
    reader: ReplyReader,
    /// The beginning of the body, for errors.
    head: Vec<u8>,
    failed: Option<LazaiError>,
    deaf: bool,
}

/// Largest part of an answer that an error is read from.
const HEAD_BYTES: usize = 64 << 10;

impl BodySink {
    fn new(listener: Option<Arc<dyn ReplyListener>>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), listener })
    }

    fn state(&self) -> MutexGuard<'_, SinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl BodySink {
    /// Takes bytes of the body.
    pub fn push(&self, bytes: Vec<u8>) {
        let mut state = self.state();
        let room = HEAD_BYTES.saturating_sub(state.head.len()).min(bytes.len());
        state.head.extend_from_slice(&bytes[..room]);
        if state.failed.is_some() {
            return;
        }
        match state.reader.push(&bytes) {
            Ok(pieces) => {
                let deaf = state.deaf;
                drop(state);
                // Outside of the lock: a listener may do as it likes.
                let mut listener = self.listener.as_ref().filter(|_| !deaf);
                for piece in pieces {
                    if listener.is_some_and(|listener| !listener.on_text(piece)) {
                        listener = None;
                        self.state().deaf = true;
                    }
                }
            }
            Err(error) => state.failed = Some(error.into()),
        }
    }
}

/// The network, as a language brings it: `URLSession`, OkHttp, `fetch`.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
#[async_trait::async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request to the node, gives the body of the answer to the sink as it comes, and returns the status.
    ///
    /// # Errors
    /// Whatever kept it from getting an answer, as `node.transport`.
    async fn post(&self, request: HttpRequest, sink: Arc<BodySink>) -> Result<u16, LazaiError>;
}

/// A conversation in a session that was opened.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct Chat {
    domain: lazai::core::Domain,
    signer: Foreign,
    state: Mutex<State>,
}

struct State {
    conversation: Conversation,
    asked: Option<(ChatRequest, ReplyReader)>,
    unpaid: Option<SignedVoucher>,
}

impl Chat {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn payment(&self) -> Result<Option<HttpRequest>, LazaiError> {
        self.state().unpaid.map(|voucher| json_post("/v1/lazai/vouchers", &voucher)).transpose()
    }
}

pub(crate) fn json_post(path: &str, body: &impl serde::Serialize) -> Result<HttpRequest, LazaiError> {
    let header = Header { name: "content-type".into(), value: "application/json".into() };
    Ok(HttpRequest { path: path.into(), headers: vec![header], body: serde_json::to_string(body)? })
}

fn message(message: Message) -> Result<dialogue::Message, LazaiError> {
    let role = match message.role.as_str() {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        other => return Err(LazaiError::new("json.malformed", format!("role {other:?}: system, user or assistant"))),
    };
    Ok(dialogue::Message::new(role, message.content))
}

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Chat {
    /// A conversation, as [`to_json`](Self::to_json) gave it or as the session began; `domain` is the ledger's, the
    /// signer the session's consumer.
    ///
    /// # Errors
    /// `json.malformed`, `hex.…`.
    #[cfg_attr(feature = "uniffi", uniffi::constructor)]
    pub fn new(conversation: String, domain: Domain, signer: Arc<dyn Signer>) -> Result<Arc<Self>, LazaiError> {
        let conversation = serde_json::from_str(&conversation)?;
        let state = Mutex::new(State { conversation, asked: None, unpaid: None });
        Ok(Arc::new(Self { domain: domain.parse()?, signer: Foreign::new(signer)?, state }))
    }

    /// The conversation: to be kept, and shown as evidence.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_json(&self) -> Result<String, LazaiError> {
        Ok(serde_json::to_string(&self.state().conversation)?)
    }

    /// What was said.
    pub fn messages(&self) -> Vec<Message> {
        let said = |m: &dialogue::Message| Message { role: m.role.as_str().into(), content: m.content.clone() };
        self.state().conversation.messages.iter().map(said).collect()
    }

    /// What is owed for the session so far, in base units.
    pub fn owed(&self) -> String {
        self.state().conversation.owed().to_string()
    }

    /// Signs a request for the next reply; `messages` are the whole conversation.
    ///
    /// # Errors
    /// `chat.unpaid` if the last reply is to be promised first, `signer.…`, `json.malformed` for an unknown role.
    pub async fn ask(&self, messages: Vec<Message>, settings: ReplySettings) -> Result<HttpRequest, LazaiError> {
        if self.state().unpaid.is_some() {
            return Err(LazaiError::new("chat.unpaid", "the last reply is not promised yet"));
        }
        let messages = messages.into_iter().map(message).collect::<Result<_, _>>()?;
        let ReplySettings { max_tokens, temperature_milli, top_p_milli, seed } = settings;
        let settings = lazai::node::ReplySettings { max_tokens, temperature_milli, top_p_milli, seed };
        let conversation = self.state().conversation.clone();
        let request = conversation.request(&self.domain, &self.signer, messages, settings).await?;
        let (name, value, body) = talk::chat(&request);
        self.state().asked = Some((request, ReplyReader::default()));
        let mut post = json_post("/v1/chat/completions", &())?;
        post.headers.push(Header { name: name.into(), value });
        Ok(HttpRequest { body, ..post })
    }

    /// Takes bytes of the answer's body as they come; gives the pieces of text that they complete.
    ///
    /// # Errors
    /// `chat.no_request`, `node.…`.
    pub fn hear(&self, bytes: Vec<u8>) -> Result<Vec<String>, LazaiError> {
        let mut state = self.state();
        let (_, reader) = state.asked.as_mut().ok_or_else(no_request)?;
        Ok(reader.push(&bytes)?)
    }

    /// What a node answered instead, with a status that is no success.
    pub fn refusal(&self, status: u16, body: Vec<u8>) -> LazaiError {
        self.state().asked = None;
        talk::refusal(status, &body).into()
    }

    /// Checks the reply that was heard against what was asked and agreed, and signs for it. On error nothing is promised,
    /// and the same can be asked again.
    ///
    /// # Errors
    /// `chat.no_request`, `consumer.…`, `node.transport`, `signer.…`.
    pub async fn finish(&self) -> Result<ChatTurn, LazaiError> {
        let (request, reader) = self.state().asked.take().ok_or_else(no_request)?;
        let reply = reader.finish()?;
        self.take(&request, reply).await
    }

    /// Tells that the node has the payment.
    pub fn paid(&self) {
        let mut state = self.state();
        if let Some(voucher) = state.unpaid.take() {
            state.conversation.paid = Some(voucher);
        }
    }

    /// Says something, hears the reply, checks it and pays for it, over a transport. A payment that did not get through
    /// is sent first.
    ///
    /// # Errors
    /// `node.…`, `consumer.…`, `signer.…`.
    pub async fn say(
        &self,
        text: String,
        settings: ReplySettings,
        transport: Arc<dyn Transport>,
        listener: Option<Arc<dyn ReplyListener>>,
    ) -> Result<ChatTurn, LazaiError> {
        self.pay(&*transport).await?;
        let mut messages = self.messages();
        messages.push(Message { role: "user".into(), content: text });
        let post = self.ask(messages, settings).await?;
        let sink = BodySink::new(listener);
        let status = transport.post(post, sink.clone()).await?;
        let SinkState { reader, head, failed, .. } = std::mem::take(&mut *sink.state());
        if !(200..300).contains(&status) {
            return Err(self.refusal(status, head));
        }
        if let Some(error) = failed {
            return Err(error);
        }
        let (request, _) = self.state().asked.take().ok_or_else(no_request)?;
        let turn = self.take(&request, reader.finish()?).await?;
        self.pay(&*transport).await?;
        Ok(turn)
    }
}

impl Chat {
    async fn take(&self, request: &ChatRequest, reply: lazai::node::ChatReply) -> Result<ChatTurn, LazaiError> {
        let mut conversation = self.state().conversation.clone();
        conversation.accept(&self.domain, request, &reply, None)?;
        let voucher = conversation.voucher(&self.domain, &self.signer).await?;
        {
            let mut state = self.state();
            state.conversation = conversation;
            state.unpaid = voucher;
        }
        let receipt = reply.receipt.receipt;
        Ok(ChatTurn {
            text: reply.text,
            prompt_tokens: receipt.prompt_tokens,
            completion_tokens: receipt.completion_tokens,
            owed: receipt.cumulative.to_string(),
            payment: self.payment()?,
        })
    }

    async fn pay(&self, transport: &dyn Transport) -> Result<(), LazaiError> {
        let Some(post) = self.payment()? else { return Ok(()) };
        let sink = BodySink::new(None);
        let status = transport.post(post, sink.clone()).await?;
        if !(200..300).contains(&status) {
            let head = std::mem::take(&mut sink.state().head);
            return Err(talk::refusal(status, &head).into());
        }
        self.paid();
        Ok(())
    }
}

fn no_request() -> LazaiError {
    LazaiError::new("chat.no_request", "nothing was asked")
}

/// The models in a node's answer to `GET /v1/models`.
///
/// # Errors
/// `node.transport` if it is no such answer.
#[cfg_attr(feature = "uniffi", uniffi::export)]
pub fn read_models(body: Vec<u8>) -> Result<Vec<ModelOffer>, LazaiError> {
    Ok(talk::models(&body)?.into_iter().map(ModelOffer::from).collect())
}

record! {
    /// A character that a node offers.
    pub struct ModelOffer {
        /// Its name among the node's models.
        pub id: String,
        /// The character's name, as the node tells it.
        pub name: Option<String>,
        /// The offer.
        pub offer: crate::Offer,
        /// The node's signature of it.
        pub signature: String,
    }
}

impl ModelOffer {
    /// The offer with its signature, not checked.
    pub(crate) fn signed(&self) -> Result<SignedOffer, LazaiError> {
        Ok(SignedOffer { offer: self.offer.parse()?, signature: parse_signature(&self.signature)? })
    }
}

impl From<talk::Model> for ModelOffer {
    fn from(model: talk::Model) -> Self {
        let talk::Model { id, name, offer: SignedOffer { offer, signature } } = model;
        let offer = crate::Offer {
            node: offer.node.to_string(),
            class_id: offer.class.0,
            version: offer.version.0,
            asset: offer.asset.0.to_string(),
            prompt_price: offer.prompt_price.to_string(),
            completion_price: offer.completion_price.to_string(),
            prompt_ceiling: offer.prompt_ceiling,
            completion_ceiling: offer.completion_ceiling,
            session_s: offer.session_s,
            valid_until_s: offer.valid_until_s,
            min_deposit: offer.min_deposit.to_string(),
            quota_deposit: offer.quota_deposit.to_string(),
            series: offer.series,
        };
        Self { id, name, offer, signature: signature.to_string() }
    }
}
