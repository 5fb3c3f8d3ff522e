//! What a node and the loopback proxy answer, as OpenAPI 3.1: the document is made of the table that their routes are made of.

mod schemas;

use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::reply::Api;
use crate::wire::sealed::{ANSWER_TYPE, GATEWAY, REQUEST_TYPE};
use schemas::{refer, schemas};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Node,
    Proxy,
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Agent,
    AgentCard,
    Budget,
    CharacterAgent,
    CharacterCard,
    Credits,
    Document,
    Embeddings,
    Health,
    Mcp,
    Model,
    Models,
    Payments,
    Quote,
    Releases,
    Reply(Api),
    Reports,
    Sealed,
    Sessions,
    Speech,
    Vouchers,
}

const REPLIES: [Endpoint; 3] =
    [Endpoint::Reply(Api::Chat), Endpoint::Reply(Api::Completions), Endpoint::Reply(Api::Responses)];

impl Server {
    /// All that it answers.
    pub fn endpoints(self) -> Vec<Endpoint> {
        use Endpoint::{Agent, AgentCard, CharacterAgent, CharacterCard, Mcp};
        use Endpoint::{
            Budget, Credits, Document, Embeddings, Health, Model, Models, Payments, Quote, Releases, Reports, Sealed,
            Sessions, Speech, Vouchers,
        };
        let own: &[Endpoint] = match self {
            Self::Node => &[
                Models, Model, Embeddings, Speech, Payments, Sessions, Vouchers, Credits, Releases, Reports, Quote,
                Sealed, Health, Document,
            ],
            Self::Proxy => &[Models, Model, Embeddings, Speech, Budget, Mcp, Document],
        };
        let agents = [AgentCard, CharacterCard, Agent, CharacterAgent];
        REPLIES.iter().chain(own).chain(&agents).copied().collect()
    }

