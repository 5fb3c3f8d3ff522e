//! Byte-level BPE, several times as fast as the `tokenizers` library: most words are one lookup.
//!
//! The library stays the reference: tests hold this to it over texts and over every character, and what is not of the
//! common shape (very long words) is handed to it. Sources: R. Sennrich et al., "Neural Machine Translation of Rare Words
//! with Subword Units", 2016; A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019 (the
//! splitting expression and the alphabet of bytes).

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, MatchKind};
use regex::Regex;

/// Longer pieces go to the library: looking for the next pair is quadratic here.
const MAX_PIECE_BYTES: usize = 128;

/// The tables of a vocabulary.
pub(super) struct Bpe {
    digits_alone: bool,
    splitter: Regex,
    added: AhoCorasick,
    added_ids: Vec<u32>,
    /// Tokens of single bytes; some vocabularies lack those that no UTF-8 has.
    bytes: [Option<u32>; 256],
    /// Pieces that become one token.
    whole: HashMap<Box<[u8]>, u32, Hasher>,
    /// Which pair becomes what, and when: lower ranks first.
    merges: HashMap<(u32, u32), (u32, u32), Hasher>,
}

impl Bpe {
    /// Tables for tokens by id, merges in order, and tokens that are found before anything is split. `None` for a
    /// vocabulary of another shape.
    pub(super) fn new(digits_alone: bool, tokens: &[&str], merges: &[&str], added: &[(&str, u32)]) -> Option<Self> {
        let ids: HashMap<&str, u32> = tokens.iter().copied().zip(0u32..).collect();
        let alphabet = alphabet();
        let bytes = alphabet.map(|letter| ids.get(letter.encode_utf8(&mut [0; 4]) as &str).copied());
        let mut table = HashMap::with_capacity_and_hasher(merges.len(), Hasher);
        for (rank, merge) in (0u32..).zip(merges) {
            let (left, right) = merge.split_once(' ')?;
            let (left, right, both) = (ids.get(left)?, ids.get(right)?, ids.get(format!("{left}{right}").as_str())?);
            // The library keeps the last of equal pairs.
            table.insert((*left, *right), (rank, *both));
        }
        // In the order of the alternatives; white space is cut by hand, since this engine does not look ahead.
        let splitter = Regex::new(r"'(?:[stmd]|re|ve|ll)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+").ok()?;
        let added_texts = added.iter().map(|(text, _)| text);
        let added_matcher = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(added_texts).ok()?;
        let mut bpe = Self {
            digits_alone,
            splitter,
            added: added_matcher,
            added_ids: added.iter().map(|(_, id)| *id).collect(),
            bytes,
            whole: HashMap::default(),
            merges: table,
        };
        let letters: HashMap<char, u8> = alphabet.iter().copied().zip(0..=255).collect();
        let mut out = Vec::new();
        for (token, id) in tokens.iter().zip(0u32..) {
            let spelled: Option<Vec<u8>> = token.chars().map(|c| letters.get(&c).copied()).collect();
            if let Some(spelled) = spelled.filter(|s| !s.is_empty() && s.len() <= MAX_PIECE_BYTES) {
                out.clear();
                if bpe.merge(&spelled, &mut out) && out == [id] {
                    bpe.whole.insert(spelled.into(), id);
                }
            }
        }
        Some(bpe)
    }

    /// Token ids of a text; `slow` is the library, for pieces that it takes better.
    pub(super) fn encode<E>(
        &self,
        text: &str,
        mut slow: impl FnMut(&str) -> Result<Vec<u32>, E>,
    ) -> Result<Vec<u32>, E> {
        let mut out = Vec::with_capacity(text.len() / 3 + 4);
        let mut end = 0;
        for found in self.added.find_iter(text) {
            self.split(&text[end..found.start()], &mut out, &mut slow)?;
            out.push(self.added_ids[found.pattern().as_usize()]);
            end = found.end();
        }
        self.split(&text[end..], &mut out, &mut slow)?;
        Ok(out)
    }

