//! Replies that are sold singly, to wallets that speak x402's scheme `exact`.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use lazai_core::Amount;
use lazai_settle::till::SignedOpening;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::{Front, MAX_RELEASES, busy, no_model, on_a_thread_that_may_block, refusal, signed};
use crate::http::reply::{Api, Asked, Made, Pieces};
use crate::http::traces;
use crate::node::{NodeError, SignedOffer};
use crate::provider::{SaleError, SaleRequest, most_tokens};
use crate::wire::exact::{ExactExtra, ExactPayment, ExactRequirement, SCHEME, Settlement};
use crate::wire::openai::{ApiError, CompletionRequest};
use crate::wire::payment::{self, Accepted, PAYMENT_RESPONSE, ReplyDetails};
use crate::wire::talk::model_id;

/// The seconds for which a payment is asked to be valid: a reply is made before it is taken.
const VALID_S: u64 = 900;

impl Front {
    /// Also sells single replies, where the ledger is on a chain and the offer's asset takes signed transfers (ERC-3009): any wallet
    /// that speaks x402's scheme `exact` pays them, without a session. A reply costs its prompt and the most tokens that it may have,
    /// and no less than `least`, since the node pays the gas of taking the payment.
    pub fn sell_at_once(&self, least: Amount) {
        let _ = self.0.at_once.set(least);
    }

    /// The prices of one reply: to a request, of its model; else the most that one of each model can cost.
    pub(super) async fn prices_at_once(
        &self,
        asked: Option<&CompletionRequest>,
    ) -> Result<Vec<ExactRequirement>, ApiError> {
        let Some(&least) = self.0.at_once.get() else { return Ok(Vec::new()) };
        let mut prices = Vec::new();
        for SignedOffer { offer, .. } in self.0.offers.each().await? {
            let model = model_id(offer.class, offer.version);
            if asked.is_some_and(|asked| !asked.model.is_empty() && asked.model != model) {
                continue;
            }
            let provider = self.0.provider.clone();
            let Some(till) = provider.till(&offer).await.map_err(|e| refusal(&e))? else { continue };
            let max_tokens = most_tokens(&offer, asked.and_then(|asked| asked.settings.max_tokens));
            let (terms, words) = (offer.clone(), asked.map(|asked| (asked.messages.clone(), asked.settings.clone())));
            let price = on_a_thread_that_may_block(move |_| {
                let price = match words {
                    Some((messages, settings)) => provider.price_at_once(&terms, &messages, &settings),
                    None => terms.step().map_err(NodeError::from),
                };
                price.map_err(|e| refusal(&e))
            });
            let amount = price.await?.max(least);
            if amount == Amount::ZERO {
                continue;
            }
            prices.push(ExactRequirement {
                scheme: SCHEME.into(),
                network: self.network(),
                amount,
                asset: offer.asset.0,
                pay_to: till.address,
                max_timeout_seconds: VALID_S,
                extra: ExactExtra {
                    name: till.asset.name,
                    version: till.asset.version,
                    asset_transfer_method: "eip3009".into(),
                    model,
                    max_tokens,
                },
            });
        }
        Ok(prices)
    }

    /// The prices of a resource, to who only looks: status 402, as x402's clients and catalogues ask for it.
    pub(super) async fn priced(&self, api: Api) -> Response {
        let reason = "send a request with a payment: the prices here are the most that one reply can cost";
        self.unpaid(ApiError::new(402, "request.unpaid", reason), api, None).await
    }

    fn network(&self) -> String {
        let market = self.0.provider.ledger().market();
        payment::network(market.domain(), market.ledger())
    }

    /// Status 402, with every way to pay; and what became of a payment that came with the request.
    pub(super) async fn unpaid(&self, mut error: ApiError, api: Api, asked: Option<&Asked>) -> Response {
        let failed = error.details.take();
        let exact = match self.prices_at_once(asked.map(|asked| &asked.request)).await {
            Ok(exact) => exact,
            Err(other) => {
                // A prompt that is too long, say: a session does not help either, and says so itself.
                tracing::debug!(code = %other.code, "no price for one reply");
                Vec::new()
            }
        };
        let mut response = self.0.offers.unpaid(error, api.path(), exact).await;
        let header = failed.map(|failed| payment::encode(&*failed));
        if let Some(header) = header.and_then(|header| HeaderValue::from_str(&header).ok()) {
            response.headers_mut().insert(PAYMENT_RESPONSE, header);
        }
        response
    }

