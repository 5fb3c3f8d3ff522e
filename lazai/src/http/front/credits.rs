//! Credits at a node's server: orders of them, and replies that they pay for.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use tokio::runtime::Handle;

use super::made::AskedModel;
use super::{Front, on_a_thread_that_may_block, refusal, signed};
use crate::credits::{Credit, CreditOrder, CreditRequest};
use crate::http::reply::{Api, Made, Pieces};
use crate::wire::openai::{ApiError, CompletionRequest};
use crate::wire::talk::model_id;

/// `POST /v1/lazai/credits`: orders credits, or collects those of an order that is paid.
pub(super) async fn order(State(front): State<Front>, body: Bytes) -> Result<Response, ApiError> {
    front.0.draining.check()?;
    let order: CreditOrder = signed("order of credits", &body)?;
    let sold = move |runtime: &Handle| {
        let provider = &front.0.provider;
        if front.0.limiter.counts_signed() {
            let consumer = runtime.block_on(provider.buyer_of(&order)).map_err(|e| refusal(&e))?;
            let limited = front.0.limiter.signed(order.session, consumer);
            limited.inspect_err(|limited| front.metrics().limited(limited.whose))?;
        }
        runtime.block_on(provider.sell_credits(&order)).map_err(|e| refusal(&e))
    };
    Ok(axum::Json(on_a_thread_that_may_block(sold).await?).into_response())
}

impl Front {
    /// Makes the reply that a credit pays for. Neither session nor key: limits on these do not count it.
    pub(super) async fn serve_for_credit(
        &self,
        api: Api,
        credit: Credit,
        asked: CompletionRequest,
        pieces: Pieces,
    ) -> Result<Made, ApiError> {
        let (model, messages, settings) = (asked.model, asked.messages, asked.settings);
        let request = CreditRequest { credit, messages, settings };
        let (front, provider) = (self.clone(), self.0.provider.clone());
        on_a_thread_that_may_block(move |runtime| {
            let of = runtime.block_on(provider.version_of(&request.credit)).map_err(|e| refusal(&e))?;
            let named = AskedModel { api, model: &model, found: Some(model_id(of.0, of.1)), payment: "credit" };
            front.make(named, &request.settings, pieces, |wanted, tell| {
                runtime.block_on(provider.chat_by_credit_while(&request, wanted, tell))
            })
        })
        .await
    }
}
