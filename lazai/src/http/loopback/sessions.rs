//! Sessions of the proxy: opened within the budget, and left when the node refuses.

use std::sync::Arc;

use lazai_core::{Amount, Digest};
use lazai_settle::ledger::LedgerError;
use lazai_settle::session::{Offer, SessionPayment};

use super::book::{Book, Open, Plan};
use super::once::{Begun, Reply};
use super::{Inner, LoopbackError};
use crate::account::SendError;
use crate::consumer::{CheckedReply, ConsumerError};
use crate::http::front::{no_model, refusal};
use crate::http::reply::{Made, Pieces};
use crate::node::NodeError;
use crate::wire::openai::{ApiError, CompletionRequest};
use crate::wire::payment::ReplyDetails;
use crate::wire::talk::OfferedModel;

impl Inner {
    /// Makes and pays one reply. Sessions that end in this turn are taken back right after it.
    pub async fn turn(
        self: &Arc<Self>,
        asked: CompletionRequest,
        pieces: Pieces,
        begun: Option<&Begun>,
    ) -> Result<Made, ApiError> {
        self.keep_taking_back();
        let served = self.reply(asked, pieces, begun).await;
        self.woken.notify_one();
        served
    }

    async fn reply(
        &self,
        asked: CompletionRequest,
        mut pieces: Pieces,
        begun: Option<&Begun>,
    ) -> Result<Made, ApiError> {
        let mut book = self.book.lock().await;
        for last_try in [false, true] {
            let mut open = self.session(&mut book, &asked.model).await?;
            let mut said = false;
            let mut on_text = |text: &str| {
                said = true;
                pieces.text(text);
            };
            let (messages, node) = (asked.messages.clone(), &self.node);
            let conversation = &mut open.conversation;
            let asking = self.consumer.ask(conversation, node, messages, asked.settings.clone(), &mut on_text).await;
            let asking = asking.map(|CheckedReply { text, tokens, receipt, checked, notes }| {
                let (adapter, device, checked) = ("claimed".into(), "remote".into(), Some(checked));
                let details = ReplyDetails { receipt, tokens, text: None, adapter, device, checked };
                Reply { text, details, notes }
            });
            if let (Ok(reply), Some(begun)) = (&asking, begun)
                && let Err(error) = begun.keep(reply.clone())
            {
                tracing::warn!(%error, "a reply is told, and would be paid again if it were asked for again");
            }
            book.keep(&asked.model, open)?;
            match asking {
                Ok(Reply { text, details, notes }) => {
                    book.served(&asked.model)?;
                    let details = ReplyDetails { text: pieces.complete(&text), ..details };
                    return Ok(Made { details, notes });
                }
                Err(error) if is_over(&error) => {
                    // A node that refuses gets no new session at once, except the first time.
                    book.refused(&asked.model, self.consumer.now_s())?;
                    book.finish(&asked.model)?;
                    if last_try || said {
                        return Err(failure(&error));
                    }
                    tracing::info!(%error, "the session is over; another is opened");
                }
                Err(error) => return Err(failure(&error)),
            }
        }
        Err(ApiError::new(502, "node.transport", "no session holds"))
    }

    /// A session with a model that can pay for the next reply: the present one, or a new one within the budget.
    async fn session(&self, book: &mut Book, model: &str) -> Result<Open, ApiError> {
        let now_s = self.consumer.now_s();
        if let Some(open) = book.present(model).filter(|open| open.can_go_on(now_s)) {
            return Ok(open.clone());
        }
        book.finish(model)?;
        if let Some(until_s) = book.left_alone_until(model).filter(|until_s| now_s < *until_s) {
            let message = format!("the node refused; no session is opened with it for {} s", until_s - now_s);
            return Err(ApiError::new(503, "loopback.refused", message));
        }
        self.take_back(book).await;
        // An unfinished plan comes first: under its nonce, the same session is opened, or found open.
        let planned = book.planned(model).cloned();
        let opened = match &planned {
            Some(plan) => self.carry_out(book, model, plan, now_s).await,
            None => None,
        };
        match opened {
            Some(opened) => opened,
            None => {
                let plan = self.plan(book, model).await?;
                let refused = || ApiError::new(402, "consumer.ledger", "the ledger refuses the session");
                self.carry_out(book, model, &plan, now_s).await.unwrap_or_else(|| Err(refused()))
            }
        }
    }

