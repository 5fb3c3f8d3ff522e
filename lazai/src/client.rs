//! The entry point for apps: a client of one node, and the sessions that it opens there.
//!
//! [`Client`] joins the parts of [`consumer`](crate::consumer), [`conversation`](crate::conversation) and
//! [`http`](crate::http): a ledger to pay on, a node to talk with, and the checks between them.

#[cfg(feature = "credits")]
mod credits;
mod speech;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lazai_core::message::{Message, Role};
use lazai_core::sign::SignerError;
use lazai_core::{Amount, Digest, SessionId, Signer};
use lazai_settle::session::SessionPayment;

use crate::account::{Account, SendError};
use crate::consumer::{Consumer, ConsumerError, TakeBack};
use crate::conversation::{CheckedReply, Conversation, TokenCounter};
use crate::enclave::Reader;
use crate::http::HttpNode;
use crate::memory::{Recall, Remembering};
use crate::node::ReplySettings;
use crate::wire::talk::OfferedModel;
#[cfg(feature = "credits")]
pub use credits::CreditChat;
pub use speech::Speech;

/// A client of a node: lists its characters and opens sessions with them.
///
/// # Example
/// ```no_run
/// # async fn chat(account: lazai::Account) -> Result<(), Box<dyn std::error::Error>> {
/// use lazai::{Amount, Client};
///
/// let client = Client::new("https://node.example", account)?;
/// let models = client.models().await?;
/// let session = client.open(&models[0], Amount::from_base_units(1_000_000)).await?;
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
        Ok(Self::of(HttpNode::new(url)?, account))
    }

    /// A client of a node that is at hand: such as one that is held to certificate authorities of its own
    /// ([`HttpNode::with_root_certificates`]).
    #[must_use]
    pub fn of(node: HttpNode, account: Account) -> Self {
        Self { account, session_key: None, counter: None, node }
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
    pub async fn models(&self) -> Result<Vec<OfferedModel>, ConsumerError> {
        Ok(self.node.models().await?)
    }

    /// Opens a session with a character, and reserves a deposit for it on the ledger.
    ///
    /// # Errors
    /// [`NodeError::DepositExhausted`](crate::node::NodeError::DepositExhausted) if the deposit does not cover one reply; [`ConsumerError::Send`]: the ledger checks the
    /// offer, its signature and the deposit. [`NodeError::Unsealed`](crate::node::NodeError::Unsealed) if an attested enclave is asked for ([`HttpNode::with_enclave`]) and the node is none.
    pub async fn open(&self, model: &OfferedModel, deposit: Amount) -> Result<Session, ConsumerError> {
        // Numbers of an account's sessions must differ, no more.
        let random = Digest::random().map_err(|_| SignerError::NoRandomness)?;
        let number = random.as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes);
        let consumer = self.consumer();
        // Nothing is reserved at a node that could not be talked with.
        self.node.attested(&self.account.domain(), model.offer.offer.node).await?;
        let payment = SessionPayment::Deposit(deposit);
        let conversation = consumer.open(number, &model.offer, payment).await?;
        Ok(Session::new(consumer, self.node.clone(), conversation))
    }

    /// Continues a stored conversation: see [`Session::conversation`].
    #[must_use]
    pub fn resume(&self, conversation: Conversation) -> Session {
        Session::new(self.consumer(), self.node.clone(), conversation)
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

/// A session with a character at a node: its clones are the same session, and its turns wait for one another.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    consumer: Consumer,
    node: HttpNode,
    system: Option<String>,
    remembering: Option<Remembering>,
    /// Held by whoever talks or ends: what is said at the same time is said one after another.
    turn: async_lock::Mutex<()>,
    conversation: Mutex<Conversation>,
}

impl Session {
    fn new(consumer: Consumer, node: HttpNode, conversation: Conversation) -> Self {
        let node = node.held_to(&consumer.account().domain(), conversation.offer.offer.node);
        let (turn, conversation) = (async_lock::Mutex::new(()), Mutex::new(conversation));
        Self(Arc::new(Inner { consumer, node, system: None, remembering: None, turn, conversation }))
    }

    /// A copy of what it is made of, with the conversation so far.
    fn parts(&self) -> Inner {
        let Inner { consumer, node, system, remembering, .. } = &*self.0;
        let (turn, conversation) = (async_lock::Mutex::new(()), Mutex::new(self.conversation()));
        let (consumer, node, system) = (consumer.clone(), node.clone(), system.clone());
        Inner { consumer, node, system, remembering: remembering.clone(), turn, conversation }
    }

    /// Puts words before the conversation, as its system message. The character's card is there already if its version was
    /// published with it ([`CardPrompt`](lazai_core::character::CardPrompt)): these words come after it. They are paid for as all
    /// words are. A conversation that has begun stays as it is.
    #[must_use]
    pub fn with_system(self, words: impl Into<String>) -> Self {
        Self(Arc::new(Inner { system: Some(words.into()), ..self.parts() }))
    }

    /// Recounts the tokens of every receipt from now on; without a counter, receipts are held to bounds.
    #[must_use]
    pub fn with_counter(self, counter: Arc<dyn TokenCounter>) -> Self {
        let parts = self.parts();
        Self(Arc::new(Inner { consumer: parts.consumer.with_counter(counter), ..parts }))
    }

    /// Recalls what was said before into each message, and remembers each turn: see [`memory`](crate::memory). A turn that cannot be
    /// remembered is logged, and is no error of a reply that is paid; the next message then fails before it is sent.
    #[must_use]
    pub fn with_memory(self, remembering: Remembering) -> Self {
        Self(Arc::new(Inner { remembering: Some(remembering), ..self.parts() }))
    }

