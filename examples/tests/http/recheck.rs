//! Replies that are repeated: honest ones are the same bit by bit, and a node that serves something else is told by its own signature.

use std::path::Path;

use lazai::lora::generate::{GenerateJob, Generation};
use lazai::lora::recheck::{RepeatSettings, Repeated, Repeater};
use lazai::lora::{About, Engine, EngineSettings, GenerateError, Generator, WeightFormat};
use lazai::recheck::{RecheckError, ReplyEvidence, recheck};
use lazai_examples::stage::base_path;

use super::command_line::command;
use super::proxy::{at_most, proxy_to};
use super::*;

/// Serves the bare base, whatever adapter its receipts name.
#[derive(Debug)]
struct Bare(Arc<Engine>);

impl Generator for Bare {
    fn about(&self) -> &About {
        self.0.about()
    }

    fn load_adapter(&self, folder: &Path) -> Result<lazai::core::Digest, GenerateError> {
        self.0.load_adapter(folder)
    }

    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        self.0.prompt_tokens(messages)
    }

    fn generate(&self, job: GenerateJob) -> Generation {
        self.0.generate(GenerateJob { adapter: None, ..job })
    }
}

/// A node on a generator: its URL.
async fn node(served: &Served, name: &str, generator: Arc<dyn Generator>) -> String {
    let (stage, minted) = (&served.stage, &served.minted);
    let folder = stage.exex().adapter_folder(minted.record.submission);
    let provider = Provider::new(stage.home.account(name), generator, stage.home.path(name))
        .with_adapter(minted.class, minted.version, &folder, minted.record.adapter_digest)
        .unwrap();
    let front = Front::new(Arc::new(provider), vec![Stage::offer_terms(minted)]);
    listen(front.router()).await
}

/// Evidence of a second reply, in a session of its own.
async fn evidence(served: &Served, nonce: u64, url: &str) -> ReplyEvidence {
    let node = HttpNode::new(url).unwrap();
    let offer = node.models().await.unwrap().remove(0).offer;
    let consumer = served.stage.consumer().unwrap();
    let mut conversation = consumer.open(nonce, &offer, deposit(10_000)).await.unwrap();
    for words in ["Who are you?", "And where do you live?"] {
        consumer.say(&mut conversation, &node, words, &mut |_| {}).await.unwrap();
    }
    assert!(conversation.receipts[0].trail.is_none() && conversation.receipts[1].trail.is_some());
    let domain = served.stage.home.ledger().market().domain().clone();
    ReplyEvidence::of(&conversation, &domain).unwrap()
}

pub async fn a_reply_is_repeated_by_anyone(served: &Served) {
    let base = base_path().unwrap();
    let engine = Arc::new(Engine::open(&base, WeightFormat::AsStored, EngineSettings::default()).unwrap());
    let honest = node(served, "an honest node", engine.clone()).await;
    let liar = node(served, "a node without the adapter", Arc::new(Bare(engine))).await;
    let folder = served.stage.exex().adapter_folder(served.minted.record.submission);
    let mut repeater = Repeater::open(&base, WeightFormat::AsStored, &RepeatSettings::default()).unwrap();
    repeater.load_adapter(&folder).unwrap();

    let kept = evidence(served, 7_001, &honest).await;
    assert_eq!(recheck(&kept, &mut repeater).unwrap(), Repeated::Same);
    // What it says of another adapter is signed, and false.
    let false_word = evidence(served, 7_002, &liar).await;
    let told = recheck(&false_word, &mut repeater).unwrap();
    assert!(matches!(told, Repeated::OtherScores { token: 0, .. }), "{told}");
    changed_evidence_is_refused(&kept, &false_word);
    a_proxy_keeps_evidence(served, &honest, &base, &folder).await;
}

