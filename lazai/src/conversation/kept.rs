//! Receipts that are kept, told line by line.

use lazai_core::{Amount, Domain};
use serde::Serialize;

use super::{Conversation, KeptTurn};
use crate::wire::talk::model_id;

/// A receipt that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptReceipt {
    /// When it was received, in seconds since 1970, by the consumer's clock; none in older files.
    pub received_at_s: Option<u64>,
    /// The character's model: `dat:CLASS:VERSION`.
    pub model: String,
    /// The session.
    pub session: String,
    /// The turn's number in it, from 1.
    pub turn: u32,
    /// The node's address.
    pub node: String,
    /// Tokens of the conversation before the reply.
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
    /// Characters that were spoken; none of a reply in words.
    pub characters: u64,
    /// Credits that were bought; none of a reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub credits: u32,
    /// The turn's price, in base units.
    pub price: String,
    /// True if a voucher promises it.
    pub promised: bool,
    /// `checked` if its signature, its sum and its place in the session hold; `claimed` if no market was at hand to check them by; `wrong` if they do not hold.
    pub trust: String,
    /// What does not hold.
    pub wrong: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Conversation {
    /// Its receipts, the oldest first; each is checked again ([`check_again`](Self::check_again)) if the domain of its ledger is at hand.
    #[must_use]
    pub fn kept_receipts(&self, domain: Option<&Domain>) -> Vec<KeptReceipt> {
        let checked = domain.map(|domain| self.check_again(domain));
        let (offer, mut before) = (&self.offer.offer, Amount::ZERO);
        let promised = self.paid.map_or(Amount::ZERO, |paid| paid.voucher.cumulative);
        let told = |(index, kept): (usize, KeptTurn<'_>)| {
            let (prompt_tokens, completion_tokens, characters) = match kept {
                KeptTurn::Reply(reply) => {
                    (reply.receipt.receipt.prompt_tokens, reply.receipt.receipt.completion_tokens, 0)
                }
                KeptTurn::Speech(speech) => (0, 0, speech.receipt.receipt.characters),
                KeptTurn::Credits(_) => (0, 0, 0),
            };
            let found = checked.as_ref().and_then(|checked| checked.get(index));
            let (trust, wrong) = match found {
                None => ("claimed", None),
                Some(Ok(())) => ("checked", None),
                Some(Err(error)) => ("wrong", Some(error.to_string())),
            };
            let cumulative = kept.cumulative();
            // A sum that shrinks is wrong, and has no price.
            let price = cumulative.checked_sub(std::mem::replace(&mut before, cumulative)).unwrap_or(Amount::ZERO);
            KeptReceipt {
                received_at_s: kept.received_at_s(),
                model: model_id(offer.class, offer.version),
                session: self.session.to_string(),
                turn: kept.turn(),
                node: offer.node.to_string(),
                prompt_tokens,
                completion_tokens,
                characters,
                credits: if let KeptTurn::Credits(bought) = kept { bought.receipt.credits } else { 0 },
                price: price.to_string(),
                promised: promised >= cumulative,
                trust: trust.into(),
                wrong,
            }
        };
        self.turns().into_iter().enumerate().map(told).collect()
    }
}
