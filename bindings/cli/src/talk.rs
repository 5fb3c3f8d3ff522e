//! `chat` and `end`.

use std::io::BufRead;
use std::path::Path;
use std::sync::{Arc, mpsc};

use lazai_facade::native::market::Market;
use lazai_facade::native::memory::open_memory;
use lazai_facade::native::node::{NodeClient, Reading};
use lazai_facade::{Chat, ChatTurn, LazaiError, LocalKey, ReplyListener, ReplySettings, TokenCheck, TokenCounter};
use pollster::block_on;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::acting::acting;
use crate::aloud::{self, Aloud};
use crate::args;
use crate::{Done, Output};

/// The role that talks, if no other is named.
pub(crate) const CONSUMER: &str = "consumer";

/// Passes pieces on to a waiting reader.
pub(crate) struct Heard(pub mpsc::Sender<String>);

impl ReplyListener for Heard {
    fn on_text(&self, text: String) -> bool {
        self.0.send(text).is_ok()
    }
}

/// The node at a URL, held to public certificate authorities or to those in a file, maybe by way of a relay.
pub(crate) fn client(url: &str, ca: Option<&Path>, way: &args::Way) -> Result<Arc<NodeClient>, LazaiError> {
    let relay = way.relay.as_deref();
    let reading = match &way.enclave {
        Some(path) => Reading::enclave(&policy(path)?)?,
        None if way.only_sealed => Reading::Sealed,
        None => Reading::Offered,
    };
    let Some(path) = ca else { return NodeClient::with(url, None, relay, &reading) };
    let certificates = String::from_utf8_lossy(&crate::read(path)?).into_owned();
    let of_file = |error: LazaiError| LazaiError::new("tls", format!("{}: {}", path.display(), error.detail()));
    NodeClient::with(url, Some(&certificates), relay, &reading).map_err(of_file)
}

/// The policy in a file, as JSON.
pub(crate) fn policy(path: &Path) -> Result<Vec<u8>, LazaiError> {
    let json = crate::read(path)?;
    let named = |error: LazaiError| LazaiError::new(error.code(), format!("{}: {}", path.display(), error.detail()));
    Reading::enclave(&json).map_err(named)?;
    Ok(json)
}

/// Holds a node to that of a conversation: what is said is sealed to its key alone.
fn hold(node: &NodeClient, market: &Market, conversation: &str) -> Result<(), LazaiError> {
    let kept: Value = serde_json::from_str(conversation)?;
    let address = kept["offer"]["offer"]["node"].as_str().unwrap_or_default();
    node.hold_to(market.domain(), address.to_owned())
}

/// Tells of an error which node did not answer, and what may help.
pub(crate) fn at(url: &str) -> impl Fn(LazaiError) -> LazaiError {
    move |error| {
        if error.code() != "node.transport" {
            return error;
        }
        let told = error.detail();
        let hint = if told.contains("UnknownIssuer") {
            "; `--ca FILE` names an authority of your own"
        } else if told.contains("invalid HTTP version") {
            "; does it speak TLS (https)?"
        } else {
            ""
        };
        LazaiError::new(error.code(), format!("{url}: {told}{hint}"))
    }
}

