//! Reading dialogues: detection, the reader, its report.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::conversations::{self, Mark};
use super::detect::detect;
use super::format::{DialogueError, Format, Options};
use super::gather::{self, Gather};
use super::source::{self, Source};
use super::{Dialogue, OneCharacter, Parsed, examples, log, shape, table, whatsapp, wrapped};
use crate::report::{Action, Note, Report};
use crate::text::{self, Utf8};

/// Largest single record (a line, a list element, a row): 16 MiB. Larger ones are skipped and noted.
pub const MAX_RECORD_BYTES: usize = 16 << 20;
/// Largest single conversation of a chat log or table: 64 MiB.
pub(super) const MAX_CONVERSATION_BYTES: usize = 64 << 20;
/// The number of bytes that are looked at to detect a file's format.
const HEAD_BYTES: usize = 64 << 10;
/// The number of broken records allowed before the first good one.
const MAX_BROKEN_AT_START: usize = 64;

/// A record that is split off and not parsed yet: can be sent to another thread.
#[derive(Debug, Clone)]
pub struct Raw {
    /// Its first line, from 1.
    pub line: u64,
    pub(super) body: Body,
}

impl Raw {
    /// Roughly how large it is.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.body {
            Body::Json(bytes) => bytes.len(),
            Body::Log(lines, _) => lines.iter().map(|(_, bytes)| bytes.len()).sum(),
            Body::Block(text, _) | Body::Between(_, text, _) | Body::WhatsApp(text, _) | Body::Refused(text) => {
                text.len()
            }
            Body::Rows(rows) => rows.bytes(),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    /// A JSON value.
    Json(Vec<u8>),
    /// Lines of a chat log with their numbers.
    Log(Vec<(u64, Vec<u8>)>, Option<Note>),
    /// A block of text, with notes on it.
    Block(String, Vec<Note>),
    /// As a block, and who speaks in the file.
    Between(Arc<examples::Cast>, String, Vec<Note>),
    /// The lines of WhatsApp's export.
    WhatsApp(String, Vec<Note>),
    /// A conversation out of a table: line, role, content.
    Rows(table::Rows),
    /// Something that is not a record, and why.
    Refused(String),
}

/// Splits a file into records, in constant memory.
pub struct RawReader<R> {
    source: Source<R>,
    waiting: VecDeque<Raw>,
    /// Messages of the conversations that are not passed on yet.
    gather: Gather<Vec<(u64, Vec<u8>)>>,
    /// The result of reading, once it ended.
    end: Option<Result<(), DialogueError>>,
    /// True if messages were gathered, and not headers alone.
    is_begun: bool,
    format: Format,
    options: Options,
    /// True if records are messages, of which many make one dialogue.
    whole: bool,
    character: Option<String>,
    /// The speakers of blocks.
    cast: Arc<examples::Cast>,
    /// Notes on the file itself.
    notes: Vec<String>,
}

