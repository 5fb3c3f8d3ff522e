//! A node with a stand-in for its model, and a session that is open at it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use lazai::Account;
use lazai::conversation::Conversation;
use lazai::lora::generate::{GenerateJob, Generation, Reply, Sampler};
use lazai::lora::{About, GenerateError, Generator};
use lazai::node::{ChatReply, ChatRequest, Node, NodeError, ReplySettings, SignedOffer};
use lazai::provider::Provider;
use lazai_core::digest::sha256;
use lazai_core::message::{Message, Role};
use lazai_core::sign::{SignFuture, SigningRequest};
use lazai_core::{Address, ClassId, Digest, Domain, LocalSigner, Signer, VersionNumber};
use lazai_settle::Market;
use lazai_settle::ledger::{Ledger, LedgerFuture};
use lazai_settle::market::Transaction;
use lazai_settle::merkle::{Checkpoint, Inclusion};
use lazai_settle::notice::{Cursor, Entry, Notice};

use super::world::{NODE, SESSION_KEY, START_S, World, deposit, signer};

/// A ledger that stands still, but for what a node that asks it finds; it counts how often it is asked.
pub struct Still {
    market: Mutex<Arc<Market>>,
    pub next: Mutex<Arc<Market>>,
    /// Whoever holds it for writing keeps everybody from the market, as a slow disk does.
    pub gate: RwLock<()>,
    pub asked: AtomicUsize,
    /// For how long its chain said nothing new.
    pub unseen: Mutex<Duration>,
}

impl Still {
    pub fn of(market: Market) -> Arc<Self> {
        let now = Arc::new(market);
        let (gate, asked, unseen) = (RwLock::default(), AtomicUsize::new(0), Mutex::default());
        Arc::new(Self { market: Mutex::new(now.clone()), next: Mutex::new(now), gate, asked, unseen })
    }
}

impl Ledger for Still {
    fn send<'a>(&'a self, _: &'a dyn Signer, _: Digest, _: Transaction) -> LedgerFuture<'a, Entry> {
        unreachable!("nothing is sent")
    }
    fn market(&self) -> Arc<Market> {
        let _open = self.gate.read().unwrap();
        self.market.lock().unwrap().clone()
    }
    fn refresh(&self) -> LedgerFuture<'_, ()> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        *self.market.lock().unwrap() = self.next.lock().unwrap().clone();
        Box::pin(std::future::ready(Ok(())))
    }
    fn now_s(&self) -> u64 {
        START_S
    }
    fn unseen(&self) -> Duration {
        *self.unseen.lock().unwrap()
    }
    fn notices<'a>(&'a self, _: &'a Cursor) -> LedgerFuture<'a, Vec<Notice>> {
        unreachable!("nobody follows")
    }
    fn checkpoint(&self) -> Checkpoint {
        unreachable!("nothing is proved")
    }
    fn entry(&self, _: u64) -> LedgerFuture<'_, Option<(Entry, Inclusion)>> {
        unreachable!("nothing is proved")
    }
}

/// A model that answers after some time, and counts how often.
#[derive(Debug)]
pub struct Echo {
    about: About,
    takes: Duration,
    pub generated: Arc<AtomicUsize>,
    /// How many replies nobody waited for.
    pub left: Arc<AtomicUsize>,
    pub seeds: Arc<Mutex<Vec<u64>>>,
    /// True if a reply goes on for a while after its words, as those of real models do, unless everybody leaves.
    pub lingers: AtomicBool,
}

/// How long it goes on.
const LINGERS: Duration = Duration::from_secs(5);

impl Echo {
    /// Waits until so many replies were left.
    pub fn wait_until_left(&self, replies: usize) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.left.load(Ordering::SeqCst) < replies {
            assert!(Instant::now() < until, "the reply is made for nobody");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(self.left.load(Ordering::SeqCst), replies);
    }
}

