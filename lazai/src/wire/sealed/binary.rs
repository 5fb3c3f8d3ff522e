//! Requests and answers as Binary HTTP (RFC 9292): requests of known length, answers of indeterminate length.

use lazai_core::seal::varint::{put, take};
use thiserror::Error;

use crate::wire::MAX_REQUEST_BYTES;

/// Framing indicators.
const KNOWN_REQUEST: u64 = 0;
const INDETERMINATE_ANSWER: u64 = 3;
/// Requests are padded to a multiple of so many bytes.
const BLOCK: usize = 1 << 10;
/// Largest head of a request or an answer, and most headers in it.
const MAX_HEAD_BYTES: usize = 48 << 10;
const MAX_HEADERS: usize = 64;
/// The end of an answer: of its content, and of its trailers, of which there are none.
pub(super) const END: [u8; 2] = [0, 0];

/// Something that is no request, or no answer, in this format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("binary HTTP: {reason}")]
pub struct NotBinary {
    /// The reason.
    pub reason: &'static str,
}

fn not(reason: &'static str) -> NotBinary {
    NotBinary { reason }
}

/// A request, before it is sealed. Its target is the node that it is sealed to: there is no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRequest {
    /// The method.
    pub method: String,
    /// The path, and the query if there is one.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl SealedRequest {
    /// A request by `POST`.
    #[must_use]
    pub fn post(path: &str, headers: Vec<(String, String)>, body: impl Into<Vec<u8>>) -> Self {
        Self { method: "POST".into(), path: path.into(), headers, body: body.into() }
    }

    /// A request by `GET`.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self { method: "GET".into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// The bytes of it, padded.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        for (name, value) in &self.headers {
            text(&mut fields, name.as_bytes());
            text(&mut fields, value.as_bytes());
        }
        let mut out = Vec::with_capacity(self.body.len() + fields.len() + 2 * BLOCK);
        put(&mut out, KNOWN_REQUEST);
        for part in [&self.method, "https", "", &self.path] {
            text(&mut out, part.as_bytes());
        }
        text(&mut out, &fields);
        text(&mut out, &self.body);
        // No trailers, then padding.
        put(&mut out, 0);
        out.resize(out.len().next_multiple_of(BLOCK), 0);
        out
    }

    /// Reads a request.
    ///
    /// # Errors
    /// [`NotBinary`].
    pub fn parse(bytes: &[u8]) -> Result<Self, NotBinary> {
        let (framing, rest) = take(bytes).ok_or(not("empty"))?;
        if framing != KNOWN_REQUEST {
            return Err(not("not a request of known length"));
        }
        let (method, rest) = string(rest, 16)?;
        let (_scheme, rest) = string(rest, 16)?;
        let (_authority, rest) = string(rest, 512)?;
        let (path, rest) = string(rest, 2_048)?;
        // Empty parts at the end may be left out.
        let (mut fields, rest) = if rest.is_empty() { (rest, rest) } else { slice(rest, MAX_HEAD_BYTES)? };
        let (body, rest) = if rest.is_empty() { (rest, rest) } else { slice(rest, MAX_REQUEST_BYTES)? };
        let (trailers, padding) = if rest.is_empty() { (rest, rest) } else { slice(rest, 0)? };
        if !trailers.is_empty() || padding.iter().any(|byte| *byte != 0) {
            return Err(not("something follows the body"));
        }
        let mut headers = Vec::new();
        while !fields.is_empty() {
            let (name, behind) = string(fields, MAX_HEAD_BYTES)?;
            let (value, behind) = string(behind, MAX_HEAD_BYTES)?;
            if name.is_empty() || headers.len() == MAX_HEADERS {
                return Err(not("too many headers, or one without a name"));
            }
            headers.push((name, value));
            fields = behind;
        }
        Ok(Self { method, path, headers, body: body.to_vec() })
    }
}

fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn slice(bytes: &[u8], most: usize) -> Result<(&[u8], &[u8]), NotBinary> {
    let (length, behind) = take(bytes).ok_or(not("it breaks off"))?;
    let length = usize::try_from(length).ok().filter(|length| *length <= most).ok_or(not("a part is too long"))?;
    behind.split_at_checked(length).ok_or(not("it breaks off"))
}