    /// Who reads what is said in it: asks the node for its key, and for its quote if an attested enclave is asked for.
    ///
    /// # Errors
    /// [`ConsumerError::Node`]: nothing would be sent.
    pub async fn who_reads(&self) -> Result<Reader, ConsumerError> {
        Ok(self.0.node.who_reads().await?)
    }

    /// What was recalled for the last message; `None` without a memory, or before the first message.
    #[must_use]
    pub fn recalled(&self) -> Option<Recall> {
        self.0.remembering.as_ref().and_then(Remembering::recalled)
    }

    /// Says something, checks the reply, and pays for it.
    ///
    /// # Errors
    /// [`ConsumerError`]. A reply that does not hold what was agreed is not paid. After any error the same can be said again.
    pub async fn say(&self, text: &str) -> Result<CheckedReply, ConsumerError> {
        self.say_streaming(text, &mut |_| {}).await
    }

    /// As [`say`](Self::say); `on_text` gets the reply piece by piece as it comes, before it is checked.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn say_streaming(
        &self,
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
        &self,
        text: &str,
        settings: ReplySettings,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CheckedReply, ConsumerError> {
        let said = |mut messages: Vec<Message>| {
            if let (true, Some(system)) = (messages.is_empty(), &self.0.system) {
                messages.push(Message::new(Role::System, system.clone()));
            }
            messages.push(Message::new(Role::User, text));
            messages
        };
        self.turn(said, settings, on_text).await
    }

    /// Has the character answer these messages in place of the conversation so far: for programs that keep it themselves, as in
    /// [`GroupChat`](lazai_core::group::GroupChat)s.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn answer(
        &self,
        messages: Vec<Message>,
        settings: ReplySettings,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CheckedReply, ConsumerError> {
        self.turn(|_| messages, settings, on_text).await
    }

    async fn turn(
        &self,
        messages: impl FnOnce(Vec<Message>) -> Vec<Message>,
        settings: ReplySettings,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CheckedReply, ConsumerError> {
        let _turn = self.0.turn.lock().await;
        let mut saying = Saying { session: self, conversation: self.conversation() };
        let (consumer, node, conversation) = (&self.0.consumer, &self.0.node, &mut saying.conversation);
        let Some(remembering) = &self.0.remembering else {
            let messages = messages(conversation.messages.clone());
            return consumer.ask(conversation, node, messages, settings, on_text).await;
        };
        if let Some((asked, settings)) = remembering.summary_request(&conversation.messages)? {
            let before = conversation.messages.clone();
            let summary = consumer.ask(conversation, node, asked, settings, &mut |_| {}).await?;
            conversation.messages = before;
            remembering.keep_summary(conversation, &summary.text, consumer.now_s())?;
        }
        let messages = remembering.prepare(messages(conversation.messages.clone()))?;
        let reply = consumer.ask(conversation, node, messages, settings, on_text).await?;
        remembering.kept(conversation, consumer.now_s());
        Ok(reply)
    }

    /// The conversation so far: serialise it to continue after a crash ([`Client::resume`]), or to show a reply's
    /// provenance.
    #[must_use]
    pub fn conversation(&self) -> Conversation {
        self.kept().clone()
    }

    /// The session's id on the ledger.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.kept().session
    }

    /// The amount owed for all replies so far.
    #[must_use]
    pub fn owed(&self) -> Amount {
        self.kept().owed()
    }

    /// Ends the session together with the node, and gives what is left of the deposit back to the account. Returns what is left.
    /// It waits for a reply that is under way. Ending again gives the same.
    ///
    /// # Errors
    /// [`ConsumerError`]. If the node does not answer, [`take_back`](Self::take_back) ends the session without it.
    pub async fn end(&self) -> Result<Amount, ConsumerError> {
        let _turn = self.0.turn.lock().await;
        if let Some(left) = self.left_at_the_end()? {
            return Ok(left);
        }
        let (consumer, node) = (&self.0.consumer, &self.0.node);
        let mut saying = Saying { session: self, conversation: self.conversation() };
        let talker = consumer.talker();
        talker.pay_owed(&mut saying.conversation, node).await?;
        let request = talker.leave(&saying.conversation).await?;
        let release = node.release(&request).await?;
        consumer.close_together(&saying.conversation, &release).await?;
        Ok(saying.conversation.deposit.checked_sub(release.release.redeemed)?)
    }

    /// Takes back what is left of the deposit without the node, in two steps: see [`Consumer::take_back`].
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn take_back(&self) -> Result<TakeBack, SendError> {
        self.0.consumer.take_back(self.id()).await
    }

    /// The rest of the deposit, if the ledger shows the session as ended.
    fn left_at_the_end(&self) -> Result<Option<Amount>, ConsumerError> {
        let market = self.0.consumer.account().ledger().market();
        match market.session(self.id()) {
            Some(session) if session.closed => Ok(Some(session.deposit.checked_sub(session.redeemed)?)),
            _ => Ok(None),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Conversation> {
        self.0.conversation.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The conversation while something is said: what was received is kept, whatever ends it; an app may cancel.
struct Saying<'s> {
    session: &'s Session,
    conversation: Conversation,
}

impl Drop for Saying<'_> {
    fn drop(&mut self) {
        self.session.kept().clone_from(&self.conversation);
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session {{ id: {}, node: {:?} }}", self.id(), self.0.node)
    }
}
