//! The consumer: opens a session, talks, checks what she gets, pays for it.

use std::sync::Arc;

use lazai_core::dialogue::{Message, Role};
use lazai_core::sign::{SignatureError, SignerError};
use lazai_core::{Address, Digest, MoneyError, SessionId, Signer};
use lazai_settle::ledger::LedgerError;
use lazai_settle::market::{Market, MarketError, Transaction};
use lazai_settle::session::{SessionPayment, session_id};
use thiserror::Error;

use crate::account::{Account, SendError};
use crate::conversation::same;
pub use crate::conversation::{Conversation, ReceivedReply};
use crate::node::{ChatReply, Node, NodeError, ReplySettings, SignedOffer};

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

/// How far the taking back of a deposit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeBack {
    /// The session is over: what was left of its deposit is a balance of its payer's.
    Done,
    /// Its end was asked for, and is final after this time, seconds since 1970.
    FinalAt(u64),
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
        Ok(Conversation::new(session, offer.clone(), payment))
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
        let (domain, signer) = (self.account.domain(), &*self.session_signer);
        let request = conversation.request(&domain, signer, messages, settings).await?;
        let reply = node.chat(&request, on_text).await?;
        self.check_model(conversation, &reply)?;
        conversation.accept(&domain, &request, &reply, self.counter.as_deref())?;
        self.settle(conversation, node).await?;
        Ok(reply)
    }

    /// Whether base and adapter are those of the version that the ledger has.
    fn check_model(&self, conversation: &Conversation, reply: &ChatReply) -> Result<(), ConsumerError> {
        let (offer, receipt) = (&conversation.offer.offer, &reply.receipt.receipt);
        let market = self.account.ledger().market();
        let version = market.class(offer.class).and_then(|c| c.version(offer.version));
        version.map_or(Ok(()), |version| {
            same("adapter", version.metadata.adapter_digest, receipt.adapter_digest)?;
            same("base model", version.metadata.base.digest, receipt.base_digest)
        })
    }

    /// Signs and delivers the voucher for everything received so far, if it is not paid yet.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn settle(&self, conversation: &mut Conversation, node: &dyn Node) -> Result<(), ConsumerError> {
        let Some(voucher) = conversation.voucher(&self.account.domain(), &*self.session_signer).await? else {
            return Ok(());
        };
        node.pay(&voucher).await?;
        conversation.paid = Some(voucher);
        Ok(())
    }

    /// Takes back what a session did not use, without the node's help, in two steps: the first asks for the session's
    /// end, and the node can redeem until that is final; called again after that time, it ends the session.
    ///
    /// # Errors
    /// [`SendError`]; [`MarketError::UnknownSession`].
    pub async fn take_back(&self, session: SessionId) -> Result<TakeBack, SendError> {
        let closing = |market: &Market| {
            let unknown = LedgerError::Market(MarketError::UnknownSession { session });
            let found = market.session(session).ok_or(unknown)?;
            Ok::<_, LedgerError>(if found.closed {
                Some(TakeBack::Done)
            } else {
                found.final_at_s.map(TakeBack::FinalAt)
            })
        };
        match closing(&self.account.ledger().market())? {
            Some(TakeBack::FinalAt(at_s)) if self.now_s() > at_s => {
                self.account.send(&format!("end {session}"), Transaction::CloseSession { session }).await?;
                Ok(TakeBack::Done)
            }
            Some(found) => Ok(found),
            None => {
                self.account.send(&format!("close {session}"), Transaction::CloseSession { session }).await?;
                Ok(closing(&self.account.ledger().market())?.unwrap_or(TakeBack::Done))
            }
        }
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Consumer {{ account: {:?} }}", self.account)
    }
}
