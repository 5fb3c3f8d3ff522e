//! Speaking with the voices of the characters that a node serves.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "node")]
use lazai_core::Address;
use lazai_core::digest::DomainHasher;
use lazai_core::message::{Message, Role};
use lazai_core::sign::SignatureError;
use lazai_core::{Amount, Asset, ClassId, Digest, SignerError, TypedData as _, VersionNumber};
use lazai_settle::market::MarketError;
use lazai_settle::session::Session;
use lazai_settle::speech::{SpeechReceipt, SpeechTerms, SpokenVoice};

use super::Provider;
use super::page::{Begun, LastSpeech, Page};
use super::receipt::first_number;
use crate::node::{Asked, NodeError};
use crate::speech::{
    SignedSpeechReceipt, SignedSpeechTerms, SpeakError, Speaker, SpeechJob, SpeechReply, SpeechRequest, audio_digest,
};

/// Texts that are spoken at a time: each takes a core, and replies need the others.
const AT_ONCE: usize = 1;

/// Texts that may wait for that, before others are told to come back.
const WAITING: usize = 8;
/// How often a text that is owed is spoken again.
const AGAIN: u8 = 3;
/// Most seconds of sound of one request: what consumers read.
const MOST_SECONDS: usize = 600;

/// The error for terms that do not hold any more. The session may go on: only they do not.
fn over() -> NodeError {
    NodeError::Setting { setting: "terms".into(), reason: "of speech are over: the model tells others now".into() }
}

/// A node's price and limit for speaking with the voice of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceTerms {
    /// The class.
    pub class: ClassId,
    /// The version.
    pub version: VersionNumber,
    /// The asset of the price: that of the version's offer.
    pub asset: Asset,
    /// Price of one character of the text.
    pub character_price: Amount,
    /// Most characters of one request.
    pub character_ceiling: u32,
}

/// A voice that a node speaks with.
struct Voice {
    speaker: Arc<dyn Speaker>,
    is: SpokenVoice,
    /// `None` for the base's own voice.
    adapter: Option<Digest>,
    terms: VoiceTerms,
}

/// The voices of a node, by version.
pub(super) struct Voices {
    all: BTreeMap<(ClassId, VersionNumber), Voice>,
    free: async_lock::Semaphore,
    /// One for each request that speaks or waits.
    here: Arc<()>,
}

impl Voices {
    /// A place among those that wait; given back when it is dropped.
    fn wait(&self) -> Result<Arc<()>, NodeError> {
        let place = self.here.clone();
        // One is of the voices themselves.
        if Arc::strong_count(&place) > 1 + AT_ONCE + WAITING {
            return Err(NodeError::Busy { reason: "enough texts wait to be spoken" });
        }
        Ok(place)
    }
}

impl Default for Voices {
    fn default() -> Self {
        Self { all: BTreeMap::new(), free: async_lock::Semaphore::new(AT_ONCE), here: Arc::default() }
    }
}

impl Provider {
    /// Speaks for a version: with the voice in a folder (an adapter in PEFT's files, or pitch and pace), whose digest is given, or with
    /// the base's own. The terms say which it is.
    ///
    /// # Errors
    /// [`SpeakError`] if the adapter cannot be loaded, or is another.
    pub fn with_voice(
        mut self,
        speaker: Arc<dyn Speaker>,
        adapter: Option<(&Path, Digest)>,
        terms: VoiceTerms,
    ) -> Result<Self, SpeakError> {
        let mut is = SpokenVoice::Base;
        if let Some((folder, expected)) = adapter {
            let (loaded, found) = speaker.load_voice(folder)?;
            if found != expected {
                return Err(SpeakError::new(format!("the voice's file has digest {found}, {expected} is expected")));
            }
            is = loaded;
        }
        let adapter = adapter.map(|(_, digest)| digest);
        self.voices.all.insert((terms.class, terms.version), Voice { speaker, is, adapter, terms });
        Ok(self)
    }

