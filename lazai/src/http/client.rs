//! A node as its consumers see it, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use blocking::{Unblock, unblock};
use futures_lite::AsyncReadExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::MAX_ANSWER_BYTES;
use super::front::model_id;
use super::openai::{ApiError, Asked};
use super::payment::{Claim, PAYMENT, Payment, Served, encode};
use super::sse::Events;
use crate::node::{ChatReply, ChatRequest, Node, NodeError, NodeFuture, SignedOffer, SignedVoucher};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a whole reply may take.
const REPLY: Duration = Duration::from_secs(600);

/// A model that a node offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its name among the node's models: `dat:CLASS:VERSION`.
    pub id: String,
    /// The character's name, as the node tells it.
    pub name: Option<String>,
    /// The signed offer.
    pub offer: SignedOffer,
}

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

#[derive(Deserialize)]
struct Models {
    data: Vec<ModelFields>,
}

#[derive(Deserialize)]
struct ModelFields {
    lazai: AboutModel,
}

#[derive(Deserialize)]
struct AboutModel {
    name: Option<String>,
    offer: SignedOffer,
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
        let models: Models = unblock(move || read(agent.get(url).call())).await?;
        let model = |ModelFields { lazai: AboutModel { name, offer } }| Model {
            id: model_id(offer.offer.class, offer.offer.version),
            name,
            offer,
        };
        Ok(models.data.into_iter().map(model).collect())
    }

    async fn ask(&self, request: &ChatRequest, on_text: &mut (dyn FnMut(&str) + Send)) -> Result<ChatReply, NodeError> {
        let ChatRequest { session, turn, ref messages, settings, salt, signature } = *request;
        // Which model it is, the session says; the front holds a name against it only if there is one.
        let asked =
            Asked { model: String::new(), messages: messages.clone(), settings, stream: true, include_usage: false };
        let claim = Claim { session, turn, salt, signature, voucher: None };
        let header = encode(&Payment { x402_version: 2, payload: claim });
        let (agent, url, body) = (self.agent.clone(), format!("{}/v1/chat/completions", self.url), asked.body());
        let response = unblock(move || {
            let post = agent.post(url).header("content-type", "application/json").header(PAYMENT, header);
            refused_or(post.send(body.to_string()))
        });
        let mut stream = Unblock::new(response.await?.into_body().into_reader());
        let (mut events, mut buffer) = (Events::default(), [0; 4096]);
        let (mut text, mut served) = (String::new(), None);
        loop {
            let count = stream.read(&mut buffer).await.map_err(|e| failed(&e))?;
            if count == 0 {
                return Err(failed(&"the reply broke off"));
            }
            for event in events.push(&buffer[..count]).map_err(|e| failed(&e))? {
                if event == "[DONE]" {
                    let Served { receipt, tokens, text: whole, .. } = served.ok_or_else(|| failed(&"no receipt"))?;
                    return Ok(ChatReply { text: whole.unwrap_or(text), tokens, receipt });
                }
                let event: Value = serde_json::from_str(&event).map_err(|e| failed(&e))?;
                if event.get("error").is_some() {
                    return Err(refused(ApiError::read(500, event.to_string().as_bytes())));
                }
                if let Some(piece) = event["choices"][0]["delta"]["content"].as_str().filter(|p| !p.is_empty()) {
                    text.push_str(piece);
                    on_text(piece);
                }
                if let Some(extension) = event.get("lazai") {
                    served = Some(Served::deserialize(extension).map_err(|e| failed(&e))?);
                }
            }
        }
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
            let (agent, url) = (self.agent.clone(), format!("{}/v1/lazai/vouchers", self.url));
            let body = serde_json::to_vec(voucher).map_err(|e| failed(&e))?;
            unblock(move || {
                refused_or(agent.post(url).header("content-type", "application/json").send(body)).map(|_| ())
            })
            .await
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
    Err(refused(ApiError::read(status.as_u16(), &body)))
}

/// The JSON of an answer.
pub(super) fn read<T: DeserializeOwned>(called: Called) -> Result<T, NodeError> {
    let mut response = refused_or(called)?;
    let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES as u64).read_to_vec();
    serde_json::from_slice(&body.map_err(|e| failed(&e))?).map_err(|e| failed(&e))
}

fn refused(error: ApiError) -> NodeError {
    NodeError::Refused { code: error.code, message: error.message }
}

pub(super) fn failed(reason: &dyn std::fmt::Display) -> NodeError {
    NodeError::Transport { reason: reason.to_string() }
}
