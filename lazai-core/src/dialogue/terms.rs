//! True if a record, a message or a row may be learnt, by its own word, and whether a message is part of the conversation.

use serde_json::{Map, Value};

use super::owner::is_personal;
use crate::text::json::is_filled;
use crate::voice::terms::is_refused_consent;

/// Names of fields that tell whether something may be learnt: OpenAI's, Axolotl's two, common ones, those of tools in which
/// people judge replies, and consents.
pub(super) const TERMS: [&str; 20] = [
    "weight",
    "train",
    "training",
    "trainable",
    "train_detail",
    "train_on_turn",
    "loss",
    "loss_mask",
    "loss_scale",
    "loss_weight",
    "output_with_loss",
    "rejected",
    "mask",
    "masked",
    "accepted",
    "status",
    "rating",
    "annotation",
    "feedback",
    "consent",
];
/// Names of what a record of preferences says on whether people liked the reply.
pub(super) const LABELS: [&str; 2] = ["label", "kto_tag"];
/// Flags of messages that a program shows to nobody, or that are its own faults.
const HIDDEN: [&str; 9] =
    ["error", "isError", "is_error", "deleted", "isDeleted", "is_deleted", "hidden", "isHidden", "is_hidden"];

/// A message's own word on whether it may be learnt.
pub(super) fn may_be_learnt(message: &Map<String, Value>) -> bool {
    !TERMS.iter().any(|name| message.get(*name).is_some_and(|value| forbids(name, value)))
}

/// True if a record says that its reply is a bad one, as data for preferences do.
pub(super) fn is_rejected(record: &Map<String, Value>) -> bool {
    LABELS.iter().any(|name| record.get(*name).is_some_and(is_no))
}

/// True if a cell of a table says that its row is not to be learnt.
pub(super) fn cell_forbids(name: &str, cell: &str) -> bool {
    forbids(name, &Value::from(cell))
}

fn forbids(name: &str, value: &Value) -> bool {
    match name {
        "mask" | "masked" => flag(value) == Some(true),
        // Data of preferences have a text there.
        "rejected" => !value.is_string() && flag(value) == Some(true),
        "weight" => is_no(value) || value.as_f64().is_some_and(|weight| weight < 0.0),
        // Axolotl's parts of a message: one that is not learnt whole is not learnt.
        "train_detail" => {
            value.as_array().is_some_and(|parts| parts.iter().any(|part| part.get("train").is_some_and(is_no)))
        }
        "status" => value.as_str().is_some_and(|status| is_of(status, &["rejected", "declined", "discarded"])),
        "rating" => is_bad(value),
        "annotation" | "feedback" => value.get("rating").is_some_and(is_bad),
        "consent" => is_no(value) || value.as_str().is_some_and(|text| is_filled(value) && is_refused_consent(text)),
        _ => is_no(value),
    }
}

/// True if a rating is a thumb that points down.
fn is_bad(rating: &Value) -> bool {
    rating.as_f64() == Some(-1.0)
        || rating.as_str().is_some_and(|text| is_of(text, &["-1", "down", "thumbsdown", "thumbs_down", "thumbs-down"]))
}

fn is_of(text: &str, words: &[&str]) -> bool {
    words.contains(&text.trim().to_ascii_lowercase().as_str())
}

fn is_no(value: &Value) -> bool {
    flag(value) == Some(false)
}

/// Reads a flag: a truth value, a number or a text.
pub(super) fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_f64() {
            Some(0.0) => Some(false),
            Some(1.0) => Some(true),
            _ => None,
        },
        Value::String(text) if is_of(text, &YES) => Some(true),
        Value::String(text) => is_of(text, &NO).then_some(false),
        _ => None,
    }
}

/// Words of flags, as people and spreadsheets of several languages write them.
const YES: [&str; 17] = [
    "true",
    "sim",
    "waar",
    "1",
    "1.0",
    "yes",
    "y",
    "on",
    "t",
    "wahr",
    "ja",
    "vrai",
    "oui",
    "verdadero",
    "sí",
    "vero",
    "verdadeiro",
];
const NO: [&str; 15] =
    ["false", "onwaar", "0", "0.0", "no", "n", "off", "f", "falsch", "nein", "faux", "non", "falso", "não", "nee"];

/// Fields that are flags and nothing else.
const FLAGS: [&str; 5] = ["train", "training", "trainable", "train_on_turn", "output_with_loss"];

/// True if a cell of a flag's column is neither a yes nor a no.
pub(super) fn is_unclear(name: &str, cell: &str) -> bool {
    FLAGS.contains(&name) && !cell.trim().is_empty() && flag(&Value::from(cell)).is_none()
}

