//! Checks of a receipt before it is paid.

use lazai_core::message::Message;
use lazai_core::reply::{FinishReason, ResponseFormat, before_stop, before_stop_token};
use lazai_core::tools::holds_tools;
use lazai_core::{Address, ClassId, Digest, Domain, VersionNumber};
use lazai_settle::Market;
use lazai_settle::session::Offer;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::Conversation;
use crate::consumer::ConsumerError;
use crate::node::{ChatReply, ChatRequest, ReplySettings, SignedReceipt, reply_digest};

/// Counts tokens as the node should, so that a consumer can check the node's counts.
pub trait TokenCounter: Send + Sync {
    /// Digest of the tokenizer.
    fn digest(&self) -> Digest;

    /// Tokens of a conversation before a reply; `None` if it cannot be counted.
    fn prompt_tokens(&self, messages: &[Message]) -> Option<u64>;

    /// The text of a reply's token ids; `None` if one is no token, or has no text and does not end the reply.
    fn text(&self, tokens: &[u32]) -> Option<String>;

    /// Tokens that the tokenizer itself would make of a text; `None` if it cannot be counted.
    fn tokens(&self, text: &str) -> Option<u64>;
}

#[cfg(feature = "counter")]
impl TokenCounter for lazai_core::tokenizer::Counter {
    fn digest(&self) -> Digest {
        self.digest()
    }

    fn prompt_tokens(&self, messages: &[Message]) -> Option<u64> {
        self.prompt_tokens(messages).ok()
    }

    fn text(&self, tokens: &[u32]) -> Option<String> {
        self.text(tokens)
    }

    fn tokens(&self, text: &str) -> Option<u64> {
        Some(self.encode(text).len() as u64)
    }
}

/// The check applied to a receipt's token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenCheck {
    /// Held to the offer's ceilings, to one step's price, to the deposit, and to the bounds that the text's bytes set.
    Bounded,
    /// Also recounted with the tokenizer.
    Counted,
}

/// Checks of a reply beyond those that always run: signatures, digests, prices and sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    /// The check of its token counts.
    pub tokens: TokenCheck,
    /// True if the receipt's base and adapter are those that the ledger names for the version. False if there was no ledger
    /// at hand: then only the node claims them.
    pub model: bool,
}

/// A version's model as the ledger names it; receipts are held to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedModel {
    /// SHA-256 of the base model.
    pub base: Digest,
    /// SHA-256 of the adapter.
    pub adapter: Digest,
}

impl NamedModel {
    /// The model of a version, if the market has it.
    #[must_use]
    pub fn of(market: &Market, class: ClassId, version: VersionNumber) -> Option<Self> {
        let metadata = &market.class(class)?.version(version)?.metadata;
        Some(Self { base: metadata.base.digest, adapter: metadata.adapter_digest })
    }
}

/// The most tokens that a chat template adds to a message, and to a conversation: its marks, and words of its own.
const TEMPLATE_TOKENS: (u64, u64) = (16, 512);
/// How many times as long as its words a template may make a message that tells of tools: some indent their JSON.
const TOOL_TIMES: u64 = 4;
/// Tokens of a reply that may have no byte in its text: the closing one, and a leading space of some tokenizers.
const SILENT_TOKENS: u64 = 2;

/// Tokens of a reply within which a stop string is seen: those of one character, which is told whole.
const LATE_TOKENS: usize = 4;

/// Tokens of a form by which a model may split its words oftener than by half: what it would not say by itself.
const FORCED_TOKENS: u64 = 16;

/// The most tokens of a text with a form, beside twice those that the tokenizer makes of it. White space between parts is said space
/// by space, where the tokenizer has a token for many.
fn most_forced(text: &str) -> u64 {
    text.bytes().filter(u8::is_ascii_whitespace).count() as u64 + FORCED_TOKENS
}

/// The most tokens that a conversation can have under any tokenizer: one that works on bytes makes no more tokens than
/// there are bytes. Includes an allowance for the template's tokens, and for what it makes of tools.
fn most_tokens(messages: &[Message]) -> u64 {
    let (of_message, of_conversation) = TEMPLATE_TOKENS;
    let of = |message: &Message| {
        let bytes = message.content.len() as u64;
        let times = if holds_tools(&message.content) { TOOL_TIMES } else { 1 };
        bytes.saturating_mul(times).saturating_add(of_message)
    };
    messages.iter().map(of).fold(of_conversation, u64::saturating_add)
}

/// What replies are held to, however they are paid.
pub(crate) struct Agreed<'a> {
    pub domain: &'a Domain,
    pub node: Address,
    pub prompt_ceiling: u32,
    pub completion_ceiling: u32,
    pub model: Option<NamedModel>,
    pub counter: Option<&'a dyn TokenCounter>,
}

