//! Paid conversations: offers, vouchers and receipts, each signed under EIP-712.
//!
//! A consumer pays after each reply, never ahead of service; the node serves the next reply only when the last one is paid.
//! At worst, the consumer loses nothing, and the node the price of one reply.
//!
//! The node can end a session at once. Its payer can request the end at any time; the node then has the dispute window to
//! redeem its last voucher, and after that anyone can end the session. With the node's [`SessionRelease`], the payer ends
//! it at once too.

use lazai_core::sign::Encoder;
use lazai_core::{
    Address, Amount, Asset, ClassId, Digest, LedgerId, MoneyError, ParamsVersion, SessionId, TokenId, TypedData,
    VersionNumber,
};
use serde::{Deserialize, Serialize};

/// A node's prices and limits for serving a version of a class. Signed by the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// The node.
    pub node: Address,
    /// The class it serves.
    pub class: ClassId,
    /// The version it serves.
    pub version: VersionNumber,
    /// The asset of the prices.
    pub asset: Asset,
    /// Price of one token of the conversation before a reply.
    pub prompt_price: Amount,
    /// Price of one token of a reply.
    pub completion_price: Amount,
    /// Most tokens of a conversation before a reply.
    pub prompt_ceiling: u32,
    /// Most tokens of a reply.
    pub completion_ceiling: u32,
    /// The length of a session, in seconds.
    pub session_s: u64,
    /// Sessions may be opened under it up to this time, seconds since 1970.
    pub valid_until_s: u64,
    /// The least that a payer reserves for a session.
    pub min_deposit: Amount,
    /// The amount that a class's fund reserves for a session opened with a unit of quota; 0: not served by quota.
    pub quota_deposit: Amount,
    /// The node's series of offers that it belongs to: beginning the next series revokes it.
    pub series: u64,
}

impl Offer {
    /// The price of one reply.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn price(&self, prompt_tokens: u64, completion_tokens: u64) -> Result<Amount, MoneyError> {
        let prompt = self.prompt_price.checked_mul(prompt_tokens)?;
        prompt.checked_add(self.completion_price.checked_mul(completion_tokens)?)
    }

    /// The voucher for everything a session under this offer owes so far.
    #[must_use]
    pub fn voucher(&self, session: SessionId, cumulative: Amount) -> Voucher {
        Voucher { session, node: self.node, class: self.class, version: self.version, cumulative }
    }

    /// The most that one reply can cost: one step, and so the most that the node can lose.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn step(&self) -> Result<Amount, MoneyError> {
        self.price(self.prompt_ceiling.into(), self.completion_ceiling.into())
    }

    /// The most that a reply of at most so many tokens can cost; of as many as the offer allows, if none are named.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`].
    pub fn step_within(&self, max_tokens: Option<u32>) -> Result<Amount, MoneyError> {
        let most = self.completion_ceiling.max(1);
        let most = max_tokens.map_or(self.completion_ceiling, |tokens| tokens.clamp(1, most));
        self.price(self.prompt_ceiling.into(), most.into())
    }
}

impl TypedData for Offer {
    const TYPE: &'static str = "Offer(address node,uint64 class,uint32 version,address asset,uint128 promptPrice,\
                                uint128 completionPrice,uint32 promptCeiling,uint32 completionCeiling,\
                                uint64 sessionSeconds,uint64 validUntil,uint128 minDeposit,\
                                uint128 quotaDeposit,uint64 series)";

    fn encode(&self, out: &mut Encoder) {
        out.address(self.node);
        out.uint(self.class.0.into());
        out.uint(self.version.0.into());
        out.address(self.asset.0);
        out.uint(self.prompt_price.base_units());
        out.uint(self.completion_price.base_units());
        out.uint(self.prompt_ceiling.into());
        out.uint(self.completion_ceiling.into());
        out.uint(self.session_s.into());
        out.uint(self.valid_until_s.into());
        out.uint(self.min_deposit.base_units());
        out.uint(self.quota_deposit.base_units());
        out.uint(self.series.into());
    }
}

/// The largest deposit of a session, in base units: on chain it has 96 bits.
pub const MAX_DEPOSIT: Amount = Amount::from_base_units((1 << 96) - 1);

struct SessionTerms {
    ledger: LedgerId,
    payer: Address,
    nonce: u64,
    consumer: Address,
    offer: Digest,
}

impl TypedData for SessionTerms {
    const TYPE: &'static str = "Session(bytes32 ledger,address payer,uint64 nonce,address consumer,bytes32 offer)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.ledger.as_bytes()));
        out.address(self.payer);
        out.uint(self.nonce.into());
        out.address(self.consumer);
        out.bytes32(self.offer);
    }
}

