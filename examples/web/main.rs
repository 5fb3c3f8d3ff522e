//! The page's server: a market on a test chain, a node, and what the publisher of the page knows of both. Needs
//! `LAZAI_RPC_URL` (a test chain) and `LAZAI_PACKAGE` (the package for JavaScript, built); `LAZAI_STEPS` are those of training (1 for a quick
//! start); with `LAZAI_VOICE_PACKAGE` (the base voice's folder), the character speaks; ends with its standard input.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use lazai::consumer::Conversation;
use lazai::core::Amount;
use lazai::exex::Minted;
use lazai::http::{Front, HttpNode};
use lazai::provenance::{Evidence, TrustAnchor, collect};
use lazai::provider::{OfferTerms, Provider, VoiceTerms};
use lazai::voice::BaseVoice;
use lazai_examples::Stage;
use lazai_examples::stage::deposit;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Files of the page, in `page/`.
const PAGE: &[(&str, &str)] = &[
    ("index.html", "text/html; charset=utf-8"),
    ("style.css", "text/css"),
    ("app.js", "text/javascript"),
    ("market.js", "text/javascript"),
    ("speech.js", "text/javascript"),
    ("split.js", "text/javascript"),
];
/// Files of the package that the page loads.
const SDK: &[(&str, &str)] = &[
    ("lazai.js", "text/javascript"),
    ("lazai_bg.wasm", "application/wasm"),
    ("session.js", "text/javascript"),
    ("sound.js", "text/javascript"),
];
/// Scripts are the page's own and may compile WebAssembly; pictures are those that visitors drop.
const POLICY: &str =
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; connect-src *";
/// What a visitor's page suggests as a deposit: 0.05 coins.
const DEPOSIT: u128 = 50_000_000_000_000_000;
/// Largest conversation that evidence is gathered for.
const MAX_CONVERSATION_BYTES: usize = 1 << 20;

/// What the publisher keeps.
struct Publisher {
    stage: Stage,
    minted: Minted,
    provider: Arc<Provider>,
    rpc_url: String,
    node_url: String,
    /// Evidence for a reply that was sold before any visitor came, and the anchor of that moment.
    sold: (String, String),
    package: PathBuf,
}

impl Publisher {
    /// Redeems what a conversation owes, and gathers evidence for its last reply.
    async fn evidence(&self, conversation: &Conversation) -> anyhow::Result<(String, String)> {
        // What is redeemed already is no reason to stop; what is missing, the evidence will show.
        let _ = self.provider.redeem(conversation.session).await;
        let (home, ledger) = (&self.stage.home, self.stage.home.ledger());
        ledger.refresh().await?;
        let evidence = collect(&*ledger, home.genesis(), &*home.store(), &self.minted.record, conversation).await?;
        let anchor = TrustAnchor::of(&*ledger, self.stage.base.digest());
        Ok((serde_json::to_string(&evidence)?, serde_json::to_string(&anchor)?))
    }

    /// Where the market is, for wallets: what the SDK reads as a `MarketPlace`.
    fn place(&self) -> anyhow::Result<Value> {
        let ledger = self.stage.home.ledger();
        let market = ledger.market();
        let domain = market.domain();
        let settlement = ledger.settlement_contract().context("the market is on no chain")?;
        Ok(json!({
            "ledger": market.ledger(), "settlement": settlement,
            "domain": {
                "name": domain.name, "version": domain.version, "chainId": domain.chain_id,
                "verifyingContract": domain.verifying_contract,
            },
        }))
    }

    /// What `tokenizer.json` does not say: the token that ends a reply, and how a conversation is written.
    fn tokenizer_config(&self) -> Value {
        let (tokenizer, template) = (self.stage.base.tokenizer(), self.stage.base.template());
        let bos = tokenizer.bos().map(|bos| tokenizer.token_text(Some(bos)));
        json!({"eos_token": tokenizer.token_text(Some(tokenizer.eos())), "bos_token": bos, "chat_template": template.source()})
    }

