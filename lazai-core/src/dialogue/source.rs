//! Splitting a file into records without holding it.

use std::io::{BufRead, BufReader, Read};

use super::DialogueError;
use super::read::{Body, MAX_RECORD_BYTES, Raw};
use super::table::{Layout, Table};
use crate::report::{Action, Note};
use crate::text::{self, Utf8, json};

/// A file whose beginning was looked at.
pub(super) type Input<R> = BufReader<Utf8<R>>;

/// The separation of records.
pub(super) enum Kind {
    Lines,
    Values,
    Blocks,
    Table(Box<Layout>),
}

pub(super) enum Source<R> {
    Lines { input: Input<R>, line: u64 },
    Values(Values<R>),
    Blocks(Blocks<R>),
    Table(Box<Table<R>>),
}

/// Tells whether JSON comes as lines or as values that may span lines.
pub(super) fn json_kind(head: &str) -> Kind {
    let first = head.lines().next().unwrap_or_default().trim();
    // A list in each line, or one list of everything.
    let lists = |line: &str| line.starts_with('[') && json::is_list(line);
    if head.lines().count() > 1 && head.lines().filter(|line| !line.trim().is_empty()).take(2).all(lists) {
        return Kind::Lines;
    }
    if first.starts_with('[') || first == "{" {
        return Kind::Values;
    }
    // One broken line does not make lines of something else.
    let lines = !head.contains('\n')
        || first.ends_with('}')
        || first.len() > 4096
        || head.lines().take(64).any(|line| line.starts_with('{') && json::is_object(line));
    if lines { Kind::Lines } else { Kind::Values }
}

impl<R: Read> Source<R> {
    pub(super) fn new(kind: Kind, file: Utf8<R>) -> Result<Self, DialogueError> {
        let input = BufReader::with_capacity(64 << 10, file);
        Ok(match kind {
            Kind::Lines => Self::Lines { input, line: 0 },
            Kind::Values => Self::Values(Values { input, line: 1, in_list: false }),
            Kind::Blocks => Self::Blocks(Blocks { input, line: 0, waiting: None }),
            Kind::Table(layout) => Self::Table(Box::new(Table::new(input, *layout)?)),
        })
    }

    pub(super) fn next_record(&mut self) -> Result<Option<Raw>, DialogueError> {
        match self {
            Self::Lines { input, line } => next_line(input, line),
            Self::Values(values) => values.next_value(),
            Self::Blocks(blocks) => blocks.next_block(),
            Self::Table(table) => table.next_rows(),
        }
    }
}

fn too_large() -> Body {
    Body::Refused(format!("{TOO_LARGE} of {MAX_RECORD_BYTES} bytes"))
}

const TOO_LARGE: &str = "a record exceeds the limit";

/// True if a record was skipped for its size.
pub(super) fn is_too_large(body: &Body) -> bool {
    matches!(body, Body::Refused(reason) if reason.starts_with(TOO_LARGE))
}

/// Reads a line without its end; `None` at the end of the file, `Some(false)` if it was too long and was skipped.
fn read_line(input: &mut impl BufRead, into: &mut Vec<u8>) -> Result<Option<bool>, DialogueError> {
    into.clear();
    let mut fits = true;
    loop {
        let read = input.by_ref().take(MAX_RECORD_BYTES as u64 + 1).read_until(b'\n', into)?;
        if into.last() == Some(&b'\n') {
            into.pop();
            return Ok(Some(fits));
        }
        if read == 0 {
            return Ok((!into.is_empty() || !fits).then_some(fits));
        }
        if into.len() > MAX_RECORD_BYTES {
            fits = false;
            into.clear();
        }
    }
}

fn next_line(input: &mut impl BufRead, line: &mut u64) -> Result<Option<Raw>, DialogueError> {
    let mut bytes = Vec::new();
    while let Some(fits) = read_line(input, &mut bytes)? {
        *line += 1;
        if !fits {
            return Ok(Some(Raw { line: *line, body: too_large() }));
        }
        if !bytes.trim_ascii().is_empty() {
            return Ok(Some(Raw { line: *line, body: Body::Json(bytes) }));
        }
    }
    Ok(None)
}

/// Blocks of text: each up to the next line that begins with `<START>`.
pub(super) struct Blocks<R> {
    input: Input<R>,
    line: u64,
    /// The line that begins the next block, already read.
    waiting: Option<Vec<u8>>,
}

