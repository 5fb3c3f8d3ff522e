//! Tables with tabs: quotation marks stand around a cell, or are a part of it.

use std::collections::VecDeque;
use std::io::Read;

use csv::{ByteRecord, Reader};

use super::quotes::Quotes;

/// Most lines of one row whose cells stand in quotation marks.
const MAX_LINES: usize = 256;

/// Takes the quotation marks away that stand around cells. One that begins a cell and ends none is a sign like others, so that it
/// swallows no rows.
#[derive(Debug)]
pub(super) struct Tabs {
    columns: usize,
    /// Lines that were looked at, and are rows of their own; with the empty lines before each.
    ahead: VecDeque<(ByteRecord, usize)>,
}

/// The next record as it is.
pub(super) fn next<R: Read>(reader: &mut Reader<R>) -> csv::Result<Option<ByteRecord>> {
    let mut record = ByteRecord::new();
    Ok(reader.read_byte_record(&mut record)?.then_some(record))
}

impl Tabs {
    pub(super) fn new(columns: usize) -> Self {
        Self { columns, ahead: VecDeque::new() }
    }

    pub(super) fn next<R: Read>(&mut self, reader: &mut Reader<R>) -> csv::Result<Option<ByteRecord>> {
        let Some((record, _)) = self.line(reader)? else { return Ok(None) };
        let row = if record.iter().any(is_open) { self.joined(reader, &record)? } else { None };
        Ok(Some(row.unwrap_or_else(|| unquoted(&record))))
    }

    /// The next line, and how many empty ones the library passed over before it.
    fn line<R: Read>(&mut self, reader: &mut Reader<R>) -> csv::Result<Option<(ByteRecord, usize)>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let before = reader.position().line();
        let record = next(reader)?;
        let passed = reader.position().line().saturating_sub(before + 1);
        Ok(record.map(|record| (record, usize::try_from(passed).unwrap_or(0).min(MAX_LINES))))
    }

    /// A row with tabs or line ends in its cells: up to the first line at whose end all quotation marks are paired, if it has as many
    /// cells as the header then.
    fn joined<R: Read>(&mut self, reader: &mut Reader<R>, record: &ByteRecord) -> csv::Result<Option<ByteRecord>> {
        let (mut raw, mut looked) = (tabbed(record), Vec::new());
        while !is_paired(&raw) && looked.len() < MAX_LINES {
            let Some((next, empty)) = self.line(reader)? else { break };
            raw.extend(std::iter::repeat_n(b'\n', empty + 1));
            raw.extend_from_slice(&tabbed(&next));
            looked.push((next, empty));
        }
        if let Some(mut row) = self.row(&raw).filter(|_| is_paired(&raw)) {
            row.set_position(record.position().cloned());
            return Ok(Some(row));
        }
        looked.into_iter().rev().for_each(|line| self.ahead.push_front(line));
        Ok(None)
    }

    /// Bytes that are one row with the header's number of cells.
    fn row(&self, raw: &[u8]) -> Option<ByteRecord> {
        let mut quotes = Quotes::new(b'\t', false);
        quotes.see(raw);
        if quotes.before(u64::MAX).is_some() {
            return None;
        }
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(b'\t')
            .flexible(true)
            .has_headers(false)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(raw);
        let mut rows = reader.byte_records();
        let row = rows.next()?.ok()?;
        (row.len() == self.columns && rows.next().is_none()).then_some(row)
    }
}

/// A line as it stands in the file.
fn tabbed(record: &ByteRecord) -> Vec<u8> {
    record.iter().collect::<Vec<_>>().join(&b'\t')
}

fn is_paired(raw: &[u8]) -> bool {
    raw.iter().filter(|byte| **byte == b'"').count() % 2 == 0
}

/// True if a cell begins with a quotation mark, and none ends it.
fn is_open(cell: &[u8]) -> bool {
    cell.first() == Some(&b'"') && inside(cell).is_none()
}

/// Returns the text in the quotation marks around a cell. Marks within it are doubled.
fn inside(cell: &[u8]) -> Option<Vec<u8>> {
    let cell = cell.strip_suffix(b"\r").unwrap_or(cell);
    let text = cell.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        if byte == b'"' && rest.next() != Some(&b'"') {
            return None;
        }
        out.push(byte);
    }
    Some(out)
}

fn unquoted(record: &ByteRecord) -> ByteRecord {
    let cells = record.iter().map(|cell| inside(cell).unwrap_or_else(|| cell.to_vec()));
    let mut bare = ByteRecord::from(cells.collect::<Vec<_>>());
    bare.set_position(record.position().cloned());
    bare
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<Vec<String>> {
        let columns = text.lines().next().unwrap().split('\t').count();
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(b'\t')
            .flexible(true)
            .quoting(false)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(text.as_bytes());
        let mut tabs = Tabs::new(columns);
        let read = std::iter::from_fn(|| tabs.next(&mut reader).unwrap());
        let text = |cell: &[u8]| String::from_utf8(cell.to_vec()).unwrap();
        read.map(|record| record.iter().map(text).collect()).collect()
    }

    #[test]
    fn quotation_marks_stand_around_cells() {
        let text = "a\tb\n\"x\"\t\"say \"\"hi\"\"\"\n1\t\"two\nlines\"\n\"u\nv\"\tw\n";
        assert_eq!(rows(text), [["x", "say \"hi\""], ["1", "two\nlines"], ["u\nv", "w"]]);
    }

    #[test]
    fn cells_hold_tabs_and_empty_lines() {
        let text = "a\tb\n\"x\ty\"\tz\n1\t\"two\n\n\nlines\"\n\"p\tq\nr\"\ts\n";
        assert_eq!(rows(text), [["x\ty", "z"], ["1", "two\n\n\nlines"], ["p\tq\nr", "s"]]);
    }

    #[test]
    fn quotation_marks_are_a_part_of_cells() {
        let many: String = (0..300).map(|i| format!("{i}\tx\n")).collect();
        let text = format!("a\tb\n1\t\"Open\n2\t\"Hi\" all\n{many}3\t5\" screen\n\"\t\"\n");
        let read = rows(&text);
        assert_eq!(read.len(), 304);
        assert_eq!(
            (&read[0][1], &read[1][1], &read[302][1]),
            (&"\"Open".into(), &"\"Hi\" all".into(), &"5\" screen".into())
        );
    }
}
