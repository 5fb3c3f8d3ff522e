//! `proxy`: an endpoint on this machine for stock clients.

use std::io::BufRead;

use lazai_facade::TokenCounter;
use lazai_facade::native::proxy::{ProxyBudget, ProxyServer};
use pollster::block_on;
use serde_json::json;

use crate::acting::acting;
use crate::args;
use crate::stopping::{told_to_stop, wait};
use crate::talk::client;
use crate::{Done, Output};

/// Serves until a signal, or until its input ends if that is asked for. What it spent and reserved is in its folder: started again, it goes on.
pub(crate) fn proxy(verb: args::Proxy, input: Box<dyn BufRead + Send>, out: &mut Output<'_>) -> Done {
    let (market, key) = acting(&verb.acting, "consumer")?;
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let budget = ProxyBudget {
        total: verb.budget,
        deposit: verb.deposit,
        reply: verb.reply,
        day: verb.day,
        character: verb.character,
        sessions: verb.sessions,
        session_s: verb.session_s,
    };
    let counter = verb.tokenizer.as_deref().map(|path| TokenCounter::open(text(path))).transpose()?;
    let (folder, address) = (text(&verb.folder), &verb.address);
    let nodes = verb.node.iter().map(|url| client(url, verb.ca.as_deref())).collect::<Result<Vec<_>, _>>()?;
    let stop = told_to_stop()?;
    let server = ProxyServer::start(&market, key.clone(), &nodes, budget, folder, address, counter.as_deref())?;
    if let Some(memory) = &verb.memory {
        let (tokens, encoder) = (verb.remember.memory_tokens, verb.remember.memory_encoder.as_deref().map(text));
        block_on(server.remember(text(memory), key, tokens, counter.as_deref(), encoder))?;
    }
    let told = json!({"url": server.url(), "key": server.key()});
    out.tell(&told, |_| format!("OPENAI_BASE_URL={}\nOPENAI_API_KEY={}", server.url(), server.key()))?;
    wait(&stop, verb.until_input_ends.then_some(input));
    server.stop();
    let spent = block_on(server.spent())?;
    out.tell(&json!({"spent": spent}), |_| format!("stopped; {spent} base units are spent, over all starts"))?;
    Ok(true)
}
