//! Making a reply, and its receipt.

use lazai_core::digest::DomainHasher;
use lazai_core::message::{Message, Role};
use lazai_core::{Digest, SessionId};
use lazai_lora::GenerateError;
use lazai_lora::generate::{GenerateJob, Reply, Sampler};
use lazai_settle::session::{Offer, Receipt, Session};
use serde_json::Value;

use super::Provider;
use super::page::{Begun, Page};
use crate::node::{ChatRequest, NodeError, reply_digest};

/// Most probabilities of a reply: with all their JSON, it is still an answer that clients read.
const MOST_LOGPROBS: u64 = 32 << 10;

/// What a model gets.
pub(super) struct Prompt {
    /// What all conversations with the character begin with.
    shared: Vec<Message>,
    pub messages: Vec<Message>,
}

/// A reply that was made.
pub(super) struct Served {
    pub receipt: Receipt,
    pub reply: Reply,
    /// The settings that it was drawn by, as JSON.
    pub sampler: Value,
}

impl Provider {
    /// Makes a requested reply; its turn is on disk before. The caller is first in the session's line, and has the claim to it.
    pub(super) async fn serve(
        &self,
        request: &ChatRequest,
        wanted: &(dyn Fn() -> bool + Sync),
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Served, NodeError> {
        let preparation = tracing::info_span!("preparation");
        let session = self.session(request.session)?;
        let page = self.page(request.session).await?;
        let admitted = self.admit(&session, &page, request);
        if let Err(NodeError::Moderated { .. }) = &admitted {
            self.count_moderated(request.session).await?;
        }
        admitted?;
        // A prompt takes work to build: only for who may have a reply.
        let prompt = self.prompt(&session.offer, &request.messages)?;
        self.check_length(&session.offer, &prompt.messages)?;
        let left = page.begun.is_some_and(|begun| begun.left);
        let asked = request.asked();
        let begin = |begun| {
            self.change(request.session, move |page| {
                page.is_next(&asked)?;
                page.begun = begun;
                Ok(())
            })
        };
        let begun = Begun { turn: request.turn, request: asked.digest, left };
        begin(Some(begun)).await?;
        let mut heard = false;
        let wanted = || left || wanted();
        let mut hear = |text: &str| {
            heard = true;
            on_text(text);
        };
        drop(preparation);
        let generated = self.generate(&session, &page, request, prompt, &wanted, &mut hear).await;
        match &generated {
            Err(NodeError::Left) => begin(Some(Begun { left: true, ..begun })).await?,
            // Nothing of it left: other words may be said instead.
            Err(_) if !heard => begin(None).await?,
            _ => {}
        }
        if let Err(NodeError::Moderated { .. }) = &generated {
            self.count_moderated(request.session).await?;
        }
        generated
    }

    /// Notes that the moderator stopped a request; requests during the pause are not counted.
    pub(super) async fn count_moderated(&self, session: SessionId) -> Result<(), NodeError> {
        let now_s = self.account.ledger().now_s();
        self.change(session, |page| {
            if now_s >= page.moderated.until_s {
                page.moderated.count(now_s);
            }
            Ok(())
        })
        .await
    }

    /// The prompt for a request: behind the character's card, if the version's public part asks for it.
    pub(super) fn prompt(&self, offer: &Offer, messages: &[Message]) -> Result<Prompt, NodeError> {
        let market = self.account.ledger().market();
        let card = self.cards.of(&market, offer.class, offer.version);
        let card = card.map_err(|error| NodeError::Generation { reason: format!("the character's card: {error}") })?;
        Ok(match card {
            Some(card) => {
                Prompt { shared: vec![Message::new(Role::System, card.system())], messages: card.messages(messages) }
            }
            None => Prompt { shared: Vec::new(), messages: messages.to_vec() },
        })
    }

    pub(super) async fn generate(
        &self,
        session: &Session,
        page: &Page,
        request: &ChatRequest,
        prompt: Prompt,
        wanted: &(dyn Fn() -> bool + Sync),
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<Served, NodeError> {
        let (class, version) = (session.offer.class, session.offer.version);
        let missing = NodeError::NotServed { session: request.session, reason: "its version is not loaded" };
        let adapter_digest = *self.adapters.get(&(class, version)).ok_or(missing)?;
        let failed = |error: GenerateError| match error {
            GenerateError::Busy { .. } => NodeError::Busy { reason: "too many replies wait" },
            GenerateError::Setting { setting, reason } => NodeError::Setting { setting, reason },
            error => NodeError::Generation { reason: error.to_string() },
        };
        let (ceiling, seed) = (session.offer.completion_ceiling, self.seed(request).await?);
        let mut sampler = request.settings.sampler(&Sampler { max_tokens: ceiling, ..self.sampler.clone() });
        if request.settings.max_tokens.is_some() {
            sampler.max_tokens = sampler.max_tokens.clamp(1, ceiling.max(1));
        }
        let told = u64::from(sampler.top_logprobs.map_or(0, |top| top + 1)) * u64::from(sampler.max_tokens);
        if told > MOST_LOGPROBS {
            let reason = format!("{told} probabilities in all, at most {MOST_LOGPROBS} are told: ask for fewer tokens");
            return Err(NodeError::Setting { setting: "top_logprobs".into(), reason });
        }
        let drawn_by = serde_json::json!(sampler);
        let (temperature_milli, top_p_milli) = (sampler.temperature_milli, sampler.top_p_milli);
        let (adapter, conversation) = (Some(adapter_digest), Some(Digest::from_bytes(*request.session.as_bytes())));
        let patience = self.order.patience(&session.offer);
        let Prompt { shared, messages } = prompt;
        let job = GenerateJob { adapter, conversation, shared, messages, sampler, seed, patience };
        let live = self.moderator.is_live();
        let mut generation = self.generator.generate(job);
        // Until the first token, and from it on.
        let (mut phase, mut has_begun) = (tracing::info_span!("waiting"), false);
        while let Some(text) = generation.next().await {
            if !text.is_empty() && !std::mem::replace(&mut has_begun, true) {
                phase = tracing::info_span!("generation");
            }
            // An empty piece tells that the reply is still to come.
            if live && !text.is_empty() {
                on_text(&text);
            }
            if !wanted() {
                return Err(NodeError::Left);
            }
        }
        let reply = generation.reply().await.map_err(failed)?;
        drop(phase);
        if let Some(reason) = self.moderator.after(&reply.text) {
            return Err(NodeError::Moderated { reason });
        }
        if !live {
            on_text(&reply.text);
        }
        let completion_tokens = reply.tokens.len() as u64;
        let price = session.offer.price(reply.prompt_tokens, completion_tokens)?;
        let receipt = Receipt {
            session: request.session,
            turn: request.turn,
            request_digest: request.digest(),
            reply_digest: reply_digest(request.salt, &reply.tokens, &reply.text),
            prompt_tokens: reply.prompt_tokens,
            completion_tokens,
            tokenizer_digest: self.generator.about().tokenizer_digest,
            temperature_milli,
            top_p_milli,
            seed,
            base_digest: self.generator.about().base_digest,
            adapter_digest,
            cumulative: page.owed.checked_add(price)?,
        };
        Ok(Served { receipt, reply, sampler: drawn_by })
    }

    /// The seed of a reply, named in its receipt. It is derived from the node's secret, so that nobody else can test
    /// guesses of its inputs, and from nothing that reveals the words (the request's digest is salted), so that not even
    /// queries to this node can.
    ///
    /// The same request has the same salt again, and so the same seed. If the consumer sets a number, that alone makes the
    /// seed: the same words with the same number get the same reply in any session.
    async fn seed(&self, request: &ChatRequest) -> Result<u64, NodeError> {
        let hasher = DomainHasher::new("lazai.seed.v2").part(&self.book.secret().await?);
        let hasher = match request.settings.seed {
            Some(number) => hasher.part(b"number").part(&number.to_le_bytes()),
            None => hasher.part(b"request").part(request.session.as_bytes()).part(request.digest().as_bytes()),
        };
        Ok(first_number(hasher.finish()))
    }
}

/// The first eight bytes of a digest, as a number.
pub(super) fn first_number(digest: Digest) -> u64 {
    u64::from_le_bytes(digest.as_bytes().first_chunk::<8>().copied().unwrap_or_default())
}
