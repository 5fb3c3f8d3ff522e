//! Credits: replies that are paid without telling by whom.
//!
//! A node that sells credits signs [`CreditTerms`] beside its offer: a price for one whole reply, and the public key of a period. A
//! consumer orders credits in an ordinary session ([`CreditOrder`]): it blinds numbers of its own, the node signs a receipt, the session's voucher
//! pays for it, and the node signs the blinded messages (RFC 9474). What is left once the blind is off ([`Credit`]) is verified with the
//! key, and tells nothing of the order. It pays one request, once: the node writes the number down before its reply leaves.
//!
//! A node has one key for a version and a period, which it tells everybody: the consumer asks for it as a stranger, both before it buys and before
//! it spends, and two keys for one time are a refusal with both signatures in it ([`CreditError::TwoKeys`]).
//!
//! [`Purse`] keeps credits in a file; `Talker::buy_credits` fills it and [`CreditTalker`] spends out of it, over whatever is a [`CreditNode`].
//! What time, amounts and words still tell: the book, "Who can read what".

mod blind;
mod buying;
mod purse;
mod spending;
mod told;

use lazai_core::digest::DomainHasher;
use lazai_core::message::Message;
use lazai_core::sign::{Encoder, SignatureError};
use lazai_core::{Address, ClassId, Digest, Domain, LedgerId, SessionId, Signature, TypedData, VersionNumber};
use lazai_settle::credit::{CreditReceipt, CreditTerms};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::node::{ChatReply, ChatRequest, Node, NodeFuture, ReplySettings};
pub use blind::{BLIND_BYTES, BlindError, Blinded, CreditKey, CreditSecret};
pub use purse::{Purse, PurseError, PurseSum};
pub use spending::CreditTalker;

/// Most credits of one order.
pub const MOST_CREDITS: usize = 256;
/// Shortest period of a key, in seconds: a day. Buyers of shorter ones are few, and would be known by their key: a consumer buys and spends no
/// credits under such terms.
pub const LEAST_PERIOD_S: u64 = 86_400;

/// Terms with their node's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedCreditTerms {
    /// The terms.
    pub terms: CreditTerms,
    /// The node's signature.
    pub signature: Signature,
}

/// Why terms are not gone by, or a credit is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CreditError {
    /// The signature of a credit, or the key of terms, is none.
    #[error("credit: {0}")]
    Blind(#[from] BlindError),
    /// The time of the terms is over.
    #[error("the terms of credits were good until {until_s}, it is {now_s} (seconds since 1970)")]
    Expired {
        /// The end of their time.
        until_s: u64,
        /// The time.
        now_s: u64,
    },
    /// The terms are another node's.
    #[error("the terms of credits are of node {found}, {expected} is expected")]
    OtherNode {
        /// The node that is talked with.
        expected: Address,
        /// The node that the terms name.
        found: Address,
    },
    /// The terms are another version's.
    #[error("the terms of credits are of {found:?}, {expected:?} is expected")]
    OtherVersion {
        /// The version that is talked with.
        expected: (ClassId, VersionNumber),
        /// The version that the terms name.
        found: (ClassId, VersionNumber),
    },
    /// The period of the terms is so short, or so far ahead, that few buy in it.
    #[error(
        "the terms of credits are sold from {from_s} to {until_s} (seconds since 1970), it is {now_s}: periods of {LEAST_PERIOD_S} seconds or more, which have begun, are gone by"
    )]
    Period {
        /// The beginning of the period.
        from_s: u64,
        /// Its end.
        until_s: u64,
        /// The time.
        now_s: u64,
    },
    /// The node did not sign the terms.
    #[error("terms of credits: {0}")]
    Signature(#[from] SignatureError),
    /// The node signed two keys for one time: it could tell buyers from one another by them. Both signatures are the proof.
    #[error("the node signed two keys of credits for one time, {} and {}: nothing is sent", .0.first.digest(), .0.second.digest())]
    TwoKeys(Box<TwoKeys>),
}

/// Signed terms of a version for a part of the same time, with different keys or prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TwoKeys {
    /// The one.
    pub first: SignedCreditTerms,
    /// The other.
    pub second: SignedCreditTerms,
}

