//! ChatGPT's export: each conversation is a tree of messages, of which one branch is the one that counts.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Role;
use super::content::content_of;
use super::parsed::Parsed;
use super::speaker::{Line, Who};
use super::terms::may_be_learnt;
use crate::report::Action;
use crate::text::json::is_filled;

/// Tells whether a record is such a conversation: messages by id, each with the one before it.
pub(super) fn looks_like(map: &Map<String, Value>) -> bool {
    let nodes = map.get("mapping").and_then(Value::as_object);
    nodes.is_some_and(|nodes| {
        !nodes.is_empty() && nodes.values().all(|node| node.get("parent").is_some() || node.get("children").is_some())
    })
}

/// The messages on the branch that the conversation ended with.
pub(super) fn lines(map: &Map<String, Value>, line: u64, parsed: &mut Parsed) -> Vec<Line> {
    let Some(nodes) = map.get("mapping").and_then(Value::as_object) else { return Vec::new() };
    let branch = branch(nodes, map.get("current_node").and_then(Value::as_str));
    let has_message = |node: &&Value| node.get("message").is_some_and(is_filled);
    let on_branch = branch.iter().map(|(_, node)| *node).filter(has_message).count();
    let others = nodes.values().filter(has_message).count().saturating_sub(on_branch);
    if others > 0 {
        parsed.note(Action::Dropped, format!("line {line}"), format!("{others} messages of other branches"));
    }
    let said = branch.iter().filter_map(|(id, node)| Some((id, node.get("message")?.as_object()?)));
    let mut lines = Vec::new();
    for (id, message) in said {
        let place = format!("line {line}, message {id:?}");
        match spoken(message, &place, parsed) {
            Ok(Some(line)) => lines.push(line),
            Ok(None) => {}
            Err(reason) => parsed.note(Action::Dropped, place, reason),
        }
    }
    lines
}

/// The messages from the first to the last: the leaf and everything above it. Without a named leaf, the way down by the
/// last child.
fn branch<'a>(nodes: &'a Map<String, Value>, leaf: Option<&'a str>) -> Vec<(&'a str, &'a Value)> {
    let (mut branch, mut seen) = (Vec::new(), BTreeSet::new());
    let known = leaf.filter(|leaf| nodes.contains_key(*leaf));
    let mut next = known.or_else(|| last_leaf(nodes));
    // A tree of a stranger's may run in circles.
    while let Some(id) = next.filter(|id| seen.insert(*id)) {
        let Some(node) = nodes.get(id) else { break };
        branch.push((id, node));
        next = node.get("parent").and_then(Value::as_str);
    }
    branch.reverse();
    branch
}

fn last_leaf(nodes: &Map<String, Value>) -> Option<&str> {
    let is_root = |node: &Value| node.get("parent").and_then(Value::as_str).is_none_or(|id| !nodes.contains_key(id));
    let (mut id, _) = nodes.iter().find(|(_, node)| is_root(node))?;
    let mut seen = BTreeSet::new();
    loop {
        let last = nodes.get(id)?.get("children").and_then(Value::as_array).and_then(|c| c.last()?.as_str());
        match last.and_then(|child| nodes.get_key_value(child)) {
            Some((child, _)) if seen.insert(child.as_str()) => id = child,
            _ => return Some(id),
        }
    }
}

/// DeepSeek's messages: a request, or a response with thoughts before it.
fn fragments(parts: &[Value], place: &str, parsed: &mut Parsed) -> Option<Line> {
    let of = |kind: &str| {
        let said = parts.iter().filter(|part| part.get("type").and_then(Value::as_str) == Some(kind));
        said.filter_map(|part| part.get("content")?.as_str()).collect::<Vec<_>>()
    };
    let (asked, said) = (of("REQUEST"), of("RESPONSE"));
    let others = parts.len() - asked.len() - said.len();
    if others > 0 {
        parsed.note(Action::Dropped, place, format!("{others} parts that are thoughts or no text"));
    }
    let (role, texts) = if said.is_empty() { (Role::User, asked) } else { (Role::Assistant, said) };
    let line = Line { place: place.to_owned(), who: Who::Role(role), text: texts.join("\n"), learnt: true };
    (!texts.is_empty()).then_some(line)
}

fn spoken(message: &Map<String, Value>, place: &str, parsed: &mut Parsed) -> Result<Option<Line>, String> {
    if let Some(parts) = message.get("fragments").and_then(Value::as_array) {
        return Ok(fragments(parts, place, parsed));
    }
    let author = message.get("author").and_then(|author| author.get("role")).or_else(|| message.get("role"));
    let role = author.and_then(Value::as_str).unwrap_or_default();
    let who = match Role::from_name(role) {
        Some(role) => Who::Role(role),
        None => Who::Tool,
    };
    let Some(content) = message.get("content").filter(|content| is_filled(content)) else { return Ok(None) };
    let hidden =
        message.get("metadata").and_then(|m| m.get("is_visually_hidden_from_conversation")).and_then(Value::as_bool);
    let empty =
        content.get("parts").and_then(Value::as_array).is_some_and(|parts| parts.iter().all(|part| !is_filled(part)));
    // The export has empty messages of the system in every conversation.
    if empty {
        return Ok(None);
    }
    if hidden == Some(true) || !may_be_learnt(message) {
        return Err("hidden in the conversation".into());
    }
    if let Some(recipient) = message.get("recipient").and_then(Value::as_str).filter(|to| *to != "all") {
        return Err(format!("said to a tool, {recipient:?}"));
    }
    match content.get("content_type").and_then(Value::as_str).unwrap_or("text") {
        "text" | "multimodal_text" => {}
        other => return Err(format!("{other:?}, not a text")),
    }
    let text = content_of(content, place, parsed)?;
    Ok(Some(Line { place: place.to_owned(), who, text, learnt: true }))
}
