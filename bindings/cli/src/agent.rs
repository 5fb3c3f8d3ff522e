//! `agent`: a character's file for registries of agents, and the call that registers it.

use lazai_facade::LazaiError;
use lazai_facade::native::agent::{AgentRegistration, agent_data_uri, move_agent_call, register_agent_call};
use lazai_facade::native::data::keep_file;
use pollster::block_on;
use serde_json::{Value, json};

use crate::acting::reading;
use crate::args;
use crate::{Done, Output};

pub(crate) fn agent(verb: &args::Agent, out: &mut Output<'_>) -> Done {
    let (market, _) = reading(&verb.reading, "creator")?;
    block_on(market.refresh())?;
    let registry = verb.registry.as_deref().map(registry).transpose()?;
    let registrations: Vec<AgentRegistration> = registry
        .iter()
        .filter_map(|(chain_id, registry)| {
            let agent = verb.agent_id?;
            Some(AgentRegistration { chain_id: *chain_id, registry: registry.clone(), agent })
        })
        .collect();
    let (urls, image) = (verb.url.clone(), verb.image.clone());
    let file = market.agent_file(verb.class, verb.version, urls, verb.x402, registrations, image)?;
    let facts: Value = serde_json::from_str(&file)?;
    if let Some(path) = &verb.out {
        keep_file(&path.to_string_lossy(), &serde_json::to_vec_pretty(&facts)?)?;
    }
    let uri = match &verb.uri {
        Some(uri) => uri.clone(),
        None => agent_data_uri(file.into_bytes())?,
    };
    let call = match (registry, verb.agent_id) {
        (Some((_, registry)), Some(agent)) => Some(move_agent_call(registry, agent, uri)?),
        (Some((_, registry)), None) => Some(register_agent_call(registry, uri)?),
        (None, _) => None,
    };
    out.tell(&json!({"file": facts, "call": call}), |_| {
        let shown = serde_json::to_string_pretty(&facts).unwrap_or_default();
        let call = call.as_ref().map(|call| format!("\nto {}\ndata {}", call.to, call.data)).unwrap_or_default();
        format!("{shown}{call}")
    })?;
    Ok(true)
}

/// Chain and contract of a registry, as CAIP-10 writes them: `eip155:1:0x…`.
fn registry(text: &str) -> Result<(u64, String), LazaiError> {
    let parts = text.strip_prefix("eip155:").and_then(|rest| rest.split_once(':'));
    let found = parts.and_then(|(chain, registry)| Some((chain.parse().ok()?, registry.to_owned())));
    found.ok_or_else(|| LazaiError::new("address", format!("{text:?} names no registry; expected eip155:CHAIN:0x…")))
}
