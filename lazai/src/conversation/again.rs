//! Checks of receipts that are kept, without a node or a ledger.

use lazai_core::{Amount, Domain, TypedData as _};

use super::check::same;
use super::{Conversation, ReceivedCredits, ReceivedReply, ReceivedSpeech};
use crate::consumer::ConsumerError;
use crate::node::reply_digest;

impl Conversation {
    /// Checks each receipt that is kept once more, the oldest first: its node's signature for a ledger's domain, its session and turn,
    /// and that it adds its own price, under the offer, to the sum before it. The last one is also held to the words and tokens of its reply; words of
    /// earlier replies are in the conversation, and their tokens are not kept.
    #[must_use]
    pub fn check_again(&self, domain: &Domain) -> Vec<Result<(), ConsumerError>> {
        let mut before = Amount::ZERO;
        let check = |(index, kept): (usize, KeptTurn<'_>)| {
            let owed = std::mem::replace(&mut before, kept.cumulative());
            match kept {
                KeptTurn::Reply(reply) => self.check_kept(domain, index, reply, owed),
                KeptTurn::Speech(speech) => self.check_spoken(domain, index, speech, owed),
                KeptTurn::Credits(bought) => self.check_bought(domain, index, bought, owed),
            }
        };
        self.turns().into_iter().enumerate().map(check).collect()
    }

    /// All receipts, by turn: those of replies, and of speech and of credits between them.
    #[must_use]
    pub fn turns(&self) -> Vec<KeptTurn<'_>> {
        let replies = self.receipts.iter().map(KeptTurn::Reply);
        let others = self.spoken.iter().map(KeptTurn::Speech).chain(self.bought.iter().map(KeptTurn::Credits));
        let mut turns: Vec<_> = replies.chain(others).collect();
        // Without these, receipts in the wrong order stay so, and are told.
        if turns.len() > self.receipts.len() {
            turns.sort_by_key(KeptTurn::turn);
        }
        turns
    }

    fn check_kept(
        &self,
        domain: &Domain,
        index: usize,
        reply: &ReceivedReply,
        before: Amount,
    ) -> Result<(), ConsumerError> {
        let (receipt, offer) = (&reply.receipt.receipt, &self.offer.offer);
        reply.receipt.signature.verify(domain, receipt, offer.node).map_err(ConsumerError::ReceiptSignature)?;
        same("session", self.session, receipt.session)?;
        same("turn", index as u64 + 1, receipt.turn.into())?;
        let price = offer.price(receipt.prompt_tokens, receipt.completion_tokens)?;
        same("sum owed", before.checked_add(price)?, receipt.cumulative)?;
        same("sum within the deposit", true, receipt.cumulative <= self.deposit)?;
        let is_last = self.receipts.last().is_some_and(|last| std::ptr::eq(last, reply));
        if is_last && let Some(last) = self.messages.last() {
            let said = reply_digest(reply.salt, &reply.tokens, &last.content);
            same("reply digest", said, receipt.reply_digest)?;
        }
        Ok(())
    }

    fn check_spoken(
        &self,
        domain: &Domain,
        index: usize,
        speech: &ReceivedSpeech,
        before: Amount,
    ) -> Result<(), ConsumerError> {
        let (receipt, terms, node) = (&speech.receipt.receipt, &speech.terms.terms, self.offer.offer.node);
        speech.receipt.signature.verify(domain, receipt, node).map_err(ConsumerError::ReceiptSignature)?;
        speech.terms.signature.verify(domain, terms, node).map_err(ConsumerError::ReceiptSignature)?;
        same("session", self.session, receipt.session)?;
        same("turn", index as u64 + 1, receipt.turn.into())?;
        same("terms digest", terms.hash_struct(), receipt.terms_digest)?;
        same("terms of this session", true, terms.belong_to(&self.offer.offer))?;
        same("sum owed", before.checked_add(terms.price(receipt.characters)?)?, receipt.cumulative)?;
        same("sum within the deposit", true, receipt.cumulative <= self.deposit)
    }

    fn check_bought(
        &self,
        domain: &Domain,
        index: usize,
        bought: &ReceivedCredits,
        before: Amount,
    ) -> Result<(), ConsumerError> {
        let receipt = &bought.receipt;
        let signed = bought.signature.verify(domain, receipt, self.offer.offer.node);
        signed.map_err(ConsumerError::ReceiptSignature)?;
        same("session", self.session, receipt.session)?;
        same("turn", index as u64 + 1, receipt.turn.into())?;
        let price = bought.price.checked_mul(u64::from(receipt.credits))?;
        same("sum owed", before.checked_add(price)?, receipt.cumulative)?;
        same("sum within the deposit", true, receipt.cumulative <= self.deposit)
    }
}

/// A receipt that is kept.
#[derive(Debug, Clone, Copy)]
pub enum KeptTurn<'c> {
    /// Of a reply.
    Reply(&'c ReceivedReply),
    /// Of a text that was spoken.
    Speech(&'c ReceivedSpeech),
    /// Of an order of credits.
    Credits(&'c ReceivedCredits),
}

impl KeptTurn<'_> {
    /// Its turn's number in the session.
    #[must_use]
    pub fn turn(&self) -> u32 {
        match self {
            Self::Reply(reply) => reply.receipt.receipt.turn,
            Self::Speech(speech) => speech.receipt.receipt.turn,
            Self::Credits(bought) => bought.receipt.turn,
        }
    }

    /// The amount owed for the session by then.
    #[must_use]
    pub fn cumulative(&self) -> Amount {
        match self {
            Self::Reply(reply) => reply.receipt.receipt.cumulative,
            Self::Speech(speech) => speech.receipt.receipt.cumulative,
            Self::Credits(bought) => bought.receipt.cumulative,
        }
    }

    /// When it was received, in seconds since 1970, by the consumer's clock.
    #[must_use]
    pub fn received_at_s(&self) -> Option<u64> {
        match self {
            Self::Reply(reply) => reply.received_at_s,
            Self::Speech(speech) => speech.received_at_s,
            Self::Credits(_) => None,
        }
    }
}
