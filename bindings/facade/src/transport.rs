//! A language's own network, and a node behind it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai::enclave::HeldQuote;
use lazai::node::{ChatReply, ChatRequest, Node, NodeError, NodeFuture, SignedVoucher};
use lazai::speech::{SpeechReply, SpeechRequest};
use lazai::wire::speech::{self, SpeechReader};
use lazai::wire::talk::{self, ReplyReader};

use crate::{LazaiError, record};

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

/// Now, in seconds since 1970; 0 where no clock is at hand.
pub(crate) fn now_s() -> u64 {
    #[cfg(feature = "native")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    #[cfg(not(feature = "native"))]
    let now = 0;
    now
}

pub(crate) fn json_post(path: &str, body: &impl serde::Serialize) -> Result<HttpRequest, LazaiError> {
    let header = Header { name: "content-type".into(), value: "application/json".into() };
    Ok(HttpRequest { path: path.into(), headers: vec![header], body: serde_json::to_string(body)? })
}

/// The request that asks for a reply.
pub(crate) fn chat_post(request: &ChatRequest) -> Result<HttpRequest, LazaiError> {
    let (name, value, body) = talk::chat(request);
    let mut post = json_post("/v1/chat/completions", &())?;
    post.headers.push(Header { name: name.into(), value });
    Ok(HttpRequest { body, ..post })
}

/// The request that asks for speech.
pub(crate) fn speech_post(request: &SpeechRequest) -> Result<HttpRequest, LazaiError> {
    let (name, value, body) = speech::speak(request);
    let mut post = json_post(speech::PATH, &())?;
    post.headers.push(Header { name: name.into(), value });
    Ok(HttpRequest { body, ..post })
}

/// The request that brings a payment.
pub(crate) fn voucher_post(voucher: &SignedVoucher) -> Result<HttpRequest, LazaiError> {
    json_post("/v1/lazai/vouchers", voucher)
}

/// Receives a reply as it comes.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
pub trait ReplyListener: Send + Sync {
    /// A piece of text; `false` stops listening (the reply is paid all the same, for the node has made it).
    fn on_text(&self, text: String) -> bool;
}

/// Receives speech as it comes.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
pub trait SpeechListener: Send + Sync {
    /// Samples that follow those before, not checked yet: one channel, 16 bits, little-endian, so many a second. `false` stops listening
    /// (the speech is paid all the same, for the node has made it).
    fn on_sound(&self, samples: Vec<u8>, sample_rate: u32) -> bool;
}

/// Who is told what comes.
#[derive(Clone)]
pub(crate) enum Listener {
    Nobody,
    Reply(Arc<dyn ReplyListener>),
    /// With the samples a second.
    Speech(Arc<dyn SpeechListener>, u32),
}

impl From<Option<Arc<dyn ReplyListener>>> for Listener {
    fn from(listener: Option<Arc<dyn ReplyListener>>) -> Self {
        listener.map_or(Self::Nobody, Self::Reply)
    }
}

impl Listener {
    /// Tells what came; returns whether to go on.
    fn tell(&self, heard: Heard) -> bool {
        match (self, heard) {
            (Self::Reply(listener), Heard::Text(pieces)) => pieces.into_iter().all(|piece| listener.on_text(piece)),
            (Self::Speech(listener, rate), Heard::Sound(samples)) if !samples.is_empty() => {
                listener.on_sound(samples, *rate)
            }
            _ => true,
        }
    }
}

/// The sink for the body of an answer, as it comes.
#[cfg_attr(feature = "uniffi", derive(uniffi::Object))]
pub struct BodySink {
    state: Mutex<SinkState>,
    listener: Listener,
}

/// What an answer's body is read as.
enum Reader {
    Reply(Box<ReplyReader>),
    Speech(Box<SpeechReader>),
}

/// What some bytes of a body completed.
enum Heard {
    Text(Vec<String>),
    Sound(Vec<u8>),
}

impl Default for Reader {
    fn default() -> Self {
        Self::Reply(Box::default())
    }
}

