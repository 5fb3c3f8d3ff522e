//! `pay`, at a server that speaks x402 (version 1, whose prices stand in the body).
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use lazai_facade::LocalKey;
use serde_json::{Value, json};

const ASSET: &str = "0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const PAYEE: &str = "0xbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// A server that sells a report for seventy units; it ends with the test's process.
fn shop() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/report", listener.local_addr().unwrap());
    std::thread::spawn(move || listener.incoming().for_each(|stream| attend(&stream.unwrap())));
    url
}

fn attend(mut stream: &TcpStream) {
    let mut paid = false;
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        paid |= line.to_ascii_lowercase().starts_with("x-payment: ");
        if line.is_empty() {
            break;
        }
    }
    let price = json!({"scheme": "exact", "network": "base-sepolia", "maxAmountRequired": "70", "asset": ASSET, "payTo": PAYEE,
        "resource": "/report", "description": "", "maxTimeoutSeconds": 60, "extra": {"name": "USDC", "version": "2"}});
    let unpaid = json!({"x402Version": 1, "error": "X-PAYMENT header is required", "accepts": [price]}).to_string();
    let (status, body) = if paid { (200, "a report") } else { (402, &*unpaid) };
    let head = format!("HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).unwrap();
}

/// Runs `pay` in a folder with a keystore; gives the exit code and what it says.
fn pay(home: &Path, url: &str, more: &[&str]) -> (u8, Value) {
    let path = |name: &str| home.join(name).display().to_string();
    let keys = ["--keystore".to_owned(), path("key"), "--password-file".into(), path("password")];
    let usual = ["lazai", "--json", "pay", url, "--network", "eip155:84532", "--asset", ASSET].map(String::from);
    let more = more.iter().map(|arg| arg.replace("HOME", &home.display().to_string()));
    let mut out = Vec::new();
    let args = usual.into_iter().chain(keys).chain(more).map(Into::into);
    let code = lazai_cli::run(args, Box::new(std::io::empty()), &mut out);
    (code, serde_json::from_slice(&out).unwrap())
}

#[test]
fn a_report_is_bought_within_a_budget_and_a_book() {
    let (url, home) = (shop(), tempfile::tempdir().unwrap());
    let folder = home.path().display().to_string();
    LocalKey::random().unwrap().to_keystore(folder, "key".into(), "a password".into()).unwrap();
    std::fs::write(home.path().join("password"), "a password\n").unwrap();

    let (code, told) = pay(home.path(), &url, &["--ask"]);
    assert_eq!((code, &told["amount"], &told["payTo"]), (0, &json!("70"), &json!(PAYEE)), "{told}");
    let (code, told) = pay(home.path(), &url, &["--budget", "69"]);
    assert_eq!((code, &told["error"]["code"]), (1, &json!("payment.over_limit")), "{told}");

    let book = ["--budget", "70", "--book", "HOME/purse.json", "--total", "100", "--out", "HOME/report"];
    let (code, told) = pay(home.path(), &url, &book);
    assert_eq!((code, &told["status"], &told["payment"]["amount"]), (0, &json!(200), &json!("70")), "{told}");
    assert_eq!(std::fs::read(home.path().join("report")).unwrap(), b"a report");
    let (code, told) = pay(home.path(), &url, &book);
    assert_eq!((code, &told["error"]["code"]), (1, &json!("payment.over_limit")), "{told}");

    let (code, told) = pay(home.path(), "http://server.example/", &["--budget", "70"]);
    assert_eq!((code, &told["error"]["code"]), (3, &json!("payment.unsafe")), "{told}");
    let (code, told) = pay(home.path(), "http://127.0.0.1:1/", &["--budget", "70"]);
    assert_eq!((code, &told["error"]["code"]), (4, &json!("payment.transport")), "{told}");
}
