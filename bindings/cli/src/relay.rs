//! `relay`: an oblivious relay.

use std::io::BufRead;

use lazai_facade::native::relay::{self as served, RelaySettings};
use serde_json::json;

use crate::args;
use crate::stopping::{told_to_stop, wait};
use crate::{Done, Output};

/// Relays until a signal, or until its input ends if that is asked for. It keeps nothing.
pub(crate) fn relay(verb: args::Relay, input: Box<dyn BufRead + Send>, out: &mut Output<'_>) -> Done {
    let certificates = verb.ca.as_deref().map(crate::read).transpose()?;
    let until_input_ends = verb.hearing.until_input_ends;
    let stop = told_to_stop()?;
    let server = served::relay(RelaySettings {
        nodes: verb.node,
        certificates: certificates.map(|pem| String::from_utf8_lossy(&pem).into_owned()),
        listening: verb.hearing.at(verb.address),
    })?;
    out.tell(&json!({"url": server.url()}), |_| format!("relaying at {}", server.url()))?;
    wait(&stop, until_input_ends.then_some(input));
    server.stop();
    Ok(true)
}
