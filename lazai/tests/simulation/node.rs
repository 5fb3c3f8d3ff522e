//! The nodes of the simulated market: providers as they are in the product, with words of a stand-in, in a process that may
//! die at every step of a reply; and one that overcharges.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use futures_lite::stream;
use lazai::Account;
use lazai::core::digest::{DomainHasher, canonical_json, sha256};
use lazai::core::message::Message;
use lazai::core::sign::{SignFuture, SigningRequest, signing_digest};
use lazai::core::{Address, Amount, ClassId, Digest, LocalSigner, Signer, VersionNumber};
use lazai::lora::generate::{Event, GenerateJob, Generation, Reply, Sampler};
use lazai::lora::{About, GenerateError, Generator};
use lazai::node::{ChatReply, ChatRequest, Node, NodeError, NodeFuture, SignedVoucher};
use lazai::provider::{Provider, VoiceTerms};
use lazai::settle::ledger::EvmLedger;
use lazai::settle::speech::SpokenVoice;
use lazai::speech::{AboutSpeaker, SpeakError, Speaker, SpeechJob, SpeechReply, SpeechRequest};
use pollster::block_on;

use super::network::COIN;
use super::world::signer;

/// Classes of a market, and versions of a class, at most: one submission an act, and the first.
const MOST: u64 = super::ACTS as u64 + 1;
/// Tokens of every reply.
pub const REPLY_TOKENS: u64 = 7;

/// How long a process lives: calls and steps until it dies; below zero it does not.
#[derive(Debug, Clone)]
pub struct Life(pub Arc<AtomicI64>);

/// What unwinds a process that dies: what it would have done next, it does not do.
struct Killed;

impl Life {
    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    /// One more step; nobody survives the last.
    fn step(&self) {
        let left = self.0.load(Ordering::SeqCst);
        if left > 0 {
            self.0.store(left - 1, Ordering::SeqCst);
        }
        if left == 0 || left == 1 {
            // As a panic, but for the hook that would tell of it.
            std::panic::resume_unwind(Box::new(Killed));
        }
    }
}

/// A model whose words follow from what was asked and from the seed.
#[derive(Debug)]
struct StandIn {
    about: About,
    life: Life,
    /// True if a reply takes long enough for others to come in between.
    slow: Arc<AtomicBool>,
}

impl Generator for StandIn {
    fn about(&self) -> &About {
        &self.about
    }
    fn load_adapter(&self, _: &Path) -> Result<Digest, GenerateError> {
        Ok(sha256(b"adapter"))
    }
    fn prompt_tokens(&self, messages: &[Message]) -> Result<u64, GenerateError> {
        self.life.step();
        Ok(10 + messages.len() as u64)
    }
    fn generate(&self, job: GenerateJob) -> Generation {
        self.life.step();
        if self.slow.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_micros(500));
        }
        let asked = canonical_json(&job.messages).expect("messages hold strings only");
        let words = DomainHasher::new("said").part(&asked).part(&job.seed.to_le_bytes()).finish();
        let (first, rest) = ("so it is, ".to_owned(), words.to_string());
        let tokens = words.as_bytes().iter().take(REPLY_TOKENS as usize).map(|byte| u32::from(*byte)).collect();
        let text = format!("{first}{rest}");
        let reply = Reply { text, tokens, prompt_tokens: 10 + job.messages.len() as u64, ..Reply::default() };
        let life = self.life.clone();
        let mut events = [Event::Text(first), Event::Text(rest), Event::Done(Ok(reply))].into_iter().enumerate();
        // On the thread of whoever listens, which is the process that dies.
        Generation::new(stream::iter(std::iter::from_fn(move || {
            let (place, event) = events.next()?;
            if place == 1 {
                // Something was heard: the worst moment to die.
                life.step();
            }
            Some(event)
        })))
    }
}

/// A voice whose samples follow from the text.
#[derive(Debug)]
struct Voice(AboutSpeaker);

impl Speaker for Voice {
    fn about(&self) -> &AboutSpeaker {
        &self.0
    }
    fn load_voice(&self, _: &Path) -> Result<(SpokenVoice, Digest), SpeakError> {
        Ok((SpokenVoice::Character, sha256(b"voice")))
    }
    fn speak(&self, job: &SpeechJob, on_samples: &mut dyn FnMut(&[i16]) -> bool) -> Result<(), SpeakError> {
        for byte in sha256(job.text.as_bytes()).as_bytes() {
            if !on_samples(&[i16::from(*byte) + 1]) {
                break;
            }
        }
        Ok(())
    }
}

/// The price of a character.
pub const CHARACTER_PRICE: u64 = 5;

