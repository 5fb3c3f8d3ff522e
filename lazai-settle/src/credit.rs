//! Credits: what a node sells for replies that name no payer, and its receipts for them, each signed under EIP-712.
//!
//! A session pays for credits as it pays for replies: with the same vouchers, of which the ledger sees only sums. So the ledger
//! knows neither struct, and divides what credits cost as it divides everything else.

use lazai_core::sign::Encoder;
use lazai_core::{Address, Amount, Asset, ClassId, Digest, MoneyError, SessionId, TypedData, VersionNumber};
use serde::{Deserialize, Serialize};

use crate::session::Offer;

/// A node's price and limits for one credit of a version, and the key that signs credits. Signed by the node.
///
/// The key belongs to a version and a period: everybody who buys in that period has credits under the same terms, so terms tell nobody
/// from anybody else. Credits are good for as long after their period as the period is long, so signed terms say when theirs began: a node
/// that signs two keys for one time can be shown to have done so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditTerms {
    /// The node.
    pub node: Address,
    /// The class whose replies a credit buys.
    pub class: ClassId,
    /// The version.
    pub version: VersionNumber,
    /// The asset of the price.
    pub asset: Asset,
    /// Price of one credit: of one whole reply.
    pub price: Amount,
    /// Most tokens of the conversation before the reply.
    pub prompt_ceiling: u32,
    /// Most tokens of the reply.
    pub completion_ceiling: u32,
    /// The public key that credits are verified with: a `SubjectPublicKeyInfo` of RSASSA-PSS in DER (RFC 9474, section 5), in hex.
    #[serde(with = "hex::serde")]
    pub public_key: Vec<u8>,
    /// The end of the period: credits are sold up to this time, seconds since 1970.
    pub sold_until_s: u64,
    /// A credit is good up to this time, seconds since 1970: as long after the period as the period is long.
    pub valid_until_s: u64,
}

impl CreditTerms {
    /// The length of the period, in seconds: credits are good for as long again.
    #[must_use]
    pub fn period_s(&self) -> u64 {
        self.valid_until_s.saturating_sub(self.sold_until_s)
    }

    /// The beginning of the period, seconds since 1970.
    #[must_use]
    pub fn sold_from_s(&self) -> u64 {
        self.sold_until_s.saturating_sub(self.period_s())
    }

    /// Tells whether other terms are sold in a part of the same time: the end of a period may be the beginning of the next.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> bool {
        self.sold_from_s() < other.sold_until_s && other.sold_from_s() < self.sold_until_s
    }

    /// The price of so many credits.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn price_of(&self, credits: u64) -> Result<Amount, MoneyError> {
        self.price.checked_mul(credits)
    }

    /// Tells whether a session under an offer may buy credits under these terms: same node, version and asset.
    #[must_use]
    pub fn belong_to(&self, offer: &Offer) -> bool {
        (self.node, self.class, self.version, self.asset) == (offer.node, offer.class, offer.version, offer.asset)
    }
}

impl TypedData for CreditTerms {
    const TYPE: &'static str = "CreditTerms(address node,uint64 class,uint32 version,address asset,uint128 price,\
                                uint32 promptCeiling,uint32 completionCeiling,bytes publicKey,uint64 soldUntil,\
                                uint64 validUntil)";

    fn encode(&self, out: &mut Encoder) {
        out.address(self.node);
        out.uint(self.class.0.into());
        out.uint(self.version.0.into());
        out.address(self.asset.0);
        out.uint(self.price.base_units());
        out.uint(self.prompt_ceiling.into());
        out.uint(self.completion_ceiling.into());
        out.bytes(&self.public_key);
        out.uint(self.sold_until_s.into());
        out.uint(self.valid_until_s.into());
    }
}

/// A node's word that a session ordered credits: it signs the ordered messages once the session's sum is paid. Signed by the node.
///
/// Together with a voucher of that sum on the ledger, it shows that the credits were paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditReceipt {
    /// The session.
    pub session: SessionId,
    /// The turn's number in the session, from 1: replies, speech and orders are counted together.
    pub turn: u32,
    /// Digest of the terms.
    pub terms_digest: Digest,
    /// Digest of the blinded messages that were ordered.
    pub order_digest: Digest,
    /// Credits that were ordered.
    pub credits: u32,
    /// The amount owed for the session, this order included.
    pub cumulative: Amount,
}

impl TypedData for CreditReceipt {
    const TYPE: &'static str = "CreditReceipt(bytes32 session,uint32 turn,bytes32 termsDigest,bytes32 orderDigest,\
                                uint32 credits,uint128 cumulative)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.session.as_bytes()));
        out.uint(self.turn.into());
        out.bytes32(self.terms_digest);
        out.bytes32(self.order_digest);
        out.uint(self.credits.into());
        out.uint(self.cumulative.base_units());
    }
}
