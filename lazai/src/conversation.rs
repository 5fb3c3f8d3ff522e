//! The consumer's copy of a conversation, with everything that is signed and checked in it. Uses no ledger and no network:
//! with a session, the ledger's domain and a signer, it works over any transport.

mod again;
mod bought;
mod check;
#[cfg(feature = "wire")]
mod kept;
mod prompt;
mod speech;
mod talker;

pub use again::KeptTurn;
pub use bought::ReceivedCredits;
#[cfg(feature = "credits")]
pub(crate) use check::{Agreed, same};
pub use check::{Checked, NamedModel, TokenCheck, TokenCounter};
#[cfg(feature = "wire")]
pub use kept::KeptReceipt;
use lazai_core::digest::DomainHasher;
use lazai_core::message::{Message, Role};
use lazai_core::sign::{self, SignerError};
use lazai_core::{Amount, Digest, Domain, SessionId, Signer};
use lazai_settle::session::SessionPayment;
#[cfg(any(feature = "credits", feature = "node"))]
pub(crate) use prompt::asks_for_the_card;
pub(crate) use prompt::card;
pub use prompt::published;
use serde::{Deserialize, Serialize};
pub use speech::{AskedSpeech, ReceivedSpeech, is_voice_of_token};
pub use talker::{CheckedReply, Talker};

use crate::consumer::ConsumerError;
use crate::enclave::HeldQuote;
use crate::node::{
    ChatReply, ChatRequest, ReplySettings, RequestClaim, SignedOffer, SignedReceipt, SignedVoucher, request_digest,
};
use crate::recheck::SignedTrail;

/// The consumer's copy of a conversation: enough to continue after a crash, and to show a reply's provenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    /// The session.
    pub session: SessionId,
    /// The offer it was opened under.
    pub offer: SignedOffer,
    /// The session's deposit: no receipt owes more.
    pub deposit: Amount,
    /// The messages so far.
    pub messages: Vec<Message>,
    /// The receipt of each reply.
    pub receipts: Vec<ReceivedReply>,
    /// The receipt of each text that was spoken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spoken: Vec<ReceivedSpeech>,
    /// The quotes under which replies were asked for, where an attested enclave was asked for: which replies, each says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<HeldQuote>,
    /// The receipt of each order of credits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bought: Vec<ReceivedCredits>,
    /// Speech that was asked for, and did not come yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_under: Option<AskedSpeech>,
    /// The last voucher that the node has: a promise, until the node redeems it.
    pub paid: Option<SignedVoucher>,
    /// A signed voucher that the node may not have yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpaid: Option<SignedVoucher>,
    /// The version's model as the ledger names it, if one was at hand. Receipts that name another base or adapter are
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<NamedModel>,
    /// The version's public part, if it has the node put the character's card before the conversation: see [`published`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_part: Option<String>,
}

/// A receipt and the salt that ties it to its request and reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceivedReply {
    /// The receipt.
    pub receipt: SignedReceipt,
    /// The salt of request and reply digests.
    pub salt: Digest,
    /// The requested reply settings.
    #[serde(default, skip_serializing_if = "ReplySettings::is_default")]
    pub settings: ReplySettings,
    /// The reply's token ids; its digest covers salt, text and tokens. Kept for the last reply only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<u32>,
    /// When it was received, in seconds since 1970, by the consumer's clock: nobody signs it. `None` if no clock was at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_at_s: Option<u64>,
    /// What a repeat of the reply is held to, if the node signed that. Kept for the last reply only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trail: Option<SignedTrail>,
}

impl Conversation {
    /// Starts a conversation in an open session.
    #[must_use]
    pub fn new(session: SessionId, offer: SignedOffer, payment: SessionPayment) -> Self {
        let deposit = match payment {
            SessionPayment::Deposit(deposit) => deposit,
            SessionPayment::Quota(_) => offer.offer.quota_deposit,
        };
        let (messages, receipts, spoken) = (Vec::new(), Vec::new(), Vec::new());
        let (quotes, bought) = (Vec::new(), Vec::new());
        let (asked_under, paid, unpaid, model, public_part) = (None, None, None, None, None);
        Self {
            session,
            offer,
            deposit,
            messages,
            receipts,
            spoken,
            quotes,
            bought,
            asked_under,
            paid,
            unpaid,
            model,
            public_part,
        }
    }