/// The id of a session: it binds everything that was agreed, so a chain keeps nothing of it but the money.
///
/// `nonce` is the payer's number for it; ids are never reused.
#[must_use]
pub fn session_id(ledger: LedgerId, payer: Address, nonce: u64, consumer: Address, offer: &Offer) -> SessionId {
    let terms = SessionTerms { ledger, payer, nonce, consumer, offer: offer.hash_struct() };
    SessionId::from_bytes(*terms.hash_struct().as_bytes())
}

/// The means of payment for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SessionPayment {
    /// By vouchers, up to this deposit.
    Deposit(Amount),
    /// By one unit of an access token's quota: the class's fund reserves the amount that the offer names.
    Quota(TokenId),
}

/// An open or closed session, as the ledger holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The payer.
    pub payer: Address,
    /// The payer's number for it.
    pub nonce: u64,
    /// The address whose vouchers count: the payer's, or that of a key that the payer lends.
    pub consumer: Address,
    /// The offer that it was opened under.
    pub offer: Offer,
    /// The means of payment.
    pub payment: SessionPayment,
    /// The parameters that bind it.
    pub params: ParamsVersion,
    /// The most that can be redeemed: it grows when it is topped up.
    pub deposit: Amount,
    /// The amount redeemed so far.
    pub redeemed: Amount,
    /// It is served up to this time, seconds since 1970.
    pub deadline_s: u64,
    /// Set once the payer requested the end: the node can redeem up to this time, seconds since 1970; after it, anyone can
    /// end the session.
    pub final_at_s: Option<u64>,
    /// True once it is closed.
    pub closed: bool,
}

impl Session {
    /// Tells whether its deposit came out of its class's fund, and goes back there.
    #[must_use]
    pub fn is_sponsored(&self) -> bool {
        matches!(self.payment, SessionPayment::Quota(_))
    }
}

/// A node's signed word that it wants no more of a session than was redeemed: its payer can then end it at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRelease {
    /// The session.
    pub session: SessionId,
    /// The amount redeemed.
    pub redeemed: Amount,
}

impl TypedData for SessionRelease {
    const TYPE: &'static str = "SessionRelease(bytes32 session,uint128 redeemed)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.session.as_bytes()));
        out.uint(self.redeemed.base_units());
    }
}

/// A promise to pay: the sum of all replies so far. Signed by the session's consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voucher {
    /// The session.
    pub session: SessionId,
    /// The node that may redeem it.
    pub node: Address,
    /// The class that is served.
    pub class: ClassId,
    /// The version that is served.
    pub version: VersionNumber,
    /// The amount owed for the session so far; grows from voucher to voucher.
    pub cumulative: Amount,
}

impl TypedData for Voucher {
    const TYPE: &'static str = "Voucher(bytes32 session,address node,uint64 class,uint32 version,uint128 cumulative)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.session.as_bytes()));
        out.address(self.node);
        out.uint(self.class.0.into());
        out.uint(self.version.0.into());
        out.uint(self.cumulative.base_units());
    }
}

/// A node's claim of what it did for one reply. Signed by the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The session.
    pub session: SessionId,
    /// The reply's number in the session, from 1.
    pub turn: u32,
    /// Salted digest of the conversation before the reply.
    pub request_digest: Digest,
    /// Salted digest of the reply.
    pub reply_digest: Digest,
    /// Tokens of the conversation before the reply.
    pub prompt_tokens: u64,
    /// Tokens of the reply.
    pub completion_tokens: u64,
    /// Digest of the tokenizer that counted.
    pub tokenizer_digest: Digest,
    /// Temperature in thousandths.
    pub temperature_milli: u32,
    /// Nucleus in thousandths.
    pub top_p_milli: u32,
    /// Seed of the sampler.
    pub seed: u64,
    /// SHA-256 of the base model that the node says it used.
    pub base_digest: Digest,
    /// SHA-256 of the adapter that the node says it used: claimed, not proved.
    pub adapter_digest: Digest,
    /// The amount owed for the session, this reply included.
    pub cumulative: Amount,
}

impl TypedData for Receipt {
    const TYPE: &'static str = "Receipt(bytes32 session,uint32 turn,bytes32 requestDigest,bytes32 replyDigest,\
                                uint64 promptTokens,uint64 completionTokens,bytes32 tokenizerDigest,\
                                uint32 temperatureMilli,uint32 topPMilli,uint64 seed,bytes32 baseDigest,\
                                bytes32 adapterDigest,uint128 cumulative)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.session.as_bytes()));
        out.uint(self.turn.into());
        out.bytes32(self.request_digest);
        out.bytes32(self.reply_digest);
        out.uint(self.prompt_tokens.into());
        out.uint(self.completion_tokens.into());
        out.bytes32(self.tokenizer_digest);
        out.uint(self.temperature_milli.into());
        out.uint(self.top_p_milli.into());
        out.uint(self.seed.into());
        out.bytes32(self.base_digest);
        out.bytes32(self.adapter_digest);
        out.uint(self.cumulative.base_units());
    }
}
