//! Lists of messages that are trees: where a reply was asked for again, or a message was written anew, one branch counts.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::message::is_bare;
use super::shape::text_of;

/// A message's own name and that of the one before it: Claude's, LibreChat's, Open WebUI's, that of llama.cpp's web UI, and
/// HuggingChat's, which lists all before it.
const NAMES: [(&str, &str); 5] = [
    ("uuid", "parent_message_uuid"),
    ("messageId", "parentMessageId"),
    ("id", "parentId"),
    ("id", "parent"),
    ("id", "ancestors"),
];

/// The messages of the branch that a conversation ended with, and how many messages others have; `None` where there is
/// one branch alone.
pub(super) fn last(map: &Map<String, Value>, messages: &[Value]) -> Option<(Vec<Value>, usize)> {
    // Speaker and text are no tree.
    if messages.iter().all(|message| message.as_object().is_some_and(is_bare)) {
        return None;
    }
    if messages.iter().any(|message| !children(message).is_empty()) {
        return Some(last_nested(messages));
    }
    let (id, parent) = NAMES.into_iter().find(|(id, parent)| {
        let ids: BTreeSet<Cow<'_, str>> = messages.iter().filter_map(|message| text(message, id)).collect();
        messages.iter().filter_map(|message| text(message, parent)).any(|parent| ids.contains(&parent))
    })?;
    let by_id: BTreeMap<Cow<'_, str>, usize> =
        messages.iter().enumerate().filter_map(|(index, message)| Some((text(message, id)?, index))).collect();
    let leaf = leaf(map).and_then(|leaf| by_id.get(&leaf).copied());
    let mut next = Some(leaf.unwrap_or(messages.len() - 1));
    let (mut branch, mut seen) = (Vec::new(), BTreeSet::new());
    // A tree of a stranger's may run in circles.
    while let Some(index) = next.filter(|index| seen.insert(*index)) {
        branch.push(index);
        next = text(&messages[index], parent).and_then(|parent| by_id.get(&parent).copied());
    }
    branch.reverse();
    let before = |message: &Value| message.get(parent).cloned();
    let mut parents = BTreeSet::new();
    let forks = messages.iter().filter_map(before).any(|parent| !parents.insert(parent.to_string()));
    // Without a fork, a message that is missing cuts nothing off.
    let is_whole = branch.len() == messages.len();
    let in_order = branch.is_sorted();
    (is_whole && !in_order || forks && !is_whole)
        .then(|| (branch.iter().map(|index| messages[*index].clone()).collect(), messages.len() - branch.len()))
}

/// A message's name in a field: a text, a number, or the last of a list.
fn text<'m>(message: &'m Value, field: &str) -> Option<Cow<'m, str>> {
    let value = message.get(field)?;
    let name = value.as_array().map_or(Some(value), |all| all.last())?;
    text_of(name).filter(|text| !text.is_empty())
}

/// The last message of the branch that was shown.
fn leaf(map: &Map<String, Value>) -> Option<Cow<'_, str>> {
    let shown = || map.get("conv")?.get("currNode");
    let history = || map.get("chat")?.get("history")?.get("currentId");
    text_of(map.get("current_leaf_message_uuid").or_else(history).or_else(shown)?)
}

fn children(message: &Value) -> &[Value] {
    let children = message.get("children").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if children.iter().all(Value::is_object) { children } else { &[] }
}

/// The way down by the last child, where messages stand within the ones before them.
fn last_nested(messages: &[Value]) -> (Vec<Value>, usize) {
    let mut waiting: Vec<&Value> = messages.iter().collect();
    let mut total = 0;
    while let Some(message) = waiting.pop() {
        total += 1;
        waiting.extend(children(message));
    }
    let mut branch = Vec::new();
    let mut level = messages;
    while let Some(last) = level.last() {
        let mut message = last.clone();
        if let Some(map) = message.as_object_mut() {
            map.remove("children");
        }
        branch.push(message);
        level = children(last);
    }
    let others = total - branch.len();
    (branch, others)
}
