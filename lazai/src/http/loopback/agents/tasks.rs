//! Replies that are made for agents, each as a task that goes on whether somebody waits or not, and the conversations that they are in.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lazai_core::reply::FinishReason;
use lazai_core::{Amount, Digest, SessionId};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::super::{Loopback, LoopbackError};
use crate::consumer::Checked;
use crate::http::reply::{Api, Made, Mark, Piece, lost, pieces};
use crate::wire::openai::ApiError;

/// How long a call waits for a reply before it answers that none is there yet: agents give up after three seconds.
pub(super) const PATIENCE: Duration = Duration::from_millis(2_500);
/// Tasks that are remembered; of those that ended, the oldest are forgotten first.
const MAX_TASKS: usize = 256;
/// Tasks under way.
const MAX_UNDER_WAY: usize = 32;
/// Conversations that are remembered.
const MAX_CONVERSATIONS: usize = 128;
/// Bytes of what is said at a time.
const MAX_WORDS: usize = 64 << 10;
/// Bytes of a conversation; its oldest turns are left out of the next request first.
const MAX_CONVERSATION_BYTES: usize = 128 << 10;

#[derive(Default)]
pub(super) struct Tasks(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    tasks: VecDeque<Arc<Task>>,
    conversations: VecDeque<Conversation>,
}

/// What was said with a character, by turns.
struct Conversation {
    id: String,
    model: String,
    turns: VecDeque<(String, String)>,
    is_busy: bool,
}

/// What an agent says to a character.
pub(super) struct Said {
    pub model: String,
    pub words: String,
    /// The conversation that goes on; without one, another begins.
    pub conversation: Option<String>,
    /// The agent's own name for the message: sent again, it is the same task.
    pub message: Option<String>,
    pub max_tokens: Option<u32>,
}

/// A reply that is being made, or was.
pub(super) struct Task {
    pub id: String,
    pub conversation: String,
    pub model: String,
    pub words: String,
    pub message: Option<String>,
    told: watch::Sender<Told>,
}

/// What is there of a reply.
#[derive(Default)]
pub(super) struct Told {
    pub text: String,
    pub end: Option<Result<End, ApiError>>,
}

/// The end of a reply: what its receipt says.
#[derive(Clone)]
pub(super) struct End {
    pub session: SessionId,
    pub turn: u32,
    prompt_tokens: u64,
    completion_tokens: u64,
    price: Option<Amount>,
    finish_reason: FinishReason,
    checked: Option<Checked>,
}

impl End {
    pub fn told(&self) -> Value {
        let Self { session, turn, prompt_tokens, completion_tokens, price, finish_reason, checked } = self;
        json!({
            "session": session, "turn": turn, "prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens,
            "price": price, "finish_reason": finish_reason.as_str(), "checked": checked, "adapter": "claimed",
        })
    }
}

impl Task {
    pub fn listen(&self) -> watch::Receiver<Told> {
        self.told.subscribe()
    }

    /// What is there now.
    pub fn now(&self) -> (String, Option<Result<End, ApiError>>) {
        let told = self.told.borrow();
        (told.text.clone(), told.end.clone())
    }

    /// What is there once it ended, or after so long.
    pub async fn wait(&self, most: Duration) -> (String, Option<Result<End, ApiError>>) {
        let mut listener = self.listen();
        let _ = tokio::time::timeout(most, listener.wait_for(|told| told.end.is_some())).await;
        self.now()
    }
}

fn random() -> Result<Digest, ApiError> {
    Ok(Digest::random().map_err(|_| LoopbackError::NoRandomness)?)
}

fn busy(code: &str, message: String) -> ApiError {
    ApiError { retry_after_s: Some(1), ..ApiError::new(503, code, message) }
}

impl Tasks {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn find(&self, id: &str) -> Option<Arc<Task>> {
        self.kept().tasks.iter().find(|task| task.id == id).cloned()
    }

    /// The character of a conversation.
    pub fn model_of(&self, conversation: &str) -> Option<String> {
        self.kept().conversations.iter().find(|kept| kept.id == conversation).map(|kept| kept.model.clone())
    }

    /// Those that are under way.
    pub fn under_way(&self) -> Vec<Arc<Task>> {
        let kept = self.kept();
        kept.tasks.iter().filter(|task| task.told.borrow().end.is_none()).cloned().collect()
    }

