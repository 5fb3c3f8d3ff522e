//! The ends of conversations in a file of messages: a program's header, or a message of another conversation.

use serde_json::{Map, Value};

use super::log;
use super::parsed::Parsed;
use super::shape::{object, text_of};
use crate::report::excerpt;
use crate::text::json::is_filled;

/// Names of the field with the conversation of a message, if messages are in rows of their own: without signs and case.
const CONVERSATIONS: [&str; 15] = [
    "conversationid",
    "convid",
    "dialogueid",
    "dialogid",
    "chatid",
    "sessionid",
    "threadid",
    "conversation",
    "dialogue",
    "dialog",
    "channelid",
    "roomid",
    "session",
    "thread",
    "channel",
];

/// A separator of the dialogues in a file of messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// A program's header of the chat that follows.
    Header,
    /// The conversation that a message is of.
    Conversation(String),
}

/// The mark that a line bears, if it does.
pub(super) fn mark(bytes: &[u8]) -> Option<Mark> {
    // Most lines need not be read twice.
    if !may_be_marked(bytes) {
        return None;
    }
    let map = object(bytes, "", &mut Parsed::default()).ok()?;
    if log::is_header(&map) {
        return Some(Mark::Header);
    }
    conversation(&map).map(Mark::Conversation)
}

/// True if a line may bear a mark: by the names of fields that it has.
fn may_be_marked(line: &[u8]) -> bool {
    const PARTS: [&[u8]; 9] =
        [b"conv", b"dialog", b"chat", b"session", b"thread", b"channel", b"room", b"character_name", b"CONV"];
    line.split(|&byte| byte == b'"').any(|part| {
        part.len() <= MAX_FIELD_BYTES
            && PARTS.iter().any(|name| part.len() >= name.len() && part[..name.len()].eq_ignore_ascii_case(name))
    })
}

/// Longest name of a field that tells a conversation.
const MAX_FIELD_BYTES: usize = 24;

/// True if a field's name says that it holds the conversation: the less, the plainer it says so.
pub(super) fn conversation_rank(name: &str) -> Option<usize> {
    if name.len() > MAX_FIELD_BYTES {
        return None;
    }
    let bare: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    CONVERSATIONS.iter().position(|field| *field == bare)
}

/// The conversation that a message in a row of its own says it is of.
pub(super) fn conversation(map: &Map<String, Value>) -> Option<String> {
    let ranked = map
        .iter()
        .filter_map(|(name, value)| Some((conversation_rank(name)?, text_of(value).filter(|_| is_filled(value))?)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, id)| excerpt(&id, 200))
}