pub(crate) fn chat(talk: &args::Talk, input: &mut dyn BufRead, out: &mut Output<'_>) -> Done {
    let verb = &talk.chat;
    let (market, key) = acting(&verb.acting, CONSUMER)?;
    let node = client(&verb.node, verb.ca.as_deref(), &verb.way)?;
    let aloud = Aloud::new(&talk.aloud, model_of(verb)?.as_deref(), &node).map_err(at(&verb.node))?;
    let conversation = conversation(verb, &market, &key, &node)?;
    hold(&node, &market, &conversation)?;
    let session = market.resume(&node, key.clone(), &conversation)?;
    let chat = Chat::new(conversation, market.domain(), key.clone())?;
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let counter = verb.tokenizer.as_deref().map(|path| TokenCounter::open(text(path))).transpose()?;
    if let Some(counter) = &counter {
        chat.recount_with(counter.clone());
    }
    if let Some(path) = &verb.memory {
        let memory = block_on(open_memory(text(path), key))?;
        if let Some(folder) = &verb.remember.memory_encoder {
            memory.find_by_meaning(text(folder))?;
        }
        chat.remember_counted(&memory, verb.remember.memory_tokens, verb.memory_summaries, counter);
    }
    keep(verb, &chat)?;
    if verb.way.enclave.is_some() {
        // Nobody begins to type what could not be sent.
        let reader = block_on(node.who_reads()).map_err(at(&verb.node))?;
        out.piece(&format!("{reader}\n"));
    }
    // A node makes a reply that was begun to its end, and takes no other words for it.
    let asked = verb.conversation.with_extension("asked");
    let mut said = std::fs::read_to_string(&asked).unwrap_or_default();
    if !said.is_empty() && !out.json {
        out.piece(&format!("said before, and not answered yet: {said}\n"));
    }
    loop {
        if said.is_empty() {
            let mut line = String::new();
            if input.read_line(&mut line).map_err(crate::closed)? == 0 {
                return Ok(true);
            }
            line.trim().clone_into(&mut said);
            continue;
        }
        // With what is recalled for it, so that a command that was killed asks the same.
        said = chat.prepared(&said)?;
        lazai_facade::native::data::keep_file(&asked.to_string_lossy(), said.as_bytes())?;
        if let (false, Some(recall)) = (out.json, chat.recalled()) {
            out.piece(&format!("{}\n", crate::memory::recalled(&recall)));
        }
        let (sender, pieces) = mpsc::channel();
        let listener: Arc<dyn ReplyListener> = Arc::new(Heard(sender));
        let (talking, transport, words) = (chat.clone(), node.clone(), std::mem::take(&mut said));
        let reply = std::thread::spawn(move || {
            block_on(talking.say(words, ReplySettings::default(), transport, Some(listener)))
        });
        pieces.iter().for_each(|piece| out.piece(&piece));
        let turn = reply.join().map_err(|_| LazaiError::new("node.transport", "the reply broke off"))?;
        // The received part is kept, even if its payment could not be promised yet.
        keep(verb, &chat)?;
        let turn = match turn {
            // Nothing was begun: other words may be said, or another session.
            Err(error) if error.code() == "node.deposit_exhausted" => {
                let _ = std::fs::remove_file(&asked);
                let hint = "`lazai end` gives it back, and another file begins another session";
                return Err(LazaiError::new(error.code(), format!("{}; {hint}", error.detail())));
            }
            turn => turn.map_err(at(&verb.node))?,
        };
        let _ = std::fs::remove_file(&asked);
        out.tell(&turn, told)?;
        if let Some(aloud) = &aloud {
            let spoken = aloud.speak(&chat, turn.text, &node, &session);
            keep(verb, &chat)?;
            match spoken {
                Ok((spoken, file)) => {
                    out.tell(&aloud::told(&spoken, file.as_deref()), |_| aloud::in_words(&spoken, file.as_deref()))?
                }
                // The words are there; what came of their sound is told, and the next line is read.
                Err(error) => out.tell(&crate::refusal(&error), |_| {
                    format!("  [not spoken: {} ({})]", error.detail(), error.code())
                })?,
            }
        }
    }
}

/// The model that is talked with: that of the file's session, or the one that is asked for.
fn model_of(verb: &args::Chat) -> Result<Option<String>, LazaiError> {
    Ok(match kept(&verb.conversation)? {
        Some((_, kept)) if kept.get("opening").is_none() => {
            let offer = &kept["offer"]["offer"];
            Some(format!("dat:{}:{}", offer["class"], offer["version"]))
        }
        _ => verb.model.clone(),
    })
}

/// A session that is being opened: in the conversation's file until it is, so that a command that was killed opens the same.
#[derive(Debug, Serialize, Deserialize)]
struct Opening {
    /// The payer's number for the session.
    opening: u64,
    model: Option<String>,
    deposit: String,
}

