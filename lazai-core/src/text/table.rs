//! Tables: separated by comma, semicolon, tab or bar, with a header line; before it, perhaps Excel's line `sep=;`.

use std::io::{BufRead, Read};

use super::quotes::{Fault, Quotes, are_escaped};
use super::tabs::{Tabs, next};

/// Most bytes of one row: 16 MiB.
pub(crate) const MAX_ROW_BYTES: usize = 16 << 20;

/// The header of a table, as one of the separators has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    separator: u8,
    /// True if a line before it names the separator.
    is_told: bool,
    /// Names of columns, trimmed and in lower case.
    pub names: Vec<String>,
}

impl Header {
    /// The possible headers of a file's beginning: one if the file names its separator, else one for each separator.
    pub(crate) fn all(head: &str) -> Vec<Self> {
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        // Programs that quote every line of a file quote this one, too.
        let (line, separators) = match first.trim().trim_matches('"').split_at_checked(4) {
            // A tab at the end was cut off just now.
            Some((sep, "")) if sep.eq_ignore_ascii_case("sep=") => (lines.next().unwrap_or_default(), vec![b'\t']),
            Some((sep, told)) if sep.eq_ignore_ascii_case("sep=") && told.len() == 1 => {
                (lines.next().unwrap_or_default(), told.bytes().collect())
            }
            _ => (first, vec![b',', b';', b'\t', b'|']),
        };
        let is_told = !std::ptr::eq(line, first);
        let header = |separator| {
            let mut reader =
                csv::ReaderBuilder::new().delimiter(separator).has_headers(false).from_reader(line.as_bytes());
            let names = reader.records().next()?.ok()?;
            let names = names.iter().map(|name| name.trim().to_lowercase()).collect();
            Some(Self { separator, is_told, names })
        };
        separators.into_iter().filter_map(header).collect()
    }

    /// True if bars separate the columns, as in Markdown.
    pub(crate) fn is_barred(&self) -> bool {
        self.separator == b'|'
    }

    /// The first column of some names that is there.
    pub(crate) fn column(&self, wanted: &[&str]) -> Option<usize> {
        self.columns(wanted).first().copied()
    }

    /// All columns of some names, in the order of these.
    pub(crate) fn columns(&self, wanted: &[&str]) -> Vec<usize> {
        let of =
            |wanted| self.names.iter().enumerate().filter(move |(_, name)| *name == wanted).map(|(column, _)| column);
        wanted.iter().flat_map(|wanted| of(*wanted)).collect()
    }

    /// The cells of a row beyond the header's columns: a separator in a cell without quotes moves all after it.
    pub(crate) fn beyond<'r>(&self, row: &'r Row) -> &'r [String] {
        row.fields.get(self.names.len()..).unwrap_or_default()
    }
}

/// Why a table cannot be read on.
#[derive(Debug)]
pub(crate) enum TableError {
    /// A row, and the line where it begins, of more than [`MAX_ROW_BYTES`].
    TooLong {
        line: u64,
    },
    Io(std::io::Error),
    Malformed {
        reason: String,
    },
}

/// A row of a table.
#[derive(Debug)]
pub(crate) struct Row {
    pub line: u64,
    pub fields: Vec<String>,
    /// A note on the way it is written.
    pub note: Option<String>,
    /// Why nothing of it can be believed, if so.
    pub broken: Option<String>,
}

impl Row {
    /// The first of some columns that is filled.
    pub(crate) fn filled(&self, columns: &[usize]) -> Option<(usize, &str)> {
        let field = |column: &usize| Some((*column, self.fields.get(*column)?.as_str()));
        columns.iter().filter_map(field).find(|(_, text)| !text.trim().is_empty())
    }
}

/// Reads the rows of a table, one by one.
pub(crate) struct Rows<R> {
    reader: csv::Reader<Limited<R>>,
    /// Lines before the header.
    before: u64,
    /// Of a table with tabs whose cells may stand in quotation marks.
    tabs: Option<Tabs>,
}

