//! What a node adds to its engine: the first token and the pace of replies over HTTP, signed, counted and paid, beside the same replies
//! out of the engine alone.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use lazai::http::{Front, HttpNode};
use lazai::lora::generate::{GenerateJob, Generation, Sampler};
use lazai::lora::{About, Engine, EngineSettings, GenerateError, Generator, WeightFormat};
use lazai::node::ReplySettings;
use lazai::provider::{OfferTerms, Provider};
use lazai::settle::{EmbeddedLedger, Ledger, SystemClock};
use lazai::{Account, Client, Session};
use lazai_core::digest::sha256;
use lazai_core::message::{Message, Role};
use lazai_core::record::RecordClaim;
use lazai_core::{Amount, Asset, ClassId, Digest, LocalSigner, Signer, VersionNumber};
use lazai_settle::{Genesis, Market, Transaction};
use pollster::block_on;
use serde_json::{Value, json};

use crate::Failure;

#[path = "../../lazai-settle/tests/world/mod.rs"]
mod world;

use world::{CREATOR, EXEX, NODE, STRANGER, VALIDATORS, World};

/// Tokens of each reply.
const REPLY: u32 = 48;
/// Clients at once, and how often they ask the engine and the node in turns.
const ROUNDS: [(usize, usize); 3] = [(1, 60), (16, 8), (64, 5)];
/// What each client has, in base units, and what it puts into a session.
const FUNDS: u128 = 1_000_000_000_000;
const DEPOSIT: u128 = 1_000_000;

/// Measures in a folder.
///
/// # Errors
/// What the engine, the ledger or the node says.
pub fn run(folder: &Path) -> Result<Value, Failure> {
    let gguf = PathBuf::from(std::env::var_os("LAZAI_BASE_MODEL").ok_or("LAZAI_BASE_MODEL is not set")?);
    let mut settings = EngineSettings::default();
    settings.replies = 64;
    let engine = Arc::new(Engine::open(&gguf, WeightFormat::AsStored, settings)?);
    let most = ROUNDS.map(|(clients, _)| clients).into_iter().max().unwrap_or(1);
    let ledger = market(&folder.join("ledger"), engine.about().base_digest, most)?;

    let account = Account::new(ledger.clone(), Arc::new(world::signer(NODE)));
    let provider = Provider::new(account, Arc::new(Bare(engine.clone())), folder.join("node"))
        .with_sampler(likeliest())
        .with_adapter(ClassId(1), VersionNumber(1), folder, adapter())?;
    let terms = OfferTerms {
        prompt_price: Amount::from_base_units(1),
        completion_price: Amount::from_base_units(3),
        ..OfferTerms::free(ClassId(1), VersionNumber(1))
    };
    let serving = Front::new(Arc::new(provider), vec![terms]).spawn((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("http://{}", serving.address());

    let mut told = Vec::new();
    for (clients, rounds) in ROUNDS {
        // The first round of both warms them up.
        let (mut alone, mut served) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            let sessions = (0..clients).map(|client| open(&url, &ledger, client)).collect::<Result<Vec<_>, _>>()?;
            let ask = |served: bool| {
                at_once(clients, |client| {
                    let text = question(clients, round, client);
                    block_on(async {
                        if served { of_node(&sessions[client], &text).await } else { of_engine(&engine, &text).await }
                    })
                })
            };
            // Who asks first changes from round to round.
            let node_first = round % 2 == 1;
            let (one, other) = (ask(node_first)?, ask(!node_first)?);
            let (node, bare) = if node_first { (one, other) } else { (other, one) };
            if let Some((node, bare)) = node.iter().zip(&bare).find(|(node, bare)| node.text != bare.text) {
                let (node, bare) = (&node.text, &bare.text);
                return Err(
                    format!("{clients} clients, round {round}: the node says {node:?}, its engine {bare:?}").into()
                );
            }
            if round > 0 {
                alone.push(Pace::of(&bare));
                served.push(Pace::of(&node));
            }
        }
        // Both of a round had the machine as it was then: it is their difference that counts.
        let added = |of: &dyn Fn(&Pace, &Pace) -> f64| {
            median(served.iter().zip(&alone).map(|(served, alone)| of(served, alone)).collect())
        };
        told.push(json!({
            "clients": clients, "rounds": rounds, "engine": Pace::middle(&alone).told(), "node": Pace::middle(&served).told(),
            "ttft_added_ms": added(&|served, alone| (served.first_s - alone.first_s) * 1e3),
            "per_token_added_percent": added(&|served, alone| (served.token_s / alone.token_s - 1.0) * 100.0),
        }));
    }
    drop(serving);
    Ok(json!(told))
}

/// A question of about 120 tokens, another for each client and round. Engine and node are asked the same: nothing is kept from one
/// conversation to the other.
fn question(clients: usize, round: usize, client: usize) -> String {
    let shore =
        "The old keeper of the lighthouse walked down to the shore every morning, counting gulls and ships. ".repeat(5);
    format!("{clients:02} {round:02} {client:02}: {shore}What did the keeper see?")
}

/// A reply, and when its pieces came.
struct Heard {
    text: String,
    first: Duration,
    last: Duration,
}

/// The medians of a round: until the first token, and for each one after it.
struct Pace {
    first_s: f64,
    token_s: f64,
}

impl Pace {
    fn of(heard: &[Heard]) -> Self {
        let token = |one: &Heard| (one.last - one.first).as_secs_f64() / f64::from(REPLY - 1);
        Self {
            first_s: median(heard.iter().map(|one| one.first.as_secs_f64()).collect()),
            token_s: median(heard.iter().map(token).collect()),
        }
    }

    fn middle(rounds: &[Self]) -> Self {
        Self {
            first_s: median(rounds.iter().map(|pace| pace.first_s).collect()),
            token_s: median(rounds.iter().map(|pace| pace.token_s).collect()),
        }
    }

    fn told(&self) -> Value {
        json!({"ttft_ms": self.first_s * 1e3, "per_token_ms": self.token_s * 1e3})
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Has clients ask at once, each on a thread of its own.
fn at_once(clients: usize, ask: impl Fn(usize) -> Result<Heard, Failure> + Sync) -> Result<Vec<Heard>, Failure> {
    let together = Barrier::new(clients);
    let (ask, together) = (&ask, &together);
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..clients)
            .map(|client| {
                scope.spawn(move || {
                    together.wait();
                    ask(client).map_err(|error| error.to_string())
                })
            })
            .collect();
        asked.into_iter().map(|thread| Ok(thread.join().map_err(|_| "a client's thread ended")??)).collect()
    })
}