/// A key of a process that may die as it signs.
struct Mortal(Arc<LocalSigner>, Life);

impl Signer for Mortal {
    fn address(&self) -> Address {
        self.0.address()
    }
    fn sign(&self, request: SigningRequest) -> SignFuture<'_> {
        self.1.step();
        self.0.sign(request)
    }
}

/// A node as its clients meet it.
#[derive(Clone)]
pub struct Served {
    pub provider: Arc<Provider>,
    pub life: Life,
    slow: Arc<AtomicBool>,
    name: &'static str,
}

impl Served {
    /// Opens a node from its folder: new, or as its last process left it.
    pub fn open(name: &'static str, ledger: EvmLedger, life: Life, folder: &Path) -> Self {
        let about = About::new("base".into(), sha256(b"base"), sha256(b"tokenizer"), "cpu".into());
        let slow = Arc::new(AtomicBool::new(false));
        let model = Arc::new(StandIn { about, life: life.clone(), slow: slow.clone() });
        let account = Account::new(Arc::new(ledger), Arc::new(Mortal(signer(name), life.clone())));
        let voice = Arc::new(Voice(AboutSpeaker { base_digest: sha256(b"base voice"), rate: 8_000 }));
        let mut provider =
            Provider::new(account, model, folder).with_sampler(Sampler { max_tokens: 10, ..Sampler::default() });
        for (class, version) in (1..=MOST).flat_map(|class| (1..=MOST).map(move |version| (class, version))) {
            let version = VersionNumber(version as u32);
            let class = ClassId(class);
            provider = provider.with_adapter(class, version, folder, sha256(b"adapter")).unwrap();
            let character_price = Amount::from_base_units(CHARACTER_PRICE.into());
            let terms = VoiceTerms { class, version, asset: COIN, character_price, character_ceiling: 100 };
            provider = provider.with_voice(voice.clone(), Some((folder, sha256(b"voice"))), terms).unwrap();
        }
        Self { provider: Arc::new(provider), life, slow, name }
    }

    /// Has the node do something; nothing comes of it for whoever waits if the process dies meanwhile.
    pub fn live<T>(&self, what: impl FnOnce(&Provider) -> T) -> Option<T> {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| what(&self.provider)));
        match done {
            Ok(done) => Some(done).filter(|_| !self.life.is_over()),
            Err(end) if end.is::<Killed>() => None,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Makes replies take some time while something is done.
    pub fn slowly<T>(&self, what: impl FnOnce(&Provider) -> T) -> T {
        self.slow.store(true, Ordering::SeqCst);
        let done = what(&self.provider);
        self.slow.store(false, Ordering::SeqCst);
        done
    }

    /// What the crook makes of a receipt: one more than the price, and signed.
    fn overcharge(&self, mut reply: ChatReply) -> ChatReply {
        let receipt = &mut reply.receipt.receipt;
        receipt.cumulative = receipt.cumulative.checked_add(Amount::from_base_units(1)).unwrap();
        let digest = signing_digest(self.provider.ledger().market().domain(), receipt);
        reply.receipt.signature = signer(self.name).sign_digest(digest);
        reply
    }

    /// The same, of speech.
    fn overcharge_speech(&self, mut reply: SpeechReply) -> SpeechReply {
        let receipt = &mut reply.receipt.receipt;
        receipt.cumulative = receipt.cumulative.checked_add(Amount::from_base_units(1)).unwrap();
        let digest = signing_digest(self.provider.ledger().market().domain(), receipt);
        reply.receipt.signature = signer(self.name).sign_digest(digest);
        reply
    }

    fn died<T>() -> Result<T, NodeError> {
        Err(NodeError::Transport { reason: "the node died".into() })
    }
}

impl Node for Served {
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        Box::pin(async move {
            let reply = self.live(|provider| block_on(provider.chat(request, on_text))).unwrap_or_else(Self::died);
            if self.name == "crook" { reply.map(|reply| self.overcharge(reply)) } else { reply }
        })
    }

    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()> {
        Box::pin(async move { self.live(|provider| block_on(provider.pay(voucher))).unwrap_or_else(Self::died) })
    }

    fn speak<'a>(
        &'a self,
        request: &'a SpeechRequest,
        on_samples: &'a mut (dyn FnMut(&[i16]) + Send),
    ) -> NodeFuture<'a, SpeechReply> {
        Box::pin(async move {
            let reply = self.live(|provider| block_on(provider.speak(request, on_samples))).unwrap_or_else(Self::died);
            if self.name == "crook" { reply.map(|reply| self.overcharge_speech(reply)) } else { reply }
        })
    }
}
