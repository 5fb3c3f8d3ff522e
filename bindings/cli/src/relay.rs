//! `relay`: an oblivious relay.

use std::io::BufRead;
use std::path::Path;

use lazai_facade::native::relay::{RelayServer, RelaySettings};
use serde_json::json;

use crate::args;
use crate::stopping::{told_to_stop, wait};
use crate::{Done, Output};

/// Relays until a signal, or until its input ends if that is asked for. It keeps nothing.
pub(crate) fn relay(verb: args::Relay, input: Box<dyn BufRead + Send>, out: &mut Output<'_>) -> Done {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let certificates = verb.ca.as_deref().map(crate::read).transpose()?;
    let tls = verb.tls_certificates.as_deref().zip(verb.tls_key.as_deref());
    let stop = told_to_stop()?;
    let server = RelayServer::start(RelaySettings {
        nodes: verb.node,
        certificates: certificates.map(|pem| String::from_utf8_lossy(&pem).into_owned()),
        address: verb.address,
        tls: tls.map(|(certificates, key)| (text(certificates), text(key))),
        address_requests: verb.address_requests,
        trusted_proxies: verb.trusted_proxy,
    })?;
    out.tell(&json!({"url": server.url()}), |_| format!("relaying at {}", server.url()))?;
    wait(&stop, verb.until_input_ends.then_some(input));
    server.stop();
    Ok(true)
}
