//! Making a reply, and its receipt.

use lazai_core::Digest;
use lazai_core::digest::DomainHasher;
use lazai_lora::LoraError;
use lazai_lora::backend::GenerateJob;
use lazai_lora::generate::{Reply, Sampler};
use lazai_settle::session::{Receipt, Session};

use super::Provider;
use super::book::Page;
use crate::node::{ChatRequest, NodeError, reply_digest, request_digest};

impl Provider {
    /// Makes a reply that was asked for, and begins its turn on disk before. Takes the session's claim for granted.
    pub(super) fn serve(
        &self,
        request: &ChatRequest,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(Receipt, Reply), NodeError> {
        let session = self.session(request.session)?;
        let page = self.page(request.session)?;
        self.admit(&session, &page, request)?;
        let begin = |begun| {
            self.change(request.session, |page| {
                page.begun = begun;
                Ok(())
            })
        };
        begin(Some((request.turn, request.digest())))?;
        let mut heard = false;
        let generated = self.generate(&session, &page, request, &mut |text| {
            heard = true;
            on_text(text);
        });
        if generated.is_err() && !heard {
            // Nothing of it left: other words may be said instead.
            begin(None)?;
        }
        generated
    }

    fn generate(
        &self,
        session: &Session,
        page: &Page,
        request: &ChatRequest,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(Receipt, Reply), NodeError> {
        let (class, version) = (session.offer.class, session.offer.version);
        let missing = NodeError::NotServed { session: request.session, reason: "its version is not loaded" };
        let adapter_digest = *self.adapters.get(&(class, version)).ok_or(missing)?;
        let failed = |e: LoraError| NodeError::Generation { reason: e.to_string() };
        // Follows from the node's seed and the words alone, so that a repeated request gets the same reply.
        let wanted = request.settings;
        let words = request_digest(Digest::ZERO, &request.messages, &wanted);
        let seed = DomainHasher::new("lazai.seed.v1").part(&self.seed.to_le_bytes()).part(words.as_bytes()).finish();
        let seed = u64::from_le_bytes(seed.as_bytes().first_chunk::<8>().copied().unwrap_or_default());
        let ceiling = session.offer.completion_ceiling;
        let sampler = Sampler {
            max_tokens: wanted.max_tokens.map_or(ceiling, |most| most.clamp(1, ceiling.max(1))),
            temperature_milli: wanted.temperature_milli.unwrap_or(self.sampler.temperature_milli),
            top_p_milli: wanted.top_p_milli.unwrap_or(self.sampler.top_p_milli),
        };
        let job = GenerateJob { adapter: Some(adapter_digest), messages: &request.messages, sampler, seed };
        let live = self.moderator.is_live();
        let reply = self.backend.generate(&job, &mut |text| {
            if live {
                on_text(text);
            }
            true
        });
        let reply = reply.map_err(failed)?;
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
            reply_digest: reply_digest(request.salt, &reply.tokens),
            prompt_tokens: reply.prompt_tokens,
            completion_tokens,
            tokenizer_digest: self.backend.about().tokenizer_digest,
            temperature_milli: sampler.temperature_milli,
            top_p_milli: sampler.top_p_milli,
            seed,
            base_digest: self.backend.about().base_digest,
            adapter_digest,
            cumulative: page.owed.checked_add(price)?,
        };
        Ok((receipt, reply))
    }
}
