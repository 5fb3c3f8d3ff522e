//! Buying credits in a session: ordered, paid by its voucher, collected.

use lazai_core::sign;
use lazai_core::{Amount, Digest};

use super::purse::Order;
use super::told::check_told;
use super::{
    BlindBytes, CreditDelivery, CreditNode, CreditOrder, CreditOrderClaim, MOST_CREDITS, Purse, PurseError,
    SignedCreditTerms, credit_message, order_digest,
};
use crate::consumer::ConsumerError;
use crate::conversation::{Conversation, ReceivedCredits, Talker, same};
use crate::node::NodeError;

impl Talker {
    /// Buys credits in a session, and puts them into a purse: pays the debt, asks as a stranger what is sold, orders, checks the receipt, pays for it, and
    /// takes the credits. An order that this session began and did not finish is finished first, and is all that is done then. Returns the number of
    /// credits that were put in. They cost no more than is left of the session's deposit.
    ///
    /// The purse has the order before the node has it, and the credits before this returns: after a crash at any moment the same call
    /// with the session's conversation goes on.
    ///
    /// # Errors
    /// [`ConsumerError`]; [`ConsumerError::Credit`] for terms that are not gone by: nothing is ordered then. [`ConsumerError::Purse`] if the purse
    /// cannot be written. [`NodeError::Credit`] if the node sells none.
    pub async fn buy_credits(
        &self,
        conversation: &mut Conversation,
        node: &dyn CreditNode,
        purse: &Purse,
        count: usize,
        now_s: u64,
    ) -> Result<usize, ConsumerError> {
        self.pay_owed(conversation, node).await?;
        let order = match purse.order_of(conversation.session)? {
            Some(order) => order,
            None => {
                let terms = self.sold_to_all(conversation, node, purse, now_s).await?;
                let order = self.order_credits(conversation, &terms, count, now_s).await?;
                purse.begin(order)?
            }
        };
        if order.order.turn == conversation.next_turn() {
            let delivery = match node.order_credits(&order.order).await {
                Ok(delivery) => delivery,
                // The node did not take the order, and so never will: numbers that nobody signed are worth nothing.
                Err(error) if FINAL.contains(&error.code()) => {
                    purse.forget(conversation.session)?;
                    return Err(error.into());
                }
                Err(error) => return Err(error.into()),
            };
            self.take_order(conversation, &order, &delivery)?;
        }
        self.pay_owed(conversation, node).await?;
        let delivery = node.order_credits(&order.order).await?;
        Ok(purse.collect(conversation.session, &delivery.signatures, now_s)?)
    }

    /// The terms that are sold now to everybody, for the session's version.
    async fn sold_to_all(
        &self,
        conversation: &Conversation,
        node: &dyn CreditNode,
        purse: &Purse,
        now_s: u64,
    ) -> Result<SignedCreditTerms, ConsumerError> {
        let offer = &conversation.offer.offer;
        let of = (offer.node, offer.class, offer.version);
        let told = node.credit_terms(&format!("dat:{}:{}", offer.class, offer.version)).await?;
        check_told(self.domain(), of, &told, &purse.terms(of)?, now_s)?;
        let mut sold = told.into_iter().filter(|signed| signed.terms.sold_until_s >= now_s);
        let none = || NodeError::Credit { reason: "the node sells none for this character".into() };
        Ok(sold.next().ok_or_else(none)?)
    }

    /// A signed order of so many credits, whose numbers are drawn and blinded here.
    async fn order_credits(
        &self,
        conversation: &Conversation,
        terms: &SignedCreditTerms,
        count: usize,
        now_s: u64,
    ) -> Result<Order, ConsumerError> {
        let offer = &conversation.offer.offer;
        let key = terms.check_sold(self.domain(), offer.node, now_s)?;
        same("terms of this session", true, terms.terms.belong_to(offer))?;
        same("number of credits", count.clamp(1, MOST_CREDITS), count)?;
        let price = terms.terms.price_of(count as u64)?;
        let left = conversation.deposit.checked_sub(conversation.owed())?;
        if left < price {
            return Err(NodeError::DepositExhausted { left, step: price }.into());
        }
        let digest = terms.digest();
        let mut blinds = Vec::with_capacity(count);
        for _ in 0..count {
            let number = Digest::random().map_err(|_| sign::SignerError::NoRandomness)?;
            let blinded = key.blind(number, credit_message(digest, number).as_bytes());
            blinds.push(blinded.map_err(super::CreditError::from)?);
        }
        let blinded: Vec<_> = blinds.iter().map(|blind| BlindBytes(blind.message.clone())).collect();
        let (session, turn) = (conversation.session, conversation.next_turn());
        let claim = CreditOrderClaim { session, turn, terms: digest, order: order_digest(&blinded) };
        let signature = self.sign(&claim).await?;
        let order = CreditOrder { session, turn, terms: digest, blinded, signature };
        Ok(Order { order, terms: terms.clone(), blinds })
    }

    /// Checks the receipt of an order, and adds it: its sum is then owed.
    fn take_order(
        &self,
        conversation: &mut Conversation,
        order: &Order,
        delivery: &CreditDelivery,
    ) -> Result<(), ConsumerError> {
        let (receipt, terms) = (&delivery.receipt.receipt, &order.terms.terms);
        let verified = delivery.receipt.signature.verify(self.domain(), receipt, conversation.offer.offer.node);
        verified.map_err(ConsumerError::ReceiptSignature)?;
        same("session", order.order.session, receipt.session)?;
        same("turn", order.order.turn, receipt.turn)?;
        same("terms digest", order.order.terms, receipt.terms_digest)?;
        same("order digest", order.order.digest(), receipt.order_digest)?;
        let count = order.order.blinded.len() as u64;
        same("number of credits", count, receipt.credits.into())?;
        let owed: Amount = conversation.owed().checked_add(terms.price_of(count)?)?;
        same("sum owed", owed, receipt.cumulative)?;
        same("sum within the deposit", true, owed <= conversation.deposit)?;
        let received =
            ReceivedCredits { receipt: receipt.clone(), signature: delivery.receipt.signature, price: terms.price };
        conversation.bought.push(received);
        Ok(())
    }
}

/// Refusals that say that an order is not taken, and not that the node cannot answer now.
const FINAL: [&str; 4] = ["node.credit", "node.deposit_exhausted", "node.market", "node.turn_out_of_order"];

impl From<PurseError> for ConsumerError {
    fn from(error: PurseError) -> Self {
        Self::Purse(Box::new(error))
    }
}