    /// Who answers, and for how much.
    fn market(&self) -> Value {
        let split = self.stage.home.ledger().market().params().1.split.bps();
        json!({
            "testChain": true, "rpcUrl": self.rpc_url, "nodeUrl": self.node_url, "splitBps": split,
            "deposit": DEPOSIT.to_string(),
        })
    }
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> anyhow::Result<()> {
    let variable = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let (rpc_url, package) = (variable("LAZAI_RPC_URL")?, PathBuf::from(variable("LAZAI_PACKAGE")?));
    let steps = std::env::var("LAZAI_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(1);
    let stage = Stage::on_chain(&rpc_url, steps)?;
    let minted = stage.minted().await?;

    // The node.
    let units = Amount::from_base_units;
    let mut provider = stage.provider("node", &minted)?;
    if let Some(package) = std::env::var_os("LAZAI_VOICE_PACKAGE") {
        let offer = Stage::offer_terms(&minted);
        let terms = VoiceTerms {
            class: offer.class,
            version: offer.version,
            asset: offer.asset,
            character_price: units(100_000_000_001),
            character_ceiling: 1_000,
        };
        // The base's own voice: the page's character has no recordings.
        provider = provider.with_voice(Arc::new(BaseVoice::open(std::path::Path::new(&package))?), None, terms)?;
    }
    let provider = Arc::new(provider);
    let terms = OfferTerms {
        prompt_price: units(1_000_000_000_003),
        completion_price: units(4_000_000_000_007),
        session_s: 3_600,
        ..Stage::offer_terms(&minted)
    };
    let front = Front::new(provider.clone(), vec![terms]).spawn("127.0.0.1:0")?;

    // Somebody has bought a reply before.
    let consumer = stage.consumer()?;
    let node = HttpNode::new(&front.url())?;
    let offer = node.models().await?.first().context("no character")?.offer.clone();
    let mut conversation = consumer.open(1, &offer, deposit(DEPOSIT)).await?;
    consumer.say(&mut conversation, &node, "Who are you?", &mut |_| {}).await?;
    consumer.pay_owed(&mut conversation, &node).await?;

    let node_url = front.url();
    let mut publisher = Publisher { stage, minted, provider, rpc_url, node_url, sold: Default::default(), package };
    let (silent, anchor) = publisher.evidence(&conversation).await?;
    // The publisher's own conversation: everybody may read it.
    let shown = Evidence::from_json(silent.as_bytes())?.with_words(&conversation)?;
    publisher.sold = (serde_json::to_string(&shown)?, anchor);
    let publisher = Arc::new(publisher);

    let router = Router::new()
        .route("/", get(|state| file(state, Path("index.html".into()))))
        .route("/{file}", get(file))
        .route("/sdk/{file}", get(sdk))
        .route("/evidence", post(evidence))
        .layer(DefaultBodyLimit::max(MAX_CONVERSATION_BYTES))
        .with_state(publisher.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("LAZAI_PAGE_URL=http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router).await });

    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    let refused = publisher.provider.redeem_all().await?;
    println!("{} sessions not redeemed", refused.len());
    Ok(())
}

fn answer(kind: &'static str, body: Vec<u8>) -> Response {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}

fn failed(error: impl std::fmt::Display) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}

fn read(folder: PathBuf, files: &[(&str, &'static str)], name: &str) -> Response {
    match files.iter().find(|(known, _)| *known == name) {
        Some((name, kind)) => std::fs::read(folder.join(name)).map_or_else(failed, |bytes| answer(kind, bytes)),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn file(State(publisher): State<Arc<Publisher>>, Path(name): Path<String>) -> Response {
    let (evidence, anchor) = &publisher.sold;
    match name.as_str() {
        "place.json" => match publisher.place() {
            Ok(place) => answer("application/json", place.to_string().into_bytes()),
            Err(error) => failed(error),
        },
        "deployment.json" => match publisher.stage.home.chain().map(|c| serde_json::to_vec(c.ledger.deployment())) {
            Some(Ok(deployment)) => answer("application/json", deployment),
            _ => failed("the market is on no chain"),
        },
        "market.json" => answer("application/json", publisher.market().to_string().into_bytes()),
        "tokenizer.json" => match publisher.stage.base.tokenizer().to_json() {
            Ok(tokenizer) => answer("application/json", tokenizer.into_bytes()),
            Err(error) => failed(error),
        },
        "tokenizer_config.json" => answer("application/json", publisher.tokenizer_config().to_string().into_bytes()),
        "evidence.json" => answer("application/json", evidence.clone().into_bytes()),
        "anchor.json" => answer("application/json", anchor.clone().into_bytes()),
        name => read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("web/page"), PAGE, name),
    }
}

async fn sdk(State(publisher): State<Arc<Publisher>>, Path(name): Path<String>) -> Response {
    read(publisher.package.join("web"), SDK, &name)
}

async fn evidence(State(publisher): State<Arc<Publisher>>, body: axum::body::Bytes) -> Response {
    let conversation: Conversation = match serde_json::from_slice(&body) {
        Ok(conversation) => conversation,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    match publisher.evidence(&conversation).await {
        Ok((evidence, anchor)) => {
            answer("application/json", json!({"evidence": evidence, "anchor": anchor}).to_string().into_bytes())
        }
        Err(error) => failed(error),
    }
}
