//! Messages between consumer and provider, over any transport.

mod settings;

use std::future::Future;
use std::pin::Pin;

use lazai_core::digest::{DomainHasher, canonical_json};
use lazai_core::message::Message;
use lazai_core::reply::ReplyNotes;
use lazai_core::sign::Encoder;
use lazai_core::{Address, Amount, Digest, Domain, MoneyError, SessionId, Signature, SignerError, TypedData};
use lazai_settle::market::MarketError;
use lazai_settle::session::{Offer, Receipt, SessionRelease, Voucher};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use self::settings::{BadSetting, ReplySettings};
use crate::enclave::HeldQuote;
use crate::recheck::SignedTrail;
use crate::seal::NotSealed;
use crate::speech::{SpeechReply, SpeechRequest};

/// An offer with its node's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedOffer {
    /// The offer.
    pub offer: Offer,
    /// The node's signature.
    pub signature: Signature,
}

/// A voucher with its consumer's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedVoucher {
    /// The voucher.
    pub voucher: Voucher,
    /// The consumer's signature.
    pub signature: Signature,
}

/// A receipt with its node's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// The receipt.
    pub receipt: Receipt,
    /// The node's signature.
    pub signature: Signature,
}

/// A request for the next reply of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatRequest {
    /// The session.
    pub session: SessionId,
    /// The requested reply's number, from 1. The same request again gives the same reply.
    pub turn: u32,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// The requested reply settings.
    #[serde(default, skip_serializing_if = "ReplySettings::is_default")]
    pub settings: ReplySettings,
    /// The salt of the request's digest; hides the conversation from guesses.
    /// [`Conversation::request`](crate::conversation::Conversation::request) derives it from a signature.
    pub salt: Digest,
    /// The consumer's signature of a [`RequestClaim`].
    pub signature: Signature,
}

impl ChatRequest {
    /// The salted digest of the request: it is signed, and the receipt names it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        request_digest(self.salt, &self.messages, &self.settings)
    }

    #[cfg(feature = "serve")]
    pub(crate) fn asked(&self) -> Asked {
        Asked { session: self.session, turn: self.turn, digest: self.digest() }
    }
}

/// What names a turn: a request for a reply, or for speech.
#[cfg(feature = "serve")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub session: SessionId,
    pub turn: u32,
    /// Salted digest of the request.
    pub digest: Digest,
}

/// A consumer's signed request for a reply: nobody else can run up the consumer's bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestClaim {
    /// The session.
    pub session: SessionId,
    /// The reply's number.
    pub turn: u32,
    /// Salted digest of the conversation and the settings.
    pub request: Digest,
}

impl TypedData for RequestClaim {
    const TYPE: &'static str = "ChatRequest(bytes32 session,uint32 turn,bytes32 request)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.session.as_bytes()));
        out.uint(self.turn.into());
        out.bytes32(self.request);
    }
}

/// A consumer's signed request to release a session: nobody else can end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseClaim {
    /// The session.
    pub session: SessionId,
}

impl TypedData for ReleaseClaim {
    const TYPE: &'static str = "ReleaseRequest(bytes32 session)";

    fn encode(&self, out: &mut Encoder) {
        out.bytes32(Digest::from_bytes(*self.session.as_bytes()));
    }
}

/// Asks the node to release a session: the consumer wants nothing more in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The session.
    pub session: SessionId,
    /// The consumer's signature of a [`ReleaseClaim`].
    pub signature: Signature,
}

/// A node's word that it wants no more of a session than was redeemed: with it the payer ends the session at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRelease {
    /// The release.
    pub release: SessionRelease,
    /// The node's signature.
    pub signature: Signature,
}

/// A reply with its receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatReply {
    /// The reply's text.
    pub text: String,
    /// Its token ids, as they were generated; the consumer recounts them.
    pub tokens: Vec<u32>,
    /// The receipt, as the node claims it.
    pub receipt: SignedReceipt,
    /// The reason for its end, and what else was asked for: the node claims them, no receipt names them.
    #[serde(default, skip_serializing_if = "ReplyNotes::is_default")]
    pub notes: ReplyNotes,
    /// What a repeat of it is held to, if the node signed that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trail: Option<SignedTrail>,
    /// The quote of the key that the request was sealed to, if the consumer asked for an attested enclave. The consumer's own finding: no
    /// node tells it.
    #[serde(skip)]
    pub enclave: Option<Box<HeldQuote>>,
}

