//! A node as its consumers see it, over HTTP.

#[cfg(feature = "credits")]
mod credits;
mod enclave;
mod sealing;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use blocking::{Unblock, unblock};
use futures_lite::AsyncReadExt;
use lazai_core::quiet::json_error;
use lazai_core::{Address, Domain};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::enclave::HeldQuote;
use crate::node::{ChatReply, ChatRequest, Node, NodeError, NodeFuture, ReleaseRequest, SignedRelease, SignedVoucher};
use crate::speech::{SpeechReply, SpeechRequest};
use crate::wire::MAX_ANSWER_BYTES;
use crate::wire::speech::{self, SpeechReader};
use crate::wire::talk::{self, OfferedModel, ReplyReader, failed};
use enclave::Enclave;
pub use sealing::Sealing;
#[cfg(feature = "node")]
pub(super) use sealing::place_at_relay;
use sealing::{Held, Known};

/// The time limit for connecting.
const CONNECT: Duration = Duration::from_secs(10);
/// The pause before a busy node is asked again, and the number of such tries.
const BUSY: Duration = Duration::from_millis(1_100);
const BUSY_TRIES: usize = 3;
/// The longest time that a node may ask to be left alone for, before it is asked again here.
const MOST_BUSY: Duration = Duration::from_secs(5);
/// The time limit for a whole reply.
const REPLY: Duration = Duration::from_secs(600);

/// A node behind a URL. What is sent is sealed to the node, where it offers that ([`Sealing`]). Its futures need no particular runtime: the network is waited for on threads of the `blocking`
/// crate.
///
/// # Example
/// ```no_run
/// # async fn talk(consumer: lazai::consumer::Consumer) -> Result<(), Box<dyn std::error::Error>> {
/// use lazai::http::HttpNode;
/// use lazai::settle::session::SessionPayment;
///
/// let node = HttpNode::new("https://node.example")?;
/// let model = node.models().await?.remove(0);
/// let deposit = SessionPayment::Deposit(lazai::core::Amount::from_base_units(1_000));
/// let mut conversation = consumer.open(1, &model.offer, deposit).await?;
/// consumer.say(&mut conversation, &node, "Who are you?", &mut |text| print!("{text}")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HttpNode {
    url: Arc<str>,
    /// Where it is asked: its URL, or its place at a relay.
    base: Arc<str>,
    agent: ureq::Agent,
    sealing: Sealing,
    held: Held,
    known: Arc<Known>,
    /// What has to hold the key, if anything has to.
    enclave: Option<Arc<Enclave>>,
}

