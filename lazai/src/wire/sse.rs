//! Reading server-sent events: sans I/O.
//!
//! Source: the HTML standard, section "Server-sent events". Only `data` matters here.

use super::MAX_ANSWER_BYTES;

/// A stream that is no stream of events, or too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stream of events of more than {most} bytes")]
pub(super) struct TooLong {
    most: usize,
}

/// Parses server-sent events from bytes as they come.
#[derive(Debug)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Option<String>,
    read: usize,
    after_return: bool,
    most: usize,
}

impl Default for Events {
    fn default() -> Self {
        Self::with_limit(MAX_ANSWER_BYTES)
    }
}

impl Events {
    /// Events of at most so many bytes in all.
    pub fn with_limit(most: usize) -> Self {
        Self { line: Vec::new(), data: None, read: 0, after_return: false, most }
    }

    /// Takes bytes; returns the data of every event that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        self.read = self.read.saturating_add(bytes.len());
        if self.read > self.most {
            return Err(TooLong { most: self.most });
        }
        let mut events = Vec::new();
        for &byte in bytes {
            // Lines end with a return, a newline, or both.
            let second = std::mem::replace(&mut self.after_return, byte == b'\r') && byte == b'\n';
            match byte {
                _ if second => {}
                b'\r' | b'\n' => events.extend(self.end_line()),
                _ => self.line.push(byte),
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            return self.data.take();
        }
        let line = String::from_utf8_lossy(&line);
        let value = line.strip_prefix("data:")?;
        let value = value.strip_prefix(' ').unwrap_or(value);
        match &mut self.data {
            Some(data) => {
                data.push('\n');
                data.push_str(value);
            }
            none => *none = Some(value.to_owned()),
        }
        None
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let stream = "\u{feff}: hello\r\ndata: {\"a\":\"ä\"}\r\n\r\nevent: x\ndata:b\ndata: c\n\ndata: [DONE]\r\r";
        let whole = Events::default().push(stream.as_bytes()).unwrap();
        assert_eq!(whole, ["{\"a\":\"ä\"}", "b\nc", "[DONE]"]);
        for size in 1..7 {
            let mut events = Events::default();
            let cut: Vec<_> = stream.as_bytes().chunks(size).flat_map(|c| events.push(c).unwrap()).collect();
            assert_eq!(cut, whole);
        }
    }

    #[test]
    fn a_stream_without_end_is_refused() {
        let mut events = Events::default();
        let chunk = vec![b'x'; 1 << 20];
        let pushed = (0..9).map(|_| events.push(&chunk)).collect::<Result<Vec<_>, _>>();
        assert_eq!(pushed, Err(TooLong { most: MAX_ANSWER_BYTES }));
    }
}
