//! A node's `POST /v1/audio/speech`.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use tracing::Span;

use super::{Front, MAX_SPEECHES, busy, counted, on_a_thread_that_may_block, refusal};
use crate::http::sound::{self, Made, Sink};
use crate::http::traces;
use crate::node::Node as _;
use crate::speech::SpeechRequest;
use crate::wire::openai::ApiError;
use crate::wire::payment::{self, PAYMENT};
use crate::wire::speech::{PATH, PaidSpeech, SpeechCall, SpeechPayment};
use crate::wire::talk::model_id;

/// How traces name it.
const OPERATION: &str = "speech";

pub(super) async fn speech(State(front): State<Front>, headers: HeaderMap, body: Bytes) -> Result<Response, ApiError> {
    let span = traces::request(OPERATION, PATH, &headers);
    counted(&front, span, answer(&front, &headers, &body)).await
}

async fn answer(front: &Front, headers: &HeaderMap, body: &[u8]) -> Result<Response, ApiError> {
    front.0.draining.check()?;
    let asked = SpeechCall::parse(body)?;
    let Some(header) = headers.get(PAYMENT) else {
        let reason = "open a session under one of the offers, and sign the request under the model's terms of speech";
        return Ok(front.0.offers.unpaid(ApiError::new(402, "request.unpaid", reason), PATH, Vec::new()).await);
    };
    let SpeechPayment { payload, .. } = payment::decode(PAYMENT, header.as_bytes())?;
    let Ok(slot) = front.0.speeches.clone().try_acquire_owned() else {
        return Err(busy(format!("{MAX_SPEECHES} requests for speech are waiting")));
    };
    let (serving, called) = (front.clone(), asked.clone());
    let spoken = |sink| async move {
        let _slot = slot;
        let served = serving.speak(payload, called, sink).await;
        // Speech that is streamed was answered before it failed.
        served.inspect_err(|error| traces::failed(&Span::current(), error))
    };
    match sound::answer(&asked, front.0.provider.ledger().market().domain().clone(), spoken).await {
        Err(error) if error.status == 402 => Ok(front.0.offers.unpaid(error, PATH, Vec::new()).await),
        answered => answered,
    }
}

impl Front {
    async fn speak(&self, claim: PaidSpeech, asked: SpeechCall, mut sink: Sink) -> Result<Made, ApiError> {
        let PaidSpeech { session, turn, terms, salt, signature, voucher } = claim;
        let named = model_id(terms.terms.class, terms.terms.version);
        traces::of(OPERATION, &named);
        if !asked.model.is_empty() && named != asked.model {
            let message = format!("model {:?} is asked for, the terms are of {named:?}", asked.model);
            return Err(ApiError { parameter: Some("model".into()), ..ApiError::new(400, "request.model", message) });
        }
        let (text, settings) = (asked.input, asked.settings);
        let request = SpeechRequest { session, turn, terms, text, settings, salt, signature };
        let (front, provider) = (self.clone(), self.0.provider.clone());
        on_a_thread_that_may_block(move |runtime| {
            if let Some(voucher) = voucher {
                runtime.block_on(provider.pay(&voucher)).map_err(|e| refusal(&e))?;
            }
            if front.0.limiter.counts_signed() {
                let consumer = runtime.block_on(provider.speaker_of(&request)).map_err(|e| refusal(&e))?;
                let limited = front.0.limiter.signed(session, consumer);
                limited.inspect_err(|limited| front.metrics().limited(limited.whose))?;
            }
            sink.rate(request.terms.terms.sample_rate);
            let wanted = sink.is_wanted();
            let mut tell = |samples: &[i16]| sink.samples(samples);
            let reply = runtime.block_on(provider.speak_while(&request, &wanted, &mut tell));
            let reply = reply.map_err(|e| refusal(&e))?;
            front.metrics().spoken(reply.receipt.receipt.characters);
            traces::spoken(&reply.receipt.receipt);
            Ok(Made { reply, terms: request.terms, salt: request.salt })
        })
        .await
    }
}
