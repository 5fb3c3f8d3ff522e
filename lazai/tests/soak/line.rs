//! HTTP by hand, for clients that do what no library would. Requests are of HTTP/1.0: the body of an answer then ends
//! with the line.

use std::io::{Error, Read as _, Result, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use lazai::node::{ChatReply, ChatRequest};
use lazai::wire::talk::{self, ReplyReader};
use serde_json::Value;

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(60);
/// Most bytes of an answer.
const MAX_BYTES: usize = 16 << 20;

/// What came back for a request.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    /// The code of a refusal.
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["error"]["code"].as_str().unwrap_or("no code").to_owned()
    }
}

pub fn open(port: u16) -> Result<TcpStream> {
    let line = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    line.set_read_timeout(Some(ANSWER))?;
    line.set_write_timeout(Some(ANSWER))?;
    Ok(line)
}

/// The head of a request.
pub fn head(method: &str, path: &str, headers: &[(&str, String)], bytes: usize) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{method} {path} HTTP/1.0\r\nhost: soak\r\n{headers}content-length: {bytes}\r\n\r\n")
}

/// Reads an answer, its body piece by piece for as long as `go_on` says.
pub fn read(line: &mut TcpStream, go_on: &mut dyn FnMut(u16, &[u8]) -> bool) -> Result<Answer> {
    let (mut bytes, mut buffer, mut status) = (Vec::new(), [0; 16 << 10], 0);
    loop {
        let count = line.read(&mut buffer)?;
        if count == 0 {
            let bad = || Error::other("the line broke in the head");
            return if status == 0 { Err(bad()) } else { Ok(Answer { status, body: bytes }) };
        }
        let before = bytes.len();
        bytes.extend_from_slice(&buffer[..count]);
        let mut new = before;
        if status == 0 {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(|| Error::other(head))?;
            bytes.drain(..end + 4);
            new = 0;
        }
        if !go_on(status, &bytes[new..]) || bytes.len() > MAX_BYTES {
            return Ok(Answer { status, body: bytes });
        }
    }
}

/// Sends a request and reads the answer.
pub fn call(port: u16, method: &str, path: &str, headers: &[(&str, String)], body: &[u8]) -> Result<Answer> {
    let mut line = open(port)?;
    line.write_all(head(method, path, headers, body.len()).as_bytes())?;
    line.write_all(body)?;
    read(&mut line, &mut |_, _| true)
}

/// True if the node says that it is well.
pub fn health(port: u16) -> Result<()> {
    let answer = call(port, "GET", "/health", &[], b"")?;
    if answer.status == 200 { Ok(()) } else { Err(Error::other(format!("health is {}", answer.status))) }
}

/// What became of a question.
pub struct Said {
    /// What was heard, whatever came after.
    pub heard: String,
    /// The reply, or why there is none: the code of a refusal, or that the line broke.
    pub reply: std::result::Result<ChatReply, String>,
}

/// Sends a question.
pub fn ask(port: u16, request: &ChatRequest) -> Result<TcpStream> {
    let (name, header, body) = talk::chat(request);
    let mut line = open(port)?;
    line.write_all(head("POST", "/v1/chat/completions", &[(name, header)], body.len()).as_bytes())?;
    line.write_all(body.as_bytes())?;
    Ok(line)
}

/// Listens to a reply, for at most so many pieces.
pub fn listen(line: &mut TcpStream, most: usize) -> Said {
    let (mut reader, mut heard, mut pieces, mut broke) = (ReplyReader::default(), String::new(), 0, None);
    let mut take = |status: u16, bytes: &[u8]| {
        if status != 200 {
            return true;
        }
        match reader.push(bytes) {
            Ok(said) => {
                pieces += said.len();
                heard.extend(said);
            }
            Err(error) => broke = Some(error.code().to_owned()),
        }
        broke.is_none() && pieces < most && !reader.is_done()
    };
    let answer = read(line, &mut take);
    let reply = match answer {
        _ if broke.is_some() => Err(broke.unwrap_or_default()),
        Err(error) => Err(format!("broke: {error}")),
        Ok(answer) if answer.status != 200 => Err(answer.code()),
        Ok(_) => reader.finish().map_err(|error| format!("broke: {error}")),
    };
    Said { heard, reply }
}
