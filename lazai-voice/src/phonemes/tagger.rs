//! Parts of speech: an averaged perceptron over a word, its neighbours and the tags before it.

use std::fmt::Write as _;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::classes::{is_alphabetic, is_digit, is_letter, is_lower, is_upper};
use super::table::{Entries, Set, Table, Text, Value};

/// Most kinds of tags.
const MAX_TAGS: usize = 64;

/// Tags of words in their context.
#[derive(Debug)]
pub(super) struct Tagger {
    tags: Vec<String>,
    /// Words with one tag: its number.
    fixed: Table,
    /// Words that weights name; others are known by their shape.
    vocabulary: Table,
    /// For each feature: tags and their weights in tenths, three bytes each.
    weights: Table,
}

impl Tagger {
    /// Reads a tagger's JSON: `tags` come first.
    pub(super) fn read(json: &[u8]) -> Result<Self, serde_json::Error> {
        let mut json = serde_json::Deserializer::from_slice(json);
        let tagger = json.deserialize_map(Fields)?;
        json.end()?;
        Ok(tagger)
    }

    /// The bytes that it takes.
    pub(super) fn size(&self) -> usize {
        self.fixed.size() + self.vocabulary.size() + self.weights.size()
    }

    /// A tag for each word.
    pub(super) fn tags<'a>(&'a self, words: &[&str]) -> Vec<&'a str> {
        let mut names = vec!["-START2-".to_owned(), "-START-".to_owned()];
        names.extend(words.iter().map(|word| self.name(word)));
        names.extend(["-END-".to_owned(), "-END2-".to_owned()]);
        let (mut before, mut previous) = ("-START2-", "-START-");
        let (mut tags, mut feature) = (Vec::with_capacity(words.len()), String::new());
        for (at, word) in words.iter().enumerate() {
            let fixed = self.fixed.get(word).and_then(|number| self.tags.get(usize::from(*number.first()?)));
            let tag = match fixed {
                Some(tag) => tag.as_str(),
                None => self.guess(word, at, &names, [previous, before], &mut feature),
            };
            tags.push(tag);
            (before, previous) = (previous, tag);
        }
        tags
    }

    /// The tag with the largest sum of weights; of equal ones, the last by its name.
    fn guess<'a>(&'a self, word: &str, at: usize, names: &[String], tags: [&str; 2], feature: &mut String) -> &'a str {
        let mut scores = [0f64; MAX_TAGS];
        let mut is_known = false;
        let mut add = |parts: std::fmt::Arguments<'_>| {
            feature.clear();
            let _ = feature.write_fmt(parts);
            for entry in self.weights.get(feature).unwrap_or_default().as_chunks::<3>().0 {
                is_known = true;
                // In the order of features: the last bit of a sum decides between tags that are all but equal.
                scores[usize::from(entry[0])] += f64::from(i16::from_le_bytes([entry[1], entry[2]])) / 10.0;
            }
        };
        let [previous, before] = tags;
        let [before_name2, before_name, name, next_name, next_name2] =
            std::array::from_fn(|offset| names.get(at + offset).map_or("", String::as_str));
        add(format_args!("b"));
        add(format_args!("s3={}", last_three(word)));
        add(format_args!("p1={}", word.chars().next().unwrap_or_default()));
        add(format_args!("w={name}"));
        add(format_args!("sh={}", shape(word)));
        add(format_args!("{}", if at == 0 { "i0" } else { "i+" }));
        add(format_args!("t-1={previous}"));
        add(format_args!("t-2={before}"));
        add(format_args!("t-12={previous},{before}"));
        add(format_args!("w-1={before_name}"));
        add(format_args!("s3-1={}", last_three(before_name)));
        add(format_args!("w-2={before_name2}"));
        add(format_args!("w+1={next_name}"));
        add(format_args!("s3+1={}", last_three(next_name)));
        add(format_args!("w+2={next_name2}"));
        if !is_known {
            return "NN";
        }
        let best = self.tags.iter().zip(scores).max_by(|(a, x), (b, y)| x.total_cmp(y).then_with(|| a.cmp(b)));
        best.map_or("NN", |(tag, _)| tag)
    }

    /// A word as weights name it.
    fn name(&self, word: &str) -> String {
        let name = match word.chars().next() {
            Some(first) if first != '-' && word.contains('-') => "!HYPHEN".to_owned(),
            Some(_) if word.chars().all(is_digit) && word.chars().count() == 4 => "!YEAR".to_owned(),
            Some(first) if is_digit(first) => "!DIGITS".to_owned(),
            _ => word.to_lowercase(),
        };
        if self.vocabulary.get(&name).is_some() { name } else { format!("<{}>", shape(word)) }
    }
}

fn last_three(word: &str) -> &str {
    word.char_indices().rev().nth(2).map_or(word, |(at, _)| &word[at..])
}

