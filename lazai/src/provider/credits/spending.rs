//! Replies that credits pay for.
//!
//! A credit's page stands where a session's does: the request that it pays is on disk before the first token leaves, and its reply before
//! it ends. So a credit pays one request among all replicas, whatever broke off in between, and that request gets one reply.

use std::sync::Arc;

use lazai_core::{Address, Amount, ClassId, VersionNumber};
use lazai_settle::session::{Offer, Session, SessionPayment};

use super::{KeptCredit, OpenKey};
use crate::credits::{Credit, CreditRequest};
use crate::node::{Asked, ChatReply, ChatRequest, NodeError};
use crate::provider::Provider;
use crate::provider::page::{Begun, KeptReply, LastReply, Moderated, Page};
use crate::provider::receipt::Served;

impl Provider {
    /// Makes the reply that a credit pays for, for as long as it is wanted. The same credit with the same words gets the same reply. A
    /// reply that fails here before any of it left leaves the credit unspent.
    ///
    /// # Errors
    /// [`NodeError::Credit`] for what is no credit of this node that is good now, [`NodeError::CreditSpent`] for one that pays for another request;
    /// as a reply's.
    pub async fn chat_by_credit_while(
        &self,
        request: &CreditRequest,
        wanted: &(dyn Fn() -> bool + Sync),
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<ChatReply, NodeError> {
        let admission = tracing::info_span!("admission");
        // Before anything is looked up or waits: a forged credit costs one verification.
        let key = self.key_of(&request.credit).await?;
        let turn = request.as_turn(self.ledger().market().ledger());
        let asked = turn.asked();
        if let Some(reply) = self.spent(&asked, &turn).await? {
            on_text(&reply.text);
            return Ok(reply);
        }
        let first = self.first_in_line(&asked, wanted).await.map_err(spent_for_another)?;
        if let Some(reply) = self.spent(&asked, &turn).await? {
            on_text(&reply.text);
            return Ok(reply);
        }
        let wanted = || wanted() || first.is_waited_for();
        drop(admission);
        let served = self.serve_for_credit(&turn, &key, &wanted, on_text).await?;
        let _receipt = tracing::info_span!("receipt");
        let reply = self.signed(served, turn.salt).await?;
        let sealed = KeptReply::seal(&asked, turn.salt, &reply)?;
        let last = LastReply { turn: 1, request: asked.digest, reply: sealed };
        let kept = self.change(asked.session, |page| {
            page.is_next(&asked)?;
            page.last = Some(last.clone());
            page.begun = None;
            page.moderated = Moderated::default();
            Ok(())
        });
        match kept.await {
            Ok(()) => Ok(reply),
            // A replica that took this one for dead was first: its reply is the credit's.
            Err(refused) => self.spent(&asked, &turn).await?.ok_or(refused),
        }
    }

    /// The version whose replies a credit pays, if it is a credit of this node that is good now.
    ///
    /// # Errors
    /// [`NodeError::Credit`].
    pub async fn version_of(&self, credit: &Credit) -> Result<(ClassId, VersionNumber), NodeError> {
        let terms = &self.key_of(credit).await?.terms.terms;
        Ok((terms.class, terms.version))
    }

    /// The key of a credit, which it is verified with.
    async fn key_of(&self, credit: &Credit) -> Result<Arc<OpenKey>, NodeError> {
        let mut versions = self.adapters.keys();
        let unknown = || NodeError::Credit { reason: "the credit's terms are not this node's, or over".into() };
        // A node serves a few versions: their keys are in memory.
        let key = loop {
            let of = *versions.next().ok_or_else(unknown)?;
            match self.credit_key(of, credit.terms).await {
                Ok(key) => break key,
                Err(NodeError::Credit { .. }) => {}
                Err(error) => return Err(error),
            }
        };
        credit.verify(&key.key).map_err(|e| NodeError::Credit { reason: e.to_string() })?;
        Ok(key)
    }

    /// The reply that the credit paid already, if it was for these words.
    async fn spent(&self, asked: &Asked, turn: &ChatRequest) -> Result<Option<ChatReply>, NodeError> {
        let page = self.page(asked.session).await?;
        check_unspent(&page, asked)?;
        page.last.map(|last| last.reply.open(asked, turn.salt)).transpose()
    }

    async fn serve_for_credit(
        &self,
        turn: &ChatRequest,
        key: &OpenKey,
        wanted: &(dyn Fn() -> bool + Sync),
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Served, NodeError> {
        let preparation = tracing::info_span!("preparation");
        let asked = turn.asked();
        let page = self.page(turn.session).await?;
        check_unspent(&page, &asked)?;
        let session = self.session_of_credit(key)?;
        let admitted = self.admit(&session, &page, turn).map_err(spent_for_another);
        if let Err(NodeError::Moderated { .. }) = &admitted {
            self.count_moderated(turn.session).await?;
        }
        admitted?;
        let prompt = self.prompt(&session.offer, &turn.messages)?;
        self.check_length(&session.offer, &prompt.messages)?;
        let left = page.begun.is_some_and(|begun| begun.left);
        let terms = &key.terms.terms;
        let credit = KeptCredit { price: terms.price, valid_until_s: terms.valid_until_s };
        let begin = |begun| {
            self.change(turn.session, move |page| {
                check_unspent(page, &asked)?;
                page.is_next(&asked)?;
                page.credit = Some(credit);
                page.begun = begun;
                Ok(())
            })
        };
        let begun = Begun { turn: 1, request: asked.digest, left };
        begin(Some(begun)).await?;
        let mut heard = false;
        let wanted = || left || wanted();
        let mut hear = |text: &str| {
            heard = true;
            on_text(text);
        };
        drop(preparation);
        let generated = self.generate(&session, &page, turn, prompt, &wanted, &mut hear).await;
        match &generated {
            Err(NodeError::Left) => begin(Some(Begun { left: true, ..begun })).await?,
            // Nothing of it left: the credit is unspent.
            Err(_) if !heard => begin(None).await?,
            _ => {}
        }
        if let Err(NodeError::Moderated { .. }) = &generated {
            self.count_moderated(turn.session).await?;
        }
        let mut served = generated?;
        served.receipt.cumulative = terms.price;
        Ok(served)
    }

    /// A credit as a reply's making takes it: a session that is on no ledger, of nobody, whose deposit is the price.
    fn session_of_credit(&self, key: &OpenKey) -> Result<Session, NodeError> {
        let terms = &key.terms.terms;
        // Who is first in line goes by the price of a token.
        let tokens = u128::from(terms.completion_ceiling.max(1));
        let offer = Offer {
            node: terms.node,
            class: terms.class,
            version: terms.version,
            asset: terms.asset,
            prompt_price: Amount::ZERO,
            completion_price: Amount::from_base_units(terms.price.base_units() / tokens),
            prompt_ceiling: terms.prompt_ceiling,
            completion_ceiling: terms.completion_ceiling,
            session_s: 0,
            valid_until_s: terms.valid_until_s,
            min_deposit: Amount::ZERO,
            quota_deposit: Amount::ZERO,
            series: 0,
        };
        Ok(Session {
            payer: Address::ZERO,
            nonce: 0,
            consumer: Address::ZERO,
            offer,
            payment: SessionPayment::Deposit(terms.price),
            params: self.ledger().market().params().0,
            deposit: terms.price,
            redeemed: Amount::ZERO,
            deadline_s: terms.valid_until_s,
            final_at_s: None,
            closed: false,
        })
    }
}

/// Checks that a credit is not spent, or for these words alone.
fn check_unspent(page: &Page, asked: &Asked) -> Result<(), NodeError> {
    let last = page.last.as_ref().map(|last| last.request);
    let request = last.or(page.begun.map(|begun| begun.request));
    if request.is_some_and(|request| request != asked.digest) { Err(NodeError::CreditSpent) } else { Ok(()) }
}

/// What a session calls another turn is another request here.
fn spent_for_another(error: NodeError) -> NodeError {
    match error {
        NodeError::TurnOutOfOrder { .. } => NodeError::CreditSpent,
        error => error,
    }
}
