//! Tables of words out of JSON, in two allocations each: all texts behind one another, and where each begins, in order.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Most entries of a table.
const MAX_ENTRIES: usize = 1 << 20;
/// Longest key, and longest value, in bytes.
const MAX_TEXT: usize = 255;

/// Byte strings by their keys. An entry takes its bytes and six more.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// For each entry: the key's length, the value's, the key, the value.
    bytes: Vec<u8>,
    /// Where entries begin, in the order of their keys.
    starts: Vec<u32>,
}

impl Table {
    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&[u8]> {
        let at = self.starts.binary_search_by(|&start| self.entry(start).0.cmp(key.as_bytes())).ok()?;
        Some(self.entry(self.starts[at]).1)
    }

    /// The bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.bytes.capacity() + self.starts.capacity() * size_of::<u32>()
    }

    fn entry(&self, start: u32) -> (&[u8], &[u8]) {
        let start = start as usize;
        let (key, value) = (usize::from(self.bytes[start]), usize::from(self.bytes[start + 1]));
        self.bytes[start + 2..start + 2 + key + value].split_at(key)
    }

    fn push(&mut self, key: &str, value: &[u8]) -> Result<(), &'static str> {
        let lengths = [key.len(), value.len()].map(|len| u8::try_from(len).ok());
        let ([Some(key_len), Some(value_len)], Ok(start)) = (lengths, u32::try_from(self.bytes.len())) else {
            return Err("an entry of at most 255 bytes");
        };
        if self.starts.len() >= MAX_ENTRIES {
            return Err("at most 1,048,576 entries");
        }
        self.starts.push(start);
        self.bytes.extend([key_len, value_len]);
        self.bytes.extend(key.as_bytes());
        self.bytes.extend(value);
        Ok(())
    }

    fn finish(mut self) -> Self {
        let mut starts = std::mem::take(&mut self.starts);
        if !starts.is_sorted_by(|a, b| self.entry(*a).0 < self.entry(*b).0) {
            starts.sort_by(|a, b| self.entry(*a).0.cmp(self.entry(*b).0));
            // Of two entries with one key, the first of the file counts.
            starts.dedup_by(|b, a| self.entry(*a).0 == self.entry(*b).0);
        }
        starts.shrink_to_fit();
        self.bytes.shrink_to_fit();
        self.starts = starts;
        self
    }
}

/// What the values of an object are, and how they are written into a table.
pub(super) trait Value<'de> {
    /// Writes the bytes of one value.
    fn read<D: Deserializer<'de>>(&mut self, out: &mut Vec<u8>, from: D) -> Result<(), D::Error>;
}

/// Reads an object into a table.
pub(super) struct Entries<V>(pub V);

/// Reads one value of it.
struct One<'a, V>(&'a mut V, &'a mut Vec<u8>);

impl<'de, V: Value<'de>> DeserializeSeed<'de> for One<'_, V> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        self.0.read(self.1, from)
    }
}

impl<'de, V: Value<'de>> DeserializeSeed<'de> for Entries<V> {
    type Value = Table;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Table, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, V: Value<'de>> Visitor<'de> for Entries<V> {
    type Value = Table;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Table, A::Error> {
        let (mut table, mut value) = (Table::default(), Vec::new());
        while let Some(Text(key)) = map.next_key()? {
            value.clear();
            map.next_value_seed(One(&mut self.0, &mut value))?;
            table.push(&key, &value).map_err(|expected| A::Error::custom(format!("{key:?}: expected {expected}")))?;
        }
        Ok(table.finish())
    }
}

/// A string, borrowed where it is written without escapes.
#[derive(serde::Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// A set of words out of a list.
pub(super) struct Set;

impl<'de> DeserializeSeed<'de> for Set {
    type Value = Table;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Table, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Set {
    type Value = Table;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of words")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Table, A::Error> {
        let mut table = Table::default();
        while let Some(Text(word)) = list.next_element()? {
            table.push(&word, &[]).map_err(A::Error::custom)?;
        }
        Ok(table.finish())
    }
}

