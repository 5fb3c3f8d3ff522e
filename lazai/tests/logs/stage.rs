//! A market, a node behind a front and somebody in between, a proxy, and everything that they log.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::Request;
use axum::http::header;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use lazai::Account;
use lazai::consumer::Consumer;
use lazai::http::{Budget, Front, HttpNode, Limits, Loopback, Sealing, Serving, TlsFiles};
use lazai::lora::generate::Sampler;
use lazai::node::SignedVoucher;
use lazai::provider::Provider;
use lazai::settle::{EmbeddedLedger, Ledger as _, SystemClock};
use lazai_core::digest::sha256;
use lazai_core::{Address, Amount, ClassId, LocalSigner, Signer as _, VersionNumber};
use pollster::block_on;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};

use super::gossip::{Ask, Counter, Gossip, PROMPT, REPLY, Strict, WORDS};
use super::market;

/// An address of this machine that only the strangers have; another machine's, as a proxy in front of the node tells it.
const PEER: &str = if cfg!(target_os = "linux") { "127.0.0.77" } else { "127.0.0.1" };
const FORWARDED: &str = "203.0.113.77";
pub const WRONG_KEY: &str = "sk-the-key-of-somebody-else";

/// An address or a key as it is written, without its prefix.
pub fn bare(value: impl ToString) -> String {
    value.to_string().trim_start_matches("0x").to_owned()
}

pub struct Stage {
    folder: tempfile::TempDir,
    ledger: Arc<EmbeddedLedger>,
}

pub struct Node {
    pub provider: Arc<Provider>,
    pub address: SocketAddr,
    pub tls_address: SocketAddr,
    pub lies: Arc<AtomicBool>,
    url: String,
    serving: Vec<Serving>,
    runtime: Runtime,
}

pub struct Proxy {
    pub address: SocketAddr,
    key: String,
    _serving: Serving,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        market::found(&path, 1);
        let ledger = Arc::new(EmbeddedLedger::open(&path, SystemClock).unwrap());
        Self { folder, ledger }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn node_key() -> [u8; 32] {
        *sha256(b"node").as_bytes()
    }

    pub fn node(&self) -> Node {
        let account = Account::new(self.ledger.clone(), Arc::new(LocalSigner::from_bytes(Self::node_key()).unwrap()));
        let provider = Provider::new(account, Arc::new(Gossip::new()), self.path("node"))
            .with_adapter(ClassId(1), VersionNumber(1), self.folder.path(), sha256(b"adapter"))
            .unwrap()
            .with_moderator(Strict)
            .with_sampler(Sampler { max_tokens: WORDS, ..Sampler::default() });
        let provider = Arc::new(provider);
        let front = Front::new(provider.clone(), vec![market::terms(3_000)]);
        let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        front.limit(Limits { address_requests: 20, consumer_requests: 1_000, trusted_proxies, ..Limits::default() });
        let files = TlsFiles { certificates: self.path("certificate.pem"), key: self.path("key.pem") };
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(&files.certificates, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        let serving = vec![front.spawn("127.0.0.1:0").unwrap(), front.spawn_tls("127.0.0.1:0", &files).unwrap()];
        let (address, tls_address) = (serving[0].address(), serving[1].address());
        let lies = Arc::new(AtomicBool::new(false));
        let is_lying = lies.clone();
        let router = front.router().layer(middleware::from_fn(move |request: Request, next: Next| {
            let lies = is_lying.load(Ordering::SeqCst);
            async move { between(lies, request, next).await }
        }));
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Node { provider, address, tls_address, lies, url, serving, runtime }
    }

    /// A proxy before the node, with so much for a session. The node's URL has a password in it.
    pub fn proxy(&self, node: &Node, folder: &str, deposit: u128) -> Proxy {
        let signer = market::signer(0);
        let consumer = Consumer::new(Account::new(self.ledger.clone(), signer.clone()), signer);
        let consumer = consumer.with_counter(Arc::new(Counter));
        let units = Amount::from_base_units;
        let (total, deposit, max_step) = (units(20 * deposit), units(deposit), units(2_000));
        let budget = Budget { total, deposit, max_step, sessions: 1, ..Budget::default() };
        // Who is between reads and answers what goes by.
        let node = HttpNode::new(&node.url.replace("://", "://me:swordfish@")).unwrap().with_sealing(Sealing::Off);
        let proxy = Loopback::open(consumer, vec![node], budget, self.path(folder)).unwrap();
        let serving = proxy.spawn("127.0.0.1:0").unwrap();
        Proxy { address: serving.address(), key: proxy.key().unwrap().to_owned(), _serving: serving }
    }

    /// Writes the words of a reply where a page of the node's book has none.
    pub fn damage(&self) {
        for page in std::fs::read_dir(self.path("node")).unwrap() {
            let path = page.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let mut page: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
                page["begun"] = format!("{PROMPT} {REPLY}").into();
                std::fs::write(&path, page.to_string()).unwrap();
            }
        }
    }