impl HttpNode {
    /// A node at a URL such as `https://node.example`, without the path `/v1`; nothing is sent yet.
    ///
    /// # Errors
    /// [`NodeError::Transport`] if it is no URL of HTTP.
    pub fn new(url: &str) -> Result<Self, NodeError> {
        let url = without_v1(url);
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(failed(&"the node's URL begins neither with http:// nor https://"));
        }
        let (url, agent) = (Arc::<str>::from(url), agent(RootCerts::WebPki));
        let (base, sealing) = (url.clone(), Sealing::default());
        Ok(Self { url, base, agent, sealing, held: Held::default(), known: Arc::default(), enclave: None })
    }

    /// Trusts these certificate authorities instead of public ones: certificates in PEM, such as that of an authority of one's own.
    ///
    /// # Errors
    /// [`NodeError::Transport`] if there is none in it, or something that is none.
    pub fn with_root_certificates(mut self, pem: &[u8]) -> Result<Self, NodeError> {
        self.agent = agent(roots(pem)?);
        Ok(self)
    }

    /// Its URL, as logs tell it.
    pub(super) fn place(&self) -> String {
        without_userinfo(&self.url)
    }

    /// The models that the node offers.
    ///
    /// # Errors
    /// [`NodeError::Refused`], [`NodeError::Transport`].
    pub async fn models(&self) -> Result<Vec<OfferedModel>, NodeError> {
        let (agent, url) = (self.agent.clone(), format!("{}/v1/models", self.base));
        let body = unblock(move || bytes(agent.get(url).call())).await?;
        let models = talk::models(&body)?;
        self.known.note(&models);
        Ok(models)
    }

    /// Asks the node to release a session, so that its payer can end it at once. [`Talker::check_release`] checks the
    /// signature; this method does not.
    ///
    /// # Errors
    /// [`NodeError::Refused`]; [`NodeError::Transport`], also for the release of another session.
    ///
    /// [`Talker::check_release`]: crate::consumer::Talker::check_release
    pub async fn release(&self, request: &ReleaseRequest) -> Result<SignedRelease, NodeError> {
        let body = serde_json::to_string(request).map_err(|e| failed(&e))?;
        let bytes = self.accepted("/v1/lazai/releases", None, body).await?.whole().await?;
        let signed: SignedRelease = serde_json::from_slice(&bytes).map_err(|e| failed(&json_error(&e)))?;
        let (expected, found) = (request.session, signed.release.session);
        if found != expected {
            return Err(failed(&format!("the node releases session {found}, {expected} was asked for")));
        }
        Ok(signed)
    }

    /// Sends JSON to a path, passes the body of the answer to `on_bytes` as it comes (at most [`MAX_ANSWER_BYTES`]), and
    /// returns the status: for callers that keep the conversation elsewhere. Asks a busy node again.
    ///
    /// # Errors
    /// [`NodeError::Transport`].
    pub async fn post(
        &self,
        path: &str,
        headers: Vec<(String, String)>,
        body: String,
        on_bytes: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<u16, NodeError> {
        self.post_held(path, headers, body, on_bytes).await.map(|(status, _)| status)
    }

    /// The node's answer. Asks a busy node again: everything sent here is answered the same if it arrives twice.
    async fn answered(&self, path: &str, headers: Vec<(String, String)>, body: String) -> Result<Answer, NodeError> {
        let mut tries = 0;
        loop {
            let answer = self.once(path, headers.clone(), body.clone()).await?;
            let (status, after) = (answer.status, answer.retry_after);
            if ![429, 503].contains(&status) {
                return Ok(answer);
            }
            // A refusal is read whole: the node may only be busy.
            let said = answer.whole().await.unwrap_or_default();
            let pause = match talk::refusal(status, &said).code() {
                "node.busy" => Some(BUSY),
                "node.rate_limited" => after.filter(|after| *after <= MOST_BUSY),
                _ => None,
            };
            let Some(pause) = pause.filter(|_| tries < BUSY_TRIES) else { return Ok(Answer::said(status, said)) };
            tries += 1;
            unblock(move || std::thread::sleep(pause)).await;
        }
    }

    /// Sends JSON; any status but success is an error.
    async fn accepted(&self, path: &str, header: Option<(&str, String)>, body: String) -> Result<Answer, NodeError> {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        let headers = std::iter::once(json).chain(header.map(|(name, value)| (name.to_owned(), value)));
        let answer = self.answered(path, headers.collect(), body).await?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        let status = answer.status;
        Err(talk::refusal(status, &answer.whole().await.unwrap_or_default()))
    }

    async fn ask(&self, request: &ChatRequest, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<ChatReply, NodeError> {
        let (name, header, body) = talk::chat(request);
        let mut answer = self.accepted("/v1/chat/completions", Some((name, header)), body).await?;
        let mut reply = answer.reply(on_text).await?;
        reply.enclave = answer.held.take();
        Ok(reply)
    }

    async fn ask_speech(
        &self,
        request: &SpeechRequest,
        on_samples: &mut (dyn FnMut(&[i16]) + Send),
    ) -> Result<SpeechReply, NodeError> {
        let (name, header, body) = speech::speak(request);
        let mut answer = self.accepted(speech::PATH, Some((name, header)), body).await?;
        let mut reader = SpeechReader::default();
        while !reader.is_done() {
            let bytes = answer.next().await?;
            if bytes.is_empty() {
                break;
            }
            let samples = reader.push(bytes)?;
            if !samples.is_empty() {
                on_samples(samples);
            }
        }
        reader.finish()
    }
}

impl std::fmt::Debug for HttpNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpNode {{ url: {:?} }}", self.place())
    }
}

/// The time after which a node wants to be asked again (RFC 9110: Retry-After, in seconds).
pub(super) fn retry_after_of(header: Option<&ureq::http::HeaderValue>) -> Option<Duration> {
    Some(Duration::from_secs(header?.to_str().ok()?.parse().ok()?))
}

/// A node's answer: a status, and a body that comes in pieces.
struct Answer {
    status: u16,
    retry_after: Option<Duration>,
    body: Unblock<Box<dyn Read + Send>>,
    piece: Vec<u8>,
    /// The quote of the key that it was asked for under, where one has to be.
    held: Option<Box<HeldQuote>>,
}

impl Answer {
    fn of(response: ureq::http::Response<ureq::Body>) -> Self {
        let retry_after = retry_after_of(response.headers().get("retry-after"));
        let answer = Self::new(response.status().as_u16(), Box::new(response.into_body().into_reader()));
        Self { retry_after, ..answer }
    }

    /// An answer whose body is read already.
    fn said(status: u16, body: Vec<u8>) -> Self {
        Self::new(status, Box::new(std::io::Cursor::new(body)))
    }

    fn new(status: u16, body: Box<dyn Read + Send>) -> Self {
        Self { status, retry_after: None, body: Unblock::new(body), piece: vec![0; 4096], held: None }
    }

