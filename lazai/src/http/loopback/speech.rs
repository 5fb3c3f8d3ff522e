//! Speech: asked of a session with a node that speaks, checked, kept and paid like a reply.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use lazai_core::{Address, Amount};

use super::budget::Short;
use super::page::Open;
use super::replies::Asked;
use super::sessions::Wanted;
use super::turns::Turn;
use super::verdict::{Verdict, failure, remote};
use super::{Inner, Loopback};
use crate::consumer::ConsumerError;
use crate::conversation::is_voice_of_token;
use crate::http::quiet;
use crate::http::reply::Spoken;
use crate::http::sound::{self, Made, Sink};
use crate::node::Node as _;
use crate::speech::{SignedSpeechTerms, SpeechReply, SpeechRequest, SpeechSettings};
use crate::wire::openai::ApiError;
use crate::wire::speech::{SoundFormat, SpeechCall};

/// Answers `POST /v1/audio/speech`.
pub(super) async fn answer(State(proxy): State<Loopback>, body: Bytes) -> Result<Response, ApiError> {
    let (inner, asked) = (proxy.inner.clone(), SpeechCall::parse(&body)?);
    let (domain, call) = (inner.consumer.account().domain(), asked.clone());
    sound::answer(&asked, domain, move |sink| async move { inner.speech(call, sink).await }).await
}

impl Inner {
    /// The sound of a reply, which is paid for beside its words.
    pub(super) async fn spoken_reply(
        self: &Arc<Self>,
        model: &str,
        input: String,
        format: SoundFormat,
        sink: Sink,
    ) -> Result<Spoken, ApiError> {
        let settings = SpeechSettings::default();
        let call = SpeechCall { model: model.to_owned(), input, settings, format, events: false };
        let made = self.speech(call, sink).await?;
        let receipt = made.reply.receipt.clone();
        let data = sound::data(format, self.consumer.account().domain(), made).await?;
        Ok(Spoken { data, receipt })
    }

    /// Has a text spoken, and pays for it. As with replies, another node is asked if one does not answer, until the first is heard.
    async fn speech(self: &Arc<Self>, asked: SpeechCall, mut sink: Sink) -> Result<Made, ApiError> {
        self.keep_taking_back();
        let served = self.speech_of_any(&asked, &mut sink).await;
        self.woken.notify_one();
        served
    }

    async fn speech_of_any(self: &Arc<Self>, asked: &SpeechCall, sink: &mut Sink) -> Result<Made, ApiError> {
        let wanted = sink.is_wanted();
        let mut turn = self.begin(&asked.model).await?;
        let now_s = self.consumer.now_s();
        let voices = self.nodes.voices(&asked.model, now_s).await.map_err(|error| remote(&error))?;
        // Nor is a node asked that sells another voice as the character's.
        let market = self.consumer.account().ledger().market();
        let is_another = |terms: &SignedSpeechTerms| is_voice_of_token(&terms.terms, &market).is_err();
        let others = voices.speaking.iter().filter(|(_, terms)| is_another(terms)).map(|(node, _)| *node);
        let mut tried: BTreeSet<Address> = voices.silent.iter().copied().chain(others).collect();
        let (mut first, mut has_finished) = (None::<ApiError>, false);
        loop {
            if !voices.speaking.keys().any(|node| !tried.contains(node)) {
                let message = format!("no node that answers speaks for {:?}", asked.model);
                return Err(first.unwrap_or_else(|| ApiError::new(404, "loopback.voice", message)));
            }
            let want = Wanted { model: &asked.model, messages: &[], max_tokens: None, tried: &tried, session: None };
            let open = match self.session(&mut turn, &want).await {
                Ok(open) => open,
                Err(error) => return Err(first.unwrap_or(error)),
            };
            if !wanted() {
                return Err(ApiError::new(503, "node.left", "nobody waits for the speech"));
            }
            let (node, session) = (open.conversation.offer.offer.node, open.session());
            let Some(terms) = voices.speaking.get(&node) else {
                tried.insert(node);
                turn.free();
                continue;
            };
            // Of a text that was asked for before, those of then.
            let terms = open.conversation.speech_terms(terms, &asked.input, &asked.settings).clone();
            let price = terms.terms.price(lazai_settle::speech::characters(&asked.input))?;
            let affords = self.affords(&mut turn, &asked.model, &open, price).await;
            if let Err(refused) = affords {
                turn.free();
                return Err(refused);
            }
            if open.deposit.checked_sub(open.conversation.owed())? < price {
                // Another session with the node has its whole deposit; if that is too little, too, the rest of the budget is.
                self.book.lock().await.finish(session)?;
                turn.free();
                if std::mem::replace(&mut has_finished, true) {
                    let message = format!("the text costs {price}; less is left of the budget for a session");
                    return Err(ApiError::new(402, "loopback.budget", message));
                }
                continue;
            }
            sink.rate(terms.terms.sample_rate);
            let mut heard = false;
            let mut hear = |samples: &[i16]| {
                heard = true;
                sink.samples(samples);
            };
            let error = match self.ask_speech(open, &terms, asked, price, &mut hear).await {
                Ok((request, reply)) => {
                    self.book.lock().await.served(&asked.model, node)?;
                    return Ok(Made { reply, terms: request.terms, salt: request.salt });
                }
                Err(Asked::Kept(error)) => return Err(error),
                Err(Asked::Failed(error)) => error,
            };
            self.nodes.forget_voice(&asked.model, node);
            let (verdict, told) = (Verdict::of(&error), failure(&error));
            tracing::info!(error = %quiet::consumer(&error), ?verdict, "speech did not come");
            if verdict == Verdict::Final {
                return Err(told);
            }
            self.note_failure(verdict, &asked.model, node, session).await?;
            tried.insert(node);
            turn.free();
            // Two nodes' voices would make one speech.
            if heard {
                return Err(told);
            }
            first.get_or_insert(told);
        }
    }

