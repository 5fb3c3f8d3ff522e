//! The scenario's smaller acts: what is done, and what is kept between runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use lazai::consumer::{Consumer, Conversation};
use lazai::core::message::{Message, Role};
use lazai::core::pov::{Dataset, PublicPart};
use lazai::core::{Amount, Asset, ClassId, Signer, SubmissionId, TokenId};
use lazai::creator::{Creator, Proved};
use lazai::exex::{MintTerms, Minted};
use lazai::lora::BaseModel;
use lazai::lora::Candle;
use lazai::lora::train::TrainedFiles;
use lazai::lora::train::loss_plot;
use lazai::memory::Remembering;
use lazai::models::DatasetBuilder;
use lazai::node::{ReplySettings, SignedOffer};
use lazai::provider::{OfferTerms, Provider};
use lazai::settle::market::{Event, Transaction};
use lazai::settle::session::SessionPayment;
use lazai::store::{FolderStore, Store};
use lazai::validator::{ValidationError, Validator};
use lazai::zk::Proof;
use lazai_examples::diva::CONTRIBUTORS;
use lazai_examples::measure::{peak_rss_mb, perplexity_of};
use lazai_examples::{CyberDiva, Home, Tale, prover};
use serde_json::json;

use crate::facts;

/// What the consumer asks.
pub const QUESTIONS: [&str; 4] = [
    "Who are you, and where do you live?",
    "I lost my umbrella today.",
    "What is a comet?",
    "Sing me two lines before I go.",
];

/// AI gas for one token of the conversation, and of a reply: 18 decimals.
const PROMPT_PRICE: u128 = 1_000_000_000_003;
const COMPLETION_PRICE: u128 = 4_000_000_000_007;
/// What a session by quota is worth to the node: a reply at the ceilings, and something more.
const QUOTA_WORTH: u128 = 1_500_000_000_000_000;

pub fn deposit() -> anyhow::Result<SessionPayment> {
    Ok(SessionPayment::Deposit("50000000000000000".parse()?))
}

/// The dataset, packed once; its salts must not change between runs.
pub fn dataset(tale: &Tale, home: &Home, diva: &CyberDiva, base: &BaseModel) -> anyhow::Result<Dataset> {
    let bytes = home.once("creator/dataset.safetensors", || {
        let contributors = diva.contributors(|name| home.address(name));
        let packed = tale.wait("tokenizing dialogues, computing spectrograms", || {
            let now = home.ledger().now_s();
            let builder = DatasetBuilder::new(base.tokenizer(), base.template()).made_at(now).behind(&diva.card()?);
            anyhow::Ok(
                builder.with_contributors(contributors).with_recordings(&diva.recordings).build(&diva.dialogues)?,
            )
        });
        let (dataset, _) = packed?;
        Ok(dataset.to_bytes()?)
    })?;
    Ok(Dataset::from_bytes(&bytes)?)
}

/// The proof, made once, and how long it took.
pub fn proved(
    tale: &Tale,
    home: &Home,
    creator: &Creator,
    dataset: Dataset,
    public: PublicPart,
) -> anyhow::Result<(Proved, f64)> {
    let (mut draft, mut made) = (Some(creator.draft(1, dataset, public)?), None);
    let bytes = home.once("creator/proof.bin", || {
        let draft = draft.take().context("a draft is proved once")?;
        let started = Instant::now();
        let proved = tale.wait("proving in zero knowledge", || draft.prove(prover()))?;
        let bytes = proved.proof().to_bytes();
        made = Some((proved, started.elapsed().as_secs_f64()));
        Ok(bytes)
    })?;
    if let Some((proved, took_s)) = made {
        home.keep("creator/prove_s.json", &took_s)?;
        return Ok((proved, took_s));
    }
    let draft = draft.take().context("a draft that is not proved yet")?;
    let proved = draft.with_proof(Proof::from_bytes(&bytes)?)?;
    Ok((proved, home.kept("creator/prove_s.json")?.unwrap_or(0.0)))
}

pub fn signers(home: &Home) -> Vec<Arc<dyn Signer>> {
    CONTRIBUTORS.iter().map(|name| home.signer(name)).collect()
}

