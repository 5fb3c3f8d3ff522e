//! A reply on its way to who asked, however it is paid: counted, measured, traced.

use std::time::Instant;

use super::{Front, refusal};
use crate::http::operations::metrics::Measured;
use crate::http::reply::{Api, Made, Pieces};
use crate::http::traces;
use crate::node::{ChatReply, NodeError, ReplySettings};
use crate::wire::openai::ApiError;
use crate::wire::payment::ReplyDetails;

/// Which model a request names, and which its payment is of.
pub(super) struct AskedModel<'a> {
    pub api: Api,
    /// None by an empty name.
    pub model: &'a str,
    pub found: Option<String>,
    /// What pays, in words.
    pub payment: &'static str,
}

impl Front {
    /// Has a reply made. The payment says what is served; a client that names another model made a mistake.
    pub(super) fn make(
        &self,
        AskedModel { api, model, found, payment }: AskedModel<'_>,
        settings: &ReplySettings,
        mut pieces: Pieces,
        reply: impl FnOnce(&(dyn Fn() -> bool + Sync), &mut (dyn FnMut(&str) + Send)) -> Result<ChatReply, NodeError>,
    ) -> Result<Made, ApiError> {
        traces::of(api.operation(), found.as_deref().unwrap_or_default());
        traces::asked(settings);
        if let Some(found) = found.filter(|found| !model.is_empty() && found != model) {
            let message = format!("model {model:?} is asked for, the {payment} is of {found:?}");
            return Err(ApiError { parameter: Some("model".into()), ..ApiError::new(400, "request.model", message) });
        }
        let wanted = pieces.are_wanted();
        let (begun, mut first) = (Instant::now(), None);
        let mut tell = |text: &str| {
            first.get_or_insert_with(|| begun.elapsed());
            pieces.text(text);
        };
        let reply = reply(&wanted, &mut tell);
        if let Err(NodeError::Left) = &reply {
            self.metrics().left();
        }
        let reply = reply.map_err(|e| refusal(&e))?;
        let (whole, counted) = (begun.elapsed(), &reply.receipt.receipt);
        let measured = Measured {
            first,
            whole,
            prompt_tokens: counted.prompt_tokens,
            completion_tokens: counted.completion_tokens,
        };
        self.metrics().replied(&measured);
        self.samples().replied(&measured);
        traces::replied(&measured, reply.notes.finish_reason);
        let text = pieces.complete(&reply.text);
        let details = ReplyDetails {
            receipt: reply.receipt,
            tokens: reply.tokens,
            text,
            trail: reply.trail,
            adapter: "claimed".into(),
            device: self.provider().about().device.clone(),
            payment: None,
            checked: None,
        };
        Ok(Made { details, notes: reply.notes, spoken: None })
    }
}
