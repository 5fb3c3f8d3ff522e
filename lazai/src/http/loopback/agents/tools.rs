//! The tools of an agent: each answers within [`PATIENCE`], in words and as JSON.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use lazai_core::inspect::inspect;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::super::nodes::Candidate;
use super::super::verdict::remote;
use super::super::{Inner, Loopback};
use super::named;
use super::tasks::{PATIENCE, Said, Task};
use super::verify::{self, Verify};
use crate::consumer::Conversation;
use crate::conversation::KeptReceipt;
use crate::http::front::{no_model, on_a_thread_that_may_block};
use crate::wire::openai::ApiError;
use crate::wire::talk::model_id;

/// What a call may take beyond that: a reply is waited for as long.
const MARGIN: Duration = Duration::from_millis(250);
/// What of every character is a party's word.
const CLAIMED: [&str; 2] = [
    "that the node runs this version: the node's word",
    "that the version was trained as its record says: the execution node's word",
];
/// Receipts that are listed, unless another number is asked for, and the most.
const RECEIPTS: (usize, usize) = (20, 200);
/// Files of conversations that are read for a list of receipts: those that changed last.
const MAX_FILES: usize = 200;
/// The longest path of a file that is looked at.
const MAX_PATH: usize = 1 << 10;

/// What a tool answers.
pub(super) struct Answer {
    pub text: String,
    pub facts: Value,
}

impl Answer {
    pub fn new(text: impl Into<String>, facts: Value) -> Self {
        Self { text: text.into(), facts }
    }
}

