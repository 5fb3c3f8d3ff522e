//! Agents of others at the proxy: characters as tools of theirs (MCP), and as agents that they talk to (A2A).
//!
//! Both spend what the proxy's budget allows, in its sessions; a reply is a task that goes on by itself, since agents wait three seconds.

mod a2a;
mod lines;
mod mcp;
mod tasks;
mod tools;
mod verify;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use lazai_core::{ClassId, VersionNumber};
use tokio::sync::Mutex;

use super::Loopback;
use super::verdict::remote;
use crate::http::front::no_model;
use crate::wire::openai::ApiError;
use crate::wire::talk::model_id;
use tasks::Tasks;

/// The header by which Alith names what is asked: a class here.
const CLASS: &str = "x-lazai-file-id";

/// What the proxy remembers for agents, until it ends.
#[derive(Default)]
pub(super) struct Agents {
    tasks: Tasks,
    /// The folder whose files may be looked at.
    files: OnceLock<PathBuf>,
    /// Held by who looks at one.
    looking: Arc<Mutex<()>>,
}

impl Loopback {
    /// Lets agents look at the files of a folder (the MCP tool `lazai_inspect`); without this, at none. The first call decides.
    #[must_use]
    pub fn with_files(self, folder: impl Into<PathBuf>) -> Self {
        let _ = self.inner.agents.files.set(folder.into());
        self
    }
}

/// The class and the version of a model's name.
fn named(model: &str) -> Option<(ClassId, VersionNumber)> {
    let (class, version) = model.strip_prefix("dat:")?.split_once(':')?;
    Some((ClassId(class.parse().ok()?), VersionNumber(version.parse().ok()?)))
}

/// The character for a request that names none: the one of the class in the header by which Alith names it, in its newest version; or the
/// only one there is.
pub(super) async fn unnamed(proxy: &Loopback, headers: &HeaderMap) -> Result<String, ApiError> {
    let class = headers.get(CLASS).and_then(|value| value.to_str().ok()).map(str::trim);
    let Some(class) = class else { return tools::meant(proxy, None).await };
    let models = proxy.inner.nodes.models().await.map_err(|error| remote(&error))?;
    let of_class = models.keys().filter_map(|id| named(id)).filter(|(found, _)| found.to_string() == class);
    let newest = of_class.max_by_key(|(_, version)| *version).map(|(class, version)| model_id(class, version));
    newest.ok_or_else(|| no_model(&format!("of class {class}")))
}

/// `POST /mcp`: MCP's streamable HTTP, without streams and without sessions: each message is answered by itself.
pub(super) async fn mcp(State(proxy): State<Loopback>, body: Bytes) -> Response {
    match mcp::answered(&proxy, &body).await {
        Some(answer) => axum::Json(answer).into_response(),
        None => StatusCode::ACCEPTED.into_response(),
    }
}

pub(super) use a2a::{answer as a2a, answer_as as a2a_as, card, card_of};