fn shape(word: &str) -> String {
    let kind = |c: char| {
        if is_digit(c) {
            'd'
        } else if is_letter(c) {
            'x'
        } else {
            c
        }
    };
    let mut rest = word.chars();
    let first = rest.next();
    if is_alphabetic(word) {
        let shape = match rest.as_str() {
            _ if is_lower(word) => "x",
            "" if is_upper(word) => "X1",
            _ if is_upper(word) => "XX",
            rest if first.is_some_and(char::is_uppercase) && is_lower(rest) => "Xx",
            _ => "xX",
        };
        return shape.to_owned();
    }
    if first.is_some() && word.chars().all(is_digit) {
        return "d".to_owned();
    }
    word.chars().take(4).map(kind).collect()
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Tagger;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a tagger: tags, tagdict, vocab, weights")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tagger, A::Error> {
        let (mut tags, mut fixed, mut vocabulary, mut weights) = (Vec::<String>::new(), None, None, None);
        while let Some(Text(key)) = map.next_key()? {
            match key.as_ref() {
                "tags" => tags = map.next_value()?,
                "tagdict" => fixed = Some(map.next_value_seed(Entries(Tag(&tags)))?),
                "vocab" => vocabulary = Some(map.next_value_seed(Set)?),
                "weights" => weights = Some(map.next_value_seed(Entries(Weights(&tags)))?),
                _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
            }
            if tags.len() > MAX_TAGS {
                return Err(A::Error::custom("more than 64 tags"));
            }
        }
        match (fixed, vocabulary, weights) {
            (Some(fixed), Some(vocabulary), Some(weights)) => Ok(Tagger { tags, fixed, vocabulary, weights }),
            _ => Err(A::Error::custom("expected tagdict, vocab and weights")),
        }
    }
}

fn number<E: serde::de::Error>(tags: &[String], tag: &str) -> Result<u8, E> {
    tags.iter()
        .position(|t| t == tag)
        .map(|at| at as u8)
        .ok_or_else(|| E::custom(format!("{tag:?} is none of the tags")))
}

/// A tag, by its number.
struct Tag<'a>(&'a [String]);

impl<'de> Value<'de> for Tag<'_> {
    fn read<D: Deserializer<'de>>(&mut self, out: &mut Vec<u8>, from: D) -> Result<(), D::Error> {
        let Text(tag) = serde::Deserialize::deserialize(from)?;
        out.push(number(self.0, &tag)?);
        Ok(())
    }
}

/// Weights of tags.
struct Weights<'a>(&'a [String]);

impl<'de> Value<'de> for Weights<'_> {
    fn read<D: Deserializer<'de>>(&mut self, out: &mut Vec<u8>, from: D) -> Result<(), D::Error> {
        from.deserialize_map(Weighed(self.0, out))
    }
}

struct Weighed<'a>(&'a [String], &'a mut Vec<u8>);

impl<'de> Visitor<'de> for Weighed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("weights of tags")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((Text(tag), weight)) = map.next_entry::<Text<'de>, f64>()? {
            let tenths = (weight * 10.0).round();
            if !(f64::from(i16::MIN)..=f64::from(i16::MAX)).contains(&tenths) || tenths / 10.0 != weight {
                return Err(A::Error::custom(format!("weight {weight}, expected tenths up to 3276.7")));
            }
            self.1.push(number(self.0, &tag)?);
            self.1.extend((tenths as i16).to_le_bytes());
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_those_of_the_model() {
        for (word, expected) in [
            ("word", "x"),
            ("WORD", "XX"),
            ("I", "X1"),
            ("Word", "Xx"),
            ("iPhone", "xX"),
            ("漢字", "xX"),
            ("42", "d"),
            ("x-ray's", "x-xx"),
            ("3.5", "d.d"),
            ("…", "…"),
            ("", ""),
        ] {
            assert_eq!(shape(word), expected, "{word}");
        }
        assert_eq!((last_three("ab"), last_three("naïve"), last_three("")), ("ab", "ïve", ""));
    }

    #[test]
    fn a_tagger_weighs() {
        let json = r#"{"tags": ["DT", "NN", "VB"], "tagdict": {"the": "DT"}, "vocab": ["run"],
            "weights": {"w=run": {"NN": 1.0, "VB": 1.1}, "t-1=DT": {"NN": 0.2}, "sh=x": {"VB": 0.1}}}"#;
        let tagger = Tagger::read(json.as_bytes()).unwrap();
        assert_eq!(tagger.tags(&["run", "the", "run", "?"]), ["VB", "DT", "VB", "NN"]);
        for wrong in ["{}", "[]", "{\"tags\": []", r#"{"tags":["A"],"tagdict":{"a":"B"},"vocab":[],"weights":{}}"#] {
            assert!(Tagger::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
