//! Text as phonemes: English, American or British, in the alphabet of the base voice.
//!
//! A text is cut into sentences. Each is normalised (times, dates, money, units, abbreviations), cut into words, tagged with
//! parts of speech, and looked up in two dictionaries; rules say how endings, numbers, function words and stresses sound, and
//! a small net reads unknown words. The rules, and the assets that they need, are those of the Python package `hibari-tts`
//! 0.2.1 (Apache-2.0), itself after misaki and spaCy. `vectors/voice/phonemes.jsonl` holds this module to what the package
//! says.
//!
//! | file | holds | of |
//! |---|---|---|
//! | `lexicon_us_gold.json.gz`, `lexicon_us_silver.json.gz` | dictionaries (`gb` for British) | 0.7 MB each |
//! | `oov.onnx`, `oov.json` | the net for unknown words (`oov_gb` for British) | 3 MB, 0.9 MB |
//! | `tagger.json.gz` | the tagger's weights | 1.2 MB |
//! | `normalize.json`, `tokenizer_exceptions.json`, `vocab.json` | words and signs | 40 kB |
//!
//! In memory they are [`Phonemizer::size`] bytes: 11 MB American, 9 MB British.
//!
//! Nothing here depends on a locale, a clock or the platform. Time and memory are linear in the text's length.
//!
//! # What is not spoken
//!
//! Punctuation without a sound, marks and white space are silent. Other characters that have no sound, such as emojis and
//! letters of scripts that the net does not know, are left out, and [`Reading::unspoken`] counts them.
//!
//! # Where it differs from the package
//!
//! - Words longer than the net's 24 letters are read in parts; the package reads their beginning.
//! - A Roman numeral has at least one letter; the package reads "King Charles" as "King the zerothCharles".
//! - Sums with more than two decimals have a unit; numbers beyond 36 digits are read digit by digit.
//! - No piece is longer than [`MAX_PHONEMES`]; the package leaves a long clause whole.
//! - Parts of a word are looked up up to 32 together; a word has up to 512 characters.
//!
//! # Example
//!
//! ```no_run
//! use lazai_voice::phonemes::Phonemizer;
//!
//! let phonemizer = Phonemizer::open("voices/hibari".as_ref())?;
//! assert_eq!(phonemizer.sentences("Hello there. It is 5:30 pm."), ["həlˈO ðˈɛɹ.", "ˌɪt ɪz fˈIv θˈɜɹTi pˌiˈɛm"]);
//! let ids = phonemizer.ids("həlˈO ðˈɛɹ.");
//! assert_eq!((ids[0], ids.len()), (0, 13));
//! # Ok::<(), lazai_voice::SpeechError>(())
//! ```

mod amounts;
mod classes;
mod lexicon;
mod normalize;
mod numbers;
mod pattern;
mod speak;
mod split;
mod stress;
mod table;
mod tagger;
mod token;
mod tokenize;
mod unknown;
mod words;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use regex::Regex;
use serde::de::DeserializeSeed;

use self::lexicon::Lexicon;
use self::normalize::Normalizer;
use self::table::{Entries, Pronunciation, Table};
use self::tagger::Tagger;
use self::token::Token;
use self::tokenize::Tokenizer;
use self::unknown::Net;
use crate::error::{Result, SpeechError};

/// Most phonemes of a piece: what the base voice speaks at once.
pub const MAX_PHONEMES: usize = 400;
/// Most bytes of an asset, packed and unpacked: 16 MiB.
pub const MAX_ASSET_BYTES: usize = 16 << 20;

/// The English that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Accent {
    /// General American.
    #[default]
    American,
    /// Received Pronunciation.
    British,
}

/// A text as phonemes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// The phonemes of each sentence; a long sentence is several pieces of up to [`MAX_PHONEMES`].
    pub sentences: Vec<String>,
    /// Letters, digits and symbols that have no sound, and how often each was left out.
    pub unspoken: BTreeMap<char, usize>,
}

