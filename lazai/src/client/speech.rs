//! A session that speaks.

use lazai_core::{Amount, Domain};
use lazai_settle::speech::SpokenVoice;

use super::{Saying, Session};
use crate::consumer::ConsumerError;
use crate::conversation::{ReceivedSpeech, is_voice_of_token};
use crate::node::NodeError;
use crate::speech::{SignedSpeechTerms, SpeechManifest, SpeechSettings};
use crate::wire::talk::model_id;

/// A text that was spoken, checked and paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Speech {
    /// The samples: one channel, 16 bits.
    pub samples: Vec<i16>,
    /// Its receipt and terms.
    pub received: ReceivedSpeech,
    /// Whose voice it is, as the node claims.
    pub voice: SpokenVoice,
    domain: Domain,
}

impl Speech {
    /// Samples a second.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.received.terms.terms.sample_rate
    }

    /// A WAV file, with a signed note that it is synthetic: [`SpeechManifest`].
    #[must_use]
    pub fn wav(&self) -> Vec<u8> {
        let ReceivedSpeech { terms, receipt, salt, .. } = self.received.clone();
        SpeechManifest::new(self.domain.clone(), terms, receipt, salt).wav(&self.samples)
    }
}

impl Session {
    /// The terms under which the node speaks with this character's voice now; `None` if it does not. The price of a text is
    /// [`SpeechTerms::price`](lazai_settle::speech::SpeechTerms::price) of its
    /// [`characters`](lazai_settle::speech::characters).
    ///
    /// # Errors
    /// [`ConsumerError::Node`]; [`ConsumerError::Receipt`] if the node says that another voice than the token's is the character's.
    pub async fn speech_terms(&self) -> Result<Option<SignedSpeechTerms>, ConsumerError> {
        let offer = self.conversation().offer.offer;
        let id = model_id(offer.class, offer.version);
        let found = self.0.node.models().await?.into_iter().find(|model| model.id == id);
        let terms = found.and_then(|model| model.speech);
        if let Some(SignedSpeechTerms { terms, .. }) = &terms {
            is_voice_of_token(terms, &self.0.consumer.account().ledger().market())?;
        }
        Ok(terms)
    }

    /// Has a text spoken with the character's voice, checks the sound against its receipt, and pays for it: at most `most`, by default what
    /// one reply may cost under the session's offer ([`ConsumerError::SpeechPrice`] beyond it). `on_samples` gets the
    /// samples phrase by phrase as they come, before they are checked.
    ///
    /// ```no_run
    /// # async fn speak(session: lazai::Session) -> Result<(), Box<dyn std::error::Error>> {
    /// let speech = session.speak("The city never sleeps.", Default::default(), None, &mut |_| {}).await?;
    /// std::fs::write("line.wav", speech.wav())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConsumerError`]; [`NodeError::NotServed`] if the node has no voice for it. After any error the same can be asked for
    /// again.
    pub async fn speak(
        &self,
        text: &str,
        settings: SpeechSettings,
        most: Option<Amount>,
        on_samples: &mut (dyn FnMut(&[i16]) + Send),
    ) -> Result<Speech, ConsumerError> {
        let silent = NodeError::NotServed { session: self.id(), reason: "the node has no voice for it" };
        let terms = self.speech_terms().await?.ok_or(silent)?;
        let _turn = self.0.turn.lock().await;
        let mut saying = Saying { session: self, conversation: self.conversation() };
        let (consumer, node) = (&self.0.consumer, &self.0.node);
        let talker = consumer.talker();
        let text = text.to_owned();
        let spoken = talker.speak(&mut saying.conversation, node, &terms, text, settings, most, on_samples).await;
        let (reply, voice) = spoken?;
        saying.conversation.mark_spoken(consumer.now_s());
        let received = saying.conversation.spoken.last().cloned();
        let received = received.ok_or(NodeError::Transport { reason: "no receipt was kept".into() })?;
        Ok(Speech { samples: reply.samples, received, voice, domain: consumer.account().domain() })
    }
}
