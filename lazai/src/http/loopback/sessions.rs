//! Sessions of the proxy: opened within the budget, shared by replies, and left when a node refuses.

use std::collections::BTreeSet;
use std::sync::Arc;

use lazai_core::message::Message;
use lazai_core::quiet::without_addresses;
use lazai_core::{Address, Amount, Digest, SessionId};
use lazai_settle::ledger::LedgerError;
use lazai_settle::session::SessionPayment;

use super::book::Book;
use super::budget::Short;
use super::nodes::Candidate;
use super::page::{Open, Plan};
use super::turns::Turn;
use super::verdict::{failure, remote};
use super::{Inner, LoopbackError};
use crate::account::SendError;
use crate::consumer::ConsumerError;
use crate::http::front::no_model;
use crate::wire::openai::ApiError;

/// What a reply is wanted of.
pub(super) struct Wanted<'a> {
    pub model: &'a str,
    pub messages: &'a [Message],
    /// The most tokens of it, if the client names them.
    pub max_tokens: Option<u32>,
    /// Nodes that were asked in vain for this reply.
    pub tried: &'a BTreeSet<Address>,
    /// The session that this very reply was asked of before.
    pub session: Option<SessionId>,
}

/// The step that was taken towards a session.
enum Step {
    Session(Box<Open>),
    CarryOut(Box<Plan>),
    /// Nobody has looked at what nodes offer.
    Look,
    /// A reply under way must end first.
    Wait,
}

impl Inner {
    /// A session that can pay for the next reply, and that nobody else uses: one that is open, or a new one within the budget. Waits
    /// where the budget allows no other.
    pub async fn session(&self, turn: &mut Turn, wanted: &Wanted<'_>) -> Result<Open, ApiError> {
        let (mut offered, mut took_back, mut refused_offers) = (None::<Vec<Candidate>>, false, Vec::new());
        loop {
            let freed = self.turns.freed();
            let step = {
                let mut book = self.book.lock().await;
                self.advance(&mut book, turn, wanted, offered.as_deref())
            };
            match step {
                Ok(Step::Session(open)) => return Ok(*open),
                Ok(Step::CarryOut(plan)) => match self.carry_out(turn, &plan).await {
                    Some(opened) => return opened,
                    // The ledger refuses it for good; another offer may hold.
                    None => {
                        turn.free();
                        refused_offers.push(plan.offer.offer);
                        let mut others = self.offered(wanted).await?;
                        others.retain(|other| !refused_offers.contains(&other.offer.offer));
                        if others.is_empty() {
                            return Err(ApiError::new(402, "consumer.ledger", "the ledger refuses the session"));
                        }
                        offered = Some(others);
                    }
                },
                Ok(Step::Look) => offered = Some(self.offered(wanted).await?),
                Ok(Step::Wait) => freed.await,
                // The budget may cover a session only once another's deposit is back.
                Err(refused) if refused.code == "loopback.budget" && !took_back => {
                    tracing::debug!(%refused, "deposits of sessions that are over are taken back first");
                    self.take_back().await;
                    took_back = true;
                }
                // Or once a session in use is free.
                Err(refused) if refused.code == "loopback.budget" && self.turns.count_of(wanted.model) > 0 => {
                    freed.await;
                }
                Err(refused) => return Err(refused),
            }
        }
    }

    /// The offers for a model, the best first, without those of nodes that were tried.
    async fn offered(&self, wanted: &Wanted<'_>) -> Result<Vec<Candidate>, ApiError> {
        let mut models = self.nodes.models().await.map_err(|e| remote(&e))?;
        let mut offered = models.remove(wanted.model).ok_or_else(|| no_model(wanted.model))?;
        offered.retain(|candidate| !wanted.tried.contains(&candidate.offer.offer.node));
        Ok(offered)
    }