/// Offers one validator a tampered proof and another a tampered ciphertext; counts those who refuse.
pub async fn offer_tampered(
    tale: &Tale,
    home: &Home,
    validators: &[Validator],
    submission: SubmissionId,
) -> anyhow::Result<usize> {
    let market = home.ledger().market();
    let submitted = &market.submission(submission).context("submission")?.submission;
    let mut rejected = 0;
    for (validator, (what, digest)) in
        validators.iter().zip([("proof", submitted.proof), ("ciphertext", submitted.ciphertext)])
    {
        let folder = home.path("tampered").join(what);
        let tampered = FolderStore::new(&folder);
        for object in [submitted.proof, submitted.statement, submitted.ciphertext] {
            tampered.put(&home.store().get(object, 1 << 30).await?).await?;
        }
        let mut bytes = std::fs::read(tampered.path(digest))?;
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(tampered.path(digest), bytes)?;
        match validator.verify(submission, &tampered).await {
            Err(ValidationError::Store(e)) => {
                tale.say(format!("offered a tampered {what}, a validator refuses: {e}"));
                rejected += 1;
            }
            other => anyhow::bail!("a tampered {what} was not refused: {other:?}"),
        }
        std::fs::remove_dir_all(folder)?;
    }
    Ok(rejected)
}

/// Perplexity of held-out replies: bare base, base behind the card, tuned behind the card; and what each of them knows of the card.
/// Measured once.
pub fn measure(
    tale: &mut Tale,
    home: &Home,
    diva: &CyberDiva,
    model: &Candle,
    trained: &TrainedFiles,
    adapter: &Path,
) -> anyhow::Result<()> {
    let known: Option<serde_json::Value> = home.kept("exex/training.json")?;
    let noted = if let Some(noted) = known {
        noted
    } else {
        let bare: Vec<Vec<Message>> = diva.heldout.iter().map(|d| d.messages.clone()).collect();
        let card = diva.card()?;
        let prompted: Vec<_> = bare.iter().map(|messages| card.messages(messages)).collect();
        let tuned = tale.wait("measuring the tuned model", || perplexity_of(model, Some(adapter), &prompted))?;
        let plain = tale.wait("measuring the bare base", || perplexity_of(model, None, &bare))?;
        let prompted = tale.wait("measuring the prompted base", || perplexity_of(model, None, &prompted))?;
        let asked = if diva.is_short { &facts::FACTS[..1] } else { &facts::FACTS[..] };
        let facts = tale.wait("asking for what the card says", || facts::ask(model.base(), &card, adapter, asked))?;
        let loss = |loss: Option<&u64>| loss.map(|l| *l as f64 / 1e6);
        let noted = json!({
            "steps": trained.loss_micronats.len(),
            "tokens": trained.tokens,
            "tokens_per_s": trained.tokens_per_s,
            "loss_first": loss(trained.loss_micronats.first()),
            "loss_last": loss(trained.loss_micronats.last()),
            "heldout_perplexity_base": plain,
            "heldout_perplexity_prompted": prompted,
            "heldout_perplexity_tuned": tuned,
            "facts": facts,
            "peak_rss_mb": peak_rss_mb(),
            "adapter_digest": trained.adapter_digest,
        });
        home.keep("exex/training.json", &noted)?;
        let plot = loss_plot("The Cyber Diva learns", &trained.loss_micronats, &trained.evaluations);
        std::fs::write(home.path("exex/loss.svg"), plot)?;
        noted
    };
    tale.say(format!(
        "perplexity of held-out replies: {:.1} bare, {:.1} prompted, {:.1} tuned",
        noted["heldout_perplexity_base"].as_f64().unwrap_or_default(),
        noted["heldout_perplexity_prompted"].as_f64().unwrap_or_default(),
        noted["heldout_perplexity_tuned"].as_f64().unwrap_or_default(),
    ));
    let known = |who: &str| noted["facts"][who]["known"].as_u64().unwrap_or_default();
    tale.say(format!(
        "of {} facts of the card: {} known to the bare base, {} behind the card, {} tuned",
        noted["facts"]["questions"].as_array().map_or(0, Vec::len),
        known("base"),
        known("prompted"),
        known("tuned"),
    ));
    tale.note("training", noted);
    Ok(())
}

pub fn terms(diva: &CyberDiva) -> MintTerms {
    MintTerms {
        base_name: "SmolLM2-135M-Instruct".into(),
        base_licence: "Apache-2.0".into(),
        policy: diva.policy(),
        endpoints: vec!["local:node".into()],
    }
}