    /// Signs the terms for speaking with the voice of a version, valid up to a time (seconds since 1970); `None` if the node does not.
    ///
    /// # Errors
    /// The signer's error.
    pub async fn speech_terms(
        &self,
        class: ClassId,
        version: VersionNumber,
        valid_until_s: u64,
    ) -> Result<Option<SignedSpeechTerms>, SignerError> {
        let Some(voice) = self.voices.all.get(&(class, version)) else { return Ok(None) };
        let terms = SpeechTerms {
            node: self.address(),
            class,
            version,
            asset: voice.terms.asset,
            character_price: voice.terms.character_price,
            character_ceiling: voice.terms.character_ceiling,
            base_digest: voice.speaker.about().base_digest,
            voice: voice.is,
            adapter_digest: voice.adapter.unwrap_or(Digest::ZERO),
            sample_rate: voice.speaker.about().rate,
            valid_until_s,
            series: self.series(),
        };
        let signature = self.account.sign(&terms).await?;
        Ok(Some(SignedSpeechTerms { terms, signature }))
    }

    /// As [`Node::speak`](crate::node::Node::speak), for as long as it is wanted.
    ///
    /// # Errors
    /// [`NodeError`]; [`NodeError::Left`] for speech that nobody wanted.
    pub async fn speak_while(
        &self,
        request: &SpeechRequest,
        wanted: &(dyn Fn() -> bool + Sync),
        on_samples: &mut (dyn FnMut(&[i16]) + Send),
    ) -> Result<SpeechReply, NodeError> {
        let admission = tracing::info_span!("admission");
        self.learn_of(request.session).await?;
        self.check_speech_signed(request)?;
        self.see(request.session).await?;
        let asked = request.asked();
        let first = self.first_in_line(&asked, wanted).await?;
        let wanted = || wanted() || first.is_waited_for();
        let page = self.page(request.session).await?;
        let session = self.session(request.session)?;
        let before = page.spoken.clone().filter(|last| (last.turn, last.request) == (asked.turn, asked.digest));
        if let Some(last) = before {
            return self.speak_again(&session, request, last, &wanted, on_samples).await;
        }
        let admitted = self.admit_speech(&session, &page, request, &asked);
        if let Err(NodeError::Moderated { .. }) = &admitted {
            self.count_moderated(request.session).await?;
        }
        admitted?;
        let voice = self.voice_for(request)?;
        let left = page.begun.is_some_and(|begun| begun.left);
        let begin = |begun| {
            self.change(request.session, move |page| {
                page.is_next(&asked)?;
                page.begun = begun;
                Ok(())
            })
        };
        let begun = Begun { turn: asked.turn, request: asked.digest, left };
        begin(Some(begun)).await?;
        let seed = self.speech_seed(request).await?;
        drop(admission);
        let spoken = self.spoken(voice, request, seed, &|| left || wanted(), on_samples).await;
        match &spoken {
            Err(NodeError::Left) => begin(Some(Begun { left: true, ..begun })).await?,
            // Nothing is owed for what was heard of it: other words may be said instead.
            Err(_) => begin(None).await?,
            Ok(_) => {}
        }
        let samples = spoken?;
        let _receipt = tracing::info_span!("receipt");
        let price = request.terms.terms.price(request.characters())?;
        let receipt = self.receipt_of(request, seed, &samples, page.owed.checked_add(price)?).await?;
        let owed = receipt.receipt.cumulative;
        let kept = LastSpeech { turn: asked.turn, request: asked.digest, receipt: receipt.clone(), price, again: 0 };
        let keep = self.change(request.session, |page| {
            page.is_next(&asked)?;
            page.owed = owed;
            page.spoken = Some(kept.clone());
            page.begun = None;
            Ok(())
        });
        keep.await?;
        Ok(SpeechReply { samples, receipt })
    }