impl Agreed<'_> {
    /// Checks all of a reply but what it costs; `prompt` is what the model gets for the request's messages.
    pub fn check(&self, request: &ChatRequest, prompt: &[Message], reply: &ChatReply) -> Result<(), ConsumerError> {
        let SignedReceipt { receipt, signature } = &reply.receipt;
        signature.verify(self.domain, receipt, self.node).map_err(ConsumerError::ReceiptSignature)?;
        let wanted = &request.settings;
        same("session", request.session, receipt.session)?;
        same("turn", request.turn, receipt.turn)?;
        same("request digest", request.digest(), receipt.request_digest)?;
        same("reply digest", reply_digest(request.salt, &reply.tokens, &reply.text), receipt.reply_digest)?;
        same("completion tokens", reply.tokens.len() as u64, receipt.completion_tokens)?;
        let ceiling = self.completion_ceiling.min(wanted.max_tokens.unwrap_or(u32::MAX).max(1));
        same("completion ceiling", true, receipt.completion_tokens <= ceiling.into())?;
        // The tokens of a stop string have no bytes in the text; each but the last lies within it.
        let stopped = wanted.stop.iter().map(String::len).max().unwrap_or_default();
        let spoken = ((reply.text.len() + stopped) as u64).saturating_add(SILENT_TOKENS);
        same("completion tokens of these words", true, receipt.completion_tokens <= spoken)?;
        same("temperature", wanted.temperature_milli.unwrap_or(receipt.temperature_milli), receipt.temperature_milli)?;
        same("nucleus", wanted.top_p_milli.unwrap_or(receipt.top_p_milli), receipt.top_p_milli)?;
        same("form of the reply", true, has_form(reply, wanted))?;
        let before_last = &reply.tokens[..reply.tokens.len().saturating_sub(1)];
        same("end at a stop token", false, before_last.iter().any(|token| wanted.stop_token_ids.contains(token)))?;
        if let Some(trail) = &reply.trail {
            let checked = trail.check(self.domain, self.node, receipt, request.salt);
            let found = checked.err().map_or("signed".into(), |error| error.to_string());
            same("trail", "signed".into(), found)?;
        }
        if let Some(model) = self.model {
            same("adapter", model.adapter, receipt.adapter_digest)?;
            same("base model", model.base, receipt.base_digest)?;
        }
        if let Some(counter) = self.counter {
            same("tokenizer", counter.digest(), receipt.tokenizer_digest)?;
            let counted = counter.prompt_tokens(prompt).unwrap_or(u64::MAX);
            same("prompt tokens", counted, receipt.prompt_tokens)?;
            let said = counter.text(before_stop_token(&reply.tokens, &wanted.stop_token_ids));
            let cut = said.as_deref().map(|said| before_stop(said, &wanted.stop));
            same("reply text", true, cut == Some(reply.text.as_str()))?;
            if !wanted.stop.is_empty() {
                // Nothing that came after it is paid.
                let before = counter.text(&reply.tokens[..reply.tokens.len().saturating_sub(LATE_TOKENS)]);
                let stopped = before.is_none_or(|before| before_stop(&before, &wanted.stop).len() < before.len());
                same("end at a stop string", false, stopped)?;
            }
            // A model seldom says a text in other tokens than the tokenizer makes of it; a node that splits every word would.
            let said = said.unwrap_or_default();
            let forced = if wanted.response_format.is_some() { most_forced(&said) } else { 0 };
            let most = counter.tokens(&said).map_or(0, |tokens| tokens.saturating_mul(2));
            let most = most.saturating_add(forced + SILENT_TOKENS);
            same("completion tokens of this text", true, receipt.completion_tokens <= most)?;
        }
        same("prompt ceiling", true, receipt.prompt_tokens <= self.prompt_ceiling.into())?;
        same("prompt tokens of these words", true, receipt.prompt_tokens <= most_tokens(prompt))
    }

    /// The check of the token counts that [`check`](Self::check) does.
    pub fn tokens(&self) -> TokenCheck {
        if self.counter.is_some() { TokenCheck::Counted } else { TokenCheck::Bounded }
    }
}

impl Conversation {
    /// Checks a reply against the request, the conversation and the offer.
    pub(super) fn check(
        &self,
        domain: &Domain,
        request: &ChatRequest,
        reply: &ChatReply,
        counter: Option<&dyn TokenCounter>,
    ) -> Result<Checked, ConsumerError> {
        let (receipt, offer) = (&reply.receipt.receipt, &self.offer.offer);
        let Offer { node, prompt_ceiling, completion_ceiling, .. } = *offer;
        let agreed = Agreed { domain, node, prompt_ceiling, completion_ceiling, model: self.model, counter };
        agreed.check(request, &self.prompt(&request.messages)?, reply)?;
        let price = offer.price(receipt.prompt_tokens, receipt.completion_tokens)?;
        same("price within one step", true, price <= offer.step()?)?;
        same("sum owed", self.owed().checked_add(price)?, receipt.cumulative)?;
        same("sum within the deposit", true, receipt.cumulative <= self.deposit)?;
        Ok(Checked { tokens: agreed.tokens(), model: self.model.is_some() })
    }
}

/// Tells whether a whole reply can have the form that was asked for; only JSON and choices are looked at. One that was cut need not
/// have it.
fn has_form(reply: &ChatReply, wanted: &ReplySettings) -> bool {
    let cut = reply.notes.finish_reason == FinishReason::Length
        || !wanted.stop.is_empty()
        || !wanted.stop_token_ids.is_empty();
    match &wanted.response_format {
        Some(ResponseFormat::JsonObject | ResponseFormat::JsonSchema(_)) if !cut => {
            serde_json::from_str::<IgnoredAny>(&reply.text).is_ok()
        }
        Some(ResponseFormat::Choice(choices)) if !cut => choices.contains(&reply.text),
        _ => true,
    }
}

/// Checks that a field of a receipt has its expected value.
pub(crate) fn same<T: PartialEq + ToString>(field: &'static str, expected: T, found: T) -> Result<(), ConsumerError> {
    if expected == found {
        Ok(())
    } else {
        Err(ConsumerError::Receipt { field, expected: expected.to_string(), found: found.to_string() })
    }
}