impl<R: Read> RawReader<R> {
    /// Looks at the beginning of a file to tell its format.
    ///
    /// # Errors
    /// [`DialogueError::Empty`], [`DialogueError::UnknownFormat`], [`DialogueError::Io`].
    pub fn new(mut reader: R, options: &Options) -> Result<Self, DialogueError> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        reader.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        let text = text::decode(&head).0.into_owned();
        let (kind, format) = detect(&head, &text, options)?;
        let start = text.trim_start();
        let (file, encoding) = Utf8::new(head, reader).map_err(|encoding| {
            let reason = format!("{encoding}, which this build does not read; expected UTF-8");
            DialogueError::UnknownFormat { reason }
        })?;
        let (source, waiting) = (Source::new(kind, file)?, VecDeque::new());
        let cast = match format {
            Format::Examples => Arc::new(examples::Cast::of(start, options)),
            _ => Arc::default(),
        };
        let options = options.clone();
        let (gather, end) = (Gather::default(), None);
        let mut this = Self {
            source,
            waiting,
            gather,
            end,
            is_begun: false,
            format,
            options,
            whole: false,
            character: None,
            cast,
            notes: encoding.into_iter().collect(),
        };
        if format == Format::Chat {
            this.detect_json()?;
        }
        Ok(this)
    }

    /// The file's format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Name of the character, if the file begins with it.
    #[must_use]
    pub fn character(&self) -> Option<&str> {
        self.character.as_deref()
    }

    /// A note on the file itself.
    #[must_use]
    pub fn note(&self) -> Option<Note> {
        let reason = (!self.notes.is_empty()).then(|| self.notes.join("; "))?;
        Some(Note { action: Action::Repaired, place: "the file".into(), reason })
    }

    /// Looks at the first good records.
    fn detect_json(&mut self) -> Result<(), DialogueError> {
        let mut seen = String::from("no JSON record can be read");
        let mut too_large = None;
        for _ in 0..MAX_BROKEN_AT_START {
            let Some(raw) = self.source.next_record()? else { break };
            let map = match &raw.body {
                // Its notes are made when it is parsed.
                Body::Json(bytes) => shape::object(bytes, "", &mut Parsed::default()).ok(),
                _ => None,
            };
            if source::is_too_large(&raw.body) {
                too_large.get_or_insert(raw.line);
            }
            self.waiting.push_back(raw);
            let Some(mut map) = map else { continue };
            too_large = None;
            if let Some(first) = self.unwrap(&map) {
                map = first;
            }
            if let Some((format, whole)) = shape::format(&map) {
                (self.format, self.whole) = (format, whole);
                self.character = log::character(&map);
                return Ok(());
            }
            let fields: Vec<&str> = map.keys().take(8).map(String::as_str).collect();
            seen = format!("a JSON object with the fields {fields:?}");
        }
        match too_large {
            Some(line) => Err(DialogueError::TooLarge { line, max: MAX_RECORD_BYTES }),
            None => Err(DialogueError::UnknownFormat { reason: seen }),
        }
    }

    /// Puts the records that one object holds in its place, and returns the first of them.
    fn unwrap(&mut self, map: &Map<String, Value>) -> Option<Map<String, Value>> {
        let (field, records) = wrapped::records(map)?;
        let bodies: Vec<Vec<u8>> = records.iter().map(serde_json::to_vec).collect::<Result<_, _>>().ok()?;
        self.waiting.pop_back();
        self.waiting.extend((1..).zip(bodies).map(|(line, bytes)| Raw { line, body: Body::Json(bytes) }));
        self.notes.push(format!("it has its records in the field {field:?}: lines are their numbers"));
        records.first().map(|first| (*first).clone())
    }

    /// The next record, or `None` at the end.
    ///
    /// # Errors
    /// [`DialogueError`]; reading ends there.
    pub fn next_raw(&mut self) -> Result<Option<Raw>, DialogueError> {
        if self.whole {
            return self.next_log();
        }
        let Some(raw) = self.next_waiting()? else { return Ok(None) };
        let body = match raw.body {
            Body::Block(text, notes) if self.format == Format::WhatsApp => Body::WhatsApp(text, notes),
            Body::Block(text, notes) => Body::Between(Arc::clone(&self.cast), text, notes),
            body => body,
        };
        Ok(Some(Raw { line: raw.line, body }))
    }

    fn next_waiting(&mut self) -> Result<Option<Raw>, DialogueError> {
        match self.waiting.pop_front() {
            Some(raw) => Ok(Some(raw)),
            None => self.source.next_record(),
        }
    }

    /// The messages up to the next chat's header, or those of one conversation.
    fn next_log(&mut self) -> Result<Option<Raw>, DialogueError> {
        while self.end.is_none() && self.gather.has_room() {
            let raw = match self.next_waiting() {
                Ok(Some(raw)) => raw,
                ended => {
                    self.end = Some(ended.map(drop));
                    break;
                }
            };
            let bytes = match &raw.body {
                Body::Json(bytes) => bytes.as_slice(),
                Body::Refused(reason) => reason.as_bytes(),
                _ => continue,
            };
            let mark = conversations::mark(bytes);
            let is_header = mark == Some(Mark::Header);
            if is_header && self.is_begun {
                self.waiting.push_front(raw);
                break;
            }
            self.is_begun |= !is_header;
            let open = match mark {
                Some(Mark::Conversation(id)) => {
                    // A header, or messages without an id, begin it.
                    self.gather.name(&id);
                    self.gather.of(&id, bytes.len())
                }
                _ => self.gather.go_on(bytes.len(), |_| false),
            };
            let Some(open) = open else { continue };
            if open.bytes > MAX_CONVERSATION_BYTES {
                self.end = Some(Err(DialogueError::TooLarge { line: raw.line, max: MAX_CONVERSATION_BYTES }));
                break;
            }
            open.rows.push((raw.line, bytes.to_vec()));
        }
        let passed = self.gather.pass();
        self.is_begun &= !self.gather.is_empty();
        match (passed, self.end.clone()) {
            (Some(open), _) => {
                let line = open.rows.first().map_or(1, |(line, _)| *line);
                let reason = open.again.then(|| gather::again(open.id.as_deref()));
                let place = format!("line {line}");
                let note = reason.map(|reason| Note { action: Action::Repaired, place, reason });
                Ok(Some(Raw { line, body: Body::Log(open.rows, note) }))
            }
            (None, Some(Err(error))) => Err(error),
            (None, _) => Ok(None),
        }
    }

    /// Parses a record; needs no access to the file, so many can be parsed at once.
    #[must_use]
    pub fn parse(options: &Options, raw: Raw) -> Parsed {
        let line = raw.line;
        match raw.body {
            Body::Json(bytes) => shape::parse(&bytes, line, options),
            Body::Log(lines, note) => {
                let mut parsed = log::parse(lines, options);
                parsed.notes.splice(..0, note);
                parsed
            }
            Body::Block(text, notes) => examples::parse(&examples::Cast::default(), &text, notes, line, options),
            Body::Between(cast, text, notes) => examples::parse(&cast, &text, notes, line, options),
            Body::WhatsApp(text, notes) => whatsapp::parse(&text, notes, line, options),
            Body::Rows(rows) => rows.parse(line, options),
            Body::Refused(reason) => {
                let mut parsed = Parsed::default();
                parsed.note(Action::Dropped, format!("line {line}"), reason);
                parsed
            }
        }
    }
}

