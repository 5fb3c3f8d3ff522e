//! Checks of receipts that are kept, without a node or a ledger.

use lazai_core::{Amount, Domain};

use super::check::same;
use super::{Conversation, ReceivedReply};
use crate::consumer::ConsumerError;
use crate::node::reply_digest;

impl Conversation {
    /// Checks each receipt that is kept once more, the oldest first: its node's signature for a ledger's domain, its session and turn,
    /// and that it adds its own price, under the offer, to the sum before it. The last one is also held to the words and tokens of its reply; words of
    /// earlier replies are in the conversation, and their tokens are not kept.
    #[must_use]
    pub fn check_again(&self, domain: &Domain) -> Vec<Result<(), ConsumerError>> {
        let mut before = Amount::ZERO;
        let check = |(index, reply): (usize, &ReceivedReply)| {
            let owed = std::mem::replace(&mut before, reply.receipt.receipt.cumulative);
            self.check_kept(domain, index, reply, owed)
        };
        self.receipts.iter().enumerate().map(check).collect()
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
        if index + 1 == self.receipts.len()
            && let Some(last) = self.messages.last()
        {
            let said = reply_digest(reply.salt, &reply.tokens, &last.content);
            same("reply digest", said, receipt.reply_digest)?;
        }
        Ok(())
    }
}
