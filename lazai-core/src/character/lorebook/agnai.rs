//! Agnai's memory books: `kind: "memory"`, entries with `entry`, `keywords`, `priority`, `weight`.
//!
//! Source: Agnai's page on memory books, and the fields as its exports have them.

use serde_json::{Map, Value};

use super::sillytavern::extend;

/// The book in V3's names. A higher weight comes later, a higher priority stays longer; keywords are found as whole words.
pub(super) fn translate(mut map: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Array(entries)) = map.get_mut("entries") {
        for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
            for (theirs, ours) in [("entry", "content"), ("keywords", "keys"), ("weight", "insertion_order")] {
                if let Some(value) = entry.remove(theirs) {
                    entry.insert(ours.into(), value);
                }
            }
            extend(entry, Map::from_iter([("match_whole_words".to_owned(), true.into())]));
        }
    }
    map
}