/// The likeliest token each time: a node draws by seeds that nobody else knows.
fn likeliest() -> Sampler {
    Sampler { temperature_milli: 0, max_tokens: REPLY, min_tokens: REPLY, ..Sampler::default() }
}

async fn of_engine(engine: &Engine, text: &str) -> Result<Heard, Failure> {
    let begun = Instant::now();
    let mut generation = engine.generate(GenerateJob {
        adapter: None,
        conversation: Some(sha256(text.as_bytes())),
        shared: Vec::new(),
        messages: vec![Message::new(Role::User, text)],
        sampler: likeliest(),
        seed: 0,
        patience: GenerateJob::PATIENCE,
    });
    let mut heard = Heard::default();
    while let Some(piece) = generation.next().await {
        heard.piece(&piece, begun);
    }
    generation.reply().await?;
    Ok(heard)
}

async fn of_node(session: &Session, text: &str) -> Result<Heard, Failure> {
    let settings = ReplySettings { max_tokens: Some(REPLY), min_tokens: Some(REPLY), ..ReplySettings::default() };
    let begun = Instant::now();
    let mut heard = Heard::default();
    session.say_with(text, settings, &mut |piece| heard.piece(piece, begun)).await?;
    Ok(heard)
}

impl Default for Heard {
    fn default() -> Self {
        Self { text: String::new(), first: Duration::MAX, last: Duration::ZERO }
    }
}

impl Heard {
    fn piece(&mut self, text: &str, begun: Instant) {
        if !text.is_empty() {
            self.text += text;
            self.last = begun.elapsed();
            self.first = self.first.min(self.last);
        }
    }
}

/// The engine without its adapters: the character is the bare base here.
#[derive(Debug)]
struct Bare(Arc<Engine>);

fn adapter() -> Digest {
    sha256(b"adapter")
}

impl Generator for Bare {
    fn about(&self) -> &About {
        self.0.about()
    }

    fn load_adapter(&self, _folder: &Path) -> Result<Digest, GenerateError> {
        Ok(adapter())
    }

    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        self.0.prompt_tokens(messages)
    }

    fn generate(&self, job: GenerateJob) -> Generation {
        self.0.generate(GenerateJob { adapter: None, ..job })
    }
}

/// The key of a client.
fn payer(client: usize) -> Result<LocalSigner, Failure> {
    Ok(LocalSigner::from_bytes(*sha256(format!("client {client}").as_bytes()).as_bytes())?)
}

fn open(url: &str, ledger: &Arc<EmbeddedLedger>, client: usize) -> Result<Session, Failure> {
    let account = Account::new(ledger.clone(), Arc::new(payer(client)?));
    let client = Client::of(HttpNode::new(url)?, account);
    let models = block_on(client.models())?;
    let model = models.first().ok_or("the node offers nothing")?;
    Ok(block_on(client.open(model, Amount::from_base_units(DEPOSIT)))?)
}

/// A market with one character, and clients who have money.
fn market(folder: &Path, base: Digest, clients: usize) -> Result<Arc<EmbeddedLedger>, Failure> {
    let payers = (0..clients).map(payer).collect::<Result<Vec<_>, _>>()?;
    let money = |payer: &LocalSigner| (payer.address(), Asset::NATIVE, Amount::from_base_units(FUNDS));
    let genesis = Genesis { balances: payers.iter().map(money).collect(), ..world::genesis() };
    let ledger = Arc::new(EmbeddedLedger::create(folder, &genesis, SystemClock)?);
    let mut world = World::new();
    world.market = Market::new(&genesis)?;
    let mut acts = 0_u8;
    let mut act = |who: u8, of: &dyn Fn(&World) -> Transaction| -> Result<(), Failure> {
        acts += 1;
        let signed = world.sign(who, sha256(&[acts]), of(&world));
        block_on(ledger.submit(signed))?;
        world.market = (*ledger.market()).clone();
        Ok(())
    };
    act(CREATOR, &|world| Transaction::Submit(world.submission(1)))?;
    for validator in &VALIDATORS[..3] {
        act(STRANGER, &|world| {
            let id = world.submission_id(1);
            Transaction::Attest(vec![world.verdict(*validator, world.attestation(id))])
        })?;
    }
    act(EXEX, &|world| {
        let id = world.submission_id(1);
        let mut metadata = world.metadata(id);
        metadata.base.digest = base;
        let claim = RecordClaim { submission: id, record: metadata.record_digest };
        Transaction::Mint { record_signature: world.signed(EXEX, &claim), metadata }
    })?;
    Ok(ledger)
}