/// Writes a pronunciation: its text; or, of a homograph, a zero byte and then each part of speech and its text, both with
/// their lengths before them. A part of speech that is not in the dictionary has the length 255.
pub(super) struct Pronunciation;

impl<'de> Value<'de> for Pronunciation {
    fn read<D: Deserializer<'de>>(&mut self, out: &mut Vec<u8>, from: D) -> Result<(), D::Error> {
        from.deserialize_any(Spoken(out))
    }
}

struct Spoken<'a>(&'a mut Vec<u8>);

impl<'de> Visitor<'de> for Spoken<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("phonemes, or phonemes of each part of speech")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        if text.starts_with('\0') {
            return Err(E::custom("phonemes begin with a zero"));
        }
        self.0.extend(text.as_bytes());
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.push(0);
        while let Some(Text(tag)) = map.next_key()? {
            let text: Option<Text<'_>> = map.next_value()?;
            for part in [Some(tag.as_ref()), text.as_ref().map(|text| text.0.as_ref())] {
                match part {
                    None => self.0.push(ABSENT),
                    Some(part) if part.len() < usize::from(ABSENT) && self.0.len() <= MAX_TEXT => {
                        self.0.push(part.len() as u8);
                        self.0.extend(part.as_bytes());
                    }
                    Some(_) => return Err(A::Error::custom("phonemes of over 255 bytes")),
                }
            }
        }
        Ok(())
    }
}

const ABSENT: u8 = 255;

/// What a dictionary says of a word.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Said<'a> {
    /// One pronunciation.
    One(&'a str),
    /// One for each part of speech.
    Each(Homograph<'a>),
}

/// Pronunciations by part of speech.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Homograph<'a>(&'a [u8]);

impl<'a> Said<'a> {
    /// Reads what [`Pronunciation`] wrote.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        match bytes.split_first() {
            Some((0, parts)) => Some(Self::Each(Homograph(parts))),
            _ => str::from_utf8(bytes).ok().map(Self::One),
        }
    }
}

impl<'a> Homograph<'a> {
    /// The pronunciation of a part of speech: `None` if it has no entry, `Some(None)` if its entry says that it has none.
    pub(super) fn get(self, tag: &str) -> Option<Option<&'a str>> {
        let mut rest = self.0;
        loop {
            let name = part(&mut rest)?;
            let text = part(&mut rest)?;
            if name == Some(tag) {
                return Some(text);
            }
        }
    }
}

/// Takes one part off; `Some(None)` is an absent one.
fn part<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a str>> {
    let (&length, tail) = rest.split_first()?;
    if length == ABSENT {
        *rest = tail;
        return Some(None);
    }
    let (text, tail) = tail.split_at_checked(length.into())?;
    *rest = tail;
    str::from_utf8(text).ok().map(Some)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn lexicon(json: &str) -> Result<Table, serde_json::Error> {
        Entries(Pronunciation).deserialize(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn a_table_answers() {
        let table = lexicon(r#"{"b": "bˈi", "a": {"DEFAULT": "A", "DT": "ɐ", "NN": null}, "c\u0301": ""}"#).unwrap();
        let said = |key| table.get(key).and_then(Said::read);
        assert_eq!(said("b"), Some(Said::One("bˈi")));
        assert_eq!(said("c\u{301}"), Some(Said::One("")));
        assert_eq!(said("d"), None);
        let Some(Said::Each(each)) = said("a") else { panic!("no homograph") };
        assert_eq!(each.get("DT"), Some(Some("ɐ")));
        assert_eq!(each.get("NN"), Some(None));
        assert_eq!(each.get("VB"), None);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        let long = "x".repeat(256);
        for json in [
            "[]",
            "{\"a\": 1}",
            "{\"a\": [\"b\"]}",
            "{\"a\": {\"DT\": 1}}",
            "{\"a\"",
            "{\"a\": \"\\u0000\"}",
            &format!("{{\"{long}\": \"a\"}}"),
            &format!("{{\"a\": \"{long}\"}}"),
            &format!("{{\"a\": {{\"b\": \"{long}\"}}}}"),
        ] {
            assert!(lexicon(json).is_err(), "{json}");
        }
    }
}