    /// Digits one by one where the vocabulary wants it, then everything between them.
    fn split<E>(
        &self,
        text: &str,
        out: &mut Vec<u32>,
        slow: &mut impl FnMut(&str) -> Result<Vec<u32>, E>,
    ) -> Result<(), E> {
        if !self.digits_alone {
            return self.words(text, out, slow);
        }
        let mut start = 0;
        for (at, digit) in text.char_indices().filter(|(_, c)| c.is_numeric()) {
            self.words(&text[start..at], out, slow)?;
            start = at + digit.len_utf8();
            self.words(&text[at..start], out, slow)?;
        }
        self.words(&text[start..], out, slow)
    }

    fn words<E>(
        &self,
        text: &str,
        out: &mut Vec<u32>,
        slow: &mut impl FnMut(&str) -> Result<Vec<u32>, E>,
    ) -> Result<(), E> {
        let mut at = 0;
        while at < text.len() {
            let end = ascii_word(text.as_bytes(), at).unwrap_or_else(|| self.next_piece(text, at));
            let piece = &text[at..end];
            if let Some(&id) = self.whole.get(piece.as_bytes()) {
                out.push(id);
            } else if piece.len() > MAX_PIECE_BYTES || !self.merge(piece.as_bytes(), out) {
                out.extend(slow(piece)?);
            }
            at = end;
        }
        Ok(())
    }

    fn next_piece(&self, text: &str, at: usize) -> usize {
        // The alternatives cover every character.
        let Some(found) = self.splitter.find_at(text, at) else { return text.len() };
        let piece = found.as_str();
        let Some(last) = piece.chars().next_back() else { return text.len() };
        // White space before a word: the last of it belongs to the word, or stands alone.
        let spaces = piece.chars().next().is_some_and(char::is_whitespace) && last.is_whitespace();
        if spaces && found.end() < text.len() && piece.len() > last.len_utf8() {
            found.end() - last.len_utf8()
        } else {
            found.end()
        }
    }

    /// Merges the pair of the lowest rank, the leftmost first, until none is left; `false`, and nothing, for bytes
    /// that are no tokens.
    fn merge(&self, piece: &[u8], out: &mut Vec<u32>) -> bool {
        let start = out.len();
        for &byte in piece {
            let Some(id) = self.bytes[usize::from(byte)] else {
                out.truncate(start);
                return false;
            };
            out.push(id);
        }
        loop {
            let pairs = out[start..].windows(2).enumerate();
            let known = pairs.filter_map(|(i, pair)| Some((*self.merges.get(&(pair[0], pair[1]))?, i)));
            let Some(((_, id), i)) = known.min_by_key(|((rank, _), i)| (*rank, *i)) else { return true };
            out[start + i] = id;
            out.remove(start + i + 1);
        }
    }
}

/// The end of a word of ASCII letters with a space before it or none; `None` if something else could belong to it.
fn ascii_word(bytes: &[u8], at: usize) -> Option<usize> {
    let start = at + usize::from(bytes[at] == b' ');
    let length = bytes[start..].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let end = start + length;
    (length > 0 && bytes.get(end).is_none_or(u8::is_ascii)).then_some(end)
}

/// The letters that stand for bytes: printable ones for themselves, the others from U+0100 on.
fn alphabet() -> [char; 256] {
    let printable = |b: u8| matches!(b, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut others = '\u{100}'..;
    std::array::from_fn(|i| {
        let byte = i as u8;
        if printable(byte) { char::from(byte) } else { others.next().unwrap_or('\u{100}') }
    })
}

/// FNV-1a: keys are short, and come from a vocabulary and from texts whose pieces are bounded.
#[derive(Clone, Default)]
struct Hasher;

impl std::hash::BuildHasher for Hasher {
    type Hasher = Fnv;

    fn build_hasher(&self) -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        for &byte in rest {
            self.write_u64(byte.into());
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}