impl<R: Read> Blocks<R> {
    fn next_block(&mut self) -> Result<Option<Raw>, DialogueError> {
        let (mut block, mut notes, mut first) = (String::new(), Vec::new(), None);
        loop {
            let (bytes, fits) = match self.waiting.take() {
                Some(line) => (line, true),
                None => {
                    let mut bytes = Vec::new();
                    let Some(fits) = read_line(&mut self.input, &mut bytes)? else { break };
                    self.line += 1;
                    (bytes, fits)
                }
            };
            let starts = bytes.trim_ascii_start().get(..7).is_some_and(|s| s.eq_ignore_ascii_case(b"<START>"));
            if starts && first.is_some() && !block.trim().is_empty() {
                self.waiting = Some(bytes);
                break;
            }
            if !fits || block.len() + bytes.len() > MAX_RECORD_BYTES {
                return Ok(Some(Raw { line: first.unwrap_or(self.line), body: too_large() }));
            }
            let (content, note) = text::decode_part(&bytes);
            let place = || format!("line {}", self.line);
            notes.extend(note.map(|reason| Note { action: Action::Repaired, place: place(), reason }));
            let content = if starts { content.trim_start().get(7..).unwrap_or_default() } else { &*content };
            if starts || !content.trim().is_empty() {
                first.get_or_insert(self.line);
            }
            block.push_str(content.trim_end_matches('\r'));
            block.push('\n');
        }
        Ok(first.filter(|_| !block.trim().is_empty()).map(|line| Raw { line, body: Body::Block(block, notes) }))
    }
}

/// JSON values: one after another, or as elements of one list.
pub(super) struct Values<R> {
    input: Input<R>,
    line: u64,
    in_list: bool,
}

impl<R: Read> Values<R> {
    fn next_value(&mut self) -> Result<Option<Raw>, DialogueError> {
        let Some(first) = self.skip_separators()? else { return Ok(None) };
        let line = self.line;
        let mut scan = Scan::default();
        let (mut bytes, mut fits) = (Vec::new(), true);
        loop {
            let buffer = self.input.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let taken = scan.take(buffer);
            self.line += buffer[..taken.length].iter().filter(|&&b| b == b'\n').count() as u64;
            if bytes.len() + taken.length <= MAX_RECORD_BYTES {
                bytes.extend_from_slice(&buffer[..taken.length]);
            } else {
                (fits, bytes) = (false, Vec::new());
            }
            self.input.consume(taken.length);
            if taken.done {
                break;
            }
        }
        let body = match (fits, first) {
            (false, _) => too_large(),
            (true, b'{' | b'[') => Body::Json(bytes),
            (true, _) => Body::Refused("expected a JSON object".into()),
        };
        Ok(Some(Raw { line, body }))
    }

    /// The first byte of the next value.
    fn skip_separators(&mut self) -> Result<Option<u8>, DialogueError> {
        loop {
            let Some(&byte) = self.input.fill_buf()?.first() else { return Ok(None) };
            match byte {
                b'\n' => self.line += 1,
                b'[' if !self.in_list => self.in_list = true,
                // The bytes of a byte order mark among them: files that were put one after another have several.
                b' ' | b'\t' | b'\r' | b',' | b']' | b'\0' | 0xEF | 0xBB | 0xBF => {}
                byte => return Ok(Some(byte)),
            }
            self.input.consume(1);
        }
    }
}

/// Finds the end of a JSON value.
#[derive(Default)]
struct Scan {
    depth: usize,
    in_text: bool,
    escaped: bool,
    started: bool,
    /// Within a comment, the byte it began with; and the byte before.
    comment: Option<u8>,
    before: u8,
}

struct Taken {
    length: usize,
    done: bool,
}

impl Scan {
    fn take(&mut self, buffer: &[u8]) -> Taken {
        for (i, &byte) in buffer.iter().enumerate() {
            let nested = self.depth > 0 || self.in_text;
            let before = std::mem::replace(&mut self.before, byte);
            if let Some(kind) = self.comment {
                let ends = if kind == b'/' { byte == b'\n' } else { (before, byte) == (b'*', b'/') };
                if ends {
                    (self.comment, self.before) = (None, 0);
                }
            } else if self.in_text {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_text = false,
                    _ => {}
                }
            } else {
                match byte {
                    b'"' => self.in_text = true,
                    b'/' | b'*' if before == b'/' && nested => (self.comment, self.before) = (Some(byte), 0),
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' if nested => self.depth -= 1,
                    b',' | b']' | b'}' | b'\n' | b' ' if self.started && !nested => {
                        return Taken { length: i, done: true };
                    }
                    _ => {}
                }
            }
            self.started = true;
            if nested && self.depth == 0 && !self.in_text {
                return Taken { length: i + 1, done: true };
            }
        }
        Taken { length: buffer.len(), done: false }
    }
}