fn string(bytes: &[u8], most: usize) -> Result<(String, &[u8]), NotBinary> {
    let (text, behind) = slice(bytes, most)?;
    let text = std::str::from_utf8(text).map_err(|_| not("a part of the head is no text"))?;
    Ok((text.to_owned(), behind))
}

/// Status and headers of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerHead {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl AnswerHead {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The head of an answer.
pub(super) fn head<'h>(status: u16, headers: impl IntoIterator<Item = (&'h str, &'h [u8])>) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, INDETERMINATE_ANSWER);
    put(&mut out, status.into());
    for (name, value) in headers {
        text(&mut out, name.as_bytes());
        text(&mut out, value);
    }
    put(&mut out, 0);
    out
}

/// A piece of an answer's content; nothing for nothing, which would be its end.
pub(super) fn content(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 8);
    if !bytes.is_empty() {
        text(&mut out, bytes);
    }
    out
}

/// Reads an answer as it comes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    buffer: Vec<u8>,
    head: Option<AnswerHead>,
    /// What is left of the piece that is read.
    left: u64,
    is_done: bool,
}

impl Reader {
    pub fn head(&self) -> Option<&AnswerHead> {
        self.head.as_ref()
    }

    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// Takes bytes; returns those of the content.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, NotBinary> {
        self.buffer.extend_from_slice(bytes);
        let mut at = 0;
        if self.head.is_none() {
            let Some((head, behind)) = read_head(&self.buffer)? else { return Ok(Vec::new()) };
            at = self.buffer.len().saturating_sub(behind.len());
            self.head = Some(head);
        }
        let mut content = Vec::new();
        while !self.is_done {
            let rest = self.buffer.get(at..).unwrap_or_default();
            if self.left > 0 {
                let taken = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                content.extend_from_slice(rest.get(..taken).unwrap_or_default());
                self.left = self.left.saturating_sub(taken as u64);
                at += taken;
                if self.left > 0 {
                    break;
                }
                continue;
            }
            let Some((length, behind)) = take(rest) else { break };
            at += rest.len().saturating_sub(behind.len());
            (self.left, self.is_done) = (length, length == 0);
        }
        // Behind the content are trailers and padding: nothing of them is read.
        let read = if self.is_done { self.buffer.len() } else { at };
        self.buffer.drain(..read);
        Ok(content)
    }
}

