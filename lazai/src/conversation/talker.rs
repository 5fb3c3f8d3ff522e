//! The talking side of a conversation, and its one loop: pay the debt, ask, check, pay.
//!
//! [`Talker::say`] runs the loop over a [`Node`]. Transports of another shape (a page's `fetch`) take the same steps one by
//! one, without a network: [`payment`](Talker::payment), [`ask`](Talker::ask), [`take`](Talker::take),
//! [`Conversation::mark_paid`]. Steps out of order are refused.

use std::sync::Arc;

use lazai_core::message::Message;
use lazai_core::reply::ReplyNotes;
use lazai_core::sign::{self, SignerError};
use lazai_core::{Address, Amount, Digest, Domain, Signer};

use super::{AskedSpeech, Checked, Conversation, TokenCounter};
use crate::consumer::ConsumerError;
use crate::node::{
    ChatReply, ChatRequest, Node, ReleaseClaim, ReleaseRequest, ReplySettings, SignedReceipt, SignedRelease,
    SignedVoucher,
};
use lazai_settle::speech::SpokenVoice;

use crate::speech::{SignedSpeechTerms, SpeechReply, SpeechRequest, SpeechSettings, request_digest};

/// Signs requests and vouchers, and counts tokens. Knows the ledger only by its domain.
#[derive(Clone)]
pub struct Talker {
    domain: Domain,
    signer: Arc<dyn Signer>,
    counter: Option<Arc<dyn TokenCounter>>,
}

/// A checked reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedReply {
    /// The reply's text.
    pub text: String,
    /// Its token ids.
    pub tokens: Vec<u32>,
    /// The receipt.
    pub receipt: SignedReceipt,
    /// The checks that it passed.
    pub checked: Checked,
    /// The reason for its end, and what else was asked for: the node claims them.
    pub notes: ReplyNotes,
}

impl Talker {
    /// The consumer of sessions on a ledger, by its key.
    pub fn new(domain: Domain, signer: Arc<dyn Signer>) -> Self {
        Self { domain, signer, counter: None }
    }

