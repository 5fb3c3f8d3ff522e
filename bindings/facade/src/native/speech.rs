//! A session that speaks.

use std::sync::Arc;

use super::session::Session;
use crate::speech::asked_with;
use crate::{BaseUnits, LazaiError, SpeechListener, Spoken};

#[cfg_attr(feature = "uniffi", uniffi::export)]
impl Session {
    /// Has a text spoken with the character's voice, checks the sound against its receipt, and pays for it by the character: at most
    /// `most`, in base units; none for what one reply may cost under the session's offer. The pace is in thousandths of the voice's
    /// own, from 500 to 2,000; none for its own.
    ///
    /// # Errors
    /// `consumer.price` if it costs more, `node.not_served` if the node has no voice for it, `node.setting` for a pace or a text that it does not speak, other
    /// `node.…`, `consumer.…`, `signer.…`; the same can be asked for again.
    pub async fn speak(
        &self,
        text: String,
        speed_milli: Option<u32>,
        most: Option<BaseUnits>,
        listener: Option<Arc<dyn SpeechListener>>,
    ) -> Result<Spoken, LazaiError> {
        let (settings, most) = asked_with(speed_milli, most.as_ref())?;
        let session = self.now();
        let terms = if listener.is_some() { session.speech_terms().await? } else { None };
        let rate = terms.map_or(0, |signed| signed.terms.sample_rate);
        let mut listener = listener;
        let mut on_samples = |samples: &[i16]| {
            let told = || lazai::wire::speech::bytes(samples);
            // A listener that stops gets no more; the speech is paid all the same.
            if listener.as_ref().is_some_and(|listener| !listener.on_sound(told(), rate)) {
                listener = None;
            }
        };
        let speech = session.speak(&text, settings, most, &mut on_samples).await?;
        Ok(Spoken {
            wav: speech.wav(),
            sample_rate: speech.rate(),
            characters: speech.received.receipt.receipt.characters,
            owed: session.owed().to_string(),
            voice: speech.voice.into(),
            payment: None,
        })
    }

    /// The node's signed terms of speech of now, as JSON: `Chat.speak` takes them. They hold for minutes; none if the node does not speak for
    /// this character. A voice that is said to be the character's is held to the ledger.
    ///
    /// # Errors
    /// `consumer.receipt` for another voice than the token's, `node.…`.
    pub async fn speech_terms(&self) -> Result<Option<String>, LazaiError> {
        let terms = self.now().speech_terms().await?;
        Ok(terms.map(|terms| serde_json::to_string(&terms)).transpose()?)
    }

    /// What the node asks for speaking a text, in base units.
    ///
    /// # Errors
    /// `node.not_served` if it does not speak for this character, other `node.…`, `money.overflow`.
    pub async fn speech_price(&self, text: String) -> Result<BaseUnits, LazaiError> {
        let silent = || LazaiError::new("node.not_served", "the node has no voice for this character");
        let signed = self.now().speech_terms().await?.ok_or_else(silent)?;
        Ok(signed.terms.price(lazai::settle::speech::characters(&text))?.to_string())
    }
}