/// The head of an answer, and what is behind it; `None` if more is to come.
fn read_head(bytes: &[u8]) -> Result<Option<(AnswerHead, &[u8])>, NotBinary> {
    let more = |bytes: &[u8]| if bytes.len() > MAX_HEAD_BYTES { Err(not("the head is too long")) } else { Ok(None) };
    let Some((framing, rest)) = take(bytes) else { return Ok(None) };
    if framing != INDETERMINATE_ANSWER {
        return Err(not("not an answer of indeterminate length"));
    }
    let Some((status, mut rest)) = take(rest) else { return Ok(None) };
    let status = u16::try_from(status).ok().filter(|status| (200..600).contains(status)).ok_or(not("no status"))?;
    let mut headers = Vec::new();
    loop {
        match take(rest) {
            None => return more(bytes),
            Some((0, behind)) => return Ok(Some((AnswerHead { status, headers }, behind))),
            Some(_) => {}
        }
        let mut parts = [String::new(), String::new()];
        for part in &mut parts {
            match take(rest) {
                Some((length, behind)) if length > behind.len() as u64 => return more(bytes),
                None => return more(bytes),
                Some(_) => (*part, rest) = string(rest, MAX_HEAD_BYTES)?,
            }
        }
        if headers.len() == MAX_HEADERS {
            return Err(not("too many headers"));
        }
        let [name, value] = parts;
        headers.push((name, value));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        hex::decode(text).unwrap()
    }

    /// The request of RFC 9458, appendix A, whose empty parts are left out.
    #[test]
    fn a_request_of_the_rfc_is_read() {
        let read = SealedRequest::parse(&hex("00034745540568747470730b6578616d706c652e636f6d012f")).unwrap();
        let expected = SealedRequest { method: "GET".into(), path: "/".into(), headers: Vec::new(), body: Vec::new() };
        assert_eq!(read, expected);
    }

    /// The crate of one of the RFC's authors reads what is written here, and is read.
    #[test]
    fn messages_are_those_of_the_authors_crate() {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let request = SealedRequest::post("/v1/x", headers, b"{}".to_vec());
        let read = bhttp::Message::read_bhttp(&mut std::io::Cursor::new(request.to_bytes())).unwrap();
        assert_eq!((read.control().method(), read.control().path()), (Some(&b"POST"[..]), Some(&b"/v1/x"[..])));
        assert_eq!((read.header().get(b"content-type"), read.content()), (Some(&b"application/json"[..]), &b"{}"[..]));
        let mut peer = bhttp::Message::request("POST".into(), "https".into(), "node.example".into(), "/v1/x".into());
        peer.put_header("content-type", "application/json");
        peer.write_content(b"{}");
        let mut bytes = Vec::new();
        peer.write_bhttp(bhttp::Mode::KnownLength, &mut bytes).unwrap();
        assert_eq!(SealedRequest::parse(&bytes), Ok(request));

        let whole = [head(200, [("a", &b"1"[..])]), content(b"one "), content(b"two"), END.to_vec()].concat();
        let read = bhttp::Message::read_bhttp(&mut std::io::Cursor::new(whole)).unwrap();
        assert_eq!(read.control().status().map(bhttp::StatusCode::code), Some(200));
        assert_eq!((read.header().get(b"a"), read.content()), (Some(&b"1"[..]), &b"one two"[..]));
        let mut peer = bhttp::Message::response(bhttp::StatusCode::OK);
        peer.put_header("a", "1");
        peer.write_content(b"one two");
        let mut bytes = Vec::new();
        peer.write_bhttp(bhttp::Mode::IndeterminateLength, &mut bytes).unwrap();
        let mut reader = Reader::default();
        assert_eq!(reader.push(&bytes).unwrap(), b"one two");
        assert_eq!((reader.head().unwrap().header("a"), reader.is_done()), (Some("1"), true));
    }

    #[test]
    fn a_request_is_read_as_it_was_written_and_nothing_else_is_one() {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let request = SealedRequest::post("/v1/x?y=z", headers, vec![9; 3_000]);
        let bytes = request.to_bytes();
        assert_eq!((SealedRequest::parse(&bytes), bytes.len() % BLOCK), (Ok(request.clone()), 0));
        let reason = |bytes: &[u8]| SealedRequest::parse(bytes).unwrap_err().reason;
        assert_eq!(reason(b""), "empty");
        assert_eq!(reason(&[3]), "not a request of known length");
        assert_eq!(reason(&bytes[..200]), "it breaks off");
        let mut padded = bytes;
        *padded.last_mut().unwrap() = 1;
        assert_eq!(reason(&padded), "something follows the body");
        let long = SealedRequest { path: "/".repeat(3_000), ..request.clone() };
        assert_eq!(reason(&long.to_bytes()), "a part is too long");
        let many = SealedRequest { headers: vec![("a".into(), "b".into()); 65], ..request.clone() };
        assert_eq!(reason(&many.to_bytes()), "too many headers, or one without a name");
        let large = SealedRequest { body: vec![0; MAX_REQUEST_BYTES + 1], ..request };
        assert_eq!(reason(&large.to_bytes()), "a part is too long");
    }

    #[test]
    fn an_answer_is_read_in_pieces_of_any_size() {
        let headers = [("a", &b"1"[..]), ("content-type", &b"text/plain"[..])];
        let whole = [head(201, headers), content(b"one "), content(b""), content(&[b'x'; 300]), END.to_vec()].concat();
        for size in [1, 2, 5, 1_000] {
            let (mut reader, mut found) = (Reader::default(), Vec::new());
            for piece in whole.chunks(size) {
                assert!(!reader.is_done() || piece == [0]);
                found.extend(reader.push(piece).unwrap());
            }
            assert_eq!(found, [b"one ".to_vec(), vec![b'x'; 300]].concat());
            let told = reader.head().unwrap();
            assert_eq!((told.status, told.header("content-type"), reader.is_done()), (201, Some("text/plain"), true));
        }
        let refused = |bytes: &[u8]| Reader::default().push(bytes).unwrap_err().reason;
        assert_eq!(refused(&[0]), "not an answer of indeterminate length");
        assert_eq!(refused(&[3, 0x40, 100]), "no status", "informational");
        assert_eq!(refused(&[&[3, 0x40, 200][..], &[b'x'; MAX_HEAD_BYTES]].concat()), "the head is too long");
    }
}
