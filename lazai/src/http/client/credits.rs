//! Credits at a node behind a URL.

use std::sync::Arc;

use super::{HttpNode, Sealing, agent_like, failed};
use crate::credits::{CreditDelivery, CreditNode, CreditOrder, CreditRequest, SignedCreditTerms};
use crate::node::{ChatReply, NodeError, NodeFuture};
use crate::wire::credits;

impl HttpNode {
    /// The same node as a stranger knows it, over connections of its own, sealed: nothing that was sent before has its connection, its TLS session
    /// or the key that it was sealed to in common with what is sent next. A node could tell each client another key.
    fn apart(&self) -> Self {
        let (agent, known) = (agent_like(&self.agent), Arc::default());
        Self { agent, known, sealing: Sealing::Required, ..self.clone() }
    }

    async fn ask_by_credit(
        &self,
        request: &CreditRequest,
        on_text: &mut (dyn FnMut(&str) + Send),
    ) -> Result<ChatReply, NodeError> {
        let (name, header, body) = credits::chat(request);
        self.apart().accepted("/v1/chat/completions", Some((name, header)), body).await?.reply(on_text).await
    }

    async fn told_terms(&self, model: &str) -> Result<Vec<SignedCreditTerms>, NodeError> {
        let models = self.apart().models().await?;
        let told = models.into_iter().find(|told| told.id == model);
        told.map(|told| told.credits).ok_or_else(|| failed(&format!("the node tells no model {model}")))
    }
}

impl CreditNode for HttpNode {
    fn credit_terms<'a>(&'a self, model: &'a str) -> NodeFuture<'a, Vec<SignedCreditTerms>> {
        Box::pin(self.told_terms(model))
    }

    fn order_credits<'a>(&'a self, order: &'a CreditOrder) -> NodeFuture<'a, CreditDelivery> {
        Box::pin(async move {
            credits::delivery(&self.accepted(credits::ORDERS, None, credits::order(order)?).await?.whole().await?)
        })
    }

    fn chat_by_credit<'a>(
        &'a self,
        request: &'a CreditRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> NodeFuture<'a, ChatReply> {
        Box::pin(self.ask_by_credit(request, on_text))
    }
}
