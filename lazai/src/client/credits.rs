//! Credits for apps: bought in a session, spent in a chat that has no session.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lazai_core::message::{Message, Role};

use super::{Client, Saying, Session};
use crate::consumer::ConsumerError;
use crate::conversation::CheckedReply;
use crate::credits::{CreditTalker, Purse};
use crate::http::HttpNode;
use crate::node::ReplySettings;
use crate::wire::talk::OfferedModel;

impl Session {
    /// Buys credits for this character, and puts them into a purse: see [`Talker::buy_credits`](crate::conversation::Talker::buy_credits). An order that was begun
    /// in this session before is finished instead. Returns the number of credits that were put in.
    ///
    /// # Errors
    /// [`NodeError::Credit`](crate::node::NodeError::Credit) if the node sells none; [`ConsumerError`].
    pub async fn buy_credits(&self, purse: &Purse, count: usize) -> Result<usize, ConsumerError> {
        let _turn = self.0.turn.lock().await;
        let mut saying = Saying { session: self, conversation: self.conversation() };
        let (consumer, node, conversation) = (&self.0.consumer, &self.0.node, &mut saying.conversation);
        consumer.talker().buy_credits(conversation, node, purse, count, consumer.now_s()).await
    }
}

impl Client {
    /// A chat with a character that is paid by the credits of a purse. Nothing that it sends has the account in it, or a session: use a
    /// node with a relay ([`HttpNode::with_relay`]), or the node knows requests by this machine's address. What it sends is sealed, or not sent.
    ///
    /// The ledger is read for the character's card and model, as of now.
    #[must_use]
    pub fn chat_by_credits(&self, model: &OfferedModel, purse: Purse) -> CreditChat {
        let (market, offer) = (self.account.ledger().market(), &model.offer.offer);
        let talker = CreditTalker::new(&market, offer.node, offer.class, offer.version, purse);
        let talker = match &self.counter {
            Some(counter) => talker.with_counter(counter.clone()),
            None => talker,
        };
        let node = self.node.held_to(&self.account.domain(), offer.node);
        let (turn, messages) = (async_lock::Mutex::new(()), Mutex::default());
        CreditChat { talker, node, account: self.account.clone(), turn, messages }
    }
}

/// A conversation that credits pay for, one for each reply. Every reply's request holds the words before it: the node knows that
/// they are of one conversation, and not of whom.
#[derive(Debug)]
pub struct CreditChat {
    talker: CreditTalker,
    node: HttpNode,
    account: crate::Account,
    /// Held by whoever talks: what is said at the same time is said one after another.
    turn: async_lock::Mutex<()>,
    messages: Mutex<Vec<Message>>,
}

impl CreditChat {
    /// Says something, pays for the reply with a credit, and checks it.
    ///
    /// # Errors
    /// [`ConsumerError`]. The same can be said again: a credit that may have paid for it is used once more, and pays once.
    pub async fn say(&self, text: &str) -> Result<CheckedReply, ConsumerError> {
        self.say_with(text, ReplySettings::default(), &mut |_| {}).await
    }

    /// As [`say`](Self::say), with reply settings; `on_text` gets the reply piece by piece as it comes, before it is checked.
    ///
    /// # Errors
    /// [`ConsumerError`].
    pub async fn say_with(
        &self,
        text: &str,
        settings: ReplySettings,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CheckedReply, ConsumerError> {
        let _turn = self.turn.lock().await;
        let mut messages = self.messages();
        messages.push(Message::new(Role::User, text));
        let now_s = self.account.ledger().now_s();
        let reply = self.talker.ask(&self.node, messages.clone(), settings, now_s, on_text).await?;
        messages.push(Message::new(Role::Assistant, reply.text.clone()));
        *self.kept() = messages;
        Ok(reply)
    }

    /// The conversation so far.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.kept().clone()
    }

    /// Begins with these messages, or goes on after them.
    pub fn begin_with(&self, messages: Vec<Message>) {
        *self.kept() = messages;
    }

    /// The purse.
    #[must_use]
    pub fn purse(&self) -> &Purse {
        self.talker.purse()
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
