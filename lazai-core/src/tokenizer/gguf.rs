//! The tokenizer part of a GGUF file: the metadata before the weights, read in one pass.
//!
//! Source: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>, versions 1 to 3, little-endian.

use std::io::{ErrorKind, Read};

use super::{Kind, MAX_BYTES, MAX_TOKENS, Parts, Result, TokenizerError, Vocabulary};

/// Most entries of a header.
const MAX_ENTRIES: u64 = 1 << 16;
/// Longest key.
const MAX_KEY_BYTES: u64 = 1 << 16;
/// The most levels of arrays in arrays.
const MAX_DEPTH: u32 = 4;

/// The fields of a header that are kept.
#[derive(Default)]
struct Header {
    model: Option<String>,
    pre: Option<String>,
    template: Option<String>,
    tokens: Option<Vec<String>>,
    merges: Option<Vec<String>>,
    kinds: Option<Vec<Kind>>,
    bos: Option<u64>,
    eos: Option<u64>,
}

pub(super) fn read(reader: impl Read) -> Result<Parts> {
    let mut source = Source { reader, bytes: 0, version: 3 };
    if source.array()? != *b"GGUF" {
        return Err(TokenizerError::malformed("GGUF file", "begins with something else"));
    }
    source.version = source.u32()?;
    if !(1..=3).contains(&source.version) {
        let found = source.version.to_string();
        return Err(TokenizerError::Unsupported { what: "version of GGUF", found, known: "1, 2, 3" });
    }
    let _tensors = source.length()?;
    let entries = source.length()?;
    if entries > MAX_ENTRIES {
        return Err(TokenizerError::too_large("GGUF header", MAX_ENTRIES as usize));
    }
    let mut header = Header::default();
    for _ in 0..entries {
        let key = source.text(MAX_KEY_BYTES)?;
        let kind = source.u32()?;
        header.take(&mut source, &key, kind)?;
    }
    header.parts()
}

impl Header {
    fn take<R: Read>(&mut self, source: &mut Source<R>, key: &str, kind: u32) -> Result<()> {
        match key {
            "tokenizer.ggml.model" => self.model = Some(source.text_of(key, kind)?),
            "tokenizer.ggml.pre" => self.pre = Some(source.text_of(key, kind)?),
            "tokenizer.chat_template" => self.template = Some(source.text_of(key, kind)?),
            "tokenizer.ggml.tokens" => self.tokens = Some(source.list_of(key, kind, STRING, Source::any_text)?),
            "tokenizer.ggml.merges" => self.merges = Some(source.list_of(key, kind, STRING, Source::any_text)?),
            "tokenizer.ggml.token_type" => {
                let kind_of = |source: &mut Source<R>| Ok(Kind(i64::from(i32::from_le_bytes(source.array()?))));
                self.kinds = Some(source.list_of(key, kind, INT32, kind_of)?);
            }
            "tokenizer.ggml.bos_token_id" => self.bos = source.unsigned(kind)?,
            "tokenizer.ggml.eos_token_id" => self.eos = source.unsigned(kind)?,
            _ => source.skip(kind, 0)?,
        }
        Ok(())
    }

    fn parts(self) -> Result<Parts> {
        let missing = |key: &str| TokenizerError::malformed(named(key), "missing");
        let model = self.model.ok_or_else(|| missing("tokenizer.ggml.model"))?;
        if model != "gpt2" {
            let found = model.chars().take(80).collect();
            return Err(TokenizerError::Unsupported { what: "tokenizer.ggml.model", found, known: "gpt2" });
        }
        let vocabulary = Vocabulary::new(
            self.pre.ok_or_else(|| missing("tokenizer.ggml.pre"))?,
            self.tokens.ok_or_else(|| missing("tokenizer.ggml.tokens"))?,
            self.merges.ok_or_else(|| missing("tokenizer.ggml.merges"))?,
            self.kinds.ok_or_else(|| missing("tokenizer.ggml.token_type"))?,
        )?;
        let id =
            |id: Option<u64>| id.and_then(|id| u32::try_from(id).ok()).filter(|id| vocabulary.token(*id).is_some());
        let eos = id(self.eos).ok_or_else(|| wrong("tokenizer.ggml.eos_token_id", "a token id"))?;
        let bos = id(self.bos);
        let template = self.template.ok_or_else(|| missing("tokenizer.chat_template"))?;
        Ok(Parts { vocabulary, template, bos, eos })
    }
}