impl SignedCreditTerms {
    /// The digest that credits, orders and receipts name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.terms.hash_struct()
    }

    /// Checks that a node signed the terms, and that credits under them are good now; returns their key.
    ///
    /// # Errors
    /// [`CreditError`].
    pub fn check(&self, domain: &Domain, node: Address, now_s: u64) -> Result<CreditKey, CreditError> {
        if self.terms.node != node {
            return Err(CreditError::OtherNode { expected: node, found: self.terms.node });
        }
        self.signature.verify(domain, &self.terms, node)?;
        let until_s = self.terms.valid_until_s;
        if now_s > until_s {
            return Err(CreditError::Expired { until_s, now_s });
        }
        Ok(CreditKey::read(&self.terms.public_key)?)
    }

    /// As [`check`](Self::check), and that they are sold now.
    ///
    /// # Errors
    /// [`CreditError`].
    pub fn check_sold(&self, domain: &Domain, node: Address, now_s: u64) -> Result<CreditKey, CreditError> {
        let until_s = self.terms.sold_until_s;
        if now_s > until_s {
            return Err(CreditError::Expired { until_s, now_s });
        }
        self.check(domain, node, now_s)
    }
}

/// The message that is signed for a number under some terms.
#[must_use]
pub fn credit_message(terms: Digest, number: Digest) -> Digest {
    DomainHasher::new("lazai.credit.v1").part(terms.as_bytes()).part(number.as_bytes()).finish()
}

/// A credit: whoever has it has one reply.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credit {
    /// Digest of its terms, which everybody who bought in the same period has.
    pub terms: Digest,
    /// Its number: random, chosen by its buyer, seen by the node when it is spent and never before.
    pub number: Digest,
    /// The random prefix of the signed message (RFC 9474, section 4.1).
    pub prefix: Digest,
    /// The signature over prefix and number, 256 bytes in hex.
    #[serde(with = "hex::serde")]
    pub signature: Vec<u8>,
}

impl Credit {
    /// Verifies it with the key of its terms.
    ///
    /// # Errors
    /// [`BlindError::Signature`].
    pub fn verify(&self, key: &CreditKey) -> Result<(), BlindError> {
        key.verify(&self.signature, self.prefix, credit_message(self.terms, self.number).as_bytes())
    }

    /// What stands for it in a receipt, in place of a session: another for each credit, on no ledger.
    #[must_use]
    pub fn id(&self, ledger: LedgerId) -> SessionId {
        let hasher = DomainHasher::new("lazai.credit.id.v1").part(ledger.as_bytes()).part(self.terms.as_bytes());
        SessionId::from_bytes(*hasher.part(self.number.as_bytes()).finish().as_bytes())
    }

    /// The salt of the digests of its request and reply. Its [`id`](Self::id) does not give it.
    #[must_use]
    pub fn salt(&self) -> Digest {
        DomainHasher::new("lazai.credit.salt.v1").part(self.number.as_bytes()).part(&self.signature).finish()
    }
}

impl std::fmt::Debug for Credit {
    /// A number that is told is a credit that may be taken.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credit {{ terms: {} }}", self.terms)
    }
}

/// A request that a credit pays for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditRequest {
    /// The credit.
    pub credit: Credit,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The requested reply settings.
    pub settings: ReplySettings,
}

impl CreditRequest {
    /// The request as a session would have it: the first turn of the credit's own.
    #[must_use]
    pub fn as_turn(&self, ledger: LedgerId) -> ChatRequest {
        ChatRequest {
            session: self.credit.id(ledger),
            turn: 1,
            messages: self.messages.clone(),
            settings: self.settings.clone(),
            salt: self.credit.salt(),
            // The credit stands in its place.
            signature: Signature::NOT_LOGGED,
        }
    }
}

/// A blinded message, or its signature: 256 bytes, in hex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlindBytes(#[serde(with = "hex::serde")] pub Vec<u8>);

/// An order of credits, as the next turn of a session. The same order again gets the same answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditOrder {
    /// The session that pays.
    pub session: SessionId,
    /// The turn's number, from 1.
    pub turn: u32,
    /// Digest of the terms.
    pub terms: Digest,
    /// The blinded messages: one for each credit.
    pub blinded: Vec<BlindBytes>,
    /// The consumer's signature of a [`CreditOrderClaim`].
    pub signature: Signature,
}

impl CreditOrder {
    /// The digest of the blinded messages: it is signed, and the receipt names it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        order_digest(&self.blinded)
    }

    /// What the consumer signs.
    #[must_use]
    pub fn claim(&self) -> CreditOrderClaim {
        CreditOrderClaim { session: self.session, turn: self.turn, terms: self.terms, order: self.digest() }
    }
}

fn order_digest(blinded: &[BlindBytes]) -> Digest {
    blinded.iter().fold(DomainHasher::new("lazai.credit.order.v1"), |hasher, one| hasher.part(&one.0)).finish()
}