    /// The signed receipt of what was spoken for a request.
    async fn receipt_of(
        &self,
        request: &SpeechRequest,
        seed: u64,
        samples: &[i16],
        cumulative: Amount,
    ) -> Result<SignedSpeechReceipt, NodeError> {
        let terms = &request.terms.terms;
        let receipt = SpeechReceipt {
            session: request.session,
            turn: request.turn,
            terms_digest: terms.hash_struct(),
            request_digest: request.digest(),
            audio_digest: audio_digest(request.salt, terms.sample_rate, samples),
            characters: request.characters(),
            samples: samples.len() as u64,
            seed,
            cumulative,
        };
        let signature = self.account.sign(&receipt).await?;
        Ok(SignedSpeechReceipt { receipt, signature })
    }

    /// Speaks once more what is owed already: for a client that lost the sound. Under other terms at the same price, or with a voice
    /// that sounds other by now, it is signed anew: the sum stays.
    async fn speak_again(
        &self,
        session: &Session,
        request: &SpeechRequest,
        last: LastSpeech,
        wanted: &(dyn Fn() -> bool + Sync),
        on_samples: &mut (dyn FnMut(&[i16]) + Send),
    ) -> Result<SpeechReply, NodeError> {
        if last.again >= AGAIN {
            let reason = "it was spoken again often enough: what is owed for it can be paid all the same";
            return Err(NodeError::NotServed { session: request.session, reason });
        }
        let terms = &request.terms.terms;
        if terms.hash_struct() != last.receipt.receipt.terms_digest {
            self.check_speech_terms(session, request)?;
            if terms.price(request.characters())? != last.price {
                let reason = "have another price than what is owed for the text".into();
                return Err(NodeError::Setting { setting: "terms".into(), reason });
            }
        }
        let voice = self.voice_for(request)?;
        let claimed = &last.receipt.receipt;
        let samples = self.spoken(voice, request, claimed.seed, wanted, on_samples).await?;
        let receipt = self.receipt_of(request, claimed.seed, &samples, claimed.cumulative).await?;
        let receipt = if receipt.receipt == *claimed { last.receipt.clone() } else { receipt };
        let kept = LastSpeech { receipt: receipt.clone(), again: last.again + 1, ..last };
        let keep = self.change(request.session, |page| {
            // Whoever went on meanwhile has paid for it.
            if page.turn() == kept.turn {
                page.spoken = Some(kept.clone());
            }
            Ok(())
        });
        keep.await?;
        Ok(SpeechReply { samples, receipt })
    }

    /// Checks that the session's consumer signed a request, before it waits.
    fn check_speech_signed(&self, request: &SpeechRequest) -> Result<(), NodeError> {
        let consumer = self.consumer_of(request.session)?;
        let checked = request.signature.verify(&self.account.domain(), &request.claim(), consumer);
        checked.map_err(|source: SignatureError| MarketError::Signature { what: "speech request", source }.into())
    }

    /// The consumer whose key signed a request of a session.
    #[cfg(feature = "node")]
    pub(crate) async fn speaker_of(&self, request: &SpeechRequest) -> Result<Address, NodeError> {
        self.learn_of(request.session).await?;
        self.check_speech_signed(request)?;
        self.consumer_of(request.session)
    }

    /// All other checks before anything is spoken.
    fn admit_speech(
        &self,
        session: &Session,
        page: &Page,
        request: &SpeechRequest,
        asked: &Asked,
    ) -> Result<(), NodeError> {
        page.is_next(asked)?;
        let setting = |setting: &str, reason: String| NodeError::Setting { setting: setting.into(), reason };
        request.settings.check().map_err(|bad| setting(bad.setting, bad.reason))?;
        self.check_speech_terms(session, request)?;
        let terms = &request.terms.terms;
        let (characters, most) = (request.characters(), u64::from(terms.character_ceiling));
        if characters == 0 || characters > most {
            return Err(setting("input", format!("{characters} characters, from 1 to {most} are spoken")));
        }
        self.check_standing(session, page, terms.price(characters)?)?;
        // Words that a consumer puts into a character's mouth: they must pass as both.
        let said = [Message::new(Role::User, request.text.clone())];
        if let Some(reason) = self.moderator.before(&said).or_else(|| self.moderator.after(&request.text)) {
            return Err(NodeError::Moderated { reason });
        }
        Ok(())
    }

