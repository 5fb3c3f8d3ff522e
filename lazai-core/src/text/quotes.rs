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
    /// True if a backslash stands before quotation marks in cells, as databases write them.
    escapes: bool,
    /// True if the last byte is such a backslash.
    escaped: bool,
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
    pub(super) fn new(separator: u8, escapes: bool) -> Self {
        Self {
            separator,
            escapes,
            escaped: false,
            state: State::Start,
            byte: 0,
            line: 1,
            opened: (0, 1),
            faults: VecDeque::new(),
        }
    }

    /// Follows the next bytes; none at the end of the file.
    pub(super) fn see(&mut self, bytes: &[u8]) {
        if bytes.is_empty() && self.state == State::Quoted {
            self.fault(None);
            self.state = State::Plain;
        }
        for &byte in bytes {
            let is_end = byte == self.separator || byte == b'\n';
            let escaped = std::mem::take(&mut self.escaped);
            self.state = match (self.state, byte) {
                (State::Quoted, _) if escaped => State::Quoted,
                (State::Quoted, b'\\') if self.escapes => {
                    self.escaped = true;
                    State::Quoted
                }
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

/// True if a table's beginning has quotation marks behind a backslash, which end no cell; and none that are doubled.
pub(super) fn are_escaped(head: &[u8], separator: u8) -> bool {
    let ends = |byte: Option<&u8>| byte.is_none_or(|&byte| byte == separator || matches!(byte, b'\r' | b'\n'));
    let behind = |pair: &'static [u8; 2]| {
        head.windows(2).enumerate().filter(move |(_, two)| two == pair).map(|(at, _)| head.get(at + 2))
    };
    let doubled = head.windows(3).any(|three| three[1..] == *b"\"\"" && ![separator, b'\n', b'\\'].contains(&three[0]));
    // The library takes every backslash away: where others stand in cells, the signs stay as they are.
    let other = head.windows(2).any(|two| two[0] == b'\\' && !matches!(two[1], b'"' | b'\\'));
    behind(b"\\\"").any(|next| !ends(next)) && !doubled && !other
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<(u64, Option<u64>)> {
        let mut quotes = Quotes::new(b',', false);
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
    fn databases_write_backslashes() {
        let text = "a,b\n\"say \\\"hi\\\", you\",x\n";
        assert!(are_escaped(text.as_bytes(), b','));
        // The mark that ends a cell behind an escaped one is no doubled mark.
        assert!(are_escaped(b"a,b\n\"say \\\"hi\\\"\",x\n", b','));
        let mut quotes = Quotes::new(b',', true);
        quotes.see(text.as_bytes());
        assert!(quotes.faults.is_empty());
        for text in ["a,b\n\"C:\\\",x\n", "a,b\n\"say \"\"hi\"\" \\\"x\",y\n", "a,b\n1,2\n"] {
            assert!(!are_escaped(text.as_bytes(), b','), "{text}");
        }
    }

    #[test]
    fn what_does_not_is_one() {
        assert_eq!(faults("a,b\n\"Hi\" all,x\n"), [(2, Some(2))]);
        assert_eq!(faults("a,b\n\"Hi,x\ny,\"z\"\n"), [(2, Some(3))]);
        assert_eq!(faults("a,b\n1,2\n3,\"open\n5,6\n"), [(3, None)]);
    }
}
