//! Spending credits: one for each request, out of a purse.

use std::borrow::Cow;
use std::sync::Arc;

use lazai_core::message::Message;
use lazai_core::{Address, ClassId, Digest, Domain, LedgerId, VersionNumber};
use lazai_settle::Market;

use super::told::check_told;
use super::{Credit, CreditNode, CreditRequest, Purse, SignedCreditTerms};
use crate::consumer::ConsumerError;
use crate::conversation::{
    Agreed, Checked, CheckedReply, NamedModel, TokenCounter, asks_for_the_card, card, published, same,
};
use crate::node::{ChatReply, NodeError, ReplySettings, request_digest};

/// Refusals before a credit is spent, as long as nothing of the reply was heard: the credit is free for another request. None that somebody on the
/// way could say in the node's place.
const UNSPENT: [&str; 8] = [
    "node.busy",
    "node.draining",
    "node.generation",
    "node.moderated",
    "node.not_served",
    "node.prompt_too_long",
    "node.setting",
    "request.model",
];
/// Credits that are tried for one request, if none is left but such as were sent before.
const TRIES: usize = 4;

/// Talks with a version at a node, and pays with credits: it has no key, and signs nothing.
///
/// What it sends for two requests has nothing in common but the words, and the terms that all buyers of a period have. A node that tells
/// its present callers other terms than those of the credits is sent none.
#[derive(Clone)]
pub struct CreditTalker {
    domain: Domain,
    ledger: LedgerId,
    of: (Address, ClassId, VersionNumber),
    model: Option<NamedModel>,
    public_part: Option<String>,
    counter: Option<Arc<dyn TokenCounter>>,
    purse: Purse,
}

impl CreditTalker {
    /// A talker with a version at a node, which spends the credits of a purse. Replies are held to the model that the market names.
    #[must_use]
    pub fn new(market: &Market, node: Address, class: ClassId, version: VersionNumber, purse: Purse) -> Self {
        let public_part = published(market, class, version).filter(|part| asks_for_the_card(part)).map(str::to_owned);
        let (domain, ledger) = (market.domain().clone(), market.ledger());
        let model = NamedModel::of(market, class, version);
        Self { domain, ledger, of: (node, class, version), model, public_part, counter: None, purse }
    }

    /// Recounts the tokens of every receipt. Without a counter, receipts are only held to bounds.
    #[must_use]
    pub fn with_counter(mut self, counter: Arc<dyn TokenCounter>) -> Self {
        self.counter = Some(counter);
        self
    }

    /// The purse.
    #[must_use]
    pub fn purse(&self) -> &Purse {
        &self.purse
    }

    /// Asks for a reply to these messages, pays it with a credit, and checks it. The same messages and settings get the same reply for the same credit,
    /// until it was checked here.
    ///
    /// # Errors
    /// [`ConsumerError::Purse`] without a credit that may be sent; [`ConsumerError::Credit`] for terms that are not gone by, and
    /// [`ConsumerError::Node`]. A credit is sent with another request than before only if no other is left, and the node says then whether it is
    /// spent. [`NodeError::CreditSpent`] for a credit that was sent with nothing else: the node takes no credits, or somebody has the purse.
    pub async fn ask(
        &self,
        node: &dyn CreditNode,
        messages: Vec<Message>,
        settings: ReplySettings,
        now_s: u64,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<CheckedReply, ConsumerError> {
        let (address, class, version) = self.of;
        node.expect(&self.domain, address);
        let told = node.credit_terms(&format!("dat:{class}:{version}")).await?;
        check_told(&self.domain, self.of, &told, &self.purse.terms(self.of)?, now_s)?;
        let words = request_digest(Digest::ZERO, &messages, &settings);
        for _ in 0..TRIES {
            let taken = self.purse.take(self.of, &told, words, now_s)?;
            let (messages, settings) = (messages.clone(), settings.clone());
            let request = CreditRequest { credit: taken.credit.clone(), messages, settings };
            let mut heard = false;
            let mut hear = |text: &str| {
                heard |= !text.is_empty();
                on_text(text);
            };
            let answered = node.chat_by_credit(&request, &mut hear).await;
            match answered {
                Ok(reply) => return self.take(&request, &taken.terms, reply),
                Err(error) if error.code() == NodeError::CreditSpent.code() && !heard => {
                    if !self.purse.spent_for_another(&taken)? {
                        return Err(error.into());
                    }
                }
                Err(error) => {
                    // After an earlier try with the same request, nobody knows whether that one was heard.
                    if taken.is_first && !heard && UNSPENT.contains(&error.code()) {
                        self.purse.give_back(&taken)?;
                    }
                    return Err(error.into());
                }
            }
        }
        Err(NodeError::CreditSpent.into())
    }

    /// Checks a reply; its credit is then gone.
    fn take(
        &self,
        request: &CreditRequest,
        terms: &SignedCreditTerms,
        reply: ChatReply,
    ) -> Result<CheckedReply, ConsumerError> {
        let (turn, terms) = (request.as_turn(self.ledger), &terms.terms);
        let agreed = Agreed {
            domain: &self.domain,
            node: terms.node,
            prompt_ceiling: terms.prompt_ceiling,
            completion_ceiling: terms.completion_ceiling,
            model: self.model,
            counter: self.counter.as_deref(),
        };
        let prompt = match card(self.public_part.as_deref())? {
            Some(card) => Cow::Owned(card.messages(&turn.messages)),
            None => Cow::Borrowed(&turn.messages[..]),
        };
        agreed.check(&turn, &prompt, &reply)?;
        same("price of a credit", terms.price, reply.receipt.receipt.cumulative)?;
        let Credit { number, .. } = request.credit;
        self.purse.spent(number)?;
        let checked = Checked { tokens: agreed.tokens(), model: self.model.is_some() };
        let ChatReply { text, tokens, receipt, notes, .. } = reply;
        Ok(CheckedReply { text, tokens, receipt, checked, notes })
    }
}

impl std::fmt::Debug for CreditTalker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (node, class, version) = self.of;
        write!(f, "CreditTalker {{ node: {node}, class: {class}, version: {version}, purse: {:?} }}", self.purse.path())
    }
}