/// The salted digest of the messages and, if set, of the reply settings.
#[must_use]
pub fn request_digest(salt: Digest, messages: &[Message], settings: &ReplySettings) -> Digest {
    let messages = canonical_json(messages).expect("messages hold strings only");
    let hasher = DomainHasher::new("lazai.request.v1").part(salt.as_bytes()).part(&messages);
    if settings.is_default() {
        return hasher.finish();
    }
    hasher.part(&canonical_json(settings).expect("settings hold integers and texts only")).finish()
}

/// The salted digest of a reply: of its token ids, and of their text, so that a reader without a tokenizer can check the
/// words too.
#[must_use]
pub fn reply_digest(salt: Digest, tokens: &[u32], text: &str) -> Digest {
    let bytes: Vec<u8> = tokens.iter().flat_map(|t| t.to_le_bytes()).collect();
    DomainHasher::new("lazai.reply.v2").part(salt.as_bytes()).part(&bytes).part(text.as_bytes()).finish()
}

/// Why a node does not serve. A request that fails costs nothing.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The node is busy: send the same request again in a second.
    #[error("busy: {reason}")]
    Busy {
        /// The resource in short supply.
        reason: &'static str,
    },
    /// A credit that this node does not take, or an order of credits: its terms are not sold or over, or its signature is none.
    #[error("credits: {reason}")]
    Credit {
        /// The reason.
        reason: String,
    },
    /// The credit pays for another request: it is not taken for this one too.
    #[error("this credit was spent for another request")]
    CreditSpent,
    /// The reply could not be computed.
    #[error("generation: {reason}")]
    Generation {
        /// The reason.
        reason: String,
    },
    /// The client left before the reply was made.
    #[error("nobody waited for the reply")]
    Left,
    /// The session, the voucher or its signature does not hold.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// Arithmetic failed.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The moderator stopped the request or its reply.
    #[error("moderated: {reason}")]
    Moderated {
        /// Why.
        reason: String,
    },
    /// No voucher promises the last reply yet.
    #[error("{owed} is owed, {paid} is promised")]
    NotPaid {
        /// The amount owed for the session so far.
        owed: Amount,
        /// The amount of the last voucher.
        paid: Amount,
    },
    /// The rest of the deposit does not cover the next reply.
    #[error("{left} is left of the deposit, the next reply may cost {step}")]
    DepositExhausted {
        /// The rest.
        left: Amount,
        /// The most that one reply can cost.
        step: Amount,
    },
    /// The conversation is longer than the offer allows.
    #[error("conversation of {tokens} tokens exceeds the offer's {ceiling}")]
    PromptTooLong {
        /// Tokens of the conversation.
        tokens: u64,
        /// Tokens the offer allows.
        ceiling: u32,
    },
    /// The node refused over the network, with an error of its own.
    #[error("{message} ({code})")]
    Refused {
        /// The code of its error: that of [`NodeError::code`], or another's.
        code: String,
        /// The message.
        message: String,
    },
    /// A session that this node does not serve, or no longer.
    #[error("session {session} is not served here: {reason}")]
    NotServed {
        /// The session.
        session: SessionId,
        /// Why.
        reason: &'static str,
    },
    /// A setting of the reply that no node heeds, or that this one's model or generator cannot.
    #[error("{setting}: {reason}")]
    Setting {
        /// The setting, by its name in requests.
        setting: String,
        /// The reason.
        reason: String,
    },
    /// The node's signer refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The node's ledger did not answer, or not as it must: trying again may help.
    #[error("ledger: {reason}")]
    Ledger {
        /// The reason.
        reason: String,
    },
    /// The node's session book could not be read or written.
    #[error("session book: {reason}")]
    Book {
        /// The reason.
        reason: String,
    },
    /// The node could not be reached, or its answer is invalid.
    #[error("transport: {reason}")]
    Transport {
        /// The reason.
        reason: String,
    },
    /// A request for another reply than the next or the last one.
    #[error("asked for reply {asked}, the next is {next}")]
    TurnOutOfOrder {
        /// The requested turn.
        asked: u32,
        /// The next turn.
        next: u32,
    },
    /// The request could not be sealed to the node, and is not sent in clear text.
    #[error("not sent: {0}")]
    Unsealed(#[from] NotSealed),
    /// A voucher for another sum than is owed: less does not pay, more would be ahead of service.
    #[error("voucher of {offered}, {owed} is owed")]
    VoucherNotExact {
        /// The amount owed.
        owed: Amount,
        /// The amount of the voucher.
        offered: Amount,
    },
}

