//! The consumer: opens a session, talks, checks the replies and pays for them.

use std::sync::Arc;

use lazai_core::character::CardError;
use lazai_core::message::{Message, Role};
use lazai_core::sign::{SignatureError, SignerError};
use lazai_core::{Address, Amount, MoneyError, SessionId, Signer};
use lazai_settle::ledger::LedgerError;
use lazai_settle::market::{MarketError, Transaction};
use lazai_settle::session::{SessionPayment, session_id};
use thiserror::Error;

use crate::account::{Account, SendError};
pub use crate::conversation::{
    Checked, CheckedReply, Conversation, NamedModel, ReceivedReply, Talker, TokenCheck, TokenCounter,
};
use crate::conversation::{card, published};
use crate::memory::MemoryError;
use crate::node::{Node, NodeError, ReplySettings, SignedOffer, SignedRelease};

/// Why a reply did not come, or is not paid.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConsumerError {
    /// The character's card cannot be read: replies cannot be checked.
    #[error("the character's card: {0}")]
    Card(#[from] CardError),
    /// Terms of credits are not gone by: nothing was sent.
    #[cfg(feature = "credits")]
    #[error(transparent)]
    Credit(#[from] crate::credits::CreditError),
    /// The memory failed: nothing was sent.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Arithmetic failed.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The node refused.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The purse could not be read or written, or has no credit.
    #[cfg(feature = "credits")]
    #[error(transparent)]
    Purse(Box<crate::credits::PurseError>),
    /// The receipt differs from the agreement: the reply is not paid.
    #[error("receipt: {field} is {found}, expected {expected}")]
    Receipt {
        /// The field.
        field: &'static str,
        /// The expected value.
        expected: String,
        /// The value in the receipt.
        found: String,
    },
    /// The receipt is not signed by the node.
    #[error("receipt: {0}")]
    ReceiptSignature(#[source] SignatureError),
    /// The release names another session than the one asked for: this session is not over.
    #[error("release: it is of session {found}, expected {expected}")]
    Release {
        /// The session to be released.
        expected: SessionId,
        /// The session in the release.
        found: SessionId,
    },
    /// The release is not signed by the node.
    #[error("release: {0}")]
    ReleaseSignature(#[source] SignatureError),
    /// The ledger refused.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The session's signer refused.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A text costs more than may be paid for it: nothing was asked for.
    #[error("the text costs {price}, at most {most} is paid for it")]
    SpeechPrice {
        /// Its price under the node's terms.
        price: Amount,
        /// The most that may be paid.
        most: Amount,
    },
    /// The last reply must be paid before the next request.
    #[error("the last reply is not paid")]
    Unpaid,
}

/// Progress of taking back a deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeBack {
    /// The session is over: the rest of its deposit is now a balance of its payer.
    Done,
    /// The session's end was requested. It is final after this time, in seconds since 1970.
    FinalAt(u64),
}

/// A consumer: who pays, and who talks.
#[derive(Clone)]
pub struct Consumer {
    account: Account,
    talker: Talker,
}

impl Consumer {
    /// A consumer. The account pays; the session key signs requests and vouchers.
    pub fn new(account: Account, session_signer: Arc<dyn Signer>) -> Self {
        let talker = Talker::new(account.domain(), session_signer);
        Self { account, talker }
    }

    /// Recounts the tokens in every receipt. Without a counter, receipts are only held to bounds.
    #[must_use]
    pub fn with_counter(mut self, counter: Arc<dyn TokenCounter>) -> Self {
        self.talker = self.talker.with_counter(counter);
        self
    }

    /// The talker: the session key and the token counter.
    #[must_use]
    pub fn talker(&self) -> &Talker {
        &self.talker
    }

    /// The account that pays.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The address that pays.
    #[must_use]
    pub fn address(&self) -> Address {
        self.account.address()
    }

    /// The ledger's time, seconds since 1970.
    #[must_use]
    pub fn now_s(&self) -> u64 {
        self.account.ledger().now_s()
    }

    /// Opens the account's session number `nonce` under an offer. The conversation holds receipts to the model that the
    /// ledger names for the version.
    ///
    /// # Errors
    /// [`NodeError::DepositExhausted`] if the deposit does not cover one reply, [`ConsumerError::Card`] if the character's card
    /// cannot be read: nothing is sent. [`ConsumerError::Send`]: the
    /// ledger checks the offer, its signature and the deposit.
    pub async fn open(
        &self,
        nonce: u64,
        offer: &SignedOffer,
        payment: SessionPayment,
    ) -> Result<Conversation, ConsumerError> {
        if let SessionPayment::Deposit(left) = payment {
            let step = offer.offer.step()?;
            if left < step {
                return Err(NodeError::DepositExhausted { left, step }.into());
            }
        }
        // Without the card no receipt could be checked: nothing is reserved for it.
        card(published(&self.account.ledger().market(), offer.offer.class, offer.offer.version))?;
        let transaction = Transaction::OpenSession {
            nonce,
            consumer: self.talker.address(),
            offer: offer.offer.clone(),
            offer_signature: offer.signature,
            payment,
        };
        self.account.send(&format!("open {nonce}"), transaction).await?;
        let market = self.account.ledger().market();
        let (payer, consumer) = (self.account.address(), self.talker.address());
        let session = session_id(market.ledger(), payer, nonce, consumer, &offer.offer);
        let mut conversation = Conversation::new(session, offer.clone(), payment);
        conversation.learn(&market);
        Ok(conversation)
    }

    /// Sends a message, checks the reply, and pays for it; see [`Talker::say`].
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn say(
        &self,
        conversation: &mut Conversation,
        node: &dyn Node,
        text: &str,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CheckedReply, ConsumerError> {
        let mut messages = conversation.messages.clone();
        messages.push(Message::new(Role::User, text));
        self.ask(conversation, node, messages, ReplySettings::default(), on_text).await
    }

    /// As [`say`](Self::say), but takes the complete message history, which may differ from the earlier one.
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
    ) -> Result<CheckedReply, ConsumerError> {
        // A conversation that began elsewhere is held to the ledger here.
        if conversation.model.is_none() {
            conversation.learn(&self.account.ledger().market());
        }
        let before = conversation.receipts.len();
        let said = self.talker.say(conversation, node, messages, settings, on_text).await;
        if conversation.receipts.len() > before {
            conversation.mark_received(self.now_s());
        }
        said
    }

    /// Delivers the voucher for everything received so far, unless it is paid already.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn pay_owed(&self, conversation: &mut Conversation, node: &dyn Node) -> Result<(), ConsumerError> {
        self.talker.pay_owed(conversation, node).await
    }

    /// Ends a conversation's session at once, together with its node: by the node's release of this session.
    ///
    /// # Errors
    /// As [`Talker::check_release`]; [`ConsumerError::Send`], also if the ledger refuses a release of another sum than was
    /// redeemed.
    pub async fn close_together(
        &self,
        conversation: &Conversation,
        release: &SignedRelease,
    ) -> Result<(), ConsumerError> {
        self.talker.check_release(conversation, release)?;
        let (session, release) = (conversation.session, release.signature);
        // The node may have redeemed just now.
        self.account.ledger().refresh().await.map_err(SendError::from)?;
        let transaction = Transaction::CloseTogether { session, release };
        self.account.send(&format!("close {session} together"), transaction).await?;
        Ok(())
    }

    /// Takes back the unused deposit of a session without the node's help, in two steps. The first call requests the
    /// session's end; the node can still redeem until that is final. A call after that time ends the session.
    ///
    /// # Errors
    /// [`SendError`]; [`MarketError::UnknownSession`].
    pub async fn take_back(&self, session: SessionId) -> Result<TakeBack, SendError> {
        match self.end_of(session)? {
            Some(TakeBack::FinalAt(at_s)) if self.now_s() > at_s => {
                self.account.send(&format!("end {session}"), Transaction::CloseSession { session }).await?;
                Ok(TakeBack::Done)
            }
            Some(found) => Ok(found),
            None => {
                self.account.send(&format!("close {session}"), Transaction::CloseSession { session }).await?;
                Ok(self.end_of(session)?.unwrap_or(TakeBack::Done))
            }
        }
    }

    /// The end of a session on the ledger; `None` if no end was requested.
    ///
    /// # Errors
    /// [`MarketError::UnknownSession`].
    pub fn end_of(&self, session: SessionId) -> Result<Option<TakeBack>, SendError> {
        let market = self.account.ledger().market();
        let unknown = LedgerError::Market(MarketError::UnknownSession { session });
        let found = market.session(session).ok_or(unknown)?;
        Ok(if found.closed { Some(TakeBack::Done) } else { found.final_at_s.map(TakeBack::FinalAt) })
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Consumer {{ account: {:?} }}", self.account)
    }
}