/// The conversation that the file keeps, or that of a session opened now.
pub(crate) fn conversation(
    verb: &args::Chat,
    market: &Arc<Market>,
    key: &Arc<LocalKey>,
    node: &Arc<NodeClient>,
) -> Result<String, LazaiError> {
    let path = &verb.conversation;
    let asked = |deposit: &str, model: Option<&str>| {
        let differs = |field: &str, has: &str, wanted: &str| {
            let refused = format!("{}: its session's {field} is {has}, not {wanted}", path.display());
            Err(LazaiError::new(&format!("request.{field}"), format!("{refused}; another file begins another session")))
        };
        match (&verb.deposit, &verb.model, model) {
            (Some(wanted), ..) if wanted != deposit => differs("deposit", deposit, wanted),
            (_, Some(wanted), Some(has)) if wanted != has => differs("model", has, wanted),
            _ => Ok(()),
        }
    };
    let opening = match kept(path)? {
        Some((text, kept)) if kept.get("opening").is_none() => {
            let offer = &kept["offer"]["offer"];
            let model = format!("dat:{}:{}", offer["class"], offer["version"]);
            asked(kept["deposit"].as_str().unwrap_or_default(), Some(&model))?;
            return Ok(text);
        }
        Some((text, _)) => {
            let opening: Opening = serde_json::from_str(&text)?;
            asked(&opening.deposit, opening.model.as_deref())?;
            opening
        }
        None => {
            let missing = || LazaiError::new("request.deposit", "--deposit is missing: it opens a new session");
            let deposit = verb.deposit.clone().ok_or_else(missing)?;
            // Sixteen digits of a fresh key's address are a number that nobody took.
            let number = u64::from_str_radix(&LocalKey::random()?.address()[2..18], 16);
            let opening = number.map_err(|e| LazaiError::new("hex.not_hex", e))?;
            Opening { opening, model: verb.model.clone(), deposit }
        }
    };
    let models = block_on(node.models()).map_err(at(&verb.node))?;
    let wanted = |id: &str| opening.model.as_deref().is_none_or(|model| model == id);
    let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    let unknown = format!("the node does not offer it; it offers: {}", ids.join(", "));
    let model = models.iter().find(|model| wanted(&model.id)).cloned();
    let model = model.ok_or_else(|| LazaiError::new("request.model", unknown))?;
    if verb.way.enclave.is_some() {
        // Nothing is reserved at a node that could not be talked with.
        node.hold_to(market.domain(), model.offer.node.clone())?;
        block_on(node.who_reads()).map_err(at(&verb.node))?;
    }
    let written = serde_json::to_vec(&opening)?;
    lazai_facade::native::data::keep_file(&path.to_string_lossy(), &written)?;
    let opened = block_on(market.open_session(key.clone(), key.clone(), opening.opening, model, opening.deposit));
    if let Err(error) = &opened
        && crate::exit_code(error.code()) != 4
    {
        // Refused, so nothing is under way.
        let _ = std::fs::remove_file(path);
    }
    opened
}

/// What a file of a conversation keeps, as text and as JSON; none if there is no such file.
fn kept(path: &Path) -> Result<Option<(String, Value)>, LazaiError> {
    let of = |code: &str, error: &dyn std::fmt::Display| LazaiError::new(code, format!("{}: {error}", path.display()));
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let value = serde_json::from_str(&text).map_err(|error| of("json.malformed", &error))?;
            Ok(Some((text, value)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(of("file", &error)),
    }
}

pub(crate) fn end(verb: &args::End, out: &mut Output<'_>) -> Done {
    let (market, key) = acting(&verb.acting, CONSUMER)?;
    let path = &verb.conversation;
    let none = || LazaiError::new("file", format!("{}: no conversation is here", path.display()));
    let (text, value) = kept(path)?.ok_or_else(none)?;
    let session = value["session"].as_str().ok_or_else(none)?;
    // Taking back asks no node.
    let node = client(verb.node.as_deref().unwrap_or("http://127.0.0.1"), verb.ca.as_deref(), &verb.way)?;
    let talking = market.resume(&node, key, &text)?;
    if !verb.alone {
        let left = block_on(talking.end()).map_err(at(verb.node.as_deref().unwrap_or_default()))?;
        out.tell(&json!({"session": session, "left": left}), |_| {
            format!("ended; {left} base units of the deposit are not spent")
        })?;
        return Ok(true);
    }
    let final_at_s = block_on(talking.take_back())?;
    out.tell(&json!({"session": session, "finalAtS": final_at_s}), |_| match final_at_s {
        Some(at_s) => {
            format!("the end is asked for; after {at_s} (seconds since 1970), the same command gives the rest back")
        }
        None => "ended; what was left of the deposit came back".into(),
    })?;
    Ok(true)
}

/// A reply's receipt, for people.
fn told(turn: &ChatTurn) -> String {
    let ChatTurn { prompt_tokens, completion_tokens, owed, .. } = turn;
    let tokens = match turn.token_check {
        TokenCheck::Bounded => "within bounds",
        TokenCheck::Counted => "recounted",
    };
    let model = if turn.model_checked { "as the ledger names it" } else { "as the node says" };
    format!("\n  [{prompt_tokens} + {completion_tokens} tokens, {tokens}; model {model}; {owed} promised so far]")
}

fn keep(verb: &args::Chat, chat: &Chat) -> Result<(), LazaiError> {
    lazai_facade::native::data::keep_file(&verb.conversation.to_string_lossy(), chat.to_json()?.as_bytes())
}