    /// Checks that the terms of a request are this node's, of its session, and not over.
    fn check_speech_terms(&self, session: &Session, request: &SpeechRequest) -> Result<(), NodeError> {
        let SignedSpeechTerms { terms, signature } = &request.terms;
        let signed = signature.verify(&self.account.domain(), terms, self.address());
        signed.map_err(|source| MarketError::Signature { what: "speech terms", source })?;
        if !terms.belong_to(&session.offer) {
            let reason = "the terms of speech are of another version or asset than its offer";
            return Err(NodeError::NotServed { session: request.session, reason });
        }
        if terms.valid_until_s < self.account.ledger().now_s() || terms.series != self.series() {
            return Err(over());
        }
        Ok(())
    }

    /// The voice that a request's terms name, if the node still has it.
    fn voice_for(&self, request: &SpeechRequest) -> Result<&Voice, NodeError> {
        let terms = &request.terms.terms;
        let found = self.voices.all.get(&(terms.class, terms.version)).filter(|voice| {
            let about = voice.speaker.about();
            let agreed = (terms.base_digest, terms.voice, terms.adapter_digest, terms.sample_rate);
            (about.base_digest, voice.is, voice.adapter.unwrap_or(Digest::ZERO), about.rate) == agreed
        });
        found.ok_or_else(over)
    }

    /// The samples of a request. The work is done on a thread of its own.
    async fn spoken(
        &self,
        voice: &Voice,
        request: &SpeechRequest,
        seed: u64,
        wanted: &(dyn Fn() -> bool + Sync),
        on_samples: &mut (dyn FnMut(&[i16]) + Send),
    ) -> Result<Vec<i16>, NodeError> {
        // Until there are samples, and from these on.
        let (mut phase, mut has_begun) = (tracing::info_span!("waiting"), false);
        let _waiting = self.voices.wait()?;
        let _free = self.voices.free.acquire().await;
        if !wanted() {
            return Err(NodeError::Left);
        }
        let (text, speed_milli) = (request.text.clone(), request.settings.speed_milli);
        let job = SpeechJob { text, adapter: voice.adapter, speed_milli, seed };
        let speaker = voice.speaker.clone();
        let (tell, phrases) = async_channel::bounded::<Vec<i16>>(1);
        let speaking =
            blocking::unblock(move || speaker.speak(&job, &mut |samples| tell.send_blocking(samples.to_vec()).is_ok()));
        let mut all = Vec::new();
        let most = MOST_SECONDS * request.terms.terms.sample_rate as usize;
        while let Ok(phrase) = phrases.recv().await {
            if !std::mem::replace(&mut has_begun, true) {
                phase = tracing::info_span!("generation");
            }
            if all.len() + phrase.len() > most {
                let reason = format!("is more than {MOST_SECONDS} s of speech: ask for it in parts");
                return Err(NodeError::Setting { setting: "input".into(), reason });
            }
            on_samples(&phrase);
            all.extend_from_slice(&phrase);
            if !wanted() {
                return Err(NodeError::Left);
            }
        }
        speaking.await.map_err(|error| NodeError::Generation { reason: format!("speech: {error}") })?;
        if all.is_empty() {
            let reason = "nothing in it can be spoken".to_owned();
            return Err(NodeError::Setting { setting: "input".into(), reason });
        }
        drop(phase);
        Ok(all)
    }

    /// The seed of a voice's noise; as [`Provider::seed`](Self::seed), it tells nothing of the text.
    async fn speech_seed(&self, request: &SpeechRequest) -> Result<u64, NodeError> {
        if let Some(number) = request.settings.seed {
            // Who knows text and number may hear the same anywhere: no secret is part of it.
            return Ok(number);
        }
        let hasher = DomainHasher::new("lazai.seed.v2").part(&self.book.secret().await?).part(b"speech");
        Ok(first_number(hasher.part(request.session.as_bytes()).part(request.digest().as_bytes()).finish()))
    }
}
