//! A conversation as the consumer keeps it, and all that is signed and checked in it. No ledger and no network: who has a
//! session, the ledger's domain and a signer can talk over any transport.

mod check;
mod talker;

pub use check::{Checked, NamedModel, TokenCheck, TokenCounter};
use lazai_core::dialogue::{Message, Role};
use lazai_core::digest::DomainHasher;
use lazai_core::sign::{self, SignerError};
use lazai_core::{Amount, Digest, Domain, SessionId, Signer};
use lazai_settle::session::SessionPayment;
use serde::{Deserialize, Serialize};
pub use talker::{CheckedReply, Talker};

use crate::consumer::ConsumerError;
use crate::node::{
    ChatReply, ChatRequest, ReplySettings, RequestClaim, SignedOffer, SignedReceipt, SignedVoucher, request_digest,
};

/// A conversation as the consumer keeps it: what is needed to go on after a crash, and to show where a reply came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    /// The session.
    pub session: SessionId,
    /// What it was opened under.
    pub offer: SignedOffer,
    /// What the session reserved at its opening: no receipt owes more.
    pub deposit: Amount,
    /// What was said.
    pub messages: Vec<Message>,
    /// The receipt of each reply.
    pub receipts: Vec<ReceivedReply>,
    /// The last voucher that the node has: a promise, until the node redeems it.
    pub paid: Option<SignedVoucher>,
    /// A voucher that is signed, and that the node may not have yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpaid: Option<SignedVoucher>,
    /// What the ledger says of the version, where one was at hand: receipts that name another base or adapter are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<NamedModel>,
}

/// A receipt, and the salt that shows what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceivedReply {
    /// The receipt.
    pub receipt: SignedReceipt,
    /// The salt of request and reply digests.
    pub salt: Digest,
    /// How the reply was wanted.
    #[serde(default, skip_serializing_if = "ReplySettings::is_default")]
    pub settings: ReplySettings,
    /// The reply's token ids: with the salt and the text, what its digest is of. Kept of the last reply alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<u32>,
}

impl Conversation {
    /// The beginning of one, in a session that was opened.
    #[must_use]
    pub fn new(session: SessionId, offer: SignedOffer, payment: SessionPayment) -> Self {
        let deposit = match payment {
            SessionPayment::Deposit(deposit) => deposit,
            SessionPayment::Quota(_) => offer.offer.quota_deposit,
        };
        let (messages, receipts) = (Vec::new(), Vec::new());
        Self { session, offer, deposit, messages, receipts, paid: None, unpaid: None, model: None }
    }

    /// What is owed for everything received.
    #[must_use]
    pub fn owed(&self) -> Amount {
        self.receipts.last().map_or(Amount::ZERO, |r| r.receipt.receipt.cumulative)
    }

    /// Whether something that was received is not paid.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.owed() > self.paid.map_or(Amount::ZERO, |paid| paid.voucher.cumulative)
    }

    /// Notes that the node has the voucher that was signed last.
    pub fn settled(&mut self) {
        self.paid = self.unpaid.take().or(self.paid);
    }

    /// Signs a request for the next reply. Asking again with the same words asks the same.
    ///
    /// # Errors
    /// What the signer says.
    pub async fn request(
        &self,
        domain: &Domain,
        signer: &dyn Signer,
        messages: Vec<Message>,
        settings: ReplySettings,
    ) -> Result<ChatRequest, SignerError> {
        let (session, turn) = (self.session, self.receipts.len() as u32 + 1);
        // The salt follows from a signature that only this signer can make, so that asking again asks the same.
        let claim = RequestClaim { session, turn, request: Digest::ZERO };
        let secret = sign::sign(signer, domain, &claim).await?;
        let salt = DomainHasher::new("lazai.request.salt.v1").part(secret.as_bytes()).finish();
        let claim = RequestClaim { request: request_digest(salt, &messages, &settings), ..claim };
        let signature = sign::sign(signer, domain, &claim).await?;
        Ok(ChatRequest { session, turn, messages, settings, salt, signature })
    }

    /// Checks a reply against what was asked, said and agreed, and takes it in; on error nothing has changed.
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
        }
        let (receipt, salt, settings) = (reply.receipt.clone(), request.salt, request.settings);
        self.receipts.push(ReceivedReply { receipt, salt, settings, tokens: reply.tokens.clone() });
        Ok(checked)
    }
}