impl<R: BufRead> Rows<R> {
    pub(crate) fn new(mut input: R, header: &Header) -> Result<Self, TableError> {
        if header.is_told {
            input.read_until(b'\n', &mut Vec::new()).map_err(TableError::Io)?;
        }
        // Tables with tabs often have quotation marks in cells, and none around them.
        let quoting = header.separator != b'\t';
        let escapes = quoting && are_escaped(input.fill_buf().map_err(TableError::Io)?, header.separator);
        let quotes = quoting.then(|| Quotes::new(header.separator, escapes));
        let limited = Limited { input, left: MAX_ROW_BYTES, quotes };
        let reader = csv::ReaderBuilder::new()
            .delimiter(header.separator)
            .flexible(true)
            .quoting(quoting)
            .escape(escapes.then_some(b'\\'))
            // With both kinds of line ends taken, the library counts lines of Windows' files one too few.
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(limited);
        // Common Voice's quotation marks never stand around a cell.
        let quoted = !quoting && header.column(&["client_id"]).is_none();
        let columns = header.names.len();
        Ok(Self { reader, before: header.is_told.into(), tabs: quoted.then(|| Tabs::new(columns)) })
    }

    pub(crate) fn next_row(&mut self) -> Result<Option<Row>, TableError> {
        self.reader.get_mut().left = MAX_ROW_BYTES;
        let line = self.reader.position().line() + self.before;
        let read = match &mut self.tabs {
            None => next(&mut self.reader),
            Some(tabs) => tabs.next(&mut self.reader),
        };
        match read {
            Ok(None) => Ok(None),
            Ok(Some(record)) => {
                let line = record.position().map_or(line, |at| at.line() + self.before);
                let mut note = None;
                let mut read = |field| {
                    let (text, reason) = super::decode_part(field);
                    note = note.take().or(reason);
                    text.into_owned()
                };
                let mut fields: Vec<String> = record.iter().map(&mut read).collect();
                if let Some(last) = fields.last_mut().filter(|last| last.ends_with('\r')) {
                    last.pop();
                }
                let end = self.reader.position().byte();
                let fault = self.reader.get_mut().quotes.as_mut().and_then(|quotes| quotes.before(end));
                let (repaired, broken) = fault.map_or((None, None), |fault| told(fault, self.before));
                Ok(Some(Row { line, fields, note: note.or(repaired), broken }))
            }
            Err(error) => match error.into_kind() {
                csv::ErrorKind::Io(e) if e.kind() == std::io::ErrorKind::FileTooLarge => {
                    Err(TableError::TooLong { line })
                }
                csv::ErrorKind::Io(e) => Err(TableError::Io(e)),
                other => Err(TableError::Malformed { reason: format!("{other:?}") }),
            },
        }
    }
}

/// The notes for a fault: within a line, quotation marks that nobody doubled; over lines, rows that ran into one another.
fn told(Fault { opened, closed }: Fault, before: u64) -> (Option<String>, Option<String>) {
    let opened = opened + before;
    match closed.map(|line| line + before) {
        Some(closed) if closed == opened => {
            (Some("quotation marks inside a cell that are not doubled, left out".into()), None)
        }
        Some(closed) => {
            (None, Some(format!("a quotation mark opens in line {opened} and ends amid a cell in line {closed}")))
        }
        None => (None, Some(format!("a quotation mark opens in line {opened} and never ends"))),
    }
}

/// Bounds the bytes of one row: an open quotation mark must not read the rest of the file into memory.
struct Limited<R> {
    input: R,
    left: usize,
    /// Watched if they mean something.
    quotes: Option<Quotes>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        let read = self.input.read(buffer)?;
        self.left = self.left.saturating_sub(read);
        if let Some(quotes) = &mut self.quotes {
            quotes.see(&buffer[..read]);
        }
        Ok(read)
    }
}