    /// What no line may hold, by name.
    pub fn secrets(&self, proxy: &Proxy) -> Vec<(&'static str, String)> {
        let consumer = sha256(b"client 0");
        let secret = std::fs::read(self.path("node").join("secret")).unwrap();
        let mut secrets = vec![
            ("the node's key", hex::encode(Self::node_key())),
            ("the consumer's key", bare(consumer)),
            ("the consumer's account", bare(market::signer(0).address())),
            ("the node's secret", hex::encode(secret)),
            ("the proxy's key", proxy.key.clone()),
            ("a stranger's key", WRONG_KEY.into()),
            ("a URL's password", "swordfish".into()),
            ("a word of a reply", REPLY.into()),
            ("the address that a request was forwarded for", FORWARDED.into()),
        ];
        secrets.extend(PROMPT.split(' ').map(|word| ("a word of a prompt", word.to_owned())));
        if PEER != "127.0.0.1" {
            secrets.push(("the address of a peer", PEER.into()));
        }
        let before = secrets.len();
        signatures(self.folder.path(), &mut secrets);
        assert!(secrets.len() > before + 4, "signed requests, receipts and vouchers are kept");
        secrets
    }
}

/// Adds the signatures in all files of a folder: of requests, of receipts, of payments.
fn signatures(folder: &Path, found: &mut Vec<(&'static str, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            signatures(&path, found);
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        let words = text.split(|letter: char| !letter.is_ascii_hexdigit() && letter != 'x');
        found.extend(words.filter(|word| word.len() == 132).map(|word| ("a signature", bare(word))));
    }
}

/// Somebody between proxy and node: no release gets through, and no reply while they lie.
async fn between(lies: bool, request: Request, next: Next) -> Response {
    let words = format!("{PROMPT} {REPLY}");
    let path = request.uri().path();
    if path.ends_with("/releases") {
        return axum::Json(json!({"release": words})).into_response();
    }
    if lies && path.ends_with("/chat/completions") {
        let event = format!("data: {}\n\n", json!({"lazai": words}));
        return ([(header::CONTENT_TYPE, "text/event-stream")], event).into_response();
    }
    next.run(request).await
}

impl Node {
    /// Other people's requests, from an address of theirs: as many as are answered, and more.
    pub fn strangers(&self, stage: &Stage) {
        let session = block_on(self.provider.sessions()).unwrap()[0];
        let market = stage.ledger.market();
        let voucher = market.session(session).unwrap().offer.voucher(session, Amount::from_base_units(1));
        let signer = market::signer(9);
        let signature = block_on(lazai_core::sign::sign(&*signer, market.domain(), &voucher)).unwrap();
        let voucher = SignedVoucher { voucher, signature };
        let body = serde_json::to_string(&voucher).unwrap();
        let consumer = bare(market::signer(0).address());
        let answers: Vec<String> = (0..25).map(|_| self.forwarded(&body)).collect();
        assert!(answers[0].contains(&consumer), "the refusal names both: {}", answers[0]);
        assert!(answers.iter().any(|answer| answer.contains("429")), "{answers:?}");
    }

    fn forwarded(&self, body: &str) -> String {
        let head = format!(
            "POST /v1/lazai/vouchers HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: {FORWARDED}\r\n\
             authorization: Bearer {WRONG_KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        told(self.address, head.as_bytes(), false)
    }

    /// Ends all of it at once.
    pub fn stop(self) {
        drop(self.serving);
        self.runtime.shutdown_background();
    }
}

impl Proxy {
    /// Asks for a reply: the status, and the answer.
    pub fn ask(&self, ask: Ask, stream: bool) -> (u16, String) {
        self.ask_with(ask, stream, &self.key)
    }

    pub fn ask_with(&self, ask: Ask, stream: bool, key: &str) -> (u16, String) {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let messages = json!([{"role": "user", "content": ask.words()}]);
        let body = json!({"model": "dat:1:1", "messages": messages, "stream": stream}).to_string();
        let post = agent.post(format!("http://{}/v1/chat/completions", self.address));
        let post = post.header("content-type", "application/json").header("authorization", format!("Bearer {key}"));
        let mut answer = post.send(body).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap_or_default())
    }
}

/// Sends bytes from the strangers' address, and may hang up at once; returns what comes back.
fn told(to: SocketAddr, bytes: &[u8], hangs_up: bool) -> String {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(format!("{PEER}:0").parse().unwrap()).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    let mut stream = stream;
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let _ = stream.write_all(bytes);
    if hangs_up {
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends what is no request, with words in it.
pub fn garbage(to: SocketAddr) {
    let broken =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 90\r\n\r\n{{\"messages\": {PROMPT}");
    let odd = format!("GET /{PROMPT}/{WRONG_KEY} HTTP/9.9\r\n{PROMPT}\r\n\r\n");
    for bytes in [broken.as_bytes(), odd.as_bytes(), &[0; 64], b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nho"] {
        told(to, bytes, true);
    }
}

/// The account of a key, for the control.
pub fn account(client: usize) -> Address {
    market::signer(client).address()
}