    /// The amount owed for everything received.
    #[must_use]
    pub fn owed(&self) -> Amount {
        let replied = self.receipts.last().map_or(Amount::ZERO, |r| r.receipt.receipt.cumulative);
        // Sums only grow: the later one is the larger.
        let bought = self.bought.last().map_or(Amount::ZERO, |bought| bought.receipt.cumulative);
        self.spoken.last().map_or(Amount::ZERO, |s| s.receipt.receipt.cumulative).max(replied).max(bought)
    }

    /// The number of the next turn: replies, speech and orders of credits are counted together.
    #[must_use]
    pub fn next_turn(&self) -> u32 {
        (self.receipts.len() + self.spoken.len() + self.bought.len()) as u32 + 1
    }

    /// Tells whether a received reply is unpaid.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.owed() > self.paid.map_or(Amount::ZERO, |paid| paid.voucher.cumulative)
    }

    /// Notes that the node has the voucher that was signed last.
    pub fn mark_paid(&mut self) {
        self.paid = self.unpaid.take().or(self.paid);
    }

    /// Notes when the last reply was received, unless that is noted.
    pub fn mark_received(&mut self, now_s: u64) {
        if let Some(last) = self.receipts.last_mut() {
            last.received_at_s.get_or_insert(now_s);
        }
    }

    /// Notes when the last speech was received, unless that is noted.
    pub fn mark_spoken(&mut self, now_s: u64) {
        if let Some(last) = self.spoken.last_mut() {
            last.received_at_s.get_or_insert(now_s);
        }
    }

    /// Signs a request for the next reply. The same words give the same request.
    ///
    /// # Errors
    /// The signer's error.
    pub async fn request(
        &self,
        domain: &Domain,
        signer: &dyn Signer,
        messages: Vec<Message>,
        settings: ReplySettings,
    ) -> Result<ChatRequest, SignerError> {
        let (session, turn) = (self.session, self.next_turn());
        // The salt follows from a signature that only this signer can make, so that repeating a request gives the same
        // request.
        let claim = RequestClaim { session, turn, request: Digest::ZERO };
        let secret = sign::sign(signer, domain, &claim).await?;
        let salt = DomainHasher::new("lazai.request.salt.v1").part(secret.as_bytes()).finish();
        let claim = RequestClaim { request: request_digest(salt, &messages, &settings), ..claim };
        let signature = sign::sign(signer, domain, &claim).await?;
        Ok(ChatRequest { session, turn, messages, settings, salt, signature })
    }

    /// Checks a reply against the request, the conversation and the offer, and adds it. On error, nothing has changed.
    ///
    /// # Errors
    /// [`ConsumerError::Receipt`], [`ConsumerError::ReceiptSignature`].
    pub fn accept(
        &mut self,
        domain: &Domain,
        request: &ChatRequest,
        reply: &ChatReply,
        counter: Option<&dyn TokenCounter>,
    ) -> Result<Checked, ConsumerError> {
        let checked = self.check(domain, request, reply, counter)?;
        self.messages.clone_from(&request.messages);
        self.messages.push(Message::new(Role::Assistant, reply.text.clone()));
        if let Some(before) = self.receipts.last_mut() {
            before.tokens = Vec::new();
            before.trail = None;
        }
        let (receipt, salt, settings) = (reply.receipt.clone(), request.salt, request.settings.clone());
        let (tokens, received_at_s, trail) = (reply.tokens.clone(), None, reply.trail.clone());
        if let Some(held) = &reply.enclave {
            HeldQuote::note(&mut self.quotes, held, receipt.receipt.turn);
        }
        self.receipts.push(ReceivedReply { receipt, salt, settings, tokens, received_at_s, trail });
        Ok(checked)
    }
}
