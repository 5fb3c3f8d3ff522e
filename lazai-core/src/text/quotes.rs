//! Quotation marks in tables that do not end where a cell does: the library that reads tables takes them in silence.

use std::collections::VecDeque;

/// A cell that begins with a quotation mark, and does not end with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line where the cell begins, from 1.
    pub opened: u64,
    /// The line where its quotation ends amid the cell; `None` if it never does.
    pub closed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the beginning of a cell.
    Start,
    Plain,
    Quoted,
    /// After a quotation mark in a quoted cell: the cell ends, or another one follows.
    Ending,
}

/// Follows a table as the library reads it, and remembers where quotation marks are at fault.
#[derive(Debug)]
pub(super) struct Quotes {
    separator: u8,
    state: State,
    /// Bytes seen, and lines begun.
    byte: u64,
    line: u64,
    /// The beginning of the quoted cell: byte and line.
    opened: (u64, u64),
    /// With the bytes where their cells begin.
    faults: VecDeque<(u64, Fault)>,
}

impl Quotes {
    pub(super) fn new(separator: u8) -> Self {
        Self { separator, state: State::Start, byte: 0, line: 1, opened: (0, 1), faults: VecDeque::new() }
    }

    /// Follows the next bytes; none at the end of the file.
    pub(super) fn see(&mut self, bytes: &[u8]) {
        if bytes.is_empty() && self.state == State::Quoted {
            self.fault(None);
            self.state = State::Plain;
        }
        for &byte in bytes {
            let is_end = byte == self.separator || byte == b'\n';
            self.state = match (self.state, byte) {
                (State::Start, b'"') => {
                    self.opened = (self.byte, self.line);
                    State::Quoted
                }
                (State::Quoted, b'"') => State::Ending,
                (State::Ending, b'"') | (State::Quoted, _) => State::Quoted,
                // Before the line's end on Windows.
                (State::Ending, b'\r') => State::Ending,
                (State::Ending, _) if !is_end => {
                    self.fault(Some(self.line));
                    State::Plain
                }
                _ if is_end => State::Start,
                _ => State::Plain,
            };
            self.byte += 1;
            self.line += u64::from(byte == b'\n');
        }
    }

    fn fault(&mut self, closed: Option<u64>) {
        let (byte, opened) = self.opened;
        self.faults.push_back((byte, Fault { opened, closed }));
    }

    /// The worst fault of the row that ends before a byte; forgets what lies before it.
    pub(super) fn before(&mut self, end: u64) -> Option<Fault> {
        let mut worst: Option<Fault> = None;
        while let Some((_, fault)) = self.faults.pop_front_if(|(byte, _)| *byte < end) {
            let is_mild = |fault: &Fault| fault.closed == Some(fault.opened);
            if worst.as_ref().is_none_or(is_mild) {
                worst = Some(fault);
            }
        }
        worst
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(u64, Option<u64>)> {
        let mut quotes = Quotes::new(b',');
        // In pieces, as files come.
        text.as_bytes().chunks(3).for_each(|chunk| quotes.see(chunk));
        quotes.see(&[]);
        quotes.faults.iter().map(|(_, fault)| (fault.opened, fault.closed)).collect()
    }

    #[test]
    fn what_ends_where_a_cell_does_is_no_fault() {
        for text in ["a,b\n1,2\n", "\"a\",\"b\"\r\n\"x \"\"y\"\" z\",\"two\nlines\"\r\n", "a,5\" screen\n", "\"\",\"\""]
        {
            assert!(faults(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn what_does_not_is_one() {
        assert_eq!(faults("a,b\n\"Hi\" all,x\n"), [(2, Some(2))]);
        assert_eq!(faults("a,b\n\"Hi,x\ny,\"z\"\n"), [(2, Some(3))]);
        assert_eq!(faults("a,b\n1,2\n3,\"open\n5,6\n"), [(3, None)]);
    }
}