    /// Begins a reply.
    pub fn begin(&self, proxy: &Loopback, said: Said) -> Result<Arc<Task>, ApiError> {
        let Said { model, words, conversation, message, max_tokens } = said;
        if words.len() > MAX_WORDS {
            return Err(ApiError::new(
                413,
                "request.too_large",
                format!("at most {MAX_WORDS} bytes are said at a time"),
            ));
        }
        let (id, seed) = (Mark::new().id, random()?);
        let mut kept = self.kept();
        let is_again = |task: &&Arc<Task>| {
            task.message.is_some() && task.message == message && (&task.model, &task.words) == (&model, &words)
        };
        if let Some(task) = kept.tasks.iter().find(is_again) {
            return Ok(task.clone());
        }
        if kept.tasks.iter().filter(|task| task.told.borrow().end.is_none()).count() >= MAX_UNDER_WAY {
            return Err(busy("agent.busy", format!("{MAX_UNDER_WAY} replies are being made")));
        }
        let place = match conversation {
            Some(wanted) => {
                let place = kept.conversations.iter().position(|kept| kept.id == wanted);
                place.ok_or_else(|| {
                    let message = "no such conversation here: leave it out, and another begins";
                    ApiError::new(404, "agent.conversation", message)
                })?
            }
            None => kept.place(Mark::new().id, &model)?,
        };
        let Some(talk) = kept.conversations.get_mut(place) else {
            return Err(ApiError::new(500, "agent.conversation", "the conversation is lost"));
        };
        if talk.model != model {
            let message = format!("the conversation is with {}", talk.model);
            return Err(ApiError::new(400, "agent.conversation", message));
        }
        if talk.is_busy {
            let message = "a reply in this conversation is being made: fetch it first";
            return Err(ApiError::new(409, "agent.turn", message));
        }
        let body = request(&model, &talk.turns, &words, max_tokens);
        let mut asked = Api::Chat.read(body.to_string().as_bytes())?.request;
        // Who says the same again wants another reply.
        let seed = u32::from_le_bytes(seed.as_bytes().first_chunk().copied().unwrap_or_default());
        asked.settings.seed.get_or_insert(seed.into());
        talk.is_busy = true;
        let (told, conversation) = (watch::Sender::new(Told::default()), talk.id.clone());
        let task = Arc::new(Task { id, conversation, model, words, message, told });
        kept.tasks.push_back(task.clone());
        kept.forget();
        drop(kept);
        let (making, proxy) = (task.clone(), proxy.clone());
        tokio::spawn(async move {
            let (pieces, mut heard) = pieces();
            // In a task of its own: whatever becomes of it, an end is told.
            let inner = proxy.inner.clone();
            let mut turn = tokio::spawn(async move { inner.turn(asked, pieces, None).await });
            let made = loop {
                tokio::select! {
                    biased;
                    Some(piece) = heard.recv() => making.hear(piece),
                    made = &mut turn => break made.unwrap_or_else(|_| Err(lost())),
                }
            };
            while let Ok(piece) = heard.try_recv() {
                making.hear(piece);
            }
            let end = match made {
                Ok(made) => Ok(making.end(&proxy, made).await),
                Err(error) => Err(error),
            };
            proxy.inner.agents.tasks.ended(&making, end);
        });
        Ok(task)
    }

    /// Keeps what was said, then tells the end: who hears of it can go on.
    fn ended(&self, task: &Task, end: Result<End, ApiError>) {
        let mut kept = self.kept();
        if let Some(talk) = kept.conversations.iter_mut().find(|talk| talk.id == task.conversation) {
            talk.is_busy = false;
            if end.is_ok() {
                talk.turns.push_back((task.words.clone(), task.told.borrow().text.clone()));
                let bytes = |turns: &VecDeque<(String, String)>| {
                    turns.iter().map(|(words, reply)| words.len().saturating_add(reply.len())).sum::<usize>()
                };
                while talk.turns.len() > 1 && bytes(&talk.turns) > MAX_CONVERSATION_BYTES {
                    talk.turns.pop_front();
                }
            }
        }
        drop(kept);
        task.told.send_modify(|told| told.end = Some(end));
    }
}

fn request(model: &str, turns: &VecDeque<(String, String)>, words: &str, max_tokens: Option<u32>) -> Value {
    let message = |role: &str, content: &str| json!({"role": role, "content": content});
    let before = turns.iter().flat_map(|(words, reply)| [message("user", words), message("assistant", reply)]);
    let messages: Vec<Value> = before.chain([message("user", words)]).collect();
    let mut body = json!({"model": model, "messages": messages});
    if let Some(most) = max_tokens {
        body["max_tokens"] = most.into();
    }
    body
}

impl Kept {
    /// A place for another conversation: of those that nobody waits in, the oldest goes.
    fn place(&mut self, id: String, model: &str) -> Result<usize, ApiError> {
        if self.conversations.len() >= MAX_CONVERSATIONS {
            let oldest = self.conversations.iter().position(|talk| !talk.is_busy);
            let oldest = oldest.ok_or_else(|| busy("agent.busy", "all conversations wait for replies".into()))?;
            self.conversations.remove(oldest);
        }
        let model = model.to_owned();
        self.conversations.push_back(Conversation { id, model, turns: VecDeque::new(), is_busy: false });
        Ok(self.conversations.len().saturating_sub(1))
    }

    fn forget(&mut self) {
        while self.tasks.len() > MAX_TASKS {
            let Some(oldest) = self.tasks.iter().position(|task| task.told.borrow().end.is_some()) else { break };
            self.tasks.remove(oldest);
        }
    }
}

impl Task {
    fn hear(&self, piece: Piece) {
        if let Piece::Text(text) = piece {
            self.told.send_modify(|told| told.text.push_str(&text));
        }
    }

    /// What the receipt says, and its price by the session's offer.
    async fn end(&self, proxy: &Loopback, made: Made) -> End {
        if let Some(whole) = made.details.text {
            self.told.send_modify(|told| told.text = whole);
        }
        let receipt = &made.details.receipt.receipt;
        let conversation = proxy.inner.book.lock().await.conversation(receipt.session);
        let offer = conversation.map(|conversation| conversation.offer.offer);
        End {
            session: receipt.session,
            turn: receipt.turn,
            prompt_tokens: receipt.prompt_tokens,
            completion_tokens: receipt.completion_tokens,
            price: offer.and_then(|offer| offer.price(receipt.prompt_tokens, receipt.completion_tokens).ok()),
            finish_reason: made.notes.finish_reason,
            checked: made.details.checked,
        }
    }
}
