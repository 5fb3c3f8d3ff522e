//! Tables with tabs: quotation marks stand around a cell, or are a part of it.

use std::collections::VecDeque;
use std::io::Read;

use csv::{ByteRecord, Reader};

/// Most lines of one cell in quotation marks.
const MAX_LINES: usize = 64;

/// Takes the quotation marks away that stand around cells. One that begins a cell and ends none is a sign like others, so that it
/// swallows no rows.
#[derive(Debug)]
pub(super) struct Tabs {
    columns: usize,
    /// Lines that were looked at, and are rows of their own.
    ahead: VecDeque<ByteRecord>,
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
        let Some(record) = self.line(reader)? else { return Ok(None) };
        let record = if is_open(record.iter().next_back()) { self.joined(reader, record)? } else { record };
        Ok(Some(unquoted(&record)))
    }

    fn line<R: Read>(&mut self, reader: &mut Reader<R>) -> csv::Result<Option<ByteRecord>> {
        self.ahead.pop_front().map_or_else(|| next(reader), |record| Ok(Some(record)))
    }

    /// A record whose last cell goes on in the next lines, if these end it where the row ends; else the record alone.
    fn joined<R: Read>(&mut self, reader: &mut Reader<R>, record: ByteRecord) -> csv::Result<ByteRecord> {
        let (mut cells, mut looked) = (record.iter().map(<[u8]>::to_vec).collect::<Vec<_>>(), Vec::new());
        while looked.len() < MAX_LINES {
            let Some(next) = self.line(reader)? else { break };
            let mut more = next.iter();
            if let (Some(last), Some(first)) = (cells.last_mut(), more.next()) {
                last.push(b'\n');
                last.extend_from_slice(first);
            }
            cells.extend(more.map(<[u8]>::to_vec));
            looked.push(next);
            if !is_open(cells.last().map(Vec::as_slice)) {
                break;
            }
        }
        if cells.len() == self.columns && !is_open(cells.last().map(Vec::as_slice)) {
            let mut whole = ByteRecord::from(cells);
            whole.set_position(record.position().cloned());
            return Ok(whole);
        }
        looked.into_iter().rev().for_each(|line| self.ahead.push_front(line));
        Ok(record)
    }
}

/// Whether a cell begins with a quotation mark, and none ends it.
fn is_open(cell: Option<&[u8]>) -> bool {
    cell.is_some_and(|cell| cell.first() == Some(&b'"') && inside(cell).is_none())
}

/// What stands in the quotation marks around a cell; those in it are doubled.
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