    /// The next piece of the body; empty at its end.
    async fn next(&mut self) -> Result<&[u8], NodeError> {
        let count = self.body.read(&mut self.piece).await.map_err(|e| failed(&e))?;
        Ok(&self.piece[..count])
    }

    /// A streamed reply; each piece of text is given to `on_text` as it comes.
    async fn reply(&mut self, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<ChatReply, NodeError> {
        let mut reader = ReplyReader::default();
        while !reader.is_done() {
            let bytes = self.next().await?;
            if bytes.is_empty() {
                break;
            }
            reader.push(bytes)?.iter().for_each(|piece| on_text(piece));
        }
        reader.finish()
    }

    /// All of the body, at most [`MAX_ANSWER_BYTES`].
    async fn whole(self) -> Result<Vec<u8>, NodeError> {
        self.whole_up_to(MAX_ANSWER_BYTES).await
    }

    async fn whole_up_to(mut self, most: usize) -> Result<Vec<u8>, NodeError> {
        let mut whole = Vec::new();
        loop {
            let bytes = self.next().await?;
            if bytes.is_empty() {
                return Ok(whole);
            }
            if whole.len() + bytes.len() > most {
                return Err(failed(&format!("the answer has more than {most} bytes")));
            }
            whole.extend_from_slice(bytes);
        }
    }
}

impl Node for HttpNode {
    fn expect(&self, domain: &Domain, node: Address) {
        self.hold(domain, node);
    }

    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        Box::pin(self.ask(request, on_text))
    }

    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
        Box::pin(async move {
            let body = serde_json::to_string(voucher).map_err(|e| failed(&e))?;
            self.accepted("/v1/lazai/vouchers", None, body).await.map(|_| ())
        })
    }

    fn speak<'a>(
        &'a self,
        request: &'a SpeechRequest,
        on_samples: &'a mut (dyn FnMut(&[i16]) + Send),
    ) -> NodeFuture<'a, SpeechReply> {
        Box::pin(self.ask_speech(request, on_samples))
    }
}

pub(super) type Called = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// Certificate authorities out of PEM.
pub(super) fn roots(pem: &[u8]) -> Result<RootCerts, NodeError> {
    let of = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Ok(certificate),
        Ok(_) => Err(failed(&"root certificates: something else is among them, such as a key")),
        Err(error) => Err(failed(&format!("root certificates: {error}"))),
    };
    let roots = parse_pem(pem).map(of).collect::<Result<Vec<_>, _>>()?;
    if roots.is_empty() {
        return Err(failed(&"root certificates: no certificate in PEM"));
    }
    Ok(RootCerts::from(roots))
}

/// Connections that return any status as an answer, and have time limits.
pub(super) fn agent(roots: RootCerts) -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
    let config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
    config.timeout_connect(Some(CONNECT)).timeout_global(Some(REPLY)).build().into()
}

/// Connections as another agent's, and none of its own.
#[cfg(feature = "credits")]
fn agent_like(agent: &ureq::Agent) -> ureq::Agent {
    ureq::Agent::new_with_config(agent.config().clone())
}

/// A response of status 2xx, or the error in it.
pub(super) fn refused_or(called: Called) -> Result<ureq::http::Response<ureq::Body>, NodeError> {
    let mut response = called.map_err(|e| failed(&e))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES as u64).read_to_vec().unwrap_or_default();
    Err(talk::refusal(status.as_u16(), &body))
}

/// The body of an answer that tells an error, as far as it is read.
fn error_bytes(mut response: ureq::http::Response<ureq::Body>) -> Vec<u8> {
    response.body_mut().with_config().limit(64 << 10).read_to_vec().unwrap_or_default()
}

/// The body of an answer.
fn bytes(called: Called) -> Result<Vec<u8>, NodeError> {
    let mut response = refused_or(called)?;
    response.body_mut().with_config().limit(MAX_ANSWER_BYTES as u64).read_to_vec().map_err(|e| failed(&e))
}

/// The JSON of an answer.
#[cfg(feature = "node")]
pub(super) fn read<T: serde::de::DeserializeOwned>(called: Called) -> Result<T, NodeError> {
    serde_json::from_slice(&bytes(called)?).map_err(|e| failed(&json_error(&e)))
}

/// A server's URL, without the path that OpenAI's clients have in theirs.
pub(super) fn without_v1(url: &str) -> &str {
    let url = url.trim_end_matches('/');
    url.strip_suffix("/v1").unwrap_or(url)
}

/// A URL without user and password.
pub(super) fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_told_without_its_password() {
        assert_eq!(without_userinfo("https://me:pass@word@host:1/v1"), "https://host:1/v1");
        assert_eq!(without_userinfo("http://host/a@b"), "http://host/a@b");
        assert_eq!(without_userinfo("host"), "host");
    }
}