/// Notes on unknown fields that seem to say what may be learnt.
pub(super) fn unknown_terms(message: &Map<String, Value>) -> impl Iterator<Item = String> {
    let seems = |name: &str| {
        let name = name.to_ascii_lowercase();
        !TERMS.contains(&&*name)
            && ["loss", "mask", "weight", "train"].iter().any(|word| name.split(['_', '-']).any(|part| part == *word))
    };
    let unknown = message.iter().filter(move |(name, value)| seems(name) && is_filled(value));
    unknown.map(|(name, _)| format!("{name}: not known here, and not heeded"))
}

/// Names of a list beside messages that says of each whether it may be learnt.
const LISTS: [&str; 4] = ["weights", "loss_weights", "loss_mask", "train_mask"];

/// True if there is such a list.
pub(super) fn is_listed(record: &Map<String, Value>) -> bool {
    LISTS.iter().any(|name| record.get(*name).is_some_and(Value::is_array))
}

/// Reads the list's word on each message; messages may have been turned round. Returns `None` if the lengths differ.
pub(super) fn listed(record: &Map<String, Value>, messages: usize, turned: bool) -> Option<Vec<bool>> {
    let list = LISTS.iter().find_map(|name| record.get(*name)?.as_array())?;
    let mut learnt: Vec<bool> = list.iter().map(|value| !forbids("weight", value)).collect();
    if turned {
        learnt.reverse();
    }
    (learnt.len() == messages).then_some(learnt)
}

/// Why a message is not part of the conversation, if it says so: it was taken back, hidden, failed, drawn or thought.
pub(super) fn hidden(message: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    let says = |name: &&&str| message.get(**name).is_some_and(|value| flag(value) == Some(true));
    if let Some(name) = HIDDEN.iter().find(says) {
        return Some(format!("the file says {name} of it: not part of the conversation"));
    }
    if message.get("error").is_some_and(|error| error.is_object() && is_filled(error)) {
        return Some("the program failed here (error)".into());
    }
    if text("adapter") == "image" {
        return Some("a picture".into());
    }
    // Harmony's channels; elsewhere a channel has a name of people's.
    let is_role = !is_personal(text("role"));
    (is_role && ["analysis", "commentary"].contains(&text("channel"))).then(|| "thoughts".into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_is_told() {
        let message = json!({"role": "user", "token_weight": 1, "lossMask": 0, "train": "maybe", "trainer": "me", "loss-type": "x"});
        let told: Vec<String> = message.as_object().into_iter().flat_map(unknown_terms).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(is_unclear("train", "maybe") && !is_unclear("train", "") && !is_unclear("train", "no"));
        let record = json!({"weights": [0, 1, 1, -1]});
        assert_eq!(
            record.as_object().and_then(|record| listed(record, 4, false)),
            Some(vec![false, true, true, false])
        );
        assert_eq!(record.as_object().and_then(|record| listed(record, 3, false)), None);
    }

    #[test]
    fn only_a_no_forbids() {
        let learnt = |value: Value| value.as_object().is_some_and(may_be_learnt);
        for no in [
            json!({"weight": 0}),
            json!({"trainable": "false"}),
            json!({"mask": 1}),
            json!({"mask": true}),
            json!({"status": "Rejected"}),
            json!({"accepted": false}),
            json!({"annotation": {"rating": -1}}),
            json!({"feedback": {"rating": "thumbsDown"}}),
            json!({"consent": false}),
            json!({"consent": "withdrawn"}),
            json!({"train": "FALSCH"}),
            json!({"trainable": "off"}),
            json!({"loss_mask": 0}),
            json!({"loss_scale": 0.0}),
            json!({"output_with_loss": false}),
            json!({"weight": -1}),
            json!({"rejected": true}),
            json!({"train_detail": [{"begin_offset": 0, "train": true}, {"begin_offset": 4, "train": false}]}),
        ] {
            assert!(!learnt(no.clone()), "{no}");
        }
        for yes in [
            json!({"mask": "User", "weight": 1, "status": "submitted", "consent": "yes"}),
            json!({"mask": 0, "accepted": null, "consent": "", "rating": 4, "annotation": {"rating": 1}}),
            json!({"feedback": "good", "consent": null, "loss": 0.7}),
            json!({"score": -1, "rejected": "Yes", "train": "WAHR", "loss_scale": 0.5}),
        ] {
            assert!(learnt(yes.clone()), "{yes}");
        }
    }
}
