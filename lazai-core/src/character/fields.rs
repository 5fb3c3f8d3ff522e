//! Taking fields out of JSON objects that people and programs wrote by hand.

use serde_json::{Map, Value};

use crate::report::{Action, Report};
pub(super) use crate::text::json::kind;
use crate::text::json::plain;

/// A JSON object whose known fields are taken one by one; the rest is unknown, and kept.
///
/// A field of another type than expected is converted if the meaning is clear, and noted either way.
pub(super) struct Fields<'a> {
    map: Map<String, Value>,
    path: String,
    report: &'a mut Report,
}

impl<'a> Fields<'a> {
    pub(super) fn new(map: Map<String, Value>, path: impl Into<String>, report: &'a mut Report) -> Self {
        Self { map, path: path.into(), report }
    }

    /// The fields that were not taken.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.map
    }

    pub(super) fn report(&mut self) -> &mut Report {
        self.report
    }

    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn repaired(&mut self, key: &str, reason: impl Into<String>) {
        let place = self.path(key);
        self.report.note(Action::Repaired, place, reason);
    }

    pub(super) fn dropped(&mut self, key: &str, reason: impl Into<String>) {
        let place = self.path(key);
        self.report.note(Action::Dropped, place, reason);
    }

    /// The raw value; `null` counts as absent, and is noted.
    pub(super) fn value(&mut self, key: &str) -> Option<Value> {
        match self.map.remove(key)? {
            Value::Null => {
                self.repaired(key, "null, taken as absent");
                None
            }
            value => Some(value),
        }
    }

    /// A text, absent or empty alike.
    pub(super) fn text(&mut self, key: &str) -> String {
        self.optional_text(key).unwrap_or_default()
    }

    pub(super) fn optional_text(&mut self, key: &str) -> Option<String> {
        match self.value(key)? {
            Value::String(text) => Some(text),
            other => match plain(&other) {
                Some(text) => {
                    self.repaired(key, format!("{}, taken as text", kind(&other)));
                    Some(text)
                }
                None => {
                    self.dropped(key, format!("expected a text, found {}", kind(&other)));
                    None
                }
            },
        }
    }

    /// A list of texts; one text is a list of one.
    pub(super) fn texts(&mut self, key: &str) -> Vec<String> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => {
                let mut texts = Vec::with_capacity(items.len());
                for (i, item) in items.into_iter().enumerate() {
                    match item {
                        Value::String(text) => texts.push(text),
                        Value::Number(number) => {
                            self.repaired(&format!("{key}[{i}]"), "number, taken as text");
                            texts.push(number.to_string());
                        }
                        other => {
                            self.dropped(&format!("{key}[{i}]"), format!("expected a text, found {}", kind(&other)))
                        }
                    }
                }
                texts
            }
            Some(Value::String(text)) if text.trim().is_empty() => {
                self.repaired(key, "empty text, taken as an empty list");
                Vec::new()
            }
            Some(Value::String(text)) => {
                self.repaired(key, "text, taken as a list of one");
                vec![text]
            }
            Some(other) => {
                self.dropped(key, format!("expected a list, found {}", kind(&other)));
                Vec::new()
            }
        }
    }

    /// Several texts that were written as one, if that is what there is.
    pub(super) fn split(&mut self, key: &str, split: impl Fn(&str) -> Vec<String>) -> Option<Vec<String>> {
        let texts = split(self.map.get(key)?.as_str()?);
        if texts.len() < 2 {
            return None;
        }
        self.map.remove(key);
        self.repaired(key, format!("one text, taken as a list of {}", texts.len()));
        Some(texts)
    }

    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let value = self.value(key)?;
        let flag = match &value {
            Value::Bool(flag) => return Some(*flag),
            Value::Number(number) => number.as_f64().map(|n| n != 0.0),
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Some(true),
                "false" | "0" | "no" => Some(false),
                _ => None,
            },
            _ => None,
        };
        match flag {
            Some(flag) => self.repaired(key, format!("{}, taken as {flag}", kind(&value))),
            None => self.dropped(key, format!("expected true or false, found {}", kind(&value))),
        }
        flag
    }

    /// A whole number; fractions are cut off, texts parsed.
    pub(super) fn number(&mut self, key: &str) -> Option<i64> {
        let value = self.value(key)?;
        let cut = |n: f64| (n.is_finite() && n.abs() < 9e15).then_some(n as i64);
        let number = match &value {
            Value::Number(number) => match number.as_i64() {
                Some(number) => return Some(number),
                None => number.as_f64().and_then(cut),
            },
            Value::String(text) => text.trim().parse::<f64>().ok().and_then(cut),
            _ => None,
        };
        match number {
            Some(number) => self.repaired(key, format!("{}, taken as {number}", kind(&value))),
            None => self.dropped(key, format!("expected a whole number, found {}", kind(&value))),
        }
        number
    }

    pub(super) fn object(&mut self, key: &str) -> Option<Map<String, Value>> {
        match self.value(key)? {
            Value::Object(map) => Some(map),
            Value::Array(items) if items.is_empty() => {
                self.repaired(key, "empty list, taken as an empty object");
                Some(Map::new())
            }
            Value::String(text) if text.trim().is_empty() => {
                self.repaired(key, "empty text, taken as absent");
                None
            }
            other => {
                self.dropped(key, format!("expected an object, found {}", kind(&other)));
                None
            }
        }
    }

    pub(super) fn list(&mut self, key: &str) -> Vec<Value> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(other) => {
                self.dropped(key, format!("expected a list, found {}", kind(&other)));
                Vec::new()
            }
        }
    }
}