impl<R> std::fmt::Debug for RawReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RawReader {{ format: {:?} }}", self.format)
    }
}

/// Reads the dialogues of a file one by one, in constant memory.
pub struct Reader<R> {
    raw: RawReader<R>,
    report: Report,
    one: OneCharacter,
    failed: bool,
}

impl<R: Read> Reader<R> {
    /// Looks at the beginning of a file to tell its format.
    ///
    /// # Errors
    /// [`DialogueError`].
    pub fn new(reader: R, options: &Options) -> Result<Self, DialogueError> {
        let raw = RawReader::new(reader, options)?;
        let mut report = Report::default();
        raw.note().into_iter().for_each(|note| report.add(note));
        Ok(Self { raw, report, one: OneCharacter::default(), failed: false })
    }

    /// The file's format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.raw.format
    }

    /// Name of the character, if the file begins with it.
    #[must_use]
    pub fn character(&self) -> Option<&str> {
        self.raw.character()
    }

    /// The report so far.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The report.
    #[must_use]
    pub fn into_report(self) -> Report {
        self.report
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Dialogue, DialogueError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.failed {
            match self.raw.next_raw() {
                Ok(None) => return None,
                Ok(Some(raw)) => {
                    let mut parsed = RawReader::<R>::parse(&self.raw.options, raw);
                    self.one.note(&mut parsed).into_iter().for_each(|note| self.report.add(note));
                    parsed.notes.into_iter().for_each(|note| self.report.add(note));
                    if let Some(dialogue) = parsed.dialogue {
                        self.report.kept += 1;
                        return Some(Ok(dialogue));
                    }
                }
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reader {{ format: {:?}, kept: {} }}", self.raw.format, self.report.kept)
    }
}

/// All dialogues of a file in memory, and the report on the rest.
///
/// # Errors
/// [`DialogueError`].
pub fn read_all(bytes: &[u8], options: &Options) -> Result<(Vec<Dialogue>, Report), DialogueError> {
    let mut reader = Reader::new(bytes, options)?;
    let dialogues = reader.by_ref().collect::<Result<_, _>>()?;
    Ok((dialogues, reader.into_report()))
}
