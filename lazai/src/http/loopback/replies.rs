//! One reply: asked of a session, checked, kept and paid; at another node if one does not answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use lazai_core::{Address, Amount, SessionId};

use super::Inner;
use super::once::{Begun, Reply};
use super::page::Open;
use super::sessions::Wanted;
use super::verdict::{Verdict, failure};
use crate::consumer::{Checked, ConsumerError, Conversation};
use crate::http::quiet;
use crate::http::reply::{Made, Pieces};
use crate::memory::Turn;
use crate::node::{ChatReply, Node as _};
use crate::recheck::ReplyEvidence;
use crate::wire::openai::{ApiError, CompletionRequest};
use crate::wire::payment::ReplyDetails;

impl Inner {
    /// Makes and pays one reply. Sessions that end in this turn are taken back right after it.
    pub async fn turn(
        self: &Arc<Self>,
        mut asked: CompletionRequest,
        mut pieces: Pieces,
        begun: Option<&Begun>,
    ) -> Result<Made, ApiError> {
        self.keep_taking_back();
        asked.messages = self.recalled(&asked.model, asked.messages)?;
        let served = match self.reply(&asked, &mut pieces, begun).await {
            Ok(made) => Ok(self.with_sound(made, &asked, &pieces).await),
            failed => failed,
        };
        self.woken.notify_one();
        served
    }

    /// The reply with its sound, if that is wanted. Words that cannot be spoken are a reply all the same.
    async fn with_sound(self: &Arc<Self>, made: Made, asked: &CompletionRequest, pieces: &Pieces) -> Made {
        let Some(format) = asked.audio else { return made };
        let words = made.details.text.clone().unwrap_or_else(|| pieces.said().to_owned());
        let spoken = self.spoken_reply(&asked.model, words, format, pieces.sound()).await;
        Made { spoken: Some(spoken), ..made }
    }

    async fn reply(
        self: &Arc<Self>,
        asked: &CompletionRequest,
        pieces: &mut Pieces,
        begun: Option<&Begun>,
    ) -> Result<Made, ApiError> {
        let wanted = pieces.are_wanted();
        let mut turn = self.begin(&asked.model).await?;
        let (mut tried, mut reopened, mut first) = (BTreeSet::new(), BTreeSet::new(), None);
        loop {
            let (model, messages, max_tokens) = (&asked.model, &asked.messages, asked.settings.max_tokens);
            let session = begun.and_then(Begun::session);
            let want = Wanted { model, messages, max_tokens, tried: &tried, session };
            let open = match self.session(&mut turn, &want).await {
                Ok(open) => open,
                // What the first node said tells more than that no other is there.
                Err(error) => return Err(first.unwrap_or(error)),
            };
            // Who left while others were served is asked for no money.
            if !wanted() {
                return Err(ApiError::new(503, "node.left", "nobody waits for the reply"));
            }
            let (node, session) = (open.conversation.offer.offer.node, open.session());
            let mut said = false;
            let mut on_text = |text: &str| {
                said = true;
                pieces.text(text);
            };
            let error = match self.ask(open, asked, begun, &mut on_text).await {
                Ok(Reply { text, details, notes }) => {
                    self.book.lock().await.served(&asked.model, node)?;
                    let receipt = &details.receipt.receipt;
                    let turn = Turn { session: receipt.session, turn: receipt.turn };
                    self.remember(&asked.model, turn, &asked.messages, &text);
                    let details = ReplyDetails { text: pieces.complete(&text), ..details };
                    return Ok(Made { details, notes, spoken: None });
                }
                Err(Asked::Kept(error)) => return Err(error),
                Err(Asked::Failed(error)) => error,
            };
            let (verdict, told) = (Verdict::of(&error), failure(&error));
            tracing::info!(error = %quiet::consumer(&error), ?verdict, "a reply did not come");
            if verdict == Verdict::Final {
                return Err(told);
            }
            self.note_failure(verdict, &asked.model, node, session).await?;
            // A node that refuses gets no new session at once, except the first time.
            if verdict != Verdict::Over || !reopened.insert(node) {
                tried.insert(node);
            }
            turn.free();
            // Two nodes' words would make one reply.
            if said {
                return Err(told);
            }
            first.get_or_insert(told);
        }
    }

