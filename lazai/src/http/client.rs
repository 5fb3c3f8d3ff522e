//! A node as its consumers see it, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use blocking::{Unblock, unblock};
use futures_lite::AsyncReadExt;
use serde::de::DeserializeOwned;

use super::MAX_ANSWER_BYTES;
use super::talk::{self, Model, ReplyReader, failed};
use crate::node::{ChatReply, ChatRequest, Node, NodeError, NodeFuture, SignedVoucher};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a node that is busy is left alone, and how often it is asked again.
const BUSY: Duration = Duration::from_millis(1_100);
const BUSY_TRIES: usize = 3;
/// How long a whole reply may take.
const REPLY: Duration = Duration::from_secs(600);

/// A node behind a URL. Its futures need no particular runtime: the network is waited for on threads of the `blocking`
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
#[derive(Debug, Clone)]
pub struct HttpNode {
    url: Arc<str>,
    agent: ureq::Agent,
}

impl HttpNode {
    /// A node at a URL such as `https://node.example`, without the path `/v1`; nothing is asked yet.
    ///
    /// # Errors
    /// [`NodeError::Transport`] if it is no URL of HTTP.
    pub fn new(url: &str) -> Result<Self, NodeError> {
        let url = url.trim_end_matches('/');
        let url = url.strip_suffix("/v1").unwrap_or(url);
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            return Err(failed(&"the node's URL begins neither with http:// nor https://"));
        }
        Ok(Self { url: url.into(), agent: agent() })
    }

    /// What it offers.
    ///
    /// # Errors
    /// [`NodeError::Refused`], [`NodeError::Transport`].
    pub async fn models(&self) -> Result<Vec<Model>, NodeError> {
        let (agent, url) = (self.agent.clone(), format!("{}/v1/models", self.url));
        let body = unblock(move || bytes(agent.get(url).call())).await?;
        talk::models(&body)
    }

    /// Sends JSON to a path, gives the body of the answer to `on_bytes` as it comes (at most
    /// [`MAX_ANSWER_BYTES`]), and returns the status: for whoever keeps the conversation herself. A node that is busy is asked
    /// again.
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
        let mut tries = 0;
        let response = loop {
            let mut response = self.sent(path, headers.clone(), body.clone()).await.map_err(|e| failed(&e))?;
            if response.status().as_u16() != 503 {
                break response;
            }
            let (said, busy) = unblock(move || {
                let said = response.body_mut().with_config().limit(MAX_ANSWER_BYTES as u64).read_to_vec();
                let said = said.unwrap_or_default();
                let busy = talk::refusal(503, &said).code() == "node.busy";
                (said, busy)
            })
            .await;
            if !busy || tries == BUSY_TRIES {
                on_bytes(&said);
                return Ok(503);
            }
            tries += 1;
            unblock(|| std::thread::sleep(BUSY)).await;
        };
        let status = response.status().as_u16();
        let mut stream = Unblock::new(response.into_body().into_reader());
        let (mut buffer, mut left) = ([0; 4096], MAX_ANSWER_BYTES);
        while left > 0 {
            let count = stream.read(&mut buffer).await.map_err(|e| failed(&e))?;
            if count == 0 {
                break;
            }
            left = left.saturating_sub(count);
            on_bytes(&buffer[..count]);
        }
        Ok(status)
    }

    async fn sent(&self, path: &str, headers: Vec<(String, String)>, body: String) -> Called {
        let (agent, url) = (self.agent.clone(), format!("{}{path}", self.url));
        unblock(move || headers.iter().fold(agent.post(url), |post, (name, value)| post.header(name, value)).send(body))
            .await
    }

    /// Sends JSON; a status that is no success is an error. A node that is busy is asked again: whatever is sent here has
    /// the same answer if it came twice.
    async fn accepted(
        &self,
        path: &str,
        header: Option<(&str, String)>,
        body: String,
    ) -> Result<ureq::http::Response<ureq::Body>, NodeError> {
        let json = ("content-type".to_owned(), "application/json".to_owned());
        let headers: Vec<_> =
            std::iter::once(json).chain(header.map(|(name, value)| (name.to_owned(), value))).collect();
        let mut tries = 0;
        loop {
            let sent = self.sent(path, headers.clone(), body.clone()).await;
            // What a refusal says is read from the network, too.
            match unblock(move || refused_or(sent)).await {
                Err(error) if error.code() == "node.busy" && tries < BUSY_TRIES => tries += 1,
                answered => return answered,
            }
            unblock(|| std::thread::sleep(BUSY)).await;
        }
    }

    async fn ask(&self, request: &ChatRequest, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<ChatReply, NodeError> {
        let (name, header, body) = talk::chat(request);
        let response = self.accepted("/v1/chat/completions", Some((name, header)), body).await?;
        let mut stream = Unblock::new(response.into_body().into_reader());
        let (mut reader, mut buffer) = (ReplyReader::default(), [0; 4096]);
        while !reader.is_done() {
            let count = stream.read(&mut buffer).await.map_err(|e| failed(&e))?;
            if count == 0 {
                break;
            }
            reader.push(&buffer[..count])?.iter().for_each(|piece| on_text(piece));
        }
        reader.finish()
    }
}

impl Node for HttpNode {
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
}

pub(super) type Called = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// Connections that answer whatever the status is, and end.
pub(super) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
    config.timeout_connect(Some(CONNECT)).timeout_global(Some(REPLY)).build().into()
}

/// A response of status 2xx, or what it says instead.
pub(super) fn refused_or(called: Called) -> Result<ureq::http::Response<ureq::Body>, NodeError> {
    let mut response = called.map_err(|e| failed(&e))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES as u64).read_to_vec().unwrap_or_default();
    Err(talk::refusal(status.as_u16(), &body))
}

/// The body of an answer.
fn bytes(called: Called) -> Result<Vec<u8>, NodeError> {
    let mut response = refused_or(called)?;
    response.body_mut().with_config().limit(MAX_ANSWER_BYTES as u64).read_to_vec().map_err(|e| failed(&e))
}

/// The JSON of an answer.
pub(super) fn read<T: DeserializeOwned>(called: Called) -> Result<T, NodeError> {
    serde_json::from_slice(&bytes(called)?).map_err(|e| failed(&e))
}
