//! Tables: comma, semicolon or tab separated, with a header line.

use std::io::Read;

use super::format::Options;
use super::read::{Body, MAX_CONVERSATION_BYTES, MAX_RECORD_BYTES, Parsed, Raw};
use super::shape::{PROMPTS, RESPONSES, role};
use super::source::Input;
use super::{DialogueError, Message};
use crate::report::{Action, excerpt};

/// Which column holds what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    delimiter: u8,
    content: Content,
    id: Option<usize>,
    contributor: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    /// A dialogue in each row.
    Pair { prompt: usize, input: Option<usize>, response: usize, system: Option<usize> },
    /// A message in each row; rows of one id follow one another.
    Message { role: usize, text: usize },
}

/// Reads a header line.
pub(super) fn layout(head: &str) -> Option<Layout> {
    let header = head.lines().next()?;
    [b',', b';', b'\t'].into_iter().find_map(|delimiter| {
        let mut reader =
            csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(header.as_bytes());
        let names = reader.records().next()?.ok()?;
        let names: Vec<String> = names.iter().map(|n| n.trim().to_ascii_lowercase()).collect();
        let column = |wanted: &[&str]| wanted.iter().find_map(|w| names.iter().position(|name| name == w));
        let message = (column(&["role", "speaker", "from"]), column(&["content", "message", "text", "value"]));
        let content = match message {
            (Some(role), Some(text)) => Content::Message { role, text },
            _ => {
                let (prompt, response) = (column(&PROMPTS)?, column(&RESPONSES)?);
                let input = column(&["input"]).filter(|&input| input != prompt);
                Content::Pair { prompt, input, response, system: column(&["system", "system_prompt"]) }
            }
        };
        let id = column(&["id", "conversation_id", "dialogue", "dialogue_id", "conversation"]);
        Some(Layout { delimiter, content, id, contributor: column(&["contributor", "author"]) })
    })
}

/// Counts what one record takes: an open quotation mark must not read the rest of the file into memory.
struct Limited<R> {
    input: R,
    left: usize,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        let read = self.input.read(buffer)?;
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

pub(super) struct Table<R> {
    reader: csv::Reader<Limited<Input<R>>>,
    layout: Layout,
    /// The first row of the next conversation, already read.
    waiting: Option<Row>,
}

struct Row {
    line: u64,
    fields: Vec<String>,
}

/// A conversation out of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    id: Option<String>,
    contributor: Option<String>,
    said: Vec<(u64, String, String)>,
    /// Rows that lack a column.
    short: Vec<u64>,
}

impl<R: Read> Table<R> {
    pub(super) fn new(input: Input<R>, layout: Layout) -> Self {
        let limited = Limited { input, left: MAX_RECORD_BYTES };
        let reader = csv::ReaderBuilder::new().delimiter(layout.delimiter).flexible(true).from_reader(limited);
        Self { reader, layout, waiting: None }
    }

    fn next_row(&mut self) -> Result<Option<Row>, DialogueError> {
        self.reader.get_mut().left = MAX_RECORD_BYTES;
        let mut record = csv::ByteRecord::new();
        let line = self.reader.position().line();
        match self.reader.read_byte_record(&mut record) {
            Ok(false) => Ok(None),
            Ok(true) => {
                let line = record.position().map_or(line, csv::Position::line);
                let fields = record.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect();
                Ok(Some(Row { line, fields }))
            }
            Err(error) => match error.kind() {
                csv::ErrorKind::Io(e) if e.kind() == std::io::ErrorKind::FileTooLarge => {
                    Err(DialogueError::TooLarge { line, max: MAX_RECORD_BYTES })
                }
                _ => Err(DialogueError::Io { reason: error.to_string() }),
            },
        }
    }

    /// The rows of the next conversation.
    pub(super) fn next_rows(&mut self) -> Result<Option<Raw>, DialogueError> {
        let first = match self.waiting.take() {
            Some(row) => row,
            None => match self.next_row()? {
                Some(row) => row,
                None => return Ok(None),
            },
        };
        let line = first.line;
        let column = |column: Option<usize>, row: &Row| column.and_then(|c| row.fields.get(c).cloned());
        let mut rows = Rows {
            id: column(self.layout.id, &first).filter(|id| !id.is_empty()),
            contributor: column(self.layout.contributor, &first).filter(|c| !c.is_empty()),
            ..Rows::default()
        };
        rows.add(first, &self.layout.content);
        let mut bytes = 0;
        while matches!(self.layout.content, Content::Message { .. }) {
            let Some(row) = self.next_row()? else { break };
            if column(self.layout.id, &row).filter(|id| !id.is_empty()) != rows.id {
                self.waiting = Some(row);
                break;
            }
            bytes += row.fields.iter().map(String::len).sum::<usize>();
            if bytes > MAX_CONVERSATION_BYTES {
                return Err(DialogueError::TooLarge { line: row.line, max: MAX_CONVERSATION_BYTES });
            }
            rows.add(row, &self.layout.content);
        }
        Ok(Some(Raw { line, body: Body::Rows(rows) }))
    }
}

impl Rows {
    fn add(&mut self, mut row: Row, content: &Content) {
        let line = row.line;
        let mut take = |column: usize| row.fields.get_mut(column).map(std::mem::take);
        match *content {
            Content::Message { role, text } => match (take(role), take(text)) {
                (Some(role), Some(text)) => self.said.push((line, role, text)),
                _ => self.short.push(line),
            },
            Content::Pair { prompt, input, response, system } => match (take(prompt), take(response)) {
                (Some(prompt), Some(response)) => {
                    if let Some(system) = system.and_then(&mut take).filter(|s| !s.trim().is_empty()) {
                        self.said.push((line, "system".into(), system));
                    }
                    let input = input.and_then(take).filter(|i| !i.trim().is_empty());
                    let prompt = input.map_or(prompt.clone(), |input| format!("{prompt}\n\n{input}"));
                    self.said.push((line, "user".into(), prompt));
                    self.said.push((line, "assistant".into(), response));
                }
                _ => self.short.push(line),
            },
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.said.iter().map(|(_, role, text)| role.len() + text.len()).sum()
    }

    pub(super) fn parse(self, line: u64, options: &Options) -> Parsed {
        let mut parsed = Parsed::default();
        for line in self.short {
            parsed.note(Action::Dropped, format!("line {line}"), "the row lacks a column");
        }
        let mut said = Vec::with_capacity(self.said.len());
        for (line, name, text) in self.said {
            let place = format!("line {line}");
            match role(&name, options) {
                Some(role) => said.push((place, Message { role, content: text })),
                None => parsed.note(Action::Dropped, place, format!("role {:?} is nobody's here", excerpt(&name, 40))),
            }
        }
        if said.is_empty() {
            return parsed;
        }
        let contributor = self.contributor.unwrap_or_else(|| options.contributor.clone());
        parsed.finish(self.id.unwrap_or_else(|| format!("line-{line}")), &contributor, line, said)
    }
}
