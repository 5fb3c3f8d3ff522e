//! A conversation as the consumer keeps it, and all that is signed and checked in it. No ledger and no network: who has a
//! session, the ledger's domain and a signer can talk over any transport.

use lazai_core::dialogue::{Message, Role};
use lazai_core::digest::DomainHasher;
use lazai_core::sign::{self, SignerError};
use lazai_core::{Amount, Digest, Domain, SessionId, Signer};
use lazai_settle::session::SessionPayment;
use serde::{Deserialize, Serialize};

use crate::consumer::{ConsumerError, TokenCounter};
use crate::node::{
    ChatReply, ChatRequest, ReplySettings, RequestClaim, SignedOffer, SignedReceipt, SignedVoucher, reply_digest,
    request_digest,
};

/// A conversation as the consumer keeps it: what she needs to go on after a crash, and to show where a reply
/// came from.
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
        Self { session, offer, deposit, messages: Vec::new(), receipts: Vec::new(), paid: None }
    }

    /// What is owed for everything received.
    #[must_use]
    pub fn owed(&self) -> Amount {
        self.receipts.last().map_or(Amount::ZERO, |r| r.receipt.receipt.cumulative)
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
        // The salt follows from a signature that only she can make, so that asking again asks the same.
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
    ) -> Result<(), ConsumerError> {
        self.check(domain, request, reply, counter)?;
        self.messages.clone_from(&request.messages);
        self.messages.push(Message::new(Role::Assistant, reply.text.clone()));
        if let Some(before) = self.receipts.last_mut() {
            before.tokens = Vec::new();
        }
        let (receipt, salt, settings) = (reply.receipt.clone(), request.salt, request.settings);
        self.receipts.push(ReceivedReply { receipt, salt, settings, tokens: reply.tokens.clone() });
        Ok(())
    }

    /// Signs for everything received so far; `None` if that is promised already.
    ///
    /// # Errors
    /// What the signer says.
    pub async fn voucher(&self, domain: &Domain, signer: &dyn Signer) -> Result<Option<SignedVoucher>, SignerError> {
        let owed = self.owed();
        if owed <= self.paid.map_or(Amount::ZERO, |v| v.voucher.cumulative) {
            return Ok(None);
        }
        let voucher = self.offer.offer.voucher(self.session, owed);
        let signature = sign::sign(signer, domain, &voucher).await?;
        Ok(Some(SignedVoucher { voucher, signature }))
    }

    fn check(
        &self,
        domain: &Domain,
        request: &ChatRequest,
        reply: &ChatReply,
        counter: Option<&dyn TokenCounter>,
    ) -> Result<(), ConsumerError> {
        let SignedReceipt { receipt, signature } = &reply.receipt;
        let offer = &self.offer.offer;
        signature.verify(domain, receipt, offer.node).map_err(ConsumerError::ReceiptSignature)?;
        let wanted = &request.settings;
        same("session", request.session, receipt.session)?;
        same("turn", request.turn, receipt.turn)?;
        same("request digest", request.digest(), receipt.request_digest)?;
        same("reply digest", reply_digest(request.salt, &reply.tokens, &reply.text), receipt.reply_digest)?;
        same("completion tokens", reply.tokens.len() as u64, receipt.completion_tokens)?;
        let ceiling = offer.completion_ceiling.min(wanted.max_tokens.unwrap_or(u32::MAX).max(1));
        same("completion ceiling", true, receipt.completion_tokens <= ceiling.into())?;
        same("temperature", wanted.temperature_milli.unwrap_or(receipt.temperature_milli), receipt.temperature_milli)?;
        same("nucleus", wanted.top_p_milli.unwrap_or(receipt.top_p_milli), receipt.top_p_milli)?;
        if let Some(counter) = counter {
            same("tokenizer", counter.digest(), receipt.tokenizer_digest)?;
            let counted = counter.prompt_tokens(&request.messages).unwrap_or(u64::MAX);
            same("prompt tokens", counted, receipt.prompt_tokens)?;
            same("reply text", counter.text(&reply.tokens).unwrap_or_default(), reply.text.clone())?;
        }
        same("prompt ceiling", true, receipt.prompt_tokens <= offer.prompt_ceiling.into())?;
        same("prompt tokens of these words", true, receipt.prompt_tokens <= most_tokens(&request.messages))?;
        let price = offer.price(receipt.prompt_tokens, receipt.completion_tokens)?;
        same("price within one step", true, price <= offer.step()?)?;
        same("sum owed", self.owed().checked_add(price)?, receipt.cumulative)?;
        same("sum within the deposit", true, receipt.cumulative <= self.deposit)
    }
}

/// Tokens that a chat template adds to a message, and to a conversation, at most: its marks, and words of its own.
const TEMPLATE_TOKENS: (u64, u64) = (16, 512);

/// The most tokens that a conversation can have, whatever the tokenizer: one that works on bytes makes no more tokens
/// than there are bytes. What templates add is allowed for.
fn most_tokens(messages: &[Message]) -> u64 {
    let (of_message, of_conversation) = TEMPLATE_TOKENS;
    messages.iter().map(|m| m.content.len() as u64 + of_message).fold(of_conversation, u64::saturating_add)
}

/// Whether a field of a receipt is what it must be.
pub(crate) fn same<T: PartialEq + ToString>(field: &'static str, expected: T, found: T) -> Result<(), ConsumerError> {
    if expected == found {
        Ok(())
    } else {
        Err(ConsumerError::Receipt { field, expected: expected.to_string(), found: found.to_string() })
    }
}
