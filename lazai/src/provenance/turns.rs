//! The turns of a session in order: replies, and what was spoken.

use lazai_core::sign::SignatureError;
use lazai_core::{Amount, Domain, MoneyError, SessionId, TypedData as _};
use lazai_settle::session::Offer;

use super::evidence::{Evidence, Spoken};
use crate::node::SignedReceipt;

pub(super) enum Turn<'e> {
    Reply(&'e SignedReceipt),
    Speech(&'e Spoken),
}

/// All turns of some evidence, by number.
pub(super) fn turns(evidence: &Evidence) -> Vec<Turn<'_>> {
    let replies = evidence.receipts.iter().map(Turn::Reply);
    let mut turns: Vec<_> = replies.chain(evidence.spoken.iter().map(Turn::Speech)).collect();
    // Stable: receipts that stand in the wrong order are told by their place.
    if !evidence.spoken.is_empty() {
        turns.sort_by_key(Turn::number);
    }
    turns
}

impl Turn<'_> {
    pub fn number(&self) -> u32 {
        match self {
            Self::Reply(reply) => reply.receipt.turn,
            Self::Speech(spoken) => spoken.receipt.receipt.turn,
        }
    }

    pub fn session(&self) -> SessionId {
        match self {
            Self::Reply(reply) => reply.receipt.session,
            Self::Speech(spoken) => spoken.receipt.receipt.session,
        }
    }

    pub fn cumulative(&self) -> Amount {
        match self {
            Self::Reply(reply) => reply.receipt.cumulative,
            Self::Speech(spoken) => spoken.receipt.receipt.cumulative,
        }
    }

    pub fn price(&self, offer: &Offer) -> Result<Amount, MoneyError> {
        match self {
            Self::Reply(reply) => offer.price(reply.receipt.prompt_tokens, reply.receipt.completion_tokens),
            Self::Speech(spoken) => spoken.terms.terms.price(spoken.receipt.receipt.characters),
        }
    }

    /// Checks that the session's node signed it, and the terms of speech that it names.
    pub fn check_signed(&self, domain: &Domain, offer: &Offer) -> Result<(), String> {
        let told = |error: SignatureError| error.to_string();
        match self {
            Self::Reply(reply) => reply.signature.verify(domain, &reply.receipt, offer.node).map_err(told),
            Self::Speech(Spoken { receipt, terms }) => {
                receipt.signature.verify(domain, &receipt.receipt, offer.node).map_err(told)?;
                terms.signature.verify(domain, &terms.terms, offer.node).map_err(|e| format!("its terms: {e}"))?;
                if receipt.receipt.terms_digest != terms.terms.hash_struct() || !terms.terms.belong_to(offer) {
                    return Err("its terms are others".into());
                }
                Ok(())
            }
        }
    }
}
