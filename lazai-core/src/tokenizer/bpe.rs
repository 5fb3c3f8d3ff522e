//! Byte-level BPE, several times as fast as the `tokenizers` library: most words are one lookup.
//!
//! The library stays the reference: tests of `lazai-lora` hold this to it over texts and over every character. Sources:
//! R. Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", 2016; A. Radford et al., "Language
//! Models are Unsupervised Multitask Learners", 2019 (the splitting expression and the alphabet of bytes).

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use aho_corasick::{AhoCorasick, MatchKind};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::splitting::{Splitter, Splitting};
use super::{Result, TokenizerError};

/// Longer pieces are merged by a heap: looking for the next pair in turn is faster for short ones, and quadratic.
const MAX_SHORT_BYTES: usize = 128;

/// The tables of a vocabulary.
pub struct Bpe {
    splitting: Splitting,
    splitter: Splitter,
    /// Tokens that are found in a text as it is.
    control: Added,
    /// Added tokens that are found in normalised text.
    added: Added,
    /// Tokens of single bytes; some vocabularies lack those that no UTF-8 has.
    bytes: [Option<u32>; 256],
    /// Pieces that become one token.
    whole: HashMap<Box<[u8]>, u32, Hasher>,
    /// The merges of pairs, with their ranks: lower ranks first.
    merges: HashMap<(u32, u32), (u32, u32), Hasher>,
}

/// Tokens that are found before anything is split.
struct Added {
    matcher: AhoCorasick,
    ids: Vec<u32>,
}

impl Added {
    fn new(tokens: &[(&str, u32)]) -> Result<Self> {
        let texts = tokens.iter().map(|(text, _)| text);
        let matcher = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts);
        let matcher = matcher.map_err(|e| TokenizerError::malformed("control tokens", e))?;
        Ok(Self { matcher, ids: tokens.iter().map(|(_, id)| *id).collect() })
    }

    /// Passes added tokens to `found`, and the text between to `between`, in order.
    fn cut<C>(&self, text: &str, context: &mut C, between: impl Fn(&mut C, &str), found: impl Fn(&mut C, u32)) {
        let mut end = 0;
        for hit in self.matcher.find_iter(text) {
            between(context, &text[end..hit.start()]);
            found(context, self.ids[hit.pattern().as_usize()]);
            end = hit.end();
        }
        between(context, &text[end..]);
    }
}

impl Bpe {
    /// Tables for tokens by id, merges in order, and two kinds of tokens that are found before anything is split.
    pub(super) fn new(
        splitting: Splitting,
        tokens: &[&str],
        merges: &[&str],
        control: &[(&str, u32)],
        added: &[(&str, u32)],
    ) -> Result<Self> {
        let ids: HashMap<&str, u32> =
            tokens.iter().copied().zip(0u32..).filter(|(token, _)| !token.is_empty()).collect();
        let alphabet = alphabet();
        let bytes = alphabet.map(|letter| ids.get(letter.encode_utf8(&mut [0; 4]) as &str).copied());
        let mut table = HashMap::with_capacity_and_hasher(merges.len(), Hasher);
        for (rank, merge) in (0u32..).zip(merges) {
            let known = |text: &str| {
                let unknown = || TokenizerError::malformed("merges", format!("{text:?} is no token"));
                ids.get(text).copied().ok_or_else(unknown)
            };
            let pair = merge.split_once(' ');
            let (left, right) = pair.ok_or_else(|| TokenizerError::malformed("merges", "a pair without a space"))?;
            // The library keeps the last of equal pairs.
            table.insert((known(left)?, known(right)?), (rank, known(&format!("{left}{right}"))?));
        }
        let composed: Vec<String>;
        let mut normalised: Vec<(&str, u32)> = added.to_vec();
        if splitting.composes() {
            composed = added.iter().map(|(text, _)| text.nfc().collect()).collect();
            normalised = composed.iter().map(String::as_str).zip(added.iter().map(|(_, id)| *id)).collect();
        }
        let mut bpe = Self {
            splitting,
            splitter: splitting.splitter()?,
            control: Added::new(control)?,
            added: Added::new(&normalised)?,
            bytes,
            whole: HashMap::default(),
            merges: table,
        };
        let letters: HashMap<char, u8> = alphabet.iter().copied().zip(0..=255).collect();
        let mut out = Vec::new();
        for (token, &id) in &ids {
            let spelled: Option<Vec<u8>> = token.chars().map(|c| letters.get(&c).copied()).collect();
            let Some(spelled) = spelled else { continue };
            if splitting.whole_wins() {
                bpe.whole.insert(spelled.into(), id);
            } else if spelled.len() <= MAX_SHORT_BYTES {
                out.clear();
                bpe.merge(&spelled, &mut out);
                if out == [id] {
                    bpe.whole.insert(spelled.into(), id);
                }
            }
        }
        Ok(bpe)
    }