fn named(key: &str) -> String {
    format!("GGUF metadata {key:?}")
}

fn wrong(key: &str, expected: &str) -> TokenizerError {
    TokenizerError::malformed(named(key), format!("expected {expected}"))
}

const INT32: u32 = 5;
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// Bytes of a value of a kind, if all such have as many.
fn width(kind: u32) -> Option<u64> {
    match kind {
        // Integers of 8 bits, and booleans.
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

struct Source<R> {
    reader: R,
    bytes: u64,
    version: u32,
}

impl<R: Read> Source<R> {
    /// Counts bytes before they are read.
    fn reserve(&mut self, bytes: u64) -> Result<()> {
        let total = self.bytes.checked_add(bytes).filter(|total| *total <= MAX_BYTES as u64);
        self.bytes = total.ok_or_else(|| TokenizerError::too_large("GGUF header", MAX_BYTES))?;
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> TokenizerError {
        match error.kind() {
            ErrorKind::UnexpectedEof => TokenizerError::Incomplete { bytes: self.bytes },
            _ => TokenizerError::malformed("GGUF header", error),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.reserve(N as u64)?;
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).map_err(|e| self.failed(&e))?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn length(&mut self) -> Result<u64> {
        if self.version == 1 { Ok(self.u32()?.into()) } else { Ok(u64::from_le_bytes(self.array()?)) }
    }

    fn text(&mut self, max: u64) -> Result<String> {
        let length = self.length()?;
        if length > max {
            return Err(TokenizerError::too_large("text in a GGUF header", max as usize));
        }
        self.reserve(length)?;
        // Grows as bytes come, whatever length is claimed.
        let mut bytes = Vec::new();
        let read = (&mut self.reader).take(length).read_to_end(&mut bytes).map_err(|e| self.failed(&e))?;
        if (read as u64) < length {
            return Err(TokenizerError::Incomplete { bytes: self.bytes });
        }
        String::from_utf8(bytes).map_err(|e| TokenizerError::malformed("text in a GGUF header", e))
    }

    fn any_text(&mut self) -> Result<String> {
        self.text(MAX_BYTES as u64)
    }

    fn text_of(&mut self, key: &str, kind: u32) -> Result<String> {
        if kind == STRING { self.any_text() } else { Err(wrong(key, "a string")) }
    }

    fn list_of<T>(
        &mut self,
        key: &str,
        kind: u32,
        of: u32,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        if kind != ARRAY || self.u32()? != of {
            return Err(wrong(key, "an array of its kind"));
        }
        let length = self.length()?;
        if length > MAX_TOKENS as u64 {
            return Err(TokenizerError::too_large(named(key), MAX_TOKENS));
        }
        let mut list = Vec::new();
        for _ in 0..length {
            list.push(item(self)?);
        }
        Ok(list)
    }

    /// An unsigned number; none for a value of another kind.
    fn unsigned(&mut self, kind: u32) -> Result<Option<u64>> {
        Ok(match kind {
            0 | 7 => Some(self.array::<1>()?[0].into()),
            2 => Some(u16::from_le_bytes(self.array()?).into()),
            4 => Some(self.u32()?.into()),
            10 => Some(u64::from_le_bytes(self.array()?)),
            _ => {
                self.skip(kind, 0)?;
                None
            }
        })
    }

    fn pass(&mut self, bytes: u64) -> Result<()> {
        self.reserve(bytes)?;
        let passed = std::io::copy(&mut (&mut self.reader).take(bytes), &mut std::io::sink());
        let passed = passed.map_err(|e| self.failed(&e))?;
        if passed < bytes { Err(TokenizerError::Incomplete { bytes: self.bytes }) } else { Ok(()) }
    }

    fn skip(&mut self, kind: u32, depth: u32) -> Result<()> {
        if let Some(width) = width(kind) {
            return self.pass(width);
        }
        match kind {
            STRING => {
                let length = self.length()?;
                self.pass(length)
            }
            ARRAY if depth < MAX_DEPTH => {
                let of = self.u32()?;
                let length = self.length()?;
                match width(of) {
                    Some(width) => self.pass(length.saturating_mul(width)),
                    // Each has a length of its own, so that the whole is bounded by its bytes.
                    None => (0..length).try_for_each(|_| self.skip(of, depth + 1)),
                }
            }
            _ => Err(TokenizerError::malformed("GGUF header", format!("a value of kind {kind}"))),
        }
    }
}
