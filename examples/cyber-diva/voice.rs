//! The character's voice: trained beside her words, heard before and after, and paid for. And what she is told in one session, found
//! in another.

use std::sync::Arc;

use anyhow::Context;
use lazai::consumer::{Consumer, Conversation, TokenCounter};
use lazai::core::record::{VoiceConfig, VoiceKind, VoiceRecord};
use lazai::core::{Amount, Asset};
use lazai::exex::{ExEx, Minted, Training};
use lazai::memory::{Memory, MemoryKey, Remembering};
use lazai::provider::{Provider, VoiceTerms};
use lazai::speech::{Speaker as _, SpeechJob, SpeechManifest, SpeechSettings};
use lazai::voice::BaseVoice;
use lazai::voice::room::{Speech, VoiceProgress};
use lazai_examples::{Home, Tale};
use serde_json::json;

/// AI gas for one character of spoken text.
const CHARACTER_PRICE: u128 = 500_000_000_009;
/// What she says before and after: no recording has it.
const LINE: &str = "The city hums in a minor key, darling, and I have the harmony.";
/// What the consumer asks in a later session: what was said before is found by its words.
pub const ASKED: &str = "Do you remember what happened to my umbrella?";

/// Trains the voice in the ExEx's job; made once.
pub fn trained(
    tale: &mut Tale,
    home: &Home,
    training: &Training,
    voice: &BaseVoice,
    is_short: bool,
) -> anyhow::Result<Option<VoiceRecord>> {
    if let Some(record) = home.kept("exex/voice.json")? {
        return Ok(Some(record));
    }
    let config = if is_short { VoiceConfig { steps: 2, ..VoiceConfig::default() } } else { VoiceConfig::default() };
    let mut bar = tale.bar("training the voice");
    let record = training.run_voice(voice, &config, |progress| {
        if let VoiceProgress::Learning { step, steps, loss, left_s, .. } = progress {
            let left = left_s.map(|s| format!(", {s:.0} s left")).unwrap_or_default();
            bar(step.into(), steps.into(), format!("loss {loss:.3}{left}"));
        }
        true
    })?;
    let Some(record) = record else { return Ok(None) };
    home.keep("exex/voice.json", &record)?;
    let what = match record.kind {
        VoiceKind::Adapter => "an adapter of the base voice",
        VoiceKind::PitchAndPace => "pitch and pace alone: too little speech for her own voice",
    };
    let (seconds, first, last) = (
        record.speech_ms / 1_000,
        record.evaluations.first(),
        record.evaluations.iter().min_by_key(|e| e.loss_micronats),
    );
    tale.say(format!("{seconds} s of {} recordings became {what}", record.recordings));
    if let (Some(first), Some(last)) = (first, last) {
        let loss = |micros: u64| micros as f64 / 1e6;
        tale.say(format!(
            "distance to held-out recordings: {:.3} at first, {:.3} at step {}",
            loss(first.loss_micronats),
            loss(last.loss_micronats),
            last.step
        ));
    }
    tale.note("voice", json!(record));
    Ok(Some(record))
}

/// Lets the node speak, and writes what the base and the character make of one line.
pub fn served(
    tale: &Tale,
    home: &Home,
    exex: &ExEx,
    provider: Provider,
    voice: &BaseVoice,
    minted: &Minted,
) -> anyhow::Result<Provider> {
    let Some(record) = &minted.record.voice else { return Ok(provider) };
    let folder = exex.voice_folder(minted.record.submission);
    let terms = VoiceTerms {
        class: minted.class,
        version: minted.version,
        asset: Asset::NATIVE,
        character_price: Amount::from_base_units(CHARACTER_PRICE),
        character_ceiling: 1_000,
    };
    let speaker = Arc::new(voice.clone());
    let provider = provider.with_voice(speaker, Some((&folder, record.adapter_digest)), terms)?;
    for (name, adapter) in [("before", None), ("after", Some(record.adapter_digest))] {
        let job = SpeechJob { text: LINE.into(), adapter, speed_milli: 1_000, seed: 1 };
        let mut samples = Vec::new();
        voice.speak(&job, &mut |more| {
            samples.extend_from_slice(more);
            true
        })?;
        std::fs::write(home.path(&format!("{name}.wav")), Speech::of_pcm16(&samples, voice.about().rate).to_wav())?;
    }
    tale.say(format!("one line by the base voice and by hers: {}", home.path("{before,after}.wav").display()));
    Ok(provider)
}

/// Has her say her first reply aloud, once; paid in the session of the words.
pub async fn spoken(
    tale: &mut Tale,
    home: &Home,
    provider: &Provider,
    consumer: &Consumer,
    minted: &Minted,
    conversation: &mut Conversation,
) -> anyhow::Result<()> {
    if minted.record.voice.is_none() || !conversation.spoken.is_empty() {
        return Ok(());
    }
    let until_s = home.ledger().now_s() + 86_400;
    let terms = provider.speech_terms(minted.class, minted.version, until_s).await?.context("the node has no voice")?;
    // A cue between asterisks is no speech.
    let said = &conversation.messages[1].content;
    let said: String = said.split('*').step_by(2).collect();
    let talker = consumer.talker();
    let settings = SpeechSettings { speed_milli: 1_000, seed: Some(1) };
    let (reply, _) =
        talker.speak(conversation, provider, &terms, said.trim().to_owned(), settings, None, &mut |_| {}).await?;
    home.keep("consumer/conversation-1.json", conversation)?;
    let received = conversation.spoken.last().context("no receipt")?.clone();
    let domain = consumer.account().domain();
    let file = SpeechManifest::new(domain, received.terms, received.receipt.clone(), received.salt).wav(&reply.samples);
    std::fs::write(home.path("reply.wav"), file)?;
    let characters = received.receipt.receipt.characters;
    let price = Amount::from_base_units(CHARACTER_PRICE).checked_mul(characters)?;
    tale.say(format!(
        "she says her first reply aloud, {characters} characters for {price}: {}",
        home.path("reply.wav").display()
    ));
    tale.note("spoken", json!({"characters": characters, "price": price, "samples": reply.samples.len()}));
    Ok(())
}

/// The consumer's memory: a sealed file of the consumer's own.
pub async fn memory(home: &Home, counter: Arc<dyn TokenCounter>) -> anyhow::Result<Remembering> {
    let key = MemoryKey::of(&*home.signer("consumer's app")).await?;
    let memory = Memory::open(home.path("consumer/memory"), key)?;
    Ok(Remembering::new(memory, 96, Some(counter)))
}