/// Reads texts as phonemes. It may be shared between threads.
#[derive(Debug)]
pub struct Phonemizer {
    lexicon: Lexicon,
    normalizer: Normalizer,
    tokenizer: Tokenizer,
    tagger: Tagger,
    net: Net,
    /// Phonemes by their characters, in order.
    vocabulary: Vec<(char, u16)>,
    /// Words in brackets before an address: Markdown's links.
    links: Regex,
    /// Letters, digits and signs of a word that no rule knows.
    pieces: Regex,
}

/// Characters that are left out of speech.
#[derive(Debug, Default)]
struct Missed(BTreeMap<char, usize>);

impl Missed {
    fn add(&mut self, c: char) {
        if classes::is_heard(c) {
            *self.0.entry(c).or_default() += 1;
        }
    }
}

impl Phonemizer {
    /// Opens a folder of the package's assets, for American English.
    ///
    /// # Errors
    /// Those of [`Phonemizer::open_as`].
    pub fn open(folder: &Path) -> Result<Self> {
        Self::open_as(folder, Accent::American)
    }

    /// Opens a folder of the package's assets, for an accent.
    ///
    /// # Errors
    /// [`SpeechError::File`] if a file cannot be read, [`SpeechError::TooLarge`] over [`MAX_ASSET_BYTES`],
    /// [`SpeechError::Malformed`] if it is not what it should be.
    pub fn open_as(folder: &Path, accent: Accent) -> Result<Self> {
        Self::read(accent, |name| {
            let path = folder.join(name);
            let file = std::fs::File::open(&path).map_err(SpeechError::file(&path))?;
            let mut bytes = Vec::new();
            file.take(MAX_ASSET_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(SpeechError::file(&path))?;
            Ok(bytes)
        })
    }

    /// Reads the package's assets, whose bytes `file` tells by their names.
    ///
    /// # Errors
    /// Errors of `file`; [`SpeechError::TooLarge`] over [`MAX_ASSET_BYTES`], [`SpeechError::Malformed`] if an asset is not
    /// what it should be.
    pub fn read(accent: Accent, mut file: impl FnMut(&str) -> Result<Vec<u8>>) -> Result<Self> {
        let mut bytes = |name: &str| {
            let bytes = file(name)?;
            within(&bytes)?;
            let Some(_) = name.strip_suffix(".gz") else { return Ok(bytes) };
            let mut unpacked = Vec::with_capacity((bytes.len() * 4).min(MAX_ASSET_BYTES));
            let reader = flate2::bufread::GzDecoder::new(bytes.as_slice());
            reader
                .take(MAX_ASSET_BYTES as u64 + 1)
                .read_to_end(&mut unpacked)
                .map_err(|e| SpeechError::malformed(name, e))?;
            within(&unpacked)?;
            Ok(unpacked)
        };
        let (code, net) = match accent {
            Accent::American => ("us", "oov"),
            Accent::British => ("gb", "oov_gb"),
        };
        let dictionary = |name: &str, json: &[u8]| -> Result<Table> {
            let mut json = serde_json::Deserializer::from_slice(json);
            let table = Entries(Pronunciation).deserialize(&mut json);
            table.and_then(|table| json.end().map(|()| table)).map_err(|e| SpeechError::malformed(name, e))
        };
        let [gold, silver] = ["gold", "silver"].map(|kind| format!("lexicon_{code}_{kind}.json.gz"));
        let vocabulary: BTreeMap<char, u16> =
            serde_json::from_slice(&bytes("vocab.json")?).map_err(|e| SpeechError::malformed("vocab.json", e))?;
        let letter = r"\p{L}\p{Nl}\p{No}";
        let pieces =
            format!(r"[{letter}]+(?:['’][{letter}]+)*|\d+(?:[,.]\d+)*|[^{}{}]+", classes::WORD, classes::SPACE);
        let regex = |pattern: &str| Regex::new(pattern).map_err(|e| SpeechError::malformed("pattern", e));
        Ok(Self {
            lexicon: Lexicon {
                gold: dictionary(&gold, &bytes(&gold)?)?,
                silver: dictionary(&silver, &bytes(&silver)?)?,
                british: accent == Accent::British,
            },
            normalizer: Normalizer::read(&bytes("normalize.json")?)?,
            tokenizer: Tokenizer::read(&bytes("tokenizer_exceptions.json")?)?,
            tagger: Tagger::read(&bytes("tagger.json.gz")?).map_err(|e| SpeechError::malformed("tagger.json", e))?,
            net: Net::read(&bytes(&format!("{net}.onnx"))?, &bytes(&format!("{net}.json"))?)?,
            vocabulary: vocabulary.into_iter().collect(),
            links: regex(r"\[([^\]]+)\]\(([^)]*)\)")?,
            pieces: regex(&pieces)?,
        })
    }

    /// The phonemes of each sentence. A sentence of more than [`MAX_PHONEMES`] is several pieces.
    #[must_use]
    pub fn sentences(&self, text: &str) -> Vec<String> {
        self.reading(text).sentences
    }

    /// The phonemes of each sentence, and what was left out.
    #[must_use]
    pub fn reading(&self, text: &str) -> Reading {
        let (mut sentences, mut missed) = (Vec::new(), Missed::default());
        for sentence in split::sentences(text, |word| self.normalizer.is_title(word)) {
            split::pieces(self.phonemes(sentence, &mut missed), &mut sentences);
        }
        Reading { sentences, unspoken: missed.0 }
    }

    /// The ids of phonemes for the base voice ([`Utterance`](crate::Utterance)), between two zeros. Characters that
    /// the voice does not know are left out.
    #[must_use]
    pub fn ids(&self, phonemes: &str) -> Vec<u32> {
        let mut ids = vec![0];
        ids.extend(phonemes.chars().filter_map(|c| {
            let at = self.vocabulary.binary_search_by_key(&c, |(known, _)| *known).ok()?;
            Some(u32::from(self.vocabulary[at].1))
        }));
        ids.push(0);
        ids
    }

    /// The bytes of the dictionaries, the tagger and the net in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.lexicon.gold.size() + self.lexicon.silver.size() + self.tagger.size() + self.net.size()
    }