    /// Opens a planned session; `None` if the ledger refuses it for good. Its deposit counts already; the budget is checked
    /// again, because it may have changed since.
    async fn carry_out(&self, book: &mut Book, model: &str, plan: &Plan, now_s: u64) -> Option<Result<Open, ApiError>> {
        let deposit = plan.deposit;
        if let Err(refused) = self.affords(book, &plan.offer.offer) {
            return Some(Err(refused));
        }
        match self.consumer.open(plan.nonce, &plan.offer, SessionPayment::Deposit(deposit)).await {
            Ok(conversation) => {
                let deadline_s = now_s.saturating_add(plan.offer.offer.session_s);
                let open = Open { deposit, deadline_s, conversation };
                let kept = book.keep(model, open.clone());
                Some(kept.map(|()| open).map_err(ApiError::from))
            }
            Err(ConsumerError::Send(SendError::Ledger(
                error @ (LedgerError::Market(_) | LedgerError::Reverted { .. }),
            ))) => {
                tracing::info!(%error, "a session is refused");
                book.give_up(model);
                None
            }
            // The outcome is unknown: the plan stays.
            Err(error) => Some(Err(failure(&error))),
        }
    }

    /// Checks that an offer is in the budget's asset, within its price and time limits, and that all reservations are
    /// within the budget. Returns the rest of the budget.
    fn affords(&self, book: &Book, offer: &Offer) -> Result<Amount, ApiError> {
        let refused = |code: &str, message: String| Err(ApiError::new(402, code, message));
        if offer.asset != self.budget.asset {
            let (wanted, has) = (offer.asset, self.budget.asset);
            return refused("loopback.asset", format!("the node wants {wanted}, the budget is of {has}"));
        }
        let (step, most) = (offer.step()?, self.budget.max_step);
        if step > most {
            return refused("loopback.price", format!("a reply may cost {step}, at most {most} is paid for one"));
        }
        let (session_s, max_s) = (offer.session_s, self.budget.max_session_s);
        if session_s > max_s {
            return refused("loopback.session", format!("a session lasts {session_s} s, at most {max_s} s are taken"));
        }
        let (bound, total) = (book.bound()?, self.budget.total);
        match total.checked_sub(bound) {
            Ok(left) => Ok(left),
            Err(_) => refused("loopback.budget", format!("{bound} is spent or reserved, of a budget of {total}")),
        }
    }

    /// Plans a new session, and stores the plan before anything is sent.
    async fn plan(&self, book: &mut Book, model: &str) -> Result<Plan, ApiError> {
        let models = self.node.models().await.map_err(|e| remote(&e))?;
        let OfferedModel { offer, .. } = models.into_iter().find(|m| m.id == model).ok_or_else(|| no_model(model))?;
        let (left, step) = (self.affords(book, &offer.offer)?, offer.offer.step()?);
        let deposit = left.min(self.budget.deposit);
        if deposit < step {
            let message =
                format!("a reply may cost {step}; {left} of the budget is left, {} a session", self.budget.deposit);
            return Err(ApiError::new(402, "loopback.budget", message));
        }
        let random = Digest::random().map_err(|_| LoopbackError::NoRandomness)?;
        let nonce = u64::from_le_bytes(random.as_bytes().first_chunk().copied().unwrap_or_default());
        let plan = Plan { nonce, deposit, offer };
        book.plan(model, plan.clone())?;
        Ok(plan)
    }
}

/// Tells whether the session is over: a new one may help.
fn is_over(error: &ConsumerError) -> bool {
    match error {
        ConsumerError::Node(error) => matches!(
            error.code(),
            "node.not_served" | "node.deposit_exhausted" | "node.turn_out_of_order" | "node.market"
        ),
        _ => false,
    }
}

pub(super) fn remote(error: &NodeError) -> ApiError {
    let status = match error.code() {
        "node.moderated" | "node.prompt_too_long" | "node.setting" | "request.invalid" => 400,
        "node.rate_limited" => 429,
        "node.busy" | "node.draining" | "node.ledger" | "node.unknown_session" => 503,
        "node.transport" => 502,
        // An immediate retry would not help, and may cost.
        _ => 500,
    };
    ApiError::new(status, error.code(), error)
}

fn failure(error: &ConsumerError) -> ApiError {
    match error {
        ConsumerError::Node(error @ (NodeError::Refused { .. } | NodeError::Transport { .. })) => remote(error),
        ConsumerError::Node(error) => refusal(error),
        ConsumerError::Receipt { .. } | ConsumerError::ReceiptSignature(_) => {
            ApiError::new(500, "consumer.receipt", format!("not paid: {error}"))
        }
        ConsumerError::Send(_) => ApiError::new(402, "consumer.ledger", error),
        _ => ApiError::new(500, "consumer.failed", error),
    }
}