/// The tools that there are.
pub(super) fn list(proxy: &Loopback) -> Vec<Value> {
    let text = |about: &str| json!({"type": "string", "description": about});
    let tool = |name: &str, title: &str, about: &str, required: &[&str], fields: Value, is_reading: bool| {
        json!({
            "name": name, "title": title, "description": about,
            "inputSchema": {"type": "object", "properties": fields, "required": required, "additionalProperties": false},
            "annotations": {"title": title, "readOnlyHint": is_reading, "destructiveHint": false, "openWorldHint": true},
        })
    };
    let character = text("The character: its id, such as dat:1:1, or its name. May be left out if there is one only.");
    let mut all = vec![
        tool(
            "lazai_characters",
            "Characters",
            "Lists the characters that answer: id, name, class, version, prices, and what of them is only claimed.",
            &[],
            json!({}),
            true,
        ),
        tool(
            "lazai_say",
            "Say something to a character",
            "Says something to a character and gives its reply, which is paid within the budget of whoever runs this server. A reply that \
             takes longer than 2.5 seconds comes later: this answers with a handle, and lazai_reply fetches the reply.",
            &["message"],
            json!({
                "message": text("What is said."), "character": character.clone(),
                "conversation": text("The conversation that goes on, as an earlier answer named it. Without it, another begins."),
                "max_tokens": {"type": "integer", "minimum": 1, "description": "The most tokens of the reply."},
            }),
            false,
        ),
        tool(
            "lazai_reply",
            "Fetch a reply",
            "Gives the reply that a handle of lazai_say stands for, or says that it is not there yet: then ask again.",
            &["handle"],
            json!({"handle": text("The handle.")}),
            true,
        ),
        tool(
            "lazai_verify",
            "Verify",
            "Checks again what is known of a reply (by its session and turn) or of a character's version, link by link: proved here, \
             attested by validators, or claimed by one party.",
            &[],
            json!({
                "session": text("The session of the reply, as lazai_say and lazai_receipts name it."),
                "turn": {"type": "integer", "minimum": 1, "description": "The turn of the reply; the last by default."},
                "character": character,
            }),
            true,
        ),
        tool(
            "lazai_balance",
            "Balance and budget",
            "Tells what the paying account has, and what of the budget is spent, reserved and left, in base units.",
            &[],
            json!({}),
            true,
        ),
        tool(
            "lazai_receipts",
            "Receipts",
            "Lists the signed receipts of replies that were paid for, the newest first, each checked again.",
            &[],
            json!({
                "session": text("Only those of this session."),
                "limit": {"type": "integer", "minimum": 1, "maximum": RECEIPTS.1, "description": "The most that are listed."},
            }),
            true,
        ),
    ];
    if proxy.inner.agents.files.get().is_some() {
        all.push(tool(
            "lazai_inspect",
            "Look at a file",
            "Tells what a file is and holds: a character card, a lorebook, dialogues, a recording, a dataset.",
            &["path"],
            json!({"path": text("The path of the file, in the folder that may be looked at.")}),
            true,
        ));
    }
    all
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Say {
    message: String,
    character: Option<String>,
    conversation: Option<String>,
    max_tokens: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fetch {
    handle: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Receipts {
    session: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Look {
    path: String,
}

fn read<T: DeserializeOwned>(arguments: Value) -> Result<T, ApiError> {
    let arguments = if arguments.is_null() { json!({}) } else { arguments };
    if !arguments.is_object() {
        return Err(ApiError::new(400, "request.invalid", "`arguments` is no object"));
    }
    serde_json::from_value(arguments).map_err(|error| ApiError::new(400, "request.invalid", error))
}

/// Calls a tool; `None` if there is none of this name.
pub(super) async fn call(proxy: &Loopback, name: &str, arguments: Value) -> Option<Result<Answer, ApiError>> {
    let end = Instant::now() + PATIENCE;
    let called = async {
        match name {
            "lazai_characters" => {
                let Nothing {} = read(arguments)?;
                characters(proxy).await
            }
            "lazai_say" => say(proxy, read(arguments)?, end).await,
            "lazai_reply" => fetch(proxy, &read::<Fetch>(arguments)?.handle, end).await,
            "lazai_verify" => verify::verify(proxy, read::<Verify>(arguments)?).await,
            "lazai_balance" => {
                let Nothing {} = read(arguments)?;
                balance(&proxy.inner).await
            }
            "lazai_receipts" => receipts(proxy, read(arguments)?).await,
            _ => look(proxy, read(arguments)?).await,
        }
    };
    if !list(proxy).iter().any(|tool| tool["name"] == name) {
        return None;
    }
    let called = timeout_at(end + MARGIN, called).await;
    let late = || ApiError::new(504, "agent.late", "no answer within 2.5 seconds: try again");
    Some(called.unwrap_or_else(|_| Err(late())))
}

/// A character that is offered, as agents see it.
pub(super) async fn offered(proxy: &Loopback) -> Result<Vec<Value>, ApiError> {
    let models = proxy.inner.nodes.models().await.map_err(|error| remote(&error))?;
    let market = proxy.inner.consumer.account().ledger().market();
    let about = |(id, candidates): (String, Vec<Candidate>)| {
        // The node that is asked next.
        let first = candidates.first()?;
        let offer = &first.offer.offer;
        let version = market.class(offer.class).and_then(|class| class.version(offer.version));
        let metadata = version.map(|version| &version.metadata);
        Some(json!({
            "id": id, "name": metadata.map_or_else(|| first.name.clone(), |about| Some(about.character.clone())),
            "class": offer.class, "version": offer.version, "node": offer.node, "nodes": candidates.len(),
            "asset": offer.asset, "prompt_price": offer.prompt_price, "completion_price": offer.completion_price,
            "most_for_a_reply": offer.step().ok(), "speaks": first.speech.is_some(),
            "rating": metadata.map(|about| about.policy.rating),
            "minimum_age": metadata.map(|about| about.policy.minimum_age),
            "claimed": CLAIMED,
        }))
    };
    Ok(models.into_iter().filter_map(about).collect())
}

async fn characters(proxy: &Loopback) -> Result<Answer, ApiError> {
    let all = offered(proxy).await?;
    let line = |about: &Value| {
        let text = |field: &str| match &about[field] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        format!(
            "{}: {}, class {}, version {}; {} base units a token read, {} a token said, {} at most for a reply; that the node runs this \
             character is its claim",
            text("id"),
            text("name"),
            text("class"),
            text("version"),
            text("prompt_price"),
            text("completion_price"),
            text("most_for_a_reply"),
        )
    };
    let lines: Vec<String> = all.iter().map(line).collect();
    let text = if lines.is_empty() { "No character answers now.".to_owned() } else { lines.join("\n") };
    Ok(Answer::new(text, json!({"characters": all})))
}

/// The id of the character that is meant by an id, by a name, or by nothing.
pub(super) async fn meant(proxy: &Loopback, said: Option<&str>) -> Result<String, ApiError> {
    if let Some((class, version)) = said.and_then(named) {
        return Ok(model_id(class, version));
    }
    let all = offered(proxy).await?;
    let is_meant = |about: &&Value| match said {
        None => true,
        Some(said) => about["name"].as_str().is_some_and(|name| name.to_lowercase() == said.to_lowercase()),
    };
    let ids: Vec<&str> = all.iter().filter(is_meant).filter_map(|about| about["id"].as_str()).collect();
    match ids[..] {
        [id] => Ok(id.to_owned()),
        [] => Err(no_model(said.unwrap_or("that is named"))),
        _ => {
            let message = format!("several characters are meant: {}; name one by its id", ids.join(", "));
            Err(ApiError::new(400, "request.model", message))
        }
    }
}

async fn say(proxy: &Loopback, said: Say, end: Instant) -> Result<Answer, ApiError> {
    let Say { message, character, conversation, max_tokens } = said;
    let tasks = &proxy.inner.agents.tasks;
    let model = match (&character, conversation.as_deref().and_then(|id| tasks.model_of(id))) {
        (None, Some(model)) => model,
        _ => meant(proxy, character.as_deref()).await?,
    };
    let task = tasks.begin(proxy, Said { model, words: message, conversation, message: None, max_tokens })?;
    told(&task, end).await
}

async fn fetch(proxy: &Loopback, handle: &str, end: Instant) -> Result<Answer, ApiError> {
    let task = proxy.inner.agents.tasks.find(handle);
    let unknown = || ApiError::new(404, "agent.handle", "no reply of this handle here");
    told(&*task.ok_or_else(unknown)?, end).await
}

async fn told(task: &Task, end: Instant) -> Result<Answer, ApiError> {
    let (text, ended) = task.wait(end.saturating_duration_since(Instant::now())).await;
    let mut facts = json!({
        "handle": task.id, "conversation": task.conversation, "character": task.model, "text": text, "status": "working",
    });
    match ended {
        None => {
            let words = format!("The reply is not there yet: call lazai_reply with the handle {}.", task.id);
            Ok(Answer::new(words, facts))
        }
        Some(Err(error)) => Err(error),
        Some(Ok(end)) => {
            facts["status"] = "done".into();
            facts["receipt"] = end.told();
            Ok(Answer::new(text, facts))
        }
    }
}

async fn balance(inner: &Inner) -> Result<Answer, ApiError> {
    let (account, asset) = (inner.consumer.account(), inner.budget.asset);
    let (address, balance) = (account.address(), account.ledger().market().balance(account.address(), asset));
    let budget = inner.budget.told(&*inner.book.lock().await, inner.turns.count(), inner.consumer.now_s())?;
    let [spent, bound, total] = ["spent", "bound", "total"].map(|field| budget[field].as_str().unwrap_or_default());
    let text = format!(
        "The account {address} has {balance} base units. Of a budget of {total}, {spent} are spent; {bound} are spent or reserved."
    );
    Ok(Answer::new(text, json!({"account": address, "balance": balance, "budget": budget})))
}

/// The conversations of the proxy's folder, those that changed last first.
fn kept(folder: &Path) -> Vec<Conversation> {
    #[derive(Deserialize)]
    struct Kept {
        conversation: Conversation,
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let dated = |path: PathBuf| Some((path.metadata().ok()?.modified().ok()?, path));
    let is_json = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "json");
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_json).filter_map(dated).collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    // One that is just replaced is there the next time.
    let read = |(_, path)| serde_json::from_slice::<Kept>(&std::fs::read(path).ok()?).ok();
    files.into_iter().take(MAX_FILES).filter_map(read).map(|kept| kept.conversation).collect()
}

async fn receipts(proxy: &Loopback, wanted: Receipts) -> Result<Answer, ApiError> {
    let limit = wanted.limit.unwrap_or(RECEIPTS.0).clamp(1, RECEIPTS.1);
    let folder = proxy.inner.book.lock().await.conversations();
    let domain = proxy.inner.consumer.account().domain();
    let listed = move || {
        let is_wanted = |talk: &Conversation| wanted.session.as_ref().is_none_or(|id| talk.session.to_string() == *id);
        let talks = kept(&folder).into_iter().filter(is_wanted);
        let mut all: Vec<KeptReceipt> = talks.flat_map(|talk| talk.kept_receipts(Some(&domain))).collect();
        all.sort_by_key(|kept| std::cmp::Reverse((kept.received_at_s, kept.turn)));
        all.truncate(limit);
        Ok(all)
    };
    let all = on_a_thread_that_may_block(move |_| listed()).await?;
    let line = |receipt: &KeptReceipt| {
        let KeptReceipt { model, session, turn, prompt_tokens, completion_tokens, price, trust, .. } = receipt;
        format!(
            "{model}: {prompt_tokens} + {completion_tokens} tokens, {price} base units, {trust} (session {session}, turn {turn})"
        )
    };
    let text = if all.is_empty() {
        "No receipt is here.".to_owned()
    } else {
        all.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    let told = |receipt: &KeptReceipt| {
        json!({
            "character": receipt.model, "session": receipt.session, "turn": receipt.turn, "node": receipt.node,
            "received_at_s": receipt.received_at_s, "prompt_tokens": receipt.prompt_tokens,
            "completion_tokens": receipt.completion_tokens, "spoken_characters": receipt.characters,
            "price": receipt.price, "promised": receipt.promised, "trust": receipt.trust, "wrong": receipt.wrong,
        })
    };
    Ok(Answer::new(text, json!({"receipts": all.iter().map(told).collect::<Vec<_>>()})))
}

/// The file at a path in the folder that may be looked at; links that lead out of it lead nowhere.
fn file(folder: &Path, path: &str) -> Result<PathBuf, ApiError> {
    let refused = |reason: &str| ApiError::new(400, "agent.file", reason);
    let asked = Path::new(path);
    if path.len() > MAX_PATH || !asked.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return Err(refused("the path is one in the folder that may be looked at, such as cards/mira.png"));
    }
    let missing = || refused("no such file in the folder that may be looked at");
    let folder = folder.canonicalize().map_err(|_| missing())?;
    let found = folder.join(asked).canonicalize().map_err(|_| missing())?;
    if found.starts_with(&folder) && found.is_file() { Ok(found) } else { Err(missing()) }
}

async fn look(proxy: &Loopback, wanted: Look) -> Result<Answer, ApiError> {
    let agents = &proxy.inner.agents;
    let folder = agents.files.get().cloned();
    let folder = folder.ok_or_else(|| ApiError::new(403, "agent.file", "no file may be looked at"))?;
    // One at a time: who gives up on a large file does not begin another beside it.
    let looking = agents.looking.clone().lock_owned().await;
    let looked = move |_: &_| {
        let path = file(&folder, &wanted.path)?;
        let facts = inspect(&path).map_err(|error| ApiError::new(400, error.code(), error))?;
        drop(looking);
        let name = facts.name.as_deref().map(|name| format!(" of {name:?}")).unwrap_or_default();
        let text = format!(
            "{}: {:?}{name} ({}); {} dialogues, {} messages, {} entries of lorebooks, {} files with it, {:.1} s of sound",
            wanted.path,
            facts.kind,
            facts.spec,
            facts.dialogues,
            facts.turns,
            facts.lorebook_entries,
            facts.assets,
            facts.audio_seconds,
        );
        Ok(Answer::new(text, json!(facts)))
    };
    on_a_thread_that_may_block(looked).await
}