    /// Notes what the failure of a turn means for its session and its node.
    pub(super) async fn note_failure(
        &self,
        verdict: Verdict,
        model: &str,
        node: Address,
        session: SessionId,
    ) -> Result<(), ApiError> {
        match verdict {
            Verdict::Over => {
                let mut book = self.book.lock().await;
                book.refused(model, node, self.consumer.now_s())?;
                book.finish(session)?;
            }
            Verdict::Leave => self.nodes.leave(node),
            Verdict::Elsewhere | Verdict::Final => {}
        }
        Ok(())
    }

    /// Keeps a session after a turn, and counts what the turn cost.
    pub(super) async fn spend(&self, open: &mut Open, price: Amount) -> Result<(), ApiError> {
        let mut book = self.book.lock().await;
        let day = book.day(self.consumer.now_s());
        open.today.add(day, price)?;
        Ok(book.keep(open.clone())?)
    }

    /// Writes evidence of the last reply, if that is wanted. A reply without it is a reply all the same.
    fn keep_evidence(&self, conversation: &Conversation) {
        let Some(folder) = self.evidence.get() else { return };
        if let Err(error) = ReplyEvidence::keep(conversation, &self.consumer.account().domain(), folder) {
            tracing::warn!(session = %conversation.session, %error, "evidence of a reply could not be kept");
        }
    }

    /// As [`Talker::say`](crate::consumer::Talker::say), with the book between the steps: a promise is in it before the node has it, so
    /// that no crash forgets what was spent.
    async fn ask(
        &self,
        mut open: Open,
        asked: &CompletionRequest,
        begun: Option<&Begun>,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Reply, Asked> {
        let node = self.nodes.node(open.conversation.offer.offer.node).await;
        let talker = self.consumer.talker();
        let conversation = &mut open.conversation;
        if conversation.model.is_none() {
            conversation.learn(&self.consumer.account().ledger().market());
        }
        talker.pay_owed(conversation, &node).await?;
        let request = talker.ask(conversation, asked.messages.clone(), asked.settings.clone()).await?;
        if let Some(begun) = begun {
            begun.ask_of(conversation.session).map_err(ApiError::from)?;
        }
        let answered = node.chat(&request, on_text).await.map_err(ConsumerError::from);
        let before = conversation.owed();
        let taken = match answered {
            Ok(reply) => talker.take(conversation, &request, &reply).await.map(|checked| (reply, checked)),
            Err(error) => Err(error),
        };
        let taken = taken.map(|(reply, checked)| told(reply, checked));
        // Before it is promised: a request that is asked again is not paid again.
        if let (Ok(reply), Some(begun)) = (&taken, begun)
            && let Err(error) = begun.keep(reply.clone())
        {
            tracing::warn!(%error, "a reply is told, and would be paid again if it were asked for again");
        }
        let price = conversation.owed().checked_sub(before).map_err(ApiError::from)?;
        if taken.is_ok() {
            conversation.mark_received(self.consumer.now_s());
            self.keep_evidence(conversation);
        }
        self.spend(&mut open, price).await?;
        let reply = taken?;
        // The reply is there and is owed: a promise that does not arrive is delivered before the next one.
        if let Err(error) = talker.pay_owed(&mut open.conversation, &node).await {
            tracing::warn!(session = %open.session(), error = %quiet::consumer(&error), "a reply could not be paid yet");
        }
        self.book.lock().await.keep(open).map_err(ApiError::from)?;
        Ok(reply)
    }
}

/// Why a reply, or speech, did not come.
pub(super) enum Asked {
    Failed(ConsumerError),
    /// The proxy's own book.
    Kept(ApiError),
}

impl From<ConsumerError> for Asked {
    fn from(error: ConsumerError) -> Self {
        Self::Failed(error)
    }
}

impl From<lazai_core::SignerError> for Asked {
    fn from(error: lazai_core::SignerError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ApiError> for Asked {
    fn from(error: ApiError) -> Self {
        Self::Kept(error)
    }
}

/// A checked reply, as it is told and kept.
fn told(ChatReply { text, tokens, receipt, notes, .. }: ChatReply, checked: Checked) -> Reply {
    let (adapter, device, checked) = ("claimed".into(), "remote".into(), Some(checked));
    let details = ReplyDetails { receipt, tokens, text: None, trail: None, adapter, device, payment: None, checked };
    Reply { text, details, notes }
}