impl NodeError {
    /// A stable error code.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Busy { .. } => "node.busy",
            Self::Credit { .. } => "node.credit",
            Self::CreditSpent => "node.credit_spent",
            Self::Generation { .. } => "node.generation",
            Self::Left => "node.left",
            Self::Market(MarketError::UnknownSession { .. }) => "node.unknown_session",
            Self::Market(_) => "node.market",
            Self::Money(_) => "node.money",
            Self::Moderated { .. } => "node.moderated",
            Self::NotPaid { .. } => "node.not_paid",
            Self::DepositExhausted { .. } => "node.deposit_exhausted",
            Self::PromptTooLong { .. } => "node.prompt_too_long",
            Self::Refused { code, .. } => code,
            Self::NotServed { .. } => "node.not_served",
            Self::Setting { .. } => "node.setting",
            Self::Signer(_) => "node.signer",
            Self::Ledger { .. } => "node.ledger",
            Self::Book { .. } => "node.book",
            Self::Transport { .. } => "node.transport",
            Self::TurnOutOfOrder { .. } => "node.turn_out_of_order",
            Self::Unsealed(NotSealed::NotAttested(_)) => "node.not_attested",
            Self::Unsealed(_) => "node.unsealed",
            Self::VoucherNotExact { .. } => "node.voucher_not_exact",
        }
    }
}

/// The future that a [`Node`] returns.
pub type NodeFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, NodeError>> + Send + 'a>>;

/// A node, as a consumer sees it.
pub trait Node: Send + Sync {
    /// Asks for a reply. Each piece of text is given to `on_text` as it comes.
    fn chat<'a>(
        &'a self,
        request: &'a ChatRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply>;

    /// Is told whom the caller takes it for: the node of the session's offer, in the ledger's domain. A node that is sent sealed requests
    /// holds its key to this. By default, nothing is done.
    fn expect(&self, domain: &Domain, node: Address) {
        let _ = (domain, node);
    }

    /// Pays the amount owed. Paying the same voucher again changes nothing.
    fn pay<'a>(&'a self, voucher: &'a SignedVoucher) -> NodeFuture<'a, ()>;

    /// Asks for a text to be spoken. The samples of each phrase are given to `on_samples` as they come. By default, a node does
    /// not speak.
    fn speak<'a>(
        &'a self,
        request: &'a SpeechRequest,
        on_samples: &'a mut (dyn FnMut(&[i16]) + Send),
    ) -> NodeFuture<'a, SpeechReply> {
        let _ = on_samples;
        let session = request.session;
        Box::pin(async move { Err(NodeError::NotServed { session, reason: "this node does not speak" }) })
    }
}

/// Checks requests and replies, and may stop them.
pub trait Moderator: Send + Sync {
    /// Before generation: the reason to refuse a conversation, if there is one.
    fn before(&self, messages: &[Message]) -> Option<String>;

    /// After generation: the reason to hold a reply back, if there is one.
    fn after(&self, reply: &str) -> Option<String>;

    /// Tells whether a reply is streamed while it is generated. By default it is not: the reply leaves whole, once
    /// [`after`](Self::after) lets it pass.
    fn is_live(&self) -> bool {
        false
    }
}

/// A moderator that lets everything pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoModeration;

impl Moderator for NoModeration {
    fn before(&self, _: &[Message]) -> Option<String> {
        None
    }

    fn after(&self, _: &str) -> Option<String> {
        None
    }

    fn is_live(&self) -> bool {
        true
    }
}