    /// Recounts the tokens in every receipt. Without a counter, receipts are only held to bounds.
    #[must_use]
    pub fn with_counter(mut self, counter: Arc<dyn TokenCounter>) -> Self {
        self.counter = Some(counter);
        self
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The ledger's domain, in which it signs.
    #[cfg(feature = "credits")]
    pub(crate) fn domain(&self) -> &Domain {
        &self.domain
    }

    #[cfg(feature = "credits")]
    pub(crate) async fn sign<T: lazai_core::TypedData + Sync>(
        &self,
        value: &T,
    ) -> Result<lazai_core::Signature, SignerError> {
        sign::sign(&*self.signer, &self.domain, value).await
    }

    /// Sends a message over a node: pays the debt, asks, checks the reply, pays for it. `messages` are the whole
    /// conversation.
    ///
    /// # Errors
    /// [`ConsumerError`]. Until a reply is checked, the conversation is unchanged, and the same request can be sent again.
    /// A reply that is checked and cannot be paid stays, and is paid first the next time.
    pub async fn say(
        &self,
        conversation: &mut Conversation,
        node: &dyn Node,
        messages: Vec<Message>,
        settings: ReplySettings,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CheckedReply, ConsumerError> {
        self.pay_owed(conversation, node).await?;
        let request = self.ask(conversation, messages, settings).await?;
        let reply = node.chat(&request, on_text).await?;
        let checked = self.take(conversation, &request, &reply).await?;
        self.pay_owed(conversation, node).await?;
        let ChatReply { text, tokens, receipt, notes, .. } = reply;
        Ok(CheckedReply { text, tokens, receipt, checked, notes })
    }

    /// Delivers the voucher for everything received so far, unless it is paid already.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn pay_owed(&self, conversation: &mut Conversation, node: &dyn Node) -> Result<(), ConsumerError> {
        node.expect(&self.domain, conversation.offer.offer.node);
        if let Some(voucher) = self.payment(conversation).await? {
            node.pay(&voucher).await?;
            conversation.mark_paid();
        }
        Ok(())
    }

    /// The voucher that the node does not have yet, signed once; `None` if everything is paid. Call
    /// [`Conversation::mark_paid`] once the node has it.
    ///
    /// # Errors
    /// The signer's error.
    pub async fn payment(&self, conversation: &mut Conversation) -> Result<Option<SignedVoucher>, SignerError> {
        if conversation.unpaid.is_none() && conversation.owes() {
            let voucher = conversation.offer.offer.voucher(conversation.session, conversation.owed());
            let signature = sign::sign(&*self.signer, &self.domain, &voucher).await?;
            conversation.unpaid = Some(SignedVoucher { voucher, signature });
        }
        Ok(conversation.unpaid)
    }

    /// Signs a request for the next reply. The same words give the same request.
    ///
    /// # Errors
    /// [`ConsumerError::Unpaid`] if the last reply must be paid first, [`ConsumerError::Signer`].
    pub async fn ask(
        &self,
        conversation: &Conversation,
        messages: Vec<Message>,
        settings: ReplySettings,
    ) -> Result<ChatRequest, ConsumerError> {
        if conversation.owes() {
            return Err(ConsumerError::Unpaid);
        }
        Ok(conversation.request(&self.domain, &*self.signer, messages, settings).await?)
    }

    /// Checks a reply, adds it, and signs its payment: [`Conversation::unpaid`] must then be delivered.
    ///
    /// # Errors
    /// [`ConsumerError`]; the conversation is unchanged.
    pub async fn take(
        &self,
        conversation: &mut Conversation,
        request: &ChatRequest,
        reply: &ChatReply,
    ) -> Result<Checked, ConsumerError> {
        let mut taken = conversation.clone();
        let checked = taken.accept(&self.domain, request, reply, self.counter.as_deref())?;
        self.payment(&mut taken).await?;
        *conversation = taken;
        Ok(checked)
    }

    /// Has a node speak a text under its terms: pays the debt, asks, checks the sound against its receipt, pays for it. At most `most` is
    /// paid; by default, what one reply may cost under the session's offer.
    ///
    /// # Errors
    /// [`ConsumerError`], as [`say`](Self::say).
    #[allow(clippy::too_many_arguments, reason = "a text, what it may cost, and where its sound goes")]
    pub async fn speak(
        &self,
        conversation: &mut Conversation,
        node: &dyn Node,
        terms: &SignedSpeechTerms,
        text: String,
        settings: SpeechSettings,
        most: Option<Amount>,
        on_samples: &mut (dyn FnMut(&[i16]) + Send),
    ) -> Result<(SpeechReply, SpokenVoice), ConsumerError> {
        self.pay_owed(conversation, node).await?;
        let request = self.ask_speech(conversation, terms, text, settings, most).await?;
        let reply = node.speak(&request, on_samples).await.inspect_err(|error| conversation.refused_speech(error))?;
        let held = self.take_speech(conversation, &request, &reply).await?;
        // The sound is there, and owed: a promise that does not arrive is delivered before the next turn.
        if self.pay_owed(conversation, node).await.is_err() {
            tracing::warn!(session = %conversation.session, "speech could not be paid yet");
        }
        Ok((reply, held))
    }

    /// Signs a request for speech: [`Conversation::speech_request`] by this key. Until it is there, or refused, it is asked for under
    /// these terms.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn ask_speech(
        &self,
        conversation: &mut Conversation,
        terms: &SignedSpeechTerms,
        text: String,
        settings: SpeechSettings,
        most: Option<Amount>,
    ) -> Result<SpeechRequest, ConsumerError> {
        let most = most.map_or_else(|| conversation.offer.offer.step(), Ok)?;
        let text_digest = request_digest(Digest::ZERO, &text, &settings);
        let request = conversation.speech_request(&self.domain, &*self.signer, terms, text, settings, most).await?;
        conversation.asked_under = Some(AskedSpeech { turn: request.turn, text_digest, terms: request.terms.clone() });
        Ok(request)
    }

