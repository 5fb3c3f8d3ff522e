//! A server of x402 that says what a test wants, over a socket: it can also hang up.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lazai::core::{Address, Digest, Domain, Signature};
use lazai::wire::exact::ExactPayload;
use serde_json::{Value, json};

pub const CHAIN_ID: u64 = 84_532;
pub const ASSET: Address = Address::from_bytes([0xaa; 20]);
pub const SHOP: Address = Address::from_bytes([0xbb; 20]);

/// A price that a wallet can pay.
pub fn price(amount: u128) -> Value {
    json!({"scheme": "exact", "network": format!("eip155:{CHAIN_ID}"), "amount": amount.to_string(), "asset": ASSET,
        "payTo": SHOP, "maxTimeoutSeconds": 300, "extra": {"name": "USDC", "version": "2"}})
}

/// A payment, whose signature holds.
pub struct Payment {
    pub from: Address,
    pub value: u128,
    pub nonce: Digest,
}

/// A request.
pub struct Asked {
    headers: Vec<(String, String)>,
    /// The number of it, and among those with a payment, from 1.
    pub nth: usize,
    pub nth_paid: usize,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn paying(&self) -> Option<&str> {
        self.header("payment-signature").or_else(|| self.header("x-payment"))
    }

    pub fn payment(&self) -> Option<Payment> {
        let sent: Value = serde_json::from_slice(&STANDARD.decode(self.paying()?).unwrap()).unwrap();
        let payload: ExactPayload = serde_json::from_value(sent["payload"].clone()).unwrap();
        let signed = payload.signed().unwrap();
        let a = signed.authorization;
        let (name, version) = ("USDC".into(), "2".into());
        let domain = Domain { name, version, chain_id: CHAIN_ID, verifying_contract: ASSET, salt: None };
        Signature::from_slice(&signed.signature).unwrap().verify(&domain, &a, a.from).unwrap();
        assert_eq!(a.to, SHOP);
        Some(Payment { from: a.from, value: a.value.base_units(), nonce: a.nonce })
    }
}

/// An answer.
#[derive(Clone)]
pub struct Said {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Said {
    pub fn status(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn unpaid(accepts: &[Value]) -> Self {
        let told = json!({"x402Version": 2, "resource": {"url": "/"}, "accepts": accepts, "error": "pay first"});
        Self::status(402, "{}").with("payment-required", &STANDARD.encode(told.to_string()))
    }

    pub fn sold(body: &str, payment: &Payment) -> Self {
        let told = json!({"success": true, "transaction": "0x01", "network": "eip155:84532", "payer": payment.from});
        Self::status(200, body).with("payment-response", &STANDARD.encode(told.to_string()))
    }

    pub fn failed(reason: &str, accepts: &[Value], payment: &Payment) -> Self {
        let told = json!({"success": false, "errorReason": reason, "transaction": "", "payer": payment.from});
        Self::unpaid(accepts).with("payment-response", &STANDARD.encode(told.to_string()))
    }
}

#[derive(Default)]
struct Seen {
    asked: usize,
    paid: usize,
    nonces: BTreeSet<Digest>,
}

/// A server, and what it saw.
pub struct Shop {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Shop {
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The number of requests.
    pub fn asked(&self) -> usize {
        self.seen.lock().unwrap().asked
    }

    /// The number of requests that brought a payment.
    pub fn paid(&self) -> usize {
        self.seen.lock().unwrap().paid
    }

    /// The numbers of the payments that it was sent.
    pub fn nonces(&self) -> BTreeSet<Digest> {
        self.seen.lock().unwrap().nonces.clone()
    }
}

/// A server that answers so; it hangs up where there is no answer. It ends with the test's process.
pub fn shop(answer: impl Fn(&Asked) -> Option<Said> + Send + 'static) -> Shop {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::<Mutex<Seen>>::default());
    let noted = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let Some(mut asked) = read(&stream) else { continue };
            let payment = asked.payment();
            {
                let mut seen = noted.lock().unwrap();
                seen.asked += 1;
                seen.paid += usize::from(payment.is_some());
                seen.nonces.extend(payment.map(|payment| payment.nonce));
                (asked.nth, asked.nth_paid) = (seen.asked, seen.paid);
            }
            if let Some(said) = answer(&asked) {
                write(&stream, &said);
            }
        }
    });
    Shop { address, seen }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let asked = Asked { headers, nth: 0, nth_paid: 0 };
    let length = asked.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    Some(asked)
}

fn write(mut stream: &TcpStream, said: &Said) {
    let mut text =
        format!("HTTP/1.1 {} Said\r\nconnection: close\r\ncontent-length: {}\r\n", said.status, said.body.len());
    for (name, value) in &said.headers {
        text += &format!("{name}: {value}\r\n");
    }
    // A client that has heard enough may be gone.
    let _ = stream.write_all((text + "\r\n" + &said.body).as_bytes());
}