    /// The document.
    pub fn document(self) -> Value {
        let mut paths = Map::new();
        for endpoint in self.endpoints() {
            let method = if endpoint.is_post() { "post" } else { "get" };
            paths.insert(endpoint.path().into(), json!({method: self.operation(endpoint)}));
        }
        let (title, about, security) = match self {
            Self::Node => (
                "A node of LazAI",
                "Replies of characters, for money: without a payment, status 402 tells what opens a session. Codes of errors and \
                 fields of requests are in the project's book.",
                json!([]),
            ),
            Self::Proxy => (
                "LazAI's loopback proxy",
                "Replies of characters for programs that know no payments: the proxy pays within its budget, and checks every \
                 receipt.",
                json!([{"key": []}]),
            ),
        };
        let mut document = json!({
            "openapi": "3.1.0",
            "info": {"title": title, "description": about, "version": env!("CARGO_PKG_VERSION"),
                     "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"}},
            "security": security,
            "paths": paths,
            "components": {"schemas": schemas(self)},
        });
        if self == Self::Proxy {
            document["components"]["securitySchemes"] = json!({"key": {"type": "http", "scheme": "bearer"}});
        }
        document
    }

    fn operation(self, endpoint: Endpoint) -> Value {
        let mut responses = Map::new();
        responses.insert(endpoint.success().0.into(), endpoint.success().1);
        if endpoint.request() == Some("RpcRequest") {
            responses.insert("202".into(), json!({"description": "A notification: nobody answers it."}));
        }
        for status in self.failures(endpoint) {
            let is_unpaid =
                status == 402 && self == Self::Node && matches!(endpoint, Endpoint::Reply(_) | Endpoint::Speech);
            let schema = refer(if is_unpaid { "Unpaid" } else { "Error" });
            let mut answer =
                json!({"description": reason(status), "content": {"application/json": {"schema": schema}}});
            if is_unpaid {
                let header = json!({"description": "the body's `payment` as base64", "required": true, "schema": {"type": "string"}});
                answer["headers"] = json!({"PAYMENT-REQUIRED": header});
            }
            responses.insert(status.to_string(), answer);
        }
        let mut operation =
            json!({"operationId": endpoint.name(), "summary": endpoint.summary(), "responses": responses});
        let parameters = self.parameters(endpoint);
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if let Some(schema) = endpoint.request() {
            let kind = endpoint.body_type();
            operation["requestBody"] = json!({"required": true, "content": {kind: {"schema": refer(schema)}}});
        }
        operation
    }

    fn parameters(self, endpoint: Endpoint) -> Vec<Value> {
        let header = |name: &str, about: &str, most: usize| {
            let schema = json!({"type": "string", "minLength": 1, "maxLength": most, "pattern": "^[!-~]+$"});
            json!({"name": name, "in": "header", "required": false, "description": about, "schema": schema})
        };
        match (endpoint, self) {
            (Endpoint::Model | Endpoint::CharacterAgent | Endpoint::CharacterCard, _) => {
                vec![
                    json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}),
                ]
            }
            (Endpoint::Reply(_) | Endpoint::Speech, Self::Node) => {
                vec![header("PAYMENT-SIGNATURE", "base64 of a signed request, as x402 has it", 16 << 10)]
            }
            (Endpoint::Reply(_), Self::Proxy) => {
                vec![header("Idempotency-Key", "a request that is made and paid once a day", 255)]
            }
            _ => Vec::new(),
        }
    }

    /// The statuses of what may go wrong.
    fn failures(self, endpoint: Endpoint) -> Vec<u16> {
        let mut all: Vec<u16> = match endpoint {
            Endpoint::Health | Endpoint::Document => Vec::new(),
            Endpoint::Budget => vec![500],
            // What goes wrong with a message is told in the answer to it.
            Endpoint::Agent | Endpoint::Mcp => Vec::new(),
            Endpoint::CharacterAgent => vec![404],
            Endpoint::AgentCard | Endpoint::Models | Endpoint::Payments => vec![500, 503],
            Endpoint::CharacterCard | Endpoint::Model | Endpoint::Quote => vec![404, 500, 503],
            Endpoint::Embeddings => vec![400, 401, 404, 500],
            Endpoint::Sealed => vec![400, 404, 500],
            Endpoint::Reply(_) | Endpoint::Speech => vec![400, 402, 403, 409, 500, 502, 503],
            Endpoint::Sessions => vec![400, 403, 500, 503],
            Endpoint::Credits | Endpoint::Vouchers | Endpoint::Releases | Endpoint::Reports => {
                vec![400, 402, 403, 409, 500, 503]
            }
        };
        if endpoint.is_post() {
            all.extend([408, 413]);
        }
        // A node's limit of an address; the proxy tells of it where every node that could answer has one.
        if self == Self::Node
            || matches!(endpoint, Endpoint::Reply(_) | Endpoint::Speech | Endpoint::Model | Endpoint::Models)
            || matches!(endpoint, Endpoint::AgentCard | Endpoint::CharacterCard)
        {
            all.push(429);
        }
        if self == Self::Proxy {
            all.extend([400, 401, 403]);
            match endpoint {
                Endpoint::Reply(_) => all.extend([404, 422]),
                Endpoint::Speech => all.push(404),
                Endpoint::Models | Endpoint::Model | Endpoint::AgentCard | Endpoint::CharacterCard => all.push(502),
                _ => {}
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        400 => "The request is not what is read here, or asks for what is not supported.",
        401 => "The key is another.",
        402 => "It is not paid, or the budget does not allow it.",
        403 => "It is not allowed.",
        404 => "There is no such model, or nothing at this path.",
        408 => "The body did not come in time.",
        409 => "Something else comes first.",
        413 => "The body is too large.",
        422 => "The idempotency key was used with another request.",
        429 => "It was asked too often; `Retry-After` says when it is answered again.",
        502 => "Another server does not answer.",
        503 => "Too much is asked at this moment, the node is stopping, or the ledger does not answer.",
        _ => "It failed here.",
    }
}

impl Endpoint {
    pub fn path(self) -> &'static str {
        match self {
            Self::Agent => "/a2a",
            Self::AgentCard => "/.well-known/agent-card.json",
            Self::Budget => "/v1/lazai/budget",
            Self::CharacterAgent => "/a2a/{id}",
            Self::CharacterCard => "/a2a/{id}/.well-known/agent-card.json",
            Self::Credits => crate::wire::credits::ORDERS,
            Self::Document => "/openapi.json",
            Self::Embeddings => "/v1/embeddings",
            Self::Health => "/health",
            Self::Mcp => "/mcp",
            Self::Model => "/v1/models/{id}",
            Self::Models => "/v1/models",
            Self::Payments => "/.well-known/x402",
            Self::Quote => crate::wire::sealed::QUOTE,
            Self::Releases => "/v1/lazai/releases",
            Self::Reply(api) => api.path(),
            Self::Reports => "/v1/lazai/reports",
            Self::Sealed => GATEWAY,
            Self::Sessions => "/v1/lazai/sessions",
            Self::Speech => crate::wire::speech::PATH,
            Self::Vouchers => "/v1/lazai/vouchers",
        }
    }

    pub fn is_post(self) -> bool {
        self.request().is_some()
    }

    fn name(self) -> &'static str {
        match self {
            Self::Agent => "a2a",
            Self::AgentCard => "agentCard",
            Self::Budget => "budget",
            Self::CharacterAgent => "a2aCharacter",
            Self::CharacterCard => "characterCard",
            Self::Credits => "orderCredits",
            Self::Document => "openapi",
            Self::Embeddings => "createEmbedding",
            Self::Health => "health",
            Self::Mcp => "mcp",
            Self::Model => "retrieveModel",
            Self::Models => "listModels",
            Self::Payments => "payments",
            Self::Quote => "quote",
            Self::Releases => "release",
            Self::Reply(Api::Chat) => "createChatCompletion",
            Self::Reply(Api::Completions) => "createCompletion",
            Self::Reply(Api::Responses) => "createResponse",
            Self::Reports => "report",
            Self::Sealed => "sealed",
            Self::Sessions => "open",
            Self::Speech => "createSpeech",
            Self::Vouchers => "pay",
        }
    }

    fn summary(self) -> &'static str {
        match self {
            Self::Agent => "A message of an agent to a character (A2A, JSON-RPC).",
            Self::AgentCard => "The agent card of all characters (A2A).",
            Self::Budget => "What is spent, reserved and left.",
            Self::CharacterAgent => "A message of an agent to this character (A2A, JSON-RPC).",
            Self::CharacterCard => "The agent card of a character (A2A).",
            Self::Credits => {
                "Orders credits in a session, blinded (RFC 9474), or collects those of an order that is paid: each pays a reply without telling by whom."
            }
            Self::Document => "This document.",
            Self::Embeddings => "Embeds texts.",
            Self::Health => "Tells that the server answers.",
            Self::Mcp => "A message of an agent that calls tools (MCP, JSON-RPC).",
            Self::Model => "A character, or an encoder.",
            Self::Models => "The characters that answer, with their signed offers.",
            Self::Payments => "What is for sale, and every way to pay for it (x402).",
            Self::Quote => {
                "The hardware quote of the key that requests are sealed to, if the node runs in a confidential machine."
            }
            Self::Releases => "Asks the node to want no more of a session.",
            Self::Reply(Api::Chat) => "A reply to messages.",
            Self::Reply(Api::Completions) => "A reply to a prompt, which is one message of the user.",
            Self::Reply(Api::Responses) => "A reply to items; nothing is kept.",
            Self::Reports => "Reports a character to its node.",
            Self::Sealed => {
                "Any other request, sealed to the key that the list of models tells: chunked Oblivious HTTP."
            }
            Self::Sessions => {
                "Opens a session that its payer signed for with one signature (ERC-3009); the node pays the gas."
            }
            Self::Speech => "Speaks a text with a character's voice.",
            Self::Vouchers => "Pays for replies.",
        }
    }

    /// The media type of the body.
    fn body_type(self) -> &'static str {
        if self == Self::Sealed { REQUEST_TYPE } else { "application/json" }
    }

    /// The schema of the body.
    fn request(self) -> Option<&'static str> {
        match self {
            Self::AgentCard | Self::CharacterCard => None,
            Self::Agent | Self::CharacterAgent | Self::Mcp => Some("RpcRequest"),
            Self::Budget | Self::Document | Self::Health | Self::Model | Self::Models => None,
            Self::Payments | Self::Quote => None,
            Self::Credits => Some("CreditOrder"),
            Self::Embeddings => Some("EmbeddingRequest"),
            Self::Releases => Some("ReleaseRequest"),
            Self::Reply(Api::Chat) => Some("ChatRequest"),
            Self::Reply(Api::Completions) => Some("CompletionRequest"),
            Self::Reply(Api::Responses) => Some("ResponseRequest"),
            Self::Reports => Some("SignedReport"),
            Self::Sealed => Some("SealedMessage"),
            Self::Sessions => Some("SignedOpening"),
            Self::Speech => Some("SpeechRequest"),
            Self::Vouchers => Some("SignedVoucher"),
        }
    }

    /// The status and the answer of a success.
    fn success(self) -> (&'static str, Value) {
        let text = json!({"type": "string"});
        let json = |name: &str| json!({"schema": refer(name)});
        let of = |name: &str| ("200", json!({"description": "Done.", "content": {"application/json": json(name)}}));
        match self {
            Self::Agent | Self::CharacterAgent => {
                let content = json!({"application/json": json("RpcAnswer"), "text/event-stream": {"schema": text}});
                ("200", json!({"description": "The answer, whole or as events.", "content": content}))
            }
            Self::Mcp => of("RpcAnswer"),
            Self::AgentCard | Self::CharacterCard => of("AgentCard"),
            Self::Budget => of("Budget"),
            Self::Credits => of("CreditDelivery"),
            Self::Document => (
                "200",
                json!({"description": "Done.", "content": {"application/json": {"schema": {"type": "object"}}}}),
            ),
            Self::Embeddings => of("EmbeddingList"),
            Self::Health => of("Health"),
            Self::Model => of("Model"),
            Self::Models => of("ModelList"),
            Self::Payments => of("Payments"),
            Self::Quote => of("Quote"),
            Self::Releases => of("SignedRelease"),
            Self::Sessions => of("Opened"),
            Self::Sealed => {
                ("200", json!({"description": "The answer, sealed.", "content": {ANSWER_TYPE: json("SealedMessage")}}))
            }
            Self::Speech => {
                let sound = json!({"schema": {"type": "string", "format": "binary"}});
                let content = json!({"audio/wav": sound, "audio/flac": sound, "audio/pcm": sound, "text/event-stream": {"schema": {"type": "string"}}});
                ("200", json!({"description": "The sound: a file, samples or events.", "content": content}))
            }
            Self::Reports | Self::Vouchers => ("204", json!({"description": "Done."})),
            Self::Reply(api) => {
                let whole = json(match api {
                    Api::Chat => "ChatCompletion",
                    Api::Completions => "Completion",
                    Api::Responses => "Response",
                });
                let content = json!({"application/json": whole, "text/event-stream": {"schema": {"type": "string"}}});
                ("200", json!({"description": "The reply, whole or as events.", "content": content}))
            }
        }
    }
}

/// `GET /openapi.json`.
pub(super) async fn answer(server: Server) -> Response {
    axum::Json(server.document()).into_response()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
