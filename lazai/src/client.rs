//! The entry point for apps: a client of one node, and the sessions that it opens there.
//!
//! [`Client`] joins the parts of [`consumer`](crate::consumer), [`conversation`](crate::conversation) and
//! [`http`](crate::http): a ledger to pay on, a node to talk with, and the checks between them.

use std::sync::Arc;

use lazai_core::dialogue::{Message, Role};
use lazai_core::sign::SignerError;
use lazai_core::{Amount, Digest, Signer};
use lazai_settle::session::SessionPayment;

use crate::account::Account;
use crate::consumer::{Consumer, ConsumerError};
use crate::conversation::{CheckedReply, Conversation, TokenCounter};
use crate::http::HttpNode;
use crate::http::talk::Model;
use crate::node::ReplySettings;

/// A client of a node: lists its characters and opens sessions with them.
///
/// # Example
/// ```no_run
/// # async fn chat(account: lazai::Account) -> Result<(), Box<dyn std::error::Error>> {
/// use lazai::{Amount, Client};
///
/// let client = Client::new("https://node.example", account)?;
/// let models = client.models().await?;
/// let mut session = client.open(&models[0], Amount::from_base_units(1_000_000)).await?;
/// let reply = session.say("Who are you?").await?;
/// println!("{} ({} base units owed)", reply.text, session.owed());
/// session.end().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    account: Account,
    session_key: Option<Arc<dyn Signer>>,
    counter: Option<Arc<dyn TokenCounter>>,
    node: HttpNode,
}

impl Client {
    /// A client of the node at a URL such as `https://node.example`. The account pays, and its signer signs requests and
    /// vouchers. Nothing is sent yet.
    ///
    /// # Errors
    /// [`ConsumerError::Node`] if the URL is not one of HTTP.
    pub fn new(url: &str, account: Account) -> Result<Self, ConsumerError> {
        Ok(Self { account, session_key: None, counter: None, node: HttpNode::new(url)? })
    }

    /// Signs requests and payments of sessions with another key than the account's, so that the account's key can stay in a
    /// wallet meanwhile.
    #[must_use]
    pub fn with_session_key(mut self, key: Arc<dyn Signer>) -> Self {
        self.session_key = Some(key);
        self
    }

    /// Recounts the tokens of every receipt. Without a counter, receipts are only held to bounds.
    #[must_use]
    pub fn with_counter(mut self, counter: Arc<dyn TokenCounter>) -> Self {
        self.counter = Some(counter);
        self
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &HttpNode {
        &self.node
    }

    /// The characters that the node offers, with their signed offers.
    ///
    /// # Errors
    /// [`ConsumerError::Node`].
    pub async fn models(&self) -> Result<Vec<Model>, ConsumerError> {
        Ok(self.node.models().await?)
    }

    /// Opens a session with a character, and reserves a deposit for it on the ledger.
    ///
    /// # Errors
    /// [`ConsumerError::Send`]: the ledger checks the offer, its signature and the deposit.
    pub async fn open(&self, model: &Model, deposit: Amount) -> Result<Session, ConsumerError> {
        // Numbers of an account's sessions must differ, no more.
        let random = Digest::random().map_err(|_| SignerError::NoRandomness)?;
        let number = random.as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes);
        let consumer = self.consumer();
        let payment = SessionPayment::Deposit(deposit);
        let conversation = consumer.open(number, &model.offer, payment).await?;
        Ok(Session { consumer, node: self.node.clone(), conversation })
    }

    /// Continues a stored conversation: see [`Session::conversation`].
    #[must_use]
    pub fn resume(&self, conversation: Conversation) -> Session {
        Session { consumer: self.consumer(), node: self.node.clone(), conversation }
    }

    fn consumer(&self) -> Consumer {
        let key = self.session_key.clone().unwrap_or_else(|| self.account.signer());
        let consumer = Consumer::new(self.account.clone(), key);
        match &self.counter {
            Some(counter) => consumer.with_counter(counter.clone()),
            None => consumer,
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client {{ account: {:?}, node: {:?} }}", self.account, self.node)
    }
}

/// A session with a character at a node.
#[derive(Debug)]
pub struct Session {
    consumer: Consumer,
    node: HttpNode,
    conversation: Conversation,
}

impl Session {
    /// Sends a message, checks the reply, and pays for it.
    ///
    /// # Errors
    /// [`ConsumerError`]. A reply that breaks the agreement is not paid. After any error the same message can be sent
    /// again.
    pub async fn say(&mut self, text: &str) -> Result<CheckedReply, ConsumerError> {
        self.say_streaming(text, &mut |_| {}).await
    }

    /// As [`say`](Self::say); `on_text` gets the reply piece by piece as it comes, before it is checked.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn say_streaming(
        &mut self,
        text: &str,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CheckedReply, ConsumerError> {
        self.say_with(text, ReplySettings::default(), on_text).await
    }

    /// As [`say_streaming`](Self::say_streaming), with reply settings.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn say_with(
        &mut self,
        text: &str,
        settings: ReplySettings,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CheckedReply, ConsumerError> {
        let mut messages = self.conversation.messages.clone();
        messages.push(Message::new(Role::User, text));
        self.consumer.ask(&mut self.conversation, &self.node, messages, settings, on_text).await
    }

    /// The conversation so far: serialise it to continue after a crash ([`Client::resume`]), or to show a reply's
    /// provenance.
    #[must_use]
    pub fn conversation(&self) -> &Conversation {
        &self.conversation
    }

    /// The amount owed for all replies so far.
    #[must_use]
    pub fn owed(&self) -> Amount {
        self.conversation.owed()
    }

    /// Ends the session together with the node, gives the rest of the deposit back to the account, and returns that amount.
    ///
    /// # Errors
    /// [`ConsumerError`]. If the node does not answer, [`Consumer::take_back`] ends the session without it, also from a
    /// kept copy of [`conversation`](Self::conversation).
    pub async fn end(&mut self) -> Result<Amount, ConsumerError> {
        let talker = self.consumer.talker();
        talker.settle(&mut self.conversation, &self.node).await?;
        let request = talker.leave(&self.conversation).await?;
        let release = self.node.release(&request).await?;
        self.consumer.close_together(&self.conversation, &release).await?;
        Ok(self.conversation.deposit.checked_sub(release.release.redeemed)?)
    }

    /// The consumer behind the session, for actions that the session lacks.
    #[must_use]
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }
}