    /// Sells a reply for a payment that came with the request.
    pub(super) async fn sell(
        &self,
        api: Api,
        payment: ExactPayment,
        asked: CompletionRequest,
        mut pieces: Pieces,
    ) -> Result<Made, ApiError> {
        let (payer, network) = (payment.payload.authorization.from, self.network());
        let unpaid = |reason: &str| {
            let settlement = Settlement {
                success: false,
                error_reason: Some(reason.into()),
                payer,
                transaction: String::new(),
                network: self.network(),
                amount: None,
                extensions: None,
            };
            let details: Value = json!(settlement);
            ApiError { details: Some(Box::new(details)), ..ApiError::new(402, "request.unpaid", reason) }
        };
        let Some(&least) = self.0.at_once.get() else { return Err(unpaid("unsupported_scheme")) };
        if payment.accepted.network != network {
            return Err(unpaid("invalid_network"));
        }
        let model = if asked.model.is_empty() { &payment.accepted.extra.model } else { &asked.model };
        let offer = self.0.offers.of_model(model).await?.ok_or_else(|| no_model(model))?.offer;
        if payment.accepted.asset != offer.asset.0 {
            return Err(unpaid("invalid_exact_evm_payload_asset_mismatch"));
        }
        let transfer = payment.payload.signed().ok_or_else(|| unpaid("invalid_exact_evm_payload_signature"))?;
        traces::of(api.operation(), model);
        traces::asked(&asked.settings);
        let amount = transfer.authorization.value;
        let (messages, settings) = (asked.messages, asked.settings);
        let request = SaleRequest { offer, least, messages, settings, payment: transfer };
        let (provider, wanted) = (self.0.provider.clone(), pieces.are_wanted());
        let sold =
            on_a_thread_that_may_block(move |runtime| Ok(runtime.block_on(provider.sell(&request, &wanted)))).await?;
        let sold = sold.map_err(|error| match error {
            SaleError::Node(error) => refusal(&error),
            SaleError::Unpaid { reason } => unpaid(&reason),
            SaleError::AnotherRequest => ApiError::new(409, "request.payment", &SaleError::AnotherRequest),
            error => ApiError { retry_after_s: Some(5), ..ApiError::new(503, "request.pending", error) },
        })?;
        pieces.text(&sold.reply.text);
        let settlement = Settlement {
            success: true,
            error_reason: None,
            payer,
            transaction: sold.transaction.to_string(),
            network,
            amount: Some(amount),
            extensions: None,
        };
        let details = ReplyDetails {
            receipt: sold.reply.receipt,
            tokens: sold.reply.tokens,
            text: None,
            trail: sold.reply.trail,
            adapter: "claimed".into(),
            device: self.0.provider.about().device.clone(),
            payment: Some(settlement),
            checked: None,
        };
        Ok(Made { details, notes: sold.reply.notes, spoken: None })
    }
}

/// `GET /.well-known/x402`: what is for sale, and every way to pay for it.
pub(super) async fn payments(State(front): State<Front>) -> Result<Response, ApiError> {
    let resources = [Api::Chat, Api::Completions, Api::Responses].map(Api::path);
    let mut required = front.0.offers.required("", resources[0]).await?;
    required.accepts.extend(front.prices_at_once(None).await?.into_iter().map(|one| Accepted::Exact(Box::new(one))));
    let told = json!({"x402Version": 2, "resources": resources, "accepts": required.accepts});
    Ok(axum::Json(told).into_response())
}

/// `POST /v1/lazai/sessions`: opens a session for its payer, who signed for it once.
pub(super) async fn open(State(front): State<Front>, body: Bytes) -> Result<Response, ApiError> {
    let opening: SignedOpening = signed("opening", &body)?;
    // It waits for the chain, and costs the node gas.
    let least = front.0.at_once.get().copied();
    if least.is_none_or(|least| opening.deposit < least) {
        let reason = "no session is opened here for a deposit that is so small";
        return Err(ApiError::new(403, "node.not_served", reason));
    }
    let Ok(slot) = front.0.releases.clone().try_acquire_owned() else {
        return Err(busy(format!("{MAX_RELEASES} sessions and releases are waiting")));
    };
    let opened = move |runtime: &Handle| {
        let _slot = slot;
        runtime.block_on(front.0.provider.open_for(&opening)).map_err(|e| refusal(&e))
    };
    let session = on_a_thread_that_may_block(opened).await?;
    Ok(axum::Json(json!({"session": session})).into_response())
}
