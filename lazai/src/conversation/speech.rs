//! Speech in a conversation: asked for, checked against what was agreed, and paid like a reply.

use lazai_core::dat::VoiceInfo;
use lazai_core::digest::DomainHasher;
use lazai_core::sign::{self, SignerError};
use lazai_core::{Amount, Digest, Domain, Signer, TypedData as _};
use lazai_settle::Market;
use lazai_settle::speech::{SpeechTerms, SpokenVoice};
use serde::{Deserialize, Serialize};

use super::Conversation;
use super::check::same;
use crate::consumer::ConsumerError;
use crate::node::NodeError;
use crate::speech::{
    SignedSpeechReceipt, SignedSpeechTerms, SpeechClaim, SpeechReply, SpeechRequest, SpeechSettings, audio_digest,
    request_digest,
};

/// The receipt of a text that was spoken, and what it was agreed under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceivedSpeech {
    /// The receipt.
    pub receipt: SignedSpeechReceipt,
    /// The terms.
    pub terms: SignedSpeechTerms,
    /// The salt of its digests.
    pub salt: Digest,
    /// The settings.
    #[serde(default)]
    pub settings: SpeechSettings,
    /// When it was received, in seconds since 1970, by the consumer's clock: nobody signs it. `None` if no clock was at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at_s: Option<u64>,
}

/// A text that was asked for: asked for again, it is under the same terms, for the node may have spoken it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedSpeech {
    /// The turn.
    pub turn: u32,
    /// Digest of text and settings, without a salt.
    pub text_digest: Digest,
    /// The terms.
    pub terms: SignedSpeechTerms,
}

/// Holds terms of speech to the ledger: a voice that is said to be the character's is the one that the token names.
///
/// # Errors
/// [`ConsumerError::Receipt`].
pub fn is_voice_of_token(terms: &SpeechTerms, market: &Market) -> Result<(), ConsumerError> {
    if terms.voice == SpokenVoice::Base {
        return Ok(());
    }
    let version = market.class(terms.class).and_then(|class| class.version(terms.version));
    let named = version.and_then(|version| version.metadata.voice);
    let said = VoiceInfo { base_digest: terms.base_digest, adapter_digest: terms.adapter_digest };
    same("voice that the token names", true, named == Some(said))
}

impl Conversation {
    /// The terms under which a text is asked for: those that a node tells now, or, of the very same request that did not come yet,
    /// those of that request.
    #[must_use]
    pub fn speech_terms<'t>(
        &'t self,
        told: &'t SignedSpeechTerms,
        text: &str,
        settings: &SpeechSettings,
    ) -> &'t SignedSpeechTerms {
        let (turn, digest) = (self.next_turn(), request_digest(Digest::ZERO, text, settings));
        let same = self.asked_under.as_ref().filter(|asked| (asked.turn, asked.text_digest) == (turn, digest));
        same.map_or(told, |asked| &asked.terms)
    }

    /// Signs a request for a text to be spoken under a node's terms. The same text gives the same request.
    ///
    /// # Errors
    /// [`ConsumerError::SpeechPrice`] if it costs more than `most`, [`ConsumerError::Unpaid`] if the last turn must be paid first, [`ConsumerError::Receipt`] if the terms are not of this
    /// session's node and version or do not allow the text, [`ConsumerError::Signer`].
    pub async fn speech_request(
        &self,
        domain: &Domain,
        signer: &dyn Signer,
        terms: &SignedSpeechTerms,
        text: String,
        settings: SpeechSettings,
        most: Amount,
    ) -> Result<SpeechRequest, ConsumerError> {
        if self.owes() {
            return Err(ConsumerError::Unpaid);
        }
        let terms = self.speech_terms(terms, &text, &settings);
        let SignedSpeechTerms { terms: agreed, signature } = terms;
        signature.verify(domain, agreed, self.offer.offer.node).map_err(ConsumerError::ReceiptSignature)?;
        same("terms of this session", true, agreed.belong_to(&self.offer.offer))?;
        let (session, turn) = (self.session, self.next_turn());
        let unsigned = SpeechRequest {
            session,
            turn,
            terms: terms.clone(),
            text,
            settings,
            salt: Digest::ZERO,
            signature: *signature,
        };
        same("characters within the terms", true, unsigned.characters() <= agreed.character_ceiling.into())?;
        let step = agreed.price(unsigned.characters())?;
        if step > most {
            return Err(ConsumerError::SpeechPrice { price: step, most });
        }
        same("sum within the deposit", true, self.owed().checked_add(step)? <= self.deposit)?;
        // The salt follows from a signature that only this signer can make: the same text gives the same request.
        let claim = SpeechClaim { terms: Digest::ZERO, request: Digest::ZERO, ..unsigned.claim() };
        let secret = sign::sign(signer, domain, &claim).await?;
        let salt = DomainHasher::new("lazai.request.salt.v1").part(secret.as_bytes()).finish();
        let mut request = SpeechRequest { salt, ..unsigned };
        request.signature = sign::sign(signer, domain, &request.claim()).await.map_err(|e: SignerError| e)?;
        Ok(request)
    }

    /// Forgets the terms of speech that a node refused, if they may be the reason: the next request is under its newer ones.
    pub fn refused_speech(&mut self, error: &NodeError) {
        if error.code() == "node.setting" {
            self.asked_under = None;
        }
    }

    /// Checks speech against the request and the terms, and adds it; returns whose voice it is, as the node says. On error, nothing has
    /// changed.
    ///
    /// # Errors
    /// [`ConsumerError::Receipt`], [`ConsumerError::ReceiptSignature`].
    pub fn accept_speech(
        &mut self,
        domain: &Domain,
        request: &SpeechRequest,
        reply: &SpeechReply,
    ) -> Result<SpokenVoice, ConsumerError> {
        let SignedSpeechReceipt { receipt, signature } = &reply.receipt;
        let terms = &request.terms.terms;
        signature.verify(domain, receipt, self.offer.offer.node).map_err(ConsumerError::ReceiptSignature)?;
        same("session", request.session, receipt.session)?;
        same("turn", request.turn, receipt.turn)?;
        same("turn", self.next_turn(), receipt.turn)?;
        same("terms digest", terms.hash_struct(), receipt.terms_digest)?;
        same("request digest", request.digest(), receipt.request_digest)?;
        same("characters", request.characters(), receipt.characters)?;
        same("samples", reply.samples.len() as u64, receipt.samples)?;
        same("sound", true, reply.samples.iter().any(|sample| *sample != 0))?;
        same("audio digest", audio_digest(request.salt, terms.sample_rate, &reply.samples), receipt.audio_digest)?;
        same("seed", request.settings.seed.unwrap_or(receipt.seed), receipt.seed)?;
        let price = terms.price(receipt.characters)?;
        same("sum owed", self.owed().checked_add(price)?, receipt.cumulative)?;
        same("sum within the deposit", true, receipt.cumulative <= self.deposit)?;
        let voice = terms.voice;
        let (receipt, terms, salt) = (reply.receipt.clone(), request.terms.clone(), request.salt);
        self.asked_under = None;
        self.spoken.push(ReceivedSpeech { receipt, terms, salt, settings: request.settings, received_at_s: None });
        Ok(voice)
    }
}

impl ReceivedSpeech {
    /// Tells whether a text is the one that was spoken.
    #[must_use]
    pub fn is_of(&self, text: &str) -> bool {
        request_digest(self.salt, text, &self.settings) == self.receipt.receipt.request_digest
    }
}
