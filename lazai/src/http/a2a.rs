//! The Agent2Agent protocol over JSON-RPC, without a socket: messages in, tasks out. Versions 1.0 and 0.3 differ in names and forms; a
//! method's name says which is spoken.

pub(super) mod card;

use serde_json::{Value, json};

use super::rpc::RpcError;

const TASK_NOT_FOUND: i64 = -32_001;
const NOT_CANCELABLE: i64 = -32_002;
const NO_NOTIFICATIONS: i64 = -32_003;
const UNSUPPORTED: i64 = -32_004;
const CONTENT_TYPE: i64 = -32_005;
const NO_OTHER_CARD: i64 = -32_007;
/// The most bytes of an id that a client chose.
const MAX_ID: usize = 256;

/// The version of the protocol that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// 0.3.
    Old,
    /// 1.0.
    New,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Send,
    Stream,
    Task,
    Subscribe,
}

/// The method of a name.
pub(super) fn method(name: &str) -> Result<(Method, Dialect), RpcError> {
    use Dialect::{New, Old};
    Ok(match name {
        "SendMessage" => (Method::Send, New),
        "message/send" => (Method::Send, Old),
        "SendStreamingMessage" => (Method::Stream, New),
        "message/stream" => (Method::Stream, Old),
        "GetTask" => (Method::Task, New),
        "tasks/get" => (Method::Task, Old),
        "SubscribeToTask" => (Method::Subscribe, New),
        "tasks/resubscribe" => (Method::Subscribe, Old),
        "CancelTask" | "tasks/cancel" => {
            return Err(RpcError::new(NOT_CANCELABLE, "a reply that is being made is paid, and not canceled"));
        }
        "ListTasks" | "tasks/list" => return Err(RpcError::new(UNSUPPORTED, "tasks are asked for by their ids")),
        "GetExtendedAgentCard" | "agent/getAuthenticatedExtendedCard" => {
            return Err(RpcError::new(NO_OTHER_CARD, "there is one card for everybody"));
        }
        name if name.contains("PushNotification") || name.contains("pushNotification") => {
            return Err(RpcError::new(NO_NOTIFICATIONS, "nobody is notified: ask for the task, or have it streamed"));
        }
        name => return Err(RpcError::unknown_method(name)),
    })
}

pub(super) fn not_found() -> RpcError {
    RpcError::new(TASK_NOT_FOUND, "no task of this id here")
}

/// A message of a client.
#[derive(Debug, PartialEq)]
pub(super) struct Message {
    pub id: String,
    pub words: String,
    pub context: Option<String>,
    /// The character that it is for, by its metadata; mostly the path says so.
    pub character: Option<String>,
    /// True if the client waits for the end of the task.
    pub waits: bool,
}

impl Message {
    /// Reads the parameters of a request.
    pub fn read(params: &Value, dialect: Dialect) -> Result<Self, RpcError> {
        let message = &params["message"];
        if !message.is_object() {
            return Err(RpcError::params("`message` is no object"));
        }
        let text = |value: &Value, field: &str| match value {
            Value::Null => Ok(None),
            Value::String(text) if text.is_empty() => Ok(None),
            Value::String(text) if text.len() <= MAX_ID => Ok(Some(text.clone())),
            _ => Err(RpcError::params(format!("`{field}` is no text of at most {MAX_ID} bytes"))),
        };
        let id = text(&message["messageId"], "message.messageId")?;
        let id = id.ok_or_else(|| RpcError::params("`message.messageId` is missing"))?;
        let is_users = matches!(message["role"].as_str(), Some("user" | "ROLE_USER"));
        if !is_users {
            return Err(RpcError::params("`message.role` is not the user's"));
        }
        if text(&message["taskId"], "message.taskId")?.is_some() {
            return Err(RpcError::new(UNSUPPORTED, "a task is one reply: go on in its context, without `taskId`"));
        }
        let parts = message["parts"].as_array().filter(|parts| !parts.is_empty());
        let mut words = Vec::new();
        for part in parts.ok_or_else(|| RpcError::params("`message.parts` is no list of parts"))? {
            let word = part["text"].as_str();
            words.push(word.ok_or_else(|| RpcError::new(CONTENT_TYPE, "a character reads text alone"))?);
        }
        let configuration = &params["configuration"];
        let waits = match dialect {
            Dialect::New => configuration["returnImmediately"].as_bool() != Some(true),
            Dialect::Old => configuration["blocking"].as_bool() != Some(false),
        };
        let context = text(&message["contextId"], "message.contextId")?;
        let character = text(&message["metadata"]["character"], "message.metadata.character")?;
        Ok(Self { id, words: words.join("\n"), context, character, waits })
    }
}

/// The state of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Working,
    Completed,
    Failed,
    /// A payment is wanted.
    InputRequired,
}