    /// Token ids of a text; control tokens written out in it are recognised.
    #[must_use]
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut out = Vec::with_capacity(text.len() / 3 + 4);
        self.control.cut(text, &mut out, |out, part| self.normalised(part, out), |out, id| out.push(id));
        out
    }

    fn normalised(&self, text: &str, out: &mut Vec<u32>) {
        let text = if self.splitting.composes() && is_nfc_quick(text.chars()) != IsNormalized::Yes {
            Cow::Owned(text.nfc().collect::<String>())
        } else {
            Cow::Borrowed(text)
        };
        self.added.cut(&text, out, |out, part| self.split(part, out), |out, id| out.push(id));
    }

    /// Digits one by one if the vocabulary wants it, then everything between them.
    fn split(&self, text: &str, out: &mut Vec<u32>) {
        if !self.splitting.digits_alone() {
            return self.words(text, out);
        }
        let mut start = 0;
        for (at, digit) in text.char_indices().filter(|(_, c)| c.is_numeric()) {
            self.words(&text[start..at], out);
            start = at + digit.len_utf8();
            self.words(&text[at..start], out);
        }
        self.words(&text[start..], out);
    }

    fn words(&self, text: &str, out: &mut Vec<u32>) {
        let mut at = 0;
        while at < text.len() {
            let end = ascii_word(text.as_bytes(), at).unwrap_or_else(|| self.splitter.end(text, at));
            let piece = &text.as_bytes()[at..end];
            match self.whole.get(piece) {
                Some(&id) => out.push(id),
                None => self.merge(piece, out),
            }
            at = end;
        }
    }

    /// Merges the pair of the lowest rank, the leftmost first, until none is left. Bytes that are no tokens are left out,
    /// as the library leaves them out.
    fn merge(&self, piece: &[u8], out: &mut Vec<u32>) {
        let start = out.len();
        out.extend(piece.iter().filter_map(|&byte| self.bytes[usize::from(byte)]));
        if piece.len() > MAX_SHORT_BYTES {
            let symbols = out.split_off(start);
            return self.merge_long(symbols, out);
        }
        loop {
            let pairs = out[start..].windows(2).enumerate();
            let known = pairs.filter_map(|(i, pair)| Some((*self.merges.get(&(pair[0], pair[1]))?, i)));
            let Some(((_, id), i)) = known.min_by_key(|((rank, _), i)| (*rank, *i)) else { return };
            out[start + i] = id;
            out.remove(start + i + 1);
        }
    }

    /// The same by a heap of pairs, over symbols that know their neighbours.
    fn merge_long(&self, symbols: Vec<u32>, out: &mut Vec<u32>) {
        const GONE: u32 = u32::MAX;
        let count = symbols.len();
        let mut symbols = symbols;
        let mut next: Vec<usize> = (1..=count).collect();
        let mut before: Vec<usize> = (0..count).map(|place| place.wrapping_sub(1)).collect();
        let pair_at = |symbols: &[u32], left: usize, right: usize| {
            let pair = (*symbols.get(left)?, *symbols.get(right)?);
            self.merges.get(&pair).map(|(rank, id)| Reverse((*rank, left, *id)))
        };
        let mut heap: BinaryHeap<_> = (1..count).filter_map(|right| pair_at(&symbols, right - 1, right)).collect();
        while let Some(Reverse((rank, left, id))) = heap.pop() {
            let right = next[left];
            // The pair has changed by a merge meanwhile.
            if symbols[left] == GONE || pair_at(&symbols, left, right) != Some(Reverse((rank, left, id))) {
                continue;
            }
            symbols[left] = id;
            symbols[right] = GONE;
            next[left] = next[right];
            if let Some(place) = before.get_mut(next[left]) {
                *place = left;
            }
            heap.extend(pair_at(&symbols, before[left], left));
            heap.extend(pair_at(&symbols, left, next[left]));
        }
        out.extend(symbols.into_iter().filter(|symbol| *symbol != GONE));
    }
}

impl std::fmt::Debug for Bpe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bpe {{ splitting: {}, merges: {} }}", self.splitting.name(), self.merges.len())
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
pub(super) fn alphabet() -> [char; 256] {
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
