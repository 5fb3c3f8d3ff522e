//! `credits`: bought in a session, spent in a chat that has none.

use std::io::BufRead;
use std::path::Path;
use std::sync::{Arc, mpsc};

use lazai_facade::native::credits::{Credits, credits_in};
use lazai_facade::native::data::keep_file;
use lazai_facade::{ChatTurn, LazaiError, ReplyListener, ReplySettings, TokenCheck, TokenCounter};
use pollster::block_on;
use serde_json::json;

use crate::acting::{acting, at_place};
use crate::args::{self, CreditsAction};
use crate::talk::{CONSUMER, Heard, at, client, conversation};
use crate::{Done, Output};

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

pub(crate) fn credits(verb: args::Credits, input: &mut dyn BufRead, out: &mut Output<'_>) -> Done {
    match verb.action {
        CreditsAction::Buy { count, at, chat } => buy(count, &at.purse, &chat, out),
        CreditsAction::List { at } => {
            for credits in credits_in(&text(&at.purse))? {
                out.tell(&credits, told)?;
            }
            Ok(true)
        }
        CreditsAction::Chat(talk) => chat(&talk, input, out),
    }
}

fn buy(count: u32, purse: &Path, verb: &args::Chat, out: &mut Output<'_>) -> Done {
    let (market, key) = acting(&verb.acting, CONSUMER)?;
    let node = client(&verb.node, verb.ca.as_deref(), &verb.way)?;
    let begun = conversation(verb, &market, &key, &node)?;
    let keep = |json: &str| keep_file(&text(&verb.conversation), json.as_bytes());
    keep(&begun)?;
    let session = market.resume(&node, key, &begun)?;
    let bought = block_on(session.buy_credits(&text(purse), count));
    // What was ordered is in the conversation, whether or not it could be paid or collected yet.
    keep(&session.to_json()?)?;
    let bought = bought.map_err(at(&verb.node))?;
    let owed = session.owed();
    out.tell(&json!({"bought": bought, "owed": owed}), |_| {
        format!("{bought} credits are in {}; {owed} base units promised in this session so far", purse.display())
    })?;
    Ok(true)
}

fn told(credits: &Credits) -> String {
    let Credits { node, model, price, valid_until_s, free, under_way, ordered } = credits;
    format!(
        "{free} credits of {model} at {node}, {price} each, good until {valid_until_s} (seconds since 1970); {under_way} sent \
         without an answer, {ordered} ordered"
    )
}

fn chat(verb: &args::CreditTalk, input: &mut dyn BufRead, out: &mut Output<'_>) -> Done {
    let market = at_place(&verb.place)?;
    let node = client(&verb.node, verb.ca.as_deref(), &verb.way)?;
    let counter = verb.tokenizer.as_deref().map(|path| TokenCounter::open(text(path))).transpose()?;
    let before = match &verb.conversation {
        Some(path) if path.exists() => Some(String::from_utf8_lossy(&crate::read(path)?).into_owned()),
        _ => None,
    };
    let purse = text(&verb.at.purse);
    let chat = market.chat_by_credits(&node, verb.model.as_deref(), &purse, before.as_deref(), counter);
    let chat = block_on(chat).map_err(at(&verb.node))?;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).map_err(crate::closed)? == 0 {
            return Ok(true);
        }
        let said = line.trim().to_owned();
        if said.is_empty() {
            continue;
        }
        let (sender, pieces) = mpsc::channel();
        let listener: Arc<dyn ReplyListener> = Arc::new(Heard(sender));
        let talking = chat.clone();
        let reply = std::thread::spawn(move || block_on(talking.say(&said, ReplySettings::default(), Some(listener))));
        pieces.iter().for_each(|piece| out.piece(&piece));
        let turn = reply.join().map_err(|_| LazaiError::new("node.transport", "the reply broke off"))?;
        let turn = turn.map_err(at(&verb.node))?;
        if let Some(path) = &verb.conversation {
            keep_file(&text(path), chat.messages()?.as_bytes())?;
        }
        out.tell(&turn, paid)?;
    }
}

/// A reply's receipt, for people.
fn paid(turn: &ChatTurn) -> String {
    let ChatTurn { prompt_tokens, completion_tokens, owed, .. } = turn;
    let tokens = match turn.token_check {
        TokenCheck::Bounded => "within bounds",
        TokenCheck::Counted => "recounted",
    };
    let model = if turn.model_checked { "as the ledger names it" } else { "as the node says" };
    format!("\n  [{prompt_tokens} + {completion_tokens} tokens, {tokens}; model {model}; a credit of {owed}]")
}
