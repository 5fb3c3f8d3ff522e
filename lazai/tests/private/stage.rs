//! A market, nodes behind fronts, and everything that they log.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lazai::consumer::{Consumer, ConsumerError, TokenCounter as _};
use lazai::conversation::Conversation;
use lazai::http::{Front, HttpNode};
use lazai::lora::generate::{GenerateJob, Generation, Reply, Sampler};
use lazai::lora::{About, GenerateError, Generator};
use lazai::provider::Provider;
use lazai::settle::EmbeddedLedger;
use lazai::{Account, Client, Session};
use lazai_core::digest::sha256;
use lazai_core::{Amount, ClassId, Digest, LocalSigner, VersionNumber};
use pollster::block_on;
use tracing_subscriber::fmt::format::FmtSpan;

use super::gossip::{Counter, Gossip, REPLY, Strict, WORDS};
use super::lines::Lines;
pub use super::listening::{Hand, Listening};
use super::market;

/// What a request begins with whose reply is silent for so long that comments keep its line open.
pub const SLOWLY: &str = "Slowly";
const SILENT: Duration = Duration::from_secs(29);

/// Everything that is logged in this process.
pub fn logged() -> Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| Lines::collect(FmtSpan::NONE)).clone()
}

/// A stand-in for a model that is silent for a while where it is asked to be, and otherwise talks as [`Gossip`].
#[derive(Debug)]
struct Slow(Gossip, Arc<AtomicU64>);

impl Generator for Slow {
    fn about(&self) -> &About {
        self.0.about()
    }
    fn load_adapter(&self, folder: &Path) -> Result<Digest, GenerateError> {
        self.0.load_adapter(folder)
    }
    fn prompt_tokens(&self, messages: &[lazai_core::message::Message]) -> Result<u64, GenerateError> {
        self.0.prompt_tokens(messages)
    }
    fn generate(&self, job: GenerateJob) -> Generation {
        self.1.fetch_add(1, Ordering::SeqCst);
        if !job.messages.last().is_some_and(|message| message.content.starts_with(SLOWLY)) {
            return self.0.generate(job);
        }
        Generation::on_thread(move |on_text| {
            std::thread::sleep(SILENT);
            let text = format!("{REPLY} ");
            on_text(&text);
            Ok(Reply {
                prompt_tokens: Counter.prompt_tokens(&job.messages).unwrap(),
                tokens: vec![0],
                text,
                ..Reply::default()
            })
        })
    }
}

/// Accounts with money.
const BUYERS: usize = 3;

pub struct Stage {
    folder: tempfile::TempDir,
    pub ledger: Arc<EmbeddedLedger>,
    pub hand: Hand,
}

/// A node, and how many replies its generator was asked for.
pub struct Node {
    pub provider: Arc<Provider>,
    pub front: Front,
    pub asked: Arc<AtomicU64>,
    pub folder: PathBuf,
}

impl Stage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        market::found(&path, BUYERS);
        let hand = Hand::default();
        let ledger = Arc::new(EmbeddedLedger::open(&path, hand.clone()).unwrap());
        Self { folder, ledger, hand }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn node(&self, name: &str) -> Node {
        self.node_with(name, |provider| provider)
    }

    pub fn node_with(&self, name: &str, with: impl FnOnce(Provider) -> Provider) -> Node {
        let key = LocalSigner::from_bytes(*sha256(name.as_bytes()).as_bytes()).unwrap();
        let (account, asked) = (Account::new(self.ledger.clone(), Arc::new(key)), Arc::default());
        let folder = self.path(name);
        let provider = Provider::new(account, Arc::new(Slow(Gossip::new(), Arc::clone(&asked))), &folder)
            .with_adapter(ClassId(1), VersionNumber(1), self.folder.path(), sha256(b"adapter"))
            .unwrap()
            .with_moderator(Strict)
            .with_sampler(Sampler { max_tokens: WORDS, ..Sampler::default() });
        let provider = Arc::new(with(provider));
        let front = Front::new(provider.clone(), vec![market::terms(3_000)]);
        Node { provider, front, asked, folder }
    }

    pub fn account(&self) -> Account {
        self.account_of(0)
    }

    pub fn account_of(&self, buyer: usize) -> Account {
        Account::new(self.ledger.clone(), market::signer(buyer))
    }

    /// A client of a node, of one of the accounts.
    pub fn client_of(&self, buyer: usize, node: &HttpNode) -> Client {
        Client::of(node.clone(), self.account_of(buyer)).with_counter(Arc::new(Counter))
    }

    pub fn consumer(&self) -> Consumer {
        Consumer::new(self.account(), market::signer(0)).with_counter(Arc::new(Counter))
    }

    /// A session with a node, by way of whatever is between.
    pub fn session(&self, node: &HttpNode) -> Session {
        let client = Client::of(node.clone(), self.account()).with_counter(Arc::new(Counter));
        let model = block_on(client.models()).unwrap().remove(0);
        block_on(client.open(&model, Amount::from_base_units(100_000))).unwrap()
    }

    /// The same session, as a client goes on with it that has this line.
    pub fn resume(&self, node: &HttpNode, conversation: Conversation) -> Session {
        Client::of(node.clone(), self.account()).with_counter(Arc::new(Counter)).resume(conversation)
    }
}

/// The code of an error.
pub fn code(error: ConsumerError) -> String {
    lazai::Error::from(error).code().to_owned()
}
