//! Spending credits: one for each request, out of a purse.

use std::borrow::Cow;
use std::sync::Arc;

use lazai_core::message::Message;
use lazai_core::{Address, ClassId, Digest, Domain, LedgerId, VersionNumber};
use lazai_settle::Market;

use super::{Credit, CreditNode, CreditRequest, Purse, SignedCreditTerms};
use crate::consumer::ConsumerError;
use crate::conversation::{
    Agreed, Checked, CheckedReply, NamedModel, TokenCounter, asks_for_the_card, card, published, same,
};
use crate::node::{ChatReply, NodeError, ReplySettings, request_digest};

/// Refusals before a credit is spent, as long as nothing of the reply was heard: the credit is free for another request.
const UNSPENT: [&str; 10] = [
    "node.busy",
    "node.draining",
    "node.generation",
    "node.moderated",
    "node.not_served",
    "node.prompt_too_long",
    "node.rate_limited",
    "node.setting",
    "node.unsealed",
    "request.model",
];
/// Credits that are tried for one request: another process may have spent some.
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
    /// [`ConsumerError::Purse`] without a credit that may be sent; [`ConsumerError::Node`]. A credit is never sent with another request
    /// once something of a reply was heard, unless no other is left.
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
        let words = request_digest(Digest::ZERO, &messages, &settings);
        let mut request = None;
        for last in (0..TRIES).map(|tried| tried + 1 == TRIES) {
            let (credit, terms) = self.purse.take(self.of, &told, words, now_s)?;
            let request = request.get_or_insert_with(|| CreditRequest {
                credit: credit.clone(),
                messages: messages.clone(),
                settings: settings.clone(),
            });
            request.credit = credit;
            terms.check(&self.domain, address, now_s)?;
            let mut heard = false;
            let mut hear = |text: &str| {
                heard |= !text.is_empty();
                on_text(text);
            };
            let answered = node.chat_by_credit(request, &mut hear).await;
            match answered {
                Ok(reply) => return self.take(request, &terms, reply),
                Err(error) if error.code() == NodeError::CreditSpent.code() && !heard => {
                    self.purse.spent(request.credit.number)?;
                    if last {
                        return Err(error.into());
                    }
                }
                Err(error) => {
                    if !heard && UNSPENT.contains(&error.code()) {
                        self.purse.give_back(request.credit.number)?;
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