    /// The phonemes of a sentence.
    fn phonemes(&self, sentence: &str, missed: &mut Missed) -> String {
        let text = self.normalizer.normalize(sentence, missed);
        let (mut tokens, mut done) = (Vec::new(), 0);
        for link in self.links.captures_iter(&text) {
            let [Some(whole), Some(words), Some(address)] = [0, 1, 2].map(|group| link.get(group)) else { continue };
            self.tokens(&text[done..whole.start()], &mut tokens);
            done = whole.end();
            let space = text[done..].starts_with(classes::is_space);
            let mut token = Token::new(words.as_str(), "NN", space);
            // `[word](/phonemes/)` says how a word is spoken.
            let said = address.as_str().strip_prefix('/').filter(|said| said.ends_with('/'));
            token.phonemes = said.map(|said| said.trim_end_matches('/').to_owned());
            tokens.push(token);
        }
        self.tokens(&text[done..], &mut tokens);
        self.speak(words::words(&tokens, missed), missed)
    }

    fn tokens<'a>(&'a self, text: &str, tokens: &mut Vec<Token<'a>>) {
        let pieces = self.tokenizer.pieces(text);
        let words: Vec<&str> = pieces.iter().map(|(piece, _)| piece.as_str()).collect();
        let tags = self.tagger.tags(&words);
        tokens.extend(pieces.iter().zip(tags).map(|((piece, space), tag)| Token::new(piece.as_str(), tag, *space)));
    }
}

fn within(bytes: &[u8]) -> Result<()> {
    if bytes.len() > MAX_ASSET_BYTES {
        return Err(SpeechError::TooLarge { what: "bytes of an asset", found: bytes.len(), max: MAX_ASSET_BYTES });
    }
    Ok(())
}