    /// Checks speech, adds it, and signs its payment: [`Conversation::unpaid`] must then be delivered.
    ///
    /// # Errors
    /// [`ConsumerError`]; the conversation is unchanged.
    pub async fn take_speech(
        &self,
        conversation: &mut Conversation,
        request: &SpeechRequest,
        reply: &SpeechReply,
    ) -> Result<SpokenVoice, ConsumerError> {
        let mut taken = conversation.clone();
        let held = taken.accept_speech(&self.domain, request, reply)?;
        self.payment(&mut taken).await?;
        *conversation = taken;
        Ok(held)
    }

    /// Signs a request that the node release a session: the consumer asks for nothing more in it.
    ///
    /// # Errors
    /// The signer's error.
    pub async fn leave(&self, conversation: &Conversation) -> Result<ReleaseRequest, SignerError> {
        let session = conversation.session;
        let signature = sign::sign(&*self.signer, &self.domain, &ReleaseClaim { session }).await?;
        Ok(ReleaseRequest { session, signature })
    }

    /// Checks a node's release: it must be of the conversation's session, and signed by its node. A release of another
    /// session may be true, but does not concern this one.
    ///
    /// # Errors
    /// [`ConsumerError::Release`], [`ConsumerError::ReleaseSignature`].
    pub fn check_release(&self, conversation: &Conversation, release: &SignedRelease) -> Result<(), ConsumerError> {
        let (expected, found) = (conversation.session, release.release.session);
        if found != expected {
            return Err(ConsumerError::Release { expected, found });
        }
        let checked = release.signature.verify(&self.domain, &release.release, conversation.offer.offer.node);
        checked.map_err(ConsumerError::ReleaseSignature)
    }
}

impl std::fmt::Debug for Talker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counter = self.counter.as_ref().map(|counter| counter.digest());
        write!(f, "Talker {{ consumer: {}, counter: {counter:?} }}", self.address())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::{Amount, Asset, ClassId, LocalSigner, SessionId, VersionNumber};
    use lazai_settle::session::{Offer, SessionPayment, SessionRelease};
    use pollster::block_on;

    use super::*;
    use crate::node::SignedOffer;

    #[test]
    fn a_release_is_of_this_session_and_by_its_node() {
        let signer = |n: u8| LocalSigner::from_bytes([n; 32]).unwrap();
        let domain = Domain::random("talker", "1").unwrap();
        let (node, stranger) = (signer(1), signer(2));
        let offer = Offer {
            node: node.address(),
            class: ClassId(1),
            version: VersionNumber(1),
            asset: Asset::NATIVE,
            prompt_price: Amount::ZERO,
            completion_price: Amount::ZERO,
            prompt_ceiling: 1,
            completion_ceiling: 1,
            session_s: 60,
            valid_until_s: 60,
            min_deposit: Amount::ZERO,
            quota_deposit: Amount::ZERO,
            series: 0,
        };
        let signature = block_on(sign::sign(&node, &domain, &offer)).unwrap();
        let session = |n: u8| SessionId::from_bytes([n; 32]);
        let payment = SessionPayment::Deposit(Amount::from_base_units(500));
        let conversation = Conversation::new(session(1), SignedOffer { offer, signature }, payment);
        let talker = Talker::new(domain.clone(), Arc::new(signer(3)));
        let released = |by: &LocalSigner, of: SessionId| {
            let release = SessionRelease { session: of, redeemed: Amount::ZERO };
            let signature = block_on(sign::sign(by, &domain, &release)).unwrap();
            talker.check_release(&conversation, &SignedRelease { release, signature })
        };
        released(&node, session(1)).unwrap();
        let other = released(&node, session(2)).unwrap_err();
        assert!(matches!(other, ConsumerError::Release { found, .. } if found == session(2)), "{other}");
        let forged = released(&stranger, session(1)).unwrap_err();
        assert!(matches!(forged, ConsumerError::ReleaseSignature(_)), "{forged}");
    }
}
