//! `proxy`: an endpoint on this machine for stock clients.

use std::io::BufRead;

use lazai_facade::native::proxy::{ProxyBudget, ProxyServer};
use lazai_facade::{LazaiError, TokenCounter};
use pollster::block_on;
use serde_json::json;

use crate::acting::acting;
use crate::args;
use crate::stopping::{told_to_stop, wait};
use crate::talk::client;
use crate::{Done, Output};

/// Serves until a signal, or until its input ends if that is asked for. What it spent and reserved is in its folder: started again, it goes on.
pub(crate) fn proxy(verb: args::Proxy, input: Box<dyn BufRead + Send>, out: &mut Output<'_>) -> Done {
    let server = open(verb.paying)?;
    let stop = told_to_stop()?;
    let url = format!("{}/v1", server.listen(&verb.address)?);
    let told = json!({"url": url, "key": server.key()});
    out.tell(&told, |_| format!("OPENAI_BASE_URL={url}\nOPENAI_API_KEY={}", server.key()))?;
    wait(&stop, verb.until_input_ends.then_some(input));
    end(&server, out)
}

/// A proxy that nobody reaches yet.
pub(crate) fn open(paying: args::Paying) -> Result<ProxyServer, LazaiError> {
    let (market, key) = acting(&paying.acting, "consumer")?;
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let budget = ProxyBudget {
        total: paying.budget,
        deposit: paying.deposit,
        reply: paying.reply,
        day: paying.day,
        character: paying.character,
        sessions: paying.sessions,
        session_s: paying.session_s,
    };
    let counter = paying.tokenizer.as_deref().map(|path| TokenCounter::open(text(path))).transpose()?;
    let nodes =
        paying.node.iter().map(|url| client(url, paying.ca.as_deref(), &paying.way)).collect::<Result<Vec<_>, _>>()?;
    let server = ProxyServer::open(&market, key.clone(), &nodes, budget, text(&paying.folder), counter.as_deref())?;
    if let Some(folder) = &paying.evidence {
        server.keep_evidence(text(folder));
    }
    if let Some(memory) = &paying.memory {
        let (tokens, encoder) = (paying.remember.memory_tokens, paying.remember.memory_encoder.as_deref().map(text));
        block_on(server.remember(text(memory), key, tokens, counter.as_deref(), encoder))?;
    }
    Ok(server)
}

/// Stops it, and tells what it spent.
pub(crate) fn end(server: &ProxyServer, out: &mut Output<'_>) -> Done {
    server.stop();
    let spent = block_on(server.spent())?;
    out.tell(&json!({"spent": spent}), |_| format!("stopped; {spent} base units are spent, over all starts"))?;
    Ok(true)
}