/// A consumer's signed order: nobody else can run up the consumer's bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreditOrderClaim {
    /// The session.
    pub session: SessionId,
    /// The turn's number.
    pub turn: u32,
    /// Digest of the terms.
    pub terms: Digest,
    /// Digest of the blinded messages.
    pub order: Digest,
}

impl TypedData for CreditOrderClaim {
    const TYPE: &'static str = "CreditOrder(bytes32 session,uint32 turn,bytes32 terms,bytes32 order)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.session.as_bytes()));
        out.uint(self.turn.into());
        out.bytes32(self.terms);
        out.bytes32(self.order);
    }
}

/// A receipt of credits with its node's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedCreditReceipt {
    /// The receipt.
    pub receipt: CreditReceipt,
    /// The node's signature.
    pub signature: Signature,
}

/// A node's answer to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditDelivery {
    /// The receipt.
    pub receipt: SignedCreditReceipt,
    /// The signatures of the blinded messages, in their order; none until the receipt's sum is paid.
    #[serde(default)]
    pub signatures: Vec<BlindBytes>,
}

/// A node that sells credits, as a consumer sees it.
pub trait CreditNode: Node {
    /// The terms of a version whose credits are good now, as a stranger is told them: nothing that is sent for it has anything in common with
    /// what was sent before. Those that are sold now are first.
    fn credit_terms<'a>(&'a self, model: &'a str) -> NodeFuture<'a, Vec<SignedCreditTerms>>;

    /// Orders credits: the receipt, and the signatures once they are paid.
    fn order_credits<'a>(&'a self, order: &'a CreditOrder) -> NodeFuture<'a, CreditDelivery>;

    /// Asks for a reply, and pays it with a credit. Each piece of text is given to `on_text` as it comes.
    fn chat_by_credit<'a>(
        &'a self,
        request: &'a CreditRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply>;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use lazai_core::{LocalSigner, Signer as _, sign};
    use lazai_settle::credit::CreditTerms;
    use pollster::block_on;

    use super::*;

    #[test]
    fn orders_are_signed_as_eth_account_signs_them() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../vectors/eip712.json");
        let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let all = vectors["vectors"].as_array().unwrap();
        let vector = all.iter().find(|vector| vector["type"] == CreditOrderClaim::TYPE).unwrap();
        let digest = |byte: u8| Digest::from_bytes([byte; 32]);
        let (session, terms, order) = (SessionId::from_bytes([0xa1; 32]), digest(0xb2), digest(0xc3));
        let claim = CreditOrderClaim { session, turn: 5, terms, order };
        assert_eq!(vector["structHash"], claim.hash_struct().to_string());
    }

    #[test]
    fn terms_are_the_nodes_own_and_of_now() {
        let signer = |n: u8| LocalSigner::from_bytes([n; 32]).unwrap();
        let (domain, node, stranger) = (Domain::random("credits", "1").unwrap(), signer(1), signer(2));
        let key = CreditSecret::generate().unwrap().public().unwrap();
        let terms = CreditTerms {
            node: node.address(),
            class: ClassId(1),
            version: VersionNumber(1),
            asset: lazai_core::Asset::NATIVE,
            price: lazai_core::Amount::from_base_units(1),
            prompt_ceiling: 10,
            completion_ceiling: 10,
            public_key: key.to_bytes().unwrap(),
            sold_until_s: 100,
            valid_until_s: 200,
        };
        let signed = |by: &LocalSigner, terms: CreditTerms| SignedCreditTerms {
            signature: block_on(sign::sign(by, &domain, &terms)).unwrap(),
            terms,
        };
        let good = signed(&node, terms.clone());
        assert!(good.check(&domain, node.address(), 200).unwrap() == key);
        assert!(good.check_sold(&domain, node.address(), 100).is_ok());
        let over = |until_s, now_s| CreditError::Expired { until_s, now_s };
        assert_eq!(good.check(&domain, node.address(), 201).unwrap_err(), over(200, 201));
        assert_eq!(good.check_sold(&domain, node.address(), 101).unwrap_err(), over(100, 101));
        let others = good.check(&domain, stranger.address(), 1).unwrap_err();
        assert!(matches!(others, CreditError::OtherNode { .. }), "{others}");
        let forged = signed(&stranger, terms.clone()).check(&domain, node.address(), 1).unwrap_err();
        assert!(matches!(forged, CreditError::Signature(_)), "{forged}");
        let no_key = CreditTerms { public_key: vec![0x30; 346], ..terms };
        assert_eq!(signed(&node, no_key).check(&domain, node.address(), 1).unwrap_err(), BlindError::Key.into());
    }
}
