//! Sessions of the proxy: opened within the budget, left when the node refuses, taken back when they end.

use std::time::Duration;

use lazai_core::{Amount, Digest, SessionId};
use lazai_settle::ledger::LedgerError;
use lazai_settle::session::{Offer, SessionPayment};

use super::book::{Book, Open, Plan};
use super::{Inner, LoopbackError};
use crate::account::SendError;
use crate::consumer::{CheckedReply, ConsumerError, Conversation, TakeBack};
use crate::http::front::{no_model, refusal};
use crate::http::openai::{ApiError, Asked};
use crate::http::payment::Served;
use crate::http::reply::Pieces;
use crate::http::talk::Model;
use crate::node::{NodeError, SignedRelease};

/// How long a node may take to redeem what it has and release a session.
const HELP: Duration = Duration::from_secs(20);

impl Inner {
    /// One reply, and what is paid for it.
    pub async fn turn(&self, asked: Asked, mut pieces: Pieces) -> Result<Served, ApiError> {
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
            let asking = self.consumer.ask(conversation, node, messages, asked.settings, &mut on_text).await;
            book.keep(&asked.model, open)?;
            match asking {
                Ok(CheckedReply { text, tokens, receipt, checked }) => {
                    book.served(&asked.model)?;
                    let (text, device) = (pieces.complete(&text), "remote".into());
                    let checked = Some(checked);
                    return Ok(Served { receipt, tokens, text, adapter: "claimed".into(), device, checked });
                }
                Err(error) if is_over(&error) => {
                    // Nothing is reserved anew for a node that refuses, but for the first time.
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
        self.take_back(book, now_s).await;
        // A plan that was not carried out comes first: under its number, the same session is opened, or found open.
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

    /// Opens what is planned; `None` if the ledger refuses it for good. What it reserves counts already; the budget is asked
    /// again, as it may be another than when it was planned.
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
            Err(SendError::Ledger(error @ (LedgerError::Market(_) | LedgerError::Reverted { .. }))) => {
                tracing::info!(%error, "a session is refused");
                book.give_up(model);
                None
            }
            // Whether it got through is not known: the plan stays.
            Err(error) => Some(Err(failure(&error.into()))),
        }
    }

    /// Whether an offer is of the budget's asset and not too dear, and everything reserved is within the budget; gives what
    /// is left.
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
        let (bound, total) = (book.bound()?, self.budget.total);
        match total.checked_sub(bound) {
            Ok(left) => Ok(left),
            Err(_) => refused("loopback.budget", format!("{bound} is spent or reserved, of a budget of {total}")),
        }
    }

    /// Chooses what a new session is opened under, and keeps it before anything is sent.
    async fn plan(&self, book: &mut Book, model: &str) -> Result<Plan, ApiError> {
        let models = self.node.models().await.map_err(|e| remote(&e))?;
        let Model { offer, .. } = models.into_iter().find(|m| m.id == model).ok_or_else(|| no_model(model))?;
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

    /// What ended sessions did not use, in the steps that it takes: together with the node at once; where it does not help,
    /// the ledger is asked for the end, and again when that is final.
    async fn take_back(&self, book: &mut Book, now_s: u64) {
        for session in book.ended(now_s) {
            if let Err(error) = self.take_back_one(book, session).await {
                tracing::info!(%session, %error, "not taken back yet");
            }
        }
    }

    async fn take_back_one(&self, book: &mut Book, session: SessionId) -> Result<(), ConsumerError> {
        let conversation = book.conversation(session);
        let released = match &conversation {
            Some(conversation) => self.released(conversation).await.map(|release| (conversation, release)),
            None => None,
        };
        if let Some((conversation, release)) = released {
            match self.consumer.close_together(conversation, &release).await {
                Ok(()) if self.consumer.end_of(session)? == Some(TakeBack::Done) => {
                    book.taken_back(session);
                    return Ok(());
                }
                Ok(()) => {}
                // Not its release, not of this session, or of another sum: the ledger goes by its own.
                Err(error) if is_bad_release(&error) => tracing::info!(%session, %error, "a bad release"),
                Err(error) => return Err(error),
            }
        }
        match self.consumer.take_back(session).await? {
            TakeBack::Done => book.taken_back(session),
            // The node has its time to redeem; the ledger is asked again after that.
            TakeBack::FinalAt(at_s) => tracing::info!(%session, at_s, "the end of the session is not final yet"),
        }
        Ok(())
    }

    /// The node's release of a session, for which it redeems what it has. The ledger does not wait for a node that is gone.
    async fn released(&self, conversation: &Conversation) -> Option<SignedRelease> {
        let asking = async {
            let request = self.consumer.talker().leave(conversation).await?;
            Ok::<_, ConsumerError>(self.node.release(&request).await?)
        };
        match tokio::time::timeout(HELP, asking).await {
            Ok(Ok(release)) => Some(release),
            Ok(Err(error)) => {
                tracing::info!(session = %conversation.session, %error, "the node does not release the session");
                None
            }
            Err(_) => None,
        }
    }
}

fn is_bad_release(error: &ConsumerError) -> bool {
    matches!(
        error,
        ConsumerError::Release { .. }
            | ConsumerError::ReleaseSignature(_)
            | ConsumerError::Send(SendError::Ledger(LedgerError::Market(_) | LedgerError::Reverted { .. }))
    )
}

/// Whether the session is over: another may help.
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
        "node.moderated" | "node.prompt_too_long" | "request.invalid" => 400,
        "node.busy" | "node.unknown_session" => 503,
        "node.transport" => 502,
        // Trying again at once would not help, and may cost.
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
