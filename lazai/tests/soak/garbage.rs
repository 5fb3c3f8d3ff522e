//! What is no request: random bytes, broken JSON, headers and bodies that are too large. None of it is served, and none
//! of it makes the node fail.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use lazai::wire::{MAX_REQUEST_BYTES, payment, talk};

use super::client::Client;
use super::dice::Dice;
use super::line;

/// Sends some.
pub fn send(client: &mut Client) {
    match client.dice.below(4) {
        0 => client.forge(),
        1 => bytes(client),
        2 => bodies(client),
        _ => oversized(client),
    }
}

fn random(dice: &mut Dice, most: u64) -> Vec<u8> {
    (0..dice.below(most)).map(|_| dice.below(256) as u8).collect()
}

/// Bytes that are no HTTP, or nearly.
fn bytes(client: &mut Client) {
    let noise = random(&mut client.dice, 4_096);
    let long = format!("GET /health HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(1 << 20)).into_bytes();
    let many = format!("GET /health HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(500)).into_bytes();
    let twice =
        b"POST /v1/lazai/vouchers HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello".to_vec();
    let smuggled =
        b"POST /v1/lazai/vouchers HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n\r\n".to_vec();
    let cases =
        [noise, long, many, twice, smuggled, b"GET\r\n\r\n".to_vec(), vec![0; 64], b"\x16\x03\x01\x02\x00".to_vec()];
    for case in cases {
        let Ok(mut line) = line::open(client.port()) else { continue };
        let _ = line.set_read_timeout(Some(Duration::from_millis(400)));
        let _ = line.write_all(&case);
        let mut answer = [0; 64];
        let count = line.read(&mut answer).unwrap_or(0);
        let status = String::from_utf8_lossy(&answer[..count]).split(' ').nth(1).unwrap_or("nothing").to_owned();
        judge(client, "bytes", &status);
    }
}

/// HTTP with something else in it than was agreed.
fn bodies(client: &mut Client) {
    let request = client.question("");
    let (name, header, good) = talk::chat(&request);
    let noise = random(&mut client.dice, 4_096);
    let deep = format!("{{\"messages\": {}", "[".repeat(100_000)).into_bytes();
    let chat = "/v1/chat/completions";
    let cases: [(&str, Option<String>, Vec<u8>); 9] = [
        (chat, None, noise.clone()),
        (chat, None, deep),
        (chat, None, b"{\"model\": \"dat:1:1\", \"messages\": [{\"role\": \"user\"".to_vec()),
        (chat, Some("!".into()), good.clone().into_bytes()),
        (chat, Some("A".repeat(payment::MAX_HEADER_BYTES + 4)), good.clone().into_bytes()),
        // Signed for other words.
        (chat, Some(header), good.replace("question", "answer").into_bytes()),
        ("/v1/lazai/vouchers", None, noise.clone()),
        ("/v1/lazai/reports", None, noise),
        ("/v1/lazai/vouchers", None, b"{}".to_vec()),
    ];
    for (path, header, body) in cases {
        let headers: Vec<_> = header.into_iter().map(|header| (name, header)).collect();
        let answer = line::call(client.port(), "POST", path, &headers, &body);
        let status = answer.map_or("nothing".to_owned(), |answer| answer.status.to_string());
        judge(client, "bodies", &status);
    }
}

/// More than is read.
fn oversized(client: &mut Client) {
    for bytes in [MAX_REQUEST_BYTES + 1, 3 * MAX_REQUEST_BYTES, 12 * MAX_REQUEST_BYTES] {
        let answer = line::call(client.port(), "POST", "/v1/chat/completions", &[], &vec![b'x'; bytes]);
        // Where far too much comes the line is closed, and the answer may be lost with it.
        let status = answer.map_or("nothing".to_owned(), |answer| answer.status.to_string());
        judge(client, "oversized", &status);
    }
}

fn judge(client: &Client, what: &str, status: &str) {
    client.count(format!("garbage ({what}): {status}"));
    if status.starts_with('2') || status == "500" {
        client.fault(format!("garbage ({what}) is answered with {status}"));
    }
}