/// An access token of two sessions for the consumer: a gift of the creator's, without shares.
pub async fn access_token(home: &Home, class: ClassId) -> anyhow::Result<TokenId> {
    let mint = Transaction::MintToken { class, to: home.address("consumer"), value: 2, shares: 0, expire_at_s: 0 };
    let entry = home.account("creator").send("access for the consumer", mint).await?;
    let token = entry.events.iter().find_map(|event| match event {
        Event::Minted { token, .. } => Some(*token),
        _ => None,
    });
    token.context("no access token")
}

/// The consumer pays the creator for a session, who puts it aside for the class's quota.
pub async fn pay_for_quota(home: &Home, class: ClassId) -> anyhow::Result<()> {
    let (asset, amount) = (Asset::NATIVE, Amount::from_base_units(QUOTA_WORTH));
    let buy = Transaction::Transfer { to: home.address("creator"), asset, amount };
    home.account("consumer").send("a session by quota is paid", buy).await?;
    let sponsor = Transaction::Sponsor { class, asset, amount, per_unit: amount };
    home.account("creator").send("it is put aside for quota", sponsor).await?;
    Ok(())
}

/// Holds a conversation of some questions, going on where an earlier run stopped.
#[allow(clippy::too_many_arguments, reason = "everyone who takes part")]
pub async fn talk(
    tale: &Tale,
    home: &Home,
    provider: &Provider,
    consumer: &Consumer,
    minted: &Minted,
    nonce: u64,
    payment: SessionPayment,
    questions: &[&str],
    remembering: Option<&Remembering>,
) -> anyhow::Result<Conversation> {
    let file = format!("consumer/conversation-{nonce}.json");
    let mut conversation = match home.kept(&file)? {
        Some(conversation) => conversation,
        None => consumer.open(nonce, &offer(home, provider, minted, nonce).await?, payment).await?,
    };
    for (turn, question) in questions.iter().enumerate() {
        if let Some(answer) = conversation.messages.get(2 * turn + 1) {
            tale.say(format!("you: {question}\n  she: {}", answer.content));
            continue;
        }
        tale.stream(&format!("  you: {question}\n  she: "));
        let mut messages = conversation.messages.clone();
        messages.push(Message::new(Role::User, *question));
        if let Some(remembering) = remembering {
            messages = remembering.prepare(messages)?;
            let recalled = remembering.recalled().map(|recall| recall.lines).unwrap_or_default();
            tale.stream(&recalled.iter().map(|found| format!("(remembered: {}) ", found.line)).collect::<String>());
        }
        // A number of her own: the same words get the same reply of this node, however often it is started.
        let settings = ReplySettings { seed: Some(1), ..ReplySettings::default() };
        consumer.ask(&mut conversation, provider, messages, settings, &mut |text| tale.stream(text)).await?;
        tale.stream("\n");
        home.keep(&file, &conversation)?;
    }
    consumer.pay_owed(&mut conversation, provider).await?;
    home.keep(&file, &conversation)?;
    Ok(conversation)
}

/// The node's offer for a session, signed once.
async fn offer(home: &Home, provider: &Provider, minted: &Minted, nonce: u64) -> anyhow::Result<SignedOffer> {
    let file = format!("consumer/offer-{nonce}.json");
    if let Some(offer) = home.kept(&file)? {
        return Ok(offer);
    }
    let terms = OfferTerms {
        prompt_price: Amount::from_base_units(PROMPT_PRICE),
        completion_price: Amount::from_base_units(COMPLETION_PRICE),
        quota_deposit: Amount::from_base_units(QUOTA_WORTH),
        ..OfferTerms::free(minted.class, minted.version)
    };
    let offer = provider.offer(&terms, home.ledger().now_s() + 86_400).await?;
    home.keep(&file, &offer)?;
    Ok(offer)
}

/// Every contributor claims what her token earned.
pub async fn claim(home: &Home, class: ClassId, label: &str) -> anyhow::Result<()> {
    for name in CONTRIBUTORS {
        let market = home.ledger().market();
        let own = market.tokens_of(class).find(|(_, t)| t.owner == home.address(name) && t.shares > 0);
        let (token, _) = own.context("a contributor without a token")?;
        let transaction = Transaction::Claim { token, asset: Asset::NATIVE };
        home.account(name).send(&format!("claim {token} {label}"), transaction).await?;
    }
    Ok(())
}