    /// The next step towards a session. What it gives out is in use by the turn.
    fn advance(
        &self,
        book: &mut Book,
        turn: &mut Turn,
        wanted: &Wanted<'_>,
        offered: Option<&[Candidate]>,
    ) -> Result<Step, ApiError> {
        let now_s = self.consumer.now_s();
        book.finish_spent(now_s, |session| self.turns.uses(session))?;
        let answers = |node: Address| !wanted.tried.contains(&node) && !self.nodes.are_left(node);
        if let Some(step) = self.use_open(book, turn, wanted, answers)? {
            return Ok(step);
        }
        // An unfinished plan comes before another: under its nonce, the same session is opened, or found open. Its deposit counts
        // already; the budget is checked again, because it may have changed since.
        let may = |plan: &&Plan| {
            !wanted.tried.contains(&plan.offer.offer.node)
                && !self.turns.carries_out(plan.nonce)
                // One that today's limits do not take stays reserved, and hinders no other.
                && self.budget.takes(&plan.offer.offer).is_ok()
        };
        let plan = book.plans_of(wanted.model).find(may).cloned();
        if let Some(plan) = plan {
            self.budget.left(book)?;
            return self.hold(book, turn, wanted, plan, true);
        }
        let Some(offered) = offered else { return Ok(Step::Look) };
        // A session with a node that does not answer is better than none.
        if offered.first().is_none_or(|best| best.is_left)
            && let Some(step) = self.use_open(book, turn, wanted, |node| !wanted.tried.contains(&node))?
        {
            return Ok(step);
        }
        let plan = self.plan(book, wanted, offered)?;
        self.hold(book, turn, wanted, plan, false)
    }

    /// Uses an open session with one of some nodes, if there is one.
    fn use_open(
        &self,
        book: &Book,
        turn: &mut Turn,
        wanted: &Wanted<'_>,
        with: impl Fn(Address) -> bool,
    ) -> Result<Option<Step>, ApiError> {
        let open = || book.open_of(wanted.model).filter(|open| with(open.conversation.offer.offer.node));
        // In another session the reply would be made anew, and who made it here would not be paid.
        let before = wanted.session.and_then(|session| open().find(|open| open.session() == session));
        if before.is_some_and(|open| self.turns.uses(open.session())) {
            return Ok(Some(Step::Wait));
        }
        let Some(open) = before.or_else(|| self.turns.best(open(), wanted.messages)) else { return Ok(None) };
        let step = open.conversation.offer.offer.step_within(wanted.max_tokens)?;
        match self.fits(book, wanted.model, step) {
            Ok(()) => {
                turn.use_session(open.session(), step);
                Ok(Some(Step::Session(Box::new(open.clone()))))
            }
            Err(Short::UnderWay) => Ok(Some(Step::Wait)),
            Err(Short::Spent(refused)) => Err(refused),
        }
    }

    /// Has the turn carry a plan out, if its first reply is within the budget. A new one is in the book before anything is sent.
    fn hold(
        &self,
        book: &mut Book,
        turn: &mut Turn,
        wanted: &Wanted<'_>,
        plan: Plan,
        is_kept: bool,
    ) -> Result<Step, ApiError> {
        let step = plan.offer.offer.step_within(wanted.max_tokens)?;
        match self.fits(book, wanted.model, step) {
            Ok(()) => {
                if !is_kept {
                    book.plan(plan.clone())?;
                }
                turn.use_plan(plan.nonce);
                turn.reserve(step);
                Ok(Step::CarryOut(Box::new(plan)))
            }
            Err(Short::UnderWay) => Ok(Step::Wait),
            Err(Short::Spent(refused)) => Err(refused),
        }
    }

    pub(super) fn fits(&self, book: &Book, model: &str, step: Amount) -> Result<(), Short> {
        let under_way = self.turns.under_way(model).map_err(|error| Short::Spent(error.into()))?;
        self.budget.fits(book, model, step, under_way, self.consumer.now_s())
    }