impl Dialect {
    fn state(self, state: State) -> &'static str {
        match (self, state) {
            (Self::New, State::Working) => "TASK_STATE_WORKING",
            (Self::New, State::Completed) => "TASK_STATE_COMPLETED",
            (Self::New, State::Failed) => "TASK_STATE_FAILED",
            (Self::New, State::InputRequired) => "TASK_STATE_INPUT_REQUIRED",
            (Self::Old, State::Working) => "working",
            (Self::Old, State::Completed) => "completed",
            (Self::Old, State::Failed) => "failed",
            (Self::Old, State::InputRequired) => "input-required",
        }
    }

    fn part(self, text: &str) -> Value {
        match self {
            Self::New => json!({"text": text, "mediaType": "text/plain"}),
            Self::Old => json!({"kind": "text", "text": text}),
        }
    }

    /// A status; with words of the agent's about it, and facts with these.
    pub fn status(self, of: Task<'_>, state: State, about: Option<(&str, Value)>) -> Value {
        let mut status = json!({"state": self.state(state)});
        if let Some((words, metadata)) = about {
            let id = format!("{}-status", of.id);
            let role = if self == Self::New { "ROLE_AGENT" } else { "agent" };
            let mut message = json!({
                "messageId": id, "contextId": of.context, "taskId": of.id, "role": role, "parts": [self.part(words)],
                "metadata": metadata,
            });
            if self == Self::Old {
                message["kind"] = "message".into();
            }
            status["message"] = message;
        }
        status
    }

    /// The reply as an artifact: whole, or a piece of it.
    pub fn artifact(self, of: Task<'_>, text: &str, metadata: Value) -> Value {
        let mut artifact =
            json!({"artifactId": format!("{}-reply", of.id), "name": "reply", "parts": [self.part(text)]});
        if !metadata.is_null() {
            artifact["metadata"] = metadata;
        }
        artifact
    }

    /// A task.
    pub fn task(self, of: Task<'_>, status: Value, artifact: Option<Value>) -> Value {
        let mut task = json!({"id": of.id, "contextId": of.context, "status": status});
        if let Some(artifact) = artifact {
            task["artifacts"] = json!([artifact]);
        }
        if self == Self::Old {
            task["kind"] = "task".into();
        }
        task
    }

    /// A task as the answer to a message, or as an event.
    pub fn told(self, task: Value) -> Value {
        match self {
            Self::New => json!({"task": task}),
            Self::Old => task,
        }
    }

    /// The event of another status.
    pub fn status_event(self, of: Task<'_>, status: Value, is_last: bool) -> Value {
        let event = json!({"taskId": of.id, "contextId": of.context, "status": status});
        match self {
            Self::New => json!({"statusUpdate": event}),
            Self::Old => with(event, json!({"kind": "status-update", "final": is_last})),
        }
    }

    /// The event of a piece of the reply.
    pub fn artifact_event(self, of: Task<'_>, artifact: Value, appends: bool, is_last: bool) -> Value {
        let event = json!({
            "taskId": of.id, "contextId": of.context, "artifact": artifact, "append": appends, "lastChunk": is_last,
        });
        match self {
            Self::New => json!({"artifactUpdate": event}),
            Self::Old => with(event, json!({"kind": "artifact-update"})),
        }
    }
}

fn with(mut value: Value, more: Value) -> Value {
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

/// The ids of a task.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'t> {
    pub id: &'t str,
    pub context: &'t str,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_in_both_dialects() {
        let new = json!({"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "Who"}, {"text": "are you?"}]}});
        let old = json!({
            "message": {"kind": "message", "messageId": "m", "role": "user", "contextId": "c", "parts": [{"kind": "text", "text": "Who"}]},
            "configuration": {"blocking": false},
        });
        let read = Message::read(&new, Dialect::New).unwrap();
        assert_eq!((read.words.as_str(), read.context, read.waits), ("Who\nare you?", None, true));
        let read = Message::read(&old, Dialect::Old).unwrap();
        assert_eq!((read.words.as_str(), read.context.as_deref(), read.waits), ("Who", Some("c"), false));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let whole = json!({"messageId": "m", "role": "user", "parts": [{"text": "Who"}]});
        for (field, value) in [
            ("messageId", Value::Null),
            ("messageId", json!("m".repeat(MAX_ID + 1))),
            ("role", json!("ROLE_AGENT")),
            ("parts", json!([])),
            ("parts", json!([{"url": "file:///etc/passwd"}])),
            ("contextId", json!(7)),
            ("taskId", json!("t")),
        ] {
            let mut message = whole.clone();
            message[field] = value;
            assert!(Message::read(&json!({"message": message}), Dialect::Old).is_err(), "{field}");
        }
        assert!(Message::read(&json!({"message": whole}), Dialect::Old).is_ok());
        assert!(Message::read(&json!([]), Dialect::New).is_err());
    }
}