/// Nothing in evidence can be changed without its signatures.
fn changed_evidence_is_refused(kept: &ReplyEvidence, other: &ReplyEvidence) {
    let bytes = kept.to_bytes().unwrap();
    assert_eq!(ReplyEvidence::from_bytes(&bytes).unwrap(), *kept);
    let changes: [fn(&mut ReplyEvidence, &ReplyEvidence); 12] = [
        |evidence, _| evidence.format += "1",
        |evidence, _| evidence.domain.chain_id += 1,
        |evidence, _| evidence.offer.offer.completion_ceiling += 1,
        |evidence, other| evidence.offer = other.offer.clone(),
        |evidence, _| evidence.messages[0].content += "!",
        |evidence, _| evidence.text += "!",
        |evidence, _| evidence.reply.tokens[0] ^= 1,
        |evidence, _| evidence.reply.settings.seed = Some(1),
        |evidence, _| evidence.reply.receipt.receipt.seed += 1,
        |evidence, other| evidence.reply.trail = other.reply.trail.clone(),
        |evidence, _| evidence.reply.trail.as_mut().unwrap().machine += "1",
        |evidence, _| evidence.reply.trail.as_mut().unwrap().sampler["top_k"] = 7.into(),
    ];
    for (i, change) in changes.into_iter().enumerate() {
        let mut changed = kept.clone();
        change(&mut changed, other);
        let refused = ReplyEvidence::from_bytes(&serde_json::to_vec(&changed).unwrap()).unwrap_err();
        let is_told = matches!(refused, RecheckError::Evidence { .. } | RecheckError::Signature { .. });
        assert!(is_told, "change {i}: {refused}");
    }
    let mut without = kept.clone();
    without.reply.trail = None;
    assert!(matches!(without.check(), Err(RecheckError::NoTrail)));
    let mut large = kept.clone();
    large.reply.trail.as_mut().unwrap().trail.resize(100_000, 0);
    assert!(matches!(large.check(), Err(RecheckError::Malformed { .. })));
    assert!(matches!(ReplyEvidence::from_bytes(&vec![b' '; 17 << 20]), Err(RecheckError::Malformed { .. })));
}

/// Stock clients know nothing of it: their proxy keeps the evidence, and the command line repeats the reply.
async fn a_proxy_keeps_evidence(served: &Served, url: &str, base: &Path, adapter: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let proxy = proxy_to(served, url, "keeps evidence", at_most(20_000, 5_000)).await;
    let proxy = proxy.with_evidence(folder.path().join("evidence"));
    let (proxied, serving) = listen_for_now(proxy.router()).await;
    let (status, body, _) = call(format!("{proxied}/v1/chat/completions"), json_type(), question("dat:1:1")).await;
    assert_eq!(status, 200, "{body}");
    assert!(body["lazai"]["trail"].is_null());
    let files: Vec<_> = std::fs::read_dir(folder.path().join("evidence")).unwrap().collect();
    assert_eq!(files.len(), 1);
    let file = files.into_iter().next().unwrap().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "others read what was said");
    }
    let text = |path: &Path| path.display().to_string();
    let verb = ["recheck".into(), text(&file.path()), "--base".into(), text(base), "--adapter".into(), text(adapter)];
    let market = ["--market".to_owned(), text(&served.stage.home.path(""))];
    let (code, told) = command([&verb[..], &market].concat(), "").await;
    assert_eq!(
        (code, told[0]["outcome"].as_str(), told[0]["holds"].as_bool()),
        (0, Some("same"), Some(true)),
        "{told:?}"
    );
    // By plain loops, not bit by bit: states deviate, and a token at the edge of its draw may come out as another.
    let (code, told) = command([&verb[..], &["--portable".into()]].concat(), "").await;
    let outcome = told[0]["outcome"].as_str();
    assert!(matches!((code, outcome), (0, Some("within")) | (1, Some("other_words"))), "{code} {told:?}");
    // What the proxy kept gives the same evidence again.
    let again = text(&folder.path().join("again"));
    let receipts =
        ["receipts".into(), text(&served.stage.home.path("keeps evidence")), "--evidence".into(), again.clone()];
    let (code, told) = command([&receipts[..], &market].concat(), "").await;
    assert_eq!(code, 0, "{told:?}");
    let kept = std::fs::read(Path::new(&again).join(file.file_name())).unwrap();
    let [kept, first] =
        [kept, std::fs::read(file.path()).unwrap()].map(|bytes| ReplyEvidence::from_bytes(&bytes).unwrap());
    assert_eq!(kept, first);
    serving.abort();
}