    /// Plans a new session under the best offer that the budget takes.
    fn plan(&self, book: &mut Book, wanted: &Wanted<'_>, offered: &[Candidate]) -> Result<Plan, ApiError> {
        let (now_s, model) = (self.consumer.now_s(), wanted.model);
        let mut refused = None;
        for Candidate { offer, .. } in offered {
            let node = offer.offer.node;
            let until_s = book.left_alone_until(model, node).filter(|until_s| now_s < *until_s);
            let taken = match until_s {
                Some(until_s) => {
                    let message = format!("the node refused; no session is opened with it for {} s", until_s - now_s);
                    Err(ApiError::new(503, "loopback.refused", message))
                }
                None => self.budget.takes(&offer.offer),
            };
            match taken {
                Ok(()) => {
                    let (left, step) = (self.budget.left(book)?, offer.offer.step()?);
                    let deposit = left.min(self.budget.deposit);
                    if deposit < step {
                        let (most, code) = (self.budget.deposit, "loopback.budget");
                        let message =
                            format!("a reply may cost {step}; {left} of the budget is left, {most} a session");
                        return Err(ApiError::new(402, code, message));
                    }
                    self.make_room(book, model)?;
                    let random = Digest::random().map_err(|_| LoopbackError::NoRandomness)?;
                    let nonce = u64::from_le_bytes(random.as_bytes().first_chunk().copied().unwrap_or_default());
                    return Ok(Plan { nonce, deposit, offer: offer.clone() });
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.unwrap_or_else(|| no_model(model)))
    }

    /// Leaves sessions that nobody uses with nodes that do not answer, until the budget allows another of the model.
    fn make_room(&self, book: &mut Book, model: &str) -> Result<(), ApiError> {
        loop {
            let count = book.open_of(model).count() + book.plans_of(model).count();
            if count < self.budget.sessions.max(1) as usize {
                return Ok(());
            }
            let left = book.open_of(model).filter(|open| self.nodes.are_left(open.conversation.offer.offer.node));
            let Some(idle) = self.turns.best(left, &[]).map(Open::session) else {
                let message = format!("{count} sessions of {model} are open or about to be: as many as there may be");
                return Err(ApiError::new(503, "loopback.sessions", message));
            };
            book.finish(idle)?;
        }
    }

    /// Opens a planned session; `None` if the ledger refuses it for good.
    async fn carry_out(&self, turn: &mut Turn, plan: &Plan) -> Option<Result<Open, ApiError>> {
        let (now_s, deposit, nonce) = (self.consumer.now_s(), plan.deposit, plan.nonce);
        match self.consumer.open(nonce, &plan.offer, SessionPayment::Deposit(deposit)).await {
            Ok(conversation) => {
                // One that was planned before a crash may be open for long.
                let market = self.consumer.account().ledger().market();
                let known_s = market.session(conversation.session).map(|session| session.deadline_s);
                let deadline_s = known_s.unwrap_or_else(|| now_s.saturating_add(plan.offer.offer.session_s));
                drop(market);
                let open = Open { deposit, deadline_s, conversation, today: Default::default() };
                let mut book = self.book.lock().await;
                let kept = book.opened(nonce, open.clone());
                let step = plan.offer.offer.step().unwrap_or_default();
                turn.use_session(open.session(), step);
                Some(kept.map(|()| open).map_err(ApiError::from))
            }
            Err(ConsumerError::Send(SendError::Ledger(
                error @ (LedgerError::Market(_) | LedgerError::Reverted { .. }),
            ))) => {
                tracing::info!(error = %without_addresses(error), "a session is refused");
                self.book.lock().await.give_up(nonce);
                None
            }
            // The outcome is unknown: the plan stays.
            Err(error) => Some(Err(failure(&error))),
        }
    }

    /// The right to a reply of a model.
    pub async fn begin(self: &Arc<Self>, model: &str) -> Result<Turn, ApiError> {
        self.turns.begin(model, self.budget.sessions).await
    }
}