impl Reader {
    fn push(&mut self, bytes: &[u8]) -> Result<Heard, NodeError> {
        Ok(match self {
            Self::Reply(reader) => Heard::Text(reader.push(bytes)?),
            Self::Speech(reader) => Heard::Sound(speech::bytes(reader.push(bytes)?)),
        })
    }
}

#[derive(Default)]
struct SinkState {
    reader: Reader,
    /// The beginning of the body, for errors.
    head: Vec<u8>,
    failed: Option<NodeError>,
    /// The quote under which it was asked for, where an attested enclave is asked for.
    held: Option<Box<HeldQuote>>,
    deaf: bool,
}

/// Largest part of an answer that an error is read from.
const HEAD_BYTES: usize = 64 << 10;

impl BodySink {
    fn new(reader: Reader, listener: Listener) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(SinkState { reader, ..SinkState::default() }), listener })
    }

    fn state(&self) -> MutexGuard<'_, SinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the quote under which it was asked for.
    #[cfg(feature = "native")]
    pub(crate) fn hold(&self, held: Option<Box<HeldQuote>>) {
        self.state().held = held;
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
            Ok(heard) => {
                let deaf = state.deaf;
                drop(state);
                // Outside of the lock, because a listener may call anything.
                if !deaf && !self.listener.tell(heard) {
                    self.state().deaf = true;
                }
            }
            Err(error) => state.failed = Some(error),
        }
    }
}

/// The network, as a language brings it: `URLSession`, OkHttp, `fetch`.
#[cfg_attr(feature = "uniffi", uniffi::export(with_foreign))]
#[async_trait::async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request to the node, passes the body of the answer to the sink as it comes, and returns the status.
    ///
    /// # Errors
    /// The reason why there is no answer, as `node.transport`.
    async fn post(&self, request: HttpRequest, sink: Arc<BodySink>) -> Result<u16, LazaiError>;
}

/// A node behind a transport. What comes goes to the listener, on whatever thread the transport pushes from.
pub(crate) struct Distant {
    pub transport: Arc<dyn Transport>,
    pub listener: Listener,
}

impl Distant {
    /// The answer, if its status is a success.
    async fn posted(
        &self,
        post: Result<HttpRequest, LazaiError>,
        reader: Reader,
        listener: Listener,
    ) -> Result<SinkState, NodeError> {
        let sink = BodySink::new(reader, listener);
        let sent = async { self.transport.post(post?, sink.clone()).await };
        let in_words = |LazaiError::Failed { code, detail }| NodeError::Refused { code, message: detail };
        let status = sent.await.map_err(in_words)?;
        let state = std::mem::take(&mut *sink.state());
        if (200..300).contains(&status) { Ok(state) } else { Err(talk::refusal(status, &state.head)) }
    }
}

impl Node for Distant {
    fn chat<'a>(&'a self, request: &'a ChatRequest, _: &'a mut (dyn FnMut(&str) + Send)) -> NodeFuture<'a, ChatReply> {
        Box::pin(async move {
            let state = self.posted(chat_post(request), Reader::default(), self.listener.clone()).await?;
            match (state.failed, state.reader) {
                (Some(error), _) => Err(error),
                (None, Reader::Reply(reader)) => Ok(ChatReply { enclave: state.held, ..reader.finish()? }),
                (None, Reader::Speech(_)) => Err(other_answer()),
            }
        })
    }

    fn speak<'a>(
        &'a self,
        request: &'a SpeechRequest,
        _: &'a mut (dyn FnMut(&[i16]) + Send),
    ) -> NodeFuture<'a, SpeechReply> {
        Box::pin(async move {
            let reader = Reader::Speech(Box::default());
            let state = self.posted(speech_post(request), reader, self.listener.clone()).await?;
            match (state.failed, state.reader) {
                (Some(error), _) => Err(error),
                (None, Reader::Speech(reader)) => reader.finish(),
                (None, Reader::Reply(_)) => Err(other_answer()),
            }
        })
    }

    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
        Box::pin(
            async move { self.posted(voucher_post(voucher), Reader::default(), Listener::Nobody).await.map(|_| ()) },
        )
    }
}

/// An answer that is read as another than was asked for: not by this code.
fn other_answer() -> NodeError {
    NodeError::Transport { reason: "the answer is of another kind than was asked for".into() }
}