impl Generator for Echo {
    fn about(&self) -> &About {
        &self.about
    }
    fn load_adapter(&self, _: &Path) -> Result<Digest, GenerateError> {
        Ok(sha256(b"adapter"))
    }
    fn prompt_tokens(&self, _: &[Message]) -> Result<u64, GenerateError> {
        Ok(5)
    }
    fn generate(&self, job: GenerateJob) -> Generation {
        self.generated.fetch_add(1, Ordering::SeqCst);
        let (takes, left, seeds) = (self.takes, self.left.clone(), self.seeds.clone());
        let lingers = self.lingers.load(Ordering::SeqCst);
        Generation::on_thread(move |on_text| {
            std::thread::sleep(takes);
            let text = format!("answer to {}", job.messages.last().unwrap().content);
            seeds.lock().unwrap().push(job.seed);
            let (mut is_wanted, until) = (on_text(&text), Instant::now() + LINGERS);
            while lingers && is_wanted && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(5));
                is_wanted = on_text("");
            }
            if !is_wanted {
                left.fetch_add(1, Ordering::SeqCst);
            }
            if text.ends_with("breaks off") {
                return Err(GenerateError::Backend { backend: "a lie".into(), reason: "nothing".into() });
            }
            Ok(Reply { text, tokens: vec![1; 10], prompt_tokens: 5, ..Reply::default() })
        })
    }
}

/// A key service that takes as long as one does.
struct SlowSigner(LocalSigner, Duration);

impl Signer for SlowSigner {
    fn address(&self) -> Address {
        self.0.address()
    }
    fn sign(&self, request: SigningRequest) -> SignFuture<'_> {
        std::thread::sleep(self.1);
        self.0.sign(request)
    }
}

pub struct Stage {
    pub folder: tempfile::TempDir,
    pub world: World,
    pub ledger: Arc<Still>,
    pub provider: Provider,
    pub conversation: Conversation,
    pub domain: Domain,
    pub echo: Arc<Echo>,
}

impl Stage {
    /// A node whose replies and signatures take so many milliseconds each.
    pub fn new(reply_ms: u64, signature_ms: u64) -> Self {
        let mut world = World::minted();
        let offer = world.offer(NODE);
        let signature = world.signed(NODE, &offer);
        let session = world.open(NODE, 1, deposit(1_000)).unwrap();
        let domain = world.market.domain().clone();
        let ledger = Still::of(world.market.clone());
        let folder = tempfile::tempdir().unwrap();
        let echo = Arc::new(Echo {
            about: About::new("base".into(), sha256(b"base"), sha256(b"tok"), "cpu".into()),
            takes: Duration::from_millis(reply_ms),
            generated: Arc::default(),
            left: Arc::default(),
            seeds: Arc::default(),
            lingers: AtomicBool::new(false),
        });
        let key = SlowSigner(signer(NODE), Duration::from_millis(signature_ms));
        let provider = Provider::new(Account::new(ledger.clone(), Arc::new(key)), echo.clone(), folder.path())
            .with_adapter(ClassId(1), VersionNumber(1), folder.path(), sha256(b"adapter"))
            .unwrap()
            .with_sampler(Sampler { max_tokens: 10, ..Sampler::default() });
        let conversation = Conversation::new(session, SignedOffer { offer, signature }, deposit(1_000));
        Self { folder, world, ledger, provider, conversation, domain, echo }
    }

    /// The session of a number, opened now: the node's ledger has it when it asks.
    pub fn open(&mut self, nonce: u64) -> Conversation {
        let SignedOffer { offer, signature } = self.conversation.offer.clone();
        let session = self.world.open(NODE, nonce, deposit(1_000)).unwrap();
        *self.ledger.next.lock().unwrap() = Arc::new(self.world.market.clone());
        Conversation::new(session, SignedOffer { offer, signature }, deposit(1_000))
    }

    /// A request for the next reply.
    pub fn ask(&self, text: &str) -> ChatRequest {
        self.ask_in(&self.conversation, text, None)
    }

    /// A request for the next reply of a conversation, with a number or without.
    pub fn ask_in(&self, conversation: &Conversation, text: &str, seed: Option<u64>) -> ChatRequest {
        let (messages, settings) =
            (vec![Message::new(Role::User, text)], ReplySettings { seed, ..ReplySettings::default() });
        pollster::block_on(conversation.request(&self.domain, &signer(SESSION_KEY), messages, settings)).unwrap()
    }

    /// What the node says to a request.
    pub fn chat(&self, request: &ChatRequest) -> Result<ChatReply, NodeError> {
        pollster::block_on(self.provider.chat(request, &mut |_| {}))
    }
}
