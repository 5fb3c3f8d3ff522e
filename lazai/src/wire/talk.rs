//! Requests to a node and answers from it, for any transport: sans I/O.

use lazai_core::quiet::json_error;
use lazai_core::reply::{FinishReason, ReplyNotes};
use lazai_core::{ClassId, VersionNumber};
use serde::Deserialize;
use serde_json::Value;

use super::logprobs;
use super::openai::{ApiError, CompletionRequest};
use super::payment::{PAYMENT, PaidRequest, Payment, ReplyDetails, encode};
use super::sse::Events;
use crate::node::{ChatReply, ChatRequest, NodeError, SignedOffer};
use crate::seal::SignedSealTerms;
use crate::speech::SignedSpeechTerms;

/// The name of a version of a class among a node's models.
#[must_use]
pub fn model_id(class: ClassId, version: VersionNumber) -> String {
    format!("dat:{class}:{version}")
}

/// A model that a node offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferedModel {
    /// Its name among the node's models: `dat:CLASS:VERSION`.
    pub id: String,
    /// The character's name, as the node tells it.
    pub name: Option<String>,
    /// The signed offer.
    pub offer: SignedOffer,
    /// The version's public part, as the node tells it, if the character's card is part of the prompt. Only a model by itself
    /// has it, not one in a list.
    pub public_part: Option<String>,
    /// The signed terms under which the node speaks with its voice, if it does.
    pub speech: Option<SignedSpeechTerms>,
    /// The signed key that requests are sealed to, if the node takes such.
    pub seal: Option<SignedSealTerms>,
    /// The signed terms of credits that are good now, those that are sold first; none if the node sells none.
    #[cfg(feature = "credits")]
    pub credits: Vec<crate::credits::SignedCreditTerms>,
}

#[derive(Deserialize)]
struct Models {
    data: Vec<ModelFields>,
}

#[derive(Deserialize)]
struct ModelFields {
    lazai: AboutModel,
}

#[derive(Deserialize)]
struct AboutModel {
    name: Option<String>,
    offer: SignedOffer,
    #[serde(default)]
    public_part: Option<String>,
    #[serde(default)]
    speech: Option<SignedSpeechTerms>,
    #[serde(default)]
    seal: Option<SignedSealTerms>,
    #[cfg(feature = "credits")]
    #[serde(default)]
    credits: Vec<crate::credits::SignedCreditTerms>,
}

/// Reads a node's answer to `GET /v1/models`, or to `GET /v1/models/ID`, which is one model.
///
/// # Errors
/// [`NodeError::Transport`] if it is another answer.
pub fn models(body: &[u8]) -> Result<Vec<OfferedModel>, NodeError> {
    let other = |e: serde_json::Error| {
        let head: String = String::from_utf8_lossy(&body[..body.len().min(60)]).chars().take(40).collect();
        failed(&format!("the answer, which begins with {head:?}, is no list of a node's models: {e}"))
    };
    let answer: Value = serde_json::from_slice(body).map_err(other)?;
    let models = if answer["object"] == "model" {
        vec![ModelFields::deserialize(answer).map_err(other)?]
    } else {
        Models::deserialize(answer).map_err(other)?.data
    };
    let model = |ModelFields { lazai: about }| OfferedModel {
        id: model_id(about.offer.offer.class, about.offer.offer.version),
        name: about.name,
        offer: about.offer,
        public_part: about.public_part,
        speech: about.speech,
        seal: about.seal,
        #[cfg(feature = "credits")]
        credits: about.credits,
    };
    Ok(models.into_iter().map(model).collect())
}

/// The header [`PAYMENT`] and the body of `POST /v1/chat/completions` for a request; the reply is streamed.
#[must_use]
pub fn chat(request: &ChatRequest) -> (&'static str, String, String) {
    let ChatRequest { session, turn, ref messages, ref settings, salt, signature } = *request;
    // The session fixes the model; the front compares a name only if there is one.
    let asked = CompletionRequest {
        model: String::new(),
        messages: messages.clone(),
        settings: settings.clone(),
        tools: Vec::new(),
        choices: 1,
        stream: true,
        include_usage: false,
        audio: None,
    };
    let claim = PaidRequest { session, turn, salt, signature, voucher: None };
    (PAYMENT, encode(&Payment { x402_version: 2, payload: claim }), asked.body().to_string())
}

/// Reads a streamed reply as it comes.
#[derive(Debug, Default)]
pub struct ReplyReader {
    events: Events,
    text: String,
    served: Option<ReplyDetails>,
    notes: ReplyNotes,
    done: bool,
}

impl ReplyReader {
    /// Takes bytes of the answer's body; returns the pieces of text that they complete.
    ///
    /// # Errors
    /// [`NodeError::Refused`] if the node says that it failed, [`NodeError::Transport`] for anything but its events.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, NodeError> {
        let mut pieces = Vec::new();
        for event in self.events.push(bytes).map_err(|e| failed(&e))? {
            if event == "[DONE]" {
                self.done = true;
                continue;
            }
            let event: Value = serde_json::from_str(&event).map_err(|e| failed(&json_error(&e)))?;
            if event.get("error").is_some() {
                return Err(refused(ApiError::read(500, event.to_string().as_bytes())));
            }
            if let Some(piece) = event["choices"][0]["delta"]["content"].as_str().filter(|p| !p.is_empty()) {
                self.text.push_str(piece);
                pieces.push(piece.to_owned());
            }
            let choice = &event["choices"][0];
            self.notes.finish_reason = match choice["finish_reason"].as_str() {
                Some("length") => FinishReason::Length,
                Some(_) => FinishReason::Stop,
                None => self.notes.finish_reason,
            };
            if let Some(more) = logprobs::read(&choice["logprobs"]) {
                self.notes.logprobs.get_or_insert_default().extend(more);
            }
            if let Some(extension) = event.get("lazai") {
                self.served = Some(ReplyDetails::deserialize(extension).map_err(|e| failed(&json_error(&e)))?);
            }
        }
        Ok(pieces)
    }

    /// Tells whether the reply has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// The reason for the reply's end, and its tokens' probabilities, as far as they came.
    #[must_use]
    pub fn notes(&self) -> &ReplyNotes {
        &self.notes
    }

    /// The reply.
    ///
    /// # Errors
    /// [`NodeError::Transport`] if it is cut short, or has no receipt.
    pub fn finish(self) -> Result<ChatReply, NodeError> {
        if !self.done {
            return Err(failed(&"the reply broke off"));
        }
        let ReplyDetails { receipt, tokens, text, trail, .. } = self.served.ok_or_else(|| failed(&"no receipt"))?;
        Ok(ChatReply { text: text.unwrap_or(self.text), tokens, receipt, notes: self.notes, trail, enclave: None })
    }
}

/// The node's error, from an answer without a success status.
#[must_use]
pub fn refusal(status: u16, body: &[u8]) -> NodeError {
    refused(ApiError::read(status, body))
}

pub(super) fn refused(error: ApiError) -> NodeError {
    NodeError::Refused { code: error.code, message: error.message }
}

pub(crate) fn failed(reason: &dyn std::fmt::Display) -> NodeError {
    NodeError::Transport { reason: reason.to_string() }
}
