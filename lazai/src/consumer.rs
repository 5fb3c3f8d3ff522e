//! The consumer: opens a session, talks, checks what she gets, pays for it.

use std::sync::Arc;

use lazai_core::dialogue::{Message, Role};
use lazai_core::digest::DomainHasher;
use lazai_core::sign::{self, SignatureError, SignerError};
use lazai_core::{Address, Amount, Digest, MoneyError, SessionId, Signer};
use lazai_settle::market::Transaction;
use lazai_settle::session::{SessionPayment, session_id};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::account::{Account, SendError};
use crate::node::{
    ChatReply, ChatRequest, Node, NodeError, ReplySettings, RequestClaim, SignedOffer, SignedReceipt, SignedVoucher,
    reply_digest, request_digest,
};

/// Why a reply did not come, or is not paid.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConsumerError {
    /// Arithmetic without result.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The node refused.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The receipt is not what was agreed: the reply is not paid.
    #[error("receipt: {field} is {found}, expected {expected}")]
    Receipt {
        /// Which field.
        field: &'static str,
        /// What was expected.
        expected: String,
        /// What it says.
        found: String,
    },
    /// The receipt is not signed by the node.
    #[error("receipt: {0}")]
    ReceiptSignature(#[source] SignatureError),
    /// The ledger refused.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The session's signer refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// Counts tokens as the node should: what a consumer can check herself.
pub trait TokenCounter: Send + Sync {
    /// Digest of the tokenizer.
    fn digest(&self) -> Digest;

    /// Tokens of a conversation before a reply; `None` if it cannot be counted.
    fn prompt_tokens(&self, messages: &[Message]) -> Option<u64>;

    /// The text of a reply's token ids; `None` if they are none.
    fn text(&self, tokens: &[u32]) -> Option<String>;
}

/// A consumer: who pays, and the key that signs for her.
pub struct Consumer {
    account: Account,
    session_signer: Arc<dyn Signer>,
    counter: Option<Arc<dyn TokenCounter>>,
}

impl Consumer {
    /// A consumer who pays for herself and signs with her own key.
    pub fn new(account: Account, session_signer: Arc<dyn Signer>) -> Self {
        Self { account, session_signer, counter: None }
    }

    /// Has every receipt recounted; without it, the node's numbers are only *claimed*.
    #[must_use]
    pub fn with_counter(mut self, counter: Arc<dyn TokenCounter>) -> Self {
        self.counter = Some(counter);
        self
    }

    /// Her address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.account.address()
    }

    /// Her ledger's time, seconds since 1970.
    #[must_use]
    pub fn now_s(&self) -> u64 {
        self.account.ledger().now_s()
    }

    /// Opens her session of a number under an offer.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn open(
        &self,
        nonce: u64,
        offer: &SignedOffer,
        payment: SessionPayment,
    ) -> Result<Conversation, SendError> {
        let transaction = Transaction::OpenSession {
            nonce,
            consumer: self.session_signer.address(),
            offer: offer.offer.clone(),
            offer_signature: offer.signature,
            payment,
        };
        self.account.send(&format!("open {nonce}"), transaction).await?;
        let ledger = self.account.ledger().market().ledger();
        let (payer, consumer) = (self.account.address(), self.session_signer.address());
        let session = session_id(ledger, payer, nonce, consumer, &offer.offer);
        Ok(Conversation {
            session,
            offer: offer.clone(),
            metered: matches!(payment, SessionPayment::Deposit(_)),
            messages: Vec::new(),
            receipts: Vec::new(),
            paid: None,
        })
    }

    /// Asks for a reply, checks it, and pays for it. On error the conversation is as before, and the same words
    /// can be said again.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn say(
        &self,
        conversation: &mut Conversation,
        node: &dyn Node,
        text: &str,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<ChatReply, ConsumerError> {
        let mut messages = conversation.messages.clone();
        messages.push(Message::new(Role::User, text));
        self.ask(conversation, node, messages, ReplySettings::default(), on_text).await
    }

    /// As [`say`](Self::say), for whoever keeps the conversation herself: `messages` are all of it, and may differ from
    /// what was said before.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn ask(
        &self,
        conversation: &mut Conversation,
        node: &dyn Node,
        messages: Vec<Message>,
        settings: ReplySettings,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<ChatReply, ConsumerError> {
        // If the last reply was received but its payment lost, pay first.
        self.settle(conversation, node).await?;
        let turn = conversation.receipts.len() as u32 + 1;
        let request = self.request(conversation.session, turn, messages, settings).await?;
        let reply = node.chat(&request, on_text).await?;
        self.check(conversation, &request, &reply)?;
        conversation.messages = request.messages;
        conversation.messages.push(Message::new(Role::Assistant, reply.text.clone()));
        conversation.receipts.push(ReceivedReply {
            receipt: reply.receipt.clone(),
            salt: request.salt,
            settings: request.settings,
        });
        self.settle(conversation, node).await?;
        Ok(reply)
    }

    async fn request(
        &self,
        session: SessionId,
        turn: u32,
        messages: Vec<Message>,
        settings: ReplySettings,
    ) -> Result<ChatRequest, SignerError> {
        // The salt follows from a signature that only she can make, so that asking again asks the same.
        let claim = RequestClaim { session, turn, request: Digest::ZERO };
        let secret = sign::sign(&*self.session_signer, &self.account.domain(), &claim).await?;
        let salt = DomainHasher::new("lazai.request.salt.v1").part(secret.as_bytes()).finish();
        let claim = RequestClaim { request: request_digest(salt, &messages, &settings), ..claim };
        let signature = sign::sign(&*self.session_signer, &self.account.domain(), &claim).await?;
        Ok(ChatRequest { session, turn, messages, settings, salt, signature })
    }

    /// Checks a receipt against what was asked, said and agreed.
    fn check(
        &self,
        conversation: &Conversation,
        request: &ChatRequest,
        reply: &ChatReply,
    ) -> Result<(), ConsumerError> {
        let SignedReceipt { receipt, signature } = &reply.receipt;
        let offer = &conversation.offer.offer;
        let checked = signature.verify(&self.account.domain(), receipt, offer.node);
        checked.map_err(ConsumerError::ReceiptSignature)?;
        fn same<T: PartialEq + ToString>(field: &'static str, expected: T, found: T) -> Result<(), ConsumerError> {
            if expected == found {
                Ok(())
            } else {
                Err(ConsumerError::Receipt { field, expected: expected.to_string(), found: found.to_string() })
            }
        }
        same("session", request.session, receipt.session)?;
        same("turn", request.turn, receipt.turn)?;
        same(
            "request digest",
            request_digest(request.salt, &request.messages, &request.settings),
            receipt.request_digest,
        )?;
        same("reply digest", reply_digest(request.salt, &reply.tokens), receipt.reply_digest)?;
        same("completion tokens", reply.tokens.len() as u64, receipt.completion_tokens)?;
        let ceiling = offer.completion_ceiling.min(request.settings.max_tokens.unwrap_or(u32::MAX).max(1));
        same("completion ceiling", true, receipt.completion_tokens <= ceiling.into())?;
        let wanted = request.settings;
        same("temperature", wanted.temperature_milli.unwrap_or(receipt.temperature_milli), receipt.temperature_milli)?;
        same("nucleus", wanted.top_p_milli.unwrap_or(receipt.top_p_milli), receipt.top_p_milli)?;
        let market = self.account.ledger().market();
        let version = market.class(offer.class).and_then(|c| c.version(offer.version));
        if let Some(version) = version {
            same("adapter", version.metadata.adapter_digest, receipt.adapter_digest)?;
            same("base model", version.metadata.base.digest, receipt.base_digest)?;
        }
        if let Some(counter) = &self.counter {
            same("tokenizer", counter.digest(), receipt.tokenizer_digest)?;
            let counted = counter.prompt_tokens(&request.messages).unwrap_or(u64::MAX);
            same("prompt tokens", counted, receipt.prompt_tokens)?;
            same("reply text", counter.text(&reply.tokens).unwrap_or_default(), reply.text.clone())?;
        }
        let price = if conversation.metered {
            offer.price(receipt.prompt_tokens, receipt.completion_tokens)?
        } else {
            Amount::ZERO
        };
        let expected = conversation.owed().checked_add(price)?;
        same("sum owed", expected, receipt.cumulative)
    }

    /// Signs and delivers the voucher for everything received so far, if it is not paid yet.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn settle(&self, conversation: &mut Conversation, node: &dyn Node) -> Result<(), ConsumerError> {
        let owed = conversation.owed();
        let paid = conversation.paid.map_or(Amount::ZERO, |v| v.voucher.cumulative);
        if owed <= paid {
            return Ok(());
        }
        let voucher = conversation.offer.offer.voucher(conversation.session, owed);
        let signature = sign::sign(&*self.session_signer, &self.account.domain(), &voucher).await?;
        let voucher = SignedVoucher { voucher, signature };
        node.pay(&voucher).await?;
        conversation.paid = Some(voucher);
        Ok(())
    }

    /// Takes back what a session did not use: after its deadline, without the node's help.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn take_back(&self, session: SessionId) -> Result<(), SendError> {
        self.account.send(&format!("close {session}"), Transaction::CloseSession { session }).await.map(|_| ())
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Consumer {{ account: {:?} }}", self.account)
    }
}

/// A conversation as the consumer keeps it: what she needs to go on after a crash, and to show where a reply
/// came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversation {
    /// The session.
    pub session: SessionId,
    /// What it was opened under.
    pub offer: SignedOffer,
    /// Whether replies are paid by vouchers.
    pub metered: bool,
    /// What was said.
    pub messages: Vec<Message>,
    /// The receipt of each reply.
    pub receipts: Vec<ReceivedReply>,
    /// The last voucher that the node has.
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
}

impl Conversation {
    /// What is owed for everything received.
    #[must_use]
    pub fn owed(&self) -> Amount {
        self.receipts.last().map_or(Amount::ZERO, |r| r.receipt.receipt.cumulative)
    }
}