    /// Checks that a price is within the budget, and has the turn hold it back instead of a reply's.
    async fn affords(&self, turn: &mut Turn, model: &str, open: &Open, price: Amount) -> Result<(), ApiError> {
        let most = self.budget.max_step.min(self.budget.deposit);
        if price > most {
            let message = format!("the text costs {price}, at most {most} is paid at a time");
            return Err(ApiError::new(402, "loopback.price", message));
        }
        let held = open.conversation.offer.offer.step()?;
        let Ok(more) = price.checked_sub(held) else { return Ok(()) };
        let book = self.book.lock().await;
        match self.fits(&book, model, more) {
            Ok(()) => {
                turn.raise(price);
                Ok(())
            }
            Err(Short::Spent(refused)) => Err(refused),
            Err(Short::UnderWay) => {
                let message = format!("the text costs {price}; replies under way may take what is left of the budget");
                Err(ApiError::new(402, "loopback.budget", message))
            }
        }
    }

    /// As [`Talker::speak`](crate::consumer::Talker::speak), with the book between the steps.
    async fn ask_speech(
        &self,
        mut open: Open,
        terms: &SignedSpeechTerms,
        asked: &SpeechCall,
        most: Amount,
        on_samples: &mut (dyn FnMut(&[i16]) + Send),
    ) -> Result<(SpeechRequest, SpeechReply), Asked> {
        let node = self.nodes.node(open.conversation.offer.offer.node).await;
        let talker = self.consumer.talker();
        let conversation = &mut open.conversation;
        talker.pay_owed(conversation, &node).await?;
        let input = asked.input.clone();
        let request = talker.ask_speech(conversation, terms, input, asked.settings, Some(most)).await?;
        // If the proxy dies meanwhile, the same text is asked for under the same terms.
        self.book.lock().await.keep(open.clone()).map_err(ApiError::from)?;
        let conversation = &mut open.conversation;
        let answered = node.speak(&request, on_samples).await;
        let answered = answered.inspect_err(|error| conversation.refused_speech(error)).map_err(ConsumerError::from);
        let before = conversation.owed();
        let taken = match answered {
            Ok(reply) => talker.take_speech(conversation, &request, &reply).await.map(|_| reply),
            Err(error) => Err(error),
        };
        let price = conversation.owed().checked_sub(before).map_err(ApiError::from)?;
        if taken.is_ok() {
            conversation.mark_spoken(self.consumer.now_s());
        }
        self.spend(&mut open, price).await?;
        let reply = taken?;
        if let Err(error) = talker.pay_owed(&mut open.conversation, &node).await {
            tracing::warn!(session = %open.session(), error = %quiet::consumer(&error), "speech could not be paid yet");
        }
        self.book.lock().await.keep(open).map_err(ApiError::from)?;
        Ok((request, reply))
    }
}
